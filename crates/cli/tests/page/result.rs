//! The result page on screens, in a screen reader and on paper.

use acclaim_report::Report;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    stage::Stage,
    webdriver::{Browser, is_waived},
};

/// Creates a closed contest of 18 categories with 20 entries each.
///
/// It has votes, ties, a voided ballot and a withdrawn entry.
fn create_closed(stage: &Stage) {
    let mut definition = Stage::definition("prize", 18, 20);
    definition["champions"] = json!({"count": 5, "ties": "include"});
    stage.open(&definition);
    // Fifty voters vote in all categories, so that most entries have different numbers of votes.
    for voter in 0..50_u32 {
        let choice = |c: u32| 1 + (voter * voter + c * voter) % (7 + voter % 14) % 20;
        let votes = (1..=18)
            .map(|c| json!({"category": format!("c{c:02}"), "entry": format!("p{c:02}{:02}", choice(c))}));
        stage.cast_all("prize", &stage.pass("prize"), &votes.collect());
    }
    let voided = stage.cast("prize", &stage.pass("prize"), "c01", "p0107");
    stage.staff("prize", "voids", &json!({"ballots": [voided["ballot"]], "reason": "cast by a script"}));
    stage.staff("prize", "withdrawals", &json!({"entry": "p0101", "reason": "not the entrant’s own work"}));
    stage.staff("prize", "close", &json!({}));
}

/// Returns the number of sheets of a PDF.
fn sheets(pdf: &[u8]) -> usize {
    let needle = b"/Type /Page";
    let ends = |next: Option<&u8>| next.is_some_and(|next| !next.is_ascii_alphabetic());
    (0..pdf.len()).filter(|&at| pdf[at..].starts_with(needle) && ends(pdf.get(at + needle.len()))).count()
}

#[test]
fn result_page_fits_screens_print_and_screen_reader() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    create_closed(&stage);
    browser.open(&format!("{}/c/prize", stage.url));
    browser.sees("Read the provisional result");
    browser.click("a[href$='format=html']");
    browser.sees("This result is provisional.");
    browser.sees("Winner: ");
    browser.screenshot("result-wide", false);

    // The link and the address for programs both lead a browser to the page.
    browser.open(&format!("{}/v1/contests/prize/result", stage.url));
    browser.sees("This result is provisional.");
    check_accessibility(&browser.accessibility_nodes());

    for (width, dark) in [(320, false), (320, true), (768, false), (1280, true), (1920, false)] {
        browser.dark(dark);
        browser.resize(width, 900);
        assert_eq!(browser.overflow(), 0, "at {width}");
        browser
            .screenshot(&format!("result-{width}{}", if dark { "-dark" } else { "" }), width == 320 && !dark);
    }
    browser.click("a[href='#category-c02']");
    let at = "return Math.round(document.querySelector('#category-c02').getBoundingClientRect().top)";
    assert!(
        (0..200).contains(&browser.run(at, &json!([])).as_i64().expect("a number")),
        "a link of the contents scrolls to the category"
    );
    browser.dark(false);
    let pdf = browser.print();
    Browser::save("result.pdf", &pdf);
    assert!((15..=36).contains(&sheets(&pdf)), "18 categories take {} sheets", sheets(&pdf));
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Checks the nodes on which a screen reader relies.
fn check_accessibility(nodes: &[(String, String)]) {
    let named = |role: &str| -> Vec<&str> {
        nodes.iter().filter(|(own, _)| own == role).map(|(_, name)| name.as_str()).collect()
    };
    let headings = named("heading");
    assert_eq!(&headings[..3], ["Prizes for Information Society 2026", "Contents", "What was counted"]);
    for heading in [
        "C1 Bridging divide number 1 by means of information",
        "Winner",
        "Champions",
        "Ties",
        "What the rulings changed",
        "How to check this result",
    ] {
        assert!(headings.contains(&heading), "{heading}: {headings:?}");
    }
    assert_eq!((named("main").len(), named("navigation"), named("banner").len()), (1, vec!["Contents"], 1));
    let tables = named("table");
    assert!(tables.contains(&"Ballots"), "{tables:?}");
    assert!(
        tables.contains(&"Standings by votes in C7 Bridging divide number 7 by means of information"),
        "{tables:?}"
    );
    assert!(tables.iter().all(|name| !name.is_empty()), "{tables:?}");
    assert!(named("columnheader").len() >= 18 * 4 && named("rowheader").len() > 18 * 19);
    assert!(named("link").iter().chain(&headings).all(|name| !name.is_empty()));
    let images: Vec<_> =
        nodes.iter().filter(|(role, _)| role.contains("raphics") || role == "image").collect();
    assert!(images.is_empty(), "bars are hidden from screen readers: {images:?}");
}

#[test]
fn ballot_page_links_certified_result_during_correction() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    for (contest, result) in [("silent", "certified"), ("spoken", "closed")] {
        let mut definition = Stage::definition(contest, 1, 2);
        definition["publication"]["result"] = json!(result);
        stage.open(&definition);
        stage.cast(contest, &stage.pass(contest), "c01", "p0101");
        stage.staff(contest, "close", &json!({}));
        stage.certify(contest);
        let page = format!("{}/c/{contest}", stage.url);
        browser.open(&page);
        browser.sees("Read the certified result");
        assert!(!browser.text().contains("which is being corrected"));

        stage.staff(contest, "reopen", &json!({"reason": "an objection"}));
        browser.open(&page);
        browser.sees("Read the certified result, which is being corrected");
        browser.resize(390, 844);
        assert_eq!(browser.overflow(), 0);
        browser.screenshot(&format!("phone-corrected-{contest}"), false);
        browser.click("#window a");
        browser.sees("Certified result");
        browser.sees("it is being corrected");

        stage.certify(contest);
        browser.open(&page);
        browser.sees("Read the certified result");
        assert!(!browser.text().contains("which is being corrected"));
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn page_from_a_file_shows_everything_and_runs_nothing() {
    if is_waived() {
        return;
    }
    let browser = Browser::start();
    let folder = TempDir::new().expect("a folder");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../report/tests/documents/everything.json");
    let mut document: Value =
        serde_json::from_slice(&std::fs::read(path).expect("the document")).expect("JSON");
    let hostile = "</title></style><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">";
    document["categories"][0]["standings"][1]["title"] = hostile.into();
    document["categories"][0]["standings"][2]["title"] =
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".into();
    document["withdrawn"][0]["reason"] = hostile.into();
    let channels = ["c1", "c2", "c3", "c4", "c5", "c6"];
    document["rules"]["channels"] = channels.map(|id| json!({"id": id, "weight": 1})).to_vec().into();
    document["categories"][0]["counts"]["channels"] = channels
        .map(|id| json!({"channel": id, "weight": 1, "votes": 1_234_567, "withdrawn_votes": 2}))
        .to_vec()
        .into();
    for standing in document["categories"][0]["standings"].as_array_mut().expect("standings") {
        standing["channels"] =
            channels.map(|id| json!({"channel": id, "votes": 1_234_567, "share": "100.00"})).to_vec().into();
    }
    let report = Report::read(&serde_json::to_vec(&document).expect("JSON")).expect("a document");
    let file = folder.path().join("result.html");
    std::fs::write(&file, report.html()).expect("a file");

    browser.open(&format!("file://{}", file.display()));
    browser.sees("This result is provisional.");
    assert!(browser.text().contains(hostile), "the markup is shown as text");
    assert_eq!(
        browser.run("return document.title", &json!([])),
        "Provisional result: Prizes for Information Society 2021: final"
    );
    assert_eq!(browser.run("return document.scripts.length + document.images.length", &json!([])), 0);
    for width in [320, 1280] {
        browser.resize(width, 900);
        assert_eq!(browser.overflow(), 0, "at {width}");
        browser.screenshot(&format!("result-everything-{width}"), true);
    }
    let frame = "const frame = document.querySelector('.wide'); return frame.scrollWidth > frame.clientWidth";
    browser.resize(320, 900);
    assert_eq!(browser.run(frame, &json!([])), true, "six channels scroll in their own frame");
    let style = "return getComputedStyle(document.querySelector('.fill')).fill";
    assert_eq!(browser.run(style, &json!([])), "rgb(111, 140, 224)", "the page's policy allows its style");
    let pdf = browser.print();
    Browser::save("result-everything.pdf", &pdf);
    assert!((3..=8).contains(&sheets(&pdf)), "{} sheets", sheets(&pdf));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn version_2_page_fits_screens_and_starts_with_changes() {
    if is_waived() {
        return;
    }
    let browser = Browser::start();
    let folder = TempDir::new().expect("a folder");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../report/tests/documents/second.json");
    let report = Report::read(&std::fs::read(path).expect("the document")).expect("a document");
    let file = folder.path().join("result.html");
    std::fs::write(&file, report.html()).expect("a file");
    browser.open(&format!("file://{}", file.display()));
    browser.sees("Once this result is certified, it replaces the earlier one.");
    browser.sees("Winners are not decided in 1 category");
    let nodes = browser.accessibility_nodes();
    let headings: Vec<&str> =
        nodes.iter().filter(|(role, _)| role == "heading").map(|(_, name)| name.as_str()).collect();
    assert_eq!(headings[1..3], ["Contents", "What this result corrects"]);
    for (width, dark) in [(320, false), (390, true), (1280, false)] {
        browser.dark(dark);
        browser.resize(width, 900);
        assert_eq!(browser.overflow(), 0, "at {width}");
        browser.screenshot(&format!("result-second-{width}"), true);
    }
    browser.dark(false);
    let pdf = browser.print();
    Browser::save("result-second.pdf", &pdf);
    assert!((3..=8).contains(&sheets(&pdf)), "{} sheets", sheets(&pdf));
    assert_eq!(browser.complaints(), [""; 0]);
}
