//! Ways in which a value reaches an agent: each format with its own notation, each protocol in which
//! models stream, and documents in documents. Parsers of others' read what leaves.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::makers::{Found, Maker};
use super::message;
use crate::documents::{entities, percent, read, written};
use crate::properties::{strings, write_string};
use crate::streams::Protocol;
use crate::*;

/// A way in which a value travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A member of an object, in a format that has such.
    Member(Media),
    /// A member that is a number.
    Number,
    /// An attribute of XML, with the references that it may have.
    Attribute,
    /// A part of a multipart form.
    Part,
    /// JSON in a string of JSON.
    Escaped,
    /// JSON in base64, of either alphabet, in a string.
    Base64,
    Base64Url,
    /// JSON in a data URL in a string.
    DataBase64,
    DataPercent,
    /// A result of a tool of MCP: text and structured content.
    Tool,
    /// A result of GraphQL.
    Graph,
    /// The arguments of a tool, which a model streams.
    Arguments(Protocol),
    /// A sentence, in each format.
    Sentence(Media),
    /// A sentence in base64 in a string.
    SentenceBase64,
    /// A sentence that a model streams.
    Words(Protocol),
    /// A field of a message of protobuf, alone or in a frame of gRPC.
    Field(Framing),
    /// One that is a number.
    FieldNumber,
    /// A sentence in such a message.
    SentenceField(Framing),
}

use Carrier::*;

pub(crate) const CARRIERS: &[Carrier] = &[
    Member(Media::Json),
    Member(Media::Ndjson),
    Member(Media::Sse),
    Member(Media::Csv),
    Member(Media::Xml),
    Member(Media::Form),
    Member(Media::Html),
    Member(Media::Text),
    Number,
    Attribute,
    Part,
    Escaped,
    Base64,
    Base64Url,
    DataBase64,
    DataPercent,
    Tool,
    Graph,
    Arguments(Protocol::ToolCall),
    Arguments(Protocol::ToolUse),
    Arguments(Protocol::ResponsesCall),
    Sentence(Media::Json),
    Sentence(Media::Ndjson),
    Sentence(Media::Sse),
    Sentence(Media::Csv),
    Sentence(Media::Xml),
    Sentence(Media::Form),
    Sentence(Media::Html),
    Sentence(Media::Text),
    SentenceBase64,
    Words(Protocol::Chat),
    Words(Protocol::Responses),
    Words(Protocol::Messages),
    Words(Protocol::Gemini),
    Field(Framing::Whole),
    Field(Framing::Grpc(Coding::Identity)),
    Field(Framing::Web(Coding::Identity)),
    Field(Framing::WebText(Coding::Identity)),
    FieldNumber,
    SentenceField(Framing::Grpc(Coding::Gzip)),
];

const BOUNDARY: &str = "frontier-7d1";

impl Carrier {
    /// Whether the value is found in what this carries, and can be carried by it.
    pub(crate) fn takes(self, maker: &Maker, value: &str) -> bool {
        let is_prose = matches!(
            self,
            Sentence(_) | SentenceBase64 | Words(_) | SentenceField(_)
        );
        match (maker.found, is_prose) {
            (Found::Field, true) | (Found::Prose, false) => return false,
            _ => {}
        }
        !matches!(self, Number | FieldNumber)
            || (value.parse::<u64>().is_ok() && !value.starts_with('0'))
    }

    pub(crate) fn format(self) -> Format {
        match self {
            Member(media) | Sentence(media) => media.into(),
            Attribute => Media::Xml.into(),
            Arguments(_) | Words(_) => Media::Sse.into(),
            Part => Format::Multipart(
                Boundary::named(&format!("multipart/form-data; boundary={BOUNDARY}")).unwrap(),
                Opaque::Refuse,
            ),
            Field(framing) | SentenceField(framing) => Format::Protobuf(framing),
            FieldNumber => Format::Protobuf(Framing::Whole),
            _ => Media::Json.into(),
        }
    }

    /// What leaves of a document that is cut before each of `cuts`.
    pub(crate) fn redact(
        self,
        maker: &Maker,
        document: &[u8],
        cuts: &[usize],
        action: Action,
    ) -> Result<(Vec<u8>, Summary), Interrupted> {
        let mut body = body(Coding::Identity, self.format(), move |_: DataClass| action);
        if matches!(self.format(), Format::Protobuf(_)) {
            body.of_messages(message::kind(maker));
        }
        push_cut(body, document, cuts)
    }

    /// A document with the value in it; every free choice of writing is taken from `whims`.
    pub(crate) fn document(
        self,
        maker: &Maker,
        value: &str,
        whims: &mut impl Iterator<Item = u8>,
    ) -> Vec<u8> {
        let text = match self {
            Field(framing) => return message::of(framing, maker, value),
            FieldNumber => return message::of_number(maker, value),
            SentenceField(framing) => {
                return message::of_note(framing, &sentence(maker, value));
            }
            Member(media) => member(media, maker, value, whims),
            Number => object(maker, value),
            Attribute => {
                let (open, close) = around(maker);
                format!(
                    "<rows>{open}<row {}=\"{}\"/>{close}</rows>",
                    maker.name,
                    entities(value, whims)
                )
            }
            Part => format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{value}\r\n--{BOUNDARY}--\r\n",
                joint(maker)
            ),
            Escaped | Base64 | Base64Url | DataBase64 | DataPercent => {
                let inner = object(maker, &string(value, whims));
                let held = self.hold(&inner, whims);
                format!("{{\"id\":1,\"content\":{}}}", string(&held, whims))
            }
            Tool => {
                let inner = object(maker, &string(value, whims));
                json!({"jsonrpc": "2.0", "id": 7, "result": {
                    "content": [{"type": "text", "text": inner},
                        {"type": "resource", "resource": {"uri": "crm://1", "mimeType": "application/json",
                            "blob": STANDARD.encode(&inner)}}],
                    "structuredContent": serde_json::from_str::<Value>(&inner).unwrap(),
                    "_meta": {"sample": serde_json::from_str::<Value>(&inner).unwrap()}}})
                .to_string()
            }
            Graph => format!(
                "{{\"data\":{{\"rows\":[{}]}}}}",
                object(maker, &string(value, whims))
            ),
            Arguments(protocol) => {
                protocol.stream([&object(maker, &string(value, whims)), "{}"], &sizes(whims))
            }
            Sentence(Media::Json) => {
                format!(
                    "{{\"rows\":[1,{{\"note\":{}}}]}}",
                    string(&sentence(maker, value), whims)
                )
            }
            Sentence(media) => written(media, &sentence(maker, value), whims),
            SentenceBase64 => json!({"note": STANDARD.encode(sentence(maker, value))}).to_string(),
            Words(protocol) => {
                protocol.stream([&sentence(maker, value), "and so on"], &sizes(whims))
            }
        };
        text.into_bytes()
    }

    fn hold(self, inner: &str, whims: &mut impl Iterator<Item = u8>) -> String {
        match self {
            Base64 => STANDARD.encode(inner),
            Base64Url => URL_SAFE_NO_PAD.encode(inner),
            DataBase64 => format!("data:application/json;base64,{}", STANDARD.encode(inner)),
            DataPercent => {
                let escaped = percent(inner, whims).replace('+', "%20");
                format!("data:application/json,{escaped}")
            }
            _ => inner.to_owned(),
        }
    }

    /// All text that leaves, as parsers of others' read it, whatever it stands in undone.
    pub(crate) fn texts(self, document: &[u8]) -> Vec<String> {
        let texts = match self {
            Member(media) | Sentence(media) => read(media, document),
            Attribute => read(Media::Xml, document),
            Part => vec![String::from_utf8(document.to_vec()).unwrap()],
            Field(_) | FieldNumber | SentenceField(_) => message::texts(self.format(), document),
            Number => vec![
                serde_json::from_slice::<Value>(document)
                    .unwrap()
                    .to_string(),
            ],
            Arguments(protocol) | Words(protocol) => protocol.joined(document).to_vec(),
            _ => {
                let value: Value = serde_json::from_slice(document).unwrap();
                let mut found = Vec::new();
                strings(&value, &mut found);
                found.into_iter().map(str::to_owned).collect()
            }
        };
        let mut all = Vec::new();
        for text in &texts {
            opened(text, &mut all);
        }
        all
    }
}

/// A text, and the texts that it holds.
fn opened(text: &str, all: &mut Vec<String>) {
    all.push(text.to_owned());
    let mut inner = Vec::new();
    let base64 = text
        .strip_prefix("data:application/json;base64,")
        .unwrap_or(text);
    let decoded = STANDARD
        .decode(base64)
        .or_else(|_| URL_SAFE_NO_PAD.decode(base64))
        .ok();
    inner.extend(decoded.and_then(|bytes| String::from_utf8(bytes).ok()));
    if let Some(escaped) = text.strip_prefix("data:application/json,") {
        let whole = form_urlencoded::parse(escaped.as_bytes()).next();
        inner.extend(whole.map(|(name, _)| name.into_owned()));
    }
    for text in &inner {
        all.push(text.clone());
    }
    for text in inner.iter().map(String::as_str).chain([text]) {
        if let Ok(value @ (Value::Object(_) | Value::Array(_))) =
            serde_json::from_str::<Value>(text)
        {
            let mut found = Vec::new();
            strings(&value, &mut found);
            all.extend(found.into_iter().map(str::to_owned));
        }
    }
}

fn sizes(whims: &mut impl Iterator<Item = u8>) -> Vec<usize> {
    whims
        .take(9)
        .map(|whim| usize::from(whim % 7) + 1)
        .collect()
}

fn sentence(maker: &Maker, value: &str) -> String {
    match maker.found {
        Found::Prose => format!("{} {value} and then.", maker.label()),
        _ => format!("Please look, {}: {value} and so on.", maker.label()),
    }
}

fn string(text: &str, whims: &mut impl Iterator<Item = u8>) -> String {
    let mut written = String::new();
    write_string(text, whims, &mut written);
    written
}

/// The member, in its owner where it has one.
fn object(maker: &Maker, value: &str) -> String {
    let member = format!("{{\"n\":1,\"{}\":{value}}}", maker.name);
    match maker.owner {
        "" => member,
        owner => format!("{{\"{owner}\":{member}}}"),
    }
}

/// Owner and name as one name, for formats that nest nothing.
fn joint(maker: &Maker) -> String {
    match maker.owner {
        "" => maker.name.to_owned(),
        owner => format!("{owner}_{}", maker.name),
    }
}

fn around(maker: &Maker) -> (String, String) {
    match maker.owner {
        "" => <_>::default(),
        owner => (format!("<{owner}>"), format!("</{owner}>")),
    }
}

fn member(
    media: Media,
    maker: &Maker,
    value: &str,
    whims: &mut impl Iterator<Item = u8>,
) -> String {
    match media {
        Media::Json => object(maker, &string(value, whims)),
        Media::Ndjson => format!("{}\n{{\"n\":2}}\n", object(maker, &string(value, whims))),
        Media::Sse => format!(
            ": hi\n\nid: 3\ndata: {}\n\n",
            object(maker, &string(value, whims))
        ),
        Media::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer
                .write_record(["row", &joint(maker), "colour"])
                .unwrap();
            writer.write_record(["1", value, "blue"]).unwrap();
            writer.write_record(["2", "", "red"]).unwrap();
            String::from_utf8(writer.into_inner().unwrap()).unwrap()
        }
        Media::Xml => {
            let (open, close) = around(maker);
            let text = if whims.next() > Some(200) {
                format!("<![CDATA[{value}]]>")
            } else {
                entities(value, whims)
            };
            format!("<rows>{open}<{0}>{text}</{0}>{close}</rows>", maker.name)
        }
        Media::Form => format!("n=1&{}={}", joint(maker), percent(value, whims)),
        Media::Html => format!(
            "<table><tr><th>{}</th><td>{}</td></tr></table>",
            joint(maker).replace('_', " "),
            entities(value, whims)
        ),
        Media::Text => format!("{}: {value}\ncolour: blue\n", joint(maker)),
    }
}
