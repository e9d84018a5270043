//! The page while voting is suspended, and where categories have numbers and limits of their own.

use serde_json::json;

use crate::{
    recorded,
    stage::Stage,
    vote,
    webdriver::{Browser, is_waived},
};

#[test]
fn a_page_says_that_voting_is_suspended_and_goes_on_by_itself() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    stage.open(&Stage::definition("prize", 2, 4));
    let pass = stage.pass("prize");
    browser.open(&stage.link("prize", &pass));
    browser.click("label[for=entry-p0103]");
    browser.sees("1 of 2 categories chosen");
    browser.click("#submit");
    browser.sees("Cast this vote?");
    stage.staff("prize", "suspend", &json!({"reason": "passes went astray"}));
    browser.click("#cast");
    browser.sees("Nothing was recorded. Your choices are still here");
    browser.sees("Voting is suspended by the organiser.");
    assert_eq!(browser.run("return document.querySelectorAll('#categories input').length", &json!([])), 0);
    browser.screenshot("wide-suspended", false);
    // A page that is loaded meanwhile says so too, and forgets no choice.
    browser.open(&stage.link("prize", &pass));
    browser.sees("Voting is suspended by the organiser.");
    assert_eq!(recorded(&stage.mine("prize", &pass)), []);

    stage.staff("prize", "resume", &json!({"reason": "new passes are out"}));
    browser.sees("You can vote until");
    browser.sees("1 of 2 categories chosen");
    browser.click("#submit");
    browser.sees("Cast this vote?");
    browser.click("#cast");
    browser.sees("Your ballot is recorded.");
    assert_eq!(recorded(&stage.mine("prize", &pass)), [vote("c01", "p0103")]);
    // The refusal is an answer that the browser notes.
    assert!(browser.complaints().iter().all(|complaint| complaint.contains("403")));
}

#[test]
fn categories_have_numbers_and_limits_of_their_own() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    let mut definition = Stage::definition("prize", 3, 4);
    definition["category"][2]["votes"] = json!([2, 3]);
    definition["limit"] = json!([{"categories": ["c01", "c02"], "most": 1}]);
    stage.open(&definition);
    let pass = stage.pass("prize");
    browser.open(&stage.link("prize", &pass));
    browser.sees("You can vote in at most 1 of these 2 categories");
    for category in ["c02", "c03"] {
        browser.click(&format!("#toggle-{category}"));
    }
    assert!(browser.label("#inside-c01 fieldset").starts_with("Choose one in"));
    assert!(browser.label("#inside-c03 fieldset").starts_with("Choose 2 to 3 in"));
    for entry in ["p0101", "p0201", "p0301"] {
        browser.click(&format!("label[for=entry-{entry}]"));
    }
    browser.click("#submit");
    browser.sees("Choose at least 2 entries in");
    browser.click("label[for=entry-p0302]");
    browser.click("#submit");
    browser.sees("In at most 1 of these 2 categories");
    browser.click("#category-c02 .clear");
    browser.click("#submit");
    browser.sees("Cast these 3 votes?");
    browser.click("#cast");
    browser.sees("Your ballot is recorded.");
    let three = [vote("c01", "p0101"), vote("c03", "p0301"), vote("c03", "p0302")];
    assert_eq!(recorded(&stage.mine("prize", &pass)), three);
    // The other district is out of reach now, at once and by the server's word.
    assert_eq!(browser.run("return document.querySelectorAll('#categories input').length", &json!([])), 0);
    assert_eq!(stage.mine("prize", &pass)["left"], json!([]));
    assert_eq!(browser.complaints(), [""; 0]);
}
