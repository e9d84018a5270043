//! The result as one page: everything in one file, no script, nothing from elsewhere. It reads by eye, by ear, on a phone and on paper.
//!
//! Every text of the document is text from outside. Templates escape whatever they are given (`maud`), and `words::isolate_text` isolates what
//! runs from right to left. Nothing from outside becomes a link, an address, a style or an identifier but identifiers, whose characters are known.

mod category;
mod check;
mod correction;
mod counts;
mod jurors;
mod overview;
mod rules;
mod tables;
mod ties;
mod titles;
mod undecided;
mod words;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use self::words::clean;
use crate::{
    Report,
    document::{Document, Status},
};

const STYLE: &str = include_str!("html/page.css");

/// What the page may load, as a Content-Security-Policy: its own style, by hash, and nothing else. Also in the page itself, for when it is read from a file.
#[must_use]
pub fn content_security_policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
}

impl Report {
    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        page(self, None).into_string()
    }

    /// The page with a notice on top, about what its document cannot know.
    #[must_use]
    pub fn html_with_notice(&self, notice: &str) -> String {
        page(self, Some(notice)).into_string()
    }
}

fn page(report: &Report, notice: Option<&str>) -> Markup {
    let document = &report.document;
    let withdrawn = document.withdrawn_by_category();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(content_security_policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                @if document.test || document.status == Status::Provisional {
                    meta name="robots" content="noindex";
                }
                title { (kind_of(document)) ": " (clean(&document.title)) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body class=(page_class(document)) {
                a class="skip" href="#result" { "Skip to the result" }
                div class="page" {
                    @if let Some(notice) = notice {
                        div class="notice warning" { p { strong { (notice) } } }
                    }
                    (overview::head(document))
                    (overview::contents(document))
                    main id="result" {
                        (correction::section(document, &withdrawn))
                        (counts::section(document))
                        @for category in &document.categories {
                            (category::section(document, category, withdrawn.get(&category.id).map_or(&[], Vec::as_slice)))
                        }
                        (counts::withdrawn(document, &withdrawn))
                        (rules::section(&document.rules, document))
                        (check::section(report))
                    }
                }
            }
        }
    }
}

/// What kind of result it is, in words.
fn kind_of(document: &Document) -> &'static str {
    match (document.test, document.status) {
        (true, _) => "Result of a rehearsal",
        (false, Status::Provisional) => "Provisional result",
        (false, Status::Certified) => "Certified result",
    }
}

/// The kind of sheet that it is printed on: each says at its top what is not final.
fn page_class(document: &Document) -> &'static str {
    match (document.test, document.status) {
        (true, _) => "rehearsal",
        (false, Status::Provisional) => "provisional",
        (false, Status::Certified) => "certified",
    }
}
