//! Pages behind a proxy, below a path, and the documentation of the API.

use acclaim_test_servers::nginx::Nginx;
use serde_json::json;

use crate::{
    recorded,
    stage::Stage,
    vote,
    webdriver::{Browser, is_waived},
};

#[test]
fn voter_votes_below_a_path_behind_a_proxy() {
    if is_waived() {
        return;
    }
    let environment = [
        ("ACCLAIM_SERVER_BASE_PATH", "/prizes/vote"),
        ("ACCLAIM_LIMITS_TRUSTED_PROXIES", r#"["127.0.0.1"]"#),
    ];
    let (stage, browser) = (Stage::start_in(&environment), Browser::start());
    stage.open(&Stage::definition("prize", 2, 3));
    // One proxy passes the whole path to the server, and the other removes the prefix.
    for slash in ["", "/"] {
        let proxy = Nginx::start(&format!("location /prizes/vote/ {{ proxy_pass {}{slash}; }}", stage.url));
        let url = format!("http://127.0.0.1:{}/prizes/vote", proxy.port());
        let pass = stage.pass("prize");
        browser.open(&format!("{url}/c/prize#{pass}"));
        browser.sees("0 of 2 categories chosen");
        browser.click("label[for=entry-p0101]");
        browser.click("#submit");
        browser.sees("Cast this vote?");
        browser.click("#cast");
        browser.sees("Your ballot is recorded.");
        assert_eq!(recorded(&stage.mine("prize", &pass)), [vote("c01", "p0101")]);
        let receipt = browser.run("return document.querySelector('.recorded .proof a').href", &json!([]));
        assert!(
            receipt
                .as_str()
                .is_some_and(|receipt| receipt.starts_with(&format!("{url}/v1/contests/prize/ballots/"))),
            "{receipt}"
        );
        browser.open(&format!("{url}/c/prize#wrong"));
        browser.sees("This link is not valid.");
        browser.open(&format!("{url}/"));
        browser.sees("Prizes for Information Society 2026");
        let link = browser.run("return document.querySelector('#contests a').href", &json!([]));
        assert_eq!(link, format!("{url}/c/prize"));
        browser.open(&format!("{url}/docs"));
        browser.sees("A prize voting engine.");
        browser.sees("/v1/contests/{contest}/tally");
        assert_eq!(browser.complaints(), [""; 0]);
    }
}

/// The page comes from a library, and it must work under our policy.
#[test]
fn documentation_works_under_its_policy() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    browser.open(&format!("{}/docs/", stage.url));
    browser.sees("A prize voting engine.");
    browser.click("#operations-contests-list_contests .opblock-summary-control");
    browser.click("#operations-contests-list_contests .try-out__btn");
    browser.click("#operations-contests-list_contests .execute");
    browser.sees("{\n  \"contests\": []\n}");
    assert_eq!(browser.complaints(), [""; 0]);
}
