//! Schedules over a real log.

use std::{fs, os::unix::fs::PermissionsExt as _, sync::Mutex};

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

/// A store that knows nothing of S3 but methods and paths: what was put is there.
async fn store() -> (std::net::SocketAddr, Arc<Mutex<BTreeMap<String, Vec<u8>>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let kept = Arc::<Mutex<BTreeMap<String, Vec<u8>>>>::default();
    let there = Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let (mut first, mut length) = (String::new(), 0);
            stream.read_line(&mut first).await.unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
                    length = told.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            let mut words = first.split(' ').map(str::to_owned);
            let (method, path) = (words.next().unwrap(), words.next().unwrap());
            let known = there.lock().unwrap().contains_key(&path);
            let status = if method == "PUT" || known { 200 } else { 404 };
            if method == "PUT" {
                there.lock().unwrap().insert(path, body);
            }
            let answer =
                format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, kept)
}

#[tokio::test]
async fn a_report_goes_to_a_bucket_once() {
    let home = tempfile::tempdir().unwrap();
    let keys = home.path().join("keys");
    let secret = "s".repeat(40);
    fs::write(&keys, format!("ID{}:{secret}\n", "0".repeat(14))).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let (address, kept) = store().await;
    let bucket = Bucket {
        base: format!("http://{address}/evidence").parse().unwrap(),
        region: "eu-central-1".into(),
    };
    let name = "evidence".to_owned();
    let within = Within {
        place: Arc::new(BucketPlace { name, bucket, keys }),
        prefix: "reports/".into(),
        locked: None,
    };
    let to = Outlet::Bucket(within);
    let tls = proxy::Upstream::tls(None).unwrap();
    let place = Place::open(&to, &tls);
    let schedule = Schedule {
        kind: Kind::Integrity,
        every: Every::Day,
        zone: TimeZone::UTC,
        forms: vec![Form::Json],
        to,
    };
    let trail = log(home.path()).await;
    let data = home.path().to_owned();
    let mut schedules = Schedules::over([(schedule, place)].into(), data, trail.clone());
    let began = now();
    let tomorrow = began.checked_add(24.hours()).unwrap();
    schedules.attend(tomorrow).await;
    assert_eq!(schedules.standing().amiss(), [""; 0]);
    let day = began.strftime("%F").to_string();
    let path = format!("/evidence/reports/integrity-{day}.json");
    let text = kept.lock().unwrap().get(&path).cloned().unwrap();
    serde_json::from_slice::<serde_json::Value>(&text).unwrap();
    let size = trail.status().size;
    schedules.attend(tomorrow).await;
    assert_eq!(trail.status().size, size, "it was there");
}
