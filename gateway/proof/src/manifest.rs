//! What a backup of a log has, signed by the log's key.
//!
//! A C2SP signed note under the log's name:
//!
//! ```text
//! tidegate backup v1
//! <origin>
//! <how many records the log had>
//! <what there is, JSON>
//!
//! — <origin> <signature>
//! ```
//!
//! No checkpoint is like it and no statement of a succession: its first line is neither a log's name nor the title of that. The
//! number says which of a log's keys must have signed it.

use signed_note::{Note, Signer};

use crate::checkpoint::{Authority, Forgery, Unsigned};

/// A manifest is no longer: a backup is some two dozen files.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;

/// What it begins with.
const TITLE: &str = "tidegate backup v1";

/// The manifest `json` of a log that had so many records.
///
/// # Errors
/// If `json` is no text for a note, or the key does not sign.
pub fn sign(records: u64, json: &str, signer: &dyn Signer) -> Result<String, Unsigned> {
    let text = format!("{TITLE}\n{}\n{records}\n{}\n", signer.name(), json.trim());
    let mut note = Note::new(text.as_bytes(), &[]).map_err(|_| Unsigned)?;
    note.add_sigs(&[signer]).map_err(|_| Unsigned)?;
    let bytes = note.to_bytes();
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(Unsigned);
    }
    String::from_utf8(bytes).map_err(|_| Unsigned)
}

/// How many records the log had, and what there is, if the key signed `note` that was in force then.
///
/// # Errors
/// If it is no manifest, of another log, or signed by none of its keys.
pub fn read(note: &[u8], authority: &Authority) -> Result<(u64, String), Forgery> {
    if note.len() > MANIFEST_BYTES_MAX {
        return Err(Forgery::Malformed);
    }
    let note = Note::from_bytes(note).map_err(|_| Forgery::Malformed)?;
    let text = std::str::from_utf8(note.text()).map_err(|_| Forgery::Malformed)?;
    let mut lines = text.splitn(4, '\n');
    let [title, origin, records, json] = [(); 4].map(|()| lines.next().unwrap_or_default());
    let records = records.parse().map_err(|_| Forgery::Malformed)?;
    if title != TITLE {
        return Err(Forgery::Malformed);
    }
    authority.lineage().signed(&note, records)?;
    if origin != authority.origin() {
        return Err(Forgery::WrongOrigin);
    }
    Ok((records, json.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::signer;

    const JSON: &str = "{\n  \"files\": []\n}";

    #[test]
    fn it_says_what_was_signed_by_the_key_in_force_alone() {
        let ((key, authority), (later, after)) = (signer(1), signer(2));
        let made = sign(7, JSON, &key).unwrap();
        assert_eq!(
            read(made.as_bytes(), &authority),
            Ok((7, JSON.to_owned())),
            "{made}"
        );
        assert_eq!(read(made.as_bytes(), &after), Err(Forgery::UnknownKey));
        // The second key signs from record 7 on, and nothing before.
        let both = authority.succeeded(7, after.key()).unwrap();
        assert!(read(made.as_bytes(), &both).is_ok());
        let stale = sign(8, JSON, &key).unwrap();
        assert_eq!(read(stale.as_bytes(), &both), Err(Forgery::Superseded));
        let new = sign(8, JSON, &later).unwrap();
        assert_eq!(read(new.as_bytes(), &both), Ok((8, JSON.to_owned())));
    }

    #[test]
    fn no_checkpoint_is_a_manifest() {
        let (key, authority) = signer(1);
        let note = crate::checkpoint::sign(&crate::tree::Tree::default(), &key).unwrap();
        assert_eq!(read(note.as_bytes(), &authority), Err(Forgery::Malformed));
        let made = sign(7, JSON, &key).unwrap();
        assert!(authority.check(made.as_bytes()).is_err());
        assert!(sign(7, &"x".repeat(MANIFEST_BYTES_MAX), &key).is_err());
        assert!(sign(7, "a\0b", &key).is_err());
    }

    proptest! {
        #[test]
        fn one_byte_changed_is_no_manifest(place: prop::sample::Index, to: u8) {
            let (key, authority) = signer(1);
            let made = sign(7, JSON, &key).unwrap();
            let mut changed = made.clone().into_bytes();
            let at = place.index(changed.len());
            changed[at] = to;
            prop_assume!(changed != made.as_bytes());
            prop_assert!(read(&changed, &authority).is_err());
        }
    }
}
