//! Contests in which a voter votes more than once: each day, or with numbered ballots.

use serde_json::{Value, json};

use crate::{
    recorded,
    stage::Stage,
    vote,
    webdriver::{Browser, is_waived, key},
};

/// Returns the current day of the server.
fn today(mine: &Value) -> String {
    mine["period"].as_str().expect("a day").to_owned()
}

#[test]
fn voter_votes_once_a_day_and_sees_next_time() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    let mut definition = Stage::definition("prize", 2, 3);
    definition["ballot"] = json!({"period": "day", "revision": "replace"});
    // The contest may have at most a thousand days. Its time zone is one in which it is about noon.
    let noon = browser.run(
        "const now = new Date(), ahead = 12 - now.getUTCHours(), at = (days) => new Date(+now + days * 864e5).toISOString().slice(0, 19) + 'Z';
         return [ahead ? `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}` : 'UTC', at(-3), at(3)]",
        &json!([]),
    );
    let (contest, keys) = (&mut definition["contest"], ["time_zone", "opens", "closes"]);
    for (key, value) in keys.iter().zip(noon.as_array().expect("three texts")) {
        contest[*key] = value.clone();
    }
    stage.open(&definition);
    let pass = stage.pass("prize");
    browser.open(&stage.link("prize", &pass));
    browser.sees("You can vote once a day, by the clock of");
    browser.sees("This is your vote of");
    browser.sees("0 of 2 categories chosen");
    // By keyboard only.
    browser.tab_to("entry-p0101");
    browser.press(&[key::SPACE]);
    browser.tab_to("toggle-c02");
    browser.press(&[key::ENTER]);
    browser.press(&[key::TAB, key::SPACE]);
    browser.sees("2 of 2 categories chosen");
    browser.tab_to("submit");
    browser.press(&[key::ENTER]);
    browser.sees("Your ballot is recorded.");
    browser.sees("You have voted today. You can vote again tomorrow, from");
    browser.screenshot("wide-voted-today", true);
    let mine = stage.mine("prize", &pass);
    assert_eq!(
        (recorded(&mine), &mine["left"]),
        (vec![vote("c01", "p0101"), vote("c02", "p0201")], &json!([]))
    );
    assert_eq!(mine["ballots"][0]["period"], today(&mine));

    // A reload shows the same, and the ballot of the day can be changed.
    browser.open("about:blank");
    browser.open(&stage.link("prize", &pass));
    browser.sees("You have voted today.");
    browser.sees("Vote of");
    browser.click(".change");
    browser.sees("Change your vote.");
    browser.click("label[for=entry-p0102]");
    browser.click("#submit");
    browser.sees("Your ballot is recorded.");
    browser.sees("You have voted today.");
    assert_eq!(recorded(&stage.mine("prize", &pass)), [vote("c01", "p0102"), vote("c02", "p0201")]);

    // A page that stays open over midnight sends a day that is over.
    let second = stage.pass("prize");
    browser.open(&stage.link("prize", &second));
    browser.sees("0 of 2 categories chosen");
    let script = "const real = window.fetch;
        window.fetch = (url, options) => {
            if (options.method !== 'POST' || window.sent) return real(url, options);
            window.sent = JSON.parse(options.body);
            const day = new Date(Date.parse(window.sent.period + 'T12:00:00Z') - 864e5).toISOString().slice(0, 10);
            return real(url, {...options, body: JSON.stringify({...window.sent, period: day})});
        }";
    browser.run(script, &json!([]));
    browser.click("label[for=entry-p0103]");
    browser.click("#submit");
    browser.sees("A new day or another ballot has begun.");
    browser.sees("1 of 2 categories chosen");
    browser.click("#submit");
    browser.sees("Your ballot is recorded.");
    browser.sees("1 of 2 categories chosen");
    assert_eq!(recorded(&stage.mine("prize", &second)), [vote("c01", "p0103")]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn voter_casts_numbered_ballots_one_after_the_other() {
    if is_waived() {
        return;
    }
    let (stage, browser) = (Stage::start(), Browser::start());
    let mut definition = Stage::definition("prize", 1, 3);
    definition["ballot"] = json!({"period": "counted", "ballots_per_voter": 3});
    definition["channel"] = json!([{"id": "fan", "weight": 30}, {"id": "unique", "weight": 70}]);
    stage.open(&definition);
    let pass = stage.mint("prize", &json!({"count": 1, "channel": "fan"}));
    browser.open(&stage.link("prize", &pass));
    browser.sees("You have 3 ballots to cast.");
    browser.sees("This is your ballot number 1. You have 3 ballots left.");
    for (entry, then) in [
        ("p0101", "This is your ballot number 2. You have 2 ballots left."),
        ("p0101", "This is your ballot number 3. You have 1 ballot left."),
        ("p0103", "You have cast all of your ballots."),
    ] {
        browser.tab_to("entry-p0101");
        browser.press(&[key::SPACE]);
        if entry == "p0103" {
            browser.press(&[key::DOWN, key::DOWN]);
        }
        browser.tab_to("submit");
        browser.press(&[key::ENTER]);
        browser.sees("Cast this vote?");
        browser.tab_to("cast");
        browser.press(&[key::ENTER]);
        browser.sees("Your ballot is recorded.");
        browser.sees(then);
    }
    assert_eq!(browser.run("return document.querySelectorAll('input[type=radio]').length", &json!([])), 0);
    browser.screenshot("wide-all-ballots", true);
    let mine = stage.mine("prize", &pass);
    assert_eq!(recorded(&mine), [vote("c01", "p0101"), vote("c01", "p0101"), vote("c01", "p0103")]);
    let names = browser.run(
        "return [...document.querySelectorAll('.of-period')].map((name) => name.textContent)",
        &json!([]),
    );
    assert_eq!(
        names,
        json!(["Ballot number 3", "Ballot number 2", "Ballot number 1"]),
        "the newest ballot comes first"
    );
    assert!(browser.controls().iter().all(|(_, name)| !name.trim().is_empty()));

    // The page notices a ballot cast elsewhere and offers the next one.
    let other = stage.mint("prize", &json!({"count": 1, "channel": "unique", "group": "other"}));
    browser.open("about:blank");
    browser.open(&stage.link("prize", &other));
    browser.sees("This is your ballot number 1.");
    assert_eq!(stage.cast_in("prize", &other, "1", "c01", "p0102")["status"], "recorded");
    browser.click("label[for=entry-p0101]");
    browser.click("#submit");
    browser.click("#cast");
    browser.sees("You have already voted there.");
    browser.sees("This is your ballot number 2. You have 2 ballots left.");
    browser.resize(320, 568);
    assert_eq!(browser.overflow(), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}
