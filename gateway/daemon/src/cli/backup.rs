//! `tidegate backup`: the log and its keys, apart, while the gateway serves.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use ::audit::{Copier, Keys, Ledger, Report, checkpoint::Authority};
use clap::Args;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use store::{FILE_NAME, SqliteLedger};
use vault::{KEYRING_FILE, Keyring, private};

use super::{Data, audit as log, block_on, pace::Pace, verify};
use crate::{
    backup::{BESIDE, Filed, KEYS, Manifest, Part, copy_file, empty_folder, filed, is_within},
    inquiries::{self, Intent},
    keyring,
    shipping::{mark, status},
};

/// Where to, and of which log.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The folder for the log, which can be kept as long as the log: without the keys nobody reads a record in it. It must
    /// be empty, or not there yet.
    #[arg(value_name = "DIR", required_unless_present = "keys")]
    to: Option<PathBuf>,
    /// The folder for the keys: the keyring as it is, keys of data subjects, credentials. Keep it apart from the log, and
    /// only the newest: an older one brings back whom was erased since.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

/// A log in the making of a backup.
struct Source<'a> {
    data: &'a Path,
    keyring: &'a Keyring,
}

/// A part that is there but for its manifest.
struct Made {
    folder: PathBuf,
    manifest: Manifest,
    records: u64,
}

pub(super) fn backup(asked: Asked) -> Result<ExitCode> {
    block_on(make(asked))
}

async fn make(Asked { to, keys, data }: Asked) -> Result<ExitCode> {
    let data = data.data;
    // There is a log; opening it to write would make one.
    drop(log::ledger(&data).await?);
    folders(&data, to.as_deref(), keys.as_deref())?;
    let parts = [(&to, Part::Log), (&keys, Part::Keys)];
    let parts = parts.map(|(folder, part)| folder.as_ref().map_or("", |_| part.name()));
    let intent = Intent {
        command: "backup".into(),
        purpose: None,
        criteria: [("parts".to_owned(), parts.join(" ").trim().to_owned())].into(),
    };
    // Before it is made, so that it is in it.
    inquiries::record(&data, intent).await?;
    let path = data.join(KEYRING_FILE);
    let before = private(&path).into_diagnostic()?;
    let keyring = keyring::open(&data)?;
    let source = Source {
        data: &data,
        keyring: &keyring,
    };
    let mut made = Vec::new();
    let mut report = None;
    if let Some(to) = to {
        let (part, verified) = source.log(to).await?;
        made.push(part);
        report = Some(verified);
    }
    if let Some(folder) = keys {
        made.push(source.keys(folder).await?);
    }
    if private(&path).into_diagnostic()? != before {
        return Err(miette!(
            help = "take it again; what was written has no manifest, and is no backup",
            "the keyring was changed while the backup was made (`tidegate keys status`)"
        ));
    }
    for part in &made {
        let Made {
            folder,
            manifest,
            records,
        } = part;
        manifest.write(folder, *records, &keyring)?;
    }
    Ok(told(&keyring, &made, report.as_ref()))
}

/// Sees that both can be written, and are where they do not go with the log or with each other.
fn folders(data: &Path, to: Option<&Path>, keys: Option<&Path>) -> Result<()> {
    for folder in to.iter().chain(&keys) {
        if is_within(folder, data) {
            return Err(miette!(
                help = "name a folder elsewhere, on another disk if there is one",
                "`{}` is in the log's folder, and would be lost with it",
                folder.display()
            ));
        }
        empty_folder(folder)?;
    }
    if let (Some(to), Some(keys)) = (to, keys)
        && (is_within(to, keys) || is_within(keys, to))
    {
        return Err(miette!(
            help = "whoever has both reads the log; the log may be kept for years, and of the keys the newest alone",
            "the log and its keys are to be kept apart"
        ));
    }
    Ok(())
}

impl Source<'_> {
    /// The log's part in `to`, and what is found of it there.
    async fn log(&self, to: PathBuf) -> Result<(Made, Report)> {
        let mut files = Vec::new();
        let marks = status::marks(self.data)?;
        let marks = marks.iter().map(|name| mark::path(name));
        let beside = BESIDE.into_iter().map(ToOwned::to_owned);
        for name in beside.chain(marks) {
            files.extend(copied(self.data, &to, &name)?);
        }
        copy(self.data, &to).await?;
        let mut copy = SqliteLedger::open_to_read(&to).await.into_diagnostic()?;
        let head = copy.head().await.into_diagnostic()?;
        let (records, checkpoint) = head
            .checkpoint
            .ok_or_else(|| miette!("the log has no records"))?;
        let report = proven(&mut copy, self.keyring, &[]).await?;
        Box::new(copy).close().await.into_diagnostic()?;
        store::put_to_rest(&to).into_diagnostic()?;
        files.push(filed(&to, FILE_NAME).into_diagnostic()?);
        // Behind the log: what it says was released was debited before.
        if store::copy_budgets(self.data, &to)
            .await
            .into_diagnostic()?
        {
            files.push(filed(&to, store::BUDGETS_FILE_NAME).into_diagnostic()?);
        }
        let made = Made {
            folder: to,
            manifest: Manifest::new(Part::Log, checkpoint, files),
            records,
        };
        Ok((made, report))
    }

    /// The keys' part in `to`.
    async fn keys(&self, to: PathBuf) -> Result<Made> {
        let mut log = log::ledger(self.data).await?;
        let head = log.head().await.into_diagnostic()?;
        let (records, checkpoint) = head
            .checkpoint
            .ok_or_else(|| miette!("the log has no records"))?;
        let mut files = Vec::new();
        // Behind the log: nobody is in that whose key was not kept before.
        let subjects = store::copy_subjects(self.data, &to).await;
        if subjects.into_diagnostic()? {
            files.push(filed(&to, store::SUBJECTS_FILE_NAME).into_diagnostic()?);
        }
        for name in KEYS {
            files.extend(copied(self.data, &to, name)?);
        }
        Ok(Made {
            folder: to,
            manifest: Manifest::new(Part::Keys, checkpoint, files),
            records,
        })
    }
}

/// Copies the file `name` of `data`, if there is one.
fn copied(data: &Path, to: &Path, name: &str) -> Result<Option<Filed>> {
    match copy_file(&data.join(name), to, name) {
        Ok(copied) => Ok(Some(copied)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !data.join(name).exists() => {
            Ok(None)
        }
        Err(error) => Err(error)
            .into_diagnostic()
            .wrap_err_with(|| format!("`{name}` cannot be copied")),
    }
}

/// Copies the log of `data`, as far as it has come, to `to`; it ends at a checkpoint there.
async fn copy(data: &Path, to: &Path) -> Result<()> {
    let mut from = log::ledger(data).await?;
    let mut into = SqliteLedger::open(to).await.into_diagnostic()?;
    let head = from.head().await.into_diagnostic()?;
    // A log that grows as fast as it is copied is followed no further.
    let enough = head.checkpoint.map_or(0, |(size, _)| size);
    let pace = Pace::alone();
    let mut copier = Copier::begin(&mut from, &mut into)
        .await
        .into_diagnostic()?;
    loop {
        let step = copier.step(&mut from, &mut into).await.into_diagnostic()?;
        pace.tell(step.size.min(enough), enough);
        if step.size >= enough {
            break;
        }
    }
    drop(pace);
    Box::new(into).close().await.into_diagnostic()
}

/// What is found of a log by its own keyring, its data keys among it.
pub(super) async fn proven(
    ledger: &mut dyn Ledger,
    keyring: &Keyring,
    anchors: &[Vec<u8>],
) -> Result<Report> {
    let keys = Keys::from_keyring(keyring).into_diagnostic()?;
    let authority: Authority = keys.authority().into_diagnostic()?;
    let mut report = verify::judged(ledger, authority, anchors, &Pace::alone()).await?;
    let misplaced = ::audit::misplaced_keys(ledger, &keys).await;
    for finding in misplaced.into_diagnostic()? {
        report.find(finding);
    }
    Ok(report)
}

/// Says what was made; the code is that of the log's verdict.
fn told(keyring: &Keyring, made: &[Made], report: Option<&Report>) -> ExitCode {
    let has_keys = made.iter().any(|it| it.manifest.part == Part::Keys);
    for part in made {
        let (manifest, folder) = (&part.manifest, part.folder.display());
        println!(
            "{:<12} {} files, {} bytes, as of {} records, in {folder}",
            manifest.part.name(),
            manifest.files.len(),
            manifest.bytes(),
            part.records,
        );
    }
    if !has_keys {
        println!(
            "without      its keys nobody reads this log and no gateway goes on with it: `tidegate backup --keys DIR`"
        );
    }
    if has_keys && is_in_clear(made) {
        println!(
            "in clear     the keyring in it is kept by its file's mode alone; `tidegate keys seal` seals it"
        );
    }
    let Some(report) = report else {
        println!("of           {}", keyring.log());
        return ExitCode::SUCCESS;
    };
    println!("{}", report.lines().join("\n"));
    ExitCode::from(report.verdict.code())
}

/// Whether the keyring that was copied lies there in clear.
fn is_in_clear(made: &[Made]) -> bool {
    let keys = made.iter().find(|it| it.manifest.part == Part::Keys);
    let path = keys.map(|it| it.folder.join(KEYRING_FILE));
    let stored = path.filter(|path| fs::exists(path).unwrap_or(false));
    let stored = stored.and_then(|path| Keyring::stored(&path).ok());
    matches!(stored, Some(vault::Stored::Clear(_)))
}
