//! The ballot page while voting is suspended.

use serde_json::json;

use crate::{
    recorded,
    stage::{Stage, until},
    vote,
    webdriver::{Browser, is_waived},
};

/// Makes the page query the server, and waits until the page is drawn again.
fn refresh(browser: &Browser) {
    let script = "document.querySelector('.category').dataset.old = 'yes';
        dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))";
    browser.run(script, &json!([]));
    let is_old = "return document.querySelector('.category').dataset.old === 'yes'";
    until(|| browser.run(is_old, &json!([])) == false, || "the page was never drawn again".to_owned());
}

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
    let chosen = "Chosen, not cast yet: Village libraries online 1.3";
    browser.sees(chosen);
    assert!(!browser.text().contains("Choose one entry"), "the page offers no choices");
    browser.screenshot("wide-suspended", false);
    // The page queries the server from time to time. Its notice stays in the same element, so that
    // a screen reader does not read it again.
    browser.run("window.firstNotice = document.querySelector('#notice').firstElementChild", &json!([]));
    for _ in 0..2 {
        refresh(&browser);
        assert!(browser.text().contains("Nothing was recorded. Your choices are still here"));
        assert!(browser.text().contains(chosen));
        let is_same = "return window.firstNotice === document.querySelector('#notice').firstElementChild";
        assert_eq!(browser.run(is_same, &json!([])), true);
    }
    browser.resize(390, 844);
    assert_eq!(browser.overflow(), 0);
    browser.screenshot("phone-suspended", false);
    browser.resize(1100, 900);
    // A page loaded in the meantime shows the suspension and the kept choices.
    browser.open(&stage.link("prize", &pass));
    browser.sees("Voting is suspended by the organiser.");
    browser.sees(chosen);
    assert_eq!(recorded(&stage.mine("prize", &pass)), []);

    stage.staff("prize", "resume", &json!({"reason": "new passes are out"}));
    browser.sees("You can vote until");
    browser.sees("1 of 2 categories chosen");
    browser.click("#submit");
    browser.sees("Cast this vote?");
    browser.click("#cast");
    browser.sees("Your ballot is recorded.");
    assert_eq!(recorded(&stage.mine("prize", &pass)), [vote("c01", "p0103")]);
    // The browser reports the refusal (403) as an error.
    assert!(browser.complaints().iter().all(|complaint| complaint.contains("403")));
}
