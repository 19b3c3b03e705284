//! How sessions stand, as operators are told.

use super::*;
use crate::{Asked, Holding, Standing};

fn standing(watch: &Watch, asked: &Asked) -> Vec<Standing> {
    let (told, more) = watch.engine.standing(asked, watch.at(), 10);
    assert!(!more);
    told
}

/// What is told of each session: its risk, and what its calls meet.
fn told(watch: &Watch) -> Vec<(String, u32, &'static str)> {
    let all = standing(watch, &Asked::default()).into_iter();
    all.map(|it| (it.session.to_string(), it.risk, it.held.name()))
        .collect()
}

fn touches_a_canary(watch: &mut Watch, session: &str) {
    assert_eq!(names(&watch.read(session, "C-1")), ["canary"]);
}

fn watched(response: Response) -> Watch {
    let mut rules = Rules::all(Response::Learn);
    rules.set(Detector::Canary, response);
    rules.canary_operations = vec!["crm/customer.read".into()];
    Watch::new(rules)
}

#[test]
fn a_risk_is_of_all_sessions_of_a_workload_and_goes_with_time() {
    let mut watch = watched(Response::Throttle);
    for (session, workload) in [("one", 1), ("other", 1), ("stranger", 2)] {
        watch.gate(session, workload, None).unwrap();
    }
    assert_eq!(told(&watch), []);
    touches_a_canary(&mut watch, "one");
    let mut all = told(&watch);
    all.sort();
    let both = |risk, held| {
        ["one", "other"]
            .map(|it| (it.to_owned(), risk, held))
            .to_vec()
    };
    assert_eq!(all, both(100, "throttled"));
    watch.now += 300;
    let mut all = told(&watch);
    all.sort();
    assert_eq!(all, both(50, "throttled"));
    watch.now += 900;
    assert_eq!(told(&watch).first().unwrap().1, 6);
    assert_eq!(told(&watch).first().unwrap().2, "nothing");
    watch.now += 3_600;
    assert_eq!(told(&watch), []);
}

#[test]
fn who_is_quarantined_stays_so_however_small_the_risk() {
    let mut watch = watched(Response::Quarantine);
    watch.gate("one", 1, None).unwrap();
    touches_a_canary(&mut watch, "one");
    watch.now += 7_200;
    let one = standing(&watch, &Asked::default()).pop().unwrap();
    assert_eq!(one.held, Holding::Quarantined);
    assert_eq!((one.risk, one.detector), (0, Detector::Canary));
    assert_eq!(&*one.agent, "agent");
}

#[test]
fn who_must_show_a_fresh_token_is_told_until_it_has() {
    let mut watch = watched(Response::StepUp);
    watch.gate("one", 1, Some(("t-1", 1))).unwrap();
    touches_a_canary(&mut watch, "one");
    let held = standing(&watch, &Asked::default()).pop().unwrap().held;
    let since = watch.at();
    assert_eq!(held, Holding::StepUp { since, scope: 1 });
    watch.now += 10;
    let issued = watch.now;
    watch.gate("one", 1, Some(("t-2", issued))).unwrap();
    let held = standing(&watch, &Asked::default()).pop().unwrap().held;
    assert_eq!(held, Holding::Throttled { price: 3 });
}

#[test]
fn who_is_asked_for_is_told_and_whether_there_are_more() {
    let mut watch = watched(Response::Quarantine);
    for session in ["a", "b", "c"] {
        watch.gate(session, 1, None).unwrap();
        watch.now += 61;
        touches_a_canary(&mut watch, session);
    }
    let (two, more) = watch.engine.standing(&Asked::default(), watch.at(), 2);
    let of = |told: &[Standing]| -> Vec<String> {
        told.iter().map(|it| it.session.to_string()).collect()
    };
    // The latest first.
    assert_eq!(
        (of(&two), more),
        (vec!["c".to_owned(), "b".to_owned()], true)
    );
    let asked = |agent: Option<&str>, session: Option<&str>| Asked {
        agent: agent.map(str::to_owned),
        session: session.map(str::to_owned),
    };
    assert_eq!(of(&standing(&watch, &asked(None, Some("a")))), ["a"]);
    assert_eq!(standing(&watch, &asked(Some("agent"), None)).len(), 3);
    assert_eq!(standing(&watch, &asked(Some("other"), None)), []);
}
