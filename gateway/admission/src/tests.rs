//! Admission by real policies, and what admitted calls spend of which budget.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use identity::{Agent, Audience, Caller, Claims, Task};
use jiff::{SignedDuration, Timestamp};
use policy::{
    ArgumentKind, Country, Effect, Engine, Names, Operation, PolicyFile, Towards, Training,
};

use crate::{
    Admission, Permit,
    budget::{
        AccountSums, Asked, Budget, BudgetStore, Budgets, Debit, Holder, KeptAccount, Meter,
        ModelUse, Per, StoreError,
    },
};

const SUPPORT: &str = "spiffe://acme.example/agent/support";
const BILLING: &str = "spiffe://acme.example/agent/billing";

/// Reads are admitted, and writes of little.
const READS: &str = r#"
@id("agents-read")
permit (principal, action == Action::"call", resource) when { context.effect == "read" };
"#;

const NOTHING: &str = r#"
@id("nobody")
forbid (principal, action == Action::"call", resource);
"#;

fn engine(text: &str) -> Arc<Engine> {
    let file = PolicyFile {
        name: "own.cedar".into(),
        text: text.into(),
    };
    match Engine::load(&[file]) {
        Ok(engine) => Arc::new(engine),
        Err(errors) => panic!("{errors}"),
    }
}

fn admission(text: &str) -> Admission {
    Admission::new(engine(text), Country::parse("DE").unwrap())
}

/// Whoever calls: an agent in a session, for a task if its token names one, by a token of this `sid` and `jti`.
fn caller(agent: &str, session: &str) -> Caller {
    Caller {
        agent: Arc::new(Agent::no_process(agent.parse().unwrap())),
        attribution: None,
        token: None,
        svid: None,
        session: session.into(),
        workload: (7, 1),
        key: None,
        evidence: "kernel",
        declared: None,
    }
}

fn with_token(mut caller: Caller, task: Option<&str>, sid: Option<&str>, jti: &str) -> Caller {
    caller.token = Some(Arc::new(Claims {
        issuer: "issuer".into(),
        subject: caller.agent.id.clone(),
        token_id: Some(jti.into()),
        session: sid.map(Into::into),
        issued_at: Timestamp::UNIX_EPOCH,
        not_before: None,
        expires_at: Timestamp::MAX,
        task: task.map(|id| Task {
            id: id.into(),
            purpose: "support".into(),
            scope: Arc::new(BTreeMap::from([("customer".into(), "C-771".into())])),
        }),
        bounds: None,
        audience: Audience::default(),
        binding: None,
        delegation: None,
    }));
    caller
}

fn operation(service: &str, id: &str, effect: Effect) -> Operation {
    Operation {
        service: service.into(),
        id: id.into(),
        effect,
        bound: Arc::default(),
        arguments: Arc::default(),
        groups: Arc::default(),
        country: Country::parse("US").unwrap(),
        training: Training::Unknown,
    }
}

fn permit(caller: Caller, operation: Operation) -> Permit {
    let all = r#"@id("all") permit (principal, action == Action::"call", resource);"#;
    admission(all).admit(caller, operation).unwrap()
}

#[test]
fn what_policy_permits_is_admitted_and_nothing_else() {
    let admission = admission(READS);
    let read = operation("crm", "customer.read", Effect::Read);
    let write = operation("crm", "customer.write", Effect::Write);
    let caller = with_token(caller(SUPPORT, "s-1"), Some("T-1"), None, "j-1");
    let permit = admission.admit(caller.clone(), read.clone()).unwrap();
    assert_eq!(permit.caller().agent.id.as_str(), SUPPORT);
    assert_eq!(&*permit.operation().id, "customer.read");
    assert_eq!(
        permit
            .policies()
            .iter()
            .map(|it| &*it.id)
            .collect::<Vec<_>>(),
        ["agents-read"]
    );
    assert_eq!(permit.policy_digest(), &admission.policy_digest());
    assert_eq!(&**permit.purpose(), "support");
    assert_eq!(permit.scope("customer"), Some("C-771"));
    assert_eq!(permit.scope("patient"), None);

    let refused = admission
        .admit(caller.clone(), write.clone())
        .err()
        .unwrap();
    assert!(!refused.decision.allowed);
    assert_eq!(&*refused.operation.id, "customer.write");
    assert!(admission.would_admit(&caller, &read));
    assert!(!admission.would_admit(&caller, &write));
}

#[test]
fn what_an_argument_decides_is_offered_and_held_to_it_when_it_is_called() {
    let text = r#"
@id("all")
permit (principal, action == Action::"call", resource);
@id("small")
forbid (principal, action == Action::"call", resource in Operation::"crm/refund")
unless { context.argument has limit && context.argument.limit <= 100 };
"#;
    let file = PolicyFile {
        name: "own.cedar".into(),
        text: text.into(),
    };
    let limit = [("limit".to_owned(), ArgumentKind::Integer)];
    let names = Names {
        services: vec!["crm".to_owned()],
        operations: vec!["crm/refund".to_owned()],
        arguments: [("crm/refund".to_owned(), limit.into())].into(),
        ..Names::default()
    };
    let engine = Engine::load_for(&[file], &names).unwrap();
    let admission = Admission::new(Arc::new(engine), Country::parse("DE").unwrap());
    let caller = caller(SUPPORT, "s-1");
    let unbound = operation("crm", "refund", Effect::Write);
    // It may be called with an argument that nobody gave yet.
    assert!(admission.would_admit(&caller, &unbound));
    assert!(admission.admit(caller, unbound).is_err());
}

#[test]
fn other_policies_decide_the_next_call_and_not_the_one_before() {
    let admission = admission(READS);
    let shared = admission.clone();
    let read = || operation("crm", "customer.read", Effect::Read);
    let before = admission.admit(caller(SUPPORT, "s-1"), read()).unwrap();
    let digest = admission.policy_digest();
    admission.replace(engine(NOTHING));
    assert!(shared.admit(caller(SUPPORT, "s-1"), read()).is_err());
    assert!(!shared.would_admit(&caller(SUPPORT, "s-1"), &read()));
    assert_ne!(shared.policy_digest(), digest);
    assert_eq!(before.policy_digest(), &digest);
}

/// What an answer, and then a request, is decided by.
fn disclosed(admission: &Admission, caller: Caller) -> [String; 2] {
    let operation = operation("crm", "customer.read", Effect::Read);
    let permit = admission.admit(caller, operation).unwrap();
    let class = classifiers::DataClass::named("pii.email").unwrap();
    [Towards::Agent, Towards::Service].map(|towards| {
        let mut disclosures = permit.disclosures(towards);
        let policy = disclosures.of(class).policy.as_ref();
        policy.map_or_else(String::new, |policy| policy.id.to_string())
    })
}

#[test]
fn what_goes_where_is_judged_by_where_the_agent_is_and_where_the_service() {
    let text = r#"
@id("agents-read")
permit (principal, action == Action::"call", resource);
@id("to-germany")
permit (principal, action == Action::"disclose", resource)
when { context.recipient == Country::"DE" && context.origin == Country::"US" };
@id("to-america")
permit (principal, action == Action::"disclose", resource)
when { context.recipient == Country::"US" && context.origin == Country::"DE" };
@id("to-france")
permit (principal, action == Action::"disclose", resource)
when { context.recipient == Country::"FR" };
@id("from-france")
permit (principal, action == Action::"disclose", resource)
when { context.origin == Country::"FR" };
"#;
    let admission = admission(text);
    assert_eq!(
        disclosed(&admission, caller(SUPPORT, "s-1")),
        ["to-germany", "to-america"]
    );
    let abroad = |code: &str| {
        let mut caller = caller(SUPPORT, "s-1");
        let mut agent = Agent::clone(&caller.agent);
        agent.abroad = Some(code.into());
        caller.agent = Arc::new(agent);
        caller
    };
    assert_eq!(
        disclosed(&admission, abroad("FR")),
        ["to-france", "from-france"]
    );
    // Letters that are no country are no place where data may go.
    assert_eq!(disclosed(&admission, abroad("France")), ["", ""]);
}

/// Keeps nothing.
struct Nowhere;

#[async_trait]
impl BudgetStore for Nowhere {
    async fn debit(&mut self, _: &[Debit]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn account(&mut self, _: &str) -> Result<KeptAccount, StoreError> {
        Ok(KeptAccount::default())
    }

    async fn sums(&mut self, _: &str, _: &str, _: u32) -> Result<Vec<AccountSums>, StoreError> {
        Ok(Vec::new())
    }
}

fn budget(id: &str, per: Per) -> Budget {
    Budget {
        id: id.into(),
        agents: Vec::new(),
        services: Vec::new(),
        operations: Vec::new(),
        effects: Vec::new(),
        per,
        every: None,
        allowed: vec![(Meter::Calls, 10)],
        shared: false,
    }
}

fn budgets(rules: Vec<Budget>) -> Arc<Budgets> {
    let (budgets, keeper) = Budgets::new(rules, Box::new(Nowhere));
    tokio::spawn(keeper);
    budgets
}

async fn spend(budgets: &Arc<Budgets>, permit: &Permit, now: Timestamp) {
    let hold = budgets.admit(permit, ModelUse::default(), now).await;
    hold.unwrap().durable().await.unwrap();
}

/// What is used, as `budget holder used`, the latest first.
fn used(budgets: &Budgets, asked: &Asked, now: Timestamp) -> Vec<String> {
    let (used, cut) = budgets.used(asked, now, 100);
    assert!(!cut);
    let text = |it: &Option<Arc<str>>| it.as_deref().unwrap_or("-").to_owned();
    let told = used.iter().map(|it| {
        let Holder {
            agent,
            task,
            session,
        } = &it.holder;
        let agent = text(agent).replace("spiffe://acme.example/agent/", "");
        let (task, session) = (text(task), text(session));
        format!("{} {agent} {task} {session} {}", it.budget, it.used)
    });
    told.collect()
}

#[tokio::test]
async fn a_call_spends_of_the_budgets_that_name_its_agent_service_operation_and_effect() {
    let narrowed = |id: &str, narrow: fn(&mut Budget)| {
        let mut budget = budget(id, Per::Agent);
        narrow(&mut budget);
        budget
    };
    let budgets = budgets(vec![
        narrowed("agent", |it| it.agents = vec![SUPPORT.into(), "x".into()]),
        narrowed("service", |it| it.services = vec!["x".into(), "crm".into()]),
        narrowed("operation", |it| it.operations = vec!["read".into()]),
        narrowed("effect", |it| it.effects = vec![Effect::Read]),
    ]);
    let calls = [
        (SUPPORT, "mail", "send", Effect::Write),
        (BILLING, "crm", "send", Effect::Write),
        (BILLING, "mail", "read", Effect::Write),
        (BILLING, "mail", "send", Effect::Read),
        (BILLING, "mail", "send", Effect::Write),
    ];
    for (agent, service, id, effect) in calls {
        let permit = permit(caller(agent, "s-1"), operation(service, id, effect));
        assert!(!budgets.measures_answers(&permit) && !budgets.counts_records(&permit));
        spend(&budgets, &permit, Timestamp::UNIX_EPOCH).await;
    }
    assert_eq!(
        used(&budgets, &Asked::default(), Timestamp::UNIX_EPOCH),
        [
            "effect billing - - 1",
            "operation billing - - 1",
            "service billing - - 1",
            "agent support - - 1"
        ]
    );
}

#[tokio::test]
async fn each_agent_task_and_session_has_its_own_and_a_fleet_joins_those_of_one_token() {
    let joint = Budget {
        shared: true,
        ..budget("joint", Per::Session)
    };
    let budgets = budgets(vec![
        budget("agent", Per::Agent),
        budget("task", Per::Task),
        budget("session", Per::Session),
        joint,
    ]);
    let read = || operation("crm", "read", Effect::Read);
    let now = Timestamp::UNIX_EPOCH;
    let bare = caller(SUPPORT, "s-1");
    spend(&budgets, &permit(bare, read()), now).await;
    let tasked = with_token(caller(SUPPORT, "s-2"), Some("T-1"), Some("sid"), "j-1");
    spend(&budgets, &permit(tasked, read()), now).await;
    // Another process, another token, the same task.
    let tasked = with_token(caller(SUPPORT, "s-3"), Some("T-1"), None, "j-2");
    spend(&budgets, &permit(tasked, read()), now).await;
    let mut told = used(&budgets, &Asked::default(), now);
    told.sort();
    assert_eq!(
        told,
        [
            "agent support - - 3",
            "joint - - s-1 1",
            "joint support - j-2 1",
            "joint support - sid 1",
            "session - - s-1 1",
            "session - - s-2 1",
            "session - - s-3 1",
            "task - - s-1 1",
            "task support T-1 - 2",
        ]
    );
    let of_session = Asked {
        session: Some("s-3".into()),
        ..Asked::default()
    };
    assert_eq!(used(&budgets, &of_session, now), ["session - - s-3 1"]);
    let of_agent = Asked {
        agent: Some(SUPPORT.into()),
        session: Some("sid".into()),
    };
    assert_eq!(used(&budgets, &of_agent, now), ["joint support - sid 1"]);
    assert!(
        used(
            &budgets,
            &Asked {
                agent: Some(BILLING.into()),
                ..Asked::default()
            },
            now
        )
        .is_empty()
    );
    let (some, cut) = budgets.used(&Asked::default(), now, 2);
    assert_eq!((some.len(), cut), (2, true));
    let (all, cut) = budgets.used(&Asked::default(), now, 9);
    assert_eq!((all.len(), cut), (9, false));
}

#[tokio::test]
async fn what_is_told_is_of_the_turn_that_is_now() {
    let hourly = Budget {
        every: Some(SignedDuration::from_hours(1)),
        allowed: vec![(Meter::Calls, 10), (Meter::Bytes, 500)],
        ..budget("hourly", Per::Agent)
    };
    let budgets = budgets(vec![hourly]);
    let at = |second| Timestamp::from_second(second).unwrap();
    let permit = permit(
        caller(SUPPORT, "s-1"),
        operation("crm", "read", Effect::Read),
    );
    assert!(budgets.measures_answers(&permit));
    spend(&budgets, &permit, at(3_599)).await;
    spend(&budgets, &permit, at(3_600)).await;
    spend(&budgets, &permit, at(7_199)).await;
    let (used, _) = budgets.used(&Asked::default(), at(7_199), 10);
    let [calls, bytes] = &*used else {
        panic!("{used:?}")
    };
    assert_eq!((calls.used, calls.allowed, calls.percent()), (2, 10, 20));
    assert_eq!(calls.renews_in, Some(1));
    assert_eq!((bytes.meter, bytes.used), (Meter::Bytes, 0));
    assert!(!calls.shared);
    let (before, _) = budgets.used(&Asked::default(), at(0), 10);
    assert_eq!(
        before.first().map(|it| (it.used, it.renews_in)),
        Some((1, Some(3_600)))
    );
    assert!(budgets.used(&Asked::default(), at(7_200), 10).0.is_empty());
}

#[tokio::test]
async fn what_must_be_counted_of_an_answer_is_known_by_the_budgets_that_it_spends_of() {
    let of = |id: &str, meter| Budget {
        services: vec![id.into()],
        allowed: vec![(Meter::Calls, 10), (meter, 10)],
        ..budget(id, Per::Agent)
    };
    let class = classifiers::DataClass::named("pii.email").unwrap();
    let budgets = budgets(vec![
        of("records", Meter::Records),
        of("subjects", Meter::Subjects),
        of("bytes", Meter::Bytes),
        of("fields", Meter::Fields(class)),
        of("tokens", Meter::Tokens),
        of("cost", Meter::Cost),
    ]);
    let cases = [
        // Service; its answer is measured, counted by records, and what a model uses, and that costs.
        ("records", (false, true, (false, false))),
        ("subjects", (false, true, (false, false))),
        ("bytes", (true, false, (false, false))),
        ("fields", (true, false, (false, false))),
        ("tokens", (true, false, (true, false))),
        ("cost", (true, false, (true, true))),
        ("other", (false, false, (false, false))),
    ];
    for (service, expected) in cases {
        let permit = permit(
            caller(SUPPORT, "s"),
            operation(service, "read", Effect::Read),
        );
        let counted = (
            budgets.measures_answers(&permit),
            budgets.counts_records(&permit),
            budgets.counts_models(&permit),
        );
        assert_eq!(counted, expected, "{service}");
    }
}
