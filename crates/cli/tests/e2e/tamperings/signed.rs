//! Tamperings by the holder of the key. Root, checkpoint and tiles match the changed log, so only
//! its content can be wrong.

use super::{
    Answer::{Clean, Refused},
    REMARK, Tampering,
};

/// See the [module](self).
pub(super) const SIGNED: &[Tampering] = &[
    Tampering {
        name: "a space",
        change: |log| log.replace(log.ballot(1), r#","at""#, r#", "at""#),
        audit: Refused("canonical"),
        independent: Refused("canonical"),
    },
    Tampering {
        name: "a space at the end",
        change: |log| log.replace(log.find(0, r#""type":"opened""#), r#"Z"}"#, r#"Z"} "#),
        audit: Refused("canonical"),
        independent: Refused("canonical"),
    },
    Tampering {
        name: "keys in another order",
        change: |log| {
            let index = log.find(0, r#""id":"a2","category":"a""#);
            log.replace(index, r#""id":"a2","category":"a""#, r#""category":"a","id":"a2""#)
        },
        audit: Refused("canonical"),
        independent: Refused("the keys are"),
    },
    Tampering {
        name: "an escape that is not needed",
        change: |log| log.replace(log.find(0, r#""id":"a1""#), r#""title":"A1""#, r#""title":"\u00411""#),
        audit: Refused("canonical"),
        independent: Refused("canonical"),
    },
    Tampering {
        name: "an escape with uppercase digits",
        change: |log| log.replace(log.find(0, r#""type":"voided""#), "scripted", r"\u001F"),
        audit: Refused("canonical"),
        independent: Refused("canonical"),
    },
    Tampering {
        name: "a surrogate alone",
        change: |log| log.replace(log.find(0, r#""type":"voided""#), "scripted", r"\ud800"),
        audit: Refused("not JSON"),
        independent: Refused(""),
    },
    Tampering {
        name: "an unknown type",
        change: |log| log.insert(log.ballot(3), r#"{"type":"bonus","entry":"a1","votes":1000}"#),
        audit: Refused("unknown type `bonus`"),
        independent: Refused("known type"),
    },
    Tampering {
        name: "a repeated key",
        change: |log| {
            let index = log.find(0, r#""type":"withdrawn""#);
            log.replace(index, r#""entry":"b3""#, r#""entry":"b3","entry":"b3""#)
        },
        audit: Refused("duplicate field"),
        independent: Refused("canonical"),
    },
    Tampering {
        name: "an unknown key",
        change: |log| log.replace(log.ballot(3), r#","selections""#, r#","weight":"2","selections""#),
        audit: Refused("canonical"),
        independent: Refused("the keys are"),
    },
    Tampering {
        name: "an option that is null",
        change: |log| log.replace(log.find(0, r#""type":"voided""#), r#","at""#, r#","note":null,"at""#),
        audit: Refused("canonical"),
        independent: Refused("wrong kind"),
    },
    Tampering {
        name: "an entry of 65,536 bytes",
        change: |log| {
            let text = "x".repeat(65_536 + 1 - REMARK.len());
            log.insert(log.lines.len(), REMARK.replace(r#""x""#, &format!(r#""{text}""#)))
        },
        audit: Refused("at most 65535"),
        independent: Refused("longer than 65,535 bytes"),
    },
    Tampering {
        name: "what is not UTF-8",
        change: |log| {
            let index = log.find(0, r#""type":"voided""#);
            let at = log.lines[index].windows(8).position(|part| part == b"scripted").unwrap();
            log.lines[index][at] = 0xff;
            Some(index)
        },
        audit: Refused("not UTF-8"),
        independent: Refused("decode"),
    },
    Tampering {
        name: "a NUL",
        change: |log| log.replace(log.find(0, r#""type":"voided""#), "scripted", "scr\0pted"),
        audit: Refused("not JSON"),
        independent: Refused("control character"),
    },
    Tampering {
        name: "deep nesting",
        change: |log| {
            let deep =
                format!(r#"{{"type":"statement","kind":{}{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
            log.insert(log.ballot(3), deep)
        },
        audit: Refused(""),
        independent: Refused("recursion"),
    },
    Tampering {
        name: "a number beyond 64 bits",
        change: |log| {
            let entry =
                r#"{"type":"issued","source":"x","passes":18446744073709551616,"at":"2021-03-01T00:00:00Z"}"#;
            let salt = if log.version() > 1 { r#","salt":"AQIDBAUGBwgJCgsMDQ4PEA"}"# } else { "}" };
            log.insert(log.lines.len(), entry.replace('}', salt))
        },
        audit: Refused("malformed"),
        independent: Refused("no number"),
    },
    Tampering {
        name: "a number with an exponent",
        change: |log| {
            log.insert(
                log.lines.len(),
                r#"{"type":"issued","source":"x","passes":1e999,"at":"2021-03-01T00:00:00Z"}"#,
            )
        },
        audit: Refused(""),
        independent: Refused("canonical"),
    },
    Tampering {
        name: "a number of 60,000 digits",
        change: |log| {
            let passes = "9".repeat(60_000);
            let entry =
                format!(r#"{{"type":"issued","source":"x","passes":{passes},"at":"2021-03-01T00:00:00Z"}}"#);
            log.insert(log.lines.len(), entry)
        },
        audit: Refused(""),
        independent: Refused(""),
    },
    Tampering {
        name: "another version of the format",
        change: |log| {
            let version = format!(r#""v":{}"#, log.version());
            log.replace(0, &version, r#""v":3"#)
        },
        audit: Refused("`v` is not 1"),
        independent: Refused("another version"),
    },
    Tampering {
        name: "a ruling without a reason",
        change: |log| {
            log.replace(log.find(0, r#""type":"voided""#), r#""reason":"scripted""#, r#""reason":"""#)
        },
        audit: Refused("`reason` is empty"),
        independent: Refused("no reason"),
    },
    Tampering {
        name: "a slot filled twice",
        change: |log| log.cast(log.ballot(11), None, &[("a", "a2")]),
        audit: Refused("has voted already in: a"),
        independent: Refused("a slot filled twice"),
    },
    Tampering {
        name: "a slot filled again after a void",
        change: |log| {
            let voided = log.find(0, r#""type":"voided""#);
            let id =
                String::from_utf8(log.lines[voided].clone()).unwrap().split('"').nth(7).unwrap().to_owned();
            log.cast(log.find(0, &format!(r#""id":"{id}""#)), None, &[("a", "a2")])
        },
        audit: Refused("has voted already in: a"),
        independent: Refused("a slot filled twice"),
    },
    Tampering {
        name: "another voter's ballot replaced",
        change: |log| log.cast(log.ballot(11), Some(log.id(log.ballot(12))), &[("a", "a2"), ("b", "b1")]),
        audit: Refused("not a standing ballot of the voter"),
        independent: Refused("not the voter's own standing ballot"),
    },
    Tampering {
        name: "a replaced ballot replaced again",
        change: |log| {
            let first = log.ballot(0);
            log.cast(first, Some(log.id(first)), &[("a", "a2"), ("b", "b1")])
        },
        audit: Refused("not a standing ballot of the voter"),
        independent: Refused("not the voter's own standing ballot"),
    },
    Tampering {
        name: "too many votes",
        change: |log| {
            let index = log.ballot(20);
            log.lines[index] = log.ballot_line(index, None, &[("a", "a1"), ("a", "a2"), ("b", "b1")]);
            Some(index)
        },
        audit: Refused("at most 1 are allowed"),
        independent: Refused("votes in a category"),
    },
    Tampering {
        name: "an unknown category",
        change: |log| {
            let index = log.ballot(20);
            log.lines[index] = log.ballot_line(index, None, &[("a", "a1"), ("c", "b1")]);
            Some(index)
        },
        audit: Refused("no category `c`"),
        independent: Refused("unknown category or entry"),
    },
    Tampering {
        name: "an unknown entry",
        change: |log| {
            let index = log.ballot(20);
            log.lines[index] = log.ballot_line(index, None, &[("a", "a9")]);
            Some(index)
        },
        audit: Refused("no entry `a9`"),
        independent: Refused("unknown category or entry"),
    },
    Tampering {
        name: "an entry of another category",
        change: |log| {
            let index = log.ballot(20);
            log.lines[index] = log.ballot_line(index, None, &[("a", "b1")]);
            Some(index)
        },
        audit: Refused("is not in the category `a`"),
        independent: Refused("unknown category or entry"),
    },
    Tampering {
        name: "a ballot after the closing",
        change: |log| {
            let index = log.ballot(20);
            let line = log.lines.remove(index);
            let after = log.find(0, r#""type":"closed""#) + 1;
            log.insert(after, line)
        },
        audit: Refused("after the closing"),
        independent: Refused("out of its place"),
    },
    Tampering {
        name: "a ballot before the opening",
        change: |log| {
            let line = log.lines.remove(log.ballot(20));
            log.insert(log.find(0, r#""type":"opened""#), line)
        },
        audit: Refused("before the opening"),
        independent: Refused("out of its place"),
    },
    Tampering {
        name: "an entry to vote for added after the opening",
        change: |log| log.insert(log.ballot(3), r#"{"type":"entry","id":"a4","category":"a","title":"A4"}"#),
        audit: Refused("`entry` is out of its place"),
        independent: Refused("`entry` is out of its place"),
    },
    Tampering {
        name: "another voter's id",
        change: |log| {
            let (own, other) = (log.id(log.ballot(20)).to_string(), log.id(log.ballot(21)).to_string());
            log.replace(log.ballot(20), &own, &other)
        },
        audit: Refused("id should be"),
        independent: Refused("not this voter's"),
    },
    Tampering {
        name: "an id that does not follow from the ballot",
        change: |log| {
            let id = log.id(log.ballot(20)).to_string();
            let middle = if &id[10..11] == "A" { "B" } else { "A" };
            log.result = None;
            log.replace(log.ballot(20), &id, &format!("{}{middle}{}", &id[..10], &id[11..]))
        },
        audit: Refused("id should be"),
        // Only a program with BLAKE3 can detect this.
        independent: Clean,
    },
    Tampering {
        name: "an unknown ballot voided",
        change: |log| {
            let index = log.find(0, r#""type":"voided""#);
            let id =
                String::from_utf8(log.lines[index].clone()).unwrap().split('"').nth(7).unwrap().to_owned();
            log.replace(index, &id, "AAAAAAAAAAAAAAAAAAAAAA")
        },
        audit: Refused("no ballot AAAAAAAAAAAAAAAAAAAAAA"),
        independent: Refused("unknown"),
    },
    Tampering {
        name: "an entry withdrawn twice",
        change: |log| {
            let index = log.find(0, r#""type":"withdrawn""#);
            log.insert(index + 1, log.lines[index].clone())
        },
        audit: Refused("withdrawn already"),
        independent: Refused("it is so already"),
    },
    Tampering {
        name: "a ballot voided without anybody's knowledge",
        change: |log| {
            let id = log.id(log.ballot(30)).to_string();
            let line = format!(
                r#"{{"type":"voided","ballots":["{id}"],"by":"x","reason":"x","at":"2021-03-01T00:00:00Z"}}"#
            );
            log.insert(log.lines.len(), line);
            None
        },
        audit: Refused("the published result has"),
        independent: Refused("the result is not one of this log"),
    },
    Tampering {
        name: "another result certified",
        change: |log| {
            let line = format!(
                r#"{{"type":"certified","result":"{}","by":"x","at":"2021-03-01T00:00:00Z"}}"#,
                "ab".repeat(32)
            );
            log.result = log.result.take().map(|json| {
                let text = String::from_utf8(json).unwrap().replacen("provisional", "certified", 1);
                format!("{}}}", text.split(r#","certify":"#).next().unwrap()).into_bytes()
            });
            log.insert(log.lines.len(), line);
            None
        },
        audit: Refused("certifies another result"),
        independent: Refused("the result is not one of this log"),
    },
    Tampering {
        name: "a root that is not the entries'",
        change: |log| {
            log.sign();
            log.note = log.key().sign(log.lines.len() as u64, log.tree(5).root());
            None
        },
        audit: Refused("the root of the"),
        independent: Refused("the root of the entries"),
    },
    Tampering {
        name: "a size beyond the entries",
        change: |log| {
            log.sign();
            log.note = log.key().sign(log.lines.len() as u64 + 1, log.tree(log.lines.len()).root());
            Some(log.lines.len())
        },
        audit: Refused("missing"),
        independent: Refused("missing"),
    },
    Tampering {
        name: "history rewritten before a checkpoint that was kept",
        change: |log| {
            log.earlier_checkpoint = Some(log.signed(150));
            let (one, other) = (log.ballot(2), log.ballot(6));
            log.lines.swap(one, other);
            Some(149)
        },
        audit: Refused("seen earlier has another root"),
        independent: Refused("an earlier checkpoint has another root"),
    },
];
