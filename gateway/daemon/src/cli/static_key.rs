//! `tidegate static-key`: a key for an agent that cannot have tokens yet.

use std::{
    fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path,
    process::ExitCode,
};

use identity::{KeyDigest, StaticKey};
use miette::{IntoDiagnostic as _, Result, WrapErr as _};

/// Writes a new key to a file of its owner's, and prints what the configuration knows it by.
pub(super) fn static_key(to: &Path) -> Result<ExitCode> {
    let key = StaticKey::generate().into_diagnostic()?;
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(to);
    let written = opened.and_then(|mut file| file.write_all(key.as_bytes()));
    written.into_diagnostic().wrap_err_with(|| {
        let to = to.display();
        format!("`{to}` cannot be written; there must be no such file yet")
    })?;
    println!("sha256: {}", KeyDigest::of(&key));
    Ok(ExitCode::SUCCESS)
}
