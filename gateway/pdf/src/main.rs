//! `tidegate-report-pdf`: a report that `tidegate report --output json` gave, as PDF.
//!
//! `tidegate report --output pdf` starts it. By itself it is for whoever has a report as JSON: it reads nothing else and
//! reaches nothing.

mod set;
mod shown;

use std::{
    fs::File,
    io::{self, Read, Write as _},
    path::PathBuf,
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
            let put = File::create_new(path).and_then(|mut file| file.write_all(&pdf));
            put.with_context(|| format!("`{}` cannot be written", path.display()))
        }
        None => io::stdout().lock().write_all(&pdf).context("nobody reads"),
    }
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
