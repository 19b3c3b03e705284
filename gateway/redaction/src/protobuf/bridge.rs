//! A message as a JSON document under its fields' names, and the edited document back into the message.
//!
//! Both ways walk the fields in the same order, so that the values of the document are those of the
//! message one after the other. Types stay: a number that is dropped becomes the default, which is how
//! protobuf writes that there is none.

use bytes::Bytes;
use classifiers::media::json::{Scalar, Token, Visitor, Walker};
use data_encoding::BASE64;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MapKey, ReflectMessage as _, Value};

use crate::Interrupted;

/// The document of a message: names and escapes make it longer than what they stand for.
const DOCUMENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A message of any type, with its name beside it.
const ANY: &str = "google.protobuf.Any";

/// A message on its way to a document.
#[derive(Default)]
pub(super) struct Bridge {
    json: Vec<u8>,
    unknown: bool,
}

impl Bridge {
    /// The document of a message, unless it is too long.
    pub(super) fn of(message: &DynamicMessage) -> Option<Self> {
        let mut bridge = Self::default();
        bridge.message(message)?;
        Some(bridge)
    }

    /// Whether the message has fields of which the descriptors say nothing.
    pub(super) fn has_unknown(&self) -> bool {
        self.unknown
    }

    pub(super) fn into_json(self) -> Vec<u8> {
        self.json
    }

    fn message(&mut self, message: &DynamicMessage) -> Option<()> {
        self.unknown |=
            message.unknown_fields().next().is_some() || message.extensions().next().is_some();
        self.json.push(b'{');
        let held = held(message);
        for (at, (field, value)) in message.fields().enumerate() {
            self.name(at, field.name())?;
            match &held {
                Some(held) if field.name() == "value" => self.message(held)?,
                _ => self.value(value)?,
            }
        }
        // Nobody can read a message of an unknown type.
        self.unknown |= held.is_none() && message.descriptor().full_name() == ANY;
        self.json.push(b'}');
        Some(())
    }

    fn name(&mut self, at: usize, name: &str) -> Option<()> {
        if at > 0 {
            self.json.push(b',');
        }
        self.text(name)?;
        self.json.push(b':');
        Some(())
    }

    fn text(&mut self, text: &str) -> Option<()> {
        serde_json::to_writer(&mut self.json, text).ok()?;
        (self.json.len() <= DOCUMENT_BYTES_MAX).then_some(())
    }

    fn value(&mut self, value: &Value) -> Option<()> {
        match value {
            Value::String(text) => self.text(text)?,
            Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.text(text)?,
                // Told as what it is, so that media are seen as such.
                Err(_) => self.text(&BASE64.encode(bytes))?,
            },
            Value::Message(message) => self.message(message)?,
            Value::List(items) => {
                self.json.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.json.push(b',');
                    }
                    self.value(item)?;
                }
                self.json.push(b']');
            }
            Value::Map(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by_key(|(key, _)| *key);
                self.json.push(b'{');
                for (at, (key, item)) in members.into_iter().enumerate() {
                    self.name(at, &key_text(key))?;
                    self.value(item)?;
                }
                self.json.push(b'}');
            }
            other => self.json.extend_from_slice(word(other).as_bytes()),
        }
        (self.json.len() <= DOCUMENT_BYTES_MAX).then_some(())
    }
}

/// What an `Any` holds, if its type is known.
fn held(message: &DynamicMessage) -> Option<DynamicMessage> {
    let kind = message.descriptor();
    if kind.full_name() != ANY {
        return None;
    }
    let url = message.get_field_by_name("type_url")?;
    let name = url.as_str()?.rsplit('/').next()?.to_owned();
    let held = kind.parent_pool().get_message_by_name(&name)?;
    let value = message.get_field_by_name("value")?;
    DynamicMessage::decode(held, value.as_bytes()?.clone()).ok()
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(it) => it.to_string(),
        MapKey::I32(it) => it.to_string(),
        MapKey::I64(it) => it.to_string(),
        MapKey::U32(it) => it.to_string(),
        MapKey::U64(it) => it.to_string(),
        MapKey::String(it) => it.clone(),
    }
}

/// A number or a flag as JSON has it. A constant of an enumeration says nothing of anybody.
fn word(value: &Value) -> String {
    let finite = |text: Option<serde_json::Number>| text.map_or("null".into(), |it| it.to_string());
    match value {
        Value::Bool(it) => it.to_string(),
        Value::I32(it) => it.to_string(),
        Value::I64(it) => it.to_string(),
        Value::U32(it) => it.to_string(),
        Value::U64(it) => it.to_string(),
        Value::F32(it) => finite(serde_json::Number::from_f64(f64::from(*it))),
        Value::F64(it) => finite(serde_json::Number::from_f64(*it)),
        _ => "null".to_owned(),
    }
}

/// Puts what an edited document says into the message that it was made of.
pub(super) fn put_back(document: &[u8], message: &mut DynamicMessage) -> Result<(), Interrupted> {
    let mut leaves = Leaves::default();
    let mut walker = Walker::new();
    walker.push(document, &mut leaves)?;
    walker.finish(&mut leaves)?;
    let mut leaves = leaves.0.into_iter();
    // Never taken: edits keep the shape.
    let differs = Interrupted::Form("an edited message has another shape");
    edit(message, &mut leaves).ok_or(differs)
}

/// The names and values of a document, one after the other.
#[derive(Default)]
struct Leaves(Vec<Leaf>);

enum Leaf {
    Name(String),
    Text(String),
    Word(String),
}

impl Visitor for Leaves {
    fn object_start(&mut self) {}
    fn object_end(&mut self) {}
    fn array_start(&mut self) {}
    fn array_end(&mut self) {}

    fn name(&mut self, name: Token<'_>) {
        let name = String::from_utf8_lossy(name.decoded).into_owned();
        self.0.push(Leaf::Name(name));
    }

    fn scalar(&mut self, kind: Scalar, value: Token<'_>) {
        let text = String::from_utf8_lossy(value.decoded).into_owned();
        self.0.push(match kind {
            Scalar::Text => Leaf::Text(text),
            _ => Leaf::Word(text),
        });
    }
}

type Left = std::vec::IntoIter<Leaf>;

fn edit(message: &mut DynamicMessage, leaves: &mut Left) -> Option<()> {
    let held = held(message);
    for (field, value) in message.fields_mut() {
        leaves.next()?;
        match &held {
            Some(held) if field.name() == "value" => {
                let mut held = held.clone();
                edit(&mut held, leaves)?;
                *value.as_bytes_mut()? = Bytes::from(held.encode_to_vec());
            }
            _ => edit_value(value, leaves)?,
        }
    }
    Some(())
}

fn edit_value(value: &mut Value, leaves: &mut Left) -> Option<()> {
    match value {
        Value::Message(message) => edit(message, leaves),
        Value::List(items) => items
            .iter_mut()
            .try_for_each(|item| edit_value(item, leaves)),
        Value::Map(members) => {
            let mut sorted: Vec<_> = std::mem::take(members).into_iter().collect();
            sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            for (key, mut item) in sorted {
                let Leaf::Name(name) = leaves.next()? else {
                    return None;
                };
                edit_value(&mut item, leaves)?;
                members.insert(renamed(key, name), item);
            }
            Some(())
        }
        scalar => {
            match leaves.next()? {
                Leaf::Name(_) => return None,
                Leaf::Text(text) => set_text(scalar, text),
                Leaf::Word(text) => set_word(scalar, &text),
            }
            Some(())
        }
    }
}

/// The key that stands under `name` now. A number under which something was found is none any more.
fn renamed(key: MapKey, name: String) -> MapKey {
    match key {
        MapKey::String(_) => MapKey::String(name),
        kept if key_text(&kept) == name => kept,
        MapKey::Bool(_) => MapKey::Bool(false),
        MapKey::I32(_) => MapKey::I32(0),
        MapKey::I64(_) => MapKey::I64(0),
        MapKey::U32(_) => MapKey::U32(0),
        MapKey::U64(_) => MapKey::U64(0),
    }
}

fn set_text(value: &mut Value, text: String) {
    match value {
        Value::String(it) => *it = text,
        Value::Bytes(it) if std::str::from_utf8(it).is_ok() => *it = text.into(),
        // Bytes that are no text: whatever was put in the place of their letters stands there.
        Value::Bytes(it) if BASE64.encode(it) != text => *it = text.into(),
        _ => {}
    }
}

/// Sets a number or a flag to what stands in its place, or to nothing.
fn set_word(value: &mut Value, text: &str) {
    match value {
        Value::String(it) => it.clear(),
        Value::Bytes(it) => it.clear(),
        _ if word(value) == text => {}
        Value::Bool(it) => *it = text == "true",
        Value::I32(it) => *it = text.parse().unwrap_or_default(),
        Value::I64(it) => *it = text.parse().unwrap_or_default(),
        Value::U32(it) => *it = text.parse().unwrap_or_default(),
        Value::U64(it) => *it = text.parse().unwrap_or_default(),
        Value::F32(it) => *it = text.parse().unwrap_or_default(),
        Value::F64(it) => *it = text.parse().unwrap_or_default(),
        _ => {}
    }
}
