//! Rows that somebody must see whole: as they came, before they go on, in every way of cutting.

use std::{
    any::Any,
    sync::{Arc, Mutex},
};

use redaction::shape::{
    Admits, Bound, Fields, HELD_BYTES_MAX, Path, Plan, Rows, Shaper, Unbound, Withheld,
};

use super::*;

/// Lets on what is named `a` to `e`, and of these what does not say `no`. Remembers what it saw.
#[derive(Debug, Default)]
struct Judge(Mutex<Vec<String>>);

impl Admits for Judge {
    fn admits(&self, binding: &str) -> bool {
        ("a"..="e").contains(&binding)
    }

    fn judges_whole(&self) -> bool {
        true
    }

    fn admits_whole(&self, row: &[u8]) -> bool {
        let row = String::from_utf8(row.to_vec()).unwrap();
        let is_let_on = !row.contains("no");
        self.0.lock().unwrap().push(row);
        is_let_on
    }

    fn is(&self, other: &dyn Admits) -> bool {
        (other as &dyn Any).is::<Self>()
    }
}

fn plan(judge: &Arc<Judge>) -> Plan {
    Plan {
        rows: vec![Rows {
            array: Path::parse("/result/tools").unwrap(),
            member: Path::parse("/name").unwrap(),
            bound: Bound::Admitted(Arc::clone(judge) as _),
            unbound: Unbound::Drop,
        }],
        ..Plan::default()
    }
}

fn shape(media: Media, document: &str, cuts: &[usize], plan: Plan) -> (String, Withheld) {
    let mut shaper = Shaper::of(media, plan).unwrap();
    let (mut out, mut from) = (Vec::new(), 0);
    for &cut in cuts.iter().chain(&[document.len()]) {
        shaper
            .push(&document.as_bytes()[from..cut], &mut out)
            .unwrap();
        from = cut;
    }
    shaper.finish(&mut out).unwrap();
    (String::from_utf8(out).unwrap(), shaper.withheld())
}

fn check(document: &str, expected: &str, seen: &[&str], shape_of: impl Fn(Plan) -> Plan) {
    let events = |document: &str| format!("id: 1\ndata: {document}\n\n");
    let every: Vec<_> = (1..document.len()).collect();
    for cuts in (0..document.len()).map(|cut| vec![cut]).chain([every]) {
        let judge = Arc::<Judge>::default();
        let (out, _) = shape(Media::Json, document, &cuts, shape_of(plan(&judge)));
        assert_eq!(out, expected, "{cuts:?}");
        assert_eq!(*judge.0.lock().unwrap(), seen, "{cuts:?}");
    }
    let judge = Arc::<Judge>::default();
    let (out, _) = shape(Media::Sse, &events(document), &[], shape_of(plan(&judge)));
    assert_eq!(out, events(expected));
    assert_eq!(*judge.0.lock().unwrap(), seen);
}

#[test]
fn a_row_is_seen_as_it_came_and_goes_on_as_it_came() {
    check(
        r#"{"result":{"tools":[ {"d" : [1.50, {"x":"\u0061"}],"name":"a"} , {"name":"b","d":"no"},{"name":"z","d":1} ,{"name":"c"}],"n":1}}"#,
        r#"{"result":{"tools":[ {"d" : [1.50, {"x":"\u0061"}],"name":"a"} ,{"name":"c"}],"n":1}}"#,
        &[
            r#"{"d" : [1.50, {"x":"\u0061"}],"name":"a"}"#,
            r#"{"name":"b","d":"no"}"#,
            r#"{"name":"c"}"#,
        ],
        |plan| plan,
    );
    // One without its array, one that names nobody, one that names two.
    check(
        r#"{"result":{"tools":{"name":"b","d":["no"]}}}"#,
        r#"{"result":{}}"#,
        &[r#"{"name":"b","d":["no"]}"#],
        |plan| plan,
    );
    check(
        r#"{"result":{"tools":[{"d":1},{"name":"a","name":"z"},["name","a"],"a"]}}"#,
        r#"{"result":{"tools":[]}}"#,
        &[],
        |plan| plan,
    );
}

#[test]
fn what_stays_behind_of_a_row_is_seen_too() {
    let listed = |plan| Plan {
        fields: vec![Arc::new(Fields::parse("/result/tools/*/name").unwrap())],
        ..plan
    };
    check(
        r#"{"result":{"tools":[{"name":"a","d":"no"},{"d":{"e":1},"name":"b"}]}}"#,
        r#"{"result":{"tools":[{"name":"b"}]}}"#,
        &[r#"{"name":"a","d":"no"}"#, r#"{"d":{"e":1},"name":"b"}"#],
        listed,
    );
}

#[test]
fn what_nobody_can_see_whole_stays_behind() {
    let long = "x".repeat(1024);
    let parts = vec![long.as_str(); HELD_BYTES_MAX / 1024 + 1];
    let row = |name: &str| serde_json::json!({ "name": name, "d": parts }).to_string();
    let document = |rows: &str| format!(r#"{{"result":{{"tools":[{rows}]}}}}"#);
    let judge = Arc::<Judge>::default();
    let rows = [row("a"), r#"{"name":"b"}"#.to_owned(), row("c")].join(",");
    let (out, withheld) = shape(Media::Json, &document(&rows), &[], plan(&judge));
    assert_eq!(out, document(r#"{"name":"b"}"#));
    assert_eq!((withheld.rows, withheld.unbound), (0, 2));
    // Neither in a table nor in XML is there anything to be seen.
    let table = Plan {
        rows: vec![Rows {
            array: Path::parse("/").unwrap_or_default(),
            member: Path::parse("/name").unwrap(),
            ..plan(&judge).rows.remove(0)
        }],
        ..Plan::default()
    };
    let (out, _) = shape(Media::Csv, "name,d\na,1\n", &[], table);
    assert!(!out.contains("a,1"), "{out}");
    let (out, _) = shape(
        Media::Xml,
        "<result><tools><name>a</name><d>no</d></tools></result>",
        &[],
        plan(&judge),
    );
    assert!(!out.contains("no"), "{out}");
}
