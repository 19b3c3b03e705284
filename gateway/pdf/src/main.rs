//! `tidegate-report-pdf`: a report that `tidegate report --output json` gave, as PDF.
//!
//! `tidegate report --output pdf` starts it. By itself it is for whoever has a report as JSON: it reads nothing else and
//! reaches nothing.

mod legible;
mod set;
mod shown;

use std::{
    fs::{self, File},
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use crate::shown::Report;

/// The longest report, in bytes.
const REPORT_BYTES_MAX: u64 = 1 << 30;

/// Sets a report that `tidegate report --output json` gave as PDF (PDF/A-2a and PDF/UA-1).
#[derive(Debug, Parser)]
#[command(version)]
struct Asked {
    /// The report; else it comes by standard input.
    report: Option<PathBuf>,
    /// Where to; a file that is there stays. Else to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn main() -> Result<()> {
    let asked = Asked::parse();
    let text = match &asked.report {
        Some(path) => {
            let file = File::open(path);
            read(file.with_context(|| format!("`{}` cannot be read", path.display()))?)
        }
        None => read(io::stdin().lock()),
    }?;
    let report: Report = serde_json::from_slice(&text)
        .context("that is no report; `tidegate report REPORT --output json` gives one")?;
    drop(text);
    let pdf = set::pdf(&report)?;
    match &asked.out {
        Some(path) => {
            put(path, &pdf).with_context(|| format!("`{}` cannot be written", path.display()))
        }
        None => io::stdout().lock().write_all(&pdf).context("nobody reads"),
    }
}

/// Whole, and for its owner alone: it says what was done with whose data.
fn put(path: &Path, pdf: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file.write_all(pdf).and_then(|()| file.sync_all());
    if written.is_err() {
        // Or half of it would stand there, and stay.
        fs::remove_file(path)?;
    }
    written
}

fn read(from: impl Read) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut from = from.take(REPORT_BYTES_MAX + 1);
    from.read_to_end(&mut text)
        .context("the report broke off")?;
    ensure!(
        text.len() as u64 <= REPORT_BYTES_MAX,
        "the report is longer than {REPORT_BYTES_MAX} bytes: a narrower scope gives a shorter one"
    );
    Ok(text)
}
