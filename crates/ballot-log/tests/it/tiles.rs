//! Paths of tiles and bytes of entry bundles.

use acclaim_ballot_log::{
    TilePath,
    bundle::{BundleError, decode_bundle, encode_bundle, push_entry},
    entry::MAX_ENTRY_LENGTH,
    tile::TileKind,
};
use proptest::prelude::*;

fn path() -> impl Strategy<Value = TilePath> {
    let kind = prop_oneof![(0..64_u8).prop_map(TileKind::Hashes), Just(TileKind::Entries)];
    let number =
        prop_oneof![any::<u64>(), 0..2_000_000_u64, (0..20_u32).prop_map(|digits| 10_u64.pow(digits) - 1)];
    (kind, number, 1..=256_u16).prop_map(|(kind, number, width)| TilePath { kind, number, width })
}

proptest! {
    #[test]
    fn path_survives_round_trip(path in path()) {
        prop_assert_eq!(path.to_string().parse(), Ok(path));
    }

    #[test]
    fn a_path_has_one_spelling(text in "tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,7}[0-9x]{1,4}(\\.p/[0-9]{0,3})?") {
        if let Ok(path) = text.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn arbitrary_text_does_not_panic(text: String) {
        prop_assert!(text.parse::<TilePath>().is_err());
        let path = format!("tile/0/{text}");
        if let Ok(parsed) = path.parse::<TilePath>() {
            prop_assert_eq!(parsed.to_string(), path);
        }
    }

    #[test]
    fn bundle_survives_round_trip(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..=256)) {
        let bundle = encode_bundle(entries.iter().map(Vec::as_slice)).unwrap();
        let width = u16::try_from(entries.len()).unwrap();
        prop_assert_eq!(decode_bundle(&bundle, width).unwrap(), entries);
        prop_assert_eq!(decode_bundle(&bundle, width + 1), Err(BundleError::WrongWidth(width + 1)));
        if width > 0 {
            prop_assert_eq!(decode_bundle(&bundle, width - 1), Err(BundleError::WrongWidth(width - 1)));
            prop_assert_eq!(decode_bundle(&bundle[..bundle.len() - 1], width), Err(BundleError::Truncated));
        }
    }

    #[test]
    fn a_bundle_that_is_accepted_encodes_to_itself(bytes in prop::collection::vec(0..4_u8, 0..60), width in 0..12_u16) {
        if let Ok(entries) = decode_bundle(&bytes, width) {
            prop_assert_eq!(encode_bundle(entries).unwrap(), bytes);
        }
    }
}

#[test]
fn a_bundle_has_limits() {
    let longest = vec![b'x'; MAX_ENTRY_LENGTH];
    let bundle = encode_bundle([longest.as_slice()]).unwrap();
    assert_eq!(&bundle[..2], [0xff, 0xff]);
    assert_eq!(decode_bundle(&bundle, 1).unwrap(), [longest.as_slice()]);
    // Bytes after the width are not read.
    assert_eq!(decode_bundle(&[0, 0, 0xff], 1), Err(BundleError::WrongWidth(1)));
    let too_long = vec![b'x'; MAX_ENTRY_LENGTH + 1];
    let mut bundle = b"before".to_vec();
    assert_eq!(push_entry(&mut bundle, &too_long), Err(BundleError::EntryTooLong(MAX_ENTRY_LENGTH + 1)));
    assert_eq!(bundle, b"before");
    assert_eq!(encode_bundle([&b""[..]; 257]), Err(BundleError::WrongWidth(256)));
}
