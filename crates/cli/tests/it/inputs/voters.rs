//! Lists of voters, from which passes are minted.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{TEMPLATE, assert_output, input, mint, with_draft};
use crate::session::CommandOutput;

/// Returns the subjects of the passes on standard output.
fn subjects(output: &CommandOutput) -> Vec<&str> {
    output.out.lines().skip(1).map(|line| line.rsplitn(3, ',').nth(2).unwrap()).collect()
}

#[test]
fn voters_bom_is_read_without_mark() {
    let output = mint(&with_draft(), "voters-bom.txt", &[]);
    assert_output(&output, 0, &["minted: 2"]);
    assert_eq!(subjects(&output), ["mailto:ama@example.org", "mailto:li@example.org"]);
}

#[test]
fn voters_utf16_is_two_voters() {
    let output = mint(&with_draft(), "voters-utf16.txt", &[]);
    assert_output(&output, 0, &["minted: 2"]);
    assert_eq!(subjects(&output), ["mailto:ama@example.org", "mailto:zoë@example.org"]);
}

#[test]
fn voters_cp1252_is_refused_by_the_name_of_its_encoding() {
    let output = mint(&with_draft(), "voters-cp1252.txt", &[]);
    assert_output(
        &output,
        2,
        &["line 1: not UTF-8 (byte 0xEB): the file looks like Windows-1252; save it as UTF-8 ("],
    );
    assert_eq!(output.out, "");
}

#[test]
fn voters_messy_is_three_voters_in_their_regions() {
    let session = with_draft();
    let column = ["--subject-column", "e-mail-adresse", "--group-column", "Region"];
    let output = mint(&session, "voters-messy.csv", &column);
    assert_output(
        &output,
        0,
        &[
            "minted: 3, persons more than once in the list: 1",
            "rows 2, 3 are one person: mailto:ama@example.org",
            "row 6 is blank",
            "row 7 is a row of totals (Total) without a voter",
        ],
    );
    assert_eq!(subjects(&output).len(), 3);
    let passes: Vec<Vec<u8>> = output
        .out
        .lines()
        .skip(1)
        .map(|line| URL_SAFE_NO_PAD.decode(line.rsplit(',').nth(1).unwrap()).unwrap())
        .collect();
    for (region, subject) in
        [("accra", "Ama@Example.org"), ("gansu", "li@example.org"), ("bern", "jo@bücher.example")]
    {
        let at = subjects(&output).iter().position(|known| *known == subject).unwrap();
        assert!(
            passes[at].windows(region.len()).any(|bytes| bytes == region.as_bytes()),
            "{region}: {}",
            output.out
        );
    }
    // A row of totals that could be a voter is refused, and so is a person in two groups.
    let fresh = with_draft();
    let output = mint(&fresh, "voters-messy.csv", &[&column[..], &["--subjects-are", "ids"]].concat());
    assert_output(&output, 2, &["row 7 looks like a row of totals, but has the subject \"4\""]);
    fresh.write("groups.csv", "mail,group\na@x.org,one\nA@x.org,two\n");
    let output = fresh.run(&[
        "pass",
        "mint",
        "photos",
        "--subjects",
        "groups.csv",
        "--subject-column",
        "mail",
        "--group-column",
        "group",
    ]);
    assert_output(
        &output,
        2,
        &["row 3: the person of row 2 is in the group \"one\" there, but in \"two\" here"],
    );
    // Without the option no pass is minted, and the message names the option and the columns.
    let output = mint(&session, "voters-messy.csv", &[]);
    assert_output(&output, 2, &["the columns Name, E-Mail-Adresse, Region: name the column of the subjects"]);
    let output = mint(&session, "voters-messy.csv", &["--subject-column", "E-Mail"]);
    assert_output(
        &output,
        2,
        &["--subject-column: there is no column \"E-Mail\"", "the columns are Name, E-Mail-Adresse, Region"],
    );
}

#[test]
fn voters_odd_lines_is_refused_at_line_5() {
    let session = with_draft();
    let output = mint(&session, "voters-odd-lines.txt", &[]);
    assert_output(&output, 2, &["line 5: `xx @example.org` has white space inside", "nothing was minted"]);
    assert_eq!(output.out, "");
    let text = std::fs::read_to_string(input("voters-odd-lines.txt")).unwrap();
    session.write("mended.txt", text.replace("xx @example.org\r", ""));
    let file = session.path("mended.txt");
    let output = session
        .run(&[&["pass", "mint", "photos", "--subjects", file.to_str().unwrap()][..], &TEMPLATE].concat());
    assert_output(&output, 0, &["minted: 5"]);
}

#[test]
fn formula_is_neutral_in_the_passes() {
    let output = mint(&with_draft(), "formula.txt", &["--subjects-are", "ids"]);
    assert_output(&output, 0, &["minted: 4"]);
    assert!(
        subjects(&output).iter().all(|subject| subject.trim_start_matches('"').starts_with('\'')),
        "{}",
        output.out
    );
}
