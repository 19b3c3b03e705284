//! What is signed of a bundle: a C2SP signed note.
//!
//! ```text
//! tidegate bundle v1
//! <name>
//! <the manifest, JSON>
//!
//! — <name> <signature>
//! ```
//!
//! No checkpoint of a log is like it, nor a manifest of a backup: each begins with another line.

use std::fmt;

use signed_note::{Note, Signer, StandardVerifier, Verifier, VerifierList};

use crate::{Fault, Manifest, Unpacked};

/// What it begins with.
const TITLE: &str = "tidegate bundle v1";
/// A note is no longer.
pub(crate) const NOTE_BYTES_MAX: usize = 64 * 1024;
/// So many keys at the most.
pub const KEYS_MAX: usize = 16;

/// The public keys that are trusted, each a C2SP verifier key: `<name>+<key id>+<base64>`.
pub struct Keys(Vec<StandardVerifier>);

/// A text is no verifier key of Ed25519.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no key of bundles")]
pub struct MalformedKey(pub String);

impl Keys {
    /// Reads keys as they are typed.
    ///
    /// # Errors
    /// Names the first that is none.
    pub fn read<'a>(typed: impl IntoIterator<Item = &'a str>) -> Result<Self, MalformedKey> {
        let key =
            |text: &str| StandardVerifier::new(text).map_err(|_| MalformedKey(text.to_owned()));
        let keys: Result<Vec<_>, _> = typed.into_iter().map(key).collect();
        Ok(Self(keys?))
    }

    fn list(&self) -> VerifierList {
        let keys = self.0.iter().cloned();
        VerifierList::new(keys.map(|key| Box::new(key) as Box<dyn Verifier>).collect())
    }

    fn has(&self, name: &str, id: u32) -> bool {
        let mut keys = self.0.iter();
        keys.any(|key| key.name() == name && key.key_id() == id)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |key: &StandardVerifier| format!("{}+{:08x}", key.name(), key.key_id());
        f.debug_list().entries(self.0.iter().map(told)).finish()
    }
}

/// The note of a manifest.
pub(crate) fn sign(manifest: &Manifest, signer: &dyn Signer) -> Result<Vec<u8>, Unpacked> {
    let json = serde_json::to_string(manifest).map_err(|_| Unpacked::Key)?;
    let text = format!("{TITLE}\n{}\n{json}\n", signer.name());
    let mut note = Note::new(text.as_bytes(), &[]).map_err(|_| Unpacked::Key)?;
    note.add_sigs(&[signer]).map_err(|_| Unpacked::Key)?;
    let bytes = note.to_bytes();
    if bytes.len() > NOTE_BYTES_MAX {
        return Err(Unpacked::Long);
    }
    Ok(bytes)
}

/// The name, the manifest, and the text that was signed.
pub(crate) fn read(note: &[u8], keys: &Keys) -> Result<(String, Manifest, Vec<u8>), Fault> {
    let note = Note::from_bytes(note).map_err(|_| Fault::Note)?;
    // Of several signatures by keys that are trusted each must hold, and there must be one.
    let (verified, _) = note.verify(&keys.list()).map_err(|_| Fault::Unsigned)?;
    let text = std::str::from_utf8(note.text()).map_err(|_| Fault::Note)?;
    let mut lines = text.splitn(3, '\n');
    let [title, name, json] = [(); 3].map(|()| lines.next().unwrap_or_default());
    if title != TITLE {
        return Err(Fault::Note);
    }
    // What is signed in one name is not another's.
    let is_its_own = |signature: &signed_note::Signature| {
        signature.name() == name && keys.has(name, signature.id())
    };
    if !verified.iter().any(is_its_own) {
        return Err(Fault::Unsigned);
    }
    let manifest = serde_json::from_str(json).map_err(|_| Fault::Note)?;
    Ok((name.to_owned(), manifest, note.text().to_vec()))
}
