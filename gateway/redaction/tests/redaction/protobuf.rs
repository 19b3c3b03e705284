//! Protobuf: messages that another encoder wrote, and that it reads again.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MessageOptions,
    MethodDescriptorProto, ServiceDescriptorProto,
};
use redaction::{Descriptors, MESSAGE_BYTES_MAX};

use super::keys::TestKeys;
use super::properties::planted;
use super::*;

#[derive(Clone, PartialEq, prost::Message)]
struct Customer {
    #[prost(string, tag = "1")]
    mrn: String,
    #[prost(string, tag = "2")]
    note: String,
    #[prost(uint64, tag = "3")]
    ssn: u64,
    #[prost(uint32, tag = "4")]
    orders: u32,
    #[prost(double, tag = "5")]
    total: f64,
    #[prost(bool, tag = "6")]
    active: bool,
    #[prost(string, repeated, tag = "7")]
    tags: Vec<String>,
    #[prost(message, repeated, tag = "8")]
    friends: Vec<Customer>,
    #[prost(btree_map = "string, string", tag = "9")]
    labels: BTreeMap<String, String>,
    #[prost(bytes = "vec", tag = "10")]
    blob: Vec<u8>,
}

/// The same with a field that the descriptors do not know.
#[derive(Clone, PartialEq, prost::Message)]
struct Newer {
    #[prost(string, tag = "1")]
    mrn: String,
    #[prost(string, tag = "99")]
    nickname: String,
}

fn field(
    name: &str,
    number: i32,
    kind: Type,
    many: bool,
    of: Option<&str>,
) -> FieldDescriptorProto {
    let label = if many {
        Label::Repeated
    } else {
        Label::Optional
    };
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(label.into()),
        r#type: Some(kind.into()),
        type_name: of.map(str::to_owned),
        ..FieldDescriptorProto::default()
    }
}

fn descriptors() -> Descriptors {
    let entry = DescriptorProto {
        name: Some("LabelsEntry".to_owned()),
        field: vec![
            field("key", 1, Type::String, false, None),
            field("value", 2, Type::String, false, None),
        ],
        options: Some(MessageOptions {
            map_entry: Some(true),
            ..MessageOptions::default()
        }),
        ..DescriptorProto::default()
    };
    let customer = DescriptorProto {
        name: Some("Customer".to_owned()),
        field: vec![
            field("mrn", 1, Type::String, false, None),
            field("note", 2, Type::String, false, None),
            field("ssn", 3, Type::Uint64, false, None),
            field("orders", 4, Type::Uint32, false, None),
            field("total", 5, Type::Double, false, None),
            field("active", 6, Type::Bool, false, None),
            field("tags", 7, Type::String, true, None),
            field("friends", 8, Type::Message, true, Some(".crm.v1.Customer")),
            field(
                "labels",
                9,
                Type::Message,
                true,
                Some(".crm.v1.Customer.LabelsEntry"),
            ),
            field("blob", 10, Type::Bytes, false, None),
        ],
        nested_type: vec![entry],
        ..DescriptorProto::default()
    };
    let method = MethodDescriptorProto {
        name: Some("Get".to_owned()),
        input_type: Some(".crm.v1.Customer".to_owned()),
        output_type: Some(".crm.v1.Customer".to_owned()),
        ..MethodDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("crm.proto".to_owned()),
        package: Some("crm.v1".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![customer],
        service: vec![ServiceDescriptorProto {
            name: Some("Customers".to_owned()),
            method: vec![method],
            ..ServiceDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    };
    let set = FileDescriptorSet { file: vec![file] };
    Descriptors::decode(&set.encode_to_vec()).unwrap()
}

type Read = Result<(Vec<u8>, Summary, Gaps), Interrupted>;

fn read(framing: Framing, body: &[u8], cuts: &[usize], opaque: Opaque, action: Action) -> Read {
    let message = descriptors().message("crm.v1.Customer").unwrap();
    let disclose = move |_: DataClass| action;
    let mut redacted =
        super::body(Coding::Identity, Format::Protobuf(framing), disclose).treating(opaque);
    redacted.of_messages(message);
    let mut out = Output::new();
    let mut released = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain(&[body.len()]) {
        redacted.push(&Bytes::copy_from_slice(&body[from..cut]), &mut out)?;
        released.extend(out.by_ref().flatten());
        from = cut;
    }
    redacted.finish(&mut out)?;
    released.extend_from_slice(&out.contiguous());
    let gaps = redacted.gaps();
    Ok((released, redacted.into_parts().0, gaps))
}

fn whole(customer: &Customer, action: Action) -> Customer {
    let body = customer.encode_to_vec();
    let (released, ..) = read(Framing::Whole, &body, &[], Opaque::Refuse, action).unwrap();
    Customer::decode(&*released).unwrap()
}

fn frame(message: &[u8], compressed: bool) -> Vec<u8> {
    let message = if compressed {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(message).unwrap();
        gzip.finish().unwrap()
    } else {
        message.to_vec()
    };
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[u8::from(compressed)], &length[..], &message].concat()
}

/// The messages of a body of gRPC, none of them compressed.
fn messages(mut body: &[u8]) -> Vec<Customer> {
    let mut all = Vec::new();
    while let Some((head, rest)) = body.split_first_chunk::<5>() {
        assert_eq!(head[0], 0);
        let length = u32::from_be_bytes(head[1..].try_into().unwrap());
        let (message, rest) = rest.split_at(usize::try_from(length).unwrap());
        all.push(Customer::decode(message).unwrap());
        body = rest;
    }
    assert_eq!(body, b"");
    all
}

fn customer(planted: &str, depth: u32) -> Customer {
    let blob = serde_json::json!({ "mrn": "MX-9-K", "note": planted }).to_string();
    Customer {
        mrn: "MX-7-K".to_owned(),
        note: format!("write to {planted} é"),
        ssn: 536_221_234,
        orders: 7,
        total: 12.5,
        active: true,
        tags: vec!["new".to_owned(), planted.to_owned(), blob.clone()],
        friends: (0..depth).map(|_| customer(planted, depth - 1)).collect(),
        labels: BTreeMap::from([
            ("colour".to_owned(), "red".to_owned()),
            ("email".to_owned(), "ann@example.com".to_owned()),
            (planted.to_owned(), "x".to_owned()),
        ]),
        blob: base64::engine::general_purpose::STANDARD
            .encode(blob)
            .into_bytes(),
    }
}

fn clean() -> Customer {
    Customer {
        note: "prefers a call to a letter".to_owned(),
        orders: 7,
        total: 0.1,
        active: true,
        tags: vec!["new".to_owned(), String::new()],
        friends: vec![
            Customer::default(),
            Customer {
                orders: u32::MAX,
                ..Customer::default()
            },
        ],
        labels: BTreeMap::from([("colour".to_owned(), "red".to_owned())]),
        blob: vec![0, 255, 1],
        ..Customer::default()
    }
}

proptest! {
    #[test]
    fn nothing_that_is_planted_leaves_a_message(
        planted in planted(),
        depth in 0..3u32,
        compressed in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        action in prop::sample::select(vec![Action::Replace, Action::Pseudonymize, Action::Drop]),
    ) {
        let before = customer(&planted, depth);
        let body = [frame(&before.encode_to_vec(), compressed), frame(&clean().encode_to_vec(), !compressed)].concat();
        let framing = Framing::Grpc(Coding::Gzip);
        let (released, summary, _) = read(framing, &body, &[], Opaque::Refuse, action).unwrap();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        cuts.sort_unstable();
        let all = messages(&released);
        for cuts in [cuts, (1..body.len()).collect()] {
            let (cut, found, _) = read(framing, &body, &cuts, Opaque::Refuse, action).unwrap();
            prop_assert_eq!(&messages(&cut), &all);
            prop_assert_eq!(&found, &summary);
        }
        prop_assert_eq!(&all[1], &clean());
        let after = &all[0];
        prop_assert_eq!((after.orders, after.total, after.active), (7, 12.5, true));
        prop_assert!(after.ssn != before.ssn);
        prop_assert_eq!(after.friends.len(), before.friends.len());
        prop_assert_eq!(&after.labels["colour"], "red");
        let blob = base64::engine::general_purpose::STANDARD.decode(&after.blob).unwrap();
        let told = format!("{after:?} {}", String::from_utf8_lossy(&blob));
        for hidden in [planted.as_str(), "MX-7-K", "MX-9-K", "ann@example"] {
            prop_assert!(!told.contains(hidden), "{hidden} in {told}");
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for framing in [Framing::Whole, Framing::Grpc(Coding::Gzip)] {
            let whole = read(framing, &bytes, &[], Opaque::Pass, Action::Replace);
            let every: Vec<_> = (1..bytes.len()).collect();
            let cut = read(framing, &bytes, &every, Opaque::Pass, Action::Replace);
            prop_assert_eq!(whole.is_ok(), cut.is_ok());
        }
    }
}

#[test]
fn what_holds_nothing_leaves_as_it_came() {
    let body = clean().encode_to_vec();
    let (released, summary, gaps) =
        read(Framing::Whole, &body, &[], Opaque::Refuse, Action::Replace).unwrap();
    assert_eq!(
        (released, summary.findings(), gaps),
        (body, 0, Gaps::default())
    );
    let shown = whole(&customer("ann@example.com", 1), Action::Show);
    assert_eq!(shown, customer("ann@example.com", 1));
}

#[test]
fn places_are_told_by_the_names_of_fields() {
    let body = customer("ann@example.com", 1).encode_to_vec();
    let (_, summary, _) = read(Framing::Whole, &body, &[], Opaque::Refuse, Action::Drop).unwrap();
    let paths: Vec<_> = summary.places.iter().map(|place| &*place.path).collect();
    for path in [
        "/mrn",
        "/ssn",
        "/friends/*/mrn",
        "/labels/email",
        "/blob/mrn",
    ] {
        assert!(paths.contains(&path), "{path} in {paths:?}");
    }
    let dropped = whole(&customer("ann@example.com", 0), Action::Drop);
    assert_eq!((dropped.ssn, &*dropped.mrn), (0, ""));
}

#[test]
fn the_first_of_two_values_does_not_pass() {
    let first = Customer {
        note: "ann@example.com".to_owned(),
        ..Customer::default()
    };
    let last = Customer {
        note: "nothing".to_owned(),
        ..Customer::default()
    };
    let body = [first.encode_to_vec(), last.encode_to_vec()].concat();
    let (released, ..) = read(Framing::Whole, &body, &[], Opaque::Refuse, Action::Replace).unwrap();
    assert_eq!(released, last.encode_to_vec());
}

#[test]
fn what_the_descriptors_do_not_know_is_a_gap_and_stays() {
    let newer = Newer {
        mrn: "MX-7-K".to_owned(),
        nickname: "Nan".to_owned(),
    };
    let body = newer.encode_to_vec();
    let refused = read(Framing::Whole, &body, &[], Opaque::Refuse, Action::Replace);
    assert_eq!(
        refused.unwrap_err(),
        Interrupted::Uninspected(Gap::FieldUnknown)
    );
    let (released, _, gaps) =
        read(Framing::Whole, &body, &[], Opaque::Pass, Action::Replace).unwrap();
    assert_eq!(gaps.names().collect::<Vec<_>>(), ["field_unknown"]);
    let released = Newer::decode(&*released).unwrap();
    assert_eq!((&*released.mrn, &*released.nickname), ("[phi.mrn]", "Nan"));
}

#[test]
fn limits_are_refused_and_methods_found() {
    let grpc = |body: &[u8]| {
        read(
            Framing::Grpc(Coding::Gzip),
            body,
            &[],
            Opaque::Refuse,
            Action::Replace,
        )
        .map(|it| it.0)
    };
    let long = u32::try_from(MESSAGE_BYTES_MAX + 1).unwrap().to_be_bytes();
    grpc(&[&[0], &long[..]].concat()).unwrap_err();
    grpc(&[0, 0, 0, 0, 9, 1]).unwrap_err();
    grpc(&[2, 0, 0, 0, 0]).unwrap_err();
    grpc(&frame(&vec![0; MESSAGE_BYTES_MAX * 2], true)).unwrap_err();
    assert_eq!(grpc(&[0, 0, 0, 0, 0]), Ok(vec![0, 0, 0, 0, 0]));
    // A friend of a friend, and so on: deeper than a reader opens.
    let mut deep = Vec::new();
    for _ in 0..200 {
        let mut around = vec![0x42];
        prost::encoding::encode_varint(deep.len() as u64, &mut around);
        around.append(&mut deep);
        deep = around;
    }
    grpc(&frame(&deep, false)).unwrap_err();

    let descriptors = descriptors();
    assert!(descriptors.method("/crm.v1.Customers/Get").is_some());
    assert!(descriptors.method("/crm.v1.Customers/Put").is_none());
    assert!(descriptors.method("crm.v1.Customers/Get").is_none());
    assert!(descriptors.message("crm.v1.Nobody").is_none());
    Descriptors::decode(b"no descriptors").unwrap_err();
}

#[test]
fn tokens_in_messages_are_turned_back_for_whom_it_is_allowed() {
    let before = customer("ann@example.com", 1);
    let frames = [
        frame(&before.encode_to_vec(), true),
        frame(&clean().encode_to_vec(), false),
    ]
    .concat();
    let framing = Framing::Grpc(Coding::Gzip);
    let pass = |bytes: &[u8], action: Action, host: usize, may: Option<bool>| {
        let mut body = Body::new(
            Coding::Identity,
            Format::Protobuf(framing),
            move |_: DataClass| action,
            TestKeys::of(host),
            Box::new(Workspace::new()),
        );
        body.of_messages(descriptors().message("crm.v1.Customer").unwrap());
        if let Some(may) = may {
            body.restore(Box::new(move |_: DataClass| may));
        }
        let mut out = Output::new();
        for piece in bytes.chunks(7) {
            body.push(&Bytes::copy_from_slice(piece), &mut out).unwrap();
        }
        body.finish(&mut out).unwrap();
        let restored = body.restored().cloned();
        (messages(&out.contiguous()), restored)
    };
    let (tokens, _) = pass(&frames, Action::Tokenize, 0, None);
    let told = format!("{tokens:?}");
    assert!(
        told.contains("tok_pii.email_") && !told.contains("ann@"),
        "{told}"
    );
    let sent: Vec<u8> = tokens
        .iter()
        .flat_map(|message| frame(&message.encode_to_vec(), false))
        .collect();
    // Another host of the same tenant knows the tokens; another tenant, and who may not, get none.
    let (back, restored) = pass(&sent, Action::Show, 1, Some(true));
    let restored = restored.unwrap();
    assert_eq!((restored.refused, restored.unopened), (0, 0));
    let mut expected = before.clone();
    // Base64 within a field is opened as well; a number has no token.
    expected.ssn = back[0].ssn;
    expected.friends[0].ssn = back[0].friends[0].ssn;
    assert_eq!(back, [expected, clean()]);
    let (same, refused) = pass(&sent, Action::Show, 1, Some(false));
    assert_eq!(same, tokens);
    assert!(refused.unwrap().refused > 5);
    let (same, unopened) = pass(&sent, Action::Show, 2, Some(true));
    assert_eq!(same, tokens);
    assert!(unopened.unwrap().unopened > 5);
}
