//! The page's structure: what a screen reader, a printer and a strict browser rely on.

use std::collections::BTreeSet;

use acclaim_report::{Report, html::policy};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use scraper::{ElementRef, Html, Selector, node::Node};
use sha2::{Digest as _, Sha256};

use crate::documents;

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

/// What the page says, with a space between any two blocks and cells.
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
            assert!(unique.contains(target), "{name}: #{target} leads somewhere");
            assert!(!text(link).is_empty(), "{name}: no empty link");
        }
    }
}

#[test]
fn it_reads_well_without_being_seen() {
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
        // What a bar says stands beside it.
        for measure in all(&page, ".measure") {
            assert!(text(measure).starts_with(|first: char| first.is_ascii_digit()), "{name}");
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
        assert_eq!(own, policy());
        assert!(
            own.starts_with("default-src 'none'; ") && own.contains(&format!("style-src 'sha256-{hash}'"))
        );
    }
}

#[test]
fn it_says_what_it_is_before_anything_else() {
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
fn every_figure_reason_and_rule_is_told() {
    let bytes = documents::everything();
    let told = words(&Html::parse_document(&Report::read(&bytes).unwrap().html()));
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
        assert!(told.contains(expected), "{expected}: {told}");
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
        let told = words(&Html::parse_document(&Report::read(&documents::golden(case)).unwrap().html()));
        assert!(told.contains(sentence), "{case}: {told}");
    }
}
