//! Snapshots of pages and tables: a plain contest, contests with every key, a contest by points.

use acclaim_report::Report;

use crate::documents;

#[test]
fn pages_and_tables_match_snapshots() {
    for (name, bytes) in [
        ("plain", documents::golden("withdrawn-between-votes")),
        ("everything", documents::everything()),
        ("points", documents::points()),
        ("second", documents::everything_version_2()),
    ] {
        let report = Report::read(&bytes).unwrap();
        insta::assert_snapshot!(format!("{name}_csv"), report.csv().replace("\r\n", "␍␊\n"));
        // The style is left out. One element a line makes differences easier to read.
        let page = report.html();
        let (before, rest) = page.split_once("<style>").unwrap();
        let (_, after) = rest.split_once("</style>").unwrap();
        let (before, policy) = before.split_once("sha256-").unwrap();
        let (_, policy) = policy.split_once('\'').unwrap();
        let page = format!("{before}sha256-…'{policy}<style>…</style>{after}").replace("><", ">\n<");
        insta::assert_snapshot!(format!("{name}_html"), page);
    }
}
