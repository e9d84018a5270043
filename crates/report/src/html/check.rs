//! The section that explains how to check the result.

use maud::{Markup, html};

use super::words::{group_digits, isolate_text};
use crate::{Report, document::Status};

pub(super) fn section(report: &Report) -> Markup {
    let document = &report.document;
    html! {
        section id="check" aria-labelledby="check-title" {
            h2 id="check-title" { "How to check this result" }
            p {
                "This page was made from the result document and from nothing else. The document is the count of the contest’s log: whoever has the log
                and its verifier key can count it again."
            }
            dl class="technical" {
                div { dt { "Log" } dd { code { (isolate_text(&document.log.origin)) } } }
                div { dt { "Size of the log" } dd { (group_digits(document.log.size)) " entries" } }
                div { dt { "Root of the log" } dd { code { (document.log.root) } } }
                div { dt { "SHA-256 of the result document" } dd { code { (report.sha256) } } }
                @if let Some(certify) = &document.certify {
                    div { dt { "SHA-256 once it is certified as it is" } dd { code { (isolate_text(&certify.result)) } } }
                }
                @if let Some(previous) = &document.previous {
                    div {
                        dt { "Earlier round, whose champions are the entries" }
                        dd {
                            code { (isolate_text(&previous.origin)) } ", " (group_digits(previous.size)) " entries, root " code { (previous.root) }
                            ", result " code { (isolate_text(&previous.result)) }
                        }
                    }
                }
            }
            ol {
                li { "Get the exported log: a folder with " code { "log.jsonl" } ", " code { "checkpoint" } " and " code { "result.json" } "." }
                li { "Get the verifier key from elsewhere than the log: from the organiser’s own publication." }
                li {
                    "Run " code { "acclaim audit FOLDER --vkey KEY" }
                    ". It replays the log, counts it again and compares; it ends with " code { "audit: clean" } " or names each discrepancy."
                }
                li {
                    "Compare the SHA-256 of " code { "result.json" } " with the one above, so that this page is of that document: an audit compares the document and ignores the page. "
                    @match document.status {
                        Status::Certified => "The last certification in the log carries the same.",
                        Status::Provisional => "A provisional document changes with every ruling.",
                    }
                }
            }
        }
    }
}
