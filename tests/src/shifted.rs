//! A gateway's own clocks: days that pass in seconds.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::PathBuf,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::clock::unix_seconds;

/// What its process is told by, for as long as this is kept.
pub struct Shifted {
    folder: TempDir,
    clocks: File,
    behind: i64,
    gone_by: i64,
}

impl Shifted {
    /// Makes the library that shifts them; `seconds` is how far its time of day is behind the host's.
    pub fn behind(seconds: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let source = folder.path().join("shifted.c");
        fs::write(&source, include_str!("shifted.c"))?;
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&folder.path().join("shifted.so"), &source])
            .status()
            .context("there is no C compiler")?;
        ensure!(made.success(), "the clock cannot be made");
        let clocks = File::create(folder.path().join("clocks"))?;
        let behind = i64::try_from(seconds)?;
        let made = Self {
            folder,
            clocks,
            behind,
            gone_by: 0,
        };
        made.tell()?;
        Ok(made)
    }

    /// The command under which a gateway has these clocks.
    pub fn prefix(&self) -> [String; 3] {
        [
            "env".to_owned(),
            format!("LD_PRELOAD={}", self.path("shifted.so").display()),
            format!("TIDEGATE_CLOCK={}", self.path("clocks").display()),
        ]
    }

    /// The gateway's time of day, in seconds since 1970.
    pub fn now(&self) -> Result<u64> {
        let now = i64::try_from(unix_seconds())?;
        Ok(u64::try_from(now - self.behind)?)
    }

    /// Sets its time of day so far behind the host's, as somebody sets a clock: nothing goes by.
    pub fn set_behind(&mut self, seconds: u64) -> Result<()> {
        self.behind = i64::try_from(seconds)?;
        self.tell()
    }

    /// So many seconds go by: by its time of day, and by whatever waits.
    pub fn pass(&mut self, seconds: u64) -> Result<()> {
        let seconds = i64::try_from(seconds)?;
        self.behind -= seconds;
        self.gone_by += seconds;
        self.tell()
    }

    fn tell(&self) -> Result<()> {
        let mut both = [0; 16];
        let (behind, gone_by) = both.split_at_mut(8);
        behind.copy_from_slice(&self.behind.to_ne_bytes());
        gone_by.copy_from_slice(&self.gone_by.to_ne_bytes());
        Ok(self.clocks.write_all_at(&both, 0)?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
