//! The folder of the log.

use std::{
    fs::{DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _};

/// Makes the folder of the log, for its owner alone, if there is none.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    let mut folder = DirBuilder::new();
    let made = folder.recursive(true).mode(0o700).create(path);
    made.into_diagnostic()
        .wrap_err("the log's folder cannot be made")
}

/// Puts a file of `content` at `folder`, in place of the one before: whoever reads it finds the old one or the new one, whole,
/// and after a power cut, too. Only its owner may read it.
pub(crate) fn replace(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name))?;
    File::open(folder)?.sync_all()
}
