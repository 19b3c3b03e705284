//! A bundle as a file: a tar archive whose first entry is signed and names all others.

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use flate2::{Compression, GzBuilder, bufread::GzDecoder};
use sha2::{Digest as _, Sha256};
use signed_note::Signer;
use tar::{Archive, Builder, EntryType, Header};

use crate::{
    Bundle, CLASSIFIERS, Fault, Keys, Manifest, POLICIES, Unpacked,
    note::{self, NOTE_BYTES_MAX},
};

/// The longest bundle, packed.
pub const BUNDLE_BYTES_MAX: usize = 4 << 20;
/// The longest file in it.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// The most files.
pub const FILES_MAX: usize = 256;
/// All of it unpacked, with what tar adds to each file.
const UNPACKED_BYTES_MAX: u64 = 16 << 20;
/// The first entry.
const MANIFEST: &str = "manifest";
/// The longest name of a file, with its folder.
const NAME_BYTES_MAX: usize = 96;

/// Packs files and signs for them. What `manifest` says of files is put there.
///
/// # Errors
/// If a file's name or length is odd, there is no policy, or the key does not sign.
pub fn pack(
    manifest: &Manifest,
    files: &BTreeMap<String, String>,
    signer: &dyn Signer,
) -> Result<Vec<u8>, Unpacked> {
    if !files.keys().any(|path| path.starts_with(POLICIES)) {
        return Err(Unpacked::Empty);
    }
    if files.len() > FILES_MAX {
        return Err(Unpacked::Long);
    }
    for (path, text) in files {
        let odd = |why| Err(Unpacked::File(path.clone(), why));
        if !is_plain(path) {
            return odd(
                "is no name of a file in a bundle: letters, digits, `-`, `_` and `.`, and it ends as what it is",
            );
        }
        if text.len() > FILE_BYTES_MAX {
            return odd("is longer than a file in a bundle may be");
        }
    }
    let mut manifest = manifest.clone();
    let digests = files
        .iter()
        .map(|(path, text)| (path.clone(), digest(text.as_bytes())));
    manifest.files = digests.collect();
    let note = note::sign(&manifest, signer)?;
    let packed = write(&note, files).map_err(|_| Unpacked::Long)?;
    if packed.len() > BUNDLE_BYTES_MAX {
        return Err(Unpacked::Long);
    }
    Ok(packed)
}

fn write(note: &[u8], files: &BTreeMap<String, String>) -> io::Result<Vec<u8>> {
    // The same files make the same bytes: no time, no owner.
    let packer = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    let mut archive = Builder::new(packer);
    let first = [(MANIFEST, note)];
    let rest = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_bytes()));
    for (path, content) in first.into_iter().chain(rest) {
        let mut header = Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        archive.append_data(&mut header, path, content)?;
    }
    archive.into_inner()?.finish()
}

/// Opens a bundle that one of the keys has signed.
///
/// # Errors
/// If it is none, or anything of it is not as it was signed.
pub fn open(packed: &[u8], keys: &Keys) -> Result<Bundle, Fault> {
    if packed.len() > BUNDLE_BYTES_MAX {
        return Err(Fault::Long(BUNDLE_BYTES_MAX));
    }
    let mut archive = Archive::new(GzDecoder::new(packed).take(UNPACKED_BYTES_MAX));
    let mut entries = archive.entries().map_err(broken)?;
    let first = entries
        .next()
        .ok_or_else(|| Fault::Malformed("it is empty".to_owned()))?;
    let (path, note) = read(first.map_err(broken)?, NOTE_BYTES_MAX)?;
    if path != MANIFEST {
        return Err(Fault::Note);
    }
    let (name, manifest, signed) = note::read(&note, keys)?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let (path, content) = read(entry.map_err(broken)?, FILE_BYTES_MAX)?;
        let Some(expected) = manifest.files.get(&path).filter(|_| is_plain(&path)) else {
            return Err(Fault::File(path, "is not what was signed"));
        };
        if digest(&content) != *expected {
            return Err(Fault::File(path, "is not as it was signed"));
        }
        let text = String::from_utf8(content);
        let Ok(text) = text else {
            return Err(Fault::File(path, "is no text"));
        };
        if files.contains_key(&path) {
            return Err(Fault::File(path, "is there twice"));
        }
        files.insert(path, text);
    }
    if let Some(missing) = manifest
        .files
        .keys()
        .find(|path| !files.contains_key(*path))
    {
        return Err(Fault::File(missing.clone(), "was signed and is not there"));
    }
    Ok(Bundle {
        name,
        manifest,
        files,
        digest: digest(&signed),
    })
}

/// The path and content of an entry.
fn read<R: Read>(entry: tar::Entry<'_, R>, bytes_max: usize) -> Result<(String, Vec<u8>), Fault> {
    let path = entry.path().map_err(broken)?;
    let path = path.to_string_lossy().into_owned();
    if entry.header().entry_type() != EntryType::Regular {
        return Err(Fault::File(path, "is no file"));
    }
    let mut content = Vec::new();
    let size = entry.size();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    if size > limit {
        return Err(Fault::File(
            path,
            "is longer than a file in a bundle may be",
        ));
    }
    entry
        .take(limit)
        .read_to_end(&mut content)
        .map_err(broken)?;
    if content.len() as u64 != size {
        return Err(Fault::Malformed("it breaks off".to_owned()));
    }
    Ok((path, content))
}

/// Whether a name is one that a bundle may have.
fn is_plain(path: &str) -> bool {
    let within = |folder: &str, ending: &str| path.strip_prefix(folder)?.strip_suffix(ending);
    let name = within(POLICIES, ".cedar").or_else(|| within(CLASSIFIERS, ".yaml"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    path.len() <= NAME_BYTES_MAX
        && name.is_some_and(|name| {
            !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)
        })
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "so that `map_err` takes it as it is"
)]
fn broken(error: io::Error) -> Fault {
    Fault::Malformed(error.to_string())
}

#[cfg(test)]
mod tests;
