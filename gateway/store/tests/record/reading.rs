//! What those who hold the keys read back.

use std::path::Path;

use audit::{Archive, Event, Filter, Keys, Kind, Span};
use store::SqliteLedger;

use crate::{
    events::{at, opening, outcome, stop},
    home::{Home, keyring, reader, refusal, start},
};

async fn archive(directory: &Path) -> Archive {
    let keys = Keys::from_keyring(&keyring(directory)).unwrap();
    Archive::new(reader(directory).await.unwrap(), keys).unwrap()
}

fn indices(entries: &[audit::Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.index).collect()
}

async fn a_record_is_shown_with_its_other_half_and_proven(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let receipt = trail.open(&opening("C-771")).await.unwrap();
    trail.note(&refusal("C-332")).await.unwrap();
    trail.close(receipt, &mut outcome()).await.unwrap();
    // The writer still runs.
    let mut archive = archive(home.path()).await;

    let shown = archive.show(0).await.unwrap().unwrap();
    assert_eq!(shown.entry.event, Event::Open(Box::new(opening("C-771"))));
    let closing = shown.closing.unwrap();
    assert_eq!(closing.event, Event::Close(Box::new(outcome())));
    assert_eq!((closing.index, shown.signed, shown.proven), (2, 3, true));

    let shown = archive.show(2).await.unwrap().unwrap();
    assert_eq!(shown.opening.unwrap().index, 0);
    assert!(shown.proven);

    let shown = archive.show(1).await.unwrap().unwrap();
    assert_eq!(shown.entry.event, refusal("C-332"));
    assert!(archive.show(3).await.unwrap().is_none());
    trail.stop(&stop()).await.unwrap();
}

async fn one_time_after_the_other_tells_every_end_once(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let receipt = trail.open(&opening("C-771")).await.unwrap();
    let mut end = outcome();
    end.at = at(100);
    trail.close(receipt, &mut end).await.unwrap();
    let mut archive = archive(home.path()).await;
    let mut ended = async |from, until, ends| {
        let span = Span {
            from: Some(at(from)),
            until: Some(at(until)),
            ends,
            ..Span::default()
        };
        let mut told = Vec::new();
        let mut matters = archive.matters(span).await.unwrap();
        while let Some(matter) = matters.next().await.unwrap() {
            told.push(matter.closing.is_some());
        }
        told
    };
    // It began in the first and ended in the second; by its beginning it is of the first alone.
    assert_eq!(ended(0, 50, true).await, [false]);
    assert_eq!(ended(50, 200, true).await, [true]);
    assert_eq!(ended(200, 300, true).await, [false; 0]);
    assert_eq!(ended(0, 50, false).await, [true]);
    assert_eq!(ended(50, 200, false).await, [false; 0]);
    trail.stop(&stop()).await.unwrap();
}

async fn lists_are_filtered_and_in_order(home: Home) {
    // Two runs, so two data keys; more than one page of rows.
    for _ in 0..2 {
        let trail = start(home.path()).await.unwrap();
        let mut notes = tokio::task::JoinSet::new();
        for _ in 0..600 {
            let trail = trail.clone();
            notes.spawn(async move { trail.note(&refusal("x")).await.unwrap() });
        }
        notes.join_all().await;
        let closed = trail.open(&opening("C-771")).await.unwrap();
        let left = trail.open(&opening("C-332")).await.unwrap();
        trail.close(closed, &mut outcome()).await.unwrap();
        drop(left);
        trail.stop(&stop()).await.unwrap();
    }
    let mut archive = archive(home.path()).await;
    let all = |limit| Filter {
        limit,
        ..Filter::default()
    };
    let mut list = async |filter| {
        let listed = archive.list(filter, |_| true).await;
        indices(&listed.unwrap())
    };
    assert_eq!(list(all(3)).await, [1205, 1206, 1207]);
    assert_eq!(list(all(5000)).await, (0..1208).collect::<Vec<_>>());
    let from = Filter {
        from: Some(1000),
        ..all(250)
    };
    assert_eq!(list(from).await, (1000..1208).collect::<Vec<_>>());
    let opens = Filter {
        kind: Some(Kind::Open),
        ..all(9)
    };
    assert_eq!(list(opens).await, [600, 601, 1204, 1205]);
    let open = Filter {
        open: true,
        from: Some(0),
        ..all(9)
    };
    assert_eq!(list(open).await, [601, 1205]);

    let of_customer = |event: &Event| match event {
        Event::Open(opening) => opening.operation.bound["customer"] == "C-771",
        _ => false,
    };
    let listed = archive.list(all(9), of_customer).await.unwrap();
    assert_eq!(indices(&listed), [600, 1204]);
}

async fn the_newest_come_first_and_a_walk_goes_on_where_another_stopped(home: Home) {
    let trail = start(home.path()).await.unwrap();
    for second in 0..1_200 {
        let mut refusal = refusal("x");
        if let Event::Refuse(refusal) = &mut refusal {
            refusal.at = at(second);
        }
        trail.note(&refusal).await.unwrap();
    }
    let mut first = opening("C-771");
    first.at = at(2_000);
    let closed = trail.open(&first).await.unwrap();
    let left = trail.open(&first).await.unwrap();
    trail.close(closed, &mut outcome()).await.unwrap();
    let mut archive = archive(home.path()).await;
    let mut walk = async |from, before, rows_max| {
        let span = Span {
            from,
            ..Span::default()
        };
        let mut walk = archive.backward(span, before, rows_max).await.unwrap();
        let mut told = Vec::new();
        while let Some(matter) = walk.next().await.unwrap() {
            told.push((matter.entry.index, matter.closing.map(|it| it.index)));
        }
        (told, walk.at())
    };
    let alone = |index| (index, None);
    let (newest, at_) = walk(None, None, 4).await;
    assert_eq!(newest, [alone(1201), (1200, Some(1202)), alone(1199)]);
    assert_eq!(at_, 1199);
    let (older, at_) = walk(None, Some(at_), 2).await;
    assert_eq!((older, at_), (vec![alone(1198), alone(1197)], 1197));
    let (all, at_) = walk(None, None, u64::MAX).await;
    assert_eq!((all.len(), at_), (1_202, 0));
    // What is too old is not told, and soon not looked at.
    let (recent, at_) = walk(Some(at(1_150)), None, u64::MAX).await;
    assert_eq!(recent.len(), 52);
    assert!((1..700).contains(&at_), "{at_}");

    let inclusion = archive.inclusion(7).await.unwrap().unwrap();
    assert!(inclusion.path.len() > 9 && inclusion.checkpoint.contains("\n1203\n"));
    assert!(archive.inclusion(1_203).await.unwrap().is_none());
    let mut told = 0;
    let report = archive.verify(&mut |read, _| told = read).await.unwrap();
    assert!(report.is_intact() && told == 1_203, "{report:?}");
    drop(left);
    trail.stop(&stop()).await.unwrap();
}

#[tokio::test]
async fn another_keyring_opens_nothing() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let trail = start(home.path()).await.unwrap();
    trail.note(&refusal("x")).await.unwrap();
    let ledger = SqliteLedger::open_to_read(home.path()).await.unwrap();
    let keys = Keys::from_keyring(&keyring(other.path())).unwrap();
    let mut archive = Archive::new(Box::new(ledger), keys).unwrap();
    assert!(archive.show(0).await.is_err());
    assert!(archive.list(Filter::default(), |_| true).await.is_err());
}

crate::on_both! {
    a_record_is_shown_with_its_other_half_and_proven,
    one_time_after_the_other_tells_every_end_once,
    lists_are_filtered_and_in_order,
    the_newest_come_first_and_a_walk_goes_on_where_another_stopped,
}
