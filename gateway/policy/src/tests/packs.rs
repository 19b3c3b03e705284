//! The packs: they load together, only the baseline permits, and each says why.

use cedar_policy::Effect as Verdict;

use super::*;
use crate::{PACKS, Verb};

/// The baseline and a pack.
fn with(pack: &str) -> Arc<Engine> {
    let mut files = vec![file(BASELINE)];
    let found = PACKS.iter().find(|it| it.name == pack).unwrap();
    files.push(file(found.text));
    Arc::new(Engine::load(&files).unwrap_or_else(|errors| panic!("{errors}")))
}

/// What is done with a class, for a purpose, on its way between countries.
fn done(engine: &Arc<Engine>, class: &str, purpose: &str, way: (&str, &str)) -> String {
    let (origin, recipient) = way;
    let context = DisclosureContext {
        principal: Arc::new(Principal {
            purpose: purpose.into(),
            ..principal(&[])
        }),
        service: "clinic".into(),
        operation: "patient.read".into(),
        effect: Effect::Read,
        origin: country(origin),
        recipient: country(recipient),
    };
    let class = DataClass::named(class).unwrap();
    let mut disclosures = engine.disclosures(context);
    let found = disclosures.of(class);
    let rule = found.policy.as_ref().map_or("nothing", |policy| &policy.id);
    format!("{} by {rule}", found.action.name())
}

#[test]
fn all_load_together_and_say_why() {
    let files: Vec<PolicyFile> = PACKS.iter().map(|pack| file(pack.text)).collect();
    let engine = Engine::load(&files).unwrap_or_else(|errors| panic!("{errors}"));
    for policy in engine.policies() {
        assert!(policy.reason.is_some(), "{} has no reason", policy.id);
    }
    for verb in Verb::ALL {
        for rule in engine.rules(verb) {
            let own = rule.about.id.contains('/');
            let permits = rule.policy.effect() == Verdict::Permit;
            assert!(
                !own || (!permits && rule.about.basis.is_some()),
                "{}",
                rule.about.id
            );
        }
    }
}

#[test]
fn gdpr() {
    let engine = with("gdpr");
    let eu = ("DE", "FR");
    for (class, purpose, way, expected) in [
        (
            "pci.cardholder",
            "support",
            ("DE", "US"),
            "block by gdpr/transfers-of-personal-data",
        ),
        (
            "pii.email",
            "support",
            ("US", "US"),
            "show by disclosed-unless-protected",
        ),
        (
            "phi.condition",
            "support",
            eu,
            "drop by gdpr/health-data-is-for-treatment",
        ),
        (
            "phi.condition",
            "treatment",
            eu,
            "show by disclosed-unless-protected",
        ),
        (
            "pii.ethnicity",
            "treatment",
            eu,
            "drop by gdpr/special-categories-stay",
        ),
        (
            "pii.pl_pesel",
            "support",
            eu,
            "replace by gdpr/national-identifiers",
        ),
        (
            "pii.pl_pesel",
            "identification",
            eu,
            "show by disclosed-unless-protected",
        ),
        ("pii.email", "", eu, "mask by gdpr/no-purpose-no-person"),
        (
            "pii.email",
            "analytics",
            eu,
            "pseudonymize by gdpr/persons-are-pseudonyms-in-statistics",
        ),
        (
            "pii.dob",
            "research",
            eu,
            "generalize by gdpr/births-and-places-are-coarse-in-statistics",
        ),
        (
            "pii.ip",
            "statistics",
            eu,
            "truncate by gdpr/addresses-of-machines-are-cut-in-statistics",
        ),
    ] {
        assert_eq!(
            done(&engine, class, purpose, way),
            expected,
            "{class} for `{purpose}`"
        );
    }
}

#[test]
fn hipaa() {
    let engine = with("hipaa");
    let us = ("US", "US");
    for (class, purpose, expected) in [
        (
            "phi.condition",
            "support",
            "drop by hipaa/health-data-has-a-purpose",
        ),
        (
            "phi.condition",
            "payment",
            "show by disclosed-unless-protected",
        ),
        (
            "phi.narrative",
            "payment",
            "drop by hipaa/payment-needs-no-notes",
        ),
        (
            "phi.narrative",
            "treatment",
            "show by disclosed-unless-protected",
        ),
        (
            "phi.narrative",
            "research",
            "drop by hipaa/safe-harbor-notes",
        ),
        (
            "phi.condition",
            "research",
            "show by disclosed-unless-protected",
        ),
        (
            "pii.postal_code",
            "research",
            "generalize by hipaa/safe-harbor-places",
        ),
        (
            "phi.date",
            "research",
            "generalize by hipaa/safe-harbor-dates",
        ),
    ] {
        assert_eq!(
            done(&engine, class, purpose, us),
            expected,
            "{class} for `{purpose}`"
        );
    }
}

/// Every class that safe harbor names is changed for research, by its letter.
#[test]
fn hipaa_leaves_none_of_the_eighteen() {
    let engine = with("hipaa");
    for class in DataClass::all().filter(|class| class.hipaa().is_some()) {
        let found = done(&engine, class.name(), "research", ("US", "US"));
        assert!(
            !found.starts_with("show"),
            "{class} ({:?}): {found}",
            class.hipaa()
        );
    }
}

#[test]
fn ccpa() {
    let engine = with("ccpa");
    let us = ("US", "US");
    for (class, purpose, expected) in [
        (
            "pii.email",
            "advertising",
            "drop by ccpa/no-sale-no-sharing",
        ),
        ("pii.email", "support", "show by disclosed-unless-protected"),
        (
            "pii.us_passport",
            "profiling",
            "replace by ccpa/sensitive-information-is-limited",
        ),
        ("pii.geo", "support", "truncate by ccpa/precise-geolocation"),
        ("pii.email", "", "mask by ccpa/proportionate"),
    ] {
        assert_eq!(
            done(&engine, class, purpose, us),
            expected,
            "{class} for `{purpose}`"
        );
    }
}

#[test]
fn pci() {
    let engine = with("pci");
    let us = ("US", "US");
    for (class, purpose, expected) in [
        (
            "pci.cvv",
            "payment",
            "drop by pci/authentication-data-never",
        ),
        (
            "pci.pan",
            "payment",
            "mask by card-numbers-show-the-last-four",
        ),
        (
            "pci.cardholder",
            "payment",
            "show by disclosed-unless-protected",
        ),
        (
            "pci.cardholder",
            "support",
            "replace by pci/cardholder-data-is-for-payments",
        ),
        (
            "pci.pan_truncated",
            "support",
            "show by disclosed-unless-protected",
        ),
    ] {
        assert_eq!(
            done(&engine, class, purpose, us),
            expected,
            "{class} for `{purpose}`"
        );
    }
}
