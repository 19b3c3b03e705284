//! A year of traffic: what reports tell of it is what the generator counted by itself.
//!
//! In its full size (`cargo xtask long year`) ten million records of a hundred agents about a million people. The log
//! is a real one, sealed under keys of its own and of its data subjects. Each report is made by a process of its own,
//! which says how long it took and how much memory.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test fails by panicking, and tells what it measures"
)]

mod journal;
mod traffic;

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use audit::{
    Archive, BlindIndex, Criteria, Event, EventRef, Keys, Span, Subjects, Trail,
    checkpoint::Authority,
};
use reports::{Beside, Form, Kind, Report, Scope};
use store::{SqliteLedger, SqliteSubjects};
use tokio::{runtime, task::JoinSet};
use vault::Keyring;

use crate::{
    journal::Journal,
    traffic::{Act, End},
};

/// As the command line has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many requests.
const YEAR: &str = "TIDEGATE_YEAR";
const YEAR_USUAL: u64 = 3_000;

/// Where a year of that size was written before: it is only read again.
const KEPT: &str = "TIDEGATE_YEAR_KEPT";

/// Where the process that makes one report finds the log, which report, and about whom.
const DIRECTORY: &str = "TIDEGATE_YEAR_DIRECTORY";
const KIND: &str = "TIDEGATE_YEAR_KIND";
const SUBJECT: &str = "TIDEGATE_YEAR_SUBJECT";

/// What it writes.
const REPORT: &str = "report.json";

/// So many requests are under way at once.
const CALLERS: usize = 256;

const KINDS: [Kind; 11] = [
    Kind::Agents,
    Kind::Processing,
    Kind::Subject,
    Kind::Breach,
    Kind::Transfers,
    Kind::Disclosures,
    Kind::Necessity,
    Kind::Policy,
    Kind::Gaps,
    Kind::Collected,
    Kind::Integrity,
];

#[test]
fn each_report_of_a_year_is_what_the_generator_counted() {
    let acts = said(YEAR).and_then(|it| it.parse().ok());
    let acts = acts.unwrap_or(YEAR_USUAL);
    // At its full size it has no room in memory, where `/tmp` may be.
    let made = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let kept = env::var_os(KEPT).map(PathBuf::from);
    let home = kept.as_deref().unwrap_or(made.path());
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    let journal = match &kept {
        Some(_) => journal(acts),
        None => runtime.block_on(write(home, acts)),
    };
    let bytes: u64 = fs::read_dir(home)
        .unwrap()
        .map(|it| it.unwrap().metadata().unwrap().len())
        .sum();
    println!(
        "{acts} requests written in {:.0?}, {} MiB",
        began.elapsed(),
        bytes >> 20
    );
    for kind in KINDS {
        let made = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child", "--nocapture"])
            .env(DIRECTORY, home)
            .env(KIND, kind.name())
            .env(SUBJECT, traffic::subject(journal.one))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stdout);
        assert!(
            made.status.success(),
            "{said} {}",
            String::from_utf8_lossy(&made.stderr)
        );
        said.lines()
            .filter(|it| it.starts_with("| "))
            .for_each(|line| println!("{line}"));
        let report = fs::read(home.join(REPORT)).unwrap();
        journal.judge(kind.name(), &serde_json::from_slice(&report).unwrap());
    }
}

fn said(variable: &str) -> Option<String> {
    env::var_os(variable)?.into_string().ok()
}

/// What the generator counts, by itself.
fn journal(acts: u64) -> Journal {
    let people = people(acts);
    let mut journal = Journal::about(Act::new(0, acts, people).subject);
    (0..acts).for_each(|number| journal.take(&Act::new(number, acts, people)));
    journal
}

/// As many people as there are to a million at full size.
fn people(acts: u64) -> u64 {
    (acts / 5).max(1)
}

/// Writes the year as the gateway does.
async fn write(home: &Path, acts: u64) -> Journal {
    let keyring = Keyring::open_or_create(&home.join(vault::KEYRING_FILE)).unwrap();
    let keys = Keys::from_keyring(&keyring).unwrap();
    let ledger = SqliteLedger::open(home).await.unwrap();
    let (subjects, keeper) = Subjects::new(
        Box::new(SqliteSubjects::open(home).await.unwrap()),
        keyring.log().to_owned(),
        Arc::clone(&keys.provider),
        BlindIndex::new(keyring.pseudonymizer()),
    );
    let keeper = tokio::spawn(keeper);
    let trail = Trail::start(Box::new(ledger), keys).unwrap();
    let courier = tokio::spawn(audit::hand_out(trail.clone()));
    tokio::task::yield_now().await;
    trail
        .note(EventRef::Start(&traffic::lifecycle()))
        .await
        .unwrap();
    let people = people(acts);
    let one = Act::new(0, acts, people).subject;
    let journal = Arc::new(Mutex::new(Journal::about(one)));
    let next = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (trail, subjects) = (trail.clone(), Arc::clone(&subjects));
        let (journal, next) = (Arc::clone(&journal), Arc::clone(&next));
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= acts {
                    break;
                }
                let act = Act::new(number, acts, people);
                journal.lock().unwrap().take(&act);
                happen(&act, &trail, &subjects).await;
            }
        });
    }
    callers.join_all().await;
    trail
        .stop(EventRef::Stop(&traffic::lifecycle()))
        .await
        .unwrap();
    courier.abort();
    drop(subjects);
    keeper.await.unwrap();
    Arc::into_inner(journal).unwrap().into_inner().unwrap()
}

async fn happen(act: &Act, trail: &Trail, subjects: &Subjects) {
    let subject = traffic::subject(act.subject);
    let bound = subjects
        .sealed(&[("customer".to_owned(), subject)].into())
        .unwrap();
    // A store that takes its time refuses an exchange; nobody here is in a hurry.
    while subjects.durable().await.is_err() {}
    if act.end == End::Refused {
        let refusal = Event::Refuse(Box::new(act.refusal(bound)));
        trail.note(&refusal).await.unwrap();
        return;
    }
    let receipt = trail.open(&act.opening(bound)).await.unwrap();
    if act.end != End::Open {
        trail.close(receipt, &mut act.outcome()).await.unwrap();
    }
}

#[test]
#[ignore = "it is the process that makes one report of the year"]
fn child() {
    let Some(home) = env::var_os(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let kind = Kind::named(&said(KIND).unwrap()).unwrap();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    let report = runtime.block_on(report(&home, kind));
    fs::File::create(home.join(REPORT))
        .unwrap()
        .write_all(&report)
        .unwrap();
    tell(kind.name(), began);
}

/// Says how long something took, and the most memory that this process had by then.
fn tell(what: &str, began: Instant) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find_map(|it| it.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!(
        "| {what} | {:.1} s | {} MiB |",
        began.elapsed().as_secs_f64(),
        peak >> 10
    );
}

/// As the command line makes it.
async fn report(home: &Path, kind: Kind) -> Vec<u8> {
    let keyring = Keyring::open(&home.join(vault::KEYRING_FILE)).unwrap();
    let keys = Keys::from_keyring(&keyring).unwrap();
    let public = keys.signer.verifier_key();
    let mut ledger = SqliteLedger::open_to_read(home).await.unwrap();
    let threads = std::thread::available_parallelism().unwrap().get();
    let verdict = if kind.wants_verdict() {
        let authority = Authority::parse(&public).unwrap();
        let began = Instant::now();
        let judged =
            audit::verify_ledger_in(threads, &mut ledger, authority, &[], &mut |_, _| {}).await;
        tell("a full verify", began);
        Some(judged.unwrap())
    } else {
        None
    };
    let subjects = SqliteSubjects::open_to_read(home).await.unwrap().unwrap();
    let archive = Archive::new(Box::new(ledger), keys).unwrap();
    let archive = archive.with_subjects(Box::new(subjects));
    let mut archive = archive.on_threads(threads);
    let subject = (kind == Kind::Subject).then(|| {
        format!("customer={}", said(SUBJECT).unwrap())
            .parse()
            .unwrap()
    });
    let criteria = Criteria {
        subject: subject.clone(),
        ..Criteria::default()
    };
    let mut report = Report::new(
        kind,
        Scope {
            subject,
            ..Scope::default()
        },
    )
    .unwrap();
    let span = Span {
        starts: kind.wants_host(),
        ..Span::default()
    };
    let mut matters = archive.matters(span).await.unwrap();
    while let Some(matter) = matters.next().await.unwrap() {
        let is_start = matches!(matter.entry.event, Event::Start(_));
        if is_start || criteria.holds(&matter) {
            report.take(&matter);
        }
    }
    let beside = Beside {
        verdict: verdict.as_ref(),
        ..Beside::default()
    };
    let document = report.finish(matters.anchor().clone(), beside);
    document.written(Form::Json).unwrap()
}
