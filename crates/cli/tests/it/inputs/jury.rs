//! Tables of what a jury decides: its scores, and its choices.

use super::{PHOTOS, assert_output, category, input, open_with_panel, score};
use crate::session::Session;

#[test]
fn scores_excel_is_refused_by_row_and_a_total_is_no_juror() {
    let session =
        open_with_panel("kind = \"points\"\njurors = [\"Ama\"]", &category("s", &[("x", "X"), ("y", "Y")]));
    let output = score(&session, "scores-excel.csv", &[]);
    assert_output(
        &output,
        2,
        &[
            "the scores have 2 mistakes; nothing was sent",
            "row 2: value: \"1.000\" can be read in two ways; write 1.0000 or 1000",
            "row 4: juror: \"Average\" is a row of totals, and not a juror; delete it",
        ],
    );
}

#[test]
fn scores_two_spellings_are_one_jurors() {
    let session = open_with_panel(
        "kind = \"points\"\njurors = [\"Ama\", \"Julián Diaz\"]",
        &category("c01", &[("p1", "One"), ("p2", "Two")]),
    );
    let output = score(&session, "scores-two-spellings.csv", &[]);
    assert_output(&output, 0, &[]);
    assert_eq!(output.out.lines().count(), 2, "{}", output.out);
    let scores = session.run(&["rule", "scores", "photos"]).out;
    assert_eq!(scores.matches("Julián Diaz").count(), 2, "{scores}");
}

#[test]
fn skating_has_a_column_a_juror_and_a_dash_is_no_score() {
    let session = open_with_panel(
        "kind = \"score\"\nscale = [-3, 3]\ncriteria = [[\"3Lz\", 1], [\"CCoSp4\", 1]]\njurors = [\"J1\", \"J2\", \"J3\", \"J4\", \"J5\"]",
        &category("ladies", &[("example", "A. Example"), ("sample", "B. Sample")]),
    );
    let output = score(&session, "skating.csv", &[]);
    assert_output(
        &output,
        2,
        &["the column \"skater\" is unknown", "with --entry-column", "row 1: entry: there is no such column"],
    );
    let output =
        score(&session, "skating.csv", &["--entry-column", "Skater", "--criterion-column", "element"]);
    assert_output(&output, 0, &[]);
    let scores = session.run(&["rule", "scores", "photos"]).out;
    let of_j3: Vec<&str> = scores.lines().filter(|line| line.contains(" J3 ")).collect();
    assert_eq!(of_j3.len(), 2, "a dash is no score: {scores}");
    assert!(of_j3[0].contains("sample") && of_j3[0].ends_with("-3"), "{scores}");
    assert!(of_j3[1].contains("CCoSp4") && of_j3[1].ends_with('1'), "{scores}");
    assert_eq!(scores.lines().count(), 1 + 14);
    // The message about a value off the scale gives the scale.
    session.write("off.csv", "juror,entry,criterion,value\nJ1,example,3Lz,-3.5\nJ1,exampel,3Lz,1\n");
    let output = session.run(&["rule", "score", "photos", "--csv", "off.csv"]);
    assert_output(
        &output,
        2,
        &[
            "row 2: value: -3.5 is not from -3 to 3, as the panel jury scores",
            "row 3: entry: there is no entry \"exampel\"; did you mean \"example\"?",
        ],
    );
}

#[test]
fn choices_come_from_a_table_by_titles() {
    let session = Session::new();
    let head = PHOTOS.split("[winners]").next().unwrap().replace("2099-03-01", "2021-03-01");
    let categories = [category("s", &[("x", "X"), ("y", "Y")]), category("t", &[("z", "Z")])].concat();
    session.write(
        "panel.toml",
        format!("{head}[winners]\ncount = 2\nfrom = \"all\"\nby = \"choice\"\n{categories}"),
    );
    assert_output(&session.run(&["contest", "create", "panel.toml"]), 0, &[]);
    assert_output(&session.run(&["contest", "close", "photos"]), 0, &[]);
    let choose = |file: &str, more: &[&str]| {
        session.run(&[&["rule", "choose", "photos", "--csv", file], more].concat())
    };
    session.write("wrong.csv", "category,entry,votes\nt,Y,3\nCategory u,z,1\ns,x,2\ns,X,2\nTotal,,8\n");
    assert_output(
        &choose("wrong.csv", &[]),
        2,
        &["the column \"votes\" is unknown", "use --leave-out \"votes\""],
    );
    assert_output(
        &choose("wrong.csv", &["--leave-out", "votes"]),
        2,
        &[
            "the choices have 4 mistakes; nothing was sent",
            "row 2: entry: there is no entry \"Y\"",
            "row 3: category: there is no category \"Category u\"; did you mean \"Category s\"?",
            "row 5: entry: \"X\" is in the table twice",
            "row 6: \"Total\" is a row of totals",
        ],
    );
    let output = choose(&input("choices.ods"), &[]);
    assert_output(&output, 0, &[]);
    assert!(output.out.starts_with("s: y: recorded at index"), "{}", output.out);
    session.write("none.csv", "category;entry\nt;\n");
    assert!(choose("none.csv", &[]).out.starts_with("t: no winner: recorded at index"));
}
