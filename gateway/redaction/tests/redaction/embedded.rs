//! Documents in strings of documents: JSON, base64, data URLs, and those in each other.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use classifiers::embedded::EMBEDDED_DEPTH_MAX;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::properties::{planted, write_string};
use super::*;

/// How a document is put into a string.
#[derive(Clone, Copy, Debug)]
enum Wrap {
    Escaped,
    /// As a JSON string: escaped twice.
    Quoted,
    Base64,
    Url,
    Lines,
    DataBase64,
    DataPercent,
}

impl Wrap {
    const ALL: [Self; 7] = [
        Self::Escaped,
        Self::Quoted,
        Self::Base64,
        Self::Url,
        Self::Lines,
        Self::DataBase64,
        Self::DataPercent,
    ];

    fn wrap(self, text: &str) -> String {
        match self {
            Self::Escaped => text.to_owned(),
            Self::Quoted => serde_json::to_string(text).unwrap(),
            Self::Base64 => STANDARD.encode(text),
            Self::Url => URL_SAFE_NO_PAD.encode(text),
            Self::Lines => {
                let letters = STANDARD.encode(text).into_bytes();
                let lines: Vec<_> = letters.chunks(60).collect();
                String::from_utf8(lines.join(&b'\n')).unwrap() + "\n"
            }
            Self::DataBase64 => format!("data:application/json;base64,{}", STANDARD.encode(text)),
            Self::DataPercent => {
                let mut url = String::from("data:application/json,");
                for byte in text.bytes() {
                    if byte.is_ascii_alphanumeric() {
                        url.push(char::from(byte));
                    } else {
                        write!(url, "%{byte:02x}").unwrap();
                    }
                }
                url
            }
        }
    }

    fn unwrap(self, text: &str) -> String {
        let bytes = match self {
            Self::Escaped => return text.to_owned(),
            Self::Quoted => return serde_json::from_str(text).unwrap(),
            Self::Base64 => STANDARD.decode(text).unwrap(),
            // Whether it had padding does not show where it needs none.
            Self::Url => URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap(),
            Self::Lines => {
                // One line does not tell how long lines are.
                let fits = |line: &str| line.len() <= 60 || text.lines().count() == 1;
                assert!(text.ends_with('\n') && text.lines().all(fits));
                STANDARD.decode(text.replace('\n', "")).unwrap()
            }
            Self::DataBase64 => {
                let letters = text.strip_prefix("data:application/json;base64,").unwrap();
                STANDARD.decode(letters).unwrap()
            }
            Self::DataPercent => {
                let text = text.strip_prefix("data:application/json,").unwrap();
                let plus = text.replace('+', "%2B");
                let (_, value) = form_urlencoded::parse(plus.as_bytes())
                    .next()
                    .unwrap_or_default();
                assert!(value.is_empty(), "no bare equals sign in {text}");
                form_urlencoded::parse(format!("x={}", plus.replace('&', "%26")).as_bytes())
                    .next()
                    .unwrap()
                    .1
                    .into_owned()
                    .into_bytes()
            }
        };
        String::from_utf8(bytes).unwrap()
    }

    /// Strings of JSON that it takes.
    fn levels(self) -> usize {
        if matches!(self, Self::Escaped) { 1 } else { 2 }
    }
}

fn wrap() -> impl Strategy<Value = Wrap> {
    prop::sample::select(Wrap::ALL.to_vec())
}

/// A document that holds one value of each of several classes, and what must not leave.
fn holding(planted: &str, number: u32) -> (Value, Vec<String>) {
    let mut state = number;
    let letters = (1..=24u32).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_digit((state >> 16) % 36, 36).unwrap()
    });
    let secret: String = ["sk", "live"].join("_") + "_" + &letters.collect::<String>();
    let mrn = format!("MX-{number:05}-K");
    let phone = format!("+49 30 901820{:02}", number % 100);
    let document = json!({
        "id": 7,
        "patient": { "mrn": mrn, "last_name": "Wrenfold" },
        "phone": phone,
        "note": format!("write to {planted} é \"today\""),
        "log": [format!("token {secret} was used")],
        "rows": [1, 2.5, true, null],
    });
    let hidden = vec![
        planted.to_owned(),
        mrn,
        "Wrenfold".to_owned(),
        phone,
        secret,
    ];
    (document, hidden)
}

/// The document wrapped, outermost last, and as the document around them.
fn nested(inner: &Value, wraps: &[Wrap], whims: &mut impl Iterator<Item = u8>) -> String {
    let mut text = String::new();
    write_value(inner, whims, &mut text);
    for (depth, wrap) in wraps.iter().enumerate() {
        let wrapped = wrap.wrap(&text);
        text.clear();
        text.push_str(if depth % 2 == 0 {
            "{\"id\": 1, \"text\": "
        } else {
            "["
        });
        write_string(&wrapped, whims, &mut text);
        text.push_str(if depth % 2 == 0 {
            ",\"more\":true}"
        } else {
            "]"
        });
    }
    text
}

fn write_value(value: &Value, whims: &mut impl Iterator<Item = u8>, text: &mut String) {
    match value {
        Value::String(string) => write_string(string, whims, text),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                write_value(item, whims, text);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (at, (name, item)) in members.iter().enumerate() {
                text.push_str(if at > 0 { "," } else { "" });
                write_string(name, whims, text);
                text.push(':');
                write_value(item, whims, text);
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// The innermost document again.
fn innermost(text: &str, wraps: &[Wrap]) -> Value {
    let mut text = text.to_owned();
    for (depth, wrap) in wraps.iter().enumerate().rev() {
        let around: Value = serde_json::from_str(&text).unwrap();
        let string = if depth % 2 == 0 {
            &around["text"]
        } else {
            &around[0]
        };
        text = wrap.unwrap(string.as_str().unwrap());
    }
    serde_json::from_str(&text).unwrap()
}

fn text_of(document: &[u8], action: Action) -> String {
    let (released, _) = redact(document, action).unwrap();
    String::from_utf8(released).unwrap()
}

proptest! {
    #[test]
    fn nothing_that_is_planted_leaves_in_any_nesting(
        planted in planted(),
        number in 0..99_999u32,
        wraps in prop::collection::vec(wrap(), 1..=3),
        whims in prop::collection::vec(any::<u8>(), 1..64),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        action in prop::sample::select(vec![Action::Replace, Action::Pseudonymize, Action::Drop]),
    ) {
        let depth: usize = wraps.iter().map(|wrap| wrap.levels()).sum();
        prop_assume!(depth <= EMBEDDED_DEPTH_MAX);
        let (inner, hidden) = holding(&planted, number);
        let document = nested(&inner, &wraps, &mut whims.iter().copied().cycle());
        let disclose = move |_: DataClass| action;
        let whole = redact_cut(document.as_bytes(), &[], disclose).unwrap();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(document.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&redact_cut(document.as_bytes(), &cuts, disclose).unwrap(), &whole);
        let every: Vec<_> = (1..document.len()).collect();
        prop_assert_eq!(&redact_cut(document.as_bytes(), &every, disclose).unwrap(), &whole);

        let released = innermost(std::str::from_utf8(&whole.0).unwrap(), &wraps);
        let text = released.to_string();
        for hidden in hidden {
            prop_assert!(!text.contains(&hidden), "{hidden} in {text}");
        }
        prop_assert_eq!(&released["id"], &inner["id"]);
        prop_assert_eq!(&released["rows"], &inner["rows"]);

        let shown = redact_cut(document.as_bytes(), &[], |_: DataClass| Action::Show).unwrap();
        prop_assert_eq!(shown.0, document.as_bytes());
    }

    #[test]
    fn text_in_base64_is_judged_as_text(
        planted in planted(),
        (before, after) in ("([a-z]{1,8} ){0,3}", "( [a-z]{1,8}){0,3}"),
        wrap in prop::sample::select(vec![Wrap::Base64, Wrap::Url, Wrap::Lines, Wrap::DataBase64, Wrap::DataPercent]),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = format!("{before}{planted}{after}");
        let document = json!({ "blob": wrap.wrap(&text), "n": [wrap.wrap(&text)] }).to_string();
        let cut = cut.index(document.len());
        let (released, _) =
            redact_cut(document.as_bytes(), &[cut], |_: DataClass| Action::Replace).unwrap();
        let released: Value = serde_json::from_slice(&released).unwrap();
        for wrapped in [&released["blob"], &released["n"][0]] {
            // A name or a look of its own may have covered all of it.
            let wrapped = wrapped.as_str().unwrap();
            if !wrapped.starts_with('[') {
                let text = wrap.unwrap(wrapped);
                prop_assert!(!text.contains(&planted), "{text}");
                prop_assert!(text.contains('['), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_document_is_still_judged_as_text(
        planted in planted(),
        start in prop::sample::select(vec!["{", "[", "\"", "{\"a\":", "data:", "data:;base64,", "[1,", " {"]),
        end in prop::sample::select(vec!["", "}", "]", "\"", "\"}", ",]"]),
    ) {
        let document = json!([format!("{start} {planted} {end}")]).to_string();
        let released = text_of(document.as_bytes(), Action::Replace);
        prop_assert!(!released.contains(&planted), "{released}");
    }
}

#[test]
fn the_names_of_the_inner_document_count_and_are_told() {
    let arguments = json!({ "mrn": "MX-7", "n": 1 }).to_string();
    let document = json!({ "tool_calls": [{ "arguments": arguments }] }).to_string();
    let (released, summary) = redact(document.as_bytes(), Action::Replace).unwrap();
    let released: Value = serde_json::from_slice(&released).unwrap();
    assert_eq!(
        released["tool_calls"][0]["arguments"],
        r#"{"mrn":"[phi.mrn]","n":1}"#
    );
    assert_eq!(summary.places.len(), 1);
    assert_eq!(summary.places[0].path, "/tool_calls/*/arguments/mrn");
}

#[test]
fn white_space_around_a_document_hides_nothing_in_it() {
    for (head, tail) in [("", "\u{c}"), (" \n", "\t\u{c}\r\n"), ("\t", " ")] {
        let inner = json!({ "last_name": "Nguyen", "n": 1 }).to_string();
        let arguments = format!("{head}{inner}{tail}");
        let document = json!({ "arguments": arguments }).to_string();
        let (released, _) = redact(document.as_bytes(), Action::Replace).unwrap();
        let released: Value = serde_json::from_slice(&released).unwrap();
        let text = released["arguments"].as_str().unwrap();
        assert!(!text.contains("Nguyen"), "{text}");
        let inner = text.strip_prefix(head).unwrap().strip_suffix(tail).unwrap();
        assert_eq!(serde_json::from_str::<Value>(inner).unwrap()["n"], 1);
    }
}

#[test]
fn base64_is_found_with_space_behind_it_wherever_it_is_cut() {
    for value in ["+12022530110", "a@b.co.uk"] {
        for space in ["", " ", "  "] {
            let blob = STANDARD.encode(value).trim_end_matches('=').to_owned() + space;
            let filler = "filler filler filler filler";
            let document = json!({ "a": filler, "x": blob, "y": filler }).to_string();
            let text = text_of(document.as_bytes(), Action::Mask);
            assert!(!text.contains(blob.trim_end()), "{text}");
        }
    }
}

#[test]
fn a_value_that_is_opened_tells_of_its_siblings_as_one_that_is_not() {
    let inner = json!({ "v": "ann@example.com" }).to_string();
    for email in [
        "ann@example.com",
        &inner,
        &STANDARD.encode("ann@example.com"),
    ] {
        let document = json!({ "email": email, "name": "Ann Miller" }).to_string();
        let text = text_of(document.as_bytes(), Action::Replace);
        assert!(!text.contains("Ann Miller"), "{text}");
    }
}

#[test]
fn a_number_stays_one_and_what_is_dropped_is_null() {
    let inner = json!({ "ssn": 536_221_234, "email": "ann@example.com" }).to_string();
    for blob in [inner.clone(), STANDARD.encode(&inner)] {
        let document = json!({ "blob": blob }).to_string();
        let dropped = text_of(document.as_bytes(), Action::Drop);
        let dropped: Value = serde_json::from_str(&dropped).unwrap();
        let text = dropped["blob"].as_str().unwrap();
        let text = STANDARD
            .decode(text)
            .map_or(text.to_owned(), |it| String::from_utf8(it).unwrap());
        let inner: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(inner, json!({ "ssn": null, "email": null }));
    }
    let document = json!({ "blob": STANDARD.encode("ann@example.com") }).to_string();
    assert_eq!(
        text_of(document.as_bytes(), Action::Drop),
        r#"{"blob":null}"#
    );
}

#[test]
fn a_class_that_blocks_blocks_in_a_string_too() {
    let inner = json!({ "a": { "email": "ann@example.com" } }).to_string();
    for text in [inner.clone(), STANDARD.encode(&inner)] {
        let document = json!({ "text": text }).to_string();
        assert_eq!(
            redact(document.as_bytes(), Action::Block),
            Err(Interrupted::Blocked {
                class: DataClass::EMAIL,
                path: "/text/a/email".to_owned(),
            })
        );
    }
}

fn gaps(document: &str, opaque: Opaque) -> Result<Gaps, Interrupted> {
    let mut redactor = redactor(|_: DataClass| Action::Replace).treating(opaque);
    let mut out = Output::new();
    redactor.push(&Bytes::copy_from_slice(document.as_bytes()), &mut out)?;
    redactor.finish(&mut out)?;
    Ok(redactor.gaps())
}

#[test]
fn what_is_no_text_is_a_gap_that_policy_decides_on() {
    let image = STANDARD.encode(b"\x89PNG\r\n\x1A\n0123456789".repeat(8));
    let url = format!("data:image/png;base64,{image}");
    let noise: Vec<u8> = (0..3000u32).map(|n| (n * n % 251) as u8).collect();
    let noise = STANDARD.encode(noise);
    let mut deep = json!({ "email": "ann@example.com" }).to_string();
    for _ in 0..=EMBEDDED_DEPTH_MAX {
        deep = json!([deep]).to_string();
    }
    for (document, names, refused) in [
        (
            json!([image, image]),
            "embedded_media",
            Some(Gap::EmbeddedMedia),
        ),
        (json!([url]), "embedded_media", Some(Gap::EmbeddedMedia)),
        (json!([noise]), "embedded_binary", None),
        (
            serde_json::from_str(&deep).unwrap(),
            "embedded_depth",
            Some(Gap::EmbeddedDepth),
        ),
    ] {
        let document = document.to_string();
        let noted = gaps(&document, Opaque::Pass).unwrap();
        assert_eq!(noted.names().collect::<Vec<_>>(), [names]);
        let strict = gaps(&document, Opaque::Refuse);
        match refused {
            Some(gap) => assert_eq!(strict, Err(Interrupted::Uninspected(gap))),
            None => assert_eq!(strict, Ok(noted)),
        }
    }
    // Deeper than is opened, what shows by its look is still found.
    assert!(!text_of(deep.as_bytes(), Action::Replace).contains("ann@example.com"));
}

#[test]
fn hostile_nestings_are_bounded_and_judged() {
    let brackets = json!([format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000))]).to_string();
    assert_eq!(text_of(brackets.as_bytes(), Action::Replace), brackets);
    // Ten strings in each other are a thousand backslashes, and more do not fit a value.
    let mut deep = "ann@example.com".to_owned();
    for _ in 0..14 {
        deep = serde_json::to_string(&deep).unwrap();
    }
    let deep = format!("[{deep}]");
    assert!(!text_of(deep.as_bytes(), Action::Replace).contains("ann@"));
    let mut deep = "ann@example.com is her address".to_owned();
    for _ in 0..30 {
        deep = STANDARD.encode(deep);
    }
    let deep = json!([deep]).to_string();
    assert!(!gaps(&deep, Opaque::Pass).unwrap().is_empty());
    let huge = STANDARD.encode("x ".repeat(90_000) + "ann@example.com");
    let huge = json!([huge]).to_string();
    let released: Value = serde_json::from_str(&text_of(huge.as_bytes(), Action::Replace)).unwrap();
    let text = STANDARD.decode(released[0].as_str().unwrap()).unwrap();
    assert!(text.ends_with(b"x [pii.email]"));
}

#[test]
fn what_only_looks_like_a_document_is_left_alone() {
    for text in [
        "{{name}} wrote",
        "[INFO] started in 12 ms",
        "\"so\" he said",
        "subscription_create",
        "d41d8cd98f00b204e9800998ecf8427e",
        "data: none",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let document = json!([text]).to_string();
        assert_eq!(
            gaps(&document, Opaque::Refuse),
            Ok(Gaps::default()),
            "{text}"
        );
        assert_eq!(text_of(document.as_bytes(), Action::Replace), document);
    }
}
