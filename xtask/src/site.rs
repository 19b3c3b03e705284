//! The manual as pages, from the files that `tidegate help` shows.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::step::say;

/// Writes all of them to the folder `out`.
pub(crate) fn write(out: &Path) -> Result<()> {
    let written = || -> std::io::Result<usize> {
        fs::create_dir_all(out)?;
        let files = manual::site::files();
        for (name, text) in &files {
            fs::write(out.join(name), text)?;
        }
        Ok(files.len())
    };
    let files = written();
    let files =
        files.with_context(|| format!("the site cannot be written to {}", out.display()))?;
    say(&format!("{files} files in {}", out.display()));
    Ok(())
}
