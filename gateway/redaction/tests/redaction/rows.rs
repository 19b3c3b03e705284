//! Rows of others, caps and fields in lines of JSON, events and tables; cut anywhere.

use std::sync::Arc;

use proptest::prelude::*;
use redaction::shape::{Bound, Fields, Path, Plan, Rows, Shaper, Unbound, Withheld};
use serde_json::{Value, json};

use super::*;

fn shape_cut(
    media: Media,
    document: &[u8],
    cuts: &[usize],
    plan: &Plan,
) -> Result<(Vec<u8>, Withheld), Interrupted> {
    let mut shaper = Shaper::of(media, plan.clone()).unwrap();
    let mut out = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain(&[document.len()]) {
        shaper.push(&document[from..cut], &mut out)?;
        from = cut;
    }
    shaper.finish(&mut out)?;
    Ok((out, shaper.withheld()))
}

pub(crate) fn mine(array: &str, member: &str) -> Plan {
    Plan {
        rows: vec![Rows {
            array: Path::parse(array).unwrap(),
            member: Path::parse(member).unwrap(),
            bound: Bound::One("C-1".into()),
            unbound: Unbound::Drop,
        }],
        ..Plan::default()
    }
}

/// Holds for every cut at one place, and for all cuts at once.
#[track_caller]
pub(crate) fn check(media: Media, plan: &Plan, document: &str, expected: &str) -> Withheld {
    let document = document.as_bytes();
    let (out, withheld) = shape_cut(media, document, &[], plan).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let every: Vec<_> = (1..document.len()).collect();
    for cuts in (0..document.len()).map(|cut| vec![cut]).chain([every]) {
        let (out, again) = shape_cut(media, document, &cuts, plan).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{cuts:?}");
        assert_eq!(again, withheld);
    }
    withheld
}

#[track_caller]
pub(crate) fn refused(media: Media, plan: &Plan, document: &str) {
    let shaped = shape_cut(media, document.as_bytes(), &[], plan);
    assert!(matches!(shaped, Err(Interrupted::Form(_))), "{shaped:?}");
}

#[test]
fn lines_of_others_leave_with_their_line_ends() {
    let withheld = check(
        Media::Ndjson,
        &mine("", "/id"),
        "{\"id\":\"C-1\",\"n\":1}\n{\"n\":2,\"id\":\"C-2\"}\r\n\n{\"n\":3}\n {\"id\":\"C\\u002D1\"}",
        "{\"id\":\"C-1\",\"n\":1}\n\n {\"id\":\"C\\u002D1\"}",
    );
    assert_eq!((withheld.rows, withheld.unbound), (1, 1));
    let within = mine("/*/rows", "/id");
    let line = "{\"rows\":[{\"id\":\"C-2\"},{\"id\":\"C-1\"}]}\n";
    check(
        Media::Ndjson,
        &within,
        line,
        "{\"rows\":[{\"id\":\"C-1\"}]}\n",
    );
    let two = Plan {
        records_max: Some(2),
        ..Plan::default()
    };
    let withheld = check(Media::Ndjson, &two, "{}\n{}\n{}\n", "{}\n{}\n");
    assert_eq!(withheld.records, 1);
    for unclear in [
        "{\"id\":\n\"C-1\"}\n",
        "{\"id\":\"C-1\"} {\"id\":\"C-2\"}\n",
        "see C-2\n",
    ] {
        refused(Media::Ndjson, &mine("", "/id"), unclear);
    }
}

#[test]
fn rows_in_events_leave_and_the_events_stay() {
    let plan = mine("/result/rows", "/id");
    let event = |rows: Value| json!({ "id": 1, "result": { "rows": rows } }).to_string();
    let both = event(json!([{ "id": "C-2" }, { "id": "C-1", "n": 1 }]));
    let own = event(json!([{ "id": "C-1", "n": 1 }]));
    let before = format!(": hi\r\nid: 7\r\ndata: {both}\r\n\r\ndata: {own}\n\ndata: [DONE]\n\n");
    let after = format!(": hi\r\nid: 7\r\ndata: {own}\n\r\ndata: {own}\n\ndata: [DONE]\n\n");
    let withheld = check(Media::Sse, &plan, &before, &after);
    assert_eq!(withheld.rows, 1);
    let lines = "data: {\"result\":{\"rows\":[\ndata: {\"id\":\"C-2\"}\ndata: ]}}\n\n";
    check(
        Media::Sse,
        &plan,
        lines,
        "data: {\"result\":{\"rows\":[\ndata: ]}}\n\n",
    );
    refused(Media::Sse, &plan, "data: C-2 is here\n\n");
}

/// What of several events stays behind is all counted, also where one says in text what another is.
#[test]
fn what_stays_behind_of_several_events_is_added_up() {
    let plan = Plan {
        twin: Some(twins::twin()),
        ..mine("/result/structuredContent/rows", "/id")
    };
    let rows = json!({ "rows": [{ "id": "C-2" }] });
    let none = json!({ "rows": [] });
    let event = |content: Value, structured: &Value| {
        let result = json!({ "content": content, "structuredContent": structured });
        let message = json!({ "id": 1, "result": result });
        format!("data: {message}\n\n")
    };
    let text = |value: &Value| json!([{ "text": value.to_string(), "type": "text" }]);
    let before = event(json!([]), &rows) + &event(text(&rows), &none) + &event(text(&rows), &rows);
    let after = event(json!([]), &none) + &event(text(&none), &none) + &event(text(&none), &none);
    let withheld = check(Media::Sse, &plan, &before, &after);
    assert_eq!(withheld.rows, 3);
}

#[test]
fn records_of_others_leave_a_table_and_columns_that_nobody_listed() {
    let withheld = check(
        Media::Csv,
        &mine("", "/customer"),
        "n,customer,note\r\n1,C-1,\"a, \"\"b\"\"\"\r\n2,C-2,x\r\n3,,y\r\n4,\"C-1\",\"two\r\nlines\"\r\n",
        "n,customer,note\r\n1,C-1,\"a, \"\"b\"\"\"\r\n4,\"C-1\",\"two\r\nlines\"\r\n",
    );
    assert_eq!((withheld.rows, withheld.unbound), (1, 1));
    check(
        Media::Csv,
        &mine("", "/id"),
        "\u{feff}id\tn\nC-2\t1\nC-1\t2",
        "\u{feff}id\tn\nC-1\t2",
    );
    let listed = Plan {
        fields: vec![Arc::new(Fields::parse("/*/id /*/plan").unwrap())],
        records_max: Some(2),
        fields_max: Some(3),
        ..Plan::default()
    };
    let withheld = check(
        Media::Csv,
        &listed,
        "id,ssn,plan\n1,s,gold\n2,t,none\n3,u,x\n",
        "id,plan\n1,gold\n2,\n",
    );
    assert_eq!(
        (withheld.unlisted, withheld.records, withheld.fields),
        (1, 1, 1)
    );
    // Two columns of one name must both say whose the record is.
    let doubled = "id,id\nC-1,C-2\nC-2,C-1\nC-1,C-1\n";
    check(Media::Csv, &mine("", "/id"), doubled, "id,id\nC-1,C-1\n");
}

#[test]
fn a_table_that_reads_in_two_ways_is_refused() {
    for rest in [
        "C-1,a\"b\nC-2,c\"d\n",
        "\"C-1\"x,1\n",
        "C-1\n",
        "C-1,1,2\n",
        "\"C-1,1\n",
    ] {
        refused(Media::Csv, &mine("", "/id"), &format!("id,n\n{rest}"));
    }
}

#[test]
fn what_has_no_rows_is_not_shaped() {
    for media in [Media::Html, Media::Text, Media::Form] {
        assert!(!Shaper::reads(media) && Shaper::of(media, Plan::default()).is_none());
    }
}

proptest! {
    #[test]
    fn a_writers_table_keeps_ones_own_records_and_no_others(
        records in prop::collection::vec(("[ab\",;\n]{0,6}", prop::sample::select(&["C-1", "C-2", "c-1"][..])), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["note", "id"]).unwrap();
        for (note, id) in &records {
            writer.write_record([note.as_str(), id]).unwrap();
        }
        let table = writer.into_inner().unwrap();
        let plan = mine("", "/id");
        let whole = shape_cut(Media::Csv, &table, &[], &plan).unwrap();
        let cut = cut.index(table.len());
        prop_assert_eq!(&shape_cut(Media::Csv, &table, &[cut], &plan).unwrap(), &whole);
        let mut reader = csv::Reader::from_reader(&whole.0[..]);
        let left: Vec<(String, String)> = reader.deserialize().map(Result::unwrap).collect();
        let own = records.into_iter().filter(|(_, id)| *id == "C-1");
        let own: Vec<_> = own.map(|(note, id)| (note, id.to_owned())).collect();
        prop_assert_eq!(left, own);
    }
}
