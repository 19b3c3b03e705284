//! `tidegate audit export`: the log as it is sealed, or what it says for other systems.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use ::audit::Span;
use clap::{Args, ValueEnum};
use miette::{IntoDiagnostic as _, Result, WrapErr as _};

use super::{Data, Purpose, audit};
use crate::{keyring, publication};

/// What to write, and where to.
#[derive(Debug, Args)]
pub(super) struct Asked {
    #[command(flatten)]
    data: Data,
    /// What to write.
    #[arg(long, value_enum, default_value_t = Exported::Sealed)]
    format: Exported,
    /// Where to: a file, `-` for standard output; for tiles a folder, of which only what is new is written.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    reason: Purpose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Exported {
    /// The sealed records with their proofs; says nothing to who lacks the keys.
    Sealed,
    /// The same as a folder of tiles, which any web server serves (C2SP tlog-tiles).
    Tiles,
    /// What they say, as events of OCSF 1.8, one a line, in clear.
    Ocsf,
}

pub(super) async fn export(asked: Asked) -> Result<ExitCode> {
    let data = asked.data.data;
    match asked.format {
        // Who exports what nobody can read without the keys has read nothing.
        Exported::Sealed => sealed(&data, &asked.to).await,
        Exported::Tiles => tiles(&data, &asked.to).await,
        Exported::Ocsf => {
            let format = [("format".to_owned(), "ocsf".to_owned())];
            audit::asked(&data, "export", asked.reason, format.into()).await?;
            ocsf(&data, &asked.to).await
        }
    }
}

/// Opens `to`, readable by its owner only; `-` is standard output.
fn open(to: &Path) -> Result<Box<dyn Write + Send>> {
    if to == Path::new("-") {
        return Ok(Box::new(io::stdout()));
    }
    Ok(Box::new(BufWriter::new(private(to)?)))
}

/// Makes the file `to`, or empties it; its owner alone reads a new one.
pub(super) fn private(to: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let opened = options.open(to).into_diagnostic();
    opened.wrap_err_with(|| format!("`{}` cannot be written", to.display()))
}

/// Writes the log for whoever verifies it.
async fn sealed(data: &Path, to: &Path) -> Result<ExitCode> {
    let key = keyring::verifier_key(data)?;
    let mut ledger = audit::ledger(data).await?;
    let mut out = open(to)?;
    let records = ::audit::export::write(&mut ledger, &key, out.as_mut())
        .await
        .into_diagnostic()?;
    out.flush().into_diagnostic()?;
    eprintln!("{records} records exported; verify them with the public key {key}");
    Ok(ExitCode::SUCCESS)
}

/// Writes the log as tiles, from where they end.
async fn tiles(data: &Path, to: &Path) -> Result<ExitCode> {
    let authority = keyring::authority(data)?;
    let mut ledger = audit::ledger(data).await?;
    let published = publication::publish(&mut ledger, to, authority).await?;
    eprintln!("{published} records published; verify them with `tidegate-verify tiles`");
    Ok(ExitCode::SUCCESS)
}

/// Writes what happened as events of OCSF, one a line.
async fn ocsf(data: &Path, to: &Path) -> Result<ExitCode> {
    let mut archive = audit::archive(data).await?;
    let mut matters = archive.matters(Span::default()).await.into_diagnostic()?;
    let anchor = matters.anchor().clone();
    let mut out = open(to)?;
    let mut written = 0_u64;
    while let Some(matter) = matters.next().await.into_diagnostic()? {
        for event in ocsf::events(&matter, &anchor) {
            writeln!(out, "{event}").into_diagnostic()?;
            written += 1;
        }
    }
    out.flush().into_diagnostic()?;
    eprintln!("{written} events exported, as of {} records", anchor.size);
    Ok(ExitCode::SUCCESS)
}
