//! The result as one HTML page in a single file, without scripts and external resources.
//!
//! The page works with a screen reader, on a phone and on paper.
//!
//! Every text of the document is untrusted. The templates (`maud`) escape each text, and
//! `words::isolate_text` isolates text that runs from right to left. Only identifiers, whose
//! characters are restricted, become part of a link, an address, a style or an `id`.

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

/// Returns the Content-Security-Policy of the page.
///
/// The policy allows the page's own style, by hash, and nothing more. The page also contains the
/// policy, for readers who open it from a file.
#[must_use]
pub fn content_security_policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
}

impl Report {
    /// Returns the result as an HTML page.
    #[must_use]
    pub fn html(&self) -> String {
        page(self, None).into_string()
    }

    /// Returns the page with a notice on top.
    ///
    /// The notice says something that the document cannot know, for example that the result was
    /// reopened.
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

/// Returns the kind of result in words.
fn kind_of(document: &Document) -> &'static str {
    match (document.test, document.status) {
        (true, _) => "Result of a rehearsal",
        (false, Status::Provisional) => "Provisional result",
        (false, Status::Certified) => "Certified result",
    }
}

/// Returns the CSS class of the page.
///
/// The style prints a notice at the top of every sheet that is not final.
fn page_class(document: &Document) -> &'static str {
    match (document.test, document.status) {
        (true, _) => "rehearsal",
        (false, Status::Provisional) => "provisional",
        (false, Status::Certified) => "certified",
    }
}
