//! Another key signs the log: a statement in clear in the record of it, signed by both.
//!
//! A C2SP signed note of five lines, under the log's name twice, first by the key that goes, then by the one that comes:
//!
//! ```text
//! tidegate succession v1
//! <origin>
//! <index of the record>
//! <verifier key so far>
//! <verifier key from here on>
//!
//! — <origin> <signature>
//! — <origin> <signature>
//! ```
//!
//! No checkpoint is like it: its first line is no log's name. The index is the record's own, so that it can stand nowhere
//! else. Both signatures are in the record, because of a log that is published as tiles nothing is left of the
//! checkpoint that covered it first.

use serde::Serialize;
use signed_note::{Note, NoteError, Signer, StandardVerifier, Verifier};

use crate::checkpoint::{Only, Unsigned};

/// The statement is no longer: two keys, two signatures, some names.
pub const STATEMENT_BYTES_MAX: usize = 2048;

/// No log is followed over more of them: one a month for forty years.
pub const SUCCESSIONS_MAX: usize = 512;

/// What it begins with.
const TITLE: &str = "tidegate succession v1";

/// That a key signs from a record on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// The record.
    pub index: u64,
    /// The verifier key so far.
    pub before: String,
    /// The verifier key from there on.
    pub after: String,
}

/// Why a statement of a succession is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Unfounded {
    /// It is no signed note of this kind.
    #[error("it is no statement of a succession")]
    Malformed,
    /// It is about another log.
    #[error("it is about another log")]
    OtherLog,
    /// It is of another record.
    #[error("it was made for another record")]
    OtherRecord,
    /// The key that goes did not sign it.
    #[error("the key so far did not sign it")]
    NoConsent,
    /// The key that comes did not sign it.
    #[error("the new key did not sign it")]
    NoPossession,
    /// The key that goes did not sign the log.
    #[error("the key so far was not in force")]
    NotInForce,
    /// The key that comes signed the log before.
    #[error("the new key was superseded before")]
    Again,
    /// It is known that another key came there, or none.
    #[error("it is known otherwise")]
    Otherwise,
    /// There were too many.
    #[error("the log had more than {SUCCESSIONS_MAX} before")]
    TooMany,
}

/// The statement that the key of `after` comes in the place of the one of `before` with the record at `index`; both with
/// their verifier keys.
///
/// # Errors
/// If the keys do not sign, or are of different logs.
pub fn sign(
    index: u64,
    (before, old): (&str, &dyn Signer),
    (after, new): (&str, &dyn Signer),
) -> Result<String, Unsigned> {
    if old.name() != new.name() {
        return Err(Unsigned);
    }
    let text = format!("{TITLE}\n{}\n{index}\n{before}\n{after}\n", old.name());
    let mut note = Note::new(text.as_bytes(), &[]).map_err(|_| Unsigned)?;
    note.add_sigs(&[old, new]).map_err(|_| Unsigned)?;
    String::from_utf8(note.to_bytes()).map_err(|_| Unsigned)
}

/// What the statement in the record at `index` of the log named `origin` says, if both keys signed it.
///
/// # Errors
/// If it is not that.
pub fn read(statement: &[u8], origin: &str, index: u64) -> Result<Succession, Unfounded> {
    if statement.len() > STATEMENT_BYTES_MAX {
        return Err(Unfounded::Malformed);
    }
    let note = Note::from_bytes(statement).map_err(|_| Unfounded::Malformed)?;
    let text = std::str::from_utf8(note.text()).map_err(|_| Unfounded::Malformed)?;
    let lines: Vec<&str> = text.lines().collect();
    let &[TITLE, named, at, before, after] = lines.as_slice() else {
        return Err(Unfounded::Malformed);
    };
    if named != origin {
        return Err(Unfounded::OtherLog);
    }
    if at != index.to_string() {
        return Err(Unfounded::OtherRecord);
    }
    let key = |typed| StandardVerifier::new(typed).map_err(|_| Unfounded::Malformed);
    let (old, new) = (key(before)?, key(after)?);
    if old.name() != origin || new.name() != origin {
        return Err(Unfounded::OtherLog);
    }
    if old.key_id() == new.key_id() {
        return Err(Unfounded::Malformed);
    }
    signed(&note, &old).map_err(|_| Unfounded::NoConsent)?;
    signed(&note, &new).map_err(|_| Unfounded::NoPossession)?;
    Ok(Succession {
        index,
        before: before.to_owned(),
        after: after.to_owned(),
    })
}

fn signed(note: &Note, key: &StandardVerifier) -> Result<(), NoteError> {
    note.verify(&Only(key)).map(drop)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::signer;

    const ORIGIN: &str = "log.example/1";

    fn statement(index: u64, old: u8, new: u8) -> (String, String, String) {
        let ((old, before), (new, after)) = (signer(old), signer(new));
        let (before, after) = (before.key().to_owned(), after.key().to_owned());
        let made = sign(index, (&before, &old), (&after, &new)).unwrap();
        (made, before, after)
    }

    /// The statement with the signature lines that `keep` keeps, by their number.
    fn with_lines(statement: &str, keep: &[usize]) -> String {
        let (text, lines) = statement.rsplit_once("\n\n").unwrap();
        let lines: Vec<&str> = lines.lines().collect();
        let kept: Vec<&str> = keep.iter().map(|at| lines[*at]).collect();
        format!("{text}\n\n{}\n", kept.join("\n"))
    }

    #[test]
    fn what_both_signed_holds_at_its_place_alone() {
        let (made, before, after) = statement(7, 1, 2);
        assert!(made.len() < STATEMENT_BYTES_MAX);
        let index = 7;
        let expected = Succession {
            index,
            before,
            after,
        };
        let read_at = |origin, index| read(made.as_bytes(), origin, index);
        assert_eq!(read_at(ORIGIN, 7), Ok(expected));
        assert_eq!(read_at(ORIGIN, 8), Err(Unfounded::OtherRecord));
        assert_eq!(read_at("log.example/2", 7), Err(Unfounded::OtherLog));
    }

    #[test]
    fn both_signatures_are_needed() {
        let (made, ..) = statement(7, 1, 2);
        let read = |kept: &[usize]| read(with_lines(&made, kept).as_bytes(), ORIGIN, 7);
        assert_eq!(read(&[0]), Err(Unfounded::NoPossession));
        assert_eq!(read(&[1]), Err(Unfounded::NoConsent));
        assert!(read(&[1, 0]).is_ok());
    }

    #[test]
    fn no_key_comes_after_itself_and_no_checkpoint_is_a_statement() {
        let (made, ..) = statement(7, 1, 1);
        assert!(read(made.as_bytes(), ORIGIN, 7).is_err());
        let (key, authority) = signer(1);
        let note = crate::checkpoint::sign(&crate::tree::Tree::default(), &key).unwrap();
        let told = read(note.as_bytes(), ORIGIN, 0);
        assert_eq!(told, Err(Unfounded::Malformed));
        // And the other way round.
        let (made, ..) = statement(7, 1, 2);
        assert!(authority.check(made.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn one_byte_changed_is_no_statement(place: prop::sample::Index, to: u8) {
            let (made, ..) = statement(7, 1, 2);
            let mut changed = made.clone().into_bytes();
            let at = place.index(changed.len());
            changed[at] = to;
            prop_assume!(changed != made.as_bytes());
            prop_assert!(read(&changed, ORIGIN, 7).is_err());
        }

        #[test]
        fn no_bytes_upset_it(bytes: Vec<u8>) {
            prop_assert!(read(&bytes, ORIGIN, 7).is_err());
        }
    }
}
