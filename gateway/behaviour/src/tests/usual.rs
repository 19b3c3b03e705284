//! What is held against what an agent did while it was new.

use super::*;

const DAY: i64 = 86_400;

fn first(told: &[Verdict], detector: Detector) -> Option<&Verdict> {
    told.iter().find(|it| it.detector == detector)
}

fn only(detector: Detector) -> Rules {
    let mut rules = Rules::all(Response::Off);
    rules.set(detector, Response::Note);
    rules
}

#[test]
fn a_second_service_that_is_new_is_lateral_movement() {
    let mut watch = Watch::learnt(only(Detector::Lateral));
    let mut told = Vec::new();
    for operation in ["crm/other", "hr/salaries", "hr/people", "vault/secret"] {
        watch.now += 3_600;
        told.push(watch.see("l", |seen| {
            seen.operation = Some(operation);
            seen.ending = Ending::Denied;
        }));
    }
    let verdict = told.pop().and_then(|told| told.into_iter().next()).unwrap();
    assert_eq!(verdict.about, "vault");
    assert_eq!(numbers(&verdict, "new_services"), Some(2));
    assert!(told.iter().all(Vec::is_empty), "{told:?}");
    // A session for each service is told of by `first_seen`.
    assert_eq!(
        watch.see("m", |seen| seen.operation = Some("mail/read")),
        []
    );
}

#[test]
fn refusals_that_come_slowly_are_probing() {
    let mut watch = Watch::learnt(only(Detector::Probing));
    let mut told = Vec::new();
    for customer in 0..8 {
        watch.now += 600;
        // The same question again is no other.
        for _ in 0..3 {
            let id = format!("C-{}", customer * 97);
            told.push(watch.see_bound("p", vec![&id], |seen| seen.ending = Ending::Denied));
        }
        told.push(watch.read("p", "C-1"));
    }
    let all: Vec<Verdict> = told.into_iter().flatten().collect();
    assert_eq!(numbers(all.first().unwrap(), "refused"), Some(8));
    assert_eq!(numbers(all.first().unwrap(), "limit"), Some(7));
    assert_eq!(all.len(), 1, "{all:?}");
}

#[test]
fn writes_and_a_class_beyond_what_was_usual_are_told() {
    let mut watch = Watch::learnt(Rules::all(Response::Note));
    let mut told = Vec::new();
    for _ in 0..25 {
        watch.now += 30;
        told.extend(watch.see("w", |seen| {
            seen.writes = true;
            seen.found = vec![("pii.email", "/email")];
        }));
    }
    let writes = first(&told, Detector::Writes).unwrap();
    assert_eq!(numbers(writes, "writes"), Some(21));
    assert_eq!(numbers(writes, "most_writes"), Some(0));
    let drift = first(&told, Detector::Drift).unwrap();
    assert_eq!(drift.about, "pii.email");
    assert_eq!(numbers(drift, "answers"), Some(11));
}

#[test]
fn what_failed_and_is_asked_again_is_counted_once() {
    let mut watch = Watch::learnt(Rules::all(Response::Note));
    watch.now = 120_000;
    let failing = |seen: &mut Seen<'_>| {
        seen.ending = Ending::Failed;
        seen.writes = true;
    };
    for _ in 0..100 {
        assert_eq!(watch.see_bound("r", vec!["C-5"], failing), []);
    }
    assert_eq!(watch.read("r", "C-5"), []);
    // Pages of a list have no name: each may be another.
    let told: Vec<Verdict> = (0..40).flat_map(|_| watch.see("r", failing)).collect();
    assert!(first(&told, Detector::Spike).is_some(), "{told:?}");
}

#[test]
fn who_goes_by_number_every_night_is_told_of_once_it_goes_further() {
    let mut watch = Watch::new(Rules {
        learn_calls: 40,
        ..only(Detector::Enumeration)
    });
    let mut night = |number: u64, ids: u64| {
        let mut told = Vec::new();
        for id in 0..ids {
            watch.now += 30;
            told.extend(watch.read(&format!("night-{number}"), &format!("A-{id}")));
        }
        told
    };
    assert_ne!(night(0, 20), []);
    assert_ne!(night(1, 20), []);
    for number in 2..6 {
        assert_eq!(night(number, 30), []);
    }
    let told = night(6, 60);
    assert_eq!(numbers(told.first().unwrap(), "longest_run"), Some(18));
}

/// Ten resources in each of two sessions, from nine to ten on four days, and learnt by then.
fn worked(rules: Rules) -> Watch {
    let mut watch = Watch::new(Rules {
        learn_days: 4,
        learn_calls: 10,
        ..rules
    });
    for day in 0..5 {
        for call in 0..20 {
            // 1970-01-05 was a Monday.
            watch.now = (day + 4) * DAY + 9 * 3_600 + call * 60;
            let id = format!("C-{}", call * call * 7_919 % 100_003);
            watch.read(&format!("{day} {}", call / 10), &id);
        }
    }
    watch
}

#[test]
fn an_hour_at_which_the_agent_never_worked_is_told() {
    let mut watch = worked(only(Detector::Hours));
    let mut at = |day: i64, hour: i64| {
        watch.now = (11 + day) * DAY + hour * 3_600;
        let session = format!("{day} at {hour}");
        watch.read(&session, "C-1")
    };
    for hour in [8, 9, 10] {
        assert_eq!(at(0, hour), []);
    }
    let told = at(1, 3);
    assert_eq!(told.first().map(|it| it.about.as_str()), Some("weekday"));
    assert_eq!(numbers(told.first().unwrap(), "hour"), Some(3));
    assert_eq!(names(&at(5, 9)), ["hours"], "a Saturday");
}

#[test]
fn many_sessions_that_are_no_wider_than_usual_make_a_wide_day() {
    let mut watch = worked(only(Detector::LowAndSlow));
    let mut told = Vec::new();
    for call in 0..80 {
        watch.now = 11 * DAY + 9 * 3_600 + call * 60;
        let id = format!("C-{}", call * call * 7_919 % 100_003);
        told.extend(watch.read(&format!("many {}", call / 10), &id));
    }
    let verdict = told.first().unwrap();
    assert_eq!(numbers(verdict, "resources_today"), Some(61));
    assert_eq!(numbers(verdict, "widest_day"), Some(20));
}

#[test]
fn a_baseline_of_before_is_read_and_learns_days() {
    let kept = r#"{ "a": { "calls": 500, "busiest_minute": 4, "widest_session": 3,
        "operations": ["crm/customer.read"], "classes": ["pii.email"] } }"#;
    let baselines: Baselines = serde_json::from_str(kept).unwrap();
    let baseline = baselines.get("a").unwrap();
    assert_eq!((baseline.calls, baseline.days), (500, 0));
    assert!(baseline.knows_service("crm/") && !baseline.knows_service("cr/"));
}
