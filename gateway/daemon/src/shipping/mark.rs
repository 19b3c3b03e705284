//! How far a destination took the log, on disk: indices, nothing of what records say.

use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::Path};

use audit::Cursor;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde::{Deserialize, Serialize};

use crate::turns::Turns;

/// The folder beside the log where marks are.
pub(super) const FOLDER: &str = "shipping";
/// The longest mark, in bytes: as many openings as a cursor remembers, with room.
const MARK_BYTES_MAX: u64 = 1024 * 1024;

/// Whether a destination may have this name, by which it has a file.
pub(crate) fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Whether a file below the log's folder is a mark, by its name.
pub(crate) fn is_mark(path: &str) -> bool {
    let name = path
        .strip_prefix(FOLDER)
        .and_then(|name| name.strip_prefix('/'))
        .and_then(|name| name.strip_suffix(".json"));
    name.is_some_and(is_name)
}

/// The mark of the destination `name`, below the log's folder.
pub(crate) fn path(name: &str) -> String {
    format!("{FOLDER}/{name}.json")
}

/// How far it is.
pub(super) struct Mark {
    file: Turns,
    kept: Kept,
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The log's name; empty before the first record went.
    log: String,
    cursor: Cursor,
    /// The record before which what goes next ends, once that is settled: whoever tries again puts the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<u64>,
}

impl Mark {
    /// That of the destination, below the log's folder; at the log's beginning if there is none.
    pub(super) fn open(data: &Path, name: &str) -> Result<Self> {
        let folder = data.join(FOLDER);
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder);
        made.into_diagnostic()
            .wrap_err("the folder of marks cannot be made")?;
        let file = folder.join(format!("{name}.json"));
        let kept = match fs::metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            found => {
                let found = found.into_diagnostic().and_then(|found| {
                    if found.len() > MARK_BYTES_MAX {
                        return Err(miette!("it is longer than {MARK_BYTES_MAX} bytes"));
                    }
                    let text = fs::read(&file).into_diagnostic()?;
                    serde_json::from_slice(&text).into_diagnostic()
                });
                found.wrap_err_with(|| {
                    format!(
                        "`{}` does not say how far events went; without it, all go again",
                        file.display()
                    )
                })?
            }
        };
        Ok(Self {
            file: Turns::new(file),
            kept,
        })
    }

    pub(super) fn cursor(&self) -> &Cursor {
        &self.kept.cursor
    }

    /// The next record.
    pub(super) fn next(&self) -> u64 {
        self.kept.cursor.next
    }

    /// Fails if it is how far another log went.
    pub(super) fn is_of(&self, log: &str) -> Result<()> {
        if self.kept.log.is_empty() || self.kept.log == log {
            return Ok(());
        }
        Err(miette!(
            help = "without that file, all events of this log go",
            "`{}` says how far another log went",
            self.file.file().display()
        ))
    }

    /// What helps if the log is not the one that it goes on in.
    pub(super) fn advice(&self) -> String {
        format!(
            "`{}` says how far events went; without it, all of this log go again",
            self.file.file().display()
        )
    }

    /// Before which record what goes next ends, if that is settled.
    pub(super) fn sealed(&self) -> Option<u64> {
        self.kept.sealed
    }

    /// Settles before which record what goes next ends; durable when this returns.
    pub(super) async fn seal(&mut self, until: u64) -> Result<()> {
        let mut kept = self.kept.clone();
        kept.sealed = Some(until);
        self.keep(kept).await
    }

    /// Goes on in this log; durable when this returns.
    pub(super) async fn move_to(&mut self, log: String, cursor: Cursor) -> Result<()> {
        let sealed = None;
        self.keep(Kept {
            log,
            cursor,
            sealed,
        })
        .await
    }

    async fn keep(&mut self, kept: Kept) -> Result<()> {
        let text = serde_json::to_vec(&kept).into_diagnostic()?;
        let written = self.file.write(text).await;
        written
            .into_diagnostic()
            .wrap_err_with(|| format!("`{}` cannot be written", self.file.file().display()))?;
        self.kept = kept;
        Ok(())
    }
}
