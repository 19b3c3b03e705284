//! Schedules over a real log.

use std::fs;

use audit::Lifecycle;
use jiff::ToSpan as _;
use store::SqliteLedger;
use vault::Keyring;

use super::*;

/// A log that began now.
async fn log(folder: &Path) -> Trail {
    let ledger = SqliteLedger::open(folder).await.unwrap();
    let keyring = Keyring::open_or_create(&folder.join(vault::KEYRING_FILE)).unwrap();
    let keys = audit::Keys::from_keyring(&keyring).unwrap();
    let trail = Trail::start(Box::new(ledger), keys).unwrap();
    let start = Lifecycle {
        at: now(),
        version: "1".into(),
        config: String::new(),
        policy: String::new(),
        notes: Vec::new(),
        country: None,
    };
    trail.note(EventRef::Start(&start)).await.unwrap();
    trail
}

fn schedule(kind: Kind, folder: &Path) -> Arc<[(Schedule, Place)]> {
    let schedule = Schedule {
        kind,
        every: Every::Day,
        zone: TimeZone::UTC,
        forms: vec![Form::Html, Form::Oscal],
        to: Outlet::Folder(folder.to_owned()),
    };
    [(schedule, Place::Folder(folder.to_owned()))].into()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_day_that_is_over_has_its_report_once_and_on_record() {
    let home = tempfile::tempdir().unwrap();
    let reports = tempfile::tempdir().unwrap();
    let trail = log(home.path()).await;
    let schedule = schedule(Kind::Integrity, reports.path());
    let data = home.path().to_owned();
    let mut schedules = Schedules::over(schedule, data, trail.clone());
    let began = now();
    schedules.attend(began).await;
    assert_eq!(names(reports.path()), [""; 0], "before the log began");
    let tomorrow = began.checked_add(24.hours()).unwrap();
    let day = began.strftime("%F").to_string();
    schedules.attend(tomorrow).await;
    let expected = ["html", "oscal.json"].map(|it| format!("integrity-{day}.{it}"));
    assert_eq!(names(reports.path()), expected);
    assert_eq!(trail.status().size, 2, "a start and a reading");
    let page = fs::read_to_string(reports.path().join(&expected[0])).unwrap();
    assert!(page.contains("no record was changed"), "{page}");
    schedules.attend(tomorrow).await;
    assert_eq!(trail.status().size, 2, "it was there");
    fs::remove_file(reports.path().join(&expected[1])).unwrap();
    schedules.attend(tomorrow).await;
    assert_eq!(
        names(reports.path()),
        expected,
        "what is missing is made up for"
    );
}

#[tokio::test]
async fn a_report_that_cannot_be_written_is_amiss_until_it_can() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("reports");
    let trail = log(home.path()).await;
    let schedule = schedule(Kind::Agents, &folder);
    let data = home.path().to_owned();
    let mut schedules = Schedules::over(schedule, data, trail.clone());
    let standing = schedules.standing();
    let tomorrow = now().checked_add(24.hours()).unwrap();
    schedules.attend(tomorrow).await;
    let amiss = standing.amiss();
    assert!(
        matches!(&amiss[..], [one] if one.contains("agents") && one.contains("reports")),
        "{amiss:?}"
    );
    let size = trail.status().size;
    schedules.attend(tomorrow).await;
    assert_eq!(trail.status().size, size, "it is left alone for a while");
    fs::create_dir(&folder).unwrap();
    schedules
        .attend(tomorrow.checked_add(1.hour()).unwrap())
        .await;
    assert_eq!(standing.amiss(), [""; 0]);
    assert_eq!(names(&folder).len(), 2);
}
