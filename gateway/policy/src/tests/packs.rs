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
        training: Training::Unknown,
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

/// Asks a pack beside the baseline: a line for each class, purpose (`-` for none), way and answer.
fn holds(pack: &str, lines: &str) {
    let engine = with(pack);
    for line in lines.trim().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [class, purpose, origin, recipient, action, rule] = words[..] else {
            panic!("{line}");
        };
        let found = done(
            &engine,
            class,
            purpose.trim_matches('-'),
            (origin, recipient),
        );
        assert_eq!(found, format!("{action} by {rule}"), "{line}");
    }
}

#[test]
fn gdpr() {
    holds(
        "gdpr",
        "
        pci.cardholder  support         DE US  block         gdpr/transfers-of-personal-data
        pii.email       support         US US  show          disclosed-unless-protected
        phi.condition   support         DE FR  drop          gdpr/health-data-is-for-treatment
        phi.condition   treatment       DE FR  show          disclosed-unless-protected
        pii.ethnicity   treatment       DE FR  drop          gdpr/special-categories-stay
        pii.pl_pesel    support         DE FR  replace       gdpr/national-identifiers
        pii.pl_pesel    identification  DE FR  show          disclosed-unless-protected
        pii.email       -               DE FR  mask          gdpr/no-purpose-no-person
        pii.email       analytics       DE FR  pseudonymize  gdpr/persons-are-pseudonyms-in-statistics
        pii.dob         research        DE FR  generalize    gdpr/births-and-places-are-coarse-in-statistics
        pii.ip          statistics      DE FR  truncate      gdpr/addresses-of-machines-are-cut-in-statistics
        ",
    );
}

#[test]
fn hipaa() {
    holds(
        "hipaa",
        "
        phi.condition    support    US US  drop        hipaa/health-data-has-a-purpose
        phi.condition    payment    US US  show        disclosed-unless-protected
        phi.narrative    payment    US US  drop        hipaa/payment-needs-no-notes
        phi.narrative    treatment  US US  show        disclosed-unless-protected
        phi.narrative    research   US US  drop        hipaa/safe-harbor-notes
        phi.condition    research   US US  show        disclosed-unless-protected
        pii.postal_code  research   US US  generalize  hipaa/safe-harbor-places
        phi.date         research   US US  generalize  hipaa/safe-harbor-dates
        ",
    );
}

/// Every class that safe harbor names is changed for research, by its letter.
#[test]
fn hipaa_leaves_none_of_the_eighteen() {
    let engine = with("hipaa");
    for class in DataClass::all().filter(|class| class.hipaa().is_some()) {
        let found = done(&engine, class.name(), "research", ("US", "US"));
        let letter = class.hipaa();
        assert!(!found.starts_with("show"), "{class} ({letter:?}): {found}");
    }
}

#[test]
fn ccpa() {
    holds(
        "ccpa",
        "
        pii.email        advertising  US US  drop      ccpa/no-sale-no-sharing
        pii.email        support      US US  show      disclosed-unless-protected
        pii.us_passport  profiling    US US  replace   ccpa/sensitive-information-is-limited
        pii.geo          support      US US  truncate  ccpa/precise-geolocation
        pii.email        -            US US  mask      ccpa/proportionate
        ",
    );
}

#[test]
fn pci() {
    holds(
        "pci",
        "
        pci.cvv            payment  US US  drop     pci/authentication-data-never
        pci.pan            payment  US US  mask     card-numbers-show-the-last-four
        pci.cardholder     payment  US US  show     disclosed-unless-protected
        pci.cardholder     support  US US  replace  pci/cardholder-data-is-for-payments
        pci.pan_truncated  support  US US  show     disclosed-unless-protected
        ",
    );
}
