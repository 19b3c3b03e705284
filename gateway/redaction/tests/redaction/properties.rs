use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

/// Values that must never leave, put together so that none stands in the source whole.
pub(crate) fn planted() -> impl Strategy<Value = String> {
    prop_oneof![
        ("[a-z]{2,8}", "[a-z]{3,8}").prop_map(|(local, host)| format!("{local}.q7@{host}.com")),
        (1..600u32, 1..99u32, 1000..9999u32)
            .prop_filter("known fakes", |(area, ..)| ![78, 219].contains(area))
            .prop_map(|(area, group, serial)| format!("{area:03}-{group:02}-{serial}")),
        prop::collection::vec(0..10u8, 11).prop_map(pan),
        prop::collection::vec(0..10u8, 18).prop_map(iban),
    ]
}

/// A Visa number with a right check digit.
fn pan(digits: Vec<u8>) -> String {
    let payload = [vec![4, 1, 1, 1], digits].concat();
    let sum: u32 = payload
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(*digit) * if place % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    payload
        .into_iter()
        .map(u32::from)
        .chain([(10 - sum % 10) % 10])
        .map(|d| d.to_string())
        .collect()
}

/// A German account number with right check digits.
fn iban(digits: Vec<u8>) -> String {
    let account: String = digits.iter().map(u8::to_string).collect();
    let remainder = format!("{account}131400")
        .bytes()
        .fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("DE{:02}{account}", 98 - remainder)
}

pub(crate) fn hiding() -> impl Strategy<Value = Action> {
    prop::sample::select(vec![
        Action::Pseudonymize,
        Action::Mask,
        Action::Replace,
        Action::Drop,
    ])
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        planted().prop_map(Value::from),
        ("[a-z ]{0,20}", planted(), "[ ,.;é😀\"]{1,8}")
            .prop_map(|(before, planted, after)| format!("{before} {planted}{after}").into()),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "email",
            "name",
            "type",
            "value",
            "ssn",
            "note",
            "patient",
            "id",
            "resourceType",
            "phone",
            "system",
            "date of birth",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

/// The value as JSON, with every free choice of writing taken from `whims`.
fn write(value: &Value, whims: &mut impl Iterator<Item = u8>, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                write(item, whims, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push_str("{\n");
            for (index, (name, item)) in members.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                write_string(name, whims, text);
                text.push_str(if whims.next() > Some(128) { ": " } else { ":" });
                write(item, whims, text);
            }
            text.push('}');
        }
        Value::String(string) => write_string(string, whims, text),
        _ => text.push_str(&value.to_string()),
    }
}

pub(crate) fn write_string(string: &str, whims: &mut impl Iterator<Item = u8>, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        if character < ' ' || "\"\\".contains(character) || whims.next() > Some(224) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(text, "\\u{unit:04X}").unwrap();
            }
        } else {
            text.push(character);
        }
    }
    text.push('"');
}

pub(crate) fn document() -> impl Strategy<Value = (Value, String)> {
    (value(), prop::collection::vec(any::<u8>(), 1..64)).prop_map(|(value, whims)| {
        let mut text = String::new();
        write(&value, &mut whims.iter().copied().cycle(), &mut text);
        (value, text)
    })
}

/// Same containers, same lengths, scalars where scalars were; names may have been covered.
fn same_shape(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Array(before), Value::Array(after)) => {
            before.len() == after.len()
                && before
                    .iter()
                    .zip(after)
                    .all(|(before, after)| same_shape(before, after))
        }
        (Value::Object(before), Value::Object(after)) => {
            let kept = |(name, after): (&String, &Value)| {
                before
                    .get(name)
                    .is_none_or(|before| same_shape(before, after))
            };
            // Two names that were covered alike are one to serde_json.
            after.len() <= before.len() && after.iter().all(kept)
        }
        (Value::String(_), after) => after.is_string() || after.is_null(),
        (Value::Number(_), after) => after.is_number() || after.is_null(),
        (Value::Bool(_), after) => after.is_boolean() || after.is_null(),
        (Value::Null, after) => after.is_null(),
        _ => false,
    }
}

pub(crate) fn strings<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(members) => members.iter().for_each(|(name, item)| {
            found.push(name);
            strings(item, found);
        }),
        _ => {}
    }
}

proptest! {
    #[test]
    fn cuts_change_nothing_and_the_shape_holds(
        (value, text) in document(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        action in prop_oneof![hiding(), Just(Action::Show)],
    ) {
        let disclose = move |_: DataClass| action;
        let bytes = text.as_bytes();
        let whole = redact_cut(bytes, &[], disclose).unwrap();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&redact_cut(bytes, &cuts, disclose).unwrap(), &whole);
        let every: Vec<_> = (1..bytes.len()).collect();
        prop_assert_eq!(&redact_cut(bytes, &every, disclose).unwrap(), &whole);

        let (released, summary) = whole;
        let after: Value = serde_json::from_slice(&released).unwrap();
        prop_assert!(same_shape(&value, &after), "{value} became {after}");
        if action == Action::Show || summary.findings() == 0 {
            prop_assert_eq!(released, bytes);
        }
    }

    #[test]
    fn vectors_and_memory_change_nothing(
        (_, record) in document(),
        (_, other) in document(),
        copies in 1..40usize,
        cut in any::<prop::sample::Index>(),
        action in prop_oneof![hiding(), Just(Action::Show)],
    ) {
        let records = [record.clone(), other, record].join(",");
        let document = format!("[{}]", vec![records; copies].join(","));
        let document = document.as_bytes();
        let disclose = move |_: DataClass| action;
        let plain = Redactor::new(disclose, Arc::new(TestPseudonyms), Box::new(Workspace::plain()));
        let expected = redact_with(document, &[], plain).unwrap();
        // Token by token, as a walk of single bytes goes.
        let every: Vec<_> = (1..document.len()).collect();
        prop_assert_eq!(&redact_cut(document, &every, disclose).unwrap(), &expected);
        let cut = cut.index(document.len());
        prop_assert_eq!(&redact_cut(document, &[], disclose).unwrap(), &expected);
        prop_assert_eq!(&redact_cut(document, &[cut], disclose).unwrap(), &expected);
    }

    #[test]
    fn what_is_planted_never_leaves(
        planted in planted(),
        (before, after) in ("([a-z]{1,8} ){0,3}", "( [a-z]{1,8}){0,3}"),
        whims in prop::collection::vec(any::<u8>(), 1..64),
        cut in any::<prop::sample::Index>(),
        action in hiding(),
    ) {
        let mut whims = whims.iter().copied().cycle();
        let text = format!("{before}{planted}{after}");
        let value = serde_json::json!({ "rows": [{ "x": text }, [text]], "y": 1, (planted.as_str()): 1 });
        let mut document = String::new();
        write(&value, &mut whims, &mut document);
        let cut = cut.index(document.len());
        let (released, summary) =
            redact_cut(document.as_bytes(), &[cut], move |_: DataClass| action).unwrap();
        prop_assert!(summary.findings() >= 3, "{document}: {summary:?}");
        let released: Value = serde_json::from_slice(&released).unwrap();
        let mut found = Vec::new();
        strings(&released, &mut found);
        prop_assert!(found.iter().all(|text| !text.contains(&planted)), "{document} became {released}");
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(prop::sample::select(b"\"\\{}[],:019-.e@aflnrstu \x80\xC3\xBF".to_vec()), 0..60),
    ) {
        let whole = redact(&bytes, Action::Replace);
        let every: Vec<_> = (1..bytes.len()).collect();
        let cut = redact_cut(&bytes, &every, |_: DataClass| Action::Replace);
        prop_assert_eq!(whole, cut);
    }
}
