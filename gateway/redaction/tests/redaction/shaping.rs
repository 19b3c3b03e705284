//! What of a document goes on: rows, caps, fields, byte for byte around what goes.

use std::sync::Arc;

use classifiers::media::json::Flaw;
use proptest::prelude::*;
use redaction::shape::{
    Bound, Fields, HELD_BYTES_MAX, Path, Plan, Rows, Shaper, Unbound, Withheld,
};
use serde_json::{Value, json};

use super::Interrupted;

fn shape_cut(
    document: &[u8],
    cuts: &[usize],
    plan: &Plan,
) -> Result<(Vec<u8>, Withheld), Interrupted> {
    let mut shaper = Shaper::new(plan.clone());
    let mut out = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain(&[document.len()]) {
        shaper.push(&document[from..cut], &mut out)?;
        from = cut;
    }
    shaper.finish(&mut out)?;
    Ok((out, shaper.withheld()))
}

fn rows(array: &str, member: &str, bound: Option<&str>, unbound: Unbound) -> Plan {
    Plan {
        rows: vec![Rows {
            array: Path::parse(array).unwrap(),
            member: Path::parse(member).unwrap(),
            bound: bound.map_or(Bound::Nobody, |bound| Bound::One(bound.into())),
            unbound,
        }],
        ..Plan::default()
    }
}

fn fields(lists: &[&str]) -> Plan {
    Plan {
        fields: lists
            .iter()
            .map(|list| Arc::new(Fields::parse(list).unwrap()))
            .collect(),
        ..Plan::default()
    }
}

/// Holds for every cut at one place, and for all cuts at once.
fn check(plan: &Plan, document: &str, expected: &str) -> Withheld {
    let document = document.as_bytes();
    let (out, withheld) = shape_cut(document, &[], plan).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let every: Vec<_> = (1..document.len()).collect();
    for cuts in (0..document.len()).map(|cut| vec![cut]).chain([every]) {
        let (out, again) = shape_cut(document, &cuts, plan).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{cuts:?}");
        assert_eq!(again, withheld);
    }
    withheld
}

#[test]
fn rows_of_others_stay_behind_with_their_commas() {
    let mine = rows("/rows", "/customer/id", Some("C-1"), Unbound::Drop);
    for (before, after) in [
        (
            r#"{ "rows" : [ {"customer":{"id":"C-1"},"n":1} , {"n":2,"customer":{"id":"C-2"}} , {"n":[3],"customer":{"id":"C-1"}} ] , "x" : 1.0e+2 }"#,
            r#"{ "rows" : [ {"customer":{"id":"C-1"},"n":1} , {"n":[3],"customer":{"id":"C-1"}} ] , "x" : 1.0e+2 }"#,
        ),
        (
            r#"{"rows":[{"n":1,"customer":{"id":"C-2"}},{"customer":{"id":"\u0043-1"}}]}"#,
            r#"{"rows":[{"customer":{"id":"\u0043-1"}}]}"#,
        ),
        (
            r#"{"rows":[{"customer":{"id":"C-2"}}, {"customer":null}, 7, []]}"#,
            r#"{"rows":[]}"#,
        ),
        (
            r#"{"other":[{"customer":{"id":"C-2"}}]}"#,
            r#"{"other":[{"customer":{"id":"C-2"}}]}"#,
        ),
    ] {
        check(&mine, before, after);
    }
    let document = r#"[{"id":1},{"id":7},{"id":"7"}]"#;
    let withheld = check(
        &rows("", "/id", Some("7"), Unbound::Drop),
        document,
        r#"[{"id":7},{"id":"7"}]"#,
    );
    assert_eq!((withheld.rows, withheld.unbound), (1, 0));
    let nobody = rows("", "/id", None, Unbound::Drop);
    assert_eq!(check(&nobody, document, "[]").rows, 3);
    let themselves = rows("", "", Some("7"), Unbound::Drop);
    check(&themselves, r#"["7", "8", 7]"#, r#"["7", 7]"#);
}

#[test]
fn what_does_not_say_whose_it_is_stays_behind_or_is_counted() {
    let document = r#"[{"n":1},{"id":"7"},{"id":"8"},{"n":{"id":"8"}}]"#;
    let dropped = check(
        &rows("", "/id", Some("7"), Unbound::Drop),
        document,
        r#"[{"id":"7"}]"#,
    );
    assert_eq!((dropped.rows, dropped.unbound), (1, 2));
    let passed = check(
        &rows("", "/id", Some("7"), Unbound::Pass),
        document,
        r#"[{"n":1},{"id":"7"},{"n":{"id":"8"}}]"#,
    );
    assert_eq!(
        (passed.rows, passed.unbound, passed.unbound_passed),
        (1, 0, 2)
    );
}

#[test]
fn a_row_is_held_to_a_bound_and_then_its_rule_decides() {
    let long = vec!["0123456789"; HELD_BYTES_MAX / 10];
    let document = json!([{ "a": 1, "long": long, "z": { "id": "7" } }, { "z": { "id": "7" } }]);
    let document = document.to_string();
    for unbound in [Unbound::Drop, Unbound::Pass] {
        let plan = rows("", "/z/id", Some("7"), unbound);
        let mut shaper = Shaper::new(plan);
        let mut out = Vec::new();
        for piece in document.as_bytes().chunks(1000) {
            shaper.push(piece, &mut out).unwrap();
            assert!(shaper.held() <= HELD_BYTES_MAX + 2000, "{}", shaper.held());
        }
        shaper.finish(&mut out).unwrap();
        let withheld = shaper.withheld();
        let out: Value = serde_json::from_slice(&out).unwrap();
        let expected = if unbound == Unbound::Drop {
            (1, 1, 0)
        } else {
            (2, 0, 1)
        };
        assert_eq!(
            (
                out.as_array().unwrap().len(),
                withheld.unbound,
                withheld.unbound_passed
            ),
            expected
        );
    }
}

#[test]
fn space_without_end_is_refused_and_not_kept() {
    let plan = fields(&["/a"]);
    let mut shaper = Shaper::new(plan.clone());
    let mut out = Vec::new();
    let space = vec![b' '; 4096];
    shaper.push(b"{\"a\":", &mut out).unwrap();
    let refused = (0..1000).find_map(|_| {
        let refused = shaper.push(&space, &mut out).err();
        assert!(shaper.held() <= 600_000, "{}", shaper.held());
        refused
    });
    let is_too_long = |refused: &Interrupted| {
        matches!(
            refused,
            Interrupted::Unreadable {
                flaw: Flaw::ValueTooLong,
                ..
            }
        )
    };
    assert!(refused.is_some_and(|refused| is_too_long(&refused)));

    let document = [b"{\"a\":".as_slice(), &space.repeat(1000), b"1}"].concat();
    let whole = shape_cut(&document, &[], &plan);
    assert!(whole.is_err_and(|refused| is_too_long(&refused)));
}

#[test]
fn a_row_that_turns_into_anothers_is_taken_back_or_breaks_off() {
    let plan = rows("", "/id", Some("7"), Unbound::Drop);
    let twice = br#"[{"id":"7","id":"8"}]"#;
    assert!(matches!(
        shape_cut(twice, &[], &plan),
        Err(Interrupted::Unreadable { .. })
    ));
    check(&plan, r#"[{"id":"8","id":"7"}]"#, "[]");
}

#[test]
fn a_row_without_its_array_is_a_row() {
    let plan = rows("/rows", "/id", Some("7"), Unbound::Drop);
    let withheld = check(&plan, r#"{"rows":{"id":"8","n":1},"n":2}"#, r#"{"n":2}"#);
    assert_eq!(withheld.rows, 1);
    check(
        &plan,
        r#"{"rows":{"n":1,"id":"7"}}"#,
        r#"{"rows":{"n":1,"id":"7"}}"#,
    );
    check(&plan, r#"{"rows":{"n":1}}"#, "{}");
    check(&plan, r#"{"rows":null}"#, r#"{"rows":null}"#);
    // The whole document is most often an error, unless it says that it is another's.
    let plan = rows("", "/id", Some("7"), Unbound::Drop);
    check(&plan, r#"{"error":"none"}"#, r#"{"error":"none"}"#);
    check(&plan, r#"{"n":1,"id":"7"}"#, r#"{"n":1,"id":"7"}"#);
    assert!(shape_cut(br#"{"n":1,"id":"8"}"#, &[], &plan).is_err());
}

#[test]
fn a_token_that_comes_byte_by_byte_is_read_once() {
    let long = format!(
        "[\"{}\\\\\",{}]",
        "x\\\"".repeat(40_000),
        "1".repeat(100_000)
    );
    let plan = Plan {
        records_max: Some(1),
        ..Plan::default()
    };
    let mut shaper = Shaper::new(plan);
    let mut out = Vec::new();
    let began = std::time::Instant::now();
    for byte in long.as_bytes().chunks(1) {
        shaper.push(byte, &mut out).unwrap();
    }
    shaper.finish(&mut out).unwrap();
    assert_eq!(out, long.as_bytes());
    // Read anew with every byte it would be hours.
    assert!(began.elapsed().as_secs() < 60);
}

#[test]
fn records_and_fields_beyond_the_most_stay_behind() {
    let plan = Plan {
        records_max: Some(2),
        ..Plan::default()
    };
    let withheld = check(
        &plan,
        r#"{"a":[{"x":[{"y":1},{"y":2},{"y":3}]},{"n":2},{"n":3}],"b":[{"n":4}, 5],"c":{}}"#,
        r#"{"a":[{"x":[{"y":1},{"y":2},{"y":3}]},{"n":2}],"b":[ 5],"c":{}}"#,
    );
    assert_eq!(withheld.records, 2);
    let plan = Plan {
        fields_max: Some(3),
        ..Plan::default()
    };
    let withheld = check(
        &plan,
        r#"{"a":1,"b":[2,3,4],"c":{"d":null},"e":[]}"#,
        r#"{"a":1,"b":[2,3],"c":{},"e":[]}"#,
    );
    assert_eq!(withheld.fields, 2);
    // Rows of others are no records of the reader's, and are not told.
    let plan = Plan {
        records_max: Some(1),
        ..rows("", "/id", Some("7"), Unbound::Drop)
    };
    let withheld = check(
        &plan,
        r#"[{"id":"8"},{"id":"7"},{"id":"8"},{"id":"7","n":1},{"n":1}]"#,
        r#"[{"id":"7"}]"#,
    );
    let told: Vec<_> = withheld.tellable().collect();
    assert_eq!(
        (withheld.rows, withheld.unbound, told),
        (2, 1, vec![("records", 1)])
    );
    // What a row of others counted is given back.
    let plan = Plan {
        records_max: Some(1),
        fields_max: Some(2),
        ..rows("", "/id", Some("7"), Unbound::Drop)
    };
    check(
        &plan,
        r#"[{"n":1,"m":2,"id":"8"},{"n":3,"id":"7"}]"#,
        r#"[{"n":3,"id":"7"}]"#,
    );
}

#[test]
fn only_listed_fields_go_on() {
    let plan = fields(&["/id /orders/*/total /address"]);
    let withheld = check(
        &plan,
        r#"{"new":{"x":[1]}, "id":7,"orders":[{"total":1,"card":"x"},5,{"card":"y"}],"address":{"a":[{"b":1}]},"orders ":1}"#,
        r#"{ "id":7,"orders":[{"total":1},{}],"address":{"a":[{"b":1}]}}"#,
    );
    assert_eq!(withheld.unlisted, 5);
    // Every list must name it.
    let both = fields(&["/id /name /mail", "/id /name"]);
    check(
        &both,
        r#"{"mail":1,"id":2,"name":3}"#,
        r#"{"id":2,"name":3}"#,
    );
    check(&both, "\"a mere text\"", "null");
    check(&both, r#" [{"id":2}] "#, r" [] ");
    for wrong in ["", "id", "/a//b", "/a /"] {
        assert!(Fields::parse(wrong).is_err(), "{wrong}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(json!("7")),
        Just(json!(7)),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c7\"\\\\\n]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[ab7]|id|rows", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The same rows by a reading of the whole document.
fn own_rows(value: &mut Value) {
    let Some(rows) = value.get_mut("rows").and_then(Value::as_array_mut) else {
        return;
    };
    rows.retain(|row| match row.get("id") {
        Some(Value::String(id)) => id == "7",
        Some(Value::Number(id)) => id.to_string() == "7",
        _ => false,
    });
}

proptest! {
    #[test]
    fn cuts_change_nothing_and_only_own_rows_are_left(
        rows_in in prop::collection::vec(value(), 0..6),
        other in value(),
        pretty in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let document = json!({ "b": other, "rows": rows_in });
        let text = if pretty {
            serde_json::to_string_pretty(&document).unwrap()
        } else {
            document.to_string()
        };
        let text = text.as_bytes();
        let plan = rows("/rows", "/id", Some("7"), Unbound::Drop);
        let whole = shape_cut(text, &[], &plan).unwrap();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(&shape_cut(text, &cuts, &plan).unwrap(), &whole);
        let mut expected = document;
        own_rows(&mut expected);
        prop_assert_eq!(serde_json::from_slice::<Value>(&whole.0).unwrap(), expected);
        if !whole.1.changed() {
            prop_assert_eq!(&whole.0, text);
        }
        // Whatever the plan, what is left is a document.
        let narrow = Plan { fields_max: Some(3), records_max: Some(1), ..fields(&["/rows/*/a /b"]) };
        let (left, _) = shape_cut(text, &cuts, &narrow).unwrap();
        prop_assert!(serde_json::from_slice::<Value>(&left).is_ok());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(prop::sample::select(b"\"\\{}[],:019-.e@aflnrstu \x80\xC3\xBF".to_vec()), 0..60),
    ) {
        let plan = Plan { records_max: Some(1), ..rows("", "/a", Some("0"), Unbound::Pass) };
        let whole = shape_cut(&bytes, &[], &plan).ok();
        let every: Vec<_> = (1..bytes.len()).collect();
        prop_assert_eq!(shape_cut(&bytes, &every, &plan).ok(), whole);
    }
}
