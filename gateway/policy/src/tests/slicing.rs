//! What is left out of a question changes no answer to it.

use cedar_policy::{Authorizer, Response};
use proptest::prelude::*;

use super::*;
use crate::{Towards, request::Question, slices::Slices};

const AGENTS: [&str; 2] = [
    "spiffe://clinic.example/agent/support",
    "spiffe://clinic.example/agent/billing",
];
const CLASSES: [&str; 4] = ["pii", "pii.email", "phi.mrn", "secret"];

const PRINCIPALS: [&str; 7] = [
    "principal",
    "principal is Session",
    r#"principal in Agent::"spiffe://clinic.example/agent/support""#,
    r#"principal in Agent::"spiffe://clinic.example/agent/billing""#,
    r#"principal is Session in Agent::"spiffe://clinic.example/agent/billing""#,
    r#"principal == Session::"s-0""#,
    r#"principal == Session::"s-1""#,
];
const CALLS: [&str; 7] = [
    "resource",
    "resource is Call",
    r#"resource in Api::"crm""#,
    r#"resource is Call in Api::"ledger""#,
    r#"resource in Operation::"crm/read""#,
    r#"resource in Operation::"ledger/write""#,
    r#"resource == Call::"crm/write""#,
];
const VALUES: [&str; 6] = [
    "resource",
    "resource is DataClass",
    r#"resource in DataClass::"pii""#,
    r#"resource == DataClass::"pii.email""#,
    r#"resource is DataClass in DataClass::"phi""#,
    r#"resource in DataClass::"secret""#,
];
/// The last fails where it is reached and the purpose is `care`: it overflows.
const CONDITIONS: [&str; 4] = [
    "",
    r#"when { context.purpose == "care" }"#,
    r#"unless { context.effect == "read" }"#,
    r#"when { context.purpose == "care" && 9223372036854775807 + (if context.effect == "read" then 1 else 0) > 0 }"#,
];

/// One policy in a few numbers.
type Shape = (bool, bool, usize, usize, usize);

fn written(index: usize, (permits, calls, principal, resource, condition): Shape) -> String {
    let (effect, action, resources): (_, _, &[&str]) = match (permits, calls) {
        (true, true) => ("permit", "call", &CALLS),
        (false, true) => ("forbid", "call", &CALLS),
        (true, false) => ("permit", "disclose", &VALUES),
        (false, false) => ("forbid", "disclose", &VALUES),
    };
    let (principal, resource) = (
        PRINCIPALS[principal % PRINCIPALS.len()],
        resources[resource % resources.len()],
    );
    let condition = CONDITIONS[condition % CONDITIONS.len()];
    format!(
        "@id(\"p-{index}\") {effect} ({principal}, action == Action::\"{action}\", {resource}) {condition};"
    )
}

/// What Cedar answers to all policies, and to those that can apply.
fn answers(slices: &Slices, question: &Question) -> [(bool, Vec<String>, Vec<String>); 2] {
    let Question {
        request,
        entities,
        within,
    } = question;
    let told = |response: &Response| {
        let diagnostics = response.diagnostics();
        let mut reasons: Vec<String> = diagnostics.reason().map(ToString::to_string).collect();
        let mut errors: Vec<String> = diagnostics.errors().map(ToString::to_string).collect();
        reasons.sort();
        errors.sort();
        let allowed = response.decision() == cedar_policy::Decision::Allow;
        (allowed, reasons, errors)
    };
    let ask = |policies| Authorizer::new().is_authorized(request, policies, entities);
    [told(&ask(slices.all())), told(&ask(&slices.of(within)))]
}

proptest! {
    #[test]
    fn what_cannot_apply_is_left_out_and_no_answer_changes(
        shapes in proptest::collection::vec(any::<Shape>(), 1..24),
        purpose in prop_oneof![Just("care"), Just("")],
    ) {
        let text: String = shapes.iter().enumerate().map(|(index, shape)| written(index, *shape)).collect();
        let engine = engine(&text);
        for (number, agent) in AGENTS.into_iter().enumerate() {
            let principal = Principal {
                session: format!("s-{number}").into(),
                agent: agent.into(),
                purpose: purpose.into(),
                ..principal(&[])
            };
            for (service, id) in [("crm", "read"), ("crm", "write"), ("ledger", "write")] {
                let operation = Operation { service: service.into(), ..operation(id, Effect::Read, &[]) };
                let question = engine.questions.call(&principal, &operation).unwrap();
                let [all, some] = answers(&engine.calls, &question);
                prop_assert_eq!(all, some);
            }
            let context = DisclosureContext { principal: Arc::new(principal), ..context("DE", "DE", "") };
            for class in CLASSES.into_iter().filter_map(DataClass::named) {
                let question = engine.questions.disclose(&context, class).unwrap();
                let [all, some] = answers(&engine.disclosures, &question);
                prop_assert_eq!(all, some);
                let question = engine.questions.restore(&context, Towards::Agent, class).unwrap();
                let [all, some] = answers(&engine.restorations, &question);
                prop_assert_eq!(all, some);
            }
        }
    }
}

#[test]
fn rules_about_others_are_left_out() {
    let rules = |agent: usize| {
        format!(
            "@id(\"r-{agent}\") permit (principal in Agent::\"spiffe://a/{agent}\", \
             action == Action::\"call\", resource in Operation::\"crm/read\");"
        )
    };
    let engine = engine(&(0..100).map(rules).collect::<String>());
    let asked = |agent: &str| {
        let principal = Principal {
            agent: agent.into(),
            ..principal(&[])
        };
        let operation = operation("read", Effect::Read, &[]);
        let question = engine.questions.call(&principal, &operation).unwrap();
        let cut = engine.calls.of(&question.within).policies().count();
        (cut, engine.call(&principal, &operation).allowed)
    };
    assert_eq!(asked("spiffe://a/7"), (1, true));
    assert_eq!(asked("spiffe://a/100"), (0, false));
}
