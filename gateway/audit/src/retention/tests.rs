use jiff::Timestamp;

use super::*;
use crate::{Event, Gap, Lifecycle};

fn term(class: &str, days: Option<u32>) -> Arc<Term> {
    Arc::new(Term {
        class: class.into(),
        days,
        basis: None,
    })
}

fn gap(reason: &'static str) -> Event {
    Event::Gap(Gap {
        at: Timestamp::UNIX_EPOCH,
        reason: reason.into(),
        lost: 1,
        recovered: 0,
    })
}

fn rule(class: &str, days: Option<u32>, kinds: &[Kind]) -> RetentionRule {
    RetentionRule {
        term: term(class, days),
        services: BTreeSet::new(),
        agents: BTreeSet::new(),
        kinds: kinds.iter().copied().collect(),
    }
}

#[test]
fn of_the_rules_that_hold_the_longest_counts() {
    let rules = vec![
        rule("short", Some(30), &[Kind::Gap]),
        rule("long", Some(90), &[Kind::Gap, Kind::Start]),
        rule("ever", None, &[Kind::Stop]),
    ];
    let usual = Term::clone(&term(USUAL, Some(365)));
    let retention = Retention::new(usual, rules);
    let class = |event: &Event| retention.term(&event.into()).class.to_string();
    assert_eq!(class(&gap("ring_full")), "long");
    let life = Lifecycle {
        at: Timestamp::UNIX_EPOCH,
        version: String::new(),
        config: String::new(),
        policy: String::new(),
        notes: Vec::new(),
        country: None,
    };
    assert_eq!(class(&Event::Stop(life)), "ever");
    let of_agent = RetentionRule {
        agents: ["a".to_owned()].into(),
        ..rule("agent", Some(1), &[])
    };
    let retention = Retention::new(Term::clone(&term(USUAL, Some(365))), vec![of_agent]);
    assert_eq!(&*retention.term(&(&gap("x")).into()).class, USUAL);
}

#[test]
fn six_years_are_never_less() {
    let usual = Retention::default();
    assert_eq!(usual.usual().days, Some(USUAL_DAYS));
    for year in 2000..2200_i16 {
        let from = jiff::civil::date(year, 3, 1);
        let to = jiff::civil::date(year + 6, 3, 1);
        let days = from.until(to).unwrap().get_days();
        assert!(days <= 2192, "{year}: {days}");
    }
}

#[test]
fn a_day_ends_before_its_key_is_due() {
    let terms = KeyTerms {
        day: Day(100),
        class: "short".to_owned(),
        days: Some(30),
        basis: None,
        first: 7,
    };
    // What was made at the end of day 100 is kept for 30 whole days.
    assert_eq!(terms.due(), Some(Day(131)));
    let ever = KeyTerms {
        days: None,
        ..terms
    };
    assert_eq!(ever.due(), None);
    assert_eq!(Day::of_us(-1), Day(-1));
    assert_eq!(Day::of_us(Day(3).begins_us()), Day(3));
}

#[test]
fn what_a_key_is_for_is_told_apart() {
    let terms = |class: &str, basis: Option<&str>, days| KeyTerms {
        day: Day(1),
        class: class.to_owned(),
        days,
        basis: basis.map(str::to_owned),
        first: 0,
    };
    let all = [
        terms("a", None, None),
        terms("a", None, Some(1)),
        terms("b", None, Some(1)),
        terms("a", Some("x"), Some(1)),
    ];
    let contexts: BTreeSet<String> = all.iter().map(KeyTerms::context).collect();
    assert_eq!(contexts.len(), all.len());
}

#[test]
fn one_wrong_day_is_not_believed() {
    let mut days = Days::default();
    for day in [Day(10), Day(11)] {
        days.saw(day);
        assert_eq!(days.trusted(), None);
    }
    days.saw(Day(12));
    assert_eq!(days.trusted(), Some(Day(10)));
    // A clock that jumps by years, and comes back.
    days.saw(Day(30_000));
    assert_eq!(days.trusted(), Some(Day(11)));
    days.saw(Day(0));
    assert_eq!(days.trusted(), Some(Day(11)));
    days.saw(Day(13));
    assert_eq!(days.trusted(), Some(Day(12)));
}
