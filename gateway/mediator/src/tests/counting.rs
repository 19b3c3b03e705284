//! No group of few is told, and none can be had by subtraction.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{GROUPS_MAX, Unmediated};

/// The answer about rows of these plans and people.
fn count(counts: &Counts, rows: &[(String, u8)]) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|(plan, who)| json!({ "plan": plan, "who": who }))
        .collect();
    let (document, suppressed) = counts.of(&rows).expect("an answer");
    assert_eq!(document["suppressed"], suppressed);
    document
}

fn rows(of: &[(&str, usize)]) -> Vec<(String, u8)> {
    let mut all = Vec::new();
    for (plan, many) in of {
        all.extend((0..*many).map(|who| ((*plan).to_owned(), u8::try_from(who).unwrap_or(0))));
    }
    all
}

fn check(of: &[(&str, usize)], told: &Value, suppressed: bool) {
    let document = count(&counts(5, None), &rows(of));
    assert_eq!(document["counts"], *told, "{of:?}");
    assert_eq!(document["suppressed"], suppressed, "{of:?}");
}

#[test]
fn small_groups_and_whatever_would_give_them_away_are_left_out() {
    let told = |groups: &[(&str, u64)]| {
        let each = groups
            .iter()
            .map(|(plan, count)| json!({ "plan": plan, "count": count }));
        Value::from(each.collect::<Vec<_>>())
    };
    check(&[("a", 5), ("b", 9)], &told(&[("a", 5), ("b", 9)]), false);
    // One small group alone could be had from the total: the next one goes with it.
    check(&[("a", 2), ("b", 7), ("c", 9)], &told(&[("c", 9)]), true);
    // Two that together are few would still be told of by the rest.
    check(
        &[("a", 2), ("b", 2), ("c", 7), ("d", 9)],
        &told(&[("d", 9)]),
        true,
    );
    check(&[("a", 3), ("b", 4), ("c", 9)], &told(&[("c", 9)]), true);
    check(&[("a", 2), ("b", 9)], &told(&[]), true);
    check(&[("a", 4)], &told(&[]), true);
    check(&[], &told(&[]), false);
}

#[test]
fn many_rows_of_one_person_are_one_person() {
    let document = count(
        &counts(3, Some("/who")),
        &[
            ("a", 1),
            ("a", 1),
            ("a", 1),
            ("b", 1),
            ("b", 2),
            ("b", 3),
            ("c", 4),
            ("c", 5),
            ("c", 6),
        ]
        .map(|(plan, who)| (plan.to_owned(), who)),
    );
    assert_eq!(document["counts"], json!([{ "plan": "c", "count": 3 }]));
    // Whom policy has taken out cannot be told apart, and counts as one.
    let nobody = counts(3, Some("/gone"));
    assert_eq!(count(&nobody, &rows(&[("a", 50)]))["counts"], json!([]));
}

#[test]
fn a_part_of_the_rows_is_not_counted() {
    let choice = whole(template("plans", Form::Counts(counts(2, None))));
    let rows = |many: usize| json!({ "customers": vec![json!({ "plan": "a" }); many] }).to_string();
    assert!(choice.answer(rows(3).as_bytes()).is_ok());
    let beyond = choice.answer(rows(4).as_bytes());
    assert_eq!(beyond, Err(Unmediated::TooLarge));
}

#[test]
fn what_is_no_kind_of_row_is_refused() {
    let counts = counts(2, None);
    let odd = [json!({ "plan": { "a": 1 } }), json!({ "plan": ["a"] })];
    for row in odd {
        assert_eq!(counts.of(&[row]), Err(Unmediated::Unparsable));
    }
    let long = json!({ "plan": "x".repeat(300) });
    assert_eq!(counts.of(&[long]), Err(Unmediated::TooManyGroups));
    let many: Vec<Value> = (0..=GROUPS_MAX)
        .map(|plan| json!({ "plan": plan }))
        .collect();
    assert_eq!(counts.of(&many), Err(Unmediated::TooManyGroups));
    let (document, _) = counts.of(&[json!(7), json!({})]).expect("an answer");
    assert_eq!(document["counts"], json!([{ "plan": null, "count": 2 }]));
}

proptest! {
    #[test]
    fn nothing_told_is_small_and_nothing_untold_is_alone(
        mut all in prop::collection::vec(("[a-f]", 0_u8..12), 0..60),
        k in 2_u64..8,
        by_person: bool,
    ) {
        let counts = counts(k, by_person.then_some("/who"));
        let document = count(&counts, &all);
        let mut groups: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
        for (plan, who) in &all {
            groups.entry(plan).or_default().push(*who);
        }
        let size = |people: &mut Vec<u8>| {
            if by_person {
                people.sort_unstable();
                people.dedup();
            }
            people.len() as u64
        };
        for told in document["counts"].as_array().expect("counts") {
            let plan = told["plan"].as_str().expect("a plan");
            let mut people = groups.remove(plan).expect("a group");
            prop_assert_eq!(told["count"].as_u64(), Some(size(&mut people)));
            prop_assert!(size(&mut people) >= k);
        }
        let told = document["counts"].as_array().map_or(0, Vec::len);
        prop_assert_eq!(document["suppressed"].as_bool(), Some(!groups.is_empty()));
        if told > 0 && !groups.is_empty() {
            prop_assert!(groups.len() >= 2, "one group alone is what is missing");
            let mut together: Vec<u8> = groups.into_values().flatten().collect();
            prop_assert!(size(&mut together) >= k, "the groups left out are few together");
        }
        // In whatever order the rows come, the answer is the same.
        all.reverse();
        prop_assert_eq!(count(&counts, &all), document);
    }
}
