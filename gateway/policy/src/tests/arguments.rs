//! Arguments within bounds: typed in the schema, known by name, and failing closed.

use super::*;
use crate::{Argument, ArgumentKind};

fn names() -> Names {
    let kinds = [
        ("amount", ArgumentKind::Money),
        ("limit", ArgumentKind::Integer),
        ("rate", ArgumentKind::Decimal),
        ("to", ArgumentKind::Text),
        ("dry", ArgumentKind::Boolean),
    ];
    let kinds = kinds.map(|(name, kind)| (name.to_owned(), kind));
    let other = [("page".to_owned(), ArgumentKind::Integer)];
    Names {
        services: vec!["crm".to_owned()],
        operations: vec!["crm/refund".to_owned(), "crm/list".to_owned()],
        arguments: [
            ("crm/refund".to_owned(), kinds.into()),
            ("crm/list".to_owned(), other.into()),
        ]
        .into(),
        ..Names::default()
    }
}

fn load(text: &str) -> Result<Engine, String> {
    let everybody = "@id(\"all\") permit (principal, action == Action::\"call\", resource);\n";
    let file = PolicyFile {
        name: "limits.cedar".to_owned(),
        text: format!("{everybody}{text}"),
    };
    Engine::load_for(&[file], &names()).map_err(|errors| errors.to_string())
}

fn allows(engine: &Engine, arguments: &[(&str, Argument)]) -> bool {
    let arguments = arguments.iter();
    let arguments = arguments.map(|(name, value)| ((*name).to_owned(), value.clone()));
    let operation = Operation {
        arguments: Arc::new(arguments.collect()),
        ..operation("refund", Effect::Write, &[])
    };
    engine.call(&principal(&[]), &operation).allowed
}

fn bounded(condition: &str) -> Engine {
    let text = format!(
        "@id(\"bound\") forbid (principal, action == Action::\"call\", \
         resource in Operation::\"crm/refund\") unless {{ {condition} }};"
    );
    load(&text).expect("the rule holds")
}

#[test]
fn each_kind_is_compared_as_what_it_is() {
    let parse = |kind, text| Argument::parse(kind, text).expect("an argument");
    let money = |text| ("amount", parse(ArgumentKind::Money, text));
    let engine = bounded(
        "context.argument has amount && context.argument.amount.currency == \"EUR\" && \
         context.argument.amount.minor <= 5000",
    );
    assert!(allows(&engine, &[money("5000 EUR")]));
    assert!(!allows(&engine, &[money("5001 EUR")]));
    assert!(!allows(&engine, &[money("5000 USD")]));
    assert!(
        !allows(&engine, &[]),
        "what is not there is within no bound"
    );

    let engine = bounded(
        "context.argument has rate && context.argument.rate.lessThanOrEqual(decimal(\"0.25\"))",
    );
    let rate = |text| ("rate", parse(ArgumentKind::Decimal, text));
    assert!(allows(&engine, &[rate("0.25")]));
    assert!(!allows(&engine, &[rate("0.2501")]));

    let engine = bounded(
        "context has argument.to && context.argument.to like \"+49*\" && \
         context.argument has dry && context.argument.dry",
    );
    let to = |text| ("to", parse(ArgumentKind::Text, text));
    let dry = ("dry", Argument::Boolean(true));
    assert!(allows(&engine, &[to("+4930"), dry.clone()]));
    assert!(!allows(&engine, &[to("+1"), dry]));
    assert!(!allows(&engine, &[to("+4930")]));
}

#[test]
fn equal_calls_with_other_arguments_are_decided_anew() {
    let engine = bounded("context.argument has limit && context.argument.limit <= 100");
    for (limit, allowed) in [(100, true), (101, false), (100, true), (i64::MIN, true)] {
        assert_eq!(
            allows(&engine, &[("limit", Argument::Integer(limit))]),
            allowed,
            "{limit}"
        );
    }
}

#[test]
fn what_is_offered_does_not_ask_for_arguments() {
    let engine = bounded("context.argument has limit && context.argument.limit <= 100");
    let asked = operation("refund", Effect::Write, &[]);
    assert!(!engine.call(&principal(&[]), &asked).allowed);
    assert!(engine.offers(&principal(&[]), &asked));
    let never = "@id(\"never\") forbid (principal, action == Action::\"call\", resource);";
    let engine = load(never).expect("the rule holds");
    assert!(!engine.offers(&principal(&[]), &asked));
}

#[test]
fn a_permit_may_mediate_what_there_are_templates_for() {
    let load = |mediated: &[&str], rule: &str| {
        let names = Names {
            mediated: mediated.iter().map(|name| (*name).to_owned()).collect(),
            ..names()
        };
        let file = PolicyFile {
            name: "mediate.cedar".to_owned(),
            text: format!("@id(\"m\") @obligation(\"mediate\") {rule};"),
        };
        Engine::load_for(&[file], &names).map_err(|errors| errors.to_string())
    };
    let list =
        "permit (principal, action == Action::\"call\", resource in Operation::\"crm/list\")";
    let engine = load(&["crm/list"], list).expect("it mediates");
    let decided = |id| engine.call(&principal(&[]), &operation(id, Effect::Read, &[]));
    let rule = decided("list").mediation.clone().expect("a rule");
    assert_eq!(&*rule.id, "m");
    assert!(!decided("refund").allowed && decided("refund").mediation.is_none());
    let everywhere = "permit (principal, action == Action::\"call\", resource in Api::\"crm\")";
    assert!(load(&["crm/list"], everywhere).is_ok());
    insta::assert_snapshot!(
        [
            load(&[], list).expect_err("no template"),
            load(&["crm/refund"], list).expect_err("none for it"),
            load(&["crm/list"], &list.replace("permit", "forbid")).expect_err("a forbid"),
            load(
                &["crm/list"],
                "permit (principal, action == Action::\"disclose\", resource)"
            )
            .expect_err("a disclosure"),
        ]
        .join("\n---\n")
    );
}

#[test]
fn one_permit_that_mediates_is_enough() {
    let rules = "@id(\"m\") @obligation(\"mediate\") permit (principal, action == Action::\"call\", \
                 resource);\n@id(\"z\") permit (principal, action == Action::\"call\", resource);";
    let engine = engine(rules);
    let decision = engine.call(&principal(&[]), &operation("list", Effect::Read, &[]));
    assert!(decision.allowed && decision.mediation.is_some());
    assert_eq!(decision.policies.len(), 2);
}

#[test]
fn a_rule_about_what_nobody_declared_is_told() {
    let rule = |head: &str, condition: &str| {
        let text = format!(
            "@id(\"bound\") forbid (principal, action == Action::\"call\", {head}) \
             unless {{ {condition} }};"
        );
        load(&text).expect_err("it cannot hold")
    };
    let refund = "resource in Operation::\"crm/refund\"";
    insta::assert_snapshot!(
        [
            rule(
                refund,
                "context.argument has amuont && context.argument.amount.minor <= 50"
            ),
            rule(
                refund,
                "context.argument has page && context.argument.page <= 50"
            ),
            rule(
                refund,
                "context.argument has amount && context.argument.amount <= 5000"
            ),
            rule(refund, "context.argument.limit <= 100"),
            rule(
                "resource",
                "context.argument has lmit && context.argument.lmit <= 100"
            ),
        ]
        .join("\n---\n")
    );
}
