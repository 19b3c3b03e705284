//! `SIGKILL` at random moments: what was acknowledged is there, and the log verifies.

use std::{
    env,
    ffi::OsStr,
    hash::{BuildHasher as _, RandomState},
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use audit::Kind;
use tokio::runtime;

use crate::{
    events::{opening, outcome},
    home::{Home, start, verify},
};

/// Where the child finds its directory; a plain test run has none.
const DIRECTORY: &str = "TIDEGATE_CRASH_DIRECTORY";

/// How often to kill.
const CRASHES: &str = "TIDEGATE_CRASHES";
const CRASHES_USUAL: u64 = 8;

/// A log is verified whole after every kill, so it should not grow for ever.
const CRASHES_PER_LOG: u64 = 10;

const CALLERS: usize = 32;

async fn what_was_acknowledged_survives_every_kill(of: Home) {
    let crashes = env::var_os(CRASHES).and_then(|it| it.to_str()?.parse().ok());
    let mut left = crashes.unwrap_or(CRASHES_USUAL);
    while left > 0 {
        let crashes = left.min(CRASHES_PER_LOG);
        crash(&of.another(), crashes).await;
        left -= crashes;
    }
}

/// Kills the writers of one log so often, one after the other.
async fn crash(home: &Home, crashes: u64) {
    let (mut acknowledged, mut last) = (0, None);
    for crash in 0..crashes {
        let lines = killed(home.path());
        acknowledged += lines.len();
        last = lines.into_iter().max().max(last);
        let report = verify(home.path(), &[]).await;
        assert_eq!(report.findings, [], "after crash {crash}");
        // Indices are dense in a log without findings, so every one before this is there, too.
        assert!(
            last.is_none_or(|it| it < report.size),
            "{last:?} was acknowledged"
        );
        let of = |kind| report.records.get(&kind).copied().unwrap_or_default();
        assert_eq!(report.open.len() as u64, of(Kind::Open) - of(Kind::Close));
    }
    assert!(acknowledged > 0, "the children had work to do");
    let trail = start(home.path()).await.unwrap();
    let open = verify(home.path(), &[]).await.open;
    assert!(
        !open.is_empty(),
        "a kill leaves exchanges open, and they are reported"
    );
    drop(trail);
}

/// Runs a child, kills it at a random moment of its work, gives what it had said was on record.
fn killed(directory: &Path) -> Vec<u64> {
    let mut child = spawn(directory);
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut lines = out.lines().map(Result::unwrap);
    // The moment counts from the first acknowledgement on, wherever the machine is slow.
    let mut said: Vec<u64> = lines
        .by_ref()
        .find_map(|it| number(&it))
        .into_iter()
        .collect();
    assert!(!said.is_empty(), "the child died before it worked");
    let random = RandomState::new().hash_one(directory);
    let killer = thread::spawn(move || {
        thread::sleep(Duration::from_micros(random % 150_000));
        child.kill().unwrap();
        child.wait().unwrap()
    });
    // Everything that reached the pipe was acknowledged, however late it is read.
    said.extend(lines.filter_map(|it| number(&it)));
    killer.join().unwrap();
    said
}

fn number(line: &str) -> Option<u64> {
    line.strip_prefix("on record: ")?.parse().ok()
}

fn spawn(directory: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "crash::child", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "it is the process that `what_was_acknowledged_survives_every_kill` kills"]
fn child() {
    let Some(directory) = env::var_os(DIRECTORY) else {
        return;
    };
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work(&directory));
}

async fn work(directory: &OsStr) {
    let trail = start(Path::new(directory)).await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let trail = trail.clone();
        callers.spawn(async move {
            loop {
                let receipt = trail.open(&opening("C-771")).await.unwrap();
                say(receipt.index());
                say(trail.close(receipt, &mut outcome()).await.unwrap());
            }
        });
    }
    callers.join_all().await;
}

/// One write, so that a line is whole or not there.
fn say(index: u64) {
    let line = format!("on record: {index}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

crate::on_both! { what_was_acknowledged_survives_every_kill }
