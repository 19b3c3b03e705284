//! Alerts that wait for their receiver: a file each, in the order in which they will go.

use std::{
    collections::BTreeSet,
    fs, io,
    io::Write as _,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Alerts that may wait for one receiver; the oldest of the least urgent go first beyond that.
pub(super) const WAITING_MAX: usize = 10_000;

/// The longest alert, in bytes; a longer one cannot be ours.
const ALERT_BYTES_MAX: u64 = 64 * 1024;

/// What waits.
pub(super) struct Spool {
    folder: PathBuf,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// Names of files, those that go first first.
    names: BTreeSet<String>,
    next: u64,
}

impl Spool {
    /// Opens the folder, which is made if it is not there, with what waits in it.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mut waiting = Waiting::default();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let number = name.split('-').nth(1).and_then(|it| it.parse::<u64>().ok());
            if let Some(number) = number {
                waiting.next = waiting.next.max(number + 1);
                waiting.names.insert(name);
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            waiting: Mutex::new(waiting),
        })
    }

    /// Adds one; on disk when this returns.
    pub(super) fn push(&self, text: &[u8], urgent: bool) -> io::Result<()> {
        let mut waiting = self.lock();
        while waiting.names.len() >= WAITING_MAX {
            let Some(name) = oldest(&waiting.names) else {
                break;
            };
            fs::remove_file(self.folder.join(&name))?;
            waiting.names.remove(&name);
            tracing::error!(
                alert = name,
                "an alert is lost: too many wait for their receiver"
            );
        }
        let name = waiting.name(u8::from(!urgent));
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(self.folder.join(&name))?;
        fs::File::open(&self.folder)?.sync_all()?;
        waiting.names.insert(name);
        Ok(())
    }

    /// Whether this one waits.
    pub(super) fn holds(&self, text: &[u8]) -> bool {
        let names = self.lock().names.clone();
        names.iter().any(|name| {
            let path = self.folder.join(name);
            fs::metadata(&path).is_ok_and(|it| it.len() == text.len() as u64)
                && fs::read(&path).is_ok_and(|it| it == text)
        })
    }

    /// Lets the others as urgent go before this one, whose receiver does not take it.
    pub(super) fn postpone(&self, name: &str) -> io::Result<()> {
        let mut waiting = self.lock();
        let last = waiting.name(u8::from(!name.starts_with('0')));
        fs::rename(self.folder.join(name), self.folder.join(&last))?;
        waiting.names.remove(name);
        waiting.names.insert(last);
        fs::File::open(&self.folder)?.sync_all()
    }

    /// What goes first, with its name.
    pub(super) fn first(&self) -> io::Result<Option<(String, Vec<u8>)>> {
        loop {
            let Some(name) = self.lock().names.first().cloned() else {
                return Ok(None);
            };
            let path = self.folder.join(&name);
            let usable = fs::metadata(&path).is_ok_and(|it| it.len() <= ALERT_BYTES_MAX);
            if usable {
                return Ok(Some((name, fs::read(path)?)));
            }
            tracing::error!(alert = name, "what waits there is no alert");
            self.remove(&name)?;
        }
    }

    /// Takes one out: it was delivered.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        self.lock().names.remove(name);
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// A name that goes last of its lane: 0 before 1.
    fn name(&mut self, lane: u8) -> String {
        let name = format!("{lane}-{:020}", self.next);
        self.next += 1;
        name
    }
}

/// The oldest of the least urgent.
fn oldest(names: &BTreeSet<String>) -> Option<String> {
    let mut plain = names.range("1-".to_owned()..);
    plain.next().or_else(|| names.first()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_there_again_writes_first() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        spool.push(b"read", false).unwrap();
        spool.push(b"write", true).unwrap();
        drop(spool);
        let spool = Spool::open(folder.path()).unwrap();
        assert!(spool.holds(b"read") && !spool.holds(b"late."));
        spool.push(b"later", true).unwrap();
        let mut order = Vec::new();
        while let Some((name, text)) = spool.first().unwrap() {
            order.push(String::from_utf8(text).unwrap());
            spool.remove(&name).unwrap();
        }
        assert_eq!(order, ["write", "later", "read"]);
        assert!(!spool.holds(b"read"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_not_taken_lets_the_others_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        for text in ["bad", "good", "late"] {
            spool.push(text.as_bytes(), text != "late").unwrap();
        }
        let (name, _) = spool.first().unwrap().unwrap();
        spool.postpone(&name).unwrap();
        let mut order = Vec::new();
        while let Some((name, text)) = spool.first().unwrap() {
            order.push(String::from_utf8(text).unwrap());
            spool.remove(&name).unwrap();
        }
        assert_eq!(order, ["good", "bad", "late"]);
    }

    #[test]
    fn beyond_the_limit_the_oldest_of_the_least_urgent_goes() {
        let names: BTreeSet<String> = ["0-1", "0-2", "1-0", "1-3"].map(str::to_owned).into();
        assert_eq!(oldest(&names).as_deref(), Some("1-0"));
        let urgent: BTreeSet<String> = ["0-1", "0-2"].map(str::to_owned).into();
        assert_eq!(oldest(&urgent).as_deref(), Some("0-1"));
    }
}
