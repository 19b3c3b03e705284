//! Texts that repeat what a tool of MCP says in structure are narrowed as that is, cut anywhere.

use std::sync::Arc;

use redaction::shape::{Bound, Fields, Path, Plan, Rows, Shaper, Twin, Unbound, Withheld};
use serde_json::{Value, json};

use super::*;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

pub(crate) fn twin() -> Arc<Twin> {
    Arc::new(Twin {
        block: path("/result/content/*"),
        texts: vec![
            path("/text"),
            path("/resource/text"),
            path("/resource/blob"),
        ],
        of: path("/result/structuredContent"),
    })
}

fn mine() -> Plan {
    Plan {
        rows: vec![Rows {
            array: path("/result/structuredContent/rows"),
            member: path("/id"),
            bound: Bound::One("C-1".into()),
            unbound: Unbound::Drop,
        }],
        twin: Some(twin()),
        ..Plan::default()
    }
}

pub(crate) fn message(content: &Value, structured: &Value) -> Vec<u8> {
    let result = json!({ "content": content, "structuredContent": structured });
    json!({ "jsonrpc": "2.0", "id": 1, "result": result })
        .to_string()
        .into_bytes()
}

fn shape(
    document: &[u8],
    cuts: &[usize],
    plan: &Plan,
) -> Result<(Vec<u8>, Withheld, Gaps), Interrupted> {
    let mut shaper = Shaper::new(plan.clone());
    let mut out = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain(&[document.len()]) {
        shaper.push(&document[from..cut], &mut out)?;
        from = cut;
    }
    shaper.finish(&mut out)?;
    Ok((out, shaper.withheld(), shaper.gaps()))
}

/// What goes on of a message, which is the same for every cut at one place, and for all at once.
#[track_caller]
pub(crate) fn content(plan: &Plan, document: &[u8]) -> (Value, Withheld) {
    let (out, withheld, gaps) = shape(document, &[], plan).unwrap();
    assert!(gaps.is_empty());
    let every: Vec<_> = (1..document.len()).collect();
    for cuts in (0..document.len()).map(|cut| vec![cut]).chain([every]) {
        let again = shape(document, &cuts, plan).unwrap();
        assert_eq!((&again.0, again.1), (&out, withheld), "{cuts:?}");
    }
    let mut left: Value = serde_json::from_slice(&out).unwrap();
    (left["result"]["content"].take(), withheld)
}

fn rows() -> Value {
    json!({ "rows": [{ "id": "C-2", "n": "\"two\"" }, { "id": "C-1", "n": "one" }], "total": 2 })
}

fn text(value: &Value) -> Value {
    json!({ "type": "text", "text": value.to_string() })
}

#[test]
fn a_text_that_repeats_the_structure_loses_the_same_rows() {
    let kept = json!({ "rows": [{ "id": "C-1", "n": "one" }], "total": 2 });
    let document = message(&json!([text(&rows())]), &rows());
    let (left, withheld) = content(&mine(), &document);
    assert_eq!(left, json!([text(&kept)]));
    // What is said twice is counted once.
    assert_eq!(withheld.rows, 1);
    // What has nothing to lose leaves byte for byte.
    let document = message(&json!([text(&kept)]), &kept);
    assert_eq!(shape(&document, &[], &mine()).unwrap().0, document);
}

#[test]
fn rows_alone_are_known_as_rows() {
    let all = rows();
    let array = json!([text(&all["rows"])]);
    let (left, _) = content(&mine(), &message(&array, &all));
    assert_eq!(left, json!([text(&json!([all["rows"][1]]))]));
    // One block for each row: another's leaves with its block.
    let each = json!([text(&all["rows"][0]), text(&all["rows"][1])]);
    let (left, withheld) = content(&mine(), &message(&each, &all));
    assert_eq!(left, json!([text(&all["rows"][1])]));
    assert_eq!(withheld.rows, 1);
    // A name that comes behind the text changes nothing.
    let document = message(&each, &all);
    let turned = String::from_utf8(document).unwrap();
    let turned = turned.replace("\"type\":\"text\"", "\"a\":1");
    let (left, _) = content(&mine(), turned.as_bytes());
    assert_eq!(left.as_array().map(Vec::len), Some(1));
}

#[test]
fn a_resource_and_its_base64_are_texts_too() {
    let blob = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        rows().to_string(),
    );
    let blocks = json!([
        { "type": "resource", "resource": { "uri": "crm://all", "text": rows().to_string() } },
        { "type": "resource", "resource": { "uri": "crm://all", "blob": blob } },
    ]);
    let (left, _) = content(&mine(), &message(&blocks, &rows()));
    let told = left[0]["resource"]["text"].as_str().unwrap();
    assert!(told.contains("C-1") && !told.contains("C-2"), "{told}");
    let blob = left[1]["resource"]["blob"].as_str().unwrap();
    let blob = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, blob).unwrap();
    let told = String::from_utf8(blob).unwrap();
    assert!(told.contains("C-1") && !told.contains("C-2"), "{told}");
}

#[test]
fn what_cannot_be_told_is_refused_or_noted() {
    for opaque in [
        json!("Customer C-2 is called Ann."),
        json!(json!({ "customers": [{ "id": "C-2" }] }).to_string()),
        json!(json!("{\"id\":\"C-2\"}").to_string()),
        json!("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk"),
    ] {
        let blocks = json!([{ "type": "text", "text": opaque }]);
        let document = message(&blocks, &rows());
        let refused = shape(&document, &[], &mine());
        assert_eq!(
            refused.err(),
            Some(Interrupted::Uninspected(Gap::RowsUnknown)),
            "{opaque}"
        );
        let passing = Plan {
            opaque: Opaque::Pass,
            ..mine()
        };
        let (out, _, gaps) = shape(&document, &[], &passing).unwrap();
        assert_eq!(gaps.names().collect::<Vec<_>>(), ["rows_unknown"]);
        assert!(!String::from_utf8(out).unwrap().contains("two"));
    }
    // An error and what has no rows at all are no texts of a tool's rows.
    let error = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no such"}}"#;
    assert_eq!(shape(error, &[], &mine()).unwrap().0, error);
}

#[test]
fn caps_and_lists_of_fields_hold_in_the_text() {
    let all = json!({ "rows": [{ "id": 1, "n": 2 }, { "id": 3, "n": 4 }, { "id": 5, "n": 6 }] });
    let capped = Plan {
        records_max: Some(2),
        twin: Some(twin()),
        ..Plan::default()
    };
    let document = message(&json!([text(&all)]), &all);
    let (left, withheld) = content(&capped, &document);
    assert_eq!(
        left,
        json!([text(
            &json!({ "rows": [{ "id": 1, "n": 2 }, { "id": 3, "n": 4 }] })
        )])
    );
    assert_eq!(withheld.records, 1);
    let each: Vec<Value> = all["rows"].as_array().unwrap().iter().map(text).collect();
    let (left, withheld) = content(&capped, &message(&json!(each), &all));
    assert_eq!(left, json!(each[..2]));
    assert_eq!(withheld.records, 1);
    // Blocks count together, however many there are.
    let one = json!([{ "id": 7 }]);
    let blocks = json!([text(&one), text(&all), text(&one), text(&all)]);
    let (left, withheld) = content(&capped, &message(&blocks, &all));
    assert_eq!(left.to_string().matches("id").count(), 2, "{left}");
    assert_eq!(withheld.records, 6);
    let listed = Plan {
        fields: vec![Arc::new(
            Fields::parse("/id /jsonrpc /result/content /result/structuredContent/rows/*/id")
                .unwrap(),
        )],
        twin: Some(twin()),
        ..Plan::default()
    };
    let (left, _) = content(&listed, &document);
    let ids = json!({ "rows": [{ "id": 1 }, { "id": 3 }, { "id": 5 }] });
    assert_eq!(left, json!([text(&ids)]));
}

/// What stands where no rule can find rows, though they may well be there, is not let go on as if there were
/// none.
#[test]
fn what_could_hide_rows_is_unknown() {
    let row = "[{\"id\":\"C-2\",\"n\":\"two\"}]";
    let whole = |message: Value| message.to_string().into_bytes();
    let rows = json!({ "rows": [{ "id": "C-1" }] });
    let block = |block: Value| message(&json!([block]), &rows);
    let cases = [
        // The rows as text, where an array is due.
        message(&json!([]), &json!({ "rows": row })),
        // An array around the message.
        whole(json!([{ "id": 1, "result": { "content": [{ "type": "text", "text": row }] } }])),
        // No array of blocks, no object for a block, an array in its place.
        message(&json!({ "type": "text", "text": row }), &rows),
        message(&json!(row), &rows),
        message(&json!([row]), &rows),
        message(&json!([[{ "type": "text", "text": row }]]), &rows),
        // Blocks that say it elsewhere.
        block(json!({ "type": "resource_link", "uri": "crm://C-2", "description": row })),
        block(
            json!({ "type": "image", "mimeType": "application/json", "data": "W3siaWQiOiJDLTIifV0=" }),
        ),
        block(json!({ "type": "text", "_meta": { "said": row } })),
    ];
    for document in cases {
        let shown = String::from_utf8_lossy(&document).into_owned();
        let refused = Plan {
            opaque: Opaque::Refuse,
            ..mine()
        };
        let refused = shape(&document, &[], &refused);
        let Err(Interrupted::Uninspected(Gap::RowsUnknown)) = refused else {
            panic!("{refused:?} of {shown}");
        };
        let passed = Plan {
            opaque: Opaque::Pass,
            ..mine()
        };
        let (_, _, gaps) = shape(&document, &[], &passed).unwrap();
        assert!(!gaps.is_empty(), "{shown}");
    }
}
