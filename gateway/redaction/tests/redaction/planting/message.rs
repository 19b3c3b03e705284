//! Values in messages of protobuf, written and read by another implementation than the one that judges.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use redaction::{Descriptors, MessageType};

use super::makers::Maker;
use crate::*;

#[derive(Clone, PartialEq, prost::Message)]
struct Row {
    #[prost(uint32, tag = "1")]
    n: u32,
    #[prost(string, tag = "2")]
    value: String,
    #[prost(uint64, tag = "3")]
    number: u64,
    #[prost(string, tag = "4")]
    note: String,
    /// Whose it is, where the name of the value alone says nothing.
    #[prost(message, optional, boxed, tag = "5")]
    owner: Option<Box<Row>>,
}

/// The type of such messages: the value stands under the maker's name, in words or as a number.
pub(super) fn kind(maker: &Maker) -> MessageType {
    let field = |name: &str, number, kind: Type| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        ..FieldDescriptorProto::default()
    };
    let row = |name: &str, value: Type| {
        let number = if value == Type::String { 2 } else { 3 };
        let fields = [
            field("n", 1, Type::Uint32),
            field(maker.name, number, value),
        ];
        let mut fields = fields.to_vec();
        fields.push(field("remark_of_row", 4, Type::String));
        if !maker.owner.is_empty() {
            let mut owner = field(maker.owner, 5, Type::Message);
            owner.type_name = Some(format!(".t.v1.{name}"));
            fields.push(owner);
        }
        DescriptorProto {
            name: Some(name.to_owned()),
            field: fields,
            ..DescriptorProto::default()
        }
    };
    let mut words = row("Row", Type::String);
    // Both fields of the value have its name, in a message that has one of them.
    let number = row("Number", Type::Uint64);
    let mut either = field("either_row", 6, Type::Message);
    either.type_name = Some(".t.v1.Number".to_owned());
    words.field.push(either);
    let file = FileDescriptorProto {
        name: Some("t.proto".to_owned()),
        package: Some("t.v1".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![words, number],
        ..FileDescriptorProto::default()
    };
    let set = FileDescriptorSet { file: vec![file] };
    let descriptors = Descriptors::decode(&set.encode_to_vec()).unwrap();
    descriptors.message("t.v1.Row").unwrap()
}

/// Around a row that is a number.
#[derive(Clone, PartialEq, prost::Message)]
struct Numbered {
    #[prost(message, optional, tag = "6")]
    number: Option<Row>,
}

fn owned(maker: &Maker, row: Row) -> Row {
    if maker.owner.is_empty() {
        return row;
    }
    Row {
        owner: Some(Box::new(row)),
        ..Row::default()
    }
}

fn framed(framing: Framing, message: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    // A second message stands behind it.
    let frames = [&[0], &length[..], &message].concat();
    let second = [0, 0, 0, 0, 2, 8, 1];
    match framing {
        Framing::Whole => message,
        Framing::Grpc(_) | Framing::Web(_) => [&frames[..], &second].concat(),
        // Each frame with padding of its own, as servers write them.
        Framing::WebText(_) => [STANDARD.encode(frames), STANDARD.encode(second)]
            .concat()
            .into_bytes(),
    }
}

pub(super) fn of(framing: Framing, maker: &Maker, value: &str) -> Vec<u8> {
    let row = Row {
        n: 1,
        value: value.to_owned(),
        ..Row::default()
    };
    framed(framing, owned(maker, row).encode_to_vec())
}

pub(super) fn of_number(maker: &Maker, value: &str) -> Vec<u8> {
    let row = Row {
        n: 1,
        number: value.parse().unwrap(),
        ..Row::default()
    };
    let number = Some(owned(maker, row));
    Numbered { number }.encode_to_vec()
}

pub(super) fn of_note(framing: Framing, note: &str) -> Vec<u8> {
    let row = Row {
        n: 1,
        note: note.to_owned(),
        ..Row::default()
    };
    framed(framing, row.encode_to_vec())
}

/// All that is said in what leaves.
pub(super) fn texts(format: Format, document: &[u8]) -> Vec<String> {
    let framing = match format {
        Format::Protobuf(framing) => framing,
        _ => Framing::Whole,
    };
    let text;
    let mut message = document;
    if let Framing::WebText(_) = framing {
        text = document
            .chunks(4)
            .flat_map(|group| STANDARD.decode(group).unwrap())
            .collect::<Vec<u8>>();
        message = &text;
    }
    if framing != Framing::Whole {
        let (head, rest) = message.split_first_chunk::<5>().unwrap();
        let length = u32::from_be_bytes(head[1..].try_into().unwrap());
        message = &rest[..usize::try_from(length).unwrap()];
    }
    let mut texts = Vec::new();
    let mut row = Some(Row::decode(message).unwrap());
    let numbered = Numbered::decode(message).unwrap().number;
    let mut rows: Vec<Row> = numbered.into_iter().collect();
    while let Some(next) = row.take().or_else(|| rows.pop()) {
        texts.extend([next.value, next.number.to_string(), next.note]);
        row = next.owner.map(|owner| *owner);
    }
    texts
}
