use jiff::Timestamp;
use proptest::prelude::*;
use vault::Keyring;

use super::*;
use crate::{Lifecycle, Outcome, Retention};

const LOG: LogTag = *b"logs";

fn key() -> DataKey {
    let home = tempfile::tempdir().unwrap();
    let keyring = Keyring::open_or_create(&home.path().join("keyring.json")).unwrap();
    DataKey::generate(&keyring.provider(), b"").unwrap().0
}

fn draft(event: &Event) -> Result<Draft, SealError> {
    let event = event.into();
    Draft::new(event, Retention::default().term(&event))
}

fn started(note: &str) -> Event {
    Event::Start(Lifecycle {
        at: Timestamp::from_microsecond(1_700_000_000_000_001).unwrap(),
        version: "1.0.0".into(),
        config: "c".into(),
        policy: "p".into(),
        notes: vec![note.into()],
        country: None,
    })
}

proptest! {
    #[test]
    fn what_is_sealed_opens_and_its_header_is_in_clear(note: String, index: u64, id: u32) {
        let (key, event) = (key(), started(&note));
        let leaf = draft(&event).unwrap().seal(LOG, index, id, &key).unwrap();
        let header = Header::parse(&leaf).unwrap();
        prop_assert_eq!(header, Header {
            kind: Kind::Start,
            key: id,
            index,
            at_us: 1_700_000_000_000_001,
            opening: None,
            log: Some(LOG),
        });
        prop_assert_eq!(open(&leaf, &key).unwrap(), event);
    }

    #[test]
    fn one_flipped_bit_of_a_leaf_does_not_open(place: prop::sample::Index, bit in 0..8_u32) {
        let key = key();
        let mut leaf = draft(&started("x")).unwrap().seal(LOG, 3, 1, &key).unwrap();
        let at = place.index(leaf.len());
        leaf[at] ^= 1 << bit;
        prop_assert!(open(&leaf, &key).is_err());
    }

    #[test]
    fn no_bytes_upset_the_reader(bytes: Vec<u8>) {
        let _ = Header::parse(&bytes);
        prop_assert!(open(&bytes, &key()).is_err());
    }
}

#[test]
fn a_close_names_its_opening_in_clear() {
    let outcome = Outcome {
        at: Timestamp::UNIX_EPOCH,
        opening: 41,
        status: Some(200),
        upstream_status: Some(200),
        sent: true,
        result: "released".into(),
        reason: None,
        request: crate::BodyRecord::default(),
        response: crate::BodyRecord::default(),
        credential: None,
        model: None,
        mediation: None,
        duration_us: 5,
    };
    let event = Event::Close(Box::new(outcome));
    let leaf = draft(&event).unwrap().seal(LOG, 42, 1, &key()).unwrap();
    let header = Header::parse(&leaf).unwrap();
    assert_eq!((header.kind, header.opening), (Kind::Close, Some(41)));
}

#[test]
fn an_event_beyond_the_limit_is_refused() {
    let long = started(&"x".repeat(RECORD_BYTES_MAX));
    assert!(matches!(draft(&long), Err(SealError::TooLarge { .. })));
}

/// A leaf as it was written before leaves said which log they are of.
#[test]
fn a_leaf_of_version_1_is_read() {
    let (key, event) = (key(), started("x"));
    let leaf = draft(&event).unwrap().seal(LOG, 3, 1, &key).unwrap();
    let header = [&[1], &leaf[1..30]].concat();
    let mut plain = serde_json::to_vec(&event).unwrap();
    let seal = key.seal(&header, &mut plain).unwrap();
    let old = [&header[..], &seal.nonce, &plain, &seal.tag].concat();
    let expected = Header {
        log: None,
        ..Header::parse(&leaf).unwrap()
    };
    assert_eq!(Header::parse(&old), Some(expected));
    assert_eq!(open(&old, &key).unwrap(), event);
}
