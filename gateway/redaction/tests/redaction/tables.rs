use std::io::Write;

use classifiers::media::json::{DEPTH_MAX, Flaw, VALUE_BYTES_MAX};
use redaction::{Coding, Media, PLACES_MAX, Undecodable};

use super::*;

const PAN: &str = concat!("4111 1111", " 1111 1111");

fn check(document: &str, action: Action, expected: &str) {
    let (released, _) = redact(document.as_bytes(), action).unwrap();
    assert_eq!(
        String::from_utf8(released).unwrap(),
        expected,
        "{document} under {action}"
    );
}

#[test]
fn each_action_covers_the_finding_and_nothing_else() {
    let ssn = r#"{"note": "is 536-22-8726, yes", "n":1.0e+2}"#;
    check(ssn, Action::Show, ssn);
    check(
        ssn,
        Action::Mask,
        r#"{"note": "is ***-**-8726, yes", "n":1.0e+2}"#,
    );
    check(
        ssn,
        Action::Replace,
        r#"{"note": "is [pii.us_ssn], yes", "n":1.0e+2}"#,
    );
    check(ssn, Action::Drop, r#"{"note": null, "n":1.0e+2}"#);
}

#[test]
fn masks_keep_what_their_class_may_keep() {
    check(
        r#"["joe@example.com"]"#,
        Action::Mask,
        r#"["j***@***.com"]"#,
    );
    check(r#"["j@example.com"]"#, Action::Mask, r#"["***@***.com"]"#);
    check(
        &format!("[\"{PAN}\"]"),
        Action::Mask,
        r#"["**** **** **** 1111"]"#,
    );
    check(
        r#"{"birth_date":"1971-03-09"}"#,
        Action::Mask,
        r#"{"birth_date":"****-**-**"}"#,
    );
    check(
        r#"{"last_name":"M\u00fcller-Wei\u00df"}"#,
        Action::Mask,
        r#"{"last_name":"******-****"}"#,
    );
}

#[test]
fn numbers_stay_numbers() {
    let number = PAN.replace(' ', "");
    let card = &format!("{{\"card_number\":{number}}}");
    check(card, Action::Mask, r#"{"card_number":0}"#);
    check(card, Action::Replace, r#"{"card_number":0}"#);
    check(card, Action::Drop, r#"{"card_number":null}"#);
    let (released, _) = redact(card.as_bytes(), Action::Pseudonymize).unwrap();
    let digits = &released[r#"{"card_number":"#.len()..released.len() - 1];
    assert_eq!(digits.len(), 16);
    assert!(digits[0] != b'0' && digits.iter().all(u8::is_ascii_digit));
    assert_ne!(digits, number.as_bytes());
}

#[test]
fn equal_values_have_equal_pseudonyms_of_a_fitting_shape() {
    let document = br#"["joe@example.com","joe@exampl\u0065.com","ann@example.com","536-22-8726"]"#;
    let (released, _) = redact(document, Action::Pseudonymize).unwrap();
    let texts: Vec<String> = serde_json::from_slice(&released).unwrap();
    assert_eq!(texts[0], texts[1]);
    assert_ne!(texts[0], texts[2]);
    assert!(texts[0].starts_with("p-") && texts[0].ends_with("@pseudonym.invalid"));
    assert_eq!((texts[0].len(), texts[3].len()), (36, 18));
}

#[test]
fn a_name_that_is_a_finding_is_covered_and_not_told() {
    let document = br#"{"joe@example.com":{"email":"ann@example.com"}}"#;
    let (released, summary) = redact(document, Action::Drop).unwrap();
    assert_eq!(released, br#"{"[pii.email]":{"email":null}}"#);
    let paths: Vec<_> = summary
        .places
        .iter()
        .map(|place| place.path.as_str())
        .collect();
    assert_eq!(paths, ["/?", "/?/email"]);
}

#[test]
fn findings_are_counted_by_class_place_and_action() {
    let document = br#"{"data":[{"email":"a1@example.com"},{"email":"b1@example.com"}],
        "odd name":{"text":"c1@example.com and 536-22-8726"}}"#;
    let disclose = |class: DataClass| {
        if class == DataClass::US_SSN {
            Action::Show
        } else {
            Action::Replace
        }
    };
    let (_, summary) = redact_cut(document, &[], disclose).unwrap();
    let places: Vec<_> = summary
        .places
        .iter()
        .map(|place| (place.class, place.path.as_str(), place.action, place.count))
        .collect();
    assert_eq!(
        places,
        [
            (DataClass::EMAIL, "/data/*/email", Action::Replace, 2),
            (DataClass::EMAIL, "/?/text", Action::Replace, 1),
            (DataClass::US_SSN, "/?/text", Action::Show, 1),
        ]
    );
    assert_eq!(summary.findings(), 4);
}

#[test]
fn places_beyond_the_limit_are_only_counted() {
    let members: Vec<_> = (0..100)
        .map(|n| format!("\"m{n}\":\"u{n}@example.com\""))
        .collect();
    let document = format!("{{{}}}", members.join(","));
    let (_, summary) = redact(document.as_bytes(), Action::Mask).unwrap();
    assert_eq!(summary.places.len(), PLACES_MAX);
    assert_eq!(summary.unlisted, 100 - PLACES_MAX as u64);
    assert_eq!(summary.findings(), 100);
}

#[test]
fn a_blocking_class_stops_the_message_for_good() {
    let mut redactor = redactor(|class: DataClass| {
        if class == DataClass::US_SSN {
            Action::Block
        } else {
            Action::Show
        }
    });
    let mut out = Output::new();
    let chunk = Bytes::from_static(br#"{"a":["536-22-8726"],"b":"x@example.com"}"#);
    let blocked = redactor.push(&chunk, &mut out).unwrap_err();
    let path = "/a/*".to_owned();
    assert_eq!(
        blocked,
        Interrupted::Blocked {
            class: DataClass::US_SSN,
            path
        }
    );
    assert_eq!(redactor.push(&chunk, &mut out), Err(blocked.clone()));
    assert_eq!(redactor.finish(&mut out), Err(blocked));
    assert!(out.is_empty());
    assert_eq!(redactor.summary().findings(), 1);
}

#[test]
fn what_cannot_be_read_interrupts_with_its_byte() {
    let unreadable = |offset, flaw| Err(Interrupted::Unreadable { offset, flaw });
    assert_eq!(
        redact(b"<html>", Action::Show),
        unreadable(0, Flaw::ByteOutOfPlace)
    );
    assert_eq!(redact(b"[1", Action::Show), unreadable(2, Flaw::Truncated));
    let deep = "[".repeat(DEPTH_MAX + 1);
    assert_eq!(
        redact(deep.as_bytes(), Action::Show),
        unreadable(127, Flaw::TooDeep)
    );
}

#[test]
fn a_sibling_tells_what_a_value_is_across_chunks() {
    let document = br#"{"rows":[{"name":"ssn","value":"536228726"}]}"#;
    for cut in 0..document.len() {
        let (released, summary) =
            redact_cut(document, &[cut], |_: DataClass| Action::Replace).unwrap();
        let expected = r#"{"rows":[{"name":"ssn","value":"[pii.us_ssn]"}]}"#;
        assert_eq!(String::from_utf8(released).unwrap(), expected);
        assert_eq!(summary.places[0].path, "/rows/*/value");
    }
}

#[test]
fn a_clean_chunk_leaves_as_the_very_same_bytes() {
    let chunk = Bytes::from(format!("{{\"text\":\"{}\"}}", "steel bolt ".repeat(100)));
    let mut redactor = redactor(|_: DataClass| Action::Drop);
    let mut out = Output::new();
    redactor.push(&chunk, &mut out).unwrap();
    let released = out.pop().unwrap();
    assert_eq!(released.as_ptr(), chunk.as_ptr());
    assert_eq!(released, chunk);
}

#[test]
fn only_the_open_token_is_held_back() {
    let mut redactor = redactor(|_: DataClass| Action::Replace);
    let mut out = Output::new();
    redactor
        .push(&Bytes::from_static(b"{\"a\":1,\"b\":\"joe@exam"), &mut out)
        .unwrap();
    assert_eq!(out.contiguous(), "{\"a\":1,\"b\":");
    redactor
        .push(&Bytes::from_static(b"ple.com\",\"c\":12"), &mut out)
        .unwrap();
    assert_eq!(out.contiguous(), "\"[pii.email]\",\"c\":");
    redactor.push(&Bytes::from_static(b"3}"), &mut out).unwrap();
    assert_eq!(out.contiguous(), "123}");
}

#[test]
fn a_coded_body_is_decoded_and_redacted() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(br#"["joe@example.com"]"#).unwrap();
    let coded = Bytes::from(encoder.finish().unwrap());
    let mut out = Output::new();
    let mut whole = body(Coding::Gzip, Media::Json, |_: DataClass| Action::Replace);
    whole.push(&coded, &mut out).unwrap();
    whole.finish(&mut out).unwrap();
    assert_eq!(out.contiguous(), r#"["[pii.email]"]"#);
    assert_eq!(whole.summary().findings(), 1);

    let mut cut = body(Coding::Gzip, Media::Json, |_: DataClass| Action::Replace);
    cut.push(&coded.slice(..coded.len() - 3), &mut out).unwrap();
    assert_eq!(
        cut.finish(&mut out),
        Err(Interrupted::Undecodable(Undecodable::Corrupt))
    );
}

#[test]
fn a_long_stream_is_redacted_in_bounded_memory() {
    const STREAM_BYTES: usize = 64 << 20;
    let mut redactor = redactor(|_: DataClass| Action::Mask);
    let mut out = Output::new();
    let (mut pushed, mut most) = (0, 0);
    let text = "no name, no number ".repeat(VALUE_BYTES_MAX / 40);
    let element = format!("{{\"mail\":\"joe@example.com\",\"text\":\"{text}\",\"n\":[1,2,3]}},");
    let chunk = Bytes::from(element.into_bytes());
    redactor.push(&Bytes::from_static(b"["), &mut out).unwrap();
    while pushed < STREAM_BYTES {
        for piece in [
            chunk.slice(..chunk.len() / 2),
            chunk.slice(chunk.len() / 2..),
        ] {
            pushed += piece.len();
            redactor.push(&piece, &mut out).unwrap();
            most = most.max(out.len());
            while out.pop().is_some() {}
        }
    }
    redactor
        .push(&Bytes::from_static(b"null]"), &mut out)
        .unwrap();
    redactor.finish(&mut out).unwrap();
    let (summary, work) = redactor.into_parts();
    assert!(summary.findings() > 0);
    assert!(most <= chunk.len() + 64, "{most}");
    assert!(
        work.capacity() <= 2 * VALUE_BYTES_MAX,
        "{}",
        work.capacity()
    );
}
