//! The ballot page of contests with limits.
//!
//! Categories have their own numbers. Limits over several categories, or over all votes, close some
//! categories.

use serde_json::{Value, json};

use crate::{
    recorded,
    stage::Stage,
    vote,
    webdriver::{Browser, is_waived},
};

/// The title of category `c01`.
const NORTH: &str = "C1 Bridging divide number 1 by means of information";

/// Returns the line under a category's title.
fn state_of(browser: &Browser, category: &str) -> Value {
    let script = "return document.querySelector(`#category-${arguments[0]} .state`).textContent";
    browser.run(script, &json!([category]))
}

/// Returns the ids of the categories in which the voter can choose.
fn open_categories(browser: &Browser) -> Value {
    let script = "return [...document.querySelectorAll('.category')]
        .filter((category) => category.querySelector('input')).map((category) => category.id.slice(9))";
    browser.run(script, &json!([]))
}

/// Unfolds all categories.
fn unfold(browser: &Browser) {
    let script = "document.querySelectorAll('[aria-expanded=false]').forEach((toggle) => toggle.click())";
    browser.run(script, &json!([]));
}

/// Checks that the page fits a phone, and saves a picture of it.
fn at_phone_width(browser: &Browser, name: &str) {
    browser.resize(390, 844);
    assert_eq!(browser.overflow(), 0, "{name}");
    browser.screenshot(&format!("phone-{name}"), true);
    browser.resize(1100, 900);
}

#[test]
fn categories_have_their_own_numbers_and_limits() {
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
    browser.sees("0 of 2 categories chosen");
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
    browser.sees("Choose in at most 1 of these 2 categories");
    browser.sees("You have chosen in 2 of them. “Clear this choice” in a category takes that choice back.");
    browser.sees("3 categories chosen, at most 2 allowed");
    at_phone_width(&browser, "limit-beyond");
    browser.click("#category-c02 .clear");
    browser.sees("2 of 2 categories chosen");
    browser.click("#submit");
    browser.sees("Cast these 3 votes?");
    browser.click("#cast");
    browser.sees("Your ballot is recorded.");
    let three = [vote("c01", "p0101"), vote("c03", "p0301"), vote("c03", "p0302")];
    assert_eq!(recorded(&stage.mine("prize", &pass)), three);
    // The other category is closed now, on the page and by the server.
    assert_eq!(browser.run("return document.querySelectorAll('#categories input').length", &json!([])), 0);
    assert_eq!(stage.mine("prize", &pass)["left"], json!([]));
    assert_eq!(state_of(&browser, "c02"), format!("Not open to you: you have voted in {NORTH}"));
    at_phone_width(&browser, "limit-reached");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn recorded_vote_moves_to_another_category_of_a_limit() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    let mut definition = Stage::definition("prize", 4, 2);
    definition["ballot"] = json!({"votes_per_category": [1, 1], "revision": "replace", "revisions": 5});
    definition["limit"] = json!([{"categories": ["c01", "c02", "c04"], "most": 1}]);
    stage.open(&definition);
    let pass = stage.pass("prize");
    assert_eq!(stage.cast("prize", &pass, "c03", "p0301")["status"], "recorded");
    assert_eq!(stage.cast("prize", &pass, "c01", "p0101")["status"], "recorded");
    browser.open(&stage.link("prize", &pass));
    browser.sees("Not open to you");
    browser.click(".recorded:last-child .change");
    browser.sees("You can also choose in another category that is open.");
    unfold(&browser);
    // A category that another ballot fills stays closed.
    assert_eq!(open_categories(&browser), json!(["c01", "c02", "c04"]));
    at_phone_width(&browser, "moving");
    browser.click("label[for=entry-p0202]");
    browser.click("#submit");
    browser.sees("You have chosen in 2 of them.");
    browser.click("#category-c01 .clear");
    browser.click("#submit");
    browser.sees("Your ballot is recorded.");
    assert_eq!(recorded(&stage.mine("prize", &pass)), [vote("c03", "p0301"), vote("c02", "p0202")]);
    for category in ["c01", "c04"] {
        let state = state_of(&browser, category);
        assert_eq!(
            state,
            "Not open to you: you have voted in C2 Bridging divide number 2 by means of information"
        );
    }
    assert_eq!(open_categories(&browser), json!([]));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn category_opens_at_once_when_a_changed_vote_leaves_it() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    let mut definition = Stage::definition("prize", 3, 2);
    definition["ballot"] = json!({"votes_per_category": [1, 1], "revision": "replace", "revisions": 5});
    definition["limit"] = json!([{"categories": ["c01", "c02"], "most": 1}]);
    stage.open(&definition);
    let pass = stage.pass("prize");
    let both = json!([{"category": "c01", "entry": "p0101"}, {"category": "c03", "entry": "p0301"}]);
    assert_eq!(stage.cast_all("prize", &pass, &both)["status"], "recorded");
    browser.open(&stage.link("prize", &pass));
    browser.click(".change");
    browser.sees("Change your vote.");
    browser.click("#category-c01 .clear");
    browser.click("#submit");
    browser.sees("Your ballot is recorded.");
    unfold(&browser);
    assert_eq!(open_categories(&browser), json!(["c01", "c02"]));
    assert_eq!(stage.mine("prize", &pass)["left"], json!(["c01", "c02"]), "the server agrees");
    browser.sees("1 of 2 categories chosen");
    browser.click("label[for=entry-p0201]");
    browser.click("#submit");
    browser.sees("Your ballot is recorded.");
    assert_eq!(recorded(&stage.mine("prize", &pass)), [vote("c03", "p0301"), vote("c02", "p0201")]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn earlier_ballots_count_against_the_limits() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    let mut definition = Stage::definition("prize", 4, 2);
    definition["limit"] = json!([{"categories": ["c01", "c02", "c03"], "most": 2}]);
    stage.open(&definition);
    let pass = stage.pass("prize");
    assert_eq!(stage.cast("prize", &pass, "c01", "p0101")["status"], "recorded");
    browser.open(&stage.link("prize", &pass));
    browser.sees("1 of 3 categories chosen");
    unfold(&browser);
    for entry in ["p0201", "p0301"] {
        browser.click(&format!("label[for=entry-{entry}]"));
    }
    browser.click("#submit");
    browser.sees("Choose in at most 2 of these 3 categories");
    browser.sees("Your other ballots fill 1 of them: choose in at most 1 of the rest.");

    definition["contest"]["id"] = json!("votes");
    definition["ballot"]["votes_in_all"] = json!(2);
    if let Some(definition) = definition.as_object_mut() {
        definition.remove("limit");
    }
    stage.open(&definition);
    let pass = stage.pass("votes");
    browser.open(&stage.link("votes", &pass));
    browser.sees("0 of 2 categories chosen");
    unfold(&browser);
    for entry in ["p0101", "p0201", "p0301"] {
        browser.click(&format!("label[for=entry-{entry}]"));
    }
    browser.click("#submit");
    browser.sees("You have 2 votes in all. Chosen now: 3. Take some back.");
    assert_eq!(stage.cast("votes", &pass, "c04", "p0401")["status"], "recorded");
    browser.open(&stage.link("votes", &pass));
    browser.click("#submit");
    browser.sees("You have 2 votes in all. Used by your other ballots: 1. Choose at most 1 now.");
    assert_eq!(stage.cast("votes", &pass, "c01", "p0101")["status"], "recorded");
    browser.open(&stage.link("votes", &pass));
    browser.sees("Not open to you: you have cast 2 of your 2 votes");
    assert_eq!(browser.complaints(), [""; 0]);
}
