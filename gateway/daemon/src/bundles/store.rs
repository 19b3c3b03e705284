//! The bundles that this host has taken, and which one is in force: files beside the log.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use bundle::{BUNDLE_BYTES_MAX, Bundle, Keys};
use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde::{Deserialize, Serialize};

use crate::folder;

/// The folder, in the log's.
const FOLDER: &str = "bundles";
/// Which bundle is what.
const STATE: &str = "state.json";
/// What the name of a bundle's file ends with.
const ENDING: &str = ".bundle";

/// Which bundle is what, by revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// The newest that was ever taken here, and its digest: none that is older is.
    pub(crate) newest: Option<(u64, String)>,
    /// One whose stage has not come.
    pub(crate) waiting: Option<u64>,
    /// The one in force; none if the configuration's own policies are.
    pub(crate) current: Option<u64>,
    /// Since when.
    pub(crate) since: Option<Timestamp>,
    /// The one before it.
    pub(crate) before: Option<u64>,
    /// The last one that was left again.
    pub(crate) left: Option<Left>,
}

/// A bundle that this host left, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Left {
    pub(crate) revision: u64,
    pub(crate) at: Timestamp,
    pub(crate) why: String,
}

/// Where they are.
pub(crate) struct Store(PathBuf);

impl Store {
    pub(crate) fn at(data: &Path) -> Self {
        Self(data.join(FOLDER))
    }

    pub(super) fn of(folder: PathBuf) -> Self {
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// Which is what; nothing, where no bundle ever was.
    pub(crate) fn read(&self) -> Result<State> {
        let path = self.0.join(STATE);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
            text => text.into_diagnostic(),
        };
        let state = text.and_then(|text| serde_json::from_slice(&text).into_diagnostic());
        state.wrap_err_with(|| {
            format!(
                "`{}` cannot be read, and says which bundle of policies is in force",
                path.display()
            )
        })
    }

    /// The bundle of that revision, verified anew.
    pub(crate) fn bundle(&self, revision: u64, keys: &Keys) -> Result<Bundle> {
        let path = self.0.join(name(revision));
        let packed = read_up_to(&path, BUNDLE_BYTES_MAX).into_diagnostic();
        let packed = packed.wrap_err_with(|| format!("`{}` cannot be read", path.display()))?;
        let bundle = bundle::open(&packed, keys).into_diagnostic();
        let bundle = bundle.wrap_err_with(|| format!("`{}` is not taken", path.display()))?;
        if bundle.manifest.revision != revision {
            return Err(miette!("`{}` is of another revision", path.display()));
        }
        Ok(bundle)
    }

    /// Keeps a bundle.
    pub(crate) fn keep(&self, revision: u64, packed: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        folder::replace(&self.0, &name(revision), packed)
    }

    /// Says which is what from now on, and lets go of those that are nothing any more.
    pub(crate) fn write(&self, state: &State) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        folder::replace(&self.0, STATE, &serde_json::to_vec_pretty(state)?)?;
        let of_use: BTreeSet<String> = [state.waiting, state.current, state.before]
            .into_iter()
            .flatten()
            .map(name)
            .collect();
        for entry in fs::read_dir(&self.0)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(ENDING) && !of_use.contains(&name) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

fn name(revision: u64) -> String {
    format!("{revision}{ENDING}")
}

/// Reads a file that may be no longer than so many bytes.
pub(super) fn read_up_to(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    use io::Read as _;
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut content = Vec::new();
    // One more, so that what is longer is told from what is as long.
    let mut file = fs::File::open(path)?.take(limit.saturating_add(1));
    file.read_to_end(&mut content)?;
    if content.len() > bytes_max {
        let why = format!("it is longer than {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_no_use_any_more_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        assert_eq!(store.read().unwrap(), State::default());
        for revision in 1..=3 {
            store.keep(revision, b"x").unwrap();
        }
        let state = State {
            newest: Some((3, "d".to_owned())),
            current: Some(3),
            before: Some(2),
            ..State::default()
        };
        store.write(&state).unwrap();
        assert_eq!(store.read().unwrap(), state);
        let is_there = |revision| store.folder().join(name(revision)).exists();
        assert_eq!([1, 2, 3].map(is_there), [false, true, true]);
        let keys = Keys::read([]).unwrap();
        let why = format!("{:?}", store.bundle(3, &keys).unwrap_err());
        assert!(why.contains("is not taken"), "{why}");
        fs::write(store.folder().join(STATE), "{").unwrap();
        assert!(store.read().is_err());
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_up_to(&path, 5).unwrap(), b"12345");
        assert!(read_up_to(&path, 4).is_err());
    }
}
