//! Several rules on rows at one place: a row goes on only if all let it, in whatever order they and its
//! members stand.

use redaction::shape::{Answers, Bound, Path, Plan, Rows, Unbound};
use serde_json::{Value, json};

use super::rows::check;
use super::twins::{content, message, twin};
use super::*;

fn rule(array: &str, member: &str, reads: &str, unbound: Unbound) -> Rows {
    Rows {
        array: Path::parse(array).unwrap(),
        member: Path::parse(member).unwrap(),
        bound: Bound::One(reads.into()),
        unbound,
    }
}

/// The same plan with its rules in one order and in the other.
fn both_ways(rows: [Rows; 2]) -> [Plan; 2] {
    let plan = |rows| Plan {
        rows,
        twin: Some(twin()),
        ..Plan::default()
    };
    let [one, two] = rows;
    [plan(vec![one.clone(), two.clone()]), plan(vec![two, one])]
}

#[test]
fn a_row_satisfies_every_rule_at_its_place() {
    for second in [Unbound::Drop, Unbound::Pass] {
        let rules = [
            rule("", "/customer", "C-1", Unbound::Drop),
            rule("", "/tenant", "T-1", second),
        ];
        for plan in both_ways(rules) {
            let own = "{\"tenant\":\"T-1\",\"n\":1,\"customer\":\"C-1\"}\n{\"customer\":\"C-1\",\"tenant\":\"T-1\"}\n";
            let open = "{\"customer\":\"C-1\",\"n\":2}\n";
            let others = "{\"tenant\":\"T-1\",\"customer\":\"C-2\"}\n{\"customer\":\"C-1\",\"tenant\":\"T-2\"}\n\
                          {\"tenant\":\"T-2\",\"customer\":\"C-1\"}\n{\"tenant\":\"T-1\"}\n{}\n";
            let before = format!("{own}{others}{open}");
            let after = match second {
                Unbound::Drop => own.to_owned(),
                Unbound::Pass => format!("{own}{open}"),
            };
            let withheld = check(Media::Ndjson, &plan, &before, &after);
            assert_eq!(withheld.rows, 3);
            let table = "customer,tenant\nC-1,T-1\nC-1,T-2\nC-2,T-1\n,T-2\n,T-1\n";
            check(Media::Csv, &plan, table, "customer,tenant\nC-1,T-1\n");
        }
    }
}

#[test]
fn elements_satisfy_every_rule_that_names_them() {
    let rules = [
        rule("/c/*", "/@t", "T-1", Unbound::Drop),
        rule("/c/r", "/id", "C-1", Unbound::Drop),
    ];
    for plan in both_ways(rules) {
        let own = "<r t='T-1'><id>C-1</id></r>";
        let others =
            "<r t='T-2'><id>C-1</id></r><r t='T-1'><id>C-2</id></r><r><id>C-1</id></r><r t='T-1'/>";
        let before = format!("<c>{others}{own}</c>");
        check(Media::Xml, &plan, &before, &format!("<c>{own}</c>"));
    }
}

#[test]
fn a_row_of_which_some_says_that_it_is_anothers_leaves_with_all_of_it() {
    let rules = [
        rule("/customers", "/orders/*/customer", "C-1", Unbound::Pass),
        rule("/customers/*/orders", "/id", "O-1", Unbound::Pass),
    ];
    for plan in both_ways(rules) {
        let document = |rows: Value| json!({ "customers": rows }).to_string();
        let own = json!({ "orders": [{ "id": "O-1", "customer": "C-1" }] });
        let others = json!({ "orders": [{ "customer": "C-2" }], "n": 2 });
        check(
            Media::Json,
            &plan,
            &document(json!([others, own])),
            &document(json!([own])),
        );
    }
}

fn text(value: &Value) -> Value {
    json!({ "type": "text", "text": value.to_string() })
}

fn kinds() -> [Plan; 2] {
    let at = "/result/structuredContent";
    both_ways([
        rule(&format!("{at}/customers"), "/id", "C-1", Unbound::Drop),
        rule(&format!("{at}/orders"), "/customer", "C-1", Unbound::Drop),
    ])
}

/// A text of rows alone does not say of which kind they are: all rules that find their binding decide.
#[test]
fn two_kinds_of_rows_in_one_text_are_judged_by_both() {
    let nothing = json!({ "customers": [], "orders": [] });
    for plan in kinds() {
        let orders = json!([
            { "customer": "C-1", "n": 1 }, { "customer": "C-2", "n": 2 }, { "n": 3 },
            { "customer": "C-1", "id": "C-2" }, { "id": "C-1", "customer": "C-2" },
            { "id": "C-1", "n": 4 },
        ]);
        let (left, withheld) = content(&plan, &message(&json!([text(&orders)]), &nothing));
        assert_eq!(left, json!([text(&json!([orders[0], orders[5]]))]));
        assert_eq!((withheld.rows, withheld.unbound), (3, 1));
        let each: Vec<Value> = orders.as_array().unwrap().iter().map(text).collect();
        let own = [&each[0], &each[5]];
        let (left, _) = content(&plan, &message(&json!(own), &nothing));
        assert_eq!(left, json!(own));
        let others = [&each[1], &each[3], &each[4]];
        let (left, _) = content(&plan, &message(&json!(others), &nothing));
        assert_eq!(left, json!([]));
    }
}

/// What one rule takes for the whole is a row to another.
#[test]
fn a_row_that_has_rows_of_another_kind_is_still_a_row() {
    for plan in kinds() {
        let row = |id: &str| json!({ "id": id, "name": "Ann", "orders": [] });
        let texts = json!([text(&row("C-2")), text(&row("C-1"))]);
        let (left, withheld) = content(&plan, &message(&texts, &json!({})));
        assert_eq!(left, json!([text(&row("C-1"))]));
        assert_eq!(withheld.rows, 1);
    }
}

/// Knows two requests: one of a tool, and one that nothing limits.
#[derive(Debug)]
struct Two;

impl Answers for Two {
    fn plan(&self, id: &str) -> Option<Plan> {
        let at = "/result/structuredContent/rows";
        let tool = Plan {
            rows: vec![rule(at, "/id", "C-1", Unbound::Drop)],
            twin: Some(twin()),
            records_max: Some(1),
            ..Plan::default()
        };
        match id {
            "7" => Some(tool),
            "\"ping\"" => Some(Plan::default()),
            _ => None,
        }
    }
}

#[test]
fn an_answer_on_a_stream_is_held_to_what_was_asked() {
    let plan = Plan {
        answers: Some(Arc::new(Two)),
        opaque: Opaque::Pass,
        ..Plan::default()
    };
    let message = |id: Value, rows: Value| {
        let structured = json!({ "rows": rows });
        let content = [text(&structured)];
        json!({ "id": id, "result": { "content": content, "structuredContent": structured } })
    };
    let event = |message: &Value| format!("id: 3\ndata: {message}\n\n");
    let (own, other) = (json!({ "id": "C-1" }), json!({ "id": "C-2" }));
    let all = json!([other, own, own]);
    let asked = |rows: &Value| event(&message(json!(7), rows.clone()));
    let free = event(&message(json!("ping"), all.clone()));
    let call = event(&json!({ "method": "notifications/x", "params": { "rows": all } }));
    let unknown = event(&message(json!("7"), all.clone()));
    // Twice, so that caps are seen to begin anew.
    let before = format!("{}{free}{unknown}{call}{}", asked(&all), asked(&all));
    let narrow = asked(&json!([own]));
    let after = format!("{narrow}{free}id: 3\n\n{call}{narrow}");
    let withheld = check(Media::Sse, &plan, &before, &after);
    assert_eq!(
        (withheld.rows, withheld.records, withheld.unbound),
        (2, 2, 1)
    );
}
