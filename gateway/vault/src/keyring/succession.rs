//! Another key that signs the log.
//!
//! A keyring has the next key before the log says that it signs, and both until the log says so for good: whoever opens it
//! after a crash finds out from the log which of them signs. Of a key that went, the public half stays, with the record
//! of its end.

use serde::{Deserialize, Serialize};
use signed_note::Signer as _;

use super::{Contents, Keyring};
use crate::{KeyMaterial, LogSigner, VaultError};

/// What is wrong with keys that do not follow each other.
pub(super) const UNORDERED: &str =
    "the keys that signed the log are not of this log, or not in the order of their records";

/// A key that signed the log until another succeeded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Former {
    /// Its verifier key (C2SP signed-note).
    pub verifier: String,
    /// The record by which the next one succeeded it.
    pub until: u64,
}

/// The public halves of the keys that sign a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeys {
    /// Those that went, in order.
    pub former: Vec<Former>,
    /// The verifier key of the one that signs.
    pub current: String,
    /// The one that signs next, or does already: the log says which.
    pub next: Option<String>,
}

impl PublicKeys {
    /// The log's first verifier key, by which all of it can be judged.
    pub fn first(&self) -> &str {
        let first = self.former.first().map(|it| &it.verifier);
        first.unwrap_or(&self.current)
    }

    /// Whether they are keys of this log, each with a record behind the one before.
    pub(super) fn are_of(&self, log: &str) -> bool {
        let former = self.former.iter().map(|it| &it.verifier);
        let mut all = former.chain([&self.current]).chain(&self.next);
        let follow = self.former.is_sorted_by(|a, b| a.until < b.until);
        follow && all.all(|key| key.strip_prefix(log).is_some_and(|it| it.starts_with('+')))
    }
}

impl Keyring {
    /// The public halves of the keys that sign the log.
    ///
    /// # Errors
    /// If the module refuses.
    pub fn public_keys(&self) -> Result<PublicKeys, VaultError> {
        let next = self.next_signer()?;
        Ok(PublicKeys {
            former: self.contents.former.clone(),
            current: self.signer()?.verifier_key(),
            next: next.map(|next| next.verifier_key()),
        })
    }

    /// Signs this keyring's log next, or does already: the log says which.
    ///
    /// # Errors
    /// If the module refuses.
    pub fn next_signer(&self) -> Result<Option<LogSigner>, VaultError> {
        let next = self.contents.next_signing.as_ref();
        next.map(|seed| LogSigner::new(self.contents.log.clone(), seed))
            .transpose()
    }

    /// The same keyring with another key that is to sign the log. It is in no file yet.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn succeeding(&self) -> Result<Self, VaultError> {
        let mut contents = self.contents.clone();
        let signer = self.signer()?;
        // Two keys of one name are told apart by four bytes of a hash (C2SP signed-note).
        let taken = |next: &LogSigner| {
            let id = format!("+{:08x}+", next.key_id());
            let former = contents.former.iter().map(|it| &it.verifier);
            next.key_id() == signer.key_id() || former.into_iter().any(|it| it.contains(&id))
        };
        let next = loop {
            let seed = KeyMaterial::generate()?;
            if !taken(&LogSigner::new(contents.log.clone(), &seed)?) {
                break seed;
            }
        };
        contents.next_signing = Some(next);
        Self::of(contents)
    }

    /// The same keyring once the log says, by the record at `until`, that the next key signs: the private half of the one
    /// before is gone.
    ///
    /// # Errors
    /// If there is no next key.
    pub fn succeeded(&self, until: u64) -> Result<Self, VaultError> {
        let mut contents: Contents = self.contents.clone();
        let verifier = self.signer()?.verifier_key();
        contents.signing = contents.next_signing.take().ok_or(VaultError::Module)?;
        contents.former.push(Former { verifier, until });
        Self::of(contents)
    }
}

#[cfg(test)]
mod tests {
    use crate::{KEYRING_FILE, Keyring, Place, Root, Source, Stored};

    #[test]
    fn a_key_goes_and_leaves_its_public_half() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEYRING_FILE);
        let keyring = Keyring::open_or_create(&path).unwrap();
        let first = keyring.public_keys().unwrap();
        assert!(keyring.succeeded(3).is_err(), "there is no next one");
        keyring.succeeding().unwrap().unseal(&path).unwrap();
        let both = Keyring::open(&path).unwrap();
        let keys = both.public_keys().unwrap();
        assert_eq!(
            (&keys.current, &keys.former),
            (&first.current, &first.former)
        );
        let next = keys.next.unwrap();
        assert_ne!(next, first.current);
        let before = std::fs::read_to_string(&path).unwrap();
        both.succeeded(3).unwrap().unseal(&path).unwrap();
        let keys = Keyring::open(&path).unwrap().public_keys().unwrap();
        assert_eq!((&keys.current, &keys.next), (&next, &None));
        assert_eq!((keys.first(), keys.former[0].until), (&*first.current, 3));
        // The private half of the first is in the file no more.
        let seed = |text: &str| {
            let json: serde_json::Value = serde_json::from_str(text).unwrap();
            json["signing"].as_str().unwrap().to_owned()
        };
        let after = std::fs::read_to_string(&path).unwrap();
        assert!(!after.contains(&seed(&before)));
    }

    #[test]
    fn a_sealed_keyring_shows_the_public_halves_and_is_bound_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEYRING_FILE);
        let keyring = Keyring::open_or_create(&path).unwrap();
        let keyring = keyring.succeeding().unwrap().succeeded(3).unwrap();
        let keyring = keyring.succeeding().unwrap();
        let root = Root::generate().unwrap();
        let secret = Source::File("/nowhere".into());
        keyring
            .seal(&path, Place::Passphrase { secret }, &root, b"wrapped")
            .unwrap();
        let Stored::Sealed(sealed) = Keyring::stored(&path).unwrap() else {
            panic!("it is sealed");
        };
        let keys = keyring.public_keys().unwrap();
        assert_eq!(sealed.public_keys(), keys);
        assert_eq!(sealed.open(&root).unwrap().public_keys().unwrap(), keys);
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = text.replace("\"until\": 3", "\"until\": 4");
        assert_ne!(changed, text);
        std::fs::write(&path, changed).unwrap();
        let Stored::Sealed(sealed) = Keyring::stored(&path).unwrap() else {
            panic!("it is sealed");
        };
        assert!(sealed.open(&root).is_err());
    }
}
