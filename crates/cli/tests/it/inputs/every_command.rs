//! Files that every command handles in the same way: workbooks, and files without an end.

use super::{assert_output, category, create, input, mint, open_with_panel, score, with_draft};
use crate::session::Session;

#[test]
fn workbooks_are_read_wherever_a_table_is() {
    let session = Session::new();
    let output = create(&session, "entries.xlsx", &[]);
    assert_output(&output, 2, &["entries.xlsx: row 1: Country: is not a column of entries"]);
    let output = create(&session, "entries.xlsx", &["--details", "country"]);
    assert_output(&output, 0, &[]);
    assert!(
        output.out.contains("voters see:   title, \"country\"")
            && output.out.contains("p1     photos    Dawn, Volta  country: Ghana"),
        "{}",
        output.out
    );
    let output = mint(&session, "voters.ods", &["--subject-column", "e-mail"]);
    assert_output(&output, 0, &["minted: 2"]);
    assert_output(
        &mint(&session, "voters.ods", &[]),
        2,
        &["row 1 has several columns (Name, E-Mail): name the column of the subjects"],
    );

    let panel = "kind = \"score\"\nscale = [0, 10]\njurors = [\"Ama\"]";
    let session = open_with_panel(panel, &category("s", &[("x", "X"), ("y", "Y")]));
    assert_output(&score(&session, "scores.xlsx", &[]), 0, &[]);
    let scores = session.run(&["rule", "scores", "photos"]).out;
    assert!(scores.contains("7.125"), "{scores}");
    let file = input("voids.ods");
    let output = session.run(&["rule", "void", "photos", "--file", &file, "--reason", "scripted"]);
    assert_output(&output, 2, &["row 3: ballot: \"no ballot\" is not a ballot's id", "nothing was sent"]);
}

/// A device file has no end and no length.
#[test]
fn refuses_file_without_end() {
    let session = with_draft();
    for args in [
        &["pass", "mint", "photos", "--subjects", "/dev/zero"][..],
        &["contest", "create", "/dev/zero"],
        &["entries", "import", "/dev/zero", "--contest", "photos"],
        &["rule", "void", "photos", "--file", "/dev/zero", "--reason", "x"],
        &["rule", "score", "photos", "--csv", "/dev/zero"],
    ] {
        assert_output(&session.run(args), 2, &["the file has more than 64 MiB"]);
    }
}
