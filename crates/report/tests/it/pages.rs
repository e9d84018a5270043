//! The structure of the page, on which screen readers, printers and strict browsers rely.

use std::collections::BTreeSet;

use acclaim_contest::Zone;
use acclaim_report::{Report, html::content_security_policy};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use scraper::{ElementRef, Html, Selector, node::Node};
use sha2::{Digest as _, Sha256};

use crate::{documents, version_2};

fn pages() -> Vec<(String, Html, String)> {
    let page = |(name, bytes): (String, Vec<u8>)| {
        let html = Report::read(&bytes).unwrap().html();
        (name, Html::parse_document(&html), html)
    };
    documents::all().into_iter().map(page).collect()
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the text of the page, with a space between any two blocks and cells.
fn words(page: &Html) -> String {
    let mut words = String::new();
    for node in all(page, "body")[0].descendants() {
        match node.value() {
            Node::Text(text) => words.push_str(text),
            Node::Element(element)
                if !matches!(element.name(), "bdi" | "code" | "strong" | "time" | "span" | "a") =>
            {
                words.push(' ');
            }
            _ => {}
        }
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_page_is_well_formed() {
    for (name, page, _) in pages() {
        assert!(page.errors.is_empty(), "{name}: {:?}", page.errors);
        assert_eq!(format!("{:?}", page.quirks_mode), "NoQuirks", "{name}");
        let ids: Vec<&str> = all(&page, "[id]").iter().filter_map(|element| element.attr("id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{name}: each id once");
        for labelled in all(&page, "[aria-labelledby]") {
            assert!(
                unique.contains(labelled.attr("aria-labelledby").unwrap()),
                "{name}: {:?}",
                labelled.value()
            );
        }
        for link in all(&page, "a") {
            let target =
                link.attr("href").and_then(|href| href.strip_prefix('#')).expect("links stay in the page");
            assert!(unique.contains(target), "{name}: #{target} exists in the page");
            assert!(!text(link).is_empty(), "{name}: no empty link");
        }
    }
}

#[test]
fn page_is_accessible() {
    for (name, page, _) in pages() {
        assert_eq!(all(&page, "html[lang=en]").len(), 1);
        assert_eq!(
            all(&page, "main").len() + all(&page, "header").len() + all(&page, "nav[aria-labelledby]").len(),
            3
        );
        let levels: Vec<u8> = all(&page, "h1,h2,h3,h4")
            .iter()
            .map(|heading| heading.value().name().as_bytes()[1] - b'0')
            .collect();
        assert_eq!((levels[0], levels.iter().filter(|level| **level == 1).count()), (1, 1), "{name}");
        assert!(
            levels.windows(2).all(|pair| pair[1] <= pair[0] + 1),
            "{name}: no level is skipped: {levels:?}"
        );
        assert!(all(&page, "h1,h2,h3").iter().all(|heading| !text(*heading).is_empty()), "{name}");
        for table in all(&page, "table") {
            let caption = table.select(&Selector::parse("caption").unwrap()).next().expect("a caption");
            assert!(!text(caption).is_empty(), "{name}");
            let (row, head) =
                (Selector::parse("tbody > tr").unwrap(), Selector::parse("th[scope=row]").unwrap());
            assert!(table.select(&row).all(|row| row.select(&head).count() == 1), "{name}");
        }
        assert!(all(&page, "th").iter().all(|head| head.attr("scope").is_some()), "{name}");
        assert!(all(&page, "svg").iter().all(|bar| bar.attr("aria-hidden") == Some("true")), "{name}");
        // The figure of a bar stands beside it as text.
        for measure in all(&page, ".measure") {
            assert!(
                text(measure).trim_start_matches('−').starts_with(|first: char| first.is_ascii_digit()),
                "{name}"
            );
        }
    }
}

#[test]
fn nothing_is_run_or_fetched() {
    for (name, page, html) in pages() {
        assert_eq!(
            all(&page, "script, img, iframe, object, embed, form, base, video, audio, [style]").len(),
            0,
            "{name}"
        );
        assert!(
            !html.contains("http://") && !html.contains("https://") && !html.contains("@import"),
            "{name}"
        );
        let style = all(&page, "style");
        assert_eq!(style.len(), 1);
        let hash = STANDARD.encode(Sha256::digest(style[0].text().collect::<String>()));
        let own =
            all(&page, "meta[http-equiv=Content-Security-Policy]")[0].attr("content").unwrap().to_owned();
        assert_eq!(own, content_security_policy());
        assert!(
            own.starts_with("default-src 'none'; ") && own.contains(&format!("style-src 'sha256-{hash}'"))
        );
    }
}

#[test]
fn page_states_its_status_first() {
    let head = |bytes: &[u8]| {
        let page = Html::parse_document(&Report::read(bytes).unwrap().html());
        (text(all(&page, "title")[0]), text(all(&page, "header")[0]))
    };
    let (title, provisional) = head(&documents::everything());
    assert_eq!(title, "Provisional result: Prizes for Information Society 2021: final");
    assert!(provisional.contains("This result is provisional. It is not certified yet"), "{provisional}");
    assert!(
        provisional.contains("from 1 March 2021, 00:00 UTC to 31 March 2021, 21:59:30 UTC"),
        "{provisional}"
    );
    let (title, certified) = head(&documents::points());
    assert_eq!(title, "Certified result: Song contest");
    assert!(certified.starts_with("Certified result") && !certified.contains("provisional"), "{certified}");
    let (title, rehearsal) = head(&documents::golden("rehearsal"));
    assert!(
        title.starts_with("Result of a rehearsal: ") && rehearsal.contains("This is a rehearsal."),
        "{rehearsal}"
    );
}

#[test]
fn page_shows_every_figure_reason_and_rule() {
    let bytes = documents::everything();
    let page_text = words(&Html::parse_document(&Report::read(&bytes).unwrap().html()));
    for expected in [
        // The log, the document, and how to check.
        "vote.example.org/prize-final-2021",
        "10,301 entries",
        &Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        &"7e".repeat(32),
        "acclaim audit FOLDER --vkey KEY",
        "vote.example.org/prize-longlist-2021, 912 entries",
        // What counted and what did not.
        "Recorded in the log 10,120",
        "Replaced by the same voter’s later ballot 8",
        "Voided by a ruling 7",
        "Reason: bought votes 5",
        "Of voters without a complete sheet 5",
        "Not counted for want of a complete sheet 5",
        "Votes for withdrawn entries, not counted 12",
        "email 100",
        "Not the entrant's own work",
        "Remark: Letter of 14 March. Second line.",
        // Who won and why.
        "Winners: A clinic in every pocket and Village libraries online",
        "37.50%, 3,030 votes, tied, placed by the figure of panel experts",
        "1,515 votes, tied, placed by lot",
        "are tied among the winners, on rank 1, each with 37.50%. The higher figure at panel experts comes first:",
        "1 place was left for 2. Lots decide:",
        "Seeds by text message and Schools <without> walls & \"doors\" share rank 3, with 1,515 votes each.",
        "There is no winner: no entry that can win has the figures that decide.",
        "There are none: no entry has the votes that the rules ask for.",
        // Channels, panels, rulings.
        "unique weight 70",
        "For withdrawn entries 12 0",
        "Without a figure, for want of 3 jurors",
        "Without voids and withdrawals 4 entries would stand otherwise. The first place is the same.",
        "rank 4= tied, 1,515 votes",
        // The rules.
        "From 1 to 2 votes in a category. At most 3 votes in all.",
        "Criteria with their weights: impact (2) and reach (1).",
        &format!("Seed {}", "a1".repeat(32)),
    ] {
        assert!(page_text.contains(expected), "{expected}: {page_text}");
    }
}

#[test]
fn each_outcome_has_its_sentence() {
    for (case, sentence) in [
        ("ties-include", "tied at the cut, where all are included"),
        ("ties-earliest", "tied, was first to reach its total"),
        ("cut-inside-a-tie", "Nothing breaks the tie: they share the place."),
        (
            "winners-tied",
            "The one that was first to reach its total comes first, in the order of recording: Entry a2",
        ),
        ("choice-of-two-and-of-none", "The panel chose no winner."),
        (
            "choice-overtaken",
            "Chosen, but withdrawn since or no champions any more, so that they do not win:",
        ),
        ("all-tied-at-zero", "There is no winner: no entry that can win has a counted vote."),
        ("minimum-votes", "The first 2 by votes in each category, with at least 2 votes."),
        ("withdrawn-between-votes", "All of them share the place and win."),
        ("withdrawn-between-votes", "First would be Entry a1."),
        ("void-of-a-replaced-ballot", "Voided by a ruling 2"),
        ("reinstated", "No ballot was voided and no entry withdrawn."),
    ] {
        let page_text = words(&Html::parse_document(&Report::read(&documents::golden(case)).unwrap().html()));
        assert!(page_text.contains(sentence), "{case}: {page_text}");
    }
}

fn page_text(bytes: &[u8]) -> String {
    words(&Html::parse_document(&Report::read(bytes).unwrap().html()))
}

fn assert_page_contains(bytes: &[u8], sentences: &[&str]) {
    let page_text = page_text(bytes);
    for sentence in sentences {
        assert!(page_text.contains(sentence), "{sentence}: {page_text}");
    }
}

#[test]
fn page_lists_judging_missing_and_recused_jurors() {
    assert_page_contains(
        &version_2::jurors(),
        &[
            "Judged 3 jurors entered something in this category.",
            "Missing Named by the rules, and entered nothing: Bo Lind.",
            "Not complete Li Wei has not scored Entry a2 and Entry a3.",
            "Recused Kofi Boateng does not judge Entry a3. The mean for these entries is that of the other jurors.",
            "Without a figure, for want of 2 jurors: Entry a3 (1 juror, 1 recused) and Entry a4 (0 jurors).",
            "Only these jurors judge: Ama Mensah, Bo Lind, Kofi Boateng and Li Wei.",
            "The mean of the jurors’ scores from −3 to 3.",
            "2= tied Entry a2 Champion",
        ],
    );
    let everything = page_text(&documents::everything_version_2());
    assert!(everything.contains("A clinic in every pocket 5 9.00"), "{everything}");
    assert!(everything.contains("Village libraries online 4 1 recused 8.33"), "{everything}");
    assert_page_contains(
        &version_2::countback(),
        &["dk does not judge Entry a4. The other jurors’ points for these entries are raised"],
    );
}

#[test]
fn page_gives_reasons_why_undecided() {
    let panel = "Of panel experts, these jurors have not scored: Bo Lind.";
    assert_page_contains(
        &version_2::jurors(),
        &[
            "Winners are not decided in 3 categories: Figure skating, Ice dance and Curling.",
            "Figure skating Not decided",
            "Categories not decided 3",
            "The winners are not decided.",
            panel,
            "Of panel experts, these jurors have not scored every entry: Li Wei.",
            "Too few jurors of panel experts have scored Entry a3.",
            "As things stand these would win: Entry a1",
        ],
    );
    for (document, sentences) in [
        (
            version_2::without_lots(),
            &[
                "The winners are not decided. The result is certified all the same.",
                "These entries are tied, and the lots that decide are not drawn: Entry a1 and Entry a2.",
            ][..],
        ),
        (
            version_2::tied_without_a_figure(),
            &[
                "These entries are tied, and panel experts, which breaks ties, has no figure for one of them or more: Entry a2.",
            ],
        ),
        (version_2::choice(false), &["The panel has not chosen: the rules ask for 2 winners."]),
        (
            version_2::choice(true),
            &[
                "The panel chose entries that cannot win, because they were withdrawn since or are no longer champions: Entry a1.",
            ],
        ),
        (documents::golden("undecided-without-scores"), &["No juror of panel experts has scored."]),
    ] {
        assert_page_contains(&document, sentences);
        let page = Html::parse_document(&Report::read(&document).unwrap().html());
        assert_eq!(all(&page, ".mark.winner").len(), 0, "no entry is marked as a winner");
        assert_eq!(all(&page, ".winners").len(), 0);
    }
    // Version 1 gives no reasons, and its pages do not change.
    assert_page_contains(&documents::golden("choice-of-two-and-of-none"), &["The panel chose no winner."]);
}

#[test]
fn every_reason_has_its_sentence() {
    for reason in [
        "no-choice",
        "chosen-not-eligible",
        "no-scores",
        "too-few-jurors",
        "missing-jurors",
        "incomplete-scores",
        "tied-without-figure",
        "lots-not-drawn",
    ] {
        let mut document: serde_json::Value = serde_json::from_slice(&version_2::without_lots()).unwrap();
        document["categories"][0]["winners"]["undecided"] = serde_json::json!([{"reason": reason, "text": "x", "panel": "experts", "jurors": ["Ama"], "entries": ["a1"]}]);
        let bytes = serde_json::to_vec(&document).unwrap();
        let page = Html::parse_document(&Report::read(&bytes).unwrap().html());
        assert_eq!(all(&page, ".reasons li").len(), 1, "{reason}");
        let csv = Report::read(&bytes).unwrap().csv();
        assert!(csv.lines().nth(1).unwrap().ends_with(&format!(",undecided,{reason}")), "{reason}: {csv}");
    }
}

#[test]
fn correction_shows_changes() {
    let [reopened, corrected] = version_2::corrected();
    let changes = [
        "What this result corrects The former result was certified by entry 20 of the log. The SHA-256 of its document is",
        "This result differs in 1 category. Access Winners and champions before and now in Access Who Before Now",
        "Winners Entry a1 Entry a2 Champions Entry a1; Entry a2 Entry a2; Entry a1 and Entry a3 (equal)",
        "Entry a1 rank 1, 3 votes rank 2, 1 vote Entry a2 rank 2, 2 votes rank 1, 2 votes",
        "Entry a4 rank 3, 1 vote withdrawn",
    ];
    assert_page_contains(&corrected, &changes);
    assert_page_contains(
        &corrected,
        &[
            "Correction Test",
            "This is a corrected result. It replaces the result that was certified before. What it changes",
        ],
    );
    assert_page_contains(&reopened, &changes);
    assert_page_contains(
        &reopened,
        &[
            "An earlier certified result was reopened. Once this result is certified, it replaces the earlier one.",
        ],
    );
    assert_page_contains(
        &version_2::corrected_without_a_change(),
        &["All champions, winners, standings and figures are the same."],
    );
    assert_page_contains(
        &documents::golden("corrected-figures"),
        &["Ranks and figures before and now in Category a", "Entry a2 rank 2, 5.00 rank 3, 3.00"],
    );
    assert_page_contains(
        &documents::golden("corrected-by-lots"),
        &["Winners Entry a1 and Entry a2 (equal) Entry a1; Entry a2"],
    );
    let page = Html::parse_document(&Report::read(&corrected).unwrap().html());
    let first = all(&page, "main > section")[0];
    assert_eq!(first.attr("id"), Some("corrects"), "the correction is the first section");
    assert!(
        !page_text(&documents::everything()).contains("correct"),
        "a page without a correction does not mention one"
    );
}

#[test]
fn shows_times_in_contest_time_zone() {
    let page_text = |bytes: &[u8], zone: &str| {
        let report = Report::read(bytes).unwrap().in_time_zone(Zone::from_name(zone));
        words(&Html::parse_document(&report.html()))
    };
    let second = documents::everything_version_2();
    let zurich = page_text(&second, "Europe/Zurich");
    let window = "from 1 March 2021, 00:00 UTC (01:00 in Europe/Zurich) to 31 March 2021, 21:59:30 UTC (23:59:30 in Europe/Zurich)";
    assert!(zurich.contains(window), "{zurich}");
    assert!(
        page_text(&second, "America/New_York")
            .contains("1 March 2021, 00:00 UTC (28 February 2021, 19:00 in America/New_York)")
    );
    for pieces in zurich.split(" UTC").skip(1) {
        assert!(pieces.starts_with(" ("), "every time has the zone: {pieces}");
    }
    let plain = words(&Html::parse_document(&Report::read(&second).unwrap().html()));
    assert_eq!(page_text(&second, "UTC"), plain);
    assert!(
        !page_text(&documents::everything(), "Europe/Zurich").contains("Zurich"),
        "pages of version 1 do not change"
    );
}

#[test]
fn says_that_shares_are_rounded() {
    let rounded = "Shares are rounded to two decimals, so their sum can differ from 100%.";
    assert_page_contains(&documents::everything_version_2(), &[rounded]);
    assert!(!page_text(&documents::everything()).contains(rounded), "pages of version 1 do not change");
}

/// Votes are omitted if only jurors decide and no voter has a pass. With a pass they appear.
#[test]
fn omits_votes_when_jurors_alone_decide() {
    for bytes in [version_2::countback(), version_2::countback_of_places()] {
        let page_text = page_text(&bytes).to_lowercase();
        assert!(
            !page_text.contains("vote") && !page_text.contains("ballot") && !page_text.contains("%"),
            "{page_text}"
        );
        assert!(page_text.contains(" entries entry a"), "{page_text}");
        // An unused pass belongs to a voter who did not vote.
        let mut document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        document["counts"]["passes"] = serde_json::json!([{"source": "pass", "issued": 1}]);
        let page_text = self::page_text(&serde_json::to_vec(&document).unwrap());
        assert!(page_text.contains("Votes counted 0"), "{page_text}");
    }
}

#[test]
fn countback_shows_deciding_counts() {
    assert_page_contains(
        &version_2::countback(),
        &[
            "are tied among the winners, on rank 1, each with 22.00.",
            "Entry a2: 12 points from 1 juror and 10 points from 1 juror",
            "Entry a1: 12 points from 1 juror and 10 points from 0 jurors",
            "tied, placed by countback",
        ],
    );
    assert_page_contains(
        &version_2::countback_of_places(),
        &["Entry a1: place 1 from 1 juror, place 2 from 1 juror and place 3 from 1 juror"],
    );
    let strong = |bytes: &[u8]| -> Vec<String> {
        let page = Html::parse_document(&Report::read(bytes).unwrap().html());
        all(&page, ".ties ol strong").iter().map(|element| text(*element)).collect()
    };
    assert_eq!(strong(&version_2::countback()), ["10 points from 1 juror", "10 points from 0 jurors"]);
    let of_one = String::from_utf8(version_2::countback()).unwrap().replace("[\"10\",", "[\"1\",");
    assert_eq!(strong(of_one.as_bytes()), ["1 point from 1 juror", "1 point from 0 jurors"]);
    assert_eq!(strong(&documents::golden("countback-exhausted")), [""; 0], "no count decides");
}

#[test]
fn shows_limits_and_own_numbers_of_categories() {
    assert_page_contains(
        &version_2::jurors(),
        &[
            "A voter votes in at most 2 of these 3 categories: Figure skating, Ice dance and Curling.",
            "Ice dance: from 1 to 2 votes on a ballot, 2 champions and 2 winners.",
            "Curling: 2 winners.",
            "In the rules this category has its own numbers: from 1 to 2 votes on a ballot, 2 champions and 2 winners.",
            "Voters are admitted by a pass from the organiser, an e-mail address and a telephone number. There is one vote for each way.",
        ],
    );
    assert_page_contains(
        &documents::everything_version_2(),
        &["In each channel and with each numbered ballot a voter votes in at most 1 of these 2 categories:"],
    );
}
