//! A short summary of the result document, which can be worked out and read by hand.

use acclaim_tally::Replay;
use serde_json::{Value, json};

/// Summarises the result as lists of lines, for example `rank entry votes share`.
///
/// ` =` follows a tied entry, and ` | ` comes before the figures of a channel. A part that only
/// some rules have is in the summary only if the document has it.
pub(super) fn summary(replay: &Replay) -> Value {
    let document = replay.result().unwrap();
    let result: Value = serde_json::from_slice(&document.json).unwrap();
    let counts = &result["counts"];
    let mut summary = json!({
        "status": result["status"],
        "certifiable": result.get("certify").is_some(),
        "ballots": counts["ballots"],
        "voters": counts["voters"],
        "incomplete_voters": counts["incomplete_voters"],
        "votes": counts["votes"],
        "withdrawn_votes": counts["withdrawn_votes"],
        "sha256": document.sha256,
    });
    if let Some(previous) = result.get("previous") {
        let [origin, size, hash] = ["origin", "size", "result"].map(|key| word(&previous[key]));
        summary["previous"] = format!("{origin} {size} {}", &hash[..8]).into();
    }
    if let Some(draw) = result.get("draw") {
        summary["draw"] = format!("{} {}", draw["index"], &word(&draw["seed"])[..8]).into();
    }
    if let Some(corrects) = result.get("corrects") {
        summary["corrects"] = corrected(corrects).into();
    }
    for category in result["categories"].as_array().unwrap() {
        summary[word(&category["id"])] = of_category(category, has_sheets(&result["rules"]));
    }
    summary
}

/// Whether a voter may have several sheets, so that the numbers of ballots and of voters differ.
fn has_sheets(rules: &Value) -> bool {
    rules["channels"] != json!([]) || rules["ballot"]["period"] != "once"
}

fn of_category(category: &Value, has_sheets: bool) -> Value {
    let winners = &category["winners"];
    let mut summary = json!({
        "standings": lines(&category["standings"], standing),
        "champions": lines(&category["champions"], |place| fields(place, &["place", "entry", "decided_by"])),
        "winners": lines(&winners["entries"], |place| fields(place, &["place", "entry", "figure", "decided_by"])),
        "decision": winners["decision"],
        "no_longer_eligible": winners["no_longer_eligible"],
        "ties": lines(&category["ties"], |tie| {
            format!("{} {} {}", word(&tie["concerns"]), lines(&tie["entries"], word).join(" "), word(&tie["resolved_by"]))
        }),
        "without_rulings": lines(&category["without_rulings"], |place| fields(place, &["rank", "entry", "votes", "share"])),
    });
    if let Some(own) = category.get("own_rules") {
        summary["own_rules"] = own.clone();
    }
    let counts = &category["counts"];
    if has_sheets {
        let [counted, voters] = [&counts["ballots"]["counted"], &counts["voters"]];
        summary["ballots"] = format!("{counted} of {voters} voters").into();
    }
    let channel = |channel: &Value| fields(channel, &["channel", "weight", "votes", "withdrawn_votes"]);
    let mut add = |key: &str, list: Vec<String>| {
        if !list.is_empty() {
            summary[key] = list.into();
        }
    };
    add(
        "undecided",
        lines(&winners["undecided"], |reason| {
            let names = ["jurors", "entries"].map(|key| lines(&reason[key], word).join(", "));
            format!("{} {} {}", fields(reason, &["reason", "panel"]), names[0], names[1])
                .trim_end()
                .to_owned()
        }),
    );
    add("channels", lines(&counts["channels"], channel));
    add("panels", lines(&category["panels"], |panel| fields(panel, &["panel", "kind", "jurors"])));
    for panel in category["panels"].as_array().into_iter().flatten() {
        let mut figures = lines(&panel["figures"], ranked);
        let without = |entry: &Value| format!("- {}{}", fields(entry, &["entry", "jurors"]), recused(entry));
        figures.extend(lines(&panel["without_figure"], without));
        figures.extend(lines(&panel["missing"], |juror| format!("missing {}", word(juror))));
        for key in ["incomplete", "recused"] {
            figures.extend(lines(&panel[key], |juror| {
                format!("{key} {}: {}", word(&juror["juror"]), lines(&juror["entries"], word).join(", "))
            }));
        }
        add(&format!("panel {}", word(&panel["panel"])), figures);
    }
    add("ranking", lines(&category["ranking"], ranked));
    let ordered = |tie: &&Value| tie.get("order").is_some();
    let orders = category["ties"].as_array().into_iter().flatten().filter(ordered);
    add("orders", orders.map(order).collect());
    summary
}

fn standing(standing: &Value) -> String {
    let mut line = tied(standing, &["rank", "entry", "votes", "share", "exact"]);
    for channel in lines(&standing["channels"], |channel| fields(channel, &["channel", "votes", "share"])) {
        line = format!("{line} | {channel}");
    }
    line
}

/// `rank entry figure exact`, and for a panel the number of its jurors.
fn ranked(figure: &Value) -> String {
    tied(figure, &["rank", "entry", "figure", "exact", "jurors"]) + &recused(figure)
}

/// The number of recused jurors, if there are any.
fn recused(figure: &Value) -> String {
    figure.get("recused").map_or_else(String::new, |recused| format!(" ({recused} recused)"))
}

/// The changes of a corrected result, one line each.
fn corrected(corrects: &Value) -> Vec<String> {
    let mut changed = vec![format!("index {}", corrects["index"])];
    for category in corrects["categories"].as_array().unwrap() {
        let id = word(&category["id"]);
        for key in ["champions", "winners"] {
            if let Some(change) = category.get(key) {
                let places =
                    |side: &str| lines(&change[side], |shared| lines(shared, word).join(" = ")).join(", ");
                let [before, after] = ["before", "after"].map(places);
                changed.push(format!("{id} {key}: {before} -> {after}"));
            }
        }
        for key in ["standings", "ranking"] {
            changed.extend(lines(&category[key], |change| {
                let keys = ["rank", "votes", "figure"];
                let [before, after] = ["before", "after"].map(|side| fields(&change[side], &keys));
                format!("{id} {}: {before} -> {after}", word(&change["entry"]))
            }));
        }
    }
    changed
}

/// `concerns: entry value, ...` with the values of the rule; a lot has its first eight digits.
fn order(tie: &Value) -> String {
    let entry = |entry: &Value| {
        let lot = entry.get("lot").map_or_else(String::new, |lot| format!(" {}", &word(lot)[..8]));
        let counts = lines(&entry["counts"], |count| format!(" {}x{}", count[1], word(&count[0]))).concat();
        fields(entry, &["entry", "index", "figure"]) + &lot + &counts
    };
    format!("{}: {}", word(&tie["concerns"]), lines(&tie["order"], entry).join(", "))
}

fn tied(of: &Value, keys: &[&str]) -> String {
    fields(of, keys) + if of["tied"] == true { " =" } else { "" }
}

/// The values of the keys that are present.
fn fields(of: &Value, keys: &[&str]) -> String {
    keys.iter().filter_map(|key| of.get(key)).map(word).collect::<Vec<_>>().join(" ")
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn lines(list: &Value, line: impl Fn(&Value) -> String) -> Vec<String> {
    list.as_array().into_iter().flatten().map(line).collect()
}
