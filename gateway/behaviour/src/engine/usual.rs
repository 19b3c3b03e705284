//! What an exchange is held against: the most that was usual, and sets of what is known.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    Found, Pace,
    session::{DENIALS_WITHIN, Session},
};
use crate::{Baseline, Detector, Ending, NAMES_MAX, Rules, Seen};

/// New services that are lateral movement.
const STRANGE_MIN: u64 = 2;

/// An agent with so many hours has no hours.
const AROUND_THE_CLOCK: usize = 16;

/// What is counted, and how much more of it than ever before is too much.
struct Measure {
    detector: Detector,
    /// What is counted, as verdicts call it, and the most of it while the agent was new.
    names: (&'static str, &'static str),
    /// So much is nothing, whatever is usual.
    floor: u64,
    /// More than so many percent of the most is told.
    percent: u64,
}

const SPIKE: Measure = Measure {
    detector: Detector::Spike,
    names: ("calls_this_minute", "busiest_minute"),
    floor: 30,
    percent: 300,
};
const WIDE_SESSION: Measure = Measure {
    detector: Detector::LowAndSlow,
    names: ("resources", "widest_session"),
    floor: 30,
    percent: 200,
};
const WIDE_DAY: Measure = Measure {
    detector: Detector::LowAndSlow,
    names: ("resources_today", "widest_day"),
    floor: 60,
    percent: 200,
};
const LISTS: Measure = Measure {
    detector: Detector::LowAndSlow,
    names: ("lists", "most_lists"),
    floor: 60,
    percent: 200,
};
const DENIED: Measure = Measure {
    detector: Detector::Denials,
    names: ("denied", "most_denied"),
    floor: 4,
    percent: 200,
};
const WRITES: Measure = Measure {
    detector: Detector::Writes,
    names: ("writes", "most_writes"),
    floor: 20,
    percent: 250,
};
const REFUSED: Measure = Measure {
    detector: Detector::Probing,
    names: ("refused", "most_refused"),
    floor: 7,
    percent: 200,
};
const STEADY: Measure = Measure {
    detector: Detector::Enumeration,
    names: ("steady_steps", "longest_run"),
    floor: 9,
    percent: 200,
};
const FILLED: Measure = Measure {
    detector: Detector::Enumeration,
    names: ("ids", "fullest_range"),
    floor: 15,
    percent: 200,
};
const ANSWERS: Measure = Measure {
    detector: Detector::Drift,
    names: ("answers", "most_answers"),
    floor: 10,
    percent: 300,
};

impl Measure {
    /// Learns `is`, or holds it against what is usual; the numbers, if it is too much.
    fn hold(&self, is: u64, usual: &mut u64, learning: bool) -> Option<Vec<(&'static str, u64)>> {
        if learning {
            *usual = (*usual).max(is);
            return None;
        }
        self.exceeds(is, *usual)
    }

    fn exceeds(&self, is: u64, usual: u64) -> Option<Vec<(&'static str, u64)>> {
        let limit = self.floor.max(usual.saturating_mul(self.percent) / 100);
        let (name, usual_name) = self.names;
        (is > limit).then(|| vec![(name, is), (usual_name, usual), ("limit", limit)])
    }

    fn found(&self, about: &str, numbers: Vec<(&'static str, u64)>) -> Found {
        (self.detector, about.to_owned(), numbers)
    }
}

/// Whether an agent is still new, by its calls and by its days.
#[derive(Clone, Copy, Debug)]
struct New {
    calls: bool,
    days: bool,
}

/// Learns from an exchange, or holds it against what was learnt.
pub(super) fn judge(
    baseline: &mut Baseline,
    session: &mut Session,
    pace: &Pace,
    rules: &Rules,
    seen: &Seen<'_>,
    now: Timestamp,
) -> Vec<Found> {
    let new = begin(baseline, pace, rules);
    let mut found = Vec::new();
    found.extend(lateral(baseline, session, seen, new));
    found.extend(first_seen(baseline, seen, new.calls));
    let about = seen.operation.unwrap_or_default();
    found.extend(volume(baseline, session, pace, about, new));
    let counts = [
        (&WRITES, session.writes(), &mut baseline.most_writes),
        (&REFUSED, session.refused(), &mut baseline.most_refused),
    ];
    for (measure, is, usual) in counts {
        let numbers = measure.hold(is, usual, new.calls);
        // It must be this call that tips it.
        let tips = match measure.detector {
            Detector::Probing => seen.ending == Ending::Denied,
            _ => seen.writes,
        };
        found.extend(numbers.filter(|_| tips).map(|it| measure.found(about, it)));
    }
    found.extend(denials(baseline, session, seen, new.calls, now));
    found.extend(enumeration(baseline, session, about, new.calls));
    found.extend(drift(baseline, session, seen, new.calls));
    found.extend(hours(baseline, now, new.days));
    found
}

/// Counts calls and days that teach.
fn begin(baseline: &mut Baseline, pace: &Pace, rules: &Rules) -> New {
    let calls = baseline.calls < rules.learn_calls;
    if calls {
        baseline.calls += 1;
    }
    let is_other = baseline.days == 0 || baseline.last_day != pace.day;
    let days = !is_other || baseline.days < rules.learn_days;
    if is_other && days {
        baseline.days += 1;
        baseline.last_day = pace.day;
    }
    New { calls, days }
}

/// Services that the agent never called, one after the other.
fn lateral(baseline: &Baseline, session: &mut Session, seen: &Seen<'_>, new: New) -> Option<Found> {
    let service = seen.operation?.split_inclusive('/').next()?;
    if new.calls || baseline.knows_service(service) {
        return None;
    }
    let strange = session.strange(service);
    (strange >= STRANGE_MIN).then(|| {
        let known = baseline.services();
        let numbers = vec![("new_services", strange), ("known_services", known)];
        let service = service.trim_end_matches('/').to_owned();
        (Detector::Lateral, service, numbers)
    })
}

/// What the agent never had to do with; what it learns it knows from then on.
fn first_seen(baseline: &mut Baseline, seen: &Seen<'_>, learning: bool) -> Option<Found> {
    let known = (baseline.operations.len() + baseline.classes.len()) as u64;
    let numbers = vec![("known", known), ("calls_learnt", baseline.calls)];
    // What was refused taught nothing, but trying is telling.
    let operation = seen
        .operation
        .filter(|_| !learning || seen.ending == Ending::Released);
    let operation = operation.filter(|it| Baseline::is_new(&mut baseline.operations, it));
    let mut new = operation.map(str::to_owned);
    for (class, _) in &seen.found {
        if Baseline::is_new(&mut baseline.classes, class) {
            new.get_or_insert_with(|| (*class).to_owned());
        }
    }
    new.filter(|_| !learning)
        .map(|what| (Detector::FirstSeen, what, numbers))
}

/// More than was ever usual: in a minute, in a session, or in the sessions of a day.
fn volume(
    baseline: &mut Baseline,
    session: &Session,
    pace: &Pace,
    about: &str,
    new: New,
) -> Option<Found> {
    let spike = SPIKE.hold(pace.calls, &mut baseline.busiest_minute, new.calls);
    let resources = session.resources();
    let wide = WIDE_SESSION.hold(resources, &mut baseline.widest_session, new.calls);
    let day = WIDE_DAY.hold(pace.resources, &mut baseline.widest_day, new.days);
    if let Some(numbers) = spike {
        return Some(SPIKE.found(about, numbers));
    }
    let lists = LISTS.hold(session.lists(), &mut baseline.most_lists, new.calls);
    wide.or(day).or(lists).map(|mut numbers| {
        numbers.push(("calls_this_minute", pace.calls));
        WIDE_SESSION.found(about, numbers)
    })
}

/// Refused again and again within minutes. That is told of an agent that is new, too.
fn denials(
    baseline: &mut Baseline,
    session: &Session,
    seen: &Seen<'_>,
    learning: bool,
    now: Timestamp,
) -> Option<Found> {
    let denied = session.denied(now);
    let before = if learning { 0 } else { baseline.most_denied };
    let numbers = DENIED.exceeds(denied, before);
    DENIED.hold(denied, &mut baseline.most_denied, learning);
    // It must be this call that tips it.
    let numbers = numbers.filter(|_| seen.ending == Ending::Denied);
    numbers.map(|mut numbers| {
        numbers.push(("within_seconds", DENIALS_WITHIN.unsigned_abs()));
        numbers.push(("calls", session.calls()));
        DENIED.found(seen.operation.unwrap_or_default(), numbers)
    })
}

/// Ids one after the other, or most of a range. That is told of an agent that is new, too; one that did
/// so while it was new is told of if it goes further.
fn enumeration(
    baseline: &mut Baseline,
    session: &mut Session,
    about: &str,
    learning: bool,
) -> Option<Found> {
    let row = session.row(about)?;
    let of = [
        (&STEADY, row.steady, &mut baseline.longest_run),
        (&FILLED, row.filled(), &mut baseline.fullest_range),
    ];
    let mut found = None;
    for (measure, is, usual) in of {
        let before = if learning { 0 } else { *usual };
        let numbers = measure.exceeds(is, before);
        measure.hold(is, usual, learning);
        found = found.or(numbers.map(|mut numbers| {
            let others = [
                ("ids", row.ids),
                ("range", row.range),
                ("steady_steps", row.steady),
                ("step", row.step),
            ];
            numbers.extend(others.into_iter().filter(|it| it.0 != measure.names.0));
            measure.found(about, numbers)
        }));
    }
    found
}

/// A known class in many more answers than ever.
fn drift(
    baseline: &mut Baseline,
    session: &Session,
    seen: &Seen<'_>,
    learning: bool,
) -> Option<Found> {
    let mut found = None;
    for (class, _) in &seen.found {
        let is = session.answers(class);
        let mut usual = baseline.class_answers.get(*class).copied().unwrap_or(0);
        let before = usual;
        let numbers = ANSWERS.hold(is, &mut usual, learning);
        if usual > before && baseline.class_answers.len() < NAMES_MAX {
            baseline.class_answers.insert((*class).to_owned(), usual);
        }
        found = found.or(numbers.map(|it| ANSWERS.found(class, it)));
    }
    found
}

/// An hour of the day in which the agent never worked, nor in the one before or after it. Who works on
/// weekends at all may do so at its usual hours, and who works around the clock has none.
fn hours(baseline: &mut Baseline, now: Timestamp, learning: bool) -> Option<Found> {
    let (days, hour) = (
        now.as_second().div_euclid(86_400),
        u8::try_from(now.as_second().rem_euclid(86_400) / 3_600).unwrap_or(0),
    );
    // 1970 began on a Thursday.
    let is_weekend = (days + 3).rem_euclid(7) >= 5;
    let (weekdays, weekends) = (&mut baseline.weekday_hours, &mut baseline.weekend_hours);
    if learning {
        let known = if is_weekend { weekends } else { weekdays };
        known.insert(hour);
        return None;
    }
    let known: BTreeSet<u8> = match (is_weekend, weekends.is_empty()) {
        (true, true) => BTreeSet::new(),
        (true, false) => weekdays.union(weekends).copied().collect(),
        (false, _) => weekdays.clone(),
    };
    let near = [(hour + 23) % 24, hour, (hour + 1) % 24];
    let is_usual = near.iter().any(|hour| known.contains(hour));
    (!is_usual && known.len() < AROUND_THE_CLOCK).then(|| {
        let about = if is_weekend { "weekend" } else { "weekday" };
        let numbers = vec![
            ("hour", u64::from(hour)),
            ("hours_known", known.len() as u64),
            ("days_learnt", baseline.days),
        ];
        (Detector::Hours, about.to_owned(), numbers)
    })
}
