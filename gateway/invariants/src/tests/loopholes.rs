//! Policies with one hole each: the solver finds it, and the engine agrees.

use policy::{Argument, BASELINE, Country, Effect, Towards, regions_of};
use redaction::Action;

use super::{AGENT, Case, Outcome, file, prove, shipped, told};

/// What is refuted when this is added to the baseline.
fn refuted(hole: &str) -> (String, Case) {
    let proofs = prove(&[BASELINE, hole], &shipped());
    let mut cases = proofs.iter().filter_map(|proof| match &proof.outcome {
        Outcome::Refuted(case) => Some((proof.invariant.id.to_string(), (**case).clone())),
        Outcome::Holds | Outcome::Undecided(_) => None,
    });
    let Some(case) = cases.next() else {
        panic!("no case was found\n{}", told(&proofs));
    };
    assert!(cases.next().is_none(), "{}", told(&proofs));
    case
}

/// The baseline with one of its rules in other words.
fn weakened(rule: &str, from: &str, to: &str) -> (String, Case) {
    let begin = BASELINE.find(&format!("@id(\"{rule}\")")).unwrap();
    let (before, behind) = BASELINE.split_at(begin);
    assert!(behind.contains(from));
    let text = format!("{before}{}", behind.replacen(from, to, 1));
    let proofs = prove(&[&text], &shipped());
    let case = proofs.iter().find_map(|proof| match &proof.outcome {
        Outcome::Refuted(case) => Some((proof.invariant.id.to_string(), (**case).clone())),
        Outcome::Holds | Outcome::Undecided(_) => None,
    });
    case.unwrap_or_else(|| panic!("no case was found\n{}", told(&proofs)))
}

fn lies(country: Country, region: &str) -> bool {
    regions_of(country).any(|known| known == region)
}

#[test]
fn a_purpose_that_looks_like_debugging() {
    let (id, case) = weakened(
        "eu-personal-data-stays-in-adequate-countries",
        "unless { context.recipient in Region::\"GDPR-adequate\" }",
        "unless { context.recipient in Region::\"GDPR-adequate\" || context.purpose like \"debug*\" }",
    );
    assert_eq!(id, "residency/personal-data-of-the-eea");
    assert!(case.principal.purpose.starts_with("debug"), "{case:?}");
    let (origin, recipient) = case.way.unwrap();
    assert!(
        lies(origin, "EEA") && !lies(recipient, "GDPR-adequate"),
        "{case:?}"
    );
}

#[test]
fn the_framework_taken_for_adequacy() {
    let (id, case) = weakened(
        "eu-health-data-stays-in-adequate-countries",
        "unless { context.recipient in Region::\"GDPR-adequate\" }",
        "unless { [Region::\"GDPR-adequate\", Region::\"EU-US-DPF\"].contains(Region::\"EU\") || \
         context.recipient in [Region::\"GDPR-adequate\", Region::\"EU-US-DPF\"] }",
    );
    assert_eq!(id, "residency/health-data-of-the-eea");
    assert_eq!(case.way.unwrap().1, Country::parse("US").unwrap());
}

#[test]
fn one_country_of_the_eea_forgotten() {
    let (id, case) = weakened(
        "eu-personal-data-stays-in-adequate-countries",
        "when { context.origin in Region::\"EEA\" }",
        "when { context.origin in Region::\"EU\" }",
    );
    assert_eq!(id, "residency/personal-data-of-the-eea");
    let (origin, _) = case.way.unwrap();
    assert!(lies(origin, "EEA") && !lies(origin, "EU"), "{case:?}");
}

#[test]
fn a_mask_in_place_of_a_placeholder() {
    let (id, case) = weakened(
        "secrets-are-never-disclosed",
        "@obligation(\"drop\")",
        "@obligation(\"mask\")",
    );
    assert_eq!(id, "secrets/never-shown");
    assert_eq!(case.answer.action, Action::Mask);
}

#[test]
fn one_kind_of_secret_left_out() {
    let (id, case) = weakened(
        "secrets-are-never-disclosed",
        "resource in DataClass::\"secret\")",
        "resource in DataClass::\"secret\")\nunless { resource == DataClass::\"secret.session_cookie\" }",
    );
    assert_eq!(id, "secrets/never-shown");
    assert_eq!(case.class.unwrap().name(), "secret.session_cookie");
    assert_eq!(case.answer.action, Action::Show);
}

#[test]
fn a_prefix_in_place_of_the_customer() {
    let (id, case) = weakened(
        "session-sees-only-its-customer",
        "unless { principal.getTag(\"customer\") == resource.getTag(\"customer\") }",
        "unless { principal.getTag(\"customer\") == resource.getTag(\"customer\") || \
         resource.getTag(\"customer\") like \"C-7*\" }",
    );
    assert_eq!(id, "minimum-necessary/one-customer");
    let asked = case.operation.bound.get("customer").unwrap();
    assert!(asked.starts_with("C-7"), "{case:?}");
    assert_ne!(Some(asked), case.principal.scope.get("customer"));
}

#[test]
fn an_agent_that_is_trusted_with_every_patient() {
    let (id, case) = weakened(
        "session-sees-only-its-patient",
        "unless { principal.getTag(\"patient\") == resource.getTag(\"patient\") }",
        &format!(
            "unless {{ principal.getTag(\"patient\") == resource.getTag(\"patient\") || \
             principal in Agent::\"{AGENT}\" }}"
        ),
    );
    assert_eq!(id, "minimum-necessary/one-patient");
    assert_eq!(&*case.principal.agent, AGENT);
}

#[test]
fn a_change_without_a_purpose() {
    let (id, case) = refuted(
        "@id(\"notes\") permit (principal, action == Action::\"call\", \
         resource in Operation::\"clinic/note.write\");",
    );
    assert_eq!(id, "minimum-necessary/changes-have-a-purpose");
    assert_eq!(
        (&*case.operation.service, &*case.operation.id),
        ("clinic", "note.write")
    );
    assert_eq!(case.operation.effect, Effect::Write);
    assert_eq!(&*case.principal.purpose, "");
    assert_eq!(case.answer.policies, ["notes".into()]);
}

#[test]
fn a_token_restored_where_its_value_may_not_be() {
    let (id, case) = refuted(
        "@id(\"support-reads-addresses\") permit (principal, action == Action::\"restore\", \
         resource in DataClass::\"pii.email\") when { context.towards == \"agent\" };",
    );
    assert_eq!(id, "residency/tokens-of-the-eea");
    assert_eq!(case.class.unwrap().name(), "pii.email");
    assert_eq!(case.towards, Some(Towards::Agent));
}

#[test]
fn record_numbers_shown_to_a_service() {
    let (id, case) = weakened(
        "record-numbers-are-pseudonyms-outside-treatment",
        "unless { context.purpose == \"treatment\" }",
        "unless { context.purpose == \"treatment\" || context.service == \"clinic\" }",
    );
    assert_eq!(id, "minimum-necessary/record-numbers");
    assert_eq!(&*case.operation.service, "clinic");
    assert_ne!(&*case.principal.purpose, "treatment");
}

#[test]
fn weak_evidence_that_is_enough_for_a_card() {
    let (id, case) = weakened(
        "card-numbers-show-the-last-four",
        "resource in DataClass::\"pci.pan\")",
        "resource in DataClass::\"pci.pan\")\nunless { principal.evidence == \"inferred\" }",
    );
    assert_eq!(id, "minimum-necessary/card-numbers");
    assert_eq!(case.principal.evidence.name(), "inferred");
}

#[test]
fn a_rule_that_takes_the_same_for_near() {
    let (id, case) = weakened(
        "eu-personal-data-stays-in-adequate-countries",
        "unless { context.recipient in Region::\"GDPR-adequate\" }",
        "unless { context.recipient in Region::\"GDPR-adequate\" || \
         context.recipient != principal.country }",
    );
    assert_eq!(id, "residency/personal-data-of-the-eea");
    assert_ne!(case.way.unwrap().1, case.principal.country);
}

/// Two countries of one kind are not the same: what holds of one and the same does not hold of two.
#[test]
fn two_countries_that_are_alike_are_two() {
    let own = file(
        "own.cedar",
        "@id(\"own\") @obligation(\"drop\") forbid (principal, action == Action::\"disclose\", \
         resource in DataClass::\"pii.email\") \
         when { context.origin in Region::\"EU\" && context.recipient in Region::\"EU\" && \
         principal.country in Region::\"EU\" && context.origin != context.recipient && \
         principal.country != context.recipient && principal.country != context.origin };",
    );
    let proofs = prove(&[BASELINE], &[own]);
    assert!(
        proofs
            .iter()
            .all(|it| matches!(it.outcome, Outcome::Refuted(_))),
        "{}",
        told(&proofs)
    );
}

/// Without a permit too, a weak `forbid` lets a value out in another form.
#[test]
fn a_weak_rule_alone() {
    let weak = "@id(\"weak\") @obligation(\"tokenize\") \
                forbid (principal, action == Action::\"disclose\", resource);";
    let proofs = prove(&[weak], &shipped());
    let refuted = proofs.iter().filter_map(|proof| match &proof.outcome {
        Outcome::Refuted(case) => Some((&*proof.invariant.id, case.answer.action)),
        _ => None,
    });
    let refuted: Vec<_> = refuted.collect();
    assert!(
        refuted.contains(&("secrets/never-shown", Action::Tokenize)),
        "{}",
        told(&proofs)
    );
}

/// To the engine a country that a question is not about lies nowhere: what leans on it proves nothing.
#[test]
fn a_condition_that_never_holds() {
    let proofs = prove(
        &[
            "@id(\"all\") permit (principal, action == Action::\"disclose\", resource);",
            "@id(\"none\") @obligation(\"drop\") forbid (principal, action == \
             Action::\"disclose\", resource in DataClass::\"secret\") \
             when { Country::\"NO\" in Region::\"EEA\" };",
        ],
        &shipped(),
    );
    let secret = proofs
        .iter()
        .find(|it| &*it.invariant.id == "secrets/never-shown");
    let outcome = &secret.unwrap().outcome;
    assert!(!matches!(outcome, Outcome::Holds), "{}", told(&proofs));
}

/// What cannot be a hole is none: an agent in the EU that reads of the EU.
#[test]
fn a_permit_within_the_bound_refutes_nothing() {
    let own = file(
        "own.cedar",
        "@id(\"own\") @obligation(\"drop\") forbid (principal, action == Action::\"disclose\", \
         resource in DataClass::\"phi\") when { context.recipient == Country::\"US\" && \
         context.origin == Country::\"FR\" };",
    );
    let proofs = prove(&[BASELINE], &[own]);
    assert!(
        proofs.iter().all(|it| matches!(it.outcome, Outcome::Holds)),
        "{}",
        told(&proofs)
    );
}

#[test]
fn a_bound_on_an_argument_is_proven_or_refuted_with_an_amount() {
    let bound = |cents: u64| {
        format!(
            "@id(\"bound/{cents}\") forbid (principal, action == Action::\"call\", \
             resource in Operation::\"crm/refund.create\") when {{ context.argument has amount && \
             (context.argument.amount.currency != \"EUR\" || \
              context.argument.amount.minor > {cents}) }};"
        )
    };
    let all = "@id(\"all\") permit (principal, action == Action::\"call\", resource);";
    // Each refund has an amount, so that a rule about those that have one is about all.
    let at_most = file(
        "bound.cedar",
        "@id(\"fifty\") forbid (principal, action == Action::\"call\", \
         resource in Operation::\"crm/refund.create\") unless { context.argument has amount && \
         context.argument.amount.currency == \"EUR\" && context.argument.amount.minor <= 5000 };",
    );
    let outcome = |cents| {
        let proofs = prove(&[all, &bound(cents)], std::slice::from_ref(&at_most));
        proofs.into_iter().next().expect("a proof").outcome
    };
    assert!(matches!(outcome(5000), Outcome::Holds));
    match outcome(9000) {
        Outcome::Refuted(case) => {
            let amount = case.operation.arguments.get("amount").expect("an amount");
            let Argument::Money { minor, currency } = amount else {
                panic!("{amount}");
            };
            assert!(
                (5001..=9000).contains(minor) && currency == "EUR",
                "{amount}"
            );
        }
        other => panic!("{other:?}"),
    }
}
