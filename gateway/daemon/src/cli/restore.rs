//! `tidegate restore`: a log from its backup into an empty folder, judged before it is there.
//!
//! Everything happens in a folder within the one that the log is to be in, so that what is refused leaves nothing, and what is
//! interrupted leaves nothing that a gateway would go on with: the checkpoint of the log goes first, and the log last.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
    process::ExitCode,
};

use ::audit::{Ledger as _, Report, Verdict, checkpoint::Authority};
use clap::Args;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use store::{
    FILE_NAME, LOCK_NAME, PostgresLedger, SHOWN_FILE_NAME, SUBJECTS_FILE_NAME, SqliteLedger,
    SqliteSubjects,
};

use super::{Data, audit as log, backup::proven, block_on, copy, verify};
use crate::{
    backup::{Held, Part, empty_folder, sync_folders},
    erasure,
    inquiries::{self, Intent},
    keyring,
};

/// Where everything is until it was judged, within the log's folder: on the same file system, whatever is mounted there.
const STAGE: &str = ".restoring";

/// From where, and what is known of the log.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The log's part of a backup.
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// The keys' part, of the same backup or the newest that there is: it must know of whoever was erased by then.
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
    /// A checkpoint that was kept elsewhere: `checkpoint` of the tiles or of another backup, what a witness signed last. A log
    /// that ends before it is refused. May be given again.
    #[arg(long, value_name = "FILE")]
    not_older_than: Vec<PathBuf>,
    /// The PostgreSQL that has a copy of the log, from which is taken what is newer: records, keys, erasures.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// The log's public key, or a file that holds it: a backup of another log is refused.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Leave out the keys of data subjects, where nobody can tell who was erased since: then nobody reads any more whom
    /// records are about.
    #[arg(long)]
    without_subjects: bool,
    #[command(flatten)]
    data: Data,
}

/// The folder of a log that is restored, held so that no gateway begins one there meanwhile.
struct Stage {
    data: PathBuf,
    folder: PathBuf,
    _lock: File,
}

/// What there is to be told.
struct Restored {
    log: Held,
    keys: Held,
    /// Records that the copy in PostgreSQL had and the backup had not.
    newer: Option<u64>,
    /// Keys of data subjects that the log says are destroyed.
    again: u64,
    report: Report,
    authority: Authority,
}

pub(super) fn restore(asked: Asked) -> Result<ExitCode> {
    block_on(async {
        let stage = Stage::open(&asked.data.data)?;
        let restored = judge(&stage, &asked).await?;
        let code = restored.report.verdict.code();
        if restored.report.verdict != Verdict::Intact {
            println!("{}", restored.report.lines().join("\n"));
            eprintln!("{}", refusal(&restored, &stage.data));
            return Ok(ExitCode::from(code));
        }
        record(&stage, &restored, &asked).await?;
        let data = stage.data.clone();
        stage.finish()?;
        println!("{}", told(&restored, &asked, &data).join("\n"));
        Ok(ExitCode::SUCCESS)
    })
}

/// Brings everything into the stage, and judges it there.
async fn judge(stage: &Stage, asked: &Asked) -> Result<Restored> {
    let anchors: io::Result<Vec<_>> = asked.not_older_than.iter().map(fs::read).collect();
    let anchors = anchors.into_diagnostic();
    let mut anchors = anchors.wrap_err("the checkpoint cannot be read")?;
    let folder = &stage.folder;
    let (log, keys) = (
        Held::read(&asked.from, Part::Log)?,
        Held::read(&asked.keys, Part::Keys)?,
    );
    let leave = asked.without_subjects.then_some(SUBJECTS_FILE_NAME);
    keys.copy(&asked.keys, folder, leave.as_slice())?;
    let authority = keyring::authority(folder)?;
    is_wanted(&authority, asked.key.as_deref())?;
    // Before anything long is copied.
    log.vouched(&authority)?;
    keys.vouched(&authority)?;
    log.copy(&asked.from, folder, &[])?;
    let newer = match &asked.postgres {
        Some(url) => Some(newer(folder, url, authority.origin()).await?),
        None => None,
    };
    let keyring = keyring::open(folder)?;
    anchors.push(log.manifest.checkpoint.clone().into_bytes());
    let mut ledger = log::ledger(folder).await?;
    let report = proven(&mut ledger, &keyring, &anchors).await?;
    Box::new(ledger).close().await.into_diagnostic()?;
    let mut again = 0;
    if report.is_intact() && !asked.without_subjects {
        // Before anybody can read it.
        let kept = SqliteSubjects::open(folder).await;
        let (mut archive, mut kept) = (log::archive(folder).await?, kept.into_diagnostic()?);
        again = erasure::redo(&mut archive, &mut kept).await?;
        kept.close().await.into_diagnostic()?;
    }
    Ok(Restored {
        log,
        keys,
        newer,
        again,
        report,
        authority,
    })
}

/// Refuses another log than the one that is wanted.
fn is_wanted(authority: &Authority, key: Option<&str>) -> Result<()> {
    let Some(key) = key else {
        return Ok(());
    };
    let wanted = verify::authority(key)?;
    if authority.knows(wanted.key()) {
        return Ok(());
    }
    Err(miette!(
        help = "give the folders of that log's backup",
        "this is a backup of `{}`, not of `{}`",
        authority.key(),
        wanted.key()
    ))
}

/// Takes over what the copy in PostgreSQL has beyond the log in `folder`; gives how many records that is.
async fn newer(folder: &Path, url: &str, origin: &str) -> Result<u64> {
    let from = PostgresLedger::open_to_read(copy::place(url)?, origin).await;
    let mut from = from.into_diagnostic()?;
    let mut to = SqliteLedger::open(folder).await.into_diagnostic()?;
    let size = to.head().await.into_diagnostic()?.size;
    if from.head().await.into_diagnostic()?.size <= size {
        // A copy is about a second behind.
        Box::new(to).close().await.into_diagnostic()?;
        return Ok(0);
    }
    let all = copy::follow(&mut from, Box::new(to)).await;
    let all = all.wrap_err("what the copy in PostgreSQL has beyond the backup cannot be taken")?;
    Ok(all.saturating_sub(size))
}

/// Puts it on record, in the log itself, how it comes to go on here.
async fn record(stage: &Stage, restored: &Restored, asked: &Asked) -> Result<()> {
    let Restored { log, keys, .. } = restored;
    let shown = match asked.not_older_than.len() {
        0 => "nobody".to_owned(),
        some => format!("{some} checkpoints"),
    };
    let criteria = [
        ("made", log.manifest.made.to_string()),
        ("keys_made", keys.manifest.made.to_string()),
        ("records", restored.report.size.to_string()),
        ("again", restored.again.to_string()),
        ("shown_by", shown),
    ];
    let intent = Intent {
        command: "restore".into(),
        purpose: None,
        criteria: criteria
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
    };
    let recorded = inquiries::try_record(&stage.folder, intent).await;
    recorded.wrap_err("the restoration cannot be put on record")?;
    if !stage.folder.join(SHOWN_FILE_NAME).exists() {
        // The gateway had not shown it to anybody yet. With this in its folder, less than the log is never begun with.
        store::keep_shown(&stage.folder, &log.manifest.checkpoint).into_diagnostic()?;
    }
    Ok(())
}

impl Stage {
    fn open(data: &Path) -> Result<Self> {
        empty_folder(data)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let path = data.join(LOCK_NAME);
        let lock = options.open(&path).into_diagnostic()?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                miette!("`{}` is held: a gateway starts there", path.display())
            }
            TryLockError::Error(error) => miette!("`{}`: {error}", path.display()),
        })?;
        let folder = data.join(STAGE);
        crate::private_folder(&folder)?;
        Ok(Self {
            data: data.to_owned(),
            folder,
            _lock: lock,
        })
    }

    /// Puts everything where it belongs.
    fn finish(self) -> Result<()> {
        let mut names = names(&self.folder)?;
        names.retain(|name| name != LOCK_NAME);
        // A gateway that starts in the middle of this, after a crash, finds a checkpoint and no log, and begins none.
        let turn = |name: &String| match name.as_str() {
            SHOWN_FILE_NAME => 0,
            FILE_NAME => 2,
            _ => 1,
        };
        names.sort_by_key(turn);
        let owner = fs::metadata(&self.data).into_diagnostic()?;
        for name in names {
            let (from, to) = (self.folder.join(&name), self.data.join(&name));
            if to.exists() {
                let to = to.display();
                return Err(miette!("somebody else has put `{to}` there meanwhile"));
            }
            give(&from, &owner)?;
            let moved = fs::rename(&from, &to).into_diagnostic();
            moved.wrap_err_with(|| format!("`{}` cannot be put there", to.display()))?;
            if turn(&name) == 0 {
                sync_folders(&self.data).into_diagnostic()?;
            }
        }
        give(&self.data.join(LOCK_NAME), &owner)?;
        sync_folders(&self.data).into_diagnostic()
    }
}

impl Drop for Stage {
    /// What was not finished leaves nothing.
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("`{}` is left: {error}", self.folder.display());
        }
        if !self.data.join(FILE_NAME).exists() {
            drop(fs::remove_file(self.data.join(LOCK_NAME)));
        }
    }
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).into_diagnostic()? {
        let name = entry.into_diagnostic()?.file_name();
        let name = name.into_string();
        names.push(name.map_err(|name| miette!("`{}` is no text", name.display()))?);
    }
    names.sort();
    Ok(names)
}

/// Gives what root restores to whom the folder belongs to, which is the gateway's user.
fn give(path: &Path, owner: &fs::Metadata) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let (user, group) = (Some(owner.uid()), Some(owner.gid()));
    let given = || -> io::Result<()> {
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                chown(entry?.path(), user, group)?;
            }
        }
        chown(path, user, group)
    };
    given()
        .into_diagnostic()
        .wrap_err_with(|| format!("`{}` cannot be given to its user", path.display()))
}

/// Why nothing was restored.
fn refusal(restored: &Restored, data: &Path) -> String {
    let why = match restored.report.verdict {
        Verdict::RolledBack => {
            "the backup is older than a checkpoint that was shown: records, erasures and revocations are missing in it. Restore \
             from a newer one, or say `--postgres` where the log has a copy"
        }
        Verdict::WrongKey => {
            "the keys do not fit the log: they are of before or after a rotation (`tidegate keys rotate`), or a checkpoint is \
             not of this log. Give the keys of the same backup"
        }
        _ => {
            "the log in the backup is not intact, as it was when it was backed up or as it became since. Restore from another one"
        }
    };
    format!("refused: {why}; nothing was put into `{}`", data.display())
}

/// What was found, in figures.
fn told(restored: &Restored, asked: &Asked, data: &Path) -> Vec<String> {
    let Restored {
        log, keys, report, ..
    } = restored;
    let (files, bytes) = [log, keys].iter().fold((0, 0), |(files, bytes), held| {
        let manifest = &held.manifest;
        (files + manifest.files.len(), bytes + manifest.bytes())
    });
    let mut lines = vec![
        format!("key          {}", restored.authority.key()),
        format!("backed up    {}", log.manifest.made),
        format!("keys of      {}", keys.manifest.made),
        format!("files        {files}, {bytes} bytes, each as it was backed up"),
    ];
    if let Some(newer) = restored.newer {
        lines.push(format!("newer        {newer} records, from PostgreSQL"));
    }
    if asked.without_subjects {
        lines.push("subjects     nobody: their keys were left out".to_owned());
    } else {
        lines.push(format!(
            "erased       {} keys, which the log says are destroyed, were back and are destroyed again",
            restored.again
        ));
    }
    let mut found = report.lines();
    let verdict = found.pop();
    lines.extend(found);
    if asked.not_older_than.is_empty() {
        lines.push(format!(
            "CAUTION      no checkpoint was shown (`--not-older-than`): what was on record behind record {} is not known here. Whoever \
             was erased or revoked since is so no more until you say it again",
            report.size
        ));
    }
    lines.extend(verdict);
    lines.push(format!(
        "restored to  {}, as record {} says",
        data.display(),
        report.size
    ));
    lines
}
