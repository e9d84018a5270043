//! The bytes of ballots in the buffer. Each item has a MAC, so that write access to Redis is not
//! enough to vote.
//!
//! An item has these parts. Integers are big-endian.
//!
//! - length of the rest (u32)
//! - MAC (16 bytes)
//! - flags (u8: 1 promised, 2 has a group)
//! - arrival (i64, microseconds since 1970)
//! - ballot id (16 bytes)
//! - the group, if there is one (length u8, text)
//! - the entry
//!
//! The MAC is the first 16 bytes of keyed BLAKE3 over the contest's id, a zero byte, and all bytes
//! after the MAC.

use acclaim_contest::{BallotId, ContestId};
use acclaim_store::intake::Item;
use bytes::Bytes;
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;

const MAC_LENGTH: usize = 16;
const PROMISED: u8 = 1;
const GROUPED: u8 = 2;

/// The items of one block.
#[derive(Debug, Default)]
pub(crate) struct DecodedBlock {
    pub(crate) items: Vec<Item>,
    /// Number of items that no API process wrote.
    pub(crate) forged: u64,
}

fn mac(key: &[u8; 32], contest: &ContestId, body: &[u8]) -> [u8; MAC_LENGTH] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(contest.as_str().as_bytes()).update(&[0]).update(body);
    let mut mac = [0; MAC_LENGTH];
    hasher.finalize_xof().fill(&mut mac);
    mac
}

/// Appends an item to a block.
pub(crate) fn encode(key: &[u8; 32], contest: &ContestId, item: &Item, block: &mut Vec<u8>) {
    // Labels are ids of at most 64 bytes. A longer label is cut, so that the item stays readable.
    let group = item.group.as_deref().map(|group| group.get(..group.len().min(255)).unwrap_or_default());
    let flags = (u8::from(item.promised) * PROMISED) | (u8::from(group.is_some()) * GROUPED);
    seal(key, contest, block, |body| {
        body.push(flags);
        body.extend(item.arrived.as_microsecond().to_be_bytes());
        body.extend(item.ballot.0);
        if let Some(group) = group {
            body.push(u8::try_from(group.len()).unwrap_or(u8::MAX));
            body.extend(group.as_bytes());
        }
        body.extend(&item.entry);
    });
}

/// Bytes of an item before its body.
const ITEM_HEADER_LENGTH: usize = 4 + MAC_LENGTH;

/// Appends a body to a block, after its length and MAC.
pub(crate) fn seal(
    key: &[u8; 32],
    contest: &ContestId,
    block: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = block.len();
    block.extend([0; ITEM_HEADER_LENGTH]);
    write(block);
    let (head, body) = block.split_at_mut(start).1.split_at_mut(ITEM_HEADER_LENGTH);
    let length = u32::try_from(MAC_LENGTH + body.len()).unwrap_or(u32::MAX);
    let (length_bytes, mac_bytes) = head.split_at_mut(4);
    length_bytes.copy_from_slice(&length.to_be_bytes());
    mac_bytes.copy_from_slice(&mac(key, contest, body));
}

/// Decodes a block. Items with a wrong MAC or format are dropped and counted. The others are kept.
pub(crate) fn decode(key: &[u8; 32], contest: &ContestId, block: &Bytes) -> DecodedBlock {
    let mut decoded = DecodedBlock::default();
    let mut at = 0;
    while at < block.len() {
        let item = block.get(at..).and_then(<[u8]>::split_first_chunk::<4>).and_then(|(length, rest)| {
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            (length <= rest.len()).then_some(at + 4..at + 4 + length)
        });
        let Some(range) = item else {
            // The length is wrong, so the items after it cannot be separated.
            decoded.forged += 1;
            break;
        };
        at = range.end;
        match read(key, contest, &block.slice(range)) {
            Some(item) => decoded.items.push(item),
            None => decoded.forged += 1,
        }
    }
    decoded
}

fn read(key: &[u8; 32], contest: &ContestId, item: &Bytes) -> Option<Item> {
    let (found_mac, body) = item.split_first_chunk::<MAC_LENGTH>()?;
    if !bool::from(mac(key, contest, body).ct_eq(found_mac)) {
        return None;
    }
    let ([flags], rest) = body.split_first_chunk()?;
    if flags & !(PROMISED | GROUPED) != 0 {
        return None;
    }
    let (arrived, rest) = rest.split_first_chunk()?;
    let (ballot, mut rest) = rest.split_first_chunk()?;
    let mut group = None;
    if flags & GROUPED != 0 {
        let ([length], tail) = rest.split_first_chunk()?;
        let (text, tail) = tail.split_at_checked(usize::from(*length))?;
        group = Some(String::from_utf8(text.to_vec()).ok()?);
        rest = tail;
    }
    Some(Item {
        ballot: BallotId(*ballot),
        arrived: Timestamp::from_microsecond(i64::from_be_bytes(*arrived)).ok()?,
        promised: flags & PROMISED != 0,
        group,
        entry: item.slice_ref(rest),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn contest() -> ContestId {
        "photo-2021".parse().unwrap()
    }

    prop_compose! {
        fn any_item()(
            ballot: [u8; 16], micros in 0..4_102_444_800_000_000_i64, promised: bool,
            group in proptest::option::of("[a-z0-9]{1,64}"), entry in proptest::collection::vec(any::<u8>(), 0..300),
        ) -> Item {
            let arrived = Timestamp::from_microsecond(micros).unwrap();
            Item { ballot: BallotId(ballot), arrived, promised, group, entry: entry.into() }
        }
    }

    proptest! {
        #[test]
        fn decodes_encoded_items(items in proptest::collection::vec(any_item(), 0..5)) {
            let mut block = Vec::new();
            items.iter().for_each(|item| encode(&KEY, &contest(), item, &mut block));
            let decoded = decode(&KEY, &contest(), &block.into());
            prop_assert_eq!(decoded.items, items);
            prop_assert_eq!(decoded.forged, 0);
        }

        #[test]
        fn rejects_only_item_with_flipped_bit(a in any_item(), b in any_item(), bit: prop::sample::Index) {
            let mut block = Vec::new();
            encode(&KEY, &contest(), &a, &mut block);
            // The bit is after the length, because a wrong length also spoils the items that
            // follow.
            let bit = 32 + bit.index((block.len() - 4) * 8);
            block[bit / 8] ^= 1 << (bit % 8);
            encode(&KEY, &contest(), &b, &mut block);
            let decoded = decode(&KEY, &contest(), &block.into());
            prop_assert_eq!(decoded.items, vec![b]);
            prop_assert_eq!(decoded.forged, 1);
        }

        #[test]
        fn decodes_any_bytes_without_panic(block in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(decode(&KEY, &contest(), &block.into()).items.is_empty());
        }
    }

    #[test]
    fn rejects_unknown_flags() {
        let flagged = |flags| {
            let mut block = Vec::new();
            seal(&KEY, &contest(), &mut block, |body| {
                body.push(flags);
                body.extend([0; 24]);
            });
            decode(&KEY, &contest(), &block.into())
        };
        assert_eq!(flagged(0).items.len(), 1);
        assert_eq!(flagged(4).forged, 1);
    }

    #[test]
    fn items_are_written_as_ever() {
        let mut item = Item {
            ballot: BallotId([1; 16]),
            arrived: Timestamp::from_microsecond(1_614_556_800_000_001).unwrap(),
            promised: true,
            group: Some("hall-2".to_owned()),
            entry: Bytes::from_static(b"{\"v\":1}"),
        };
        let mut block = Vec::new();
        encode(&KEY, &contest(), &item, &mut block);
        (item.promised, item.group) = (false, None);
        encode(&KEY, &contest(), &item, &mut block);
        insta::assert_snapshot!(hex::encode(block));
    }

    #[test]
    fn rejects_item_of_other_contest() {
        let item = Item {
            ballot: BallotId([1; 16]),
            arrived: Timestamp::UNIX_EPOCH,
            promised: false,
            group: None,
            entry: Bytes::from_static(b"{}"),
        };
        let mut block = Vec::new();
        encode(&KEY, &contest(), &item, &mut block);
        let block = Bytes::from(block);
        assert_eq!(decode(&KEY, &"photo-2022".parse().unwrap(), &block).forged, 1);
        assert_eq!(decode(&[8; 32], &contest(), &block).forged, 1);
    }
}
