//! Tokens turned back: for whom, where, and what a forged one does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use redaction::{DocumentRestorer, Restored, Restorer, token};
use serde_json::{Value, json};

use super::documents::{read, written};
use super::streams::{PROTOCOLS, Protocol};
use super::{keys::TestKeys, *};

pub(crate) fn token_of(class: DataClass, value: &str) -> String {
    let name = match class {
        DataClass::EMAIL => "email",
        DataClass::PERSON => "last_name",
        _ => "address",
    };
    let document = json!({ name: value }).to_string();
    let redactor = Redactor::new(
        |_: DataClass| Action::Tokenize,
        TestKeys::of(0),
        Box::new(Workspace::new()),
    );
    let (released, _) = redact_with(document.as_bytes(), &[], redactor).unwrap();
    let released: Value = serde_json::from_slice(&released).unwrap();
    released[name].as_str().unwrap().to_owned()
}

fn restore_cut(
    text: &[u8],
    cuts: &[usize],
    host: usize,
    may: impl FnMut(DataClass) -> bool,
) -> (Vec<u8>, Restored) {
    let mut restorer = Restorer::json(may, TestKeys::of(host));
    let mut out = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain(&[text.len()]) {
        restorer.push(&text[from..cut], &mut out);
        assert!(restorer.held() <= token::TOKEN_BYTES_MAX);
        from = cut;
    }
    restorer.finish(&mut out);
    (out, restorer.restored().clone())
}

fn restored(text: &str) -> String {
    let (out, _) = restore_cut(text.as_bytes(), &[], 1, |_: DataClass| true);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_token_is_short_and_says_its_class() {
    let token = token_of(DataClass::EMAIL, "ann@example.com");
    assert!(token.starts_with("tok_pii.email_"), "{token}");
    assert_eq!(token.len(), 66, "{token}");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    assert!(token.bytes().all(plain), "{token}");
}

#[test]
fn what_is_restored_is_escaped_as_often_as_it_is_wrapped() {
    let name = "O\"Neil \\ Wren";
    let token = token_of(DataClass::PERSON, name);
    let arguments = json!({ "to": token, "n": 1, "deep": json!({ "again": token }).to_string() });
    let answer = json!({
        "text": format!("Dear {token},\n{token}: \"{token}\""),
        "function": { "arguments": arguments.to_string() },
        "in brackets": format!("[see {token}]"),
    });
    let answer: Value = serde_json::from_str(&restored(&answer.to_string())).unwrap();
    assert_eq!(answer["text"], format!("Dear {name},\n{name}: \"{name}\""));
    assert_eq!(answer["in brackets"], format!("[see {name}]"));
    let arguments = answer["function"]["arguments"].as_str().unwrap();
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    assert_eq!(arguments["to"], name);
    let deep: Value = serde_json::from_str(arguments["deep"].as_str().unwrap()).unwrap();
    assert_eq!(deep["again"], name);
}

#[test]
fn only_allowed_classes_are_restored_and_the_rest_is_counted() {
    let email = token_of(DataClass::EMAIL, "ann@example.com");
    let name = token_of(DataClass::PERSON, "Wrenfold");
    let text = json!([format!("{email} {name} {email}")]).to_string();
    let (out, counts) = restore_cut(text.as_bytes(), &[], 1, |class| class == DataClass::EMAIL);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        json!([format!("ann@example.com {name} ann@example.com")]).to_string()
    );
    assert_eq!(counts.classes, [(DataClass::EMAIL, 2)]);
    assert_eq!((counts.refused, counts.unopened), (1, 0));
    let (out, counts) = restore_cut(text.as_bytes(), &[], 2, |_| true);
    assert_eq!(out, text.as_bytes());
    assert_eq!((counts.refused, counts.unopened), (0, 3));
}

#[test]
fn a_token_altered_by_one_character_restores_nothing() {
    let token = token_of(DataClass::EMAIL, "ann@example.com");
    let all = b"abcdefghijklmnopqrstuvwxyz0123456789ABTZ._-";
    let mut tried = 0;
    for at in 0..=token.len() {
        for other in all {
            let mut altered = token.clone().into_bytes();
            if at < token.len() && altered[at] != *other {
                altered[at] = *other;
            } else {
                altered.insert(at, *other);
            }
            let altered = String::from_utf8(altered).unwrap();
            // A dot or a dash around a token is text beside it.
            let beside = altered.trim_matches(['.', '-']) == token;
            let text = json!([altered]).to_string();
            assert!(beside || restored(&text) == text, "{altered}");
            tried += 1;
        }
        let mut shorter = token.clone();
        if at < token.len() {
            shorter.remove(at);
            let text = json!([shorter]).to_string();
            assert_eq!(restored(&text), text);
        }
    }
    assert!(tried > 2500, "{tried}");
    assert_eq!(
        restored(&json!([token]).to_string()),
        r#"["ann@example.com"]"#
    );
}

proptest! {
    #[test]
    fn cuts_change_nothing_and_little_is_held(
        local in "[a-z]{1,12}",
        words in prop::collection::vec("([a-z_\"\\\\\n]{0,6}|t|to|tok|tok_|tok_pii|tok_pii.email_)", 1..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let address = format!("{local}@example.com");
        let token = token_of(DataClass::EMAIL, &address);
        let text = words.join(&format!(" {token} "));
        let wrapped = json!({ "a": text, "b": json!([text]).to_string() }).to_string();
        let whole = restore_cut(wrapped.as_bytes(), &[], 0, |_| true);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(wrapped.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&restore_cut(wrapped.as_bytes(), &cuts, 1, |_| true), &whole);
        let every: Vec<_> = (1..wrapped.len()).collect();
        prop_assert_eq!(&restore_cut(wrapped.as_bytes(), &every, 1, |_| true), &whole);
        let after: Value = serde_json::from_slice(&whole.0).unwrap();
        let expected = text.replace(&token, &address);
        prop_assert_eq!(after["a"].as_str().unwrap(), &expected);
        let inner: Value = serde_json::from_str(after["b"].as_str().unwrap()).unwrap();
        prop_assert_eq!(inner[0].as_str().unwrap(), &expected);
        if words.len() == 1 {
            prop_assert_eq!(whole.0, wrapped.as_bytes());
        }
    }
}

/// What leaves of a document when it comes in cut before each of `cuts`.
fn document_cut(
    media: Media,
    document: &[u8],
    cuts: &[usize],
    may: impl FnMut(DataClass) -> bool,
) -> (Vec<u8>, Restored) {
    let mut restorer = DocumentRestorer::new(media, may, TestKeys::of(1));
    let mut out = Output::new();
    let mut from = 0;
    for &cut in cuts.iter().chain(&[document.len()]) {
        restorer.push(&Bytes::copy_from_slice(&document[from..cut]), &mut out);
        from = cut;
    }
    restorer.finish(&mut out);
    (out.contiguous().to_vec(), restorer.restored().clone())
}

const KINDS: [Media; 8] = [
    Media::Json,
    Media::Ndjson,
    Media::Sse,
    Media::Csv,
    Media::Xml,
    Media::Form,
    Media::Html,
    Media::Text,
];

proptest! {
    #[test]
    fn in_every_kind_of_document_tokens_are_values_again(
        name in "[A-Z][a-z]{2,8} [\"&<,'é]{0,2}[A-Z][a-z]{3,8}",
        media in prop::sample::select(&KINDS[..]),
        whims in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let token = token_of(DataClass::PERSON, &name);
        // Not every one of these is taken for a name, and then there is no token.
        prop_assume!(token != name);
        let text = format!("Dear {token}, so it is.");
        let mut whims = whims.into_iter().cycle();
        let document = match media {
            Media::Json => json!({ "a": text, "b": [token], "c": 7 }).to_string(),
            _ => written(media, &text, &mut whims),
        };
        let bytes = document.as_bytes();
        let whole = document_cut(media, bytes, &[], |_: DataClass| true);
        let every: Vec<_> = (1..bytes.len()).collect();
        prop_assert_eq!(&document_cut(media, bytes, &every, |_: DataClass| true), &whole);
        let (before, after) = (read(media, bytes), read(media, &whole.0));
        let expected: Vec<_> = before.iter().map(|text| text.replace(&token, &name)).collect();
        let shown = String::from_utf8_lossy(&whole.0);
        // A parser of HTML may part a text at a reference.
        if media == Media::Html {
            prop_assert!(!shown.contains(&token), "{document}\nbecame\n{shown}");
            prop_assert!(after.concat().contains(&name), "{document}\nbecame\n{shown}");
        } else {
            prop_assert_eq!(after, expected, "{}\nbecame\n{}", document, shown);
        }
        let refused = document_cut(media, bytes, &every, |_: DataClass| false);
        prop_assert_eq!(refused.0, bytes);
    }

    #[test]
    fn a_token_that_a_model_says_in_parts_is_a_value_again(
        local in "[a-z]{1,12}",
        protocol in prop::sample::select(&PROTOCOLS[..]),
        sizes in prop::collection::vec(1..30usize, 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let address = format!("{local}@example.com");
        let token = token_of(DataClass::EMAIL, &address);
        let is_call = matches!(
            protocol,
            Protocol::ToolCall | Protocol::ToolUse | Protocol::ResponsesCall
        );
        let say = |word: &str| {
            if is_call {
                json!({ "to": word, "cc": [format!("<{word}>")], "n": 1 }).to_string()
            } else {
                format!("I write to {word}, then to {word}")
            }
        };
        let stream = protocol.stream([&say(&token), "{}"], &sizes);
        let bytes = stream.as_bytes();
        let whole = document_cut(Media::Sse, bytes, &[], |_: DataClass| true);
        let cut = cut.index(bytes.len());
        prop_assert_eq!(&document_cut(Media::Sse, bytes, &[cut], |_: DataClass| true), &whole);
        let [said, _] = protocol.joined(&whole.0);
        prop_assert_eq!(said, say(&address));
        prop_assert_eq!(whole.1.classes, [(DataClass::EMAIL, 2)]);
        let other = document_cut(Media::Sse, bytes, &[cut], |_: DataClass| false);
        prop_assert_eq!(other.0, bytes);
        prop_assert_eq!(other.1.refused, 2);
    }
}

#[test]
fn tokens_in_base64_and_in_names_are_values_again() {
    let address = "ann@example.com";
    let token = token_of(DataClass::EMAIL, address);
    let inner = |word: &str| json!({ "to": word, "again": format!("see {word}") }).to_string();
    let document = |word: &str| {
        json!({
            "blob": STANDARD.encode(inner(word)),
            "text": STANDARD.encode(format!("write to {word}")),
            "url": format!("data:application/json;base64,{}", STANDARD.encode(inner(word))),
            "twice": json!({ "blob": STANDARD.encode(inner(word)) }).to_string(),
            "names": { word: 1 },
        })
    };
    for media in [Media::Json, Media::Ndjson, Media::Sse] {
        let text = document(&token).to_string();
        let text = match media {
            Media::Sse => format!("data: {text}\n\n"),
            _ => text,
        };
        let (out, counts) = document_cut(media, text.as_bytes(), &[], |_: DataClass| true);
        let out = String::from_utf8(out).unwrap();
        let released: Value = serde_json::from_str(out.trim_start_matches("data: ")).unwrap();
        assert_eq!(released, document(address), "{media:?}");
        assert_eq!(counts.unopened, 0);
    }
}

#[test]
fn words_of_a_stream_wait_only_where_they_may_become_a_token() {
    let mut restorer = DocumentRestorer::new(Media::Sse, |_: DataClass| true, TestKeys::of(1));
    let mut out = Output::new();
    for (piece, is_held) in [
        ("so I told", false),
        (" them to ", false),
        ("tok_pii.em", true),
        ("bed ", false),
    ] {
        let event = Protocol::Chat.event(piece, 0);
        restorer.push(&Bytes::from(event), &mut out);
        assert_eq!(restorer.is_growing(), is_held, "{piece}");
        assert_eq!(out.contiguous().is_empty(), is_held, "{piece}");
    }
    let event = Protocol::Chat.event(" tok_pii.email_0", 0);
    restorer.push(&Bytes::from(event), &mut out);
    assert!(out.is_empty());
    restorer.flush(&mut out);
    assert!(!out.is_empty() && !restorer.is_growing());
}
