//! The ballot page and the result page in a real browser, with a real server.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test helpers panic to fail the test"
)]

mod limits;
mod periods;
mod proxy;
mod result;
mod search;
mod stage;
mod suspension;
mod webdriver;

use serde_json::{Value, json};

use stage::{Stage, pairs, until};
use webdriver::{Browser, is_waived, key};

fn vote(category: &str, entry: &str) -> (String, String) {
    (category.to_owned(), entry.to_owned())
}

/// Returns all votes of `votes/mine`, in the order of the log.
fn recorded(mine: &Value) -> Vec<(String, String)> {
    let ballots = mine["ballots"].as_array().expect("ballots");
    ballots.iter().flat_map(|ballot| pairs(&ballot["selections"])).collect()
}

#[test]
fn voter_votes_leaves_and_continues_with_the_same_link() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    stage.open(&Stage::definition("prize", 18, 20));
    let pass = stage.pass("prize");

    browser.open(&stage.link("prize", &pass));
    browser.sees("0 of 18 categories chosen");
    browser.sees("Prizes for Information Society 2026");
    // One vote by mouse, on the card; two by keyboard only.
    browser.click("label[for=entry-p0103]");
    browser.sees("1 of 18 categories chosen");
    browser.tab_to("toggle-c02");
    browser.press(&[key::ENTER]);
    let group = browser.label("#inside-c02 fieldset");
    assert_eq!(group, "Choose one in C2 Bridging divide number 2 by means of information");
    browser.press(&[key::TAB, key::SPACE]);
    browser.sees("2 of 18 categories chosen");
    browser.tab_to("toggle-c07");
    browser.press(&[key::ENTER]);
    browser.press(&[key::TAB, key::DOWN]);
    browser.sees("3 of 18 categories chosen");
    browser.screenshot("wide-chosen", false);

    browser.tab_to("find");
    browser.press(&["p", "o", "c", "k", "e", "t", " ", "9", ".", "4"]);
    browser.sees("1 entry found");
    assert_eq!(browser.run("return document.querySelectorAll('#categories input').length", &json!([])), 1);

    // A reload keeps the choices.
    browser.open(&stage.link("prize", &pass));
    browser.sees("3 of 18 categories chosen");
    browser.tab_to("submit");
    browser.press(&[key::ENTER]);
    browser.sees("Cast these 3 votes?");
    assert_eq!(stage.mine("prize", &pass)["ballots"], json!([]), "no ballot is cast before the confirmation");
    browser.screenshot("wide-review", true);
    browser.tab_to("cast");
    browser.press(&[key::ENTER]);
    browser.sees("Your ballot is recorded.");
    let three = [vote("c01", "p0103"), vote("c02", "p0201"), vote("c07", "p0702")];
    assert_eq!(recorded(&stage.mine("prize", &pass)), three);
    browser.screenshot("wide-recorded", true);

    browser.open("about:blank");
    browser.open(&stage.link("prize", &pass));
    browser.sees("3 of 18 categories chosen");
    browser.sees("3 recorded");
    for name in ["Village libraries online 1.3", "Schools without walls 2.1", "A clinic in every pocket 7.2"]
    {
        assert!(browser.text().contains(name), "the page shows {name} as recorded");
    }
    let receipt = browser.run("return document.querySelector('.proof a').getAttribute('href')", &json!([]));
    // The page shows all that is needed to check the receipt.
    let leaf = browser.run("return document.querySelector('.proof .leaf').textContent", &json!([]));
    let receipt = stage.read(receipt.as_str().expect("an address"));
    let beginning = format!("c2sp.org/tlog-proof@v1\nextra {}\nindex ", leaf.as_str().expect("a hash"));
    assert!(receipt.starts_with(&beginning), "{receipt}");
    // The browser's clock is in UTC, and the contest is in another time zone.
    browser.sees("in Europe/Zurich)");
    browser.click("#toggle-c18");
    browser.click("label[for=entry-p1820]");
    browser.click("#submit");
    browser.sees("Cast this vote?");
    browser.click("#cast");
    browser.sees("Your ballot is recorded.");
    browser.sees("4 of 18 categories chosen");

    let four = [&three[..], &[vote("c18", "p1820")]].concat();
    assert_eq!(recorded(&stage.mine("prize", &pass)), four);
    stage.staff("prize", "close", &json!({}));
    assert_eq!(stage.logged_votes("prize"), four);
    browser.open(&stage.link("prize", &pass));
    browser.sees("Voting has ended");
    browser.sees("Read the provisional result");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn page_fits_a_phone_and_every_control_has_a_name() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    let mut definition = Stage::definition("prize", 18, 20);
    // Texts that organisers may write: a long word, another script, a text that looks like markup.
    definition["entry"][0]["title"] =
        json!("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft");
    definition["entry"][1]["title"] = json!("قرية متصلة");
    definition["entry"][2]["title"] = json!("<img src=x onerror=\"document.title='taken'\"> <b>bold</b>");
    definition["entry"][3]["url"] =
        json!("https://example.org/a-very-long-path-without-any-break-in-it-at-all/and-another-one");
    stage.open(&definition);
    let pass = stage.pass("prize");
    stage.cast("prize", &pass, "c02", "p0205");

    for (width, height) in [(360, 740), (320, 568)] {
        browser.resize(width, height);
        browser.open(&stage.link("prize", &pass));
        browser.sees("1 of 18 categories chosen");
        assert_eq!(browser.overflow(), 0, "at {width} by {height}");
        browser.screenshot(&format!("phone-{width}"), false);
    }
    assert!(browser.text().contains("<b>bold</b>"), "a title is text, never markup");
    assert_eq!(browser.run("return document.title", &json!([])), "Prizes for Information Society 2026");

    let controls = browser.controls();
    let count = |role: &str| controls.iter().filter(|(own, _)| own == role).count();
    assert_eq!((count("radio"), count("searchbox")), (20, 1), "{controls:?}");
    assert!(controls.iter().all(|(_, name)| !name.trim().is_empty()), "{controls:?}");
    browser.click("label[for=entry-p0104]");
    browser.click("#submit");
    browser.sees("Cast this vote?");
    assert_eq!(browser.overflow(), 0);
    assert!(browser.controls().iter().all(|(_, name)| !name.trim().is_empty()));
    browser.screenshot("phone-review", false);
    browser.click("#cast");
    browser.sees("Your ballot is recorded.");
    assert_eq!(browser.overflow(), 0);
    browser.dark(true);
    browser.screenshot("phone-dark", true);
    // The page shows French titles to a reader of French, but not to a reader who prefers English.
    for (languages, title) in
        [("fr-CH,en", "C4 Réduire la fracture 4"), ("en,fr", "C4 Bridging divide number 4")]
    {
        let parameters = json!({"userAgent": "a browser", "acceptLanguage": languages});
        browser.devtools("Emulation.setUserAgentOverride", &parameters);
        browser.open(&stage.link("prize", &pass));
        browser.sees(title);
    }
    browser.open(&format!("{}/", stage.url));
    browser.sees("Prizes for Information Society 2026");
    assert_eq!(browser.overflow(), 0);
    browser.screenshot("phone-home", false);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn page_explains_every_refusal() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    stage.open(&Stage::definition("prize", 2, 3));
    stage.open(&Stage::definition("other", 1, 2));

    browser.open(&format!("{}/c/prize", stage.url));
    browser.sees("An invitation link is needed to vote.");
    assert_eq!(browser.run("return document.querySelectorAll('input[type=radio]').length", &json!([])), 0);
    let pass = stage.pass("prize");
    let cut = pass.get(..pass.len() - 4).expect("a pass is ASCII");
    browser.open(&stage.link("prize", cut));
    browser.sees("This link is not valid.");
    browser.open(&stage.link("prize", &stage.pass("other")));
    browser.sees("This link is for another contest.");
    browser.open(&stage.link("nowhere", &pass));
    browser.sees("There is no contest to see here.");
    let expires = browser.run("return new Date(Date.now() + 1500).toISOString()", &json!([]));
    let expiring = stage.mint("prize", &json!({"count": 1, "expires": expires}));
    until(
        || stage.mine("prize", &expiring)["type"] == "/problems/pass-expired",
        || "the pass never expired".to_owned(),
    );
    browser.open(&stage.link("prize", &expiring));
    browser.sees("This link has expired.");
    browser.screenshot("wide-expired", false);

    // The voter votes in another window in the meantime.
    browser.open(&stage.link("prize", &pass));
    browser.sees("0 of 2 categories chosen");
    assert_eq!(stage.cast("prize", &pass, "c01", "p0102")["status"], "recorded");
    browser.click("label[for=entry-p0101]");
    browser.click("#submit");
    browser.sees("Cast this vote?");
    browser.click("#cast");
    browser.sees("You have already voted there.");
    browser.sees("Recorded: Schools without walls 1.2");
    browser.screenshot("wide-already-voted", false);
    // The contest closes while the voter reviews a ballot.
    browser.click("#toggle-c02");
    browser.click("label[for=entry-p0201]");
    browser.click("#submit");
    browser.sees("Cast this vote?");
    stage.staff("prize", "close", &json!({}));
    browser.click("#cast");
    browser.sees("Ballots were taken until");
    browser.sees("Voting has ended");
    assert_eq!(stage.logged_votes("prize"), [vote("c01", "p0102")]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn sends_the_same_ballot_again_after_a_lost_answer() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    stage.open(&Stage::definition("prize", 2, 3));
    let pass = stage.pass("prize");
    browser.open(&stage.link("prize", &pass));
    browser.sees("0 of 2 categories chosen");
    // The first ballot is answered 503. The server records the second, and its answer is lost.
    let script = "const real = window.fetch; window.sent = [];
        window.fetch = async (url, options) => {
            if (options.method !== 'POST') return real(url, options);
            window.sent.push(options.body);
            if (window.sent.length === 1) return new Response('{}', {status: 503, headers: {'Retry-After': '1'}});
            const answer = await real(url, options);
            if (window.sent.length === 2) throw new TypeError('connection lost');
            return answer;
        }";
    browser.run(script, &json!([]));
    browser.click("label[for=entry-p0103]");
    browser.click("#submit");
    browser.sees("Cast this vote?");
    browser.click("#cast");
    browser.sees("The server is busy or being restarted. Trying again in 1 s (try 2 of 8).");
    browser.sees("There is no connection to the server. Trying again in 2 s (try 3 of 8).");
    browser.screenshot("wide-retrying", false);
    browser.sees("Your ballot is recorded.");
    let sent = browser.run("return window.sent", &json!([]));
    let sent = sent.as_array().expect("bodies");
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|body| body == &sent[0]), "the same bytes each time");
    assert_eq!(recorded(&stage.mine("prize", &pass)), [vote("c01", "p0103")]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn voter_changes_vote_where_the_rules_allow_it() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    let mut definition = Stage::definition("prize", 2, 4);
    definition["ballot"] = json!({"votes_per_category": [2, 3], "revision": "replace", "revisions": 5});
    stage.open(&definition);
    let pass = stage.pass("prize");
    browser.open(&stage.link("prize", &pass));
    browser.sees("Choose 2 to 3 entries in each category");
    browser.click("#submit");
    browser.sees("Choose an entry first.");
    browser.click("label[for=entry-p0101]");
    browser.click("#submit");
    browser.sees("Choose at least 2 entries in");
    for entry in ["p0102", "p0103", "p0104"] {
        browser.click(&format!("label[for=entry-{entry}]"));
    }
    browser.sees("At most 3 entries in");
    browser.click("#submit");
    browser.sees("Your ballot is recorded.");
    let first = [vote("c01", "p0101"), vote("c01", "p0102"), vote("c01", "p0103")];
    assert_eq!(recorded(&stage.mine("prize", &pass)), first);

    browser.click(".change");
    browser.sees("Change your vote.");
    assert_eq!(browser.run("return document.querySelectorAll('input:checked').length", &json!([])), 3);
    browser.screenshot("wide-change", true);
    browser.click("label[for=entry-p0101]");
    browser.click("label[for=entry-p0104]");
    browser.click("#submit");
    browser.sees("Your ballot is recorded.");
    let second = [vote("c01", "p0102"), vote("c01", "p0103"), vote("c01", "p0104")];
    assert_eq!(recorded(&stage.mine("prize", &pass)), second);
    stage.staff("prize", "close", &json!({}));
    assert_eq!(stage.logged_votes("prize"), [first, second].concat());
    assert_eq!(browser.complaints(), [""; 0]);
}
