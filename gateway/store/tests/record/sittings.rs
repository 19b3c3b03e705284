//! A verification that is interrupted goes on where it was, and finds what one sitting finds.

use std::io;

use audit::{ArchiveError, Bookmark, Report, Sitting, verify_ledger_sitting};
use tokio::task::JoinSet;

use crate::{
    events::stop,
    home::{Home, authority, reader, refusal, start, verify},
};

/// Records in the log: more than two batches of a verification.
const SIZE: u64 = 10_000;

on_both!(every_stop_gives_the_verdict_of_a_whole_sitting);

async fn log(home: Home) -> Home {
    let trail = start(home.path()).await.unwrap();
    let mut notes = JoinSet::new();
    for _ in 1..SIZE {
        let trail = trail.clone();
        notes.spawn(async move { trail.note(&refusal("C-332")).await.unwrap() });
    }
    notes.join_all().await;
    trail.stop(&stop()).await.unwrap();
    home
}

/// One sitting, which ends after so many batches; the last bookmark, if it does.
async fn sit(
    home: &Home,
    place: &str,
    from: Option<Bookmark>,
    stop: usize,
) -> Result<Report, Option<Box<Bookmark>>> {
    let (mut kept, mut told) = (None, 0);
    let sitting = Sitting {
        threads: 2,
        place: Some(place),
        from,
        told: &mut |_, _, bookmark| {
            told += 1;
            kept = bookmark.or(kept.take());
            if told == stop {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(())
        },
    };
    let mut ledger = reader(home.path()).await.unwrap();
    match verify_ledger_sitting(sitting, ledger.as_mut(), authority(home.path()), &[]).await {
        Err(ArchiveError::Kept(_)) => Err(kept.map(Box::new)),
        judged => Ok(judged.unwrap()),
    }
}

async fn every_stop_gives_the_verdict_of_a_whole_sitting(of: Home) {
    let whole_home = log(of.another()).await;
    let mut expected = verify(whole_home.path(), &[]).await;
    assert!(expected.is_intact() && expected.size == SIZE);
    assert_eq!(sittings(&whole_home, 1).await, (true, expected));
    let edited = |index| {
        format!(
            "UPDATE record SET leaf = (SELECT leaf FROM record WHERE idx = 7) WHERE idx = {index}"
        )
    };
    let home = whole_home;
    for (statement, goes_on) in [
        (edited(9_000), true),
        ("DELETE FROM record WHERE idx = 6000".to_owned(), true),
        (edited(100), false),
    ] {
        home.saboteur().await.run(&statement).await;
        expected = verify(home.path(), &[]).await;
        assert!(!expected.is_intact(), "{statement}");
        for stop in 1..=2 {
            let (resumed, report) = sittings(&home, stop).await;
            assert_eq!(resumed, goes_on, "{statement}, stopped at {stop}");
            assert_eq!(report, expected, "{statement}, stopped at {stop}");
        }
    }
    // What was kept of another place, or of another log, is of no use.
    let kept = sit(&log(home.another()).await, "here", None, 1)
        .await
        .unwrap_err();
    let report = sit(&home, "here", kept.map(|it| *it), usize::MAX).await;
    assert_eq!(report.ok().and_then(|it| it.resumed), None);
    let kept = sit(&home, "there", None, 1).await.unwrap_err();
    let report = sit(&home, "here", kept.map(|it| *it), usize::MAX).await;
    assert_eq!(report.ok().and_then(|it| it.resumed), None);
}

/// Two sittings, the first of so many batches: whether the second went on, and what it found.
async fn sittings(home: &Home, stop: usize) -> (bool, Report) {
    let kept = sit(home, "here", None, stop).await.unwrap_err();
    let report = sit(home, "here", kept.map(|it| *it), usize::MAX).await;
    let report = report.unwrap();
    let resumed = report.resumed.is_some();
    (
        resumed,
        Report {
            resumed: None,
            ..report
        },
    )
}
