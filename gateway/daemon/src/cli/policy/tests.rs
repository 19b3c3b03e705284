//! What the commands print, over a configuration and records made here.

use std::collections::BTreeMap;

use audit::{
    BodyRecord, CallerRecord, Event, FindingRecord, Opening, OperationRecord, Outcome,
    PolicyRecord, Refusal, Shown, TokenRecord,
};
use jiff::Timestamp;

use super::*;

const CONFIG: &str = r#"
listen: [{ address: 127.0.0.1:0 }]
country: DE
agents:
  - { id: spiffe://acme.example/agent/support, selectors: ["unix:uid:1"] }
  - { id: spiffe://acme.example/agent/billing, selectors: ["unix:uid:2"] }
services:
  - name: crm
    prefix: /crm
    upstream: http://127.0.0.1:9001
    country: DE
    operations:
      - { id: customer.read, method: GET, path: "/customers/{customer}" }
      - { id: customer.write, method: POST, path: "/customers/{customer}" }
policies: ["*.cedar"]
audit: { directory: data }
"#;

const POLICY: &str = r#"
@id("support-reads")
permit (principal in Agent::"spiffe://acme.example/agent/support", action == Action::"call", resource)
when { context.effect == "read" && context.purpose == "support" };

@id("billing-writes")
permit (principal in Agent::"spiffe://acme.example/agent/billing", action == Action::"call", resource)
when { context.effect == "write" };

@id("own-customer") @category("scope") @reason("a task is about one customer")
@basis("GDPR Art. 5(1)(c)")
forbid (principal, action == Action::"call", resource)
when { principal.hasTag("customer") && resource.hasTag("customer") }
unless { principal.getTag("customer") == resource.getTag("customer") };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);

@id("cards-are-masked") @obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pci.pan");
"#;

/// With these policies.
fn asked(policy: &str) -> Asked {
    asked_of(CONFIG, policy)
}

/// With this configuration and these policies.
pub(super) fn asked_of(config: &str, policy: &str) -> Asked {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.cedar"), policy).unwrap();
    let path = folder.path().join("tidegate.yaml");
    std::fs::write(&path, config).unwrap();
    Asked::load(&path, None).unwrap()
}

fn caller(customer: &str, purpose: &str) -> CallerRecord {
    CallerRecord {
        agent: Some("spiffe://acme.example/agent/support".to_owned()),
        session: Some("abc".to_owned()),
        evidence: "kernel+token".to_owned(),
        token: Some(TokenRecord {
            issuer: "https://issuer.example".to_owned(),
            subject: "spiffe://acme.example/agent/support".to_owned(),
            id: None,
            task: Some("T-1".to_owned()),
            purpose: Some(purpose.to_owned()),
            scope: BTreeMap::from([("customer".to_owned(), customer.to_owned())]),
            delegation: None,
        }),
        ..CallerRecord::default()
    }
}

fn operation(id: &str, customer: &str) -> OperationRecord {
    let writes = id.ends_with("write");
    OperationRecord {
        arguments: Arc::default(),
        service: "crm".into(),
        operation: id.into(),
        effect: if writes { "write" } else { "read" }.into(),
        method: "GET".to_owned(),
        route: "/customers/{customer}".into(),
        bound: Arc::new(BTreeMap::from([(
            "customer".to_owned(),
            customer.to_owned(),
        )])),
        country: "DE".to_owned(),
    }
}

fn opening(digest: &str) -> Event {
    Event::Open(Box::new(Opening {
        at: Timestamp::UNIX_EPOCH,
        trace: "t".into(),
        caller: caller("C-771", "support").into(),
        operation: operation("customer.read", "C-771"),
        policies: vec![PolicyRecord {
            id: "support-reads".into(),
            reason: None,
            basis: None,
        }],
        policy: digest.into(),
        declared: Vec::new(),
        notices: Vec::new(),
        upstream: None,
        retry_of: None,
    }))
}

fn closing() -> Event {
    let found = |class: &'static str, action: &'static str| FindingRecord {
        class: class.into(),
        path: format!("/{class}"),
        count: 2,
        action: action.into(),
        policy: None,
    };
    let response = BodyRecord {
        findings: vec![found("pci.pan", "mask"), found("pii.email", "show")],
        ..BodyRecord::default()
    };
    Event::Close(Box::new(Outcome {
        at: Timestamp::UNIX_EPOCH,
        opening: 1,
        status: Some(200),
        upstream_status: Some(200),
        sent: true,
        result: "released".into(),
        reason: None,
        request: BodyRecord::default(),
        response,
        credential: None,
        model: None,
        mediation: None,
        duration_us: 1,
    }))
}

fn refusal(customer: &str, purpose: &str, id: &str, reason: &'static str) -> Event {
    Event::Refuse(Box::new(Refusal {
        at: Timestamp::UNIX_EPOCH,
        trace: "t".into(),
        caller: caller("C-771", purpose).into(),
        operation: Some(operation(id, customer)),
        reason: reason.into(),
        status: 403,
        policies: vec![PolicyRecord {
            id: "own-customer".into(),
            reason: Some("a task is about one customer".into()),
            basis: Some("GDPR Art. 5(1)(c)".into()),
        }],
        policy: "then".into(),
        finding: false,
        findings: Vec::new(),
        declared: Vec::new(),
        notices: Vec::new(),
    }))
}

fn entry(index: u64, event: Event) -> Entry {
    Entry { index, event }
}

fn shown(index: u64, event: Event, closing: Option<Event>) -> Shown {
    Shown {
        entry: entry(index, event),
        closing: closing.map(|event| entry(index + 1, event)),
        opening: None,
        signed: 0,
        proven: false,
    }
}

#[test]
fn cases_are_asked_and_differences_told() {
    let cases = r"
cases:
  - name: support reads its customer
    agent: spiffe://acme.example/agent/support
    purpose: support
    scope: { customer: C-771 }
    call: crm/customer.read
    bound: { customer: C-771 }
    expect: allow
    rule: support-reads
  - name: and no other
    agent: spiffe://acme.example/agent/support
    purpose: support
    scope: { customer: C-771 }
    call: crm/customer.read
    bound: { customer: C-332 }
    expect: deny
    rule: own-customer
  - name: support writes, which is not so
    agent: spiffe://acme.example/agent/support
    purpose: support
    call: crm/customer.write
    expect: allow
  - name: cards are masked
    agent: spiffe://acme.example/agent/support
    call: crm/customer.read
    disclose: pci.pan
    expect: mask
    rule: cards-are-masked
  - name: the wrong rule
    agent: spiffe://acme.example/agent/support
    call: crm/customer.read
    disclose: pii.email
    expect: show
    rule: cards-are-masked
";
    let parsed = cases::parse(cases, "cases.yaml").unwrap();
    let report = cases::run(&parsed, &asked(POLICY)).unwrap();
    assert_eq!(report.failed, 2);
    insta::assert_snapshot!(report.to_string());

    for (typed, expected) in [
        ("call: crm/customer.read", "call: crm/customer.red"),
        ("disclose: pci.pan", "disclose: pci.pam"),
        ("purpose: support", "evidence: hearsay"),
    ] {
        let wrong = cases.replacen(typed, expected, 1);
        let parsed = cases::parse(&wrong, "cases.yaml").unwrap();
        assert!(cases::run(&parsed, &asked(POLICY)).is_err(), "{expected}");
    }
    assert!(cases::parse("cases: [{ nam: x }]", "cases.yaml").is_err());
}

#[test]
fn a_record_is_explained() {
    let asked = asked(POLICY);
    let digest = asked.engine.digest().to_string();
    let texts = [
        shown(1, opening(&digest), Some(closing())),
        shown(
            5,
            refusal("C-332", "support", "customer.read", "scope_mismatch"),
            None,
        ),
        shown(
            6,
            refusal("C-771", "fraud", "customer.read", "not_permitted"),
            None,
        ),
        shown(
            7,
            refusal("C-771", "support", "customer.write", "not_permitted"),
            None,
        ),
        shown(
            8,
            refusal("C-771", "support", "customer.read", "budget_exhausted"),
            None,
        ),
        shown(9, closing(), None),
    ]
    .map(|shown| explain::explain(&shown, &asked));
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn the_past_is_decided_again() {
    let records = || {
        vec![
            entry(1, opening("then")),
            entry(2, closing()),
            entry(
                3,
                refusal("C-332", "support", "customer.read", "scope_mismatch"),
            ),
            entry(
                4,
                refusal("C-332", "support", "customer.read", "scope_mismatch"),
            ),
            entry(
                5,
                refusal("C-771", "support", "customer.read", "budget_exhausted"),
            ),
        ]
    };
    let told = |policy: &str| {
        let asked = asked(policy);
        let mut simulation = simulate::Simulation::new(&asked);
        for entry in &records() {
            simulation.take(entry);
        }
        simulation.report()
    };
    let same = told(POLICY);
    assert!(same.is_same());
    let looser = POLICY.replace("@id(\"own-customer\")", "@id(\"only-billing\")");
    let looser = looser.replace(
        "forbid (principal, action == Action::\"call\"",
        "forbid (principal in Agent::\"spiffe://acme.example/agent/billing\", action == Action::\"call\"",
    );
    let stricter = POLICY.replace(
        "context.purpose == \"support\"",
        "context.purpose == \"sales\"",
    );
    let stricter = stricter.replace("DataClass::\"pci.pan\"", "DataClass::\"pii\"");
    let reports = [same, told(&looser), told(&stricter)].map(|it| it.to_string());
    insta::assert_snapshot!(reports.join("\n"));
}

#[test]
fn grants_that_nobody_used_are_told() {
    let mut report = reports::Report::new(Kind::Unused, reports::Scope::default()).unwrap();
    for entry in [
        entry(1, opening("then")),
        entry(
            3,
            refusal("C-332", "support", "customer.read", "scope_mismatch"),
        ),
    ] {
        let closing = None;
        report.take(&audit::Matter { entry, closing });
    }
    let anchor = audit::Anchor {
        log: String::new(),
        size: 4,
        root: String::new(),
        checkpoint: String::new(),
    };
    let grants = unused::grants(&asked(POLICY));
    let beside = reports::Beside {
        grants: Some(&grants),
        ..reports::Beside::default()
    };
    insta::assert_snapshot!(unused::lines(&report.finish(anchor, beside)));
}

/// What is proven of [`POLICY`] and this.
fn proven(more: &str, invariants: &str) -> prove::Proven {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.cedar");
    std::fs::write(&file, invariants).unwrap();
    let asked = asked(&format!("{POLICY}{more}"));
    match prove::prove(&asked, &[file]) {
        Ok(proven) => proven,
        Err(report) => panic!("{report:?}"),
    }
}

const INVARIANTS: &str = r#"
@id("own/reads-have-a-purpose") @reason("who reads says what for")
forbid (principal, action == Action::"call", resource) when { context.purpose == "" };

@id("own/cards") @obligation("mask") @reason("a card is at most shown by its end")
forbid (principal, action == Action::"disclose", resource in DataClass::"pci.pan");

@id("own/iban") @obligation("replace")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.iban");
"#;

#[test]
fn proofs_are_told() {
    insta::assert_snapshot!(proven("", INVARIANTS).table());
}

#[test]
fn proofs_are_told_to_programs() {
    let mut json = proven("", INVARIANTS).json();
    for proof in json["proofs"].as_array_mut().unwrap() {
        assert!(proof["took_ms"].take().is_u64());
    }
    insta::assert_snapshot!(format!("{json:#}"));
}

#[test]
fn a_permit_is_no_invariant() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.cedar");
    let text = "@id(\"own\") permit (principal, action == Action::\"call\", resource);";
    std::fs::write(&file, text).unwrap();
    let report = prove::prove(&asked(POLICY), &[file]).err().unwrap();
    assert!(
        report.to_string().contains("`own` is a `permit`"),
        "{report}"
    );
}

#[test]
fn packs_are_printed() {
    assert!(pack(None).unwrap().starts_with("baseline "));
    assert!(
        pack(Some("hipaa"))
            .unwrap()
            .contains("hipaa/safe-harbor-dates")
    );
    assert!(pack(Some("hippa")).is_err());
}
