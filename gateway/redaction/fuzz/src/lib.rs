//! What must hold for any bytes: nothing panics, the same goes on however a body is cut, and no row that
//! says that it is another's is among it.

use std::sync::Arc;

use bytes::Bytes;
use classifiers::DataClass;
use data_encoding::BASE32_DNSSEC;
use redaction::shape::{Answers, Bound, Fields, Path, Plan, Rows, Shaper, Twin, Unbound};
use redaction::{
    Action, Body, Boundary, Coding, Descriptors, Disclose, DocumentRestorer, EXPANSION_FREE_BYTES,
    EXPANSION_RATIO_MAX, Encoder, Format, Framing, Media, Opaque, Output, Pseudonyms, Workspace,
};
use serde::de::IgnoredAny;
use serde_json::Value;

/// Whose rows may go on.
const OWN: &str = "C-1";

struct NoKeys;

impl Pseudonyms for NoKeys {
    fn pseudonym(&self, _: DataClass, _: &[u8]) -> [u8; 16] {
        [7; 16]
    }
}

/// Holds what goes on of a document in any cut against the same in one piece. The first byte sets the
/// cuts. Gives what goes on, if anything does.
fn alike(data: &[u8], of: impl Fn(&[u8], usize) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let (seed, document) = data.split_first()?;
    let whole = of(document, usize::MAX);
    let piece = usize::from(*seed % 17) + 1;
    assert_eq!(whole, of(document, piece), "cut every {piece} bytes");
    whole
}

fn pieces(document: &[u8], piece: usize) -> impl Iterator<Item = &[u8]> {
    document.chunks(piece.min(document.len().max(1)))
}

fn shaped(media: Media, plan: &Plan, document: &[u8], piece: usize) -> Option<Vec<u8>> {
    let mut shaper = Shaper::of(media, plan.clone())?;
    let mut out = Vec::new();
    for chunk in pieces(document, piece) {
        shaper.push(chunk, &mut out).ok()?;
    }
    shaper.finish(&mut out).ok()?;
    Some(out)
}

fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

fn rule(array: &str, member: &str) -> Rows {
    Rows {
        array: path(array),
        member: path(member),
        bound: Bound::One(OWN.into()),
        unbound: Unbound::Drop,
    }
}

fn tool() -> Plan {
    Plan {
        rows: vec![
            rule("/result/structuredContent/rows", "/id"),
            rule("/result/structuredContent/rows", "/of"),
            rule("/result/structuredContent/orders", "/of"),
        ],
        twin: Some(Arc::new(Twin {
            block: path("/result/content/*"),
            texts: ["/text", "/resource/text", "/resource/blob"]
                .map(path)
                .into(),
            of: path("/result/structuredContent"),
        })),
        ..Plan::default()
    }
}

/// A message of MCP, under the rules of a tool.
pub fn mcp(data: &[u8]) {
    let Some(left) = alike(data, |document, piece| {
        shaped(Media::Json, &tool(), document, piece)
    }) else {
        return;
    };
    assert!(is_json(&left), "what goes on is JSON");
    let Ok(message) = serde_json::from_slice::<Value>(&left) else {
        return;
    };
    let structured = &message["result"]["structuredContent"];
    own(&structured["rows"], &["id", "of"]);
    own(&structured["orders"], &["of"]);
    let blocks = message["result"]["content"].as_array();
    for text in blocks
        .into_iter()
        .flatten()
        .filter_map(|block| block["text"].as_str())
    {
        assert!(
            is_json(text.as_bytes()),
            "nobody can tell rows from what went on: {text}"
        );
        let Ok(said) = serde_json::from_str::<Value>(text) else {
            continue;
        };
        own(&said["rows"], &["id", "of"]);
        own(&said["orders"], &["of"]);
        // Rows alone, of whichever kind: some rule found its binding, and none that did says no.
        for row in said.as_array().into_iter().flatten() {
            let judged = ["id", "of"].map(|member| row.get(member));
            assert!(judged.iter().flatten().all(|found| *found == OWN), "{text}");
            assert!(judged.iter().any(Option::is_some), "{text}");
        }
    }
}

/// Whether it is JSON (RFC 8259), also where it holds a number that is too large for whoever would keep it: `1e999`.
fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// That all rows say that they are one's own.
fn own(rows: &Value, members: &[&str]) {
    for row in rows.as_array().into_iter().flatten() {
        for member in members {
            assert_eq!(row[member], OWN, "{row}");
        }
    }
}

#[derive(Debug)]
struct Asked;

impl Answers for Asked {
    fn plan(&self, id: &str) -> Option<Plan> {
        match id {
            "1" => Some(tool()),
            "2" => Some(Plan {
                records_max: Some(1),
                fields_max: Some(6),
                fields: vec![Arc::new(Fields::parse("/id /result/a").expect("fields"))],
                ..Plan::default()
            }),
            _ => None,
        }
    }
}

/// A stream of answers, each under the rules of what was asked.
pub fn events(data: &[u8]) {
    let plan = Plan {
        answers: Some(Arc::new(Asked)),
        ..Plan::default()
    };
    alike(data, |document, piece| {
        shaped(Media::Sse, &plan, document, piece)
    });
}

/// Rows of lines, tables and XML, by the second byte.
pub fn rows(data: &[u8]) {
    let (kinds, arrays) = ([Media::Ndjson, Media::Csv, Media::Xml], ["", "", "/c/r"]);
    let Some(&kind) = data.get(1) else {
        return;
    };
    let kind = usize::from(kind % 3);
    let plan = Plan {
        rows: vec![rule(arrays[kind], "/id"), rule(arrays[kind], "/of")],
        records_max: Some(3),
        fields_max: Some(9),
        ..Plan::default()
    };
    alike(data, |document, piece| {
        shaped(kinds[kind], &plan, document.get(1..)?, piece)
    });
}

fn edited(
    format: Format,
    set: Option<&Descriptors>,
    document: &[u8],
    piece: usize,
) -> Option<Vec<u8>> {
    let mut body = Body::new(
        Coding::Identity,
        format,
        |_: DataClass| Action::Replace,
        Arc::new(NoKeys),
        Box::new(Workspace::new()),
    );
    if let Some(message) = set.and_then(|set| set.message("a.M")) {
        body.of_messages(message);
    }
    passed(&mut body, document, piece)
}

/// What leaves of a body.
fn passed<D: Disclose + Clone>(
    body: &mut Body<D>,
    document: &[u8],
    piece: usize,
) -> Option<Vec<u8>> {
    let (mut out, mut left) = (Output::new(), Vec::new());
    for chunk in pieces(document, piece) {
        body.push(&Bytes::copy_from_slice(chunk), &mut out).ok()?;
        left.extend(out.by_ref().flatten());
    }
    body.finish(&mut out).ok()?;
    left.extend_from_slice(&out.contiguous());
    Some(left)
}

/// Strings of JSON that hold documents of their own.
pub fn embedded(data: &[u8]) {
    let format = Format::Document(Media::Json);
    let edit = |document: &[u8], piece| {
        let text = std::str::from_utf8(document).ok()?;
        let outer = serde_json::json!({ "held": text, "list": [text] }).to_string();
        edited(format, None, outer.as_bytes(), piece)
    };
    if let Some(left) = alike(data, edit) {
        assert!(is_json(&left), "what goes on is JSON");
    }
}

/// A form in parts.
pub fn multipart(data: &[u8]) {
    let boundary = Boundary::named("multipart/form-data; boundary=x").expect("a boundary");
    for opaque in [Opaque::Refuse, Opaque::Pass] {
        let format = Format::Multipart(boundary, opaque);
        alike(data, |document, piece| {
            edited(format, None, document, piece)
        });
    }
}

/// `message M { string email = 1; int32 n = 2; M m = 3; repeated string s = 4; bytes b = 5; }`, as
/// `protoc` writes it.
const SET: &[u8] =
    b"\x0aT\x0a\x01a\x12\x01a\x22D\x0a\x01M\x12\x0d\x0a\x05email\x18\x01 \x01(\x09\x12\x09\x0a\
\x01n\x18\x02 \x01(\x05\x12\x0f\x0a\x01m\x18\x03 \x01(\x0b2\x04.a.M\x12\x09\x0a\x01s\x18\
\x04 \x03(\x09\x12\x09\x0a\x01b\x18\x05 \x01(\x0cb\x06proto3";

/// Messages of protobuf in every framing.
pub fn protobuf(data: &[u8]) {
    let set = Descriptors::decode(SET).expect("descriptors");
    assert!(set.message("a.M").is_some());
    let coding = Coding::Identity;
    for framing in [
        Framing::Whole,
        Framing::Grpc(coding),
        Framing::Web(coding),
        Framing::WebText(coding),
    ] {
        let format = Format::Protobuf(framing);
        alike(data, |document, piece| {
            edited(format, Some(&set), document, piece)
        });
    }
}

/// A text under a content coding: any bytes as it, in any cut, and any text coded by us and undone. The second byte says which.
pub fn coding(data: &[u8]) {
    let all = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];
    let Some(([_, which], text)) = data.split_first_chunk() else {
        return;
    };
    let coding = all[usize::from(which % 4)];
    let undone = |document: &[u8], piece| decoded(coding, document, piece);
    if let Some(left) = alike(data, |document, piece| undone(document.get(1..)?, piece)) {
        let most = EXPANSION_RATIO_MAX * text.len() as u64;
        assert!(left.len() as u64 <= most.max(EXPANSION_FREE_BYTES));
    }
    let mut encoder = Encoder::new(coding).expect("memory").expect("a coding");
    let mut coded = encoder.push(text).expect("memory takes it").to_vec();
    coded.extend(encoder.finish().expect("memory takes it"));
    assert_eq!(
        undone(&coded, 7),
        decoded(Coding::Identity, text, usize::MAX)
    );
}

/// What a body of text under this coding is without it.
fn decoded(coding: Coding, document: &[u8], piece: usize) -> Option<Vec<u8>> {
    let mut body = Body::new(
        coding,
        Format::Document(Media::Text),
        |_: DataClass| Action::Show,
        Arc::new(NoKeys),
        Box::new(Workspace::new()),
    );
    passed(&mut body, document, piece)
}

/// Keys that hide nothing: what is sealed is the value behind a mark, and whatever has the mark is opened.
struct Open;

const MARK: &[u8] = b"\x07\x07";

impl Pseudonyms for Open {
    fn pseudonym(&self, _: DataClass, _: &[u8]) -> [u8; 16] {
        [7; 16]
    }

    fn seal(&self, _: DataClass, value: &[u8]) -> Option<Vec<u8>> {
        Some([MARK, value].concat())
    }

    fn open(&self, _: DataClass, sealed: &[u8]) -> Option<Vec<u8>> {
        sealed.strip_prefix(MARK).map(<[u8]>::to_vec)
    }
}

/// What needs escapes wherever it stands.
const VALUE: &str = "a\"b\\c\n<&>,d=e%f";

/// Tokens that are turned back in a document, of which the second byte says the kind: `TOK` stands for one.
pub fn restore(data: &[u8]) {
    let kinds = [
        Media::Json,
        Media::Ndjson,
        Media::Sse,
        Media::Csv,
        Media::Xml,
        Media::Form,
        Media::Html,
        Media::Text,
    ];
    let Some(([seed, which], text)) = data.split_first_chunk() else {
        return;
    };
    let kind = kinds[usize::from(which % 8)];
    let token = [
        "tok_pii.email_",
        &BASE32_DNSSEC.encode(&[MARK, VALUE.as_bytes()].concat()),
    ];
    let document = String::from_utf8_lossy(text).replace("TOK", &token.concat());
    let document = [&[*seed], document.as_bytes()].concat();
    let none = alike(&document, |document, piece| {
        restored(kind, false, document, piece)
    });
    assert_eq!(none.as_deref(), document.get(1..), "nobody may have them");
    let all = alike(&document, |document, piece| {
        restored(kind, true, document, piece)
    });
    if kind == Media::Json && document.get(1..).is_some_and(is_json) {
        assert!(
            all.as_deref().is_some_and(is_json),
            "a value broke its document"
        );
    }
}

fn restored(kind: Media, may: bool, document: &[u8], piece: usize) -> Option<Vec<u8>> {
    let mut restorer = DocumentRestorer::new(kind, |_: DataClass| may, Arc::new(Open));
    let (mut out, mut left) = (Output::new(), Vec::new());
    for chunk in pieces(document, piece) {
        restorer.push(&Bytes::copy_from_slice(chunk), &mut out);
        left.extend(out.by_ref().flatten());
    }
    restorer.finish(&mut out);
    left.extend_from_slice(&out.contiguous());
    Some(left)
}
