//! Records whose time is over: their keys go, on record, and everything else stays.

use std::path::Path;

use audit::{
    Archive, BlindIndex, Copier, Event, EventRef, Filter, Finding, Gap, HOLD, HeldSubjects, Hold,
    HoldScope, Keys, Kind, Plan, Retention, RetentionRule, Span, SubjectStore as _, Term, Trail,
    Verdict,
};
use jiff::Timestamp;
use store::{SqliteLedger, SqliteSubjects};
use vault::KEYRING_FILE;

use crate::{
    events::{opening, outcome},
    home::{Home, keyring, reader, start, verify, writer},
};

/// The first day of these logs.
const BEGIN: i64 = 20_000;

/// A moment of a day.
fn at(day: i64, seconds: i64) -> Timestamp {
    Timestamp::from_second(day * 86_400 + seconds).unwrap()
}

/// Exchanges for 30 days, what was not seen for five.
fn retention() -> Retention {
    let term = |class: &str, days| Term {
        class: class.into(),
        days: Some(days),
        basis: Some("house rule".into()),
    };
    let gaps = RetentionRule {
        term: term("gaps", 5).into(),
        services: [].into(),
        agents: [].into(),
        kinds: [Kind::Gap].into(),
    };
    Retention::new(term("default", 30), vec![gaps])
}

async fn kept(directory: &Path) -> Trail {
    let keys = Keys::from_keyring(&keyring(directory)).unwrap();
    let ledger = writer(directory).await.unwrap();
    Trail::keeping(ledger, keys, retention()).unwrap()
}

fn gap(day: i64) -> Event {
    Event::Gap(Gap {
        at: at(day, 50),
        reason: "ring_full".into(),
        lost: 1,
        recovered: 0,
    })
}

/// A day of a log: an exchange from before midnight until after it, one within the day, and a gap.
async fn live(trail: &Trail, day: i64, whom: &str) {
    let mut late = opening(whom);
    late.at = at(day, 86_399);
    let mut usual = opening("C-1");
    usual.at = at(day, 10);
    let mut ended = outcome();
    ended.at = at(day, 11);
    let receipt = trail.open(&usual).await.unwrap();
    trail.close(receipt, &mut ended).await.unwrap();
    trail.note(&gap(day)).await.unwrap();
    let receipt = trail.open(&late).await.unwrap();
    ended.at = at(day + 1, 1);
    trail.close(receipt, &mut ended).await.unwrap();
}

/// A log of some days long ago, and of three days of late.
async fn log(home: &Home) -> Trail {
    let trail = kept(home.path()).await;
    for day in [BEGIN, BEGIN + 1, BEGIN + 36, BEGIN + 40, BEGIN + 41] {
        live(&trail, day, &format!("C-{day}")).await;
    }
    trail
}

async fn archive(home: &Home) -> Archive {
    let keys = Keys::from_keyring(&keyring(home.path())).unwrap();
    Archive::new(reader(home.path()).await.unwrap(), keys).unwrap()
}

async fn plan(home: &Home, day: i64) -> Plan {
    archive(home)
        .await
        .plan(at(day, 0), None, false)
        .await
        .unwrap()
}

/// Destroys what is due on a day; gives the days and classes of that.
async fn expire(home: &Home, trail: &Trail, day: i64) -> Vec<(i64, String)> {
    let plan = plan(home, day).await;
    let mut done = Vec::new();
    for due in plan.due.iter().filter(|due| due.held.is_none()) {
        let expiry = due.expiry(at(day, 0), None);
        trail.note(EventRef::Expire(&expiry)).await.unwrap();
        done.push((due.terms.day.0 - BEGIN, due.terms.class.clone()));
    }
    let ids = plan.due.iter().filter(|due| due.held.is_none());
    let ids: Vec<u32> = ids.map(|due| due.key).collect();
    assert_eq!(trail.destroy(ids.clone()).await.unwrap(), ids.len() as u64);
    done
}

async fn all(home: &Home) -> Vec<audit::Entry> {
    let filter = Filter {
        from: Some(0),
        limit: usize::MAX,
        ..Filter::default()
    };
    archive(home).await.list(filter, |_| true).await.unwrap()
}

async fn what_is_due_goes_and_the_rest_stays(home: Home) {
    let trail = log(&home).await;
    let before = all(&home).await;
    // The day before the last two, 40, counts: 36 + 5 is not due, 1 + 30 is.
    let gone = expire(&home, &trail, BEGIN + 41).await;
    let class = |day, class: &str| (day, class.to_owned());
    let due = [
        class(0, "default"),
        class(0, "gaps"),
        class(1, "default"),
        class(1, "gaps"),
        class(2, "default"),
    ];
    assert_eq!(gone, due);
    // Another look finds nothing.
    assert_eq!(plan(&home, BEGIN + 41).await, Plan::default());

    let after = all(&home).await;
    assert_eq!(after.len(), before.len() + due.len());
    let mut expired = 0;
    for (one, other) in before.iter().zip(&after) {
        match &other.event {
            Event::Expired(gone) => {
                expired += 1;
                assert_eq!((gone.was, gone.at), (one.event.kind(), one.event.at()));
                assert!(one.event.at() < at(BEGIN + 3, 0));
                let expiry = &after[usize::try_from(gone.expiry).unwrap()];
                let said = matches!(
                    &expiry.event,
                    Event::Expire(expiry) if expiry.key == gone.key
                        && expiry.basis.as_deref() == Some("house rule")
                        && expiry.first <= Some(other.index)
                        && expiry.last >= Some(other.index)
                );
                assert!(said, "{expiry:?}");
            }
            _ => assert_eq!(one, other),
        }
    }
    assert_eq!(expired, 10);
    let records: u64 = after
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Expire(expiry) => Some(expiry.records),
            _ => None,
        })
        .sum();
    assert_eq!(records, expired);

    let report = verify(home.path(), &[]).await;
    assert_eq!(report.findings, []);
    assert_eq!((report.expired, report.keys_expired), (10, 5));
    assert!(report.keys_due.is_empty());
    everybody_reads_on(&home).await;
}

async fn everybody_reads_on(home: &Home) {
    let mut archive = archive(home).await;
    let shown = archive.show(0).await.unwrap().unwrap();
    assert!(matches!(shown.entry.event, Event::Expired(_)));
    assert!(shown.proven && shown.closing.is_some());
    let mut matters = archive.matters(Span::default()).await.unwrap();
    let (mut lost, mut left) = (0, 0);
    while let Some(matter) = matters.next().await.unwrap() {
        match matter.expired() {
            Some(_) => lost += 1,
            None => left += 1,
        }
    }
    assert_eq!((lost, left), (6, 3 * 3 + 5));
    let mut cursor = audit::Cursor::default();
    while let Some(followed) = archive.follow(&cursor, 7).await.unwrap() {
        cursor = followed.cursor;
    }
    assert!(cursor.open.is_empty());
    let mut export = Vec::new();
    let key = crate::home::public_key(home.path());
    audit::export::write(archive.ledger(), &key, &mut export)
        .await
        .unwrap();
    let authority = crate::home::authority(home.path());
    let offline = audit::export::verify(std::io::Cursor::new(export), authority, &[]).unwrap();
    assert_eq!(offline.findings, []);
    assert_eq!((offline.expired, offline.keys_expired), (10, 5));
}

async fn a_clock_that_jumps_makes_nothing_expire(home: Home) {
    let trail = log(&home).await;
    // The host's alone says nothing.
    let due = |plan: Plan| plan.due.len();
    let usual = due(plan(&home, BEGIN + 41).await);
    assert_eq!(due(plan(&home, BEGIN + 30_000).await), usual);
    // Nor does it together with a record of that day, or of the one behind it.
    for day in [BEGIN + 30_000, BEGIN + 30_001] {
        trail.note(&gap(day)).await.unwrap();
        assert!(due(plan(&home, day).await) <= usual + 1, "{day}");
    }
    trail.note(&gap(BEGIN + 30_002)).await.unwrap();
    // With three days of it the log has come there, by leaving days out: somebody must say that they went by.
    let jumped = plan(&home, BEGIN + 30_002).await;
    assert!(jumped.due.is_empty() && jumped.behind.len() > usual + 1);
    assert_eq!(
        jumped.gap,
        Some((audit::Day(BEGIN + 42), audit::Day(BEGIN + 30_000)))
    );
    let moment = at(BEGIN + 30_002, 0);
    let said = archive(&home).await.plan(moment, None, true).await;
    assert_eq!(due(said.unwrap()), jumped.behind.len());
    // And one that is behind makes no record that is due at once.
    trail.stop(&gap(BEGIN + 30_002)).await.unwrap();
    let trail = kept(home.path()).await;
    let index = trail.note(&gap(0)).await.unwrap();
    let plan = archive(&home).await.plan(moment, None, true).await.unwrap();
    assert!(!plan.due.is_empty() && plan.due.iter().all(|due| due.last < Some(index)));
}

async fn what_is_on_record_is_done_after_a_crash(home: Home) {
    let trail = log(&home).await;
    let due = plan(&home, BEGIN + 41).await.due;
    let expiry = due[0].expiry(at(BEGIN + 41, 0), Some(7));
    trail.note(EventRef::Expire(&expiry)).await.unwrap();
    // Here it is killed.
    let report = verify(home.path(), &[]).await;
    assert!(report.is_intact());
    assert_eq!(report.keys_due, [due[0].key]);
    let plan = plan(&home, BEGIN + 41).await;
    assert_eq!(plan.again, [due[0].key]);
    assert_eq!(plan.due.len(), due.len() - 1);
    assert_eq!(trail.destroy(plan.again).await.unwrap(), 1);
    let report = verify(home.path(), &[]).await;
    assert!(report.is_intact() && report.keys_due.is_empty());
}

async fn a_key_that_is_gone_without_a_record_is_lost(home: Home) {
    for theft in [
        "DELETE FROM data_key WHERE id = 2",
        "UPDATE data_key SET wrapped = x'00' WHERE id = 2",
    ] {
        let home = home.another();
        let trail = log(&home).await;
        expire(&home, &trail, BEGIN + 41).await;
        trail.stop(&gap(BEGIN + 42)).await.unwrap();
        assert!(verify(home.path(), &[]).await.is_intact());
        let newest = archive(&home).await.ledger().head().await.unwrap().key;
        let theft = theft.replace("id = 2", &format!("id = {newest}"));
        home.saboteur().await.run(&theft).await;
        let report = verify(home.path(), &[]).await;
        let id = newest;
        assert!(
            matches!(report.findings[..], [Finding::KeyLost { id: lost, records: 1.. }] if lost == id),
            "{:?}",
            report.findings
        );
        assert_eq!(report.verdict, Verdict::KeysLost);
        // Its id is not given to the next key, which would look as if nothing was missing.
        let trail = kept(home.path()).await;
        trail.stop(&gap(BEGIN + 43)).await.unwrap();
        let report = verify(home.path(), &[]).await;
        assert_eq!(report.verdict, Verdict::KeysLost);
        assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    }
}

async fn what_a_key_is_for_cannot_be_changed(home: Home) {
    for lie in [
        "UPDATE data_key SET day = 19000 WHERE day = 20041",
        "UPDATE data_key SET days = 1 WHERE class = 'default'",
        "UPDATE data_key SET days = 1, day = 19000 WHERE class = 'lasting'",
        "UPDATE data_key SET first_idx = 1000 WHERE day = 20000",
    ] {
        let home = home.another();
        let trail = log(&home).await;
        let lasting = hold("one", None);
        trail.note(EventRef::Hold(&lasting)).await.unwrap();
        home.saboteur().await.run(lie).await;
        let plan = archive(&home)
            .await
            .plan(at(BEGIN + 41, 0), None, false)
            .await;
        // A hold that does not open lets nothing expire at all.
        if let Ok(plan) = plan {
            let lied = plan.due.iter().all(|due| due.terms.day.0 <= BEGIN + 2);
            assert!(lied, "{lie}: {plan:?}");
        }
        let keys = Keys::from_keyring(&keyring(home.path())).unwrap();
        let mut ledger = reader(home.path()).await.unwrap();
        let misplaced = audit::misplaced_keys(ledger.as_mut(), &keys).await.unwrap();
        assert!(!misplaced.is_empty(), "{lie}");
    }
}

fn hold(name: &str, session: Option<String>) -> Hold {
    Hold {
        at: at(BEGIN + 41, 100),
        act: HOLD.into(),
        uid: 7,
        name: name.to_owned(),
        reason: "claim 7 Cs 12/26".to_owned(),
        basis: None,
        scope: HoldScope {
            session,
            service: Some("crm".to_owned()),
            ..HoldScope::default()
        },
    }
}

async fn what_is_held_stays_until_it_is_not(home: Home) {
    let trail = log(&home).await;
    let mut claim = hold("claim", Some(format!("C-{BEGIN}")));
    trail.note(EventRef::Hold(&claim)).await.unwrap();
    let gone = expire(&home, &trail, BEGIN + 41).await;
    // The exchange began on day 0, and ended on day 1: both days' keys stay, whatever else they sealed.
    let class = |day, class: &str| (day, class.to_owned());
    assert_eq!(
        gone,
        [class(0, "gaps"), class(1, "gaps"), class(2, "default")]
    );
    let held: Vec<_> = plan(&home, BEGIN + 41).await.due;
    assert!(held.iter().all(|due| due.held.as_deref() == Some("claim")));
    assert_eq!(held.len(), 2);
    claim.act = "remove".into();
    trail.note(EventRef::Hold(&claim)).await.unwrap();

    // A data subject's hold names nobody.
    let index = || BlindIndex::new(keyring(home.path()).pseudonymizer());
    let mut subjects = SqliteSubjects::open(home.path()).await.unwrap();
    let subject = format!("customer=C-{}", BEGIN + 1).parse().unwrap();
    subjects.hold(index().of(&subject), true).await.unwrap();
    let held = HeldSubjects::of(&mut subjects, index()).await.unwrap();
    let mut archive = archive(&home).await;
    let plan = archive.plan(at(BEGIN + 41, 0), held.as_ref(), false);
    let days = plan.await.unwrap().due;
    let days = days
        .iter()
        .map(|due| (due.terms.day.0 - BEGIN, due.held.is_some()));
    // That of day 2, where it ended, went before it was held.
    assert_eq!(days.collect::<Vec<_>>(), [(0, false), (1, true)]);
    assert!(verify(home.path(), &[]).await.is_intact());
}

crate::on_both! {
    what_is_due_goes_and_the_rest_stays,
    a_clock_that_jumps_makes_nothing_expire,
    what_is_on_record_is_done_after_a_crash,
    a_key_that_is_gone_without_a_record_is_lost,
    what_a_key_is_for_cannot_be_changed,
    what_is_held_stays_until_it_is_not,
}

/// A copy of a log is opened by the same keys.
fn lend_keyring(from: &Home, to: &Home) {
    let [from, to] = [from, to].map(|home| home.path().join(KEYRING_FILE));
    std::fs::copy(from, to).unwrap();
}

#[tokio::test]
async fn a_copy_loses_the_keys_once_it_says_why() {
    let first = Home::sqlite();
    let trail = log(&first).await;
    let there = Home::postgres();
    lend_keyring(&first, &there);
    let mut from = reader(first.path()).await.unwrap();
    let mut to = writer(there.path()).await.unwrap();
    let mut copier = Copier::begin(from.as_mut(), to.as_mut()).await.unwrap();
    copier.step(from.as_mut(), to.as_mut()).await.unwrap();
    expire(&first, &trail, BEGIN + 41).await;
    // A copy that begins anew does not lose them before it has the records.
    let mut copier = Copier::begin(from.as_mut(), to.as_mut()).await.unwrap();
    assert!(verify(there.path(), &[]).await.is_intact());
    copier.step(from.as_mut(), to.as_mut()).await.unwrap();
    assert_eq!(verify(there.path(), &[]).await.keys_due.len(), 5);
    let gone = copier.expire(from.as_mut(), to.as_mut()).await.unwrap();
    assert_eq!(gone, 5);
    let report = verify(there.path(), &[]).await;
    assert!(report.is_intact() && report.keys_due.is_empty());
    assert_eq!(report.expired, 10);
    // One that is made of it has what it has.
    let back = Home::sqlite();
    lend_keyring(&first, &back);
    let mut end = writer(back.path()).await.unwrap();
    let mut copier = Copier::begin(to.as_mut(), end.as_mut()).await.unwrap();
    while copier.step(to.as_mut(), end.as_mut()).await.unwrap().size < 30 {}
    copier.expire(to.as_mut(), end.as_mut()).await.unwrap();
    end.close().await.unwrap();
    assert_eq!(all(&back).await, all(&first).await);
    assert!(verify(back.path(), &[]).await.is_intact());
}

#[tokio::test]
async fn a_copy_keeps_a_key_that_is_gone_for_no_reason() {
    let first = Home::sqlite();
    let trail = log(&first).await;
    trail.stop(&gap(BEGIN + 42)).await.unwrap();
    let there = Home::postgres();
    lend_keyring(&first, &there);
    let mut from = reader(first.path()).await.unwrap();
    let mut to = writer(there.path()).await.unwrap();
    let mut copier = Copier::begin(from.as_mut(), to.as_mut()).await.unwrap();
    copier.step(from.as_mut(), to.as_mut()).await.unwrap();
    let before = all(&there).await;
    let damage = "UPDATE data_key SET wrapped = zeroblob(length(wrapped)) WHERE id = 1";
    first.saboteur().await.run(damage).await;
    let gone = copier.expire(from.as_mut(), to.as_mut()).await.unwrap();
    assert_eq!(gone, 0);
    assert_eq!(all(&there).await, before);
    assert!(verify(there.path(), &[]).await.is_intact());
    assert!(!verify(first.path(), &[]).await.is_intact());
}

#[tokio::test]
async fn no_file_has_a_key_that_is_destroyed() {
    let home = Home::sqlite();
    let trail = kept(home.path()).await;
    // As many as make some pages, on a page each time another.
    for day in 0..700 {
        trail.note(&gap(BEGIN + day)).await.unwrap();
    }
    let mut ledger = SqliteLedger::open_to_read(home.path()).await.unwrap();
    let keys = audit::Ledger::keys(&mut ledger, 0, 512).await.unwrap();
    let (some, rest): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.id % 3 == 0);
    let ids = some.iter().map(|key| key.id).collect::<Vec<_>>();
    assert_eq!(trail.destroy(ids.clone()).await.unwrap(), ids.len() as u64);
    let files = || {
        let files = std::fs::read_dir(home.path()).unwrap().map(Result::unwrap);
        files
            .map(|file| std::fs::read(file.path()).unwrap())
            .collect::<Vec<_>>()
    };
    let is_in = |files: &[Vec<u8>], key: &[u8]| {
        let finder = memchr::memmem::Finder::new(key);
        files.iter().any(|file| finder.find(file).is_some())
    };
    let there = files();
    for key in &some {
        assert!(!is_in(&there, &key.wrapped), "{}", key.id);
    }
    // So it is looked for as it stands.
    assert!(rest.iter().all(|key| is_in(&there, &key.wrapped)));
    trail.stop(&gap(BEGIN + 700)).await.unwrap();
    // Nobody wraps them anew, or puts them back.
    let mut ledger = writer(home.path()).await.unwrap();
    let back = (some[0].id, some[0].wrapped.clone());
    ledger.replace_keys(vec![back]).await.unwrap();
    assert!(
        ledger
            .key(some[0].id)
            .await
            .unwrap()
            .unwrap()
            .is_destroyed()
    );
    ledger.close().await.unwrap();
    let trail = start(home.path()).await.unwrap();
    assert_eq!(trail.rewrap(0).await.unwrap().changed, 0);
    assert!(trail.rewrap(0).await.unwrap().last.is_some());
}
