//! Groups of operations, and whether who gets data may train models on it.

use std::sync::Arc;

use classifiers::DataClass;

use super::*;
use crate::{GROUPS, Towards};

const RULES: &str = r#"
@id("all") permit (principal, action, resource);
@id("no-money") forbid (principal, action == Action::"call", resource in Group::"money");
@id("no-training") forbid (principal, action == Action::"call", resource in Group::"models")
unless { ["never", "opt_in"].contains(context.training) };
@id("none-to-train-on") @obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii")
when { context.training == "opt_out" };
"#;

fn grouped(groups: &[&str], training: Training) -> Operation {
    Operation {
        groups: groups.iter().map(|it| Arc::from(*it)).collect(),
        training,
        ..operation("any", Effect::Write, &[])
    }
}

#[test]
fn a_group_is_what_its_operations_are_in() {
    let engine = engine(RULES);
    let decided = |groups: &[&str], training| {
        let decision = engine.call(&principal(&[]), &grouped(groups, training));
        decision
            .policies
            .iter()
            .map(|it| it.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(decided(&[], Training::Unknown), ["all"]);
    assert_eq!(decided(&["messages"], Training::Unknown), ["all"]);
    assert_eq!(
        decided(&["messages", "money"], Training::Never),
        ["no-money"]
    );
    assert_eq!(decided(&["models"], Training::OptIn), ["all"]);
    for training in [Training::OptOut, Training::Always, Training::Unknown] {
        assert_eq!(decided(&["models"], training), ["no-training"]);
    }
}

#[test]
fn an_agent_trains_on_nothing() {
    let engine = engine(RULES);
    let done = |towards| {
        let training = grouped(&[], Training::OptOut).training_of(towards);
        let context = DisclosureContext {
            training,
            ..context("DE", "US", "")
        };
        let class = DataClass::named("pii.email").expect("a class");
        engine.disclosures(context).of(class).action.name()
    };
    assert_eq!(
        (done(Towards::Agent), done(Towards::Service)),
        ("show", "mask")
    );
}

#[test]
fn a_group_that_nobody_has_is_a_mistake() {
    let configured = Names {
        groups: vec!["careful".into()],
        ..Names::default()
    };
    let load = |group: &str| {
        let text = format!(
            "@id(\"a\") forbid (principal, action == Action::\"call\", resource in Group::\"{group}\");"
        );
        Engine::load_for(&[file(&text)], &configured).map(drop)
    };
    for known in GROUPS.into_iter().chain(["careful"]) {
        assert!(load(known).is_ok(), "{known}");
    }
    let told = load("monye").expect_err("no such group").to_string();
    assert!(
        told.contains("no group is called `monye`") && told.contains("money"),
        "{told}"
    );
}
