//! The keys of one log, as they succeed each other.

use signed_note::{Note, NoteError, StandardVerifier, Verifier};

use super::{Forgery, MalformedKey, Only};
use crate::succession::{SUCCESSIONS_MAX, Succession, Unfounded};

/// A key, and the record from which on it signs.
#[derive(Clone)]
struct Reign {
    /// The record of its succession; none of the first that is known.
    from: Option<u64>,
    key: String,
    log: StandardVerifier,
}

impl Reign {
    fn parse(from: Option<u64>, key: &str) -> Result<Self, MalformedKey> {
        let key = key.trim().to_owned();
        let log = StandardVerifier::new(&key).map_err(MalformedKey)?;
        Ok(Self { from, key, log })
    }

    /// Whether it signs checkpoints over so many records.
    fn covers(&self, size: u64) -> bool {
        self.from.is_none_or(|from| from < size)
    }
}

/// Which key signs what of a log.
#[derive(Clone)]
pub struct Lineage {
    first: Reign,
    /// In their order.
    later: Vec<Reign>,
    /// Who may come next.
    expected: Option<Reign>,
}

/// What a succession is to a lineage.
pub(crate) enum Place {
    /// It is its own next step, or one that it has.
    Own,
    /// The first key that is known came by it.
    First,
    /// It is between keys that are not known.
    Foreign,
}

impl Lineage {
    pub(super) fn new(key: &str) -> Result<Self, MalformedKey> {
        Ok(Self {
            first: Reign::parse(None, key)?,
            later: Vec::new(),
            expected: None,
        })
    }

    pub(super) fn push(&mut self, index: u64, key: &str) -> Result<(), MalformedKey> {
        self.later.push(Reign::parse(Some(index), key)?);
        Ok(())
    }

    /// Has this one be expected next.
    pub(super) fn expect(&mut self, key: &str) -> Result<(), MalformedKey> {
        self.expected = Some(Reign::parse(None, key)?);
        Ok(())
    }

    /// Has none be expected.
    pub(crate) fn expect_none(&mut self) {
        self.expected = None;
    }

    /// The keys, each with the record of its succession, as far as that is known.
    pub fn keys(&self) -> impl Iterator<Item = (Option<u64>, &str)> {
        self.reigns().map(|reign| (reign.from, reign.key.as_str()))
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        1 + self.later.len()
    }

    pub(super) fn name(&self) -> &str {
        self.first.log.name()
    }

    pub(super) fn newest(&self) -> &str {
        &self.last().key
    }

    pub(crate) fn knows(&self, key: &str) -> bool {
        self.keys().any(|(_, known)| known == key.trim())
    }

    fn reigns(&self) -> impl DoubleEndedIterator<Item = &Reign> {
        std::iter::once(&self.first).chain(&self.later)
    }

    fn last(&self) -> &Reign {
        self.later.last().unwrap_or(&self.first)
    }

    /// Whether the key signed `note` that was in force when the log had so many records.
    pub(crate) fn signed(&self, note: &Note, size: u64) -> Result<(), Forgery> {
        let mut before = self.reigns().rev().skip_while(|reign| !reign.covers(size));
        let in_force = before.next().unwrap_or(&self.first);
        let told = by(note, in_force);
        if told != Err(Forgery::UnknownKey) {
            return told;
        }
        let is_last = in_force.from == self.last().from;
        let mut expected = self.expected.iter().filter(|_| is_last);
        if expected.any(|next| by(note, next).is_ok()) {
            return Ok(());
        }
        Err(if before.any(|reign| by(note, reign).is_ok()) {
            Forgery::Superseded
        } else {
            Forgery::UnknownKey
        })
    }

    /// Takes in what a record says.
    pub(crate) fn take(&mut self, said: &Succession) -> Result<Place, Unfounded> {
        let known = self.later.iter().find(|it| it.from == Some(said.index));
        if let Some(known) = known {
            let is_it = known.key == said.after;
            return is_it.then_some(Place::Own).ok_or(Unfounded::Otherwise);
        }
        let last = self.last();
        if said.before == last.key {
            if self.knows(&said.after) {
                return Err(Unfounded::Again);
            }
            if last.from.is_some_and(|from| from >= said.index) {
                return Err(Unfounded::Otherwise);
            }
            if self.len() > SUCCESSIONS_MAX {
                return Err(Unfounded::TooMany);
            }
            let next = Reign::parse(Some(said.index), &said.after);
            self.later.push(next.map_err(|_| Unfounded::Malformed)?);
            return Ok(Place::Own);
        }
        if self.first.from.is_none() && said.after == self.first.key && self.later.is_empty() {
            return Ok(Place::First);
        }
        if self.knows(&said.before) || self.knows(&said.after) {
            return Err(Unfounded::NotInForce);
        }
        Ok(Place::Foreign)
    }

    /// The keys that an earlier look left, if what was known is among them.
    pub(crate) fn resume(&mut self, keys: &[(Option<u64>, String)]) -> Option<()> {
        let ((_, first), later) = keys.split_first()?;
        let later = later.iter().map(|(from, key)| Reign::parse(*from, key));
        let lineage = Self {
            first: Reign::parse(None, first).ok()?,
            later: later.collect::<Result<_, _>>().ok()?,
            expected: None,
        };
        let is_whole = lineage.later.iter().all(|it| it.from.is_some());
        let goes_on = self.keys().all(|(_, key)| lineage.knows(key));
        (is_whole && goes_on).then(|| *self = lineage)
    }

    /// Has all that led to the first key that was known, which is the last one of it, before it. Gives the ids of the
    /// keys that went.
    pub(crate) fn precede(&mut self, chain: &[Succession]) -> Result<Vec<u32>, Unfounded> {
        let mut wanted = self.first.key.clone();
        let mut steps = Vec::new();
        for step in chain.iter().rev() {
            if step.after == wanted {
                wanted.clone_from(&step.before);
                steps.push(step);
            }
        }
        let reign = |from, key: &str| Reign::parse(from, key).map_err(|_| Unfounded::Malformed);
        let first = reign(None, &wanted)?;
        let mut later = Vec::new();
        for step in steps.iter().rev() {
            later.push(reign(Some(step.index), &step.after)?);
        }
        let mut keys: Vec<&str> = vec![&first.key];
        keys.extend(later.iter().map(|it| it.key.as_str()));
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Unfounded::Again);
        }
        later.append(&mut self.later);
        let gone = later.len();
        (self.first, self.later) = (first, later);
        Ok(self.reigns().take(gone).map(|it| it.log.key_id()).collect())
    }
}

/// Whether this key signed it.
fn by(note: &Note, reign: &Reign) -> Result<(), Forgery> {
    match note.verify(&Only(&reign.log)) {
        Ok(_) => Ok(()),
        Err(NoteError::InvalidSignature { .. }) => Err(Forgery::BadSignature),
        Err(_) => Err(Forgery::UnknownKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checkpoint::{Authority, sign, sign_by},
        testing::signer,
        tree::Tree,
    };

    fn note(size: u8, by: &[u8]) -> String {
        let mut tree = Tree::default();
        for leaf in 0..size {
            tree.append([leaf; 32]);
        }
        let signers: Vec<_> = by.iter().map(|seed| signer(*seed).0).collect();
        let signers: Vec<&dyn signed_note::Signer> = signers
            .iter()
            .map(|it| it as &dyn signed_note::Signer)
            .collect();
        sign_by(&tree, &signers).unwrap()
    }

    fn key(seed: u8) -> String {
        signer(seed).1.key().to_owned()
    }

    #[test]
    fn a_key_counts_while_it_is_in_force() {
        let authority = signer(1).1.succeeded(4, &key(2)).unwrap();
        let authority = authority.succeeded(6, &key(3)).unwrap();
        let check = |size, by: &[u8]| authority.check(note(size, by).as_bytes()).map(|it| it.size);
        assert_eq!(check(4, &[1]), Ok(4));
        assert_eq!(check(4, &[2]), Err(Forgery::UnknownKey), "before its time");
        assert_eq!(check(5, &[1, 2]), Ok(5));
        assert_eq!(check(5, &[2]), Ok(5));
        assert_eq!(check(5, &[1]), Err(Forgery::Superseded));
        assert_eq!(check(6, &[2]), Ok(6));
        assert_eq!(check(9, &[3]), Ok(9));
        assert_eq!(check(9, &[1]), Err(Forgery::Superseded));
        assert_eq!(check(9, &[2]), Err(Forgery::Superseded));
        assert_eq!(check(9, &[4]), Err(Forgery::UnknownKey));
        assert_eq!(authority.key(), key(3));
    }

    #[test]
    fn who_is_expected_signs_only_behind_all_others() {
        let authority = signer(1).1.succeeded(4, &key(2)).unwrap();
        let authority = authority.expecting(&key(3)).unwrap();
        let check = |size, by: &[u8]| authority.check(note(size, by).as_bytes()).map(|it| it.size);
        assert_eq!(check(4, &[3]), Err(Forgery::UnknownKey));
        assert_eq!(check(7, &[3]), Ok(7));
        assert_eq!(check(7, &[2]), Ok(7));
        assert_eq!(check(7, &[1]), Err(Forgery::Superseded));
    }

    #[test]
    fn a_lineage_grows_by_its_own_key_alone() {
        let said = |index, before, after| Succession {
            index,
            before: key(before),
            after: key(after),
        };
        let mut lineage = signer(1).1.lineage().clone();
        assert!(matches!(lineage.take(&said(3, 1, 2)), Ok(Place::Own)));
        assert!(matches!(lineage.take(&said(3, 1, 2)), Ok(Place::Own)));
        assert_eq!(
            lineage.take(&said(3, 1, 4)).err(),
            Some(Unfounded::Otherwise)
        );
        assert_eq!(
            lineage.take(&said(5, 1, 4)).err(),
            Some(Unfounded::NotInForce)
        );
        assert_eq!(lineage.take(&said(5, 2, 1)).err(), Some(Unfounded::Again));
        assert_eq!(
            lineage.take(&said(2, 2, 4)).err(),
            Some(Unfounded::Otherwise)
        );
        assert!(matches!(lineage.take(&said(9, 7, 8)), Ok(Place::Foreign)));
        assert_eq!(lineage.len(), 2);
    }

    #[test]
    fn what_led_to_a_key_is_put_before_it() {
        let step = |index, before, after| Succession {
            index,
            before: key(before),
            after: key(after),
        };
        let mut lineage = signer(3).1.lineage().clone();
        let chain = [step(2, 1, 2), step(4, 8, 9), step(6, 2, 3)];
        assert!(matches!(lineage.take(&chain[2]), Ok(Place::First)));
        let gone = lineage.precede(&chain).unwrap();
        assert_eq!(gone.len(), 2);
        let keys: Vec<_> = lineage.keys().map(|(from, _)| from).collect();
        assert_eq!(keys, [None, Some(2), Some(6)]);
        let tree = Tree::default();
        let head = sign(&tree, &signer(1).0).unwrap();
        let checked = Authority::parse(&key(1)).unwrap().check(head.as_bytes());
        assert!(checked.is_ok());
    }
}
