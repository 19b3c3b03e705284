//! What a decision costs: remembered and asked, with 10 and 100 policies.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at its first fault")]

use std::{collections::BTreeMap, fmt::Write as _, hint::black_box, sync::Arc};

use classifiers::DataClass;
use divan::Bencher;
use policy::{
    BASELINE, Country, DisclosureContext, Effect, Engine, Evidence, Operation, PolicyFile,
    Principal, Training,
};

fn main() {
    divan::main();
}

/// The baseline's 13, or fewer or more of its kind.
fn engine(policies: usize) -> Arc<Engine> {
    let mut text = String::new();
    let mut rest = policies;
    if policies >= 13 {
        text.push_str(BASELINE);
        rest -= 13;
    }
    for index in 0..rest {
        let (action, condition) = match index % 2 {
            0 => (
                "call",
                "context.service == \"ledger\" && context.effect == \"delete\"",
            ),
            _ => (
                "disclose",
                "context.origin in Region::\"EEA\" && context.purpose == \"none\"",
            ),
        };
        writeln!(
            text,
            "@id(\"rule-{index}\") forbid (principal, action == Action::\"{action}\", resource) \
             when {{ {condition} }};"
        )
        .unwrap();
    }
    let name = "bench.cedar".to_owned();
    Arc::new(Engine::load(&[PolicyFile { name, text }]).unwrap())
}

fn principal(session: usize) -> Arc<Principal> {
    Arc::new(Principal {
        session: session.to_string().into(),
        agent: "spiffe://clinic.example/agent/support".into(),
        evidence: Evidence::named("kernel+token"),
        purpose: "support".into(),
        scope: Arc::new(BTreeMap::from([("customer".into(), "C-771".into())])),
        country: Country::parse("DE").unwrap(),
        delegation: None,
        declared: None,
    })
}

fn operation() -> Operation {
    Operation {
        service: "crm".into(),
        id: "customer.read".into(),
        effect: Effect::Read,
        bound: Arc::new(BTreeMap::from([("customer".into(), "C-771".into())])),
        arguments: Arc::default(),
        groups: Arc::default(),
        training: Training::Unknown,
        country: Country::parse("DE").unwrap(),
    }
}

fn context(session: usize) -> DisclosureContext {
    DisclosureContext {
        principal: principal(session),
        service: "crm".into(),
        operation: "customer.read".into(),
        effect: Effect::Read,
        origin: Country::parse("DE").unwrap(),
        recipient: Country::parse("DE").unwrap(),
        training: Training::Unknown,
    }
}

#[divan::bench(args = [10, 100])]
fn call_remembered(bencher: Bencher<'_, '_>, policies: usize) {
    let (engine, principal, operation) = (engine(policies), principal(0), operation());
    bencher.bench(|| engine.call(black_box(&principal), black_box(&operation)));
}

#[divan::bench(args = [10, 100])]
fn call_asked(bencher: Bencher<'_, '_>, policies: usize) {
    let (engine, operation) = (engine(policies), operation());
    let mut session = 0;
    bencher
        .with_inputs(|| {
            session += 1;
            principal(session)
        })
        .bench_local_refs(|principal| engine.call(principal, &operation));
}

#[divan::bench(args = [10, 100])]
fn disclose_remembered(bencher: Bencher<'_, '_>, policies: usize) {
    let (engine, context) = (engine(policies), context(0));
    let email = DataClass::named("pii.email").unwrap();
    bencher.bench(|| {
        let mut disclosures = engine.disclosures(black_box(&context).clone());
        disclosures.of(black_box(email)).action
    });
}

#[divan::bench(args = [10, 100])]
fn disclose_asked(bencher: Bencher<'_, '_>, policies: usize) {
    let engine = engine(policies);
    let email = DataClass::named("pii.email").unwrap();
    let mut session = 0;
    bencher
        .with_inputs(|| {
            session += 1;
            engine.disclosures(context(session))
        })
        .bench_local_refs(|disclosures| disclosures.of(email).action);
}
