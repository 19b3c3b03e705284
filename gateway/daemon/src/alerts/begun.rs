//! What is going to be put on record and told, so that a crash in between does not leave anybody untold.
//!
//! It stands in a file from before its record is written until it waits for every receiver. One that is still there
//! at the next start was cut off: its record is looked for behind the place where the log ended, or written now.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use audit::{Anomaly, Archive, Cursor, Event};
use miette::{IntoDiagnostic as _, Result};
use serde::{Deserialize, Serialize};

/// The folder, beside those of receivers; none of them may be called so.
const FOLDER: &str = ".begun";
/// The longest file, in bytes; a longer one cannot be ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Plans at a time; what more there is to tell is put on record and told without one.
const PLANS_MAX: usize = 10_000;
/// Records that are looked through at once.
const RECORDS_MAX: u32 = 512;

/// Where it is kept.
pub(super) struct Begun {
    folder: PathBuf,
    /// What was cut off or failed, until somebody sees to it.
    left: Mutex<Vec<(PathBuf, Plan)>>,
    /// Files that are there.
    kept: AtomicUsize,
}

/// What is going to be told.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// Records that the log held before.
    pub(super) size: u64,
    pub(super) anomaly: Anomaly,
    /// It is about a write, and goes first.
    pub(super) writes: bool,
}

impl Begun {
    /// Opens the folder below `alerts`, which is made if it is not there, and reads what is in it, before there is
    /// anything of this run.
    pub(super) fn open(alerts: &Path) -> io::Result<Self> {
        let folder = alerts.join(FOLDER);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&folder)?;
        let left = left(&folder)?;
        Ok(Self {
            folder,
            kept: AtomicUsize::new(left.len()),
            left: Mutex::new(left),
        })
    }

    /// Keeps the plan; on disk when this returns, until [`over`](Self::over) with the file that it gives.
    pub(super) fn keep(&self, plan: &Plan) -> io::Result<PathBuf> {
        if self.kept.load(Ordering::Relaxed) >= PLANS_MAX {
            let why = format!("{PLANS_MAX} alerts could not be told before");
            return Err(io::Error::other(why));
        }
        let mut file = tempfile::Builder::new()
            .suffix(".json")
            .tempfile_in(&self.folder)?;
        file.write_all(&serde_json::to_vec(plan)?)?;
        file.as_file().sync_all()?;
        let (_, path) = file.keep().map_err(|error| error.error)?;
        self.kept.fetch_add(1, Ordering::Relaxed);
        fs::File::open(&self.folder)?.sync_all()?;
        Ok(path)
    }

    /// Forgets a plan.
    pub(super) fn over(&self, path: &Path) -> io::Result<()> {
        removed(path)?;
        self.kept.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// What was not told is for whoever sees to what was cut off.
    pub(super) fn leave(&self, path: PathBuf, plan: Plan) {
        self.left().push((path, plan));
    }

    /// What was cut off or failed; once.
    pub(super) fn take_left(&self) -> Vec<(PathBuf, Plan)> {
        std::mem::take(&mut self.left())
    }

    /// How much of that nobody has seen to.
    pub(super) fn waiting(&self) -> usize {
        self.left().len()
    }

    fn left(&self) -> MutexGuard<'_, Vec<(PathBuf, Plan)>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn removed(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What was cut off. A file that is no plan is one that was not written to its end, before anything was on record
/// of it: it goes.
fn left(folder: &Path) -> io::Result<Vec<(PathBuf, Plan)>> {
    let mut left = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let usable =
            fs::symlink_metadata(&path).is_ok_and(|it| it.is_file() && it.len() <= FILE_BYTES_MAX);
        let read = if usable { fs::read(&path)? } else { Vec::new() };
        match serde_json::from_slice(&read) {
            Ok(plan) => left.push((path, plan)),
            Err(_) => removed(&path)?,
        }
    }
    Ok(left)
}

/// The index of each plan's record, if it was written: by one reading of what is behind the first of them.
pub(super) async fn records(
    plans: &[(PathBuf, Plan)],
    archive: &mut Archive,
) -> Result<Vec<Option<u64>>> {
    let mut found = vec![None; plans.len()];
    let mut cursor = Cursor {
        next: plans
            .iter()
            .map(|(_, plan)| plan.size)
            .min()
            .unwrap_or_default(),
        ..Cursor::default()
    };
    while found.contains(&None) {
        let followed = archive.follow(&cursor, RECORDS_MAX).await;
        let Some(followed) = followed.into_diagnostic()? else {
            break;
        };
        for entry in followed.matters.iter().map(|matter| &matter.entry) {
            let mut open = plans.iter().zip(&mut found);
            if let Some((_, found)) =
                open.find(|((_, plan), found)| found.is_none() && plan.is(&entry.event))
            {
                *found = Some(entry.index);
            }
        }
        cursor = followed.cursor;
    }
    Ok(found)
}

impl Plan {
    fn is(&self, event: &Event) -> bool {
        match event {
            Event::Anomaly(anomaly) => *anomaly == self.anomaly,
            // Of the keys' provider a gap is on record.
            Event::Gap(gap) => gap.at == self.anomaly.at && gap.reason == self.anomaly.detector,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(about: &str) -> Plan {
        Plan {
            size: 7,
            anomaly: Anomaly {
                at: "2026-01-01T00:00:00.123456789Z".parse().unwrap(),
                detector: "spike".into(),
                response: "alert".into(),
                agent: "spiffe://example.test/a".to_owned(),
                session: "s".to_owned(),
                about: about.to_owned(),
                numbers: Vec::new(),
                record: Some(3),
                finding: true,
            },
            writes: true,
        }
    }

    #[test]
    fn what_was_cut_off_is_there_again_and_what_is_over_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let begun = Begun::open(folder.path()).unwrap();
        let over = begun.keep(&plan("over")).unwrap();
        begun.keep(&plan("left")).unwrap();
        begun.over(&over).unwrap();
        fs::write(folder.path().join(FOLDER).join("half.json"), b"{\"size\":").unwrap();
        drop(begun);
        let begun = Begun::open(folder.path()).unwrap();
        let left = begun.take_left();
        let [(path, found)] = &left[..] else {
            panic!("{} plans", left.len());
        };
        assert_eq!(found.anomaly, plan("left").anomaly);
        assert!(found.is(&Event::Anomaly(plan("left").anomaly)));
        assert!(!found.is(&Event::Anomaly(plan("over").anomaly)));
        begun.over(path).unwrap();
        assert_eq!(begun.waiting(), 0);
        begun.leave(path.clone(), found.clone());
        assert_eq!(begun.waiting(), 1);
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0);
    }
}
