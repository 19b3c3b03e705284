//! The folder of the log.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt as _, path::Path};

use miette::{IntoDiagnostic as _, Result, WrapErr as _};

/// Makes the folder of the log, for its owner alone, if there is none.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    let mut folder = DirBuilder::new();
    let made = folder.recursive(true).mode(0o700).create(path);
    made.into_diagnostic()
        .wrap_err("the log's folder cannot be made")
}
