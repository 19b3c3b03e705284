//! Schedules over a real log.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use audit::Lifecycle;
use jiff::ToSpan as _;
use proxy::objects::Bucket;
use store::SqliteLedger;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use vault::Keyring;

use super::*;
use crate::config::{BucketPlace, Within};

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

fn schedule(kind: Kind, folder: &Path) -> Vec<(Schedule, Place)> {
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

type Kept = Arc<Mutex<BTreeMap<String, (String, Vec<u8>)>>>;

/// A store that knows of S3 methods, paths, `If-None-Match` and labels: what was put is there, with what it says of itself.
/// It refuses what is put while `is_full`.
async fn store(is_full: Arc<AtomicBool>) -> (std::net::SocketAddr, Kept) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let kept = Kept::default();
    let there = Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let (mut first, mut fields) = (String::new(), BTreeMap::new());
            stream.read_line(&mut first).await.unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                let Some((name, value)) = line.trim().split_once(':') else {
                    break;
                };
                fields.insert(name.to_lowercase(), value.trim().to_owned());
            }
            let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
            let mut body = vec![0; field("content-length").parse().unwrap_or(0)];
            stream.read_exact(&mut body).await.unwrap();
            let mut words = first.split(' ').map(str::to_owned);
            let (method, path) = (words.next().unwrap(), words.next().unwrap());
            let known = there.lock().unwrap().get(&path).map(|it| it.0.clone());
            let (status, label) = match (method.as_str(), known) {
                ("PUT", _) if is_full.load(Ordering::Relaxed) => (403, String::new()),
                ("PUT", Some(_)) if field("if-none-match") == "*" => (412, String::new()),
                ("PUT", _) => {
                    let label = field("x-amz-meta-tidegate");
                    there.lock().unwrap().insert(path, (label, body));
                    (200, String::new())
                }
                (_, Some(label)) => (200, label),
                (_, None) => (404, String::new()),
            };
            let answer = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nx-amz-meta-tidegate: {label}\r\n\
                 connection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, kept)
}

/// Keys of a bucket, and the place of reports in the one that is there.
fn bucket(folder: &Path, address: std::net::SocketAddr) -> Outlet {
    let keys = folder.join("keys");
    let secret = "s".repeat(40);
    fs::write(&keys, format!("ID{}:{secret}\n", "0".repeat(14))).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let bucket = Bucket {
        base: format!("http://{address}/evidence").parse().unwrap(),
        region: "eu-central-1".into(),
    };
    let name = "evidence".to_owned();
    Outlet::Bucket(Within {
        place: Arc::new(BucketPlace { name, bucket, keys }),
        prefix: "reports/".into(),
        locked: None,
    })
}

/// Schedules of the log called `log` that put there.
fn over(to: &Outlet, log: &str, data: &Path, trail: &Trail) -> Schedules {
    let tls = proxy::Upstream::tls(None).unwrap();
    let place = Place::open(to, log, &tls);
    let schedule = Schedule {
        kind: Kind::Integrity,
        every: Every::Day,
        zone: TimeZone::UTC,
        forms: vec![Form::Json],
        to: to.clone(),
    };
    Schedules::over(vec![(schedule, place)], data.to_owned(), trail.clone())
}

#[tokio::test]
async fn a_report_goes_to_a_bucket_once_for_each_log() {
    let home = tempfile::tempdir().unwrap();
    let (address, kept) = store(Arc::default()).await;
    let to = bucket(home.path(), address);
    let trail = log(home.path()).await;
    let began = now();
    let tomorrow = began.checked_add(24.hours()).unwrap();
    let mut schedules = over(&to, "logs/one", home.path(), &trail);
    schedules.attend(tomorrow).await;
    assert_eq!(schedules.standing().amiss(), [""; 0]);
    let day = began.strftime("%F").to_string();
    let path = format!("/evidence/reports/logs-one/integrity-{day}.json");
    let (_, text) = kept.lock().unwrap().get(&path).cloned().unwrap();
    serde_json::from_slice::<serde_json::Value>(&text).unwrap();
    let size = trail.status().size;
    schedules.attend(tomorrow).await;
    assert_eq!(trail.status().size, size, "it is known that it is there");
    over(&to, "logs/one", home.path(), &trail)
        .attend(tomorrow)
        .await;
    assert_eq!(trail.status().size, size, "it was looked for, and is there");
    // Another gateway's is another one.
    over(&to, "logs/two", home.path(), &trail)
        .attend(tomorrow)
        .await;
    assert_eq!(trail.status().size, size + 1);
    assert_eq!(kept.lock().unwrap().len(), 2);
    // Whatever else has that name is no report.
    let other = ("of somebody".to_owned(), Vec::new());
    kept.lock().unwrap().insert(path.clone(), other);
    let mut again = over(&to, "logs/one", home.path(), &trail);
    again.attend(tomorrow).await;
    let amiss = again.standing().amiss();
    assert!(
        matches!(&amiss[..], [one] if one.contains("integrity")),
        "{amiss:?}"
    );
    kept.lock().unwrap().remove(&path);
    over(&to, "logs/one", home.path(), &trail)
        .attend(tomorrow)
        .await;
    assert!(
        kept.lock().unwrap().contains_key(&path),
        "what is missing is made up for"
    );
}

#[tokio::test]
async fn a_report_that_no_store_takes_is_made_less_and_less_often() {
    let home = tempfile::tempdir().unwrap();
    let is_full = Arc::<AtomicBool>::default();
    is_full.store(true, Ordering::Relaxed);
    let (address, _) = store(Arc::clone(&is_full)).await;
    let to = bucket(home.path(), address);
    let trail = log(home.path()).await;
    let mut schedules = over(&to, "log", home.path(), &trail);
    let mut at = now().checked_add(24.hours()).unwrap();
    let size = trail.status().size;
    // Within half a day, once a minute.
    for _ in 0..12 * 60 {
        schedules.attend(at).await;
        at = at.checked_add(1.minute()).unwrap();
    }
    let made = trail.status().size - size;
    // At once, and after 15, 30, 60, 120 and 240 minutes each.
    assert_eq!(made, 6);
    is_full.store(false, Ordering::Relaxed);
    schedules.attend(at.checked_add(24.hours()).unwrap()).await;
    assert_eq!(schedules.standing().amiss(), [""; 0]);
}
