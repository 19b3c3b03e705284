//! Proofs by the real solver, of the policies that ship and of policies with a hole.

mod loopholes;

use std::{collections::BTreeSet, sync::Arc};

use policy::{ArgumentKind, BASELINE, Country, Effect, Engine, Names, PolicyFile};

use super::*;

const AGENT: &str = "spiffe://clinic.example/agent/support";

fn file(name: &str, text: &str) -> PolicyFile {
    PolicyFile {
        name: name.into(),
        text: text.into(),
    }
}

fn names() -> Names {
    Names {
        agents: vec![AGENT.into()],
        services: vec!["crm".into(), "clinic".into()],
        operations: vec![
            "crm/customer.read".into(),
            "clinic/note.write".into(),
            "crm/refund.create".into(),
        ],
        arguments: [(
            "crm/refund.create".to_owned(),
            [("amount".to_owned(), ArgumentKind::Money)].into(),
        )]
        .into(),
        ..Names::default()
    }
}

fn operations() -> Vec<KnownOperation> {
    let known = |service: &str, id: &str, effect, country| KnownOperation {
        arguments: Vec::new(),
        service: service.into(),
        id: id.into(),
        effect,
        countries: vec![Country::parse(country).unwrap()],
        groups: Vec::new(),
        training: policy::Training::Unknown,
    };
    vec![
        known("crm", "customer.read", Effect::Read, "DE"),
        known("clinic", "note.write", Effect::Write, "US"),
        KnownOperation {
            arguments: vec!["amount".into()],
            groups: vec!["money".into()],
            training: policy::Training::Never,
            ..known("crm", "refund.create", Effect::Write, "DE")
        },
    ]
}

fn shipped() -> Vec<PolicyFile> {
    SHIPPED
        .iter()
        .map(|(name, text)| file(name, text))
        .collect()
}

fn prove(policies: &[&str], invariants: &[PolicyFile]) -> Vec<Proof> {
    let files: Vec<PolicyFile> = policies
        .iter()
        .enumerate()
        .map(|(index, text)| file(&format!("{index}.cedar"), text))
        .collect();
    let engine = Engine::load_for(&files, &names()).unwrap_or_else(|errors| panic!("{errors}"));
    let invariants = Invariants::load(invariants, &names()).unwrap_or_else(|it| panic!("{it}"));
    let prover = Prover::new(Arc::new(engine), operations(), "cvc5".into()).unwrap();
    match prover.prove(&invariants) {
        Ok(proofs) => proofs,
        Err(error) => panic!("{error}: `cargo xtask setup` installs cvc5"),
    }
}

fn told(proofs: &[Proof]) -> String {
    let line = |proof: &Proof| {
        let (id, verb) = (&proof.invariant.id, proof.verb.name());
        match &proof.outcome {
            Outcome::Holds => format!("{id} {verb}: holds\n"),
            Outcome::Refuted(case) => format!("{id} {verb}: refuted: {case:?}\n"),
            Outcome::Undecided(why) => format!("{id} {verb}: undecided: {why}\n"),
        }
    };
    proofs.iter().map(line).collect()
}

#[test]
fn what_ships_holds() {
    let proofs = prove(&[BASELINE], &shipped());
    let proven: BTreeSet<&str> = proofs.iter().map(|proof| &*proof.invariant.id).collect();
    assert_eq!(proven.len(), 10, "{proven:?}");
    let holds = |proof: &Proof| matches!(proof.outcome, Outcome::Holds);
    assert!(proofs.iter().all(holds), "{}", told(&proofs));
}

#[test]
fn nothing_permitted_is_nothing_shown() {
    let proofs = prove(&[], &shipped());
    let holds = |proof: &Proof| matches!(proof.outcome, Outcome::Holds);
    assert!(proofs.iter().all(holds), "{}", told(&proofs));
}

#[test]
fn a_solver_that_is_not_there_is_told() {
    let engine = Engine::load(&[file("own.cedar", BASELINE)]).unwrap();
    let invariants = Invariants::load(&shipped(), &Names::default()).unwrap();
    let prover = Prover::new(Arc::new(engine), Vec::new(), "no-such-solver".into()).unwrap();
    let error = prover.prove(&invariants).unwrap_err();
    assert!(matches!(error, ProveError::NoSolver(..)), "{error}");
}

#[test]
fn what_ships_holds_of_every_pack() {
    let packs: Vec<&str> = policy::PACKS.iter().map(|pack| pack.text).collect();
    let proofs = prove(&packs, &shipped());
    let holds = |proof: &Proof| matches!(proof.outcome, Outcome::Holds);
    assert!(proofs.iter().all(holds), "{}", told(&proofs));
}

#[test]
fn a_group_is_its_operations_for_the_solver_too() {
    let holds = |permitted: &str, must: &str| matches!(of_calls(permitted, must), Outcome::Holds);
    let refund = "context.service == \"crm\" && context.operation == \"refund.create\"";
    let money = "resource in Group::\"money\"";
    assert!(holds(money, refund) && holds(refund, money));
    assert!(holds(
        money,
        "context.training == \"never\" && context.effect == \"write\""
    ));
    assert!(holds(
        "true",
        "[\"never\", \"opt_in\", \"opt_out\", \"always\", \"unknown\"].contains(context.training)"
    ));
    // Nothing here sends messages.
    assert!(holds("true", "!(resource in Group::\"messages\")"));
    match of_calls("true", &format!("!({money})")) {
        Outcome::Refuted(case) => assert_eq!(case.operation.groups.as_ref(), ["money".into()]),
        other => panic!("{other:?}"),
    }
}

/// What the one rule on calls makes of an invariant on calls.
fn of_calls(permitted: &str, must: &str) -> Outcome {
    let permit = format!(
        "@id(\"permits\") permit (principal, action == Action::\"call\", resource) \
         when {{ {permitted} }};"
    );
    let invariant = format!(
        "@id(\"own/must\") @reason(\"it must\") forbid (principal, action == Action::\"call\", \
         resource) unless {{ {must} }};"
    );
    let proofs = prove(&[&permit], &[file("own.cedar", &invariant)]);
    let proof = proofs.into_iter().next();
    proof.map(|proof| proof.outcome).expect("a proof")
}

#[test]
fn ranks_and_who_acts_for_whom_hang_together_for_the_solver_as_for_the_gateway() {
    for (permitted, must) in [
        ("context.proof.rank >= 6", "context.proof.kernel"),
        (
            "context.proof.rank == 4",
            "context.evidence == \"kernel+token\"",
        ),
        (
            "context.proof.bound",
            "context.proof.token && context.proof.rank >= 5",
        ),
        (
            "context.delegation.subject != \"\"",
            "context.delegation.depth >= 1",
        ),
        (
            "context.delegation.depth == 1",
            "context.delegation.actors.contains(context.delegation.actor)",
        ),
    ] {
        let outcome = of_calls(permitted, must);
        assert!(
            matches!(outcome, Outcome::Holds),
            "{permitted}: {outcome:?}"
        );
    }
    let refuted = |permitted: &str, must: &str| match of_calls(permitted, must) {
        Outcome::Refuted(case) => case.principal,
        other => panic!("{permitted}: {other:?}"),
    };
    let weak = refuted("context.proof.rank >= 5", "context.proof.kernel");
    assert!(!weak.evidence.kernel && weak.evidence.rank() == 5);
    let own = refuted("true", "context.delegation.depth >= 1");
    assert_eq!(own.delegation, None);
    let long = refuted("true", "context.delegation.depth <= 2");
    let actors = long.delegation.map_or(0, |it| it.actors.len());
    assert!((3..=8).contains(&actors), "{actors}");
    let strange = refuted("true", "!context.declared.conflict");
    assert!(strange.declared.is_some_and(|it| it.conflict));
}
