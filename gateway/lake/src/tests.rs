//! What is written, as the crate's own reader reads it: another way through the same levels. What other hands make of it is
//! looked at by the scenarios.

use std::collections::BTreeMap;

use parquet::{
    file::{reader::FileReader, serialized_reader::SerializedFileReader},
    record::{Field, Row as Read},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// The rows of a file, without what is not there.
fn read(file: Vec<u8>) -> Vec<Value> {
    let reader = SerializedFileReader::new(parquet_bytes(file)).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| members(&row.unwrap())).collect()
}

fn parquet_bytes(file: Vec<u8>) -> bytes::Bytes {
    bytes::Bytes::from(file)
}

fn members(row: &Read) -> Value {
    let members = row.get_column_iter();
    let members = members.map(|(name, field)| (name.clone(), value(field)));
    Value::Object(
        members
            .filter(|(_, it)| !it.is_null())
            .collect::<Map<_, _>>(),
    )
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(it) => json!(it),
        Field::Int(it) => json!(it),
        Field::Long(it) => json!(it),
        Field::Str(it) => json!(it),
        Field::Group(row) => members(row),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        other => panic!("{other:?}"),
    }
}

fn event(time: i64, more: Value) -> Value {
    let mut event = json!({
        "activity_id": 2, "category_uid": 6, "class_uid": 6003, "type_uid": 600_302, "time": time, "severity_id": 1,
    });
    if let (Value::Object(event), Value::Object(more)) = (&mut event, more) {
        event.extend(more);
    }
    event
}

fn row(event: &Value) -> Row {
    Row {
        at_ms: event["time"].as_i64().unwrap(),
        json: event.to_string(),
    }
}

/// What is read back of an event that has a column for everything.
fn whole(event: &Value) -> Value {
    let mut expected = event.clone();
    expected["raw_data"] = event.to_string().into();
    expected
}

#[test]
fn what_is_nested_and_listed_comes_back_in_the_order_of_time() {
    let first = event(
        1,
        json!({
            "metadata": { "uid": "a", "sequence": 9_007_199_254_740_993_i64, "profiles": ["x", "y"],
                "product": { "name": "Tidegate" } },
            "resources": [{ "name": "customer", "type": "bound parameter" }, { "name": "invoice" }],
            "actor": { "process": { "pid": 7, "file": { "hashes": [{ "algorithm_id": 3, "value": "ab" }] } } },
            "is_alert": false,
        }),
    );
    let second = event(
        2,
        json!({ "metadata": { "profiles": [] }, "resources": [] }),
    );
    let third = event(3, json!({ "api": { "response": { "code": 200 } } }));
    let rows = vec![row(&third), row(&first), row(&second)];
    let read = read(file(6003, rows).unwrap());
    assert_eq!(read, [whole(&first), whole(&second), whole(&third)]);
}

#[test]
fn what_has_no_column_stands_in_the_whole_and_is_told() {
    let odd = event(
        1,
        json!({ "status_id": "one", "odd": 1, "trace": { "uid": "t", "odd": 2 }, "duration": 1.5,
            "resources": { "name": "no list" }, "unmapped": { "tidegate": { "record": 1 } } }),
    );
    let read = read(file(6003, vec![row(&odd)]).unwrap());
    let mut expected = event(1, json!({ "trace": { "uid": "t" } }));
    expected["raw_data"] = odd.to_string().into();
    assert_eq!(read, [expected]);
    let mut told = uncovered(6003, &odd).unwrap();
    told.sort();
    assert_eq!(
        told,
        ["duration", "odd", "resources", "status_id", "trace.odd"]
    );
}

#[test]
fn what_is_no_event_makes_no_file() {
    let refused = |class, json: &str| {
        let row = Row {
            at_ms: 0,
            json: json.to_owned(),
        };
        file(class, vec![row]).unwrap_err()
    };
    assert!(matches!(refused(1, "{}"), LakeError::Class(1)));
    assert!(matches!(refused(6003, "{"), LakeError::Event(_)));
    assert!(matches!(refused(6003, "{}"), LakeError::Incomplete(name) if name == "activity_id"));
}

/// Any value of an attribute, of its type or not.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "uid",
        "name",
        "pid",
        "file",
        "hashes",
        "process",
        "user",
        "session",
        "algorithm_id",
        "value",
        "path",
    ]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|it: BTreeMap<String, Value>| Value::Object(it.into_iter().collect())),
        ]
    })
}

/// What of a value its columns can hold.
fn fitting(value: &Value, like: &Value) -> Value {
    match (value, like) {
        (Value::Object(value), Value::Object(like)) => {
            let members = like.iter().filter_map(|(name, like)| {
                let fits = fitting(value.get(name)?, like);
                (!fits.is_null()).then(|| (name.clone(), fits))
            });
            Value::Object(members.collect())
        }
        (Value::Array(values), Value::Array(like)) => {
            let like = like.first().unwrap_or(&Value::Null);
            values.iter().map(|it| fitting(it, like)).collect()
        }
        (Value::String(_), Value::String(_)) => value.clone(),
        (Value::Number(number), Value::Number(_)) => {
            let fits = number.as_i64().is_some_and(|it| i32::try_from(it).is_ok());
            if fits { value.clone() } else { Value::Null }
        }
        _ => Value::Null,
    }
}

proptest! {
    /// Whatever stands where a process should: what fits its columns comes back, and nothing shifts.
    #[test]
    fn any_nesting_comes_back(values in prop::collection::vec(any_value(), 1..6)) {
        let like = json!({
            "app_name": "", "app_uid": "",
            "session": { "uid": "", "issuer": "" },
            "user": { "uid": "", "name": "" },
            "process": { "pid": 0, "name": "", "user": { "uid": "" }, "file": { "name": "", "path": "", "type_id": 0,
                "hashes": [{ "algorithm_id": 0, "value": "" }] } },
        });
        let events: Vec<Value> = values.iter().map(|it| event(0, json!({ "actor": it }))).collect();
        let expected: Vec<Value> = events.iter().map(|it| {
            let mut expected = event(0, json!({}));
            let fits = fitting(&it["actor"], &like);
            if !fits.is_null() {
                expected["actor"] = fits;
            }
            expected["raw_data"] = it.to_string().into();
            expected
        }).collect();
        let read = read(file(6003, events.iter().map(row).collect()).unwrap());
        prop_assert_eq!(read, expected);
    }
}
