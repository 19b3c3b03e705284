//! What each transform leaves of a value: tables of cases, then what holds for all values.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{keys::TestKeys, *};

fn transformed(document: &str, action: Action, keys: Arc<TestKeys>) -> String {
    let redactor = Redactor::new(move |_: DataClass| action, keys, Box::new(Workspace::new()));
    let (released, _) = redact_with(document.as_bytes(), &[], redactor).unwrap();
    String::from_utf8(released).unwrap()
}

fn check(document: &str, action: Action, expected: &str) {
    assert_eq!(
        transformed(document, action, TestKeys::of(0)),
        expected,
        "{document} under {action}"
    );
}

#[test]
fn dates_are_generalized_to_their_year_and_stay_dates() {
    use Action::Generalize;
    for (from, to) in [
        ("1971-03-09", "1971-01-01"),
        ("09.03.1971", "01.01.1971"),
        ("03/09/1971", "01/01/1971"),
        ("1971-03", "1971-01"),
        ("1971-03-09T10:11:12Z", "1971-01-01T00:00:00Z"),
        ("1920-03-09", "1936-01-01"),
    ] {
        check(
            &format!(r#"{{"birth_date":"{from}"}}"#),
            Generalize,
            &format!(r#"{{"birth_date":"{to}"}}"#),
        );
    }
    check(
        r#"{"birth_date":19710309}"#,
        Generalize,
        r#"{"birth_date":19710101}"#,
    );
    let unknown_year = TestKeys::about(0, None, None);
    assert_eq!(
        transformed(r#"{"birth_date":"1971-03-09"}"#, Generalize, unknown_year),
        r#"{"birth_date":"[pii.dob]"}"#
    );
}

#[test]
fn zip_codes_and_ages_keep_what_the_safe_harbor_lets_stay() {
    use Action::Generalize;
    for (from, to) in [
        (json!("10001"), json!("100")),
        (json!("10001-2345"), json!("100")),
        (json!("05901"), json!("000")),
        (json!("03601"), json!("000")),
        (json!(10001), json!(100)),
        (json!(2139), json!(21)),
        (json!(89301), json!(0)),
        (json!("SW1A 1AA"), json!("[pii.postal_code]")),
    ] {
        let document = json!({ "address": { "zip_code": from } }).to_string();
        let got = transformed(&document, Generalize, TestKeys::of(0));
        let got: Value = serde_json::from_str(&got).unwrap();
        assert_eq!(got["address"]["zip_code"], to, "{document}");
    }
    check(r#"{"age":93}"#, Generalize, r#"{"age":90}"#);
    check(r#"{"age":"93"}"#, Generalize, r#"{"age":"90+"}"#);
    check(r#"{"age":42}"#, Generalize, r#"{"age":42}"#);
    check(
        r#"{"email":"ann@example.com"}"#,
        Generalize,
        r#"{"email":"[pii.email]"}"#,
    );
}

#[test]
fn networks_and_places_are_truncated() {
    let cut = Action::Truncate(2);
    check(r#"{"ip":"203.0.113.77"}"#, cut, r#"{"ip":"203.0.113.0"}"#);
    check(
        r#"{"ip":"2001:db8:85a3:8d3:1319:8a2e:370:7348"}"#,
        cut,
        r#"{"ip":"2001:db8:85a3::"}"#,
    );
    check(
        r#"{"latitude":48.137154,"longitude":"11.575490"}"#,
        cut,
        r#"{"latitude":48.13,"longitude":"11.57"}"#,
    );
    check(
        r#"{"latitude":-48.137154}"#,
        Action::Truncate(0),
        r#"{"latitude":-48}"#,
    );
}

#[test]
fn masks_keep_as_many_characters_as_they_are_told() {
    let mail = r#"{"email":"ann@example.com"}"#;
    check(
        mail,
        Action::MaskKeeping(3),
        r#"{"email":"***@*******.com"}"#,
    );
    check(
        mail,
        Action::MaskKeeping(0),
        r#"{"email":"***@*******.***"}"#,
    );
    // Where it would be half of the value, nothing is kept.
    check(
        r#"{"last_name":"Wu"}"#,
        Action::MaskKeeping(1),
        r#"{"last_name":"**"}"#,
    );
}

#[test]
fn dates_of_one_subject_move_together_and_within_bounds() {
    let days = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    let document = r#"{"birth_date":"1971-03-09","patient":{"birth_date":"1971-03-19"}}"#;
    let mut offsets = Vec::new();
    for subject in ["C-1", "C-2", "C-3", "C-4", "C-5"] {
        let shifted = transformed(
            document,
            Action::DateShift(30),
            TestKeys::about(0, Some(subject), Some(2026)),
        );
        let shifted: Value = serde_json::from_str(&shifted).unwrap();
        let one = days(shifted["birth_date"].as_str().unwrap());
        let two = days(shifted["patient"]["birth_date"].as_str().unwrap());
        assert_eq!((two - one).get_days(), 10);
        let offset = (one - days("1971-03-09")).get_days();
        assert!(offset != 0 && offset.abs() <= 30, "{offset}");
        offsets.push(offset);
        let other_host = TestKeys::about(1, Some(subject), Some(2026));
        let again = transformed(document, Action::DateShift(30), other_host);
        assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), shifted);
    }
    offsets.dedup();
    assert!(offsets.len() > 1, "{offsets:?}");
    let nobody = TestKeys::about(0, None, Some(2026));
    assert_eq!(
        transformed(
            r#"{"birth_date":"1971-03-09"}"#,
            Action::DateShift(30),
            nobody
        ),
        r#"{"birth_date":"1971-01-01"}"#
    );
}

#[test]
fn without_keys_nothing_but_a_placeholder_leaves() {
    for action in [Action::Tokenize, Action::Encipher, Action::Synthesize] {
        let (released, _) = redact(br#"{"email":"ann@example.com"}"#, action).unwrap();
        assert_eq!(released, br#"{"email":"[pii.email]"}"#, "{action}");
    }
}

#[test]
fn a_token_stays_what_it_is_where_it_is_found_again() {
    // What is under this name is a secret whatever it looks like.
    let secret = ["Wren", "fold", "9"].concat();
    let secret = json!({ "password": secret }).to_string();
    let once = transformed(&secret, Action::Tokenize, TestKeys::of(0));
    assert!(once.contains("tok_secret.password_"), "{once}");
    for action in [Action::Tokenize, Action::Pseudonymize, Action::Mask] {
        assert_eq!(
            transformed(&once, action, TestKeys::of(1)),
            once,
            "{action}"
        );
    }
    for action in [Action::Replace, Action::Drop] {
        assert_ne!(
            transformed(&once, action, TestKeys::of(1)),
            once,
            "{action}"
        );
    }
    let strange = transformed(&once, Action::Mask, TestKeys::of(2));
    assert_ne!(strange, once);
}

fn hiding() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Tokenize),
        Just(Action::Encipher),
        Just(Action::Synthesize),
        (1..400u16).prop_map(Action::DateShift),
        (0..3u8).prop_map(Action::Truncate),
        Just(Action::Generalize),
        (0..5u8).prop_map(Action::MaskKeeping),
    ]
}

/// Members whose names tell what they hold, with values that every transform must change.
fn record() -> impl Strategy<Value = Value> {
    let date = (1940..2020u16, 2..13u8, 2..29u8).prop_map(|(y, m, d)| format!("{y}-{m:02}-{d:02}"));
    (
        ("[a-z]{2,8}", "[a-z]{3,8}"),
        date,
        10_000..99_999u32,
        91..120u8,
        (1..250u8, 1..250u8),
        "[A-Z][a-z]{4,9}",
        (-89..89i32, 100_001..999_999u32),
    )
        .prop_map(
            |((local, host), date, zip, age, (a, b), name, (degrees, fraction))| {
                json!({
                    "email": format!("{local}.q7@{host}.com"),
                    "birth_date": date,
                    "zip_code": zip,
                    "age": age,
                    "ip": format!("203.{a}.113.{b}"),
                    "last_name": name,
                    "latitude": format!("{degrees}.{fraction}").parse::<f64>().unwrap(),
                    "card_number": 4_111_111_111_111_111u64 / 10 * 10 + 1,
                })
            },
        )
}

proptest! {
    #[test]
    fn types_are_kept_cuts_change_nothing_and_no_planted_value_survives(
        record in record(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        action in hiding(),
    ) {
        let document = record.to_string();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(document.len())).collect();
        cuts.sort_unstable();
        let by = |host, cuts: &[usize]| {
            let redactor = Redactor::new(
                move |_: DataClass| action,
                TestKeys::of(host),
                Box::new(Workspace::new()),
            );
            redact_with(document.as_bytes(), cuts, redactor).unwrap()
        };
        let whole = by(0, &[]);
        prop_assert_eq!(&by(0, &cuts), &whole);
        let every: Vec<_> = (1..document.len()).collect();
        prop_assert_eq!(&by(1, &every), &whole, "another host, every cut");
        let after: Value = serde_json::from_slice(&whole.0).unwrap();
        for (name, before) in record.as_object().unwrap() {
            let after = &after[name];
            prop_assert_eq!(before.is_number(), after.is_number(), "{}: {} {}", name, before, after);
            prop_assert_eq!(before.is_string(), after.is_string(), "{}: {} {}", name, before, after);
            let found = whole.1.places.iter().any(|place| place.path == format!("/{name}"));
            prop_assert!(!found || before != after, "{name} stayed {before} under {action}");
            if found && name == "birth_date" && !matches!(action, Action::Tokenize | Action::Truncate(_) | Action::Encipher | Action::MaskKeeping(_)) {
                prop_assert!(after.as_str().unwrap().parse::<jiff::civil::Date>().is_ok(), "{after}");
            }
        }
        for found in ["email", "birth_date", "card_number", "ip"] {
            prop_assert!(whole.1.places.iter().any(|place| place.path == format!("/{found}")), "{found}");
        }
    }
}
