//! One contender: a process that reads what it is told to, and says how long that took.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::status_bytes;

/// A contender that is running; it ends with us.
pub(super) struct Contender {
    pub(super) name: &'static str,
    process: Child,
    asked: ChildStdin,
    told: BufReader<ChildStdout>,
}

/// What one turn took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    bytes: f64,
    nanoseconds: f64,
    /// In one document.
    pub(super) findings: f64,
}

impl Reading {
    /// In megabytes per second.
    pub(super) fn speed(self) -> f64 {
        self.bytes / self.nanoseconds * 1000.0
    }
}

impl Contender {
    pub(super) fn start(name: &'static str, program: &mut Command) -> Result<Self> {
        let mut process = program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", program.get_program().display()))?;
        let asked = process.stdin.take().context("no way to ask")?;
        let told = process.stdout.take().context("no way to be told")?;
        Ok(Self {
            name,
            process,
            asked,
            told: BufReader::new(told),
        })
    }

    /// Lets it read a document for so long.
    pub(super) fn read(&mut self, document: &Path, milliseconds: u32) -> Result<Reading> {
        writeln!(self.asked, "{} {milliseconds}", document.display())?;
        let mut line = String::new();
        self.told.read_line(&mut line)?;
        let numbers: Vec<f64> = line
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
        let [bytes, nanoseconds, findings] = numbers[..] else {
            bail!("{} did not read {}", self.name, document.display());
        };
        Ok(Reading {
            bytes,
            nanoseconds,
            findings,
        })
    }

    /// The most memory that it has had.
    pub(super) fn peak_bytes(&self) -> Result<u64> {
        status_bytes(self.process.id(), "VmHWM:")
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}
