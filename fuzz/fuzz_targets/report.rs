//! A result document from outside: refused with a bounded error, or written as a page and a table.
//!
//! No text of the document breaks out of the page or the table.

#![no_main]

use acclaim_report::Report;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    let report = match Report::read(document) {
        Ok(report) => report,
        Err(error) => return assert!(error.to_string().len() < 2000),
    };
    let page = report.html();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    // These counts come from the template only. The document adds no such element.
    assert_eq!(
        (page.matches("<script").count(), page.matches("<style").count(), page.matches("</html").count()),
        (0, 1, 1)
    );
    let csv = report.csv();
    let columns = csv.lines().next().unwrap_or_default().split(',').count();
    assert!(csv.ends_with("\r\n") && columns >= 21);
    // The number of quotes is even before each end of a row. A text can hold line ends, and it
    // never starts a row.
    let rows = csv.split("\r\n").scan(0, |quotes, line| {
        *quotes += line.matches('"').count();
        Some(quotes.is_multiple_of(2))
    });
    let document = report.document();
    let entries: usize = document.categories.iter().map(|category| category.standings.len()).sum();
    assert_eq!(rows.filter(|ends_a_row| *ends_a_row).count(), 1 + entries + document.withdrawn.len() + 1);
});
