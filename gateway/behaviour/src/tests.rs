//! Sessions of agents, second by second.

mod standing;
mod usual;

use super::*;

struct Watch {
    engine: Engine,
    agent: Arc<str>,
    now: i64,
}

impl Watch {
    fn new(rules: Rules) -> Self {
        Self {
            engine: Engine::new(rules, Baselines::new()),
            agent: "agent".into(),
            now: 60_000,
        }
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_second(self.now).unwrap()
    }

    fn gate(
        &mut self,
        session: &str,
        workload: u32,
        token: Option<(&str, i64)>,
    ) -> Result<(), Held> {
        let (session, at) = (Arc::from(session), self.at());
        let id = token.map(|(id, _)| Arc::from(id));
        let calling = Calling {
            agent: &self.agent,
            session: &session,
            workload: (workload, 1),
            token: id.as_ref(),
            issued_at: token.map(|(_, second)| Timestamp::from_second(second).unwrap()),
            scope: 1,
            writes: false,
        };
        self.engine.gate(&calling, at).1
    }

    fn see(&mut self, session: &str, shape: impl FnOnce(&mut Seen<'_>)) -> Vec<Verdict> {
        self.see_bound(session, Vec::new(), shape)
    }

    fn see_bound(
        &mut self,
        session: &str,
        bound: Vec<&str>,
        shape: impl FnOnce(&mut Seen<'_>),
    ) -> Vec<Verdict> {
        let session = Arc::from(session);
        let mut seen = Seen {
            agent: &self.agent,
            session: &session,
            operation: Some("crm/customer.read"),
            bound,
            found: Vec::new(),
            ending: Ending::Released,
            noticed: Vec::new(),
            record: Some(7),
            writes: false,
        };
        shape(&mut seen);
        let at = Timestamp::from_second(self.now).unwrap();
        self.engine.saw(&seen, at)
    }

    fn read(&mut self, session: &str, customer: &str) -> Vec<Verdict> {
        self.see_bound(session, vec![customer], |_| {})
    }

    /// Ten sessions of three customers each, a call every ten seconds.
    fn learnt(rules: Rules) -> Self {
        let mut watch = Self::new(Rules {
            learn_calls: 60,
            ..rules
        });
        for call in 0..60_u64 {
            watch.now += 10;
            let (session, customer) = (call / 6, (call / 6 * 37 + call % 3 * 511) % 997);
            let told = watch.read(&format!("old-{session}"), &format!("C-{customer}"));
            assert_eq!(told, []);
        }
        watch
    }
}

fn names(verdicts: &[Verdict]) -> Vec<&'static str> {
    verdicts.iter().map(|it| it.detector.name()).collect()
}

fn numbers(verdict: &Verdict, name: &str) -> Option<u64> {
    verdict
        .numbers
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number)
}

#[test]
fn what_was_usual_goes_on_without_a_word() {
    let mut watch = Watch::learnt(Rules::all(Response::Quarantine));
    for call in 0..600_u64 {
        watch.now += 10;
        let (session, customer) = (call / 6, (call / 6 * 53 + call % 3 * 211) % 997);
        let session = format!("new-{session}");
        assert_eq!(watch.gate(&session, 1, None), Ok(()));
        assert_eq!(watch.read(&session, &format!("C-{customer}")), []);
    }
}

#[test]
fn one_record_a_second_is_a_collection_and_not_a_spike() {
    let mut watch = Watch::learnt(Rules::all(Response::Alert));
    let mut told = Vec::new();
    for call in 0..600_u64 {
        watch.now += 2;
        told.extend(watch.read("slow", &format!("C-{}", call * call * 7919 % 100_003)));
    }
    let first = told.first().unwrap();
    assert_eq!(first.detector, Detector::LowAndSlow);
    assert_eq!(numbers(first, "resources"), Some(31));
    assert_eq!(numbers(first, "widest_session"), Some(3));
    assert!(numbers(first, "calls_this_minute") <= Some(30));
    assert!(
        names(&told).iter().all(|it| *it == "low_and_slow"),
        "{told:?}"
    );
    // Told once a minute, not once a call.
    assert!(told.len() <= 20, "{}", told.len());
}

#[test]
fn a_spike_names_the_minute_and_the_limit() {
    let mut watch = Watch::learnt(Rules::all(Response::Note));
    watch.now = 120_000;
    let told: Vec<Verdict> = (0..60).flat_map(|_| watch.read("fast", "C-5")).collect();
    assert_eq!(names(&told), ["spike"]);
    assert_eq!(told.first().and_then(|it| numbers(it, "limit")), Some(30));
    assert_eq!(
        told.first().and_then(|it| numbers(it, "calls_this_minute")),
        Some(31)
    );
}

#[test]
fn ids_one_after_the_other_and_in_any_order_are_an_enumeration() {
    let orders: [fn(u64) -> u64; 3] = [|n| n, |n| 5_000 - 10 * n, |n| n * 13 % 23];
    for order in orders {
        let mut watch = Watch::new(Rules::all(Response::Note));
        let mut told = Vec::new();
        for n in 0..20 {
            watch.now += 30;
            told.extend(watch.read("e", &format!("C-{:04}", order(n))));
        }
        assert!(names(&told).contains(&"enumeration"), "{told:?}");
    }
}

#[test]
fn what_an_agent_never_did_is_told_once() {
    let mut watch = Watch::learnt(Rules::all(Response::Note));
    let other = |seen: &mut Seen<'_>| seen.operation = Some("crm/customer.export");
    let told = watch.see("x", other);
    assert_eq!(names(&told), ["first_seen"]);
    assert_eq!(
        told.first().map(|it| it.about.as_str()),
        Some("crm/customer.export")
    );
    assert_eq!(watch.see("y", other), []);
    let told = watch.see("x", |seen| seen.found = vec![("phi.condition", "/notes")]);
    assert_eq!(
        told.first().map(|it| it.about.as_str()),
        Some("phi.condition")
    );
}

#[test]
fn denials_and_canaries_and_findings_need_no_learning() {
    let mut rules = Rules::all(Response::Note);
    rules.canary_fields = vec!["/customers/*/trap".into()];
    rules.canary_operations = vec!["crm/dump".into()];
    let mut watch = Watch::new(rules);
    let mut denied = Vec::new();
    for _ in 0..5 {
        watch.now += 20;
        denied.extend(watch.see("d", |seen| seen.ending = Ending::Denied));
    }
    assert_eq!(names(&denied), ["denials"]);
    let field = watch.see("c", |seen| {
        seen.found = vec![("pii.email", "/customers/*/trap")];
    });
    assert_eq!(names(&field), ["canary"]);
    let operation = watch.see("c", |seen| seen.operation = Some("crm/dump"));
    assert_eq!(names(&operation), ["canary"]);
    let budget = watch.see("b", |seen| {
        seen.noticed.push((Detector::Refusal, "budget_exhausted"));
    });
    assert_eq!(names(&budget), ["refusal"]);
}

#[test]
fn a_token_from_a_second_workload_is_told_and_held() {
    let mut watch = Watch::new(Rules::all(Response::Quarantine));
    let token = Some(("jti", 59_000));
    assert_eq!(watch.gate("a", 1, token), Ok(()));
    assert_eq!(
        watch.gate("b", 2, token),
        Err(Held::Quarantined(Detector::TokenShared))
    );
    assert_eq!(watch.gate("a", 1, token), Ok(()));
}

#[test]
fn risk_throttles_and_quiet_relaxes() {
    let mut watch = Watch::new(Rules::all(Response::Throttle));
    watch.gate("t", 1, None).unwrap();
    watch.see("t", |seen| {
        seen.noticed.push((Detector::Refusal, "budget_exhausted"));
    });
    let paid = (0..60)
        .take_while(|_| watch.gate("t", 1, None).is_ok())
        .count();
    assert!((4..=6).contains(&paid), "{paid}");
    let Err(Held::Throttled {
        retry_after,
        detector,
    }) = watch.gate("t", 1, None)
    else {
        panic!("not throttled")
    };
    assert_eq!(detector, Detector::Refusal);
    // Another workload pays for nothing, another session of the same one does.
    assert_eq!(watch.gate("o", 2, None), Ok(()));
    assert!(watch.gate("u", 1, None).is_err());
    watch.now += i64::from(retry_after);
    assert_eq!(watch.gate("t", 1, None), Ok(()));
    watch.now += 3600;
    let calls = (0..200)
        .filter(|_| watch.gate("t", 1, None).is_ok())
        .count();
    assert_eq!(calls, 200);
}

#[test]
fn a_step_up_ends_with_a_token_that_is_newer_than_the_verdict() {
    let mut watch = Watch::new(Rules::all(Response::StepUp));
    let old = Some(("old", 59_000));
    watch.gate("s", 1, old).unwrap();
    watch.see("s", |seen| {
        seen.noticed.push((Detector::Refusal, "budget_exhausted"));
    });
    watch.now += 3600;
    for token in [old, None, Some(("kept", 59_999))] {
        assert_eq!(
            watch.gate("s", 1, token),
            Err(Held::StepUp(Detector::Refusal))
        );
        assert!(
            watch.gate("other", 1, token).is_err(),
            "another session of the same workload"
        );
    }
    assert_eq!(watch.gate("s", 1, Some(("new", 61_000))), Ok(()));
    assert_eq!(watch.gate("s", 1, Some(("new", 61_000))), Ok(()));
}

#[test]
fn who_only_learns_says_nothing_and_what_is_learnt_is_kept() {
    let mut watch = Watch::learnt(Rules::all(Response::Learn));
    assert_eq!(watch.see("x", |seen| seen.operation = Some("crm/dump")), []);
    let kept = serde_json::to_string(watch.engine.baselines()).unwrap();
    let baselines: Baselines = serde_json::from_str(&kept).unwrap();
    assert_eq!(&baselines, watch.engine.baselines());
    let baseline = baselines.get("agent").unwrap();
    assert_eq!((baseline.calls, baseline.widest_session), (60, 3));
}

#[test]
fn memory_is_bounded() {
    let mut watch = Watch::new(Rules::all(Response::Throttle));
    for n in 0..u32::try_from(SESSIONS_MAX).unwrap() + 100 {
        watch.gate(&n.to_string(), n, None).unwrap();
        watch.see(&n.to_string(), |seen| {
            seen.noticed.push((Detector::Refusal, "x"));
        });
    }
    for n in 0..10_000 {
        watch.read("wide", &format!("C-{}", n * 7919));
    }
}
