//! What a backup of a log is: two folders, each with a manifest that comes last.
//!
//! The log's part can be kept as long as the log: whom a record is about, and what it says, nobody reads there without the
//! keys. The keys' part undoes erasures for whoever has an old one, so that it stands apart, and the newest
//! alone is to be kept. A folder without its manifest is no backup: whatever else it has may be half of it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Component, Path},
};

use audit::checkpoint::Authority;
use aws_lc_rs::digest;
use jiff::Timestamp;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proof::manifest::{self, MANIFEST_BYTES_MAX};
use serde::{Deserialize, Serialize};
use store::{BUDGETS_FILE_NAME, FILE_NAME, SHOWN_FILE_NAME, SUBJECTS_FILE_NAME};
use vault::{CREDENTIALS_FILE, KEYRING_FILE, Keyring};

use crate::{authority, behaviour, cli::now, copies, passes, pins, revoked, shipping::mark};

/// The manifest's name in each folder.
pub(crate) const MANIFEST: &str = "backup.note";

/// A part has no more files: those below, and a mark for each destination of events.
const FILES_MAX: usize = 64;

/// Bytes that are copied at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Beside the log's database, files of the log's part that are copied as they are. Those that say how far something has the
/// log come first: what a copy of them knows, the copy of the log has.
pub(crate) const BESIDE: [&str; 5] = [
    SHOWN_FILE_NAME,
    copies::MARK,
    revoked::FILE,
    pins::FILE,
    behaviour::FILE,
];

/// Files of the keys' part that are copied as they are; the keyring is the last.
pub(crate) const KEYS: [&str; 4] = [
    CREDENTIALS_FILE,
    authority::FILE,
    passes::FILE,
    KEYRING_FILE,
];

/// A part of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    /// The log, and what a gateway knows beside it.
    Log,
    /// What opens it, and whom it is about.
    Keys,
}

impl Part {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Keys => "keys",
        }
    }

    /// Whether it may have a file of this name: nothing else is ever written by a name that a manifest has.
    fn may_have(self, name: &str) -> bool {
        match self {
            Self::Log => {
                [FILE_NAME, BUDGETS_FILE_NAME].contains(&name)
                    || BESIDE.contains(&name)
                    || mark::is_mark(name)
            }
            Self::Keys => name == SUBJECTS_FILE_NAME || KEYS.contains(&name),
        }
    }

    /// What it is nothing without.
    const fn needs(self) -> &'static str {
        match self {
            Self::Log => FILE_NAME,
            Self::Keys => KEYRING_FILE,
        }
    }
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filed {
    /// Below the folder.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Hexadecimal.
    pub(crate) sha256: String,
}

/// What a part has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) part: Part,
    /// When it was whole.
    pub(crate) made: Timestamp,
    /// The version that made it.
    pub(crate) program: String,
    /// The newest checkpoint of the log then; the log's part ends with it.
    pub(crate) checkpoint: String,
    pub(crate) files: Vec<Filed>,
}

impl Manifest {
    /// Of what is in `files`, made now.
    pub(crate) fn new(part: Part, checkpoint: String, files: Vec<Filed>) -> Self {
        let now = now();
        Self {
            part,
            made: Timestamp::from_second(now.as_second()).unwrap_or(now),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            checkpoint,
            files,
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Puts it into `folder`, signed, after everything else there is durable.
    pub(crate) fn write(&self, folder: &Path, records: u64, keyring: &Keyring) -> Result<()> {
        let json = serde_json::to_string_pretty(self).into_diagnostic()?;
        let signer = keyring.signer().into_diagnostic()?;
        let note = manifest::sign(records, &json, &signer).into_diagnostic()?;
        let synced = sync_folders(folder);
        synced
            .into_diagnostic()
            .wrap_err("the folder cannot be synced")?;
        let mut draft = tempfile::NamedTempFile::new_in(folder).into_diagnostic()?;
        let written = draft.write_all(note.as_bytes()).and_then(|()| {
            draft.as_file().sync_all()?;
            draft.persist_noclobber(folder.join(MANIFEST))?;
            File::open(folder)?.sync_all()
        });
        written
            .into_diagnostic()
            .wrap_err("the manifest cannot be written")
    }
}

/// A backup's folder, as it says that it is.
pub(crate) struct Held {
    note: Vec<u8>,
    pub(crate) manifest: Manifest,
}

impl Held {
    /// Reads the manifest in `folder`, which nobody vouches for yet.
    pub(crate) fn read(folder: &Path, part: Part) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let shown = path.display();
        let mut note = Vec::new();
        let limit = MANIFEST_BYTES_MAX as u64 + 1;
        match File::open(&path).and_then(|file| file.take(limit).read_to_end(&mut note)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(miette!(
                    help = "a backup has it once it is whole: take another one",
                    "`{}` is no backup, or one that was not finished: there is no `{MANIFEST}`",
                    folder.display()
                ));
            }
            Err(error) => {
                return Err(error)
                    .into_diagnostic()
                    .wrap_err_with(|| format!("`{shown}` cannot be read"));
            }
        }
        let text = str::from_utf8(&note).ok().and_then(|text| {
            let (text, _) = text.rsplit_once("\n\n")?;
            text.splitn(4, '\n').nth(3)
        });
        let text = text.ok_or_else(|| miette!("`{shown}` is no manifest of a backup"))?;
        let manifest: Manifest = serde_json::from_str(text)
            .into_diagnostic()
            .wrap_err_with(|| format!("`{shown}` is no manifest of a backup"))?;
        let held = Self { note, manifest };
        held.checked(part)
            .wrap_err_with(|| format!("`{shown}` cannot be restored from"))?;
        Ok(held)
    }

    fn checked(&self, part: Part) -> Result<()> {
        let Manifest {
            part: is, files, ..
        } = &self.manifest;
        if *is != part {
            let (is, part) = (is.name(), part.name());
            return Err(miette!(
                help = "`tidegate restore LOG --keys KEYS`: both as `tidegate backup LOG --keys KEYS` had them",
                "it is a backup's part `{is}`, where the part `{part}` is wanted"
            ));
        }
        if files.len() > FILES_MAX {
            return Err(miette!("it names more than {FILES_MAX} files"));
        }
        let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        if let Some(name) = names.iter().find(|name| !part.may_have(name)) {
            return Err(miette!("it names `{name}`, which no backup has"));
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(miette!("it names a file twice"));
        }
        if !names.contains(&part.needs()) {
            return Err(miette!("it lacks `{}`", part.needs()));
        }
        Ok(())
    }

    /// Sees that a key of `authority` signed it, and the checkpoint in it; gives how many records there were.
    pub(crate) fn vouched(&self, authority: &Authority) -> Result<u64> {
        let part = self.manifest.part.name();
        let foreign = |why: &dyn std::fmt::Display| {
            miette!(
                help = "a backup is signed by its log: both parts must be of one log, unchanged, and the keys not of before \
                        another key signed the log (`keys rotate --signing`)",
                "the manifest of the part `{part}` is not vouched for by `{}`: {why}",
                authority.origin()
            )
        };
        let (records, json) = manifest::read(&self.note, authority).map_err(|why| foreign(&why))?;
        let signed: Manifest = serde_json::from_str(&json).into_diagnostic()?;
        if signed != self.manifest {
            return Err(foreign(&"it is not what was signed"));
        }
        let checkpoint = authority.check(self.manifest.checkpoint.as_bytes());
        let checkpoint = checkpoint.map_err(|why| foreign(&why))?;
        if checkpoint.size != records {
            return Err(foreign(&"its checkpoint is over another number of records"));
        }
        Ok(records)
    }

    /// Copies what is in `folder` to `to`, if each file is as the manifest says.
    pub(crate) fn copy(&self, folder: &Path, to: &Path, leave: &[&str]) -> Result<()> {
        for filed in &self.manifest.files {
            if leave.contains(&filed.name.as_str()) {
                continue;
            }
            let from = folder.join(&filed.name);
            let copied = copy_file(&from, to, &filed.name);
            let copied = copied.into_diagnostic().wrap_err_with(|| {
                format!(
                    "`{}`, which the backup should have, cannot be copied",
                    from.display()
                )
            })?;
            if copied != *filed {
                let size = if copied.bytes == filed.bytes {
                    String::new()
                } else {
                    format!(
                        " ({} bytes, and it should have {})",
                        copied.bytes, filed.bytes
                    )
                };
                return Err(miette!(
                    help = "it was changed or damaged since: take another backup, or another copy of this one",
                    "`{}` is not the file that was backed up{size}: its SHA-256 is {}, and should be {}",
                    from.display(),
                    copied.sha256,
                    filed.sha256
                ));
            }
        }
        Ok(())
    }
}

/// Copies the file `from` to `name` below the folder `to`, where there must be none, for its owner alone; it is durable,
/// but for its name, when this returns.
pub(crate) fn copy_file(from: &Path, to: &Path, name: &str) -> io::Result<Filed> {
    let target = to.join(name);
    if let Some(folder) = target.parent().filter(|folder| *folder != to) {
        let mut made = fs::DirBuilder::new();
        made.recursive(true).mode(0o700).create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let (mut from, mut into) = (File::open(from)?, options.open(target)?);
    let filed = digest_of(name, &mut from, |piece| into.write_all(piece))?;
    into.sync_all()?;
    Ok(filed)
}

/// The file `name` in `folder`, as a manifest has it.
pub(crate) fn filed(folder: &Path, name: &str) -> io::Result<Filed> {
    let mut file = File::open(folder.join(name))?;
    digest_of(name, &mut file, |_| Ok(()))
}

fn digest_of(
    name: &str,
    from: &mut impl Read,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Filed> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut piece = vec![0; PIECE_BYTES];
    let mut bytes = 0;
    loop {
        let read = from.read(&mut piece)?;
        let some = piece.get(..read).unwrap_or_default();
        if some.is_empty() {
            break;
        }
        each(some)?;
        context.update(some);
        bytes += some.len() as u64;
    }
    Ok(Filed {
        name: name.to_owned(),
        bytes,
        sha256: hex::encode(context.finish()),
    })
}

/// A folder with nothing in it for a part of a backup, or for a log that is restored, made if need be.
///
/// # Errors
/// If there is something in it.
pub(crate) fn empty_folder(path: &Path) -> Result<()> {
    let shown = path.display();
    crate::private_folder(path).wrap_err_with(|| format!("`{shown}` cannot be used"))?;
    let found = fs::read_dir(path).and_then(|entries| {
        for entry in entries {
            let name = entry?.file_name();
            // Of a file system that is mounted there.
            if name != "lost+found" {
                return Ok(Some(name));
            }
        }
        Ok(None)
    });
    let found = found.into_diagnostic();
    match found.wrap_err_with(|| format!("`{shown}` cannot be read"))? {
        None => Ok(()),
        Some(name) => Err(miette!(
            help = "name a folder that is empty, or one that is not there yet",
            "`{shown}` is not empty: it has `{}`",
            name.display()
        )),
    }
}

/// Whether `path`, which may not be there yet, is `folder` or within it.
pub(crate) fn is_within(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // As much of it as is there.
        let there = whole.ancestors().find_map(|it| {
            let rest = whole.strip_prefix(it).ok()?;
            Some(it.canonicalize().ok()?.join(rest))
        });
        there.unwrap_or(whole)
    };
    let path = real(path);
    let plain = path.components().all(|it| it != Component::ParentDir);
    !plain || path.starts_with(real(folder))
}

/// The names in `folder`, and in the folders in it, survive a power cut when this returns.
pub(crate) fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name() != "lost+found" {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "tidegate backup v1\ntidegate/1\n7\n";

    fn held(change: impl FnOnce(&mut Manifest)) -> Result<Held> {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| Filed {
            name: name.to_owned(),
            bytes: 1,
            sha256: "00".repeat(32),
        };
        let files = vec![file(FILE_NAME), file("shipping/siem.json")];
        let mut manifest = Manifest::new(Part::Log, String::new(), files);
        change(&mut manifest);
        let json = serde_json::to_string(&manifest).unwrap();
        let note = format!("{NOTE}{json}\n\n— tidegate/1 AAAA\n");
        fs::write(folder.path().join(MANIFEST), note).unwrap();
        Held::read(folder.path(), Part::Log)
    }

    #[test]
    fn a_manifest_names_nothing_but_files_of_a_backup() {
        held(|_| {}).unwrap();
        for name in [
            "../keyring.json",
            "/etc/passwd",
            "shipping/../keyring.json",
            "shipping/.json",
            "keyring.json",
            "",
        ] {
            let told = held(|it| it.files[1].name = name.to_owned());
            assert!(told.is_err(), "`{name}`");
        }
        assert!(held(|it| it.files[1].name = FILE_NAME.to_owned()).is_err());
        assert!(held(|it| drop(it.files.remove(0))).is_err());
        assert!(held(|it| it.part = Part::Keys).is_err());
        let many = |it: &mut Manifest| it.files = vec![it.files[0].clone(); FILES_MAX + 1];
        assert!(held(many).is_err());
    }

    #[test]
    fn a_file_is_copied_for_its_owner_alone_with_its_digest() {
        use std::os::unix::fs::PermissionsExt as _;
        let (home, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(home.path().join("a"), b"abc").unwrap();
        let copied = copy_file(&home.path().join("a"), to.path(), "shipping/a").unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((copied.bytes, copied.sha256.as_str()), (3, expected));
        assert_eq!(filed(to.path(), "shipping/a").unwrap(), copied);
        let mode = fs::metadata(to.path().join("shipping/a")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        assert!(copy_file(&home.path().join("a"), to.path(), "shipping/a").is_err());
    }

    #[test]
    fn a_folder_within_another_is_known_by_whatever_path() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        fs::create_dir(&data).unwrap();
        std::os::unix::fs::symlink(&data, home.path().join("link")).unwrap();
        for inside in ["data", "data/new/er", "link/new", "other/../data"] {
            assert!(is_within(&home.path().join(inside), &data), "{inside}");
        }
        for outside in ["other", "database", "."] {
            assert!(!is_within(&home.path().join(outside), &data), "{outside}");
        }
    }

    #[test]
    fn only_an_empty_folder_is_used() {
        let home = tempfile::tempdir().unwrap();
        empty_folder(&home.path().join("new/er")).unwrap();
        fs::create_dir(home.path().join("lost+found")).unwrap();
        let told = empty_folder(home.path()).unwrap_err().to_string();
        assert!(told.contains("`new`"), "{told}");
        fs::remove_dir_all(home.path().join("new")).unwrap();
        empty_folder(home.path()).unwrap();
    }
}
