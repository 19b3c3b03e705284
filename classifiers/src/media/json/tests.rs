use std::fmt::Write;

use json_event_parser::{JsonEvent, SliceJsonParser};
use proptest::prelude::*;

use super::*;

/// What a walk told, in a form that both parsers can be brought to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Open(char),
    Close(char),
    Name(String),
    Scalar(Scalar, String),
}

/// Writes down what it is told, and holds every token against the document it came from.
struct Scribe<'a> {
    document: &'a [u8],
    events: Vec<Event>,
}

impl Scribe<'_> {
    fn text(&self, token: Token<'_>) -> String {
        let start = usize::try_from(token.start).unwrap();
        assert_eq!(token.raw, &self.document[start..start + token.raw.len()]);
        String::from_utf8(token.decoded.to_vec()).unwrap()
    }
}

impl Visitor for Scribe<'_> {
    fn object_start(&mut self) {
        self.events.push(Event::Open('{'));
    }
    fn object_end(&mut self) {
        self.events.push(Event::Close('}'));
    }
    fn array_start(&mut self) {
        self.events.push(Event::Open('['));
    }
    fn array_end(&mut self) {
        self.events.push(Event::Close(']'));
    }
    fn name(&mut self, name: Token<'_>) {
        let name = self.text(name);
        self.events.push(Event::Name(name));
    }
    fn scalar(&mut self, kind: Scalar, value: Token<'_>) {
        let value = self.text(value);
        self.events.push(Event::Scalar(kind, value));
    }
}

/// What the walk tells, which is the same with and without vector instructions.
fn walk(document: &[u8], cuts: &[usize]) -> Result<Vec<Event>, Unreadable> {
    let told = walk_with(Walker::plain(), document, cuts);
    for limit in [Limit::Avx2, Limit::Any] {
        let mut walker = Walker::new();
        walker.limit = limit;
        assert_eq!(walk_with(walker, document, cuts), told, "{limit:?}");
    }
    told
}

fn walk_with(
    mut walker: Walker,
    document: &[u8],
    cuts: &[usize],
) -> Result<Vec<Event>, Unreadable> {
    let mut scribe = Scribe {
        document,
        events: Vec::new(),
    };
    let mut from = 0;
    for &cut in cuts.iter().chain(&[document.len()]) {
        walker.push(&document[from..cut], &mut scribe)?;
        from = cut;
    }
    walker.finish(&mut scribe)?;
    Ok(scribe.events)
}

fn walk_in_pieces_of(length: usize, document: &[u8]) -> Result<Vec<Event>, Unreadable> {
    let cuts: Vec<_> = (0..document.len()).step_by(length).skip(1).collect();
    walk(document, &cuts)
}

/// The events as another parser sees them.
fn peer(document: &[u8]) -> Vec<Event> {
    let mut parser = SliceJsonParser::new(document);
    let mut events = Vec::new();
    loop {
        events.push(match parser.parse_next().unwrap() {
            JsonEvent::StartObject => Event::Open('{'),
            JsonEvent::EndObject => Event::Close('}'),
            JsonEvent::StartArray => Event::Open('['),
            JsonEvent::EndArray => Event::Close(']'),
            JsonEvent::ObjectKey(name) => Event::Name(name.into_owned()),
            JsonEvent::String(text) => Event::Scalar(Scalar::Text, text.into_owned()),
            JsonEvent::Number(number) => Event::Scalar(Scalar::Number, number.into_owned()),
            JsonEvent::Boolean(it) => Event::Scalar(Scalar::Boolean, it.to_string()),
            JsonEvent::Null => Event::Scalar(Scalar::Null, "null".to_owned()),
            JsonEvent::Eof => return events,
        });
    }
}

/// Whether `serde_json` takes the document. A number beyond `f64` is no flaw of the document, but
/// ends its reading there: the other parser says whether the whole is well formed.
fn serde_takes(document: &[u8]) -> bool {
    match serde_json::from_slice::<serde_json::Value>(document) {
        Ok(_) => true,
        Err(error) => error.to_string().contains("number out of range") && is_well_formed(document),
    }
}

fn is_well_formed(document: &[u8]) -> bool {
    let mut parser = SliceJsonParser::new(document);
    loop {
        match parser.parse_next() {
            Ok(JsonEvent::Eof) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// Every way of cutting once, and every byte alone, comes to the same end.
fn check_cuts(document: &[u8]) -> Result<Vec<Event>, Unreadable> {
    let whole = walk(document, &[]);
    for cut in 0..=document.len() {
        assert_eq!(walk(document, &[cut]), whole, "cut at {cut}");
    }
    assert_eq!(walk_in_pieces_of(1, document), whole);
    whole
}

fn check_flaw(document: &[u8], offset: u64, flaw: Flaw) {
    assert_eq!(
        check_cuts(document),
        Err(Unreadable { offset, flaw }),
        "{document:?}"
    );
    assert!(!serde_takes(document), "{document:?}");
}

#[test]
fn each_flaw_is_named_with_its_byte() {
    let flaws: &[(&[u8], u64, Flaw)] = &[
        (b"", 0, Flaw::Empty),
        (b" \n", 2, Flaw::Empty),
        (b"\xEF\xBB\xBF{}", 0, Flaw::ByteOutOfPlace),
        (b"{} x", 3, Flaw::TrailingBytes),
        (b"1 2", 2, Flaw::TrailingBytes),
        (b"[] \"a\"", 3, Flaw::TrailingBytes),
        (b"{\"a\":", 5, Flaw::Truncated),
        (b"[1", 2, Flaw::Truncated),
        (b"\"a", 2, Flaw::Truncated),
        (b"\"a\\", 3, Flaw::Truncated),
        (b"tru", 3, Flaw::Truncated),
        (b"trux", 3, Flaw::ByteOutOfPlace),
        (b"[1,]", 3, Flaw::ByteOutOfPlace),
        (b"{\"a\":1,}", 7, Flaw::ByteOutOfPlace),
        (b"{,}", 1, Flaw::ByteOutOfPlace),
        (b"[}", 1, Flaw::ByteOutOfPlace),
        (b"{\"a\" 1}", 5, Flaw::ByteOutOfPlace),
        (b"[1 2]", 3, Flaw::ByteOutOfPlace),
        (b"[1:2]", 2, Flaw::ByteOutOfPlace),
        (b"{1:2}", 1, Flaw::ByteOutOfPlace),
        (b"[+1]", 1, Flaw::ByteOutOfPlace),
        (b"[1]]", 3, Flaw::TrailingBytes),
        (b"[NaN]", 1, Flaw::ByteOutOfPlace),
        (b"'a'", 0, Flaw::ByteOutOfPlace),
        (b"[01]", 1, Flaw::Number),
        (b"[1.]", 1, Flaw::Number),
        (b"[-]", 1, Flaw::Number),
        (b"[1e]", 1, Flaw::Number),
        (b"[1e+]", 1, Flaw::Number),
        (b"1-2", 0, Flaw::Number),
        (b"\"a\nb\"", 2, Flaw::ControlCharacter),
        (b"\"a\0b\"", 2, Flaw::ControlCharacter),
        (b"\"a\\xb\"", 2, Flaw::Escape),
        (b"\"a\\u12g4\"", 2, Flaw::Escape),
        (b"\"a\\u123\"", 2, Flaw::Escape),
        (b"\"a\xFFb\"", 2, Flaw::Utf8),
        (b"\"a\xC0\xAF\"", 2, Flaw::Utf8),
        (b"\"\xED\xA0\x80\"", 1, Flaw::Utf8),
        (b"\"\\uD800\"", 1, Flaw::Surrogate),
        (b"\"\\uD800\\uD800\"", 1, Flaw::Surrogate),
        (b"\"\\uDC00\\uD800\"", 1, Flaw::Surrogate),
        (b"\"\\uD800x\"", 1, Flaw::Surrogate),
        (b"[\xFF]", 1, Flaw::ByteOutOfPlace),
    ];
    for (document, offset, flaw) in flaws {
        check_flaw(document, *offset, *flaw);
    }
}

#[test]
fn a_refused_walk_stays_refused() {
    let mut walker = Walker::new();
    let mut scribe = Scribe {
        document: b"]",
        events: Vec::new(),
    };
    let refused = walker.push(b"]", &mut scribe);
    assert!(refused.is_err());
    assert_eq!(walker.push(b"{}", &mut scribe), refused);
    assert_eq!(walker.finish(&mut scribe), refused);
    walker.reset();
    scribe.document = b"{}";
    assert_eq!(walker.push(b"{}", &mut scribe), Ok(()));
    assert_eq!(walker.finish(&mut scribe), Ok(()));
}

#[test]
fn nesting_is_allowed_to_the_depth_that_serde_json_allows() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    assert!(walk(&nested(DEPTH_MAX), &[]).is_ok());
    assert!(serde_takes(&nested(DEPTH_MAX)));
    check_flaw(&nested(DEPTH_MAX + 1), DEPTH_MAX as u64, Flaw::TooDeep);
}

#[test]
fn a_value_beyond_the_limit_is_refused_at_its_start_however_it_is_cut() {
    let text = |length: usize| format!("[\"{}\"]", "é".repeat(length / 2 - 1)).into_bytes();
    let number = |length: usize| format!("[{}]", "7".repeat(length)).into_bytes();
    let longest = [text(VALUE_BYTES_MAX), number(VALUE_BYTES_MAX - 1)];
    let too_long = [text(VALUE_BYTES_MAX + 2), number(VALUE_BYTES_MAX)];
    for piece in [
        1,
        7,
        4096,
        VALUE_BYTES_MAX,
        VALUE_BYTES_MAX + 1,
        usize::MAX / 2,
    ] {
        for document in &longest {
            assert!(
                walk_in_pieces_of(piece, document).is_ok(),
                "in pieces of {piece}"
            );
        }
        for document in &too_long {
            let refused = Unreadable {
                offset: 1,
                flaw: Flaw::ValueTooLong,
            };
            assert_eq!(
                walk_in_pieces_of(piece, document),
                Err(refused),
                "in pieces of {piece}"
            );
        }
    }
}

#[test]
fn duplicate_names_and_long_numbers_are_handed_out_untouched() {
    let document = br#"{"a":123456789012345678901234567890,"a":-0.10e+0400}"#;
    let scalar = |text: &str| Event::Scalar(Scalar::Number, text.to_owned());
    let name = || Event::Name("a".to_owned());
    let expected = [
        Event::Open('{'),
        name(),
        scalar("123456789012345678901234567890"),
        name(),
        scalar("-0.10e+0400"),
        Event::Close('}'),
    ];
    assert_eq!(check_cuts(document).unwrap(), expected);
}

#[test]
fn escapes_are_decoded() {
    let document = br#""\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\uD83D\uDE00\u0000""#;
    let meant = "\"\\/\u{8}\u{c}\n\r\tAé€😀\0".to_owned();
    assert_eq!(
        check_cuts(document).unwrap(),
        [Event::Scalar(Scalar::Text, meant)]
    );
}

/// A value to be written in many ways.
#[derive(Clone, Debug)]
enum Tree {
    Word(&'static str),
    Number(String),
    Text(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(Tree::Word),
        r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?".prop_map(Tree::Number),
        any::<String>().prop_map(Tree::Text),
        "[ -~]{0,40}".prop_map(Tree::Text),
    ];
    leaf.prop_recursive(8, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::Array),
            prop::collection::vec((any::<String>(), inner), 0..6).prop_map(Tree::Object),
        ]
    })
}

/// Writes trees down, taking every free choice from `whims`.
struct Writer<'a> {
    whims: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    text: String,
}

impl Writer<'_> {
    fn whim(&mut self) -> u8 {
        *self.whims.next().unwrap()
    }

    fn space(&mut self) {
        for _ in 0..(self.whim() % 16).saturating_sub(12) * 3 {
            let space = [' ', '\n', '\t', '\r', ' ', ' ', ' '][usize::from(self.whim() % 7)];
            self.text.push(space);
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            let must = character < ' ' || character == '"' || character == '\\';
            if must || self.whim().is_multiple_of(8) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(self.text, "\\u{unit:04x}").unwrap();
                }
            } else {
                self.text.push(character);
            }
        }
        self.text.push('"');
    }

    fn value(&mut self, tree: &Tree) {
        self.space();
        match tree {
            Tree::Word(word) => self.text.push_str(word),
            Tree::Number(number) => self.text.push_str(number),
            Tree::Text(text) => self.string(text),
            Tree::Array(items) => {
                self.text.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.text.push_str(if index > 0 { "," } else { "" });
                    self.value(item);
                }
                self.text.push(']');
            }
            Tree::Object(members) => {
                self.text.push('{');
                for (index, (name, item)) in members.iter().enumerate() {
                    self.text.push_str(if index > 0 { "," } else { "" });
                    self.space();
                    self.string(name);
                    self.space();
                    self.text.push(':');
                    self.value(item);
                }
                self.space();
                self.text.push('}');
            }
        }
        self.space();
    }
}

fn document() -> impl Strategy<Value = String> {
    (tree(), prop::collection::vec(any::<u8>(), 1..64)).prop_map(|(tree, whims)| {
        let mut writer = Writer {
            whims: whims.iter().cycle(),
            text: String::new(),
        };
        writer.value(&tree);
        writer.text
    })
}

/// Who is told only what could be of interest.
#[derive(Default)]
struct Skipper {
    told: Vec<Vec<u8>>,
}

impl Visitor for Skipper {
    fn object_start(&mut self) {}
    fn object_end(&mut self) {}
    fn array_start(&mut self) {}
    fn array_end(&mut self) {}
    fn name(&mut self, _: Token<'_>) {}
    fn scalar(&mut self, _: Scalar, value: Token<'_>) {
        self.told.push(value.decoded.to_vec());
    }
    fn skips_bland(&self) -> bool {
        true
    }
    fn bland(&mut self, _: Scalar, _: Token<'_>) {}
}

/// What is kept back of a list of these values, among others.
fn kept_back(values: &[serde_json::Value], walker: &mut Walker) -> Vec<serde_json::Value> {
    let mut document = vec![b'['];
    document.extend(b"\"filler\",".repeat(20));
    document.extend(serde_json::to_vec(&values).unwrap());
    document.extend(b",\"filler\"".repeat(20));
    document.push(b']');
    let mut skipper = Skipper::default();
    walker.push(&document, &mut skipper).unwrap();
    walker.finish(&mut skipper).unwrap();
    let is_kept = |value: &&serde_json::Value| {
        let text = value.as_str().map_or(value.to_string(), str::to_owned);
        !skipper.told.contains(&text.into_bytes())
    };
    values.iter().filter(is_kept).cloned().collect()
}

#[test]
fn bland_values_are_kept_back_and_others_are_not() {
    let bland = [
        "shipped",
        "eur",
        "steel bolt, zinc",
        "A-12",
        "de",
        "",
        "1.5",
    ];
    let told = [
        "a@b.co",
        "1680012345",
        "ask Ann Lee for the key",
        "a\\b",
        "Zo\u{eb}",
        "10.0.0.1",
    ];
    let values = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect::<Vec<_>>();
    for limit in [Limit::Plain, Limit::Avx2, Limit::Any] {
        let mut walker = Walker::new();
        walker.limit = limit;
        assert_eq!(kept_back(&values(&bland), &mut walker), values(&bland));
        walker.reset();
        assert_eq!(kept_back(&values(&told), &mut walker), values(&[]));
    }
}

/// A value like those that a detector is there for, or nearly.
fn suspect() -> impl Strategy<Value = serde_json::Value> {
    let piece = prop_oneof![
        "[a-z]{1,9}",
        "[A-Z][a-z]{1,9}",
        "[A-Z0-9]{1,12}",
        "[0-9]{1,12}",
        "[0-9]{1,4}[-./ ][0-9]{1,4}[-./ ][0-9]{2,4}",
        "[a-z]{1,5}@[a-z]{1,5}\\.(com|de)",
        "[a-f0-9:]{2,17}",
        "(ghp_|sk_live_|xoxb-|AKIA|eyJ)[A-Za-z0-9_]{8,40}",
        "[a-z]{1,4}_[0-9]{1,9}[a-zA-Z-]{0,3}",
        // Without a digit.
        "(hf_|npm_|lin_api_)[A-Za-z]{8,40}",
        "(password|ssn|mrn|born|anna|maria|smith)",
        any::<String>(),
    ];
    let text = (
        prop::collection::vec(piece, 0..6),
        prop::sample::select(vec!["", " ", ", ", "_", "-", ": ", "=", "%20", "&", ". "]),
    );
    prop_oneof![
        text.prop_map(|(pieces, between)| pieces.join(between).into()),
        any::<i64>().prop_map(serde_json::Value::from),
        (0..100_000_000u64).prop_map(serde_json::Value::from),
    ]
}

proptest! {
    #[test]
    fn what_is_kept_back_holds_nothing(values in prop::collection::vec(suspect(), 1..30)) {
        for value in kept_back(&values, &mut Walker::new()) {
            let (kind, text) = match value.as_str() {
                Some(text) => (crate::ValueKind::Text, text.to_owned()),
                None => (crate::ValueKind::Number, value.to_string()),
            };
            let mut findings = Vec::new();
            let context = crate::Context::root();
            crate::classify_value(&context, kind, text.as_bytes(), &mut findings);
            prop_assert!(findings.is_empty(), "{text}: {findings:?}");
        }
    }

    #[test]
    fn long_documents_are_walked_and_refused_alike(
        part in document(),
        copies in 1..60usize,
        edit in prop::option::of((any::<prop::sample::Index>(), prop::sample::select(b"\"\\{}[],:0-e.t \n\x00\x80\xC3".to_vec()))),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut document = format!("[{}]", vec![part; copies].join(",")).into_bytes();
        if let Some((at, byte)) = edit {
            let at = at.index(document.len());
            document[at] = byte;
        }
        let whole = walk(&document, &[]);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(document.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&walk(&document, &cuts), &whole);
        // Token by token, since no lane is taken for so few bytes.
        prop_assert_eq!(walk_in_pieces_of(1, &document), whole);
    }

    #[test]
    fn the_events_are_those_of_another_parser(
        document in document(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let document = document.as_bytes();
        let expected = peer(document);
        prop_assert_eq!(&walk(document, &[]).unwrap(), &expected);
        prop_assert_eq!(&walk_in_pieces_of(1, document).unwrap(), &expected);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(document.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&walk(document, &cuts).unwrap(), &expected);
        if document.len() < 200 {
            prop_assert_eq!(&check_cuts(document).unwrap(), &expected);
        }
    }

    #[test]
    fn mutated_bytes_are_taken_and_refused_as_serde_json_does(
        document in document(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(b"\"\\{}[],:0-.eE+truefalsn \n\x00\x1f\x80\xC3\xED\xF4\xFFu/d8".to_vec()), 0..3u8),
            1..4,
        ),
    ) {
        let mut bytes = document.into_bytes();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => { bytes.remove(at); }
                _ => {}
            }
        }
        let walked = walk(&bytes, &[]);
        prop_assert_eq!(walked.is_ok(), serde_takes(&bytes), "{:?} {:?}", walked, bytes);
        prop_assert_eq!(walk_in_pieces_of(1, &bytes), walked.clone());
        prop_assert_eq!(walk_in_pieces_of(3, &bytes), walked);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(prop::sample::select(b"\"\\{}[],:019-.eE+truefalsn \n\x00\x80\xC3\xBFu".to_vec()), 0..40),
    ) {
        prop_assert_eq!(check_cuts(&bytes).is_ok(), serde_takes(&bytes));
    }
}
