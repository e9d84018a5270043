//! Tests of passes of both versions.

use super::*;

fn key() -> PassKey {
    PassKey { id: 7, secret: [9; 32] }
}

fn contest() -> ContestId {
    "photo-2021".parse().unwrap()
}

fn pass() -> Pass {
    Pass {
        voter: VoterTag([3; 16]),
        channel: Some("fan".parse().unwrap()),
        group: Some("africa".to_owned()),
        expires: "2021-04-01T00:00:00Z".parse().unwrap(),
        admission: None,
    }
}

fn pass_2() -> Pass {
    let at = "2021-03-01T12:00:00Z".parse().unwrap();
    Pass { admission: Some(Admission { method: AdmissionMethod::Email, at, generation: 70_000 }), ..pass() }
}

/// The bytes of minted passes never change.
#[test]
fn pass_bytes_never_change() {
    let bare = Pass { channel: None, group: None, ..pass_2() };
    let first = Admission { method: AdmissionMethod::Pass, at: Timestamp::UNIX_EPOCH, generation: 0 };
    for (pass, text) in
        [(pass(), GOLDEN[0]), (pass_2(), GOLDEN[1]), (Pass { admission: Some(first), ..bare }, GOLDEN[2])]
    {
        assert_eq!(pass.mint(&key(), &contest()).as_deref(), Some(text));
        let now = "2021-03-31T00:00:00Z".parse().unwrap();
        assert_eq!(Pass::verify(text, &[key()], &contest(), now), Ok(pass));
    }
}

const GOLDEN: [&str; 3] = [
    "AQcAAABuPVcWFXUv5AANZWAAAAAAAwMDAwMDAwMDAwMDAwMDAwNmYW4GYWZyaWNhBTyrev2wsfFOA3z60WHHoA",
    "AgcAAABuPVcWFXUv5AANZWAAA0DXPGAAcBEBAAMDAwMDAwMDAwMDAwMDAwMDZmFuBmFmcmljYe_1dskTh1v_nUNYZnAuOzs",
    "AgcAAABuPVcWFXUv5AANZWAAAQAAAAAAAAAAAAMDAwMDAwMDAwMDAwMDAwMAAGdfsfIvIjLldtn2njWQr3s",
];

#[test]
fn each_method_has_its_own_byte() {
    let methods: Vec<AdmissionMethod> = (0..=u8::MAX).filter_map(AdmissionMethod::from_byte).collect();
    assert_eq!(methods.len(), 6);
    for method in methods {
        assert_eq!(AdmissionMethod::from_byte(method.byte()), Some(method));
        assert!(!method.as_str().is_empty());
    }
}

#[test]
fn rejects_instants_that_pass_cannot_hold() {
    let now = "2021-03-01T00:00:00Z".parse().unwrap();
    let with = |expires, at| {
        let admission = Some(Admission { method: AdmissionMethod::Code, at, generation: u32::MAX });
        Pass { expires, admission, ..pass() }
    };
    let last = Timestamp::from_second(Timestamp::MAX.as_second()).unwrap();
    let longest = with(last, last);
    let text = longest.mint(&key(), &contest()).unwrap();
    assert_eq!(Pass::verify(&text, &[key()], &contest(), now), Ok(longest));
    let early: Timestamp = "1969-12-31T23:59:59Z".parse().unwrap();
    assert_eq!(with(early, last).mint(&key(), &contest()), None);
    assert_eq!(with(last, early).mint(&key(), &contest()), None);
}

#[test]
fn minted_pass_verifies_to_same_content() {
    let now = "2021-03-31T23:59:59.999Z".parse().unwrap();
    let older = PassKey { id: 6, secret: [1; 32] };
    for pass in [pass(), pass_2(), Pass { channel: None, group: None, ..pass() }] {
        let text = pass.mint(&key(), &contest()).unwrap();
        assert!(text.len() <= MAX_TEXT_LENGTH);
        assert_eq!(Pass::verify(&text, &[older.clone(), key()], &contest(), now), Ok(pass));
    }
}

#[test]
fn rejects_every_flipped_bit() {
    let now = "2021-03-01T00:00:00Z".parse().unwrap();
    for pass in [pass(), pass_2()] {
        let bytes = URL_SAFE_NO_PAD.decode(pass.mint(&key(), &contest()).unwrap()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(flipped);
            assert_eq!(Pass::verify(&text, &[key()], &contest(), now), Err(PassError::Invalid), "bit {bit}");
        }
    }
}

#[test]
fn rejects_group_that_is_not_an_identifier() {
    let now = "2021-03-01T00:00:00Z".parse().unwrap();
    let text = Pass { group: Some("africa".to_owned()), ..pass() }.mint(&key(), &contest()).unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
    bytes.truncate(bytes.len() - MAC_LENGTH);
    let at = bytes.len() - "africa".len();
    bytes[at] = b'`';
    bytes.extend(mac(&key(), &bytes.clone()));
    let text = URL_SAFE_NO_PAD.encode(bytes);
    assert_eq!(Pass::verify(&text, &[key()], &contest(), now), Err(PassError::Invalid));
}

#[test]
fn rejects_other_contest_expired_pass_and_unknown_key() {
    let text = pass().mint(&key(), &contest()).unwrap();
    let before = "2021-03-01T00:00:00Z".parse().unwrap();
    let other = "photo-2022".parse().unwrap();
    assert_eq!(Pass::verify(&text, &[key()], &other, before), Err(PassError::AnotherContest));
    assert_eq!(Pass::verify(&text, &[key()], &contest(), pass().expires), Err(PassError::Expired));
    assert_eq!(Pass::verify(&text, &[], &contest(), before), Err(PassError::Invalid));
    for garbage in ["", "x", "....", &"A".repeat(4096), "é"] {
        assert_eq!(Pass::verify(garbage, &[key()], &contest(), before), Err(PassError::Invalid));
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_does_not_panic(text in "[A-Za-z0-9_-]{0,300}") {
        let now = "2021-03-01T00:00:00Z".parse().unwrap();
        proptest::prop_assert!(Pass::verify(&text, &[key()], &contest(), now).is_err());
    }
}
