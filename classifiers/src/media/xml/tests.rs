use proptest::prelude::*;
use quick_xml::events::Event;

use super::*;
use crate::media::coding::Coding;

/// What a document says: names, attributes and text, in order.
type Said = Vec<(char, String)>;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What this reader reads; none if something is broken.
fn ours(document: &[u8]) -> Option<Said> {
    let mut said = Vec::new();
    let mut rest = document;
    while !rest.is_empty() {
        let end = piece_end(rest, 0, &mut 0).unwrap_or(rest.len());
        let (bytes, behind) = rest.split_at(end);
        rest = behind;
        match piece(bytes) {
            Piece::Text => said.push(('t', text(&Coding::Entities.decode(bytes)))),
            Piece::Verbatim(inside) => said.push(('t', text(&bytes[inside]))),
            Piece::Start {
                name,
                attributes: part,
                empty,
            } => {
                let name = text(&bytes[name]);
                said.push(('s', name.clone()));
                for attribute in attributes(bytes, part) {
                    said.push(('n', text(&bytes[attribute.name])));
                    said.push(('v', text(&Coding::Entities.decode(&bytes[attribute.value]))));
                }
                if empty {
                    said.push(('e', name));
                }
            }
            Piece::End(name) => said.push(('e', text(&bytes[name]))),
            Piece::Aside(_) => {}
            Piece::DocumentType | Piece::Broken => return None,
        }
    }
    Some(joined(said))
}

/// What `quick-xml` reads; none if it is broken.
fn theirs(document: &str) -> Option<Said> {
    let mut reader = quick_xml::Reader::from_str(document);
    reader.config_mut().check_end_names = false;
    let mut said = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Text(part) => said.push(('t', text(&part))),
            Event::CData(part) => said.push(('t', text(&part))),
            Event::GeneralRef(part) => {
                let reference = format!("&{};", text(&part));
                said.push(('t', text(&Coding::Entities.decode(reference.as_bytes()))));
            }
            Event::Start(tag) => start(&tag, &mut said)?,
            Event::Empty(tag) => {
                start(&tag, &mut said)?;
                said.push(('e', text(tag.name().as_ref())));
            }
            Event::End(tag) => said.push(('e', text(tag.name().as_ref()))),
            Event::Eof => return Some(joined(said)),
            _ => {}
        }
    }
}

fn start(tag: &quick_xml::events::BytesStart<'_>, said: &mut Said) -> Option<()> {
    said.push(('s', text(tag.name().as_ref())));
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.ok()?;
        said.push(('n', text(attribute.key.as_ref())));
        said.push(('v', text(&Coding::Entities.decode(&attribute.value))));
    }
    Some(())
}

/// Text in one piece, without that of no length.
fn joined(said: Said) -> Said {
    let mut out: Said = Vec::new();
    for (kind, text) in said {
        match out.last_mut() {
            Some(('t', last)) if kind == 't' => last.push_str(&text),
            _ if kind == 't' && text.is_empty() => {}
            _ => out.push((kind, text)),
        }
    }
    out
}

#[test]
fn references_are_read_and_others_are_left() {
    for (reference, expected) in [
        ("&#64;x", Some(('@', 5))),
        ("&#x40;", Some(('@', 6))),
        ("&amp;", Some(('&', 5))),
        ("&#xD800;", None),
        ("&#+64;", None),
        ("&unknown;", None),
        ("& ;", None),
        ("&", None),
    ] {
        assert_eq!(entity(reference.as_bytes()), expected, "{reference}");
    }
}

/// A document that is well-formed.
fn element() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b:c", "d-1"]);
    let value = prop::sample::select(vec!["", "x", "&lt;y&gt;", "&#64;", "a > b", "é"]);
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "t",
            " ",
            "&amp;",
            "<!-- <x> -->",
            "<![CDATA[<&>]]>",
            "<?pi x?>",
            "ü"
        ])
        .prop_map(str::to_owned),
        (
            name.clone(),
            name.clone(),
            value.clone(),
            prop::sample::select(vec!['"', '\''])
        )
            .prop_map(|(name, attribute, value, quote)| format!(
                "<{name} {attribute} = {quote}{value}{quote} />"
            )),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        (
            name.clone(),
            value.clone(),
            prop::collection::vec(inner, 0..4),
        )
            .prop_map(|(name, value, inner)| {
                format!("<{name} k=\"{value}\">{}</{name}\n>", inner.concat())
            })
    })
}

proptest! {
    #[test]
    fn a_document_says_what_quick_xml_reads(inner in prop::collection::vec(element(), 0..4)) {
        let document = format!("<?xml version=\"1.0\"?><r>{}</r>", inner.concat());
        prop_assert_eq!(ours(document.as_bytes()), theirs(&document));
    }
}
