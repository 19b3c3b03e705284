//! Who is revoked: a file beside the log that the command line writes and the gateway watches.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use audit::{EventRef, Revocation, Trail};
use identity::{Revocable, Revoked};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{cli::now, folder};

/// The file, in the log's folder.
pub(crate) const FILE: &str = "revoked.json";

/// Held by whoever changes it.
const LOCK: &str = "revoked.lock";

/// How often the file is looked at: a revocation reaches requests and streams within a second.
const LOOK: Duration = Duration::from_millis(250);

/// What the reason of a quarantine begins with.
const QUARANTINED: &str = "behaviour: ";
/// Sessions of one agent that are revoked so at a time. An agent makes as many as it starts processes, and none ever goes by itself.
const QUARANTINED_MAX: usize = 4096;

/// The longest file, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    what: What,
    #[serde(default)]
    id: String,
    reason: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Everything,
    Agent,
    Session,
    Token,
}

impl Entry {
    fn revocable(&self) -> Revocable {
        let id = || Arc::from(self.id.as_str());
        match self.what {
            What::Everything => Revocable::Everything,
            What::Agent => Revocable::Agent(id()),
            What::Session => Revocable::Session(id()),
            What::Token => Revocable::Token(id()),
        }
    }
}

/// Reads the file of this log; none is nobody.
pub(crate) fn read(data: &Path) -> Result<Revoked> {
    let path = data.join(FILE);
    let text = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Revoked::default()),
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
            return Err(miette!(
                "`{}` is longer than {FILE_BYTES_MAX} bytes",
                path.display()
            ));
        }
        _ => fs::read(&path).into_diagnostic(),
    };
    let entries =
        text.and_then(|text| serde_json::from_slice::<Vec<Entry>>(&text).into_diagnostic());
    let entries = entries.wrap_err_with(|| {
        format!(
            "`{}` cannot be read; `tidegate revoke` writes it",
            path.display()
        )
    })?;
    let all = entries
        .iter()
        .map(|it| (it.revocable(), it.reason.as_str().into()));
    Ok(Revoked(all.collect()))
}

/// Changes the file, with nobody else at it; gives what `change` gives.
pub(crate) fn change<T>(data: &Path, change: impl FnOnce(&mut Revoked) -> T) -> Result<T> {
    let lock = fs::File::create(data.join(LOCK)).into_diagnostic();
    let lock = lock.wrap_err_with(|| format!("`{}` cannot be written", data.display()))?;
    lock.lock().into_diagnostic()?;
    let mut revoked = read(data)?;
    let changed = change(&mut revoked);
    write(data, &revoked)?;
    Ok(changed)
}

/// Revokes a session of `agent`; the agent itself, if so many of its sessions are revoked for what they did that nobody
/// can look through them.
pub(crate) fn quarantine(data: &Path, session: Revocable, agent: &str, reason: &str) -> Result<()> {
    change(data, |revoked| {
        let of = format!(" ({agent})");
        let is_one = |(what, why): (&Revocable, &Arc<str>)| {
            let is_its = why.starts_with(QUARANTINED) && why.ends_with(&of);
            is_its && matches!(what, Revocable::Session(_))
        };
        let full = revoked.0.iter().filter(|it| is_one(*it)).count() >= QUARANTINED_MAX;
        let what = if full {
            Revocable::Agent(agent.into())
        } else {
            session
        };
        // What an operator said of it stays.
        let reason = || format!("{QUARANTINED}{reason}{of}").into();
        revoked.0.entry(what).or_insert_with(reason);
    })
}

/// Revokes.
pub(crate) fn add(data: &Path, what: Revocable, reason: &str) -> Result<()> {
    change(data, |revoked| revoked.0.insert(what, Arc::from(reason))).map(drop)
}

/// Writes the file: whoever reads it finds the old one or the new one, whole.
fn write(data: &Path, revoked: &Revoked) -> Result<()> {
    let entry = |(what, reason): (&Revocable, &Arc<str>)| Entry {
        what: match what {
            Revocable::Everything => What::Everything,
            Revocable::Agent(_) => What::Agent,
            Revocable::Session(_) => What::Session,
            Revocable::Token(_) => What::Token,
        },
        id: what.id().to_owned(),
        reason: reason.to_string(),
    };
    let entries: Vec<Entry> = revoked.0.iter().map(entry).collect();
    let text = serde_json::to_vec_pretty(&entries).into_diagnostic()?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(miette!(
            help = "lift some (`tidegate revoke --lift`), or revoke whole agents in place of their sessions",
            "`{}` would be longer than {FILE_BYTES_MAX} bytes",
            data.join(FILE).display()
        ));
    }
    // Or who was revoked is back after a power cut.
    let written = folder::replace(data, FILE, &text).into_diagnostic();
    written.wrap_err_with(|| format!("`{}` cannot be written", data.display()))
}

/// Looks at the file until told to stop, tells everybody who asks, and puts changes on record.
///
/// A file that cannot be read changes nothing: who is revoked stays so.
pub(crate) async fn watch(
    data: PathBuf,
    tell: watch::Sender<Arc<Revoked>>,
    trail: Trail,
    mut stop: watch::Receiver<bool>,
) {
    let mut complained = false;
    loop {
        let folder = data.clone();
        match tokio::task::spawn_blocking(move || read(&folder)).await {
            Ok(Ok(revoked)) => {
                complained = false;
                let before = Arc::clone(&tell.borrow());
                if *before != revoked {
                    let revoked = Arc::new(revoked);
                    tell.send_replace(Arc::clone(&revoked));
                    record(&trail, &before.0, &revoked.0).await;
                }
            }
            Ok(Err(error)) if !complained => {
                complained = true;
                tracing::error!(%error, "who is revoked stays as it was");
            }
            _ => {}
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.wait_for(|stopped| *stopped) => return,
        }
    }
}

async fn record(
    trail: &Trail,
    before: &BTreeMap<Revocable, Arc<str>>,
    after: &BTreeMap<Revocable, Arc<str>>,
) {
    let only_in = |one: &BTreeMap<Revocable, Arc<str>>, other: &BTreeMap<_, _>, lifted| {
        let changed = one.iter().filter(|(what, _)| !other.contains_key(*what));
        let revocation = |(what, reason): (&Revocable, &Arc<str>)| Revocation {
            at: now(),
            what: what.kind().into(),
            id: what.id().to_owned(),
            reason: reason.to_string(),
            lifted,
        };
        changed.map(revocation).collect::<Vec<_>>()
    };
    let changes = [only_in(after, before, false), only_in(before, after, true)].concat();
    for change in &changes {
        tracing::warn!(
            what = &*change.what,
            id = change.id,
            lifted = change.lifted,
            "revoked"
        );
        if let Err(error) = trail.note(EventRef::Revoke(change)).await {
            tracing::error!(%error, "a revocation holds, and is not on record");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_sessions_the_agent_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let session = |number: usize| Revocable::Session(format!("s-{number}").into());
        change(folder.path(), |revoked| {
            for number in 1..QUARANTINED_MAX {
                let reason = format!("{QUARANTINED}canary (spiffe://a.example/a)");
                revoked.0.insert(session(number), reason.into());
                let other = Revocable::Session(format!("other-{number}").into());
                let reason = format!("{QUARANTINED}canary (spiffe://a.example/b)");
                revoked.0.insert(other, reason.into());
            }
        })
        .unwrap();
        let agent = Revocable::Agent("spiffe://a.example/a".into());
        let quarantined = |number| {
            quarantine(folder.path(), session(number), agent.id(), "canary /x").unwrap();
            read(folder.path()).unwrap().0
        };
        let last = quarantined(QUARANTINED_MAX);
        assert_eq!(last.len(), 2 * QUARANTINED_MAX - 1);
        assert!(!last.contains_key(&agent));
        for more in 1..4 {
            let now = quarantined(QUARANTINED_MAX + more);
            assert_eq!(now.len(), 2 * QUARANTINED_MAX);
            assert_eq!(&*now[&agent], "behaviour: canary /x (spiffe://a.example/a)");
        }
    }

    #[test]
    fn a_file_that_nobody_could_read_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        add(folder.path(), Revocable::Agent("a".into()), "why").unwrap();
        let before = fs::read(folder.path().join(FILE)).unwrap();
        let long = "x".repeat(usize::try_from(FILE_BYTES_MAX).unwrap());
        add(folder.path(), Revocable::Agent("b".into()), &long).unwrap_err();
        assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), before);
    }
}
