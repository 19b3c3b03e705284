mod arguments;
mod groups;
mod packs;
mod restoring;
mod slicing;

use std::sync::Arc;

use classifiers::DataClass;
use redaction::Action;

use crate::{
    BASELINE, Category, Country, Decision, Delegation, DisclosureContext, Effect, Engine, Evidence,
    Names, Operation, PolicyErrors, PolicyFile, Principal, Training, regions_of,
};

fn file(text: &str) -> PolicyFile {
    PolicyFile {
        name: "own.cedar".into(),
        text: text.into(),
    }
}

fn engine(text: &str) -> Arc<Engine> {
    match Engine::load(&[file(text)]) {
        Ok(engine) => Arc::new(engine),
        Err(errors) => panic!("{errors}"),
    }
}

fn errors(text: &str) -> PolicyErrors {
    Engine::load(&[file(text)]).expect_err("the policies are wrong")
}

fn country(code: &str) -> Country {
    Country::parse(code).unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn principal(scope: &[(&str, &str)]) -> Principal {
    Principal {
        session: "5f0c".into(),
        agent: "spiffe://clinic.example/agent/support".into(),
        evidence: Evidence::named("kernel+token"),
        purpose: "support".into(),
        scope: Arc::new(pairs(scope)),
        country: country("DE"),
        delegation: None,
        declared: None,
    }
}

fn operation(id: &str, effect: Effect, bound: &[(&str, &str)]) -> Operation {
    Operation {
        service: "crm".into(),
        id: id.into(),
        effect,
        bound: Arc::new(pairs(bound)),
        arguments: Arc::default(),
        groups: Arc::default(),
        training: Training::Unknown,
        country: country("DE"),
    }
}

fn context(origin: &str, recipient: &str, purpose: &str) -> DisclosureContext {
    let mut principal = principal(&[]);
    principal.purpose = purpose.into();
    DisclosureContext {
        principal: Arc::new(principal),
        service: "crm".into(),
        operation: "customer.read".into(),
        effect: Effect::Read,
        origin: country(origin),
        recipient: country(recipient),
        training: Training::Unknown,
    }
}

fn read(engine: &Engine, scope: &[(&str, &str)], bound: &[(&str, &str)]) -> Arc<Decision> {
    let operation = operation("customer.read", Effect::Read, bound);
    engine.call(&principal(scope), &operation)
}

fn decided(decision: &Decision) -> Vec<&str> {
    decision.policies.iter().map(|policy| &*policy.id).collect()
}

#[track_caller]
fn check_disclosure(engine: &Arc<Engine>, at: [&str; 3], class: &str, expected: (Action, &str)) {
    let [origin, recipient, purpose] = at;
    let mut disclosures = engine.disclosures(context(origin, recipient, purpose));
    let class = DataClass::named(class).unwrap();
    let found = disclosures.of(class);
    let policy = found.policy.as_ref().map_or("", |policy| &*policy.id);
    assert_eq!((found.action, policy), expected, "{class} {at:?}");
}

#[test]
fn a_session_reads_its_customer_and_no_other() {
    let engine = engine(BASELINE);
    let own = read(&engine, &[("customer", "C-771")], &[("customer", "C-771")]);
    assert!(own.allowed);
    assert_eq!(decided(&own), ["agents-read"]);

    let other = read(&engine, &[("customer", "C-771")], &[("customer", "C-332")]);
    assert!(!other.allowed);
    assert_eq!(decided(&other), ["session-sees-only-its-customer"]);
    assert_eq!(other.category(), Category::Scope);
    assert_eq!(
        other.sentence(),
        "session-sees-only-its-customer: the session's customer is `C-771`, the call names another"
    );
    let policy = other.rule().unwrap();
    assert_eq!(
        policy.basis.as_deref(),
        Some("GDPR Art. 5(1)(c): data minimisation")
    );
}

#[test]
fn each_tag_of_the_scope_is_held_apart() {
    let engine = engine(BASELINE);
    for tag in ["customer", "patient", "ticket"] {
        let refused = read(&engine, &[(tag, "1")], &[(tag, "2")]);
        assert_eq!(decided(&refused), [format!("session-sees-only-its-{tag}")]);
        assert!(read(&engine, &[(tag, "1")], &[(tag, "1")]).allowed);
        assert!(read(&engine, &[(tag, "1")], &[]).allowed);
    }
    let both = read(
        &engine,
        &[("customer", "1"), ("ticket", "1")],
        &[("customer", "2"), ("ticket", "2")],
    );
    assert_eq!(
        decided(&both),
        [
            "session-sees-only-its-customer",
            "session-sees-only-its-ticket"
        ]
    );
}

#[test]
fn what_nothing_permits_is_refused_without_a_policy() {
    let engine = engine(BASELINE);
    let delete = operation("customer.delete", Effect::Delete, &[]);
    let decision = engine.call(&principal(&[]), &delete);
    assert!(!decision.allowed);
    assert!(decision.policies.is_empty());
    assert_eq!(decision.category(), Category::Access);
    assert_eq!(decision.sentence(), "not_permitted: no rule permits this");
    assert!(
        !Engine::load(&[])
            .unwrap()
            .call(&principal(&[]), &delete)
            .allowed
    );
}

#[test]
fn a_write_needs_a_purpose() {
    let engine = engine(BASELINE);
    let write = operation("customer.update", Effect::Write, &[]);
    assert!(engine.call(&principal(&[]), &write).allowed);
    let aimless = Principal {
        purpose: "".into(),
        ..principal(&[])
    };
    assert!(!engine.call(&aimless, &write).allowed);
}

#[test]
fn a_forbid_wins_over_any_permit() {
    let engine = engine(
        r#"
        @id("all") permit (principal, action, resource);
        @id("not-the-crm") @reason("closed") forbid (principal, action == Action::"call", resource in Api::"crm");
        @id("not-this") forbid (principal, action == Action::"call", resource in Operation::"crm/customer.read");
        "#,
    );
    let refused = read(&engine, &[], &[]);
    assert_eq!(decided(&refused), ["not-the-crm", "not-this"]);
    assert_eq!(refused.sentence(), "not-the-crm: closed; not-this");
}

#[test]
fn policies_see_all_of_a_call() {
    let allowed = |condition: &str| {
        let text = format!(
            "@id(\"it\") permit (principal, action == Action::\"call\", resource) when {{ {condition} }};"
        );
        let scope = [("customer", "C-771")];
        read(&engine(&text), &scope, &[("customer", "C-771")]).allowed
    };
    for holds in [
        r#"principal in Agent::"spiffe://clinic.example/agent/support""#,
        r#"principal.agent == Agent::"spiffe://clinic.example/agent/support""#,
        r#"principal == Session::"5f0c""#,
        r#"principal.country == Country::"DE""#,
        r#"principal.country in Region::"EU""#,
        r#"principal.hasTag("customer") && principal.getTag("customer") == "C-771""#,
        r#"context.country in Region::"EEA""#,
        r#"context.effect == "read""#,
        r#"context.evidence == "kernel+token""#,
        "context.proof.rank == 4",
        "context.proof.rank >= 3 && context.proof.kernel && context.proof.token",
        r#"context.operation == "customer.read""#,
        r#"context.purpose == "support""#,
        r#"context.service == "crm""#,
        r#"resource in Api::"crm""#,
        r#"resource in Operation::"crm/customer.read""#,
    ] {
        assert!(allowed(holds), "{holds}");
    }
    for fails in [
        r#"principal in Agent::"spiffe://clinic.example/agent/other""#,
        r#"context.country in Region::"EU-US-DPF""#,
        "context.proof.rank >= 5",
        "context.proof.svid || context.proof.bound",
        r#"resource in Operation::"crm/customer.list""#,
    ] {
        assert!(!allowed(fails), "{fails}");
    }
}

#[test]
fn who_acts_for_whom_is_what_policies_ask() {
    let decide = |condition: &str, delegation: Option<(&str, &[&str])>| {
        let text = format!(
            "@id(\"one\") permit (principal, action == Action::\"call\", resource)\nwhen {{ {condition} }};"
        );
        let delegation = delegation.map(|(subject, actors)| {
            Arc::new(Delegation {
                subject: subject.into(),
                actors: actors.iter().map(|it| (*it).into()).collect(),
            })
        });
        let principal = Principal {
            delegation,
            ..principal(&[])
        };
        let operation = operation("customer.read", Effect::Read, &[]);
        engine(&text).call(&principal, &operation).allowed
    };
    let handed_on: &[&str] = &["spiffe://a.example/sub", "spiffe://a.example/planner"];
    for condition in [
        r#"context.delegation.subject == "alice""#,
        r#"context.delegation.actor == "spiffe://a.example/sub""#,
        r#"context.delegation.actors.contains("spiffe://a.example/planner")"#,
        "context.delegation.depth == 2",
    ] {
        assert!(decide(condition, Some(("alice", handed_on))), "{condition}");
        assert!(!decide(condition, None), "{condition}");
    }
    let own = r#"context.delegation.depth == 0 && context.delegation.subject == """#;
    assert!(decide(own, None) && !decide(own, Some(("alice", handed_on))));
}

#[test]
fn obligations_are_read_from_the_forbids_that_hold() {
    use Action::{Block, Drop, Mask, Pseudonymize, Replace, Show};
    let engine = engine(BASELINE);
    let home = ["DE", "DE", "support"];
    let mrn = "record-numbers-are-pseudonyms-outside-treatment";
    let stay = "eu-personal-data-stays-in-adequate-countries";
    let health = "eu-health-data-stays-in-adequate-countries";
    for (at, class, action, policy) in [
        (home, "pii.email", Show, "disclosed-unless-protected"),
        (home, "secret", Drop, "secrets-are-never-disclosed"),
        (home, "pci.pan", Mask, "card-numbers-show-the-last-four"),
        (
            home,
            "pii.us_ssn",
            Replace,
            "social-security-numbers-are-replaced",
        ),
        (home, "phi.mrn", Pseudonymize, mrn),
        (
            ["DE", "DE", "treatment"],
            "phi.mrn",
            Show,
            "disclosed-unless-protected",
        ),
        // Of several the strongest.
        (["DE", "US", "support"], "pii.us_ssn", Block, stay),
        (["DE", "US", "support"], "phi.mrn", Block, health),
        // Residency.
        (["DE", "US", "support"], "pii.email", Block, stay),
        (
            ["DE", "CH", "support"],
            "pii.email",
            Show,
            "disclosed-unless-protected",
        ),
        (["NO", "US", "support"], "pii", Block, stay),
        (
            ["US", "US", "support"],
            "pii.email",
            Show,
            "disclosed-unless-protected",
        ),
        (["DE", "ZZ", "support"], "pii.email", Block, stay),
    ] {
        check_disclosure(&engine, at, class, (action, policy));
    }
}

#[test]
fn a_class_that_nothing_permits_is_dropped() {
    let engine = engine(
        r#"@id("mail") permit (principal, action == Action::"disclose", resource in DataClass::"pii.email");"#,
    );
    let at = ["DE", "DE", ""];
    check_disclosure(&engine, at, "pii.email", (Action::Show, "mail"));
    check_disclosure(&engine, at, "pii.phone", (Action::Drop, ""));
}

#[test]
fn a_forbid_without_an_obligation_blocks() {
    let engine = engine(
        r#"
        @id("all") permit (principal, action, resource);
        @id("a") @obligation("mask") forbid (principal, action == Action::"disclose", resource in DataClass::"pci");
        @id("b") forbid (principal, action == Action::"disclose", resource == DataClass::"pci.pan");
        "#,
    );
    let at = ["DE", "DE", ""];
    check_disclosure(&engine, at, "pci.pan", (Action::Block, "b"));
    check_disclosure(&engine, at, "pci", (Action::Mask, "a"));
}

#[test]
fn a_policy_that_fails_to_evaluate_denies() {
    // The validator sees types, not values: this overflows when it is asked.
    let overflow = "9223372036854775807 + (if context.effect == \"read\" then 1 else 0) > 0";
    let text = format!(
        "@id(\"all\") permit (principal, action, resource);
         @id(\"call\") forbid (principal, action == Action::\"call\", resource) when {{ {overflow} }};
         @id(\"show\") @obligation(\"mask\") forbid (principal, action == Action::\"disclose\", resource) when {{ {overflow} }};"
    );
    let engine = engine(&text);
    let refused = read(&engine, &[], &[]);
    assert!(!refused.allowed);
    assert_eq!(decided(&refused), ["call"]);
    check_disclosure(
        &engine,
        ["DE", "DE", ""],
        "pii.email",
        (Action::Mask, "show"),
    );
}

#[test]
fn answers_differ_with_everything_that_policies_see() {
    use Action::{Drop, Show};
    let engine = engine(
        r#"@id("it") permit (principal, action == Action::"disclose", resource)
           when { context.purpose == "support" && context.recipient == Country::"DE" };"#,
    );
    let email = DataClass::named("pii.email").unwrap();
    let mut asked = Vec::new();
    for purpose in ["support", "sales", "support"] {
        for recipient in ["DE", "FR", "DE"] {
            let mut disclosures = engine.disclosures(context("DE", recipient, purpose));
            let first = disclosures.of(email).action;
            assert_eq!(first, disclosures.of(email).action);
            asked.push(first);
        }
    }
    let support = [Show, Drop, Show];
    assert_eq!(asked, [support, [Drop; 3], support].concat());
}

#[test]
fn equal_contexts_share_what_is_decided() {
    let engine = engine(BASELINE);
    let email = DataClass::named("pii.email").unwrap();
    let policy = |disclosures: &mut crate::Disclosures| {
        let policy = disclosures.of(email).policy.clone();
        Arc::as_ptr(&policy.unwrap())
    };
    let mut first = engine.disclosures(context("DE", "DE", "support"));
    let mut second = engine.disclosures(context("DE", "DE", "support"));
    let one = std::ptr::from_ref(first.of(email));
    let two = std::ptr::from_ref(second.of(email));
    assert_eq!(one, two, "one cell in one shared table");
    assert_eq!(policy(&mut first), policy(&mut second));
    let call = read(&engine, &[], &[]);
    assert!(Arc::ptr_eq(&call, &read(&engine, &[], &[])));
    assert!(!Arc::ptr_eq(
        &call,
        &read(&engine, &[("customer", "1")], &[])
    ));
}

#[test]
fn slices_by_action_answer_as_the_whole_set_does() {
    // The same rules, spelt so that no slice can leave any out.
    let narrow = engine(BASELINE);
    let whole = BASELINE
        .replace("action == Action::\"call\"", "action in [Action::\"call\"]")
        .replace(
            "action == Action::\"disclose\"",
            "action in [Action::\"disclose\"]",
        );
    let whole = engine(&whole);
    for class in DataClass::all() {
        for recipient in ["DE", "US", "ZZ"] {
            let asked = context("DE", recipient, "support");
            let one = narrow.disclosures(asked.clone()).of(class).clone();
            let two = whole.disclosures(asked).of(class).clone();
            assert_eq!((one.action, one.policy), (two.action, two.policy));
        }
    }
}

#[test]
fn the_digest_is_of_the_texts_whatever_their_order() {
    let one = file(r#"@id("a") permit (principal, action, resource);"#);
    let two = file(r#"@id("b") permit (principal, action, resource);"#);
    let digest = |files: &[PolicyFile]| Engine::load(files).unwrap().digest().to_string();
    let both = digest(&[one.clone(), two.clone()]);
    assert_eq!(both.len(), 64);
    assert_eq!(both, digest(&[two.clone(), one.clone()]));
    assert_ne!(both, digest(&[one]));
}

#[test]
fn the_united_states_are_not_adequate_as_such() {
    let regions = |code: &str| regions_of(country(code)).collect::<Vec<_>>();
    assert_eq!(regions("DE"), ["EU", "EEA", "GDPR-adequate"]);
    assert_eq!(regions("NO"), ["EEA", "GDPR-adequate"]);
    assert_eq!(regions("JP"), ["GDPR-adequate"]);
    assert_eq!(regions("US"), ["EU-US-DPF"]);
    assert!(regions("ZZ").is_empty() && regions("CN").is_empty());
    assert_eq!(crate::adequacy_decisions().len(), 14);
    for decision in crate::adequacy_decisions() {
        assert!(regions(decision.country).contains(&"GDPR-adequate"));
        // Sector 3, a year, D for a decision, four digits.
        let celex = decision.celex.as_bytes();
        assert_eq!((celex.len(), celex[0], celex[5]), (10, b'3', b'D'));
    }
}

#[test]
fn long_or_hostile_values_of_a_scope_are_shown_cut_and_escaped() {
    let engine = engine(BASELINE);
    let hostile = format!("C\n\u{1b}[2J{}", "x".repeat(500));
    let sentence = read(&engine, &[("customer", &hostile)], &[("customer", "1")]).sentence();
    assert!(!sentence.contains(char::is_control));
    assert!(sentence.chars().count() < 200);
    assert!(sentence.contains('…'));
}

#[test]
fn every_error_is_told_at_once_with_place_and_hint() {
    let text = r#"// Line 1.
permit (principal, action, resource);

@id("mail") @obligaton("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.emial");

@id("mail")
forbid (principal, action == Action::"disclose", resource)
when { context.origin in Region::"Eea" };

@id("somewhere") @category("recidency")
forbid (principal, action == Action::"disclose", resource)
when { context.recipient == Country::"UK" };

@id("bad id") permit (principal, action == Action::"call", resource);

@id("shout") @obligation("maks")
forbid (principal, action == Action::"disclose", resource);

@id("misplaced") @obligation("mask")
permit (principal, action == Action::"disclose", resource);

@id("either") @obligation("mask")
forbid (principal, action, resource);
"#;
    insta::assert_snapshot!(errors(text));
}

#[test]
fn the_schema_is_enforced_with_place_and_hint() {
    let text = r#"@id("a") permit (principal, action == Action::"cal", resource);

@id("b") permit (principal, action == Action::"call", resource)
when { context.purpos == "support" };

@id("c") forbid (principal, action == Action::"call", resource)
unless { principal.getTag("customer") == resource.getTag("customer") };

@id("d") permit (principal, action == Action::"call", resource in DataClass::"pii");

@id("e") permit (principal, action == Action::"disclose", resource)
when { context.effect == 3 };
"#;
    insta::assert_snapshot!(errors(text));
}

#[test]
fn what_does_not_parse_is_told_with_place() {
    insta::assert_snapshot!(errors("@id(\"a\")\npermit (principal, action, resource\n"));
    insta::assert_snapshot!(errors(
        "@id(\"a\")\npermit (principal == ?principal, action, resource);\n"
    ));
}

#[test]
fn an_error_shows_its_source_line() {
    let found =
        errors("@id(\"a\") permit (principal, action, resource in DataClass::\"pii.emial\");");
    let mut shown = String::new();
    miette::NarratableReportHandler::new()
        .render_report(&mut shown, found.iter().next().unwrap())
        .unwrap();
    insta::assert_snapshot!(shown);
    let first = found.iter().next().unwrap();
    assert_eq!(
        (first.file(), first.line(), first.column()),
        ("own.cedar", 1, 49)
    );
}

#[test]
fn ids_are_unique_over_files() {
    let one = file("@id(\"a\") permit (principal, action, resource);");
    let two = PolicyFile {
        name: "second.cedar".into(),
        text: "\n@id(\"a\") permit (principal, action, resource);".into(),
    };
    let errors = Engine::load(&[one, two]).expect_err("two policies have one id");
    assert_eq!(
        errors.to_string(),
        "second.cedar:2:1: two policies are called `a`\n  hint: the first is at own.cedar:1"
    );
}

#[test]
fn a_file_too_long_is_refused() {
    let found = errors(&" ".repeat(crate::POLICY_FILE_BYTES_MAX + 1));
    assert!(found.to_string().contains("more than 1048576 bytes"));
}

#[test]
fn a_rule_about_nobody_that_is_configured_is_refused() {
    let names = Names {
        agents: vec!["spiffe://t.example/support".to_owned()],
        services: vec!["crm".to_owned()],
        operations: vec!["crm/customer.read".to_owned()],
        ..Names::default()
    };
    let text = r#"
@id("typo") forbid (principal in Agent::"spiffe://t.example/suport", action == Action::"call", resource in Api::"crn");
@id("good") permit (principal in Agent::"spiffe://t.example/support", action == Action::"call", resource in Operation::"crm/customer.read");
"#;
    let errors = Engine::load_for(&[file(text)], &names).expect_err("two names are unknown");
    let hints: Vec<_> = errors
        .iter()
        .map(|error| (error.line(), error.hint().unwrap_or_default()))
        .collect();
    assert_eq!(hints.len(), 2, "{errors}");
    assert!(hints.iter().all(|(line, _)| *line == 2));
    assert!(
        hints
            .iter()
            .any(|(_, hint)| hint.contains("spiffe://t.example/support")),
        "{hints:?}"
    );
}
