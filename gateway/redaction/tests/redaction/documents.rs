//! Documents of all kinds: whatever the cuts and the escapes, what is planted does not leave, what
//! leaves is read by a parser of somebody else's, and what is clean leaves as it came.

use std::fmt::Write as _;

use classifiers::operator::{Rule, compile};
use proptest::prelude::*;
use serde_json::Value;

use super::properties::{document, hiding, planted, strings};
use super::*;

const KINDS: [Media; 7] = [
    Media::Ndjson,
    Media::Sse,
    Media::Csv,
    Media::Xml,
    Media::Form,
    Media::Html,
    Media::Text,
];

#[track_caller]
fn check(media: Media, action: Action, document: &str, expected: &str) {
    let disclose = move |_: DataClass| action;
    let (released, _) = redact_as(media, document.as_bytes(), &[], disclose).unwrap();
    assert_eq!(String::from_utf8(released).unwrap(), expected, "{document}");
}

#[test]
fn each_kind_is_edited_in_its_own_notation() {
    use Action::{Drop, Mask, Replace};
    let line = "{\"email\":\"a@example.com\",\"n\":1}\n{\"email\":\"b\\u0040example.com\"}\n";
    check(
        Media::Ndjson,
        Replace,
        line,
        "{\"email\":\"[pii.email]\",\"n\":1}\n{\"email\":\"[pii.email]\"}\n",
    );
    check(
        Media::Ndjson,
        Drop,
        line,
        "{\"email\":null,\"n\":1}\n{\"email\":null}\n",
    );
    check(
        Media::Csv,
        Mask,
        "id,email\n1,ann@example.com\n2,\"bob@example.com\"\n",
        "id,email\n1,a***@***.com\n2,\"b***@***.com\"\n",
    );
    check(
        Media::Form,
        Replace,
        "id=1&email=ann%40example.com&n=2",
        "id=1&email=%5Bpii.email%5D&n=2",
    );
    check(
        Media::Xml,
        Replace,
        "<a><email>ann&#64;example.com</email><b x='bob@example.com'/><![CDATA[c@example.com]]></a>",
        "<a><email>[pii.email]</email><b x='[pii.email]'/><![CDATA[(pii.email)]]></a>",
    );
    check(
        Media::Html,
        Drop,
        "<p>Mail <b>ann@example.com</b> now</p>",
        "<p>Mail <b></b> now</p>",
    );
    check(
        Media::Text,
        Replace,
        "Mail ann@example.com now",
        "Mail [pii.email] now",
    );
}

#[test]
fn a_document_in_a_string_is_edited_where_it_stands() {
    check(
        Media::Ndjson,
        Action::Replace,
        r#"{"body":"{\"email\":\"ann@example.com\",\"n\":1}","url":"https://x.example/?email=ann%40example.com"}"#,
        r#"{"body":"{\"email\":\"[pii.email]\",\"n\":1}","url":"https://x.example/?email=%5Bpii.email%5D"}"#,
    );
}

#[test]
fn overlapping_findings_go_under_the_strongest_action() {
    let disclose = |class: DataClass| match class {
        DataClass::EMAIL => Action::Replace,
        _ => Action::Mask,
    };
    let text = b"see https://ann@example.com/ and mail ann@example.com";
    let (released, _) = redact_as(Media::Text, text, &[], disclose).unwrap();
    let released = String::from_utf8(released).unwrap();
    assert!(!released.contains("ann@"), "{released}");
}

#[test]
fn an_operators_own_detectors_look_into_every_kind() {
    let rule = Rule {
        name: "badge".to_owned(),
        class: "pii.customer_id".to_owned(),
        pattern: Some("EMP-(?<value>[0-9]{6})".to_owned()),
        ..Rule::default()
    };
    let operator = Arc::new(compile(&[rule]).unwrap());
    for media in KINDS {
        let document = written(media, "see EMP-348291 there", &mut std::iter::repeat(255));
        let mut body = Body::new(
            Coding::Identity,
            media,
            |_: DataClass| Action::Replace,
            Arc::new(TestPseudonyms),
            Box::new(Workspace::with_operator(Arc::clone(&operator))),
        );
        let mut out = Output::new();
        body.push(&Bytes::from(document), &mut out).unwrap();
        body.finish(&mut out).unwrap();
        let released = String::from_utf8(out.contiguous().to_vec()).unwrap();
        // They look at values; the form has it in a name too.
        let named = usize::from(media == Media::Form);
        assert_eq!(released.matches("348291").count(), named, "{released}");
    }
}

#[test]
fn what_blocks_is_told_with_its_place() {
    let blocked = redact_as(
        Media::Csv,
        b"id,email\n1,ann@example.com\n",
        &[],
        |_: DataClass| Action::Block,
    );
    assert_eq!(
        blocked,
        Err(Interrupted::Blocked {
            class: DataClass::EMAIL,
            path: "/*/email".to_owned()
        })
    );
}

#[test]
fn what_is_no_text_in_utf8_is_refused() {
    let utf16: Vec<u8> = "\u{feff}ann@example.com"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let no_mark: Vec<u8> = "ann@example.com"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    for media in KINDS {
        for document in [&utf16[..], &no_mark, b"na\xefve", b"cut \xc3"] {
            let refused = redact_as(media, document, &[], |_: DataClass| Action::Show);
            assert!(
                matches!(refused, Err(Interrupted::NotUtf8 { .. })),
                "{media:?} {refused:?}"
            );
        }
    }
}

/// Words that tell nothing of what stands beside them.
pub(crate) fn words(most: usize) -> impl Strategy<Value = String> {
    let word =
        prop::sample::select(&["then", "please", "look", "at", "it", "again", "soon", "so"][..]);
    prop::collection::vec(word, 0..=most).prop_map(|words| words.join(" "))
}

/// Text around a planted value.
fn sentence() -> impl Strategy<Value = (String, String)> {
    (words(4), planted(), words(4)).prop_map(|(before, planted, after)| {
        let text = format!("{before} {planted} {after}").trim().to_owned();
        (text, planted)
    })
}

/// Some characters of `text` as character references.
pub(crate) fn entities(text: &str, whims: &mut impl Iterator<Item = u8>) -> String {
    text.chars().fold(String::new(), |mut out, character| {
        match whims.next().unwrap_or(0) {
            0..=31 => write!(out, "&#{};", u32::from(character)).unwrap(),
            32..=63 => write!(out, "&#x{:X};", u32::from(character)).unwrap(),
            _ if character == '&' => out.push_str("&amp;"),
            _ if character == '<' => out.push_str("&lt;"),
            _ => out.push(character),
        }
        out
    })
}

pub(crate) fn percent(text: &str, whims: &mut impl Iterator<Item = u8>) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let plain = byte.is_ascii_alphanumeric() && whims.next() > Some(63);
        match byte {
            b' ' => out.push('+'),
            _ if plain => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02x}").unwrap(),
        }
        out
    })
}

/// A document of this kind with the text in it.
pub(crate) fn written(media: Media, text: &str, whims: &mut impl Iterator<Item = u8>) -> String {
    match media {
        Media::Json | Media::Ndjson | Media::Sse => {
            let mut string = String::new();
            properties::write_string(text, whims, &mut string);
            let line = format!("{{\"a\":[1,{{\"note\":{string}}}],\"b\":true}}");
            match media {
                Media::Sse => format!(": ping\n\nid: 7\ndata: {line}\n\ndata: {{}}\n\n"),
                _ => format!("{line}\n{{\"n\":1}}\n"),
            }
        }
        Media::Csv => {
            let mut writer = csv::WriterBuilder::new();
            if whims.next() > Some(128) {
                writer.quote_style(csv::QuoteStyle::Always);
            }
            let mut writer = writer.from_writer(Vec::new());
            writer.write_record(["id", "note", "more"]).unwrap();
            writer.write_record(["1", text, "x \"y\", z"]).unwrap();
            writer.write_record(["2", "plain", text]).unwrap();
            String::from_utf8(writer.into_inner().unwrap()).unwrap()
        }
        Media::Xml => {
            let (first, second) = (entities(text, whims), entities(text, whims));
            format!(
                "<?xml version=\"1.0\"?>\n<r><note>{first}</note><b x=\"1\" y=\"{second}\"/><!-- c --></r>"
            )
        }
        Media::Html => {
            let (first, second) = (entities(text, whims), entities(text, whims));
            format!(
                "<!doctype html><p>{first}<br><a title=\"{second}\">more</a></p><script>let a = 1 < 2;</script>"
            )
        }
        Media::Form => {
            let text = percent(text, whims);
            format!("id=1&note={text}&more=x&{text}=3")
        }
        Media::Text => format!("Hello,\n\n{text}\n\nregards\n"),
    }
}

/// What a reference stands for.
fn entity(reference: &quick_xml::events::BytesRef<'_>) -> String {
    if let Some(character) = reference.resolve_char_ref().unwrap() {
        return character.to_string();
    }
    let name = reference.decode().unwrap();
    let known = quick_xml::escape::resolve_predefined_entity(&name);
    known.unwrap().to_owned()
}

/// All text of a document, as a parser of somebody else's reads it.
pub(crate) fn read(media: Media, document: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(document).unwrap();
    let mut found = Vec::new();
    match media {
        Media::Json | Media::Ndjson => {
            for line in text.lines() {
                let value: Value = serde_json::from_str(line).unwrap();
                let mut within = Vec::new();
                strings(&value, &mut within);
                found.extend(within.into_iter().map(str::to_owned));
            }
        }
        Media::Sse => {
            for event in streams::events(document) {
                found.extend(read(Media::Ndjson, event.data.as_bytes()));
            }
        }
        Media::Csv => {
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(document);
            for record in reader.records() {
                found.extend(record.unwrap().iter().map(str::to_owned));
            }
        }
        Media::Xml => {
            let mut reader = quick_xml::Reader::from_str(text);
            let mut open = String::new();
            loop {
                use quick_xml::events::Event;
                match reader.read_event().unwrap() {
                    Event::Text(text) => open.push_str(&text.decode().unwrap()),
                    Event::GeneralRef(reference) => open.push_str(&entity(&reference)),
                    Event::Start(tag) | Event::Empty(tag) => {
                        for attribute in tag.attributes() {
                            let value = attribute.unwrap().unescape_value().unwrap();
                            found.push(value.into_owned());
                        }
                        found.push(std::mem::take(&mut open));
                    }
                    Event::Eof => break,
                    _ => found.push(std::mem::take(&mut open)),
                }
            }
        }
        Media::Html => {
            for token in html5gum::Tokenizer::new(text) {
                match token.unwrap() {
                    html5gum::Token::String(text) => {
                        found.push(String::from_utf8_lossy(&text.value).into_owned());
                    }
                    html5gum::Token::StartTag(tag) => found.extend(
                        tag.attributes
                            .values()
                            .map(|value| String::from_utf8_lossy(&value.value).into_owned()),
                    ),
                    _ => {}
                }
            }
        }
        Media::Form => {
            for (name, value) in form_urlencoded::parse(document) {
                found.extend([name.into_owned(), value.into_owned()]);
            }
        }
        Media::Text => found.push(text.to_owned()),
    }
    found
}

proptest! {
    #[test]
    fn what_is_planted_never_leaves_in_any_notation(
        (text, planted) in sentence(),
        media in prop::sample::select(&KINDS[..]),
        whims in prop::collection::vec(any::<u8>(), 1..64),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        action in hiding(),
    ) {
        let mut whims = whims.into_iter().cycle();
        let document = written(media, &text, &mut whims);
        let bytes = document.as_bytes();
        let disclose = move |_: DataClass| action;
        let whole = redact_as(media, bytes, &[], disclose).unwrap();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&redact_as(media, bytes, &cuts, disclose).unwrap(), &whole);
        let every: Vec<_> = (1..bytes.len()).collect();
        prop_assert_eq!(&redact_as(media, bytes, &every, disclose).unwrap(), &whole);

        let (released, summary) = whole;
        let shown = String::from_utf8_lossy(&released).into_owned();
        prop_assert!(summary.findings() >= 1, "{document}");
        for text in read(media, &released) {
            prop_assert!(!text.contains(&planted), "{media:?}\n{document}\nbecame\n{shown}");
        }
        // As many values as there were; of those that were taken out some parsers tell nothing.
        if action != Action::Drop {
            let (before, after) = (read(media, bytes), read(media, &released));
            prop_assert_eq!(before.len(), after.len(), "{}\nbecame\n{}", document, shown);
        }
    }

    #[test]
    fn what_has_nothing_to_hide_leaves_as_it_came(
        text in words(9),
        media in prop::sample::select(&KINDS[..]),
        whims in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let document = written(media, &text, &mut whims.into_iter().cycle());
        let shown = redact_as(media, document.as_bytes(), &[], |_: DataClass| Action::Show);
        prop_assert_eq!(shown.unwrap().0, document.as_bytes());
        let (hidden, summary) =
            redact_as(media, document.as_bytes(), &[], |_: DataClass| Action::Drop).unwrap();
        if summary.findings() == 0 {
            prop_assert_eq!(hidden, document.as_bytes());
        }
    }

    #[test]
    fn lines_of_json_stay_lines_of_json(
        documents in prop::collection::vec(document(), 1..5),
        action in hiding(),
    ) {
        let lines: Vec<String> = documents
            .into_iter()
            .map(|(_, text)| text.replace(['\n', '\r'], " "))
            .collect();
        let document = lines.join("\n");
        let (released, _) =
            redact_as(Media::Ndjson, document.as_bytes(), &[], move |_: DataClass| action).unwrap();
        let released = String::from_utf8(released).unwrap();
        prop_assert_eq!(released.lines().count(), lines.len());
        for line in released.lines() {
            prop_assert!(serde_json::from_str::<Value>(line).is_ok(), "{document}\nbecame\n{line}");
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_in_any_kind(
        parts in prop::collection::vec(
            prop::sample::select(&[
                "\"", "\\", "{", "}", ",", "<a>", "</a>", "<!--", "-->", "<![CDATA[", "]]>", "&#64;", "%40", "=",
                "&", "data: ", "\n", "\n\n", "ann@example.com", "4111 1111 1111 1111", "é", "\u{feff}", "<script>",
                "data: {\"delta\":{\"text\":\"ann@\"}}\n\n", "data: {\"delta\":{\"text\":\"example.com\"}}\n\n",
                "{\"email\":\"a@b.example\"}", "\0", "'", ">", "|", ";",
            ][..]),
            0..30,
        ),
        action in hiding(),
    ) {
        let document = parts.concat();
        let every: Vec<_> = (1..document.len()).collect();
        for media in KINDS {
            let disclose = move |_: DataClass| action;
            let whole = redact_as(media, document.as_bytes(), &[], disclose);
            let cut = redact_as(media, document.as_bytes(), &every, disclose);
            match (&whole, &cut) {
                (Ok(whole), Ok(cut)) => prop_assert_eq!(whole, cut, "{:?}", media),
                (Err(_), Err(_)) => {}
                _ => prop_assert!(false, "{:?} {:?} {:?}", media, whole, cut),
            }
        }
    }
}
