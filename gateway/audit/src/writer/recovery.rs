//! What is on disk, before anything is added to it.

use vault::LogSigner;

use crate::{
    Header, Keys, Kind, Ledger, LedgerError, READ_ROWS_MAX, TrailError,
    checkpoint::{Authority, Checkpoint, Forgery},
    tree::{self, DIGEST_BYTES, Digest, Place, Tree},
};

use super::GROUP_RECORDS_MAX;

/// The tree that is on disk, if the end of the log is what this key signed last: as many records
/// as the newest checkpoint says, hashing to its root, and the last group's leaves unchanged.
/// What lies further back is for `audit verify`; it would make every start read the whole log. And whether it is signed
/// by the key that comes next, so that the record that says so is on disk.
pub(super) async fn recover(
    ledger: &mut dyn Ledger,
    keys: &Keys,
) -> Result<(Tree, bool), TrailError> {
    let unverified = |why: String| Err(TrailError::Unverified(why));
    let head = ledger.head().await?;
    let Some((_, note)) = head.checkpoint else {
        return match head.size {
            0 => Ok((Tree::default(), false)),
            size => unverified(format!("{size} records and no checkpoint")),
        };
    };
    let next = keys.next.as_ref().map(|next| by(&note, next)).transpose()?;
    let next = next.and_then(Result::ok);
    let checked = next.map_or_else(|| by(&note, &keys.signer), |next| Ok(Ok(next)));
    let checkpoint = match checked? {
        Ok(checkpoint) => checkpoint,
        Err(forgery) => return unverified(format!("the newest checkpoint: {forgery}")),
    };
    if checkpoint.size != head.size {
        return unverified(format!(
            "{} records are there, {} are signed",
            head.size, checkpoint.size
        ));
    }
    let mut roots = Vec::new();
    for place in tree::frontier(head.size) {
        match node(ledger, place).await? {
            Some(root) => roots.push(root),
            None => return unverified(format!("record {} is missing", place.record)),
        }
    }
    let tree = Tree::restore(head.size, &roots).unwrap_or_default();
    if tree.root() != checkpoint.root {
        return unverified(format!("{} records do not have the signed root", head.size));
    }
    let tail = head.size.saturating_sub(GROUP_RECORDS_MAX as u64);
    for row in ledger.read(tail, READ_ROWS_MAX).await? {
        if Header::parse(&row.leaf).is_none_or(|header| header.index != row.index)
            || !row.nodes.starts_with(&tree::leaf_hash(&row.leaf))
        {
            return unverified(format!("record {} was changed", row.index));
        }
    }
    Ok((tree, next.is_some()))
}

/// The checkpoint in `note`, if this key signed it.
fn by(note: &str, signer: &LogSigner) -> Result<Result<Checkpoint, Forgery>, TrailError> {
    let authority = Authority::parse(&signer.verifier_key());
    let authority = authority.map_err(|error| TrailError::Unverified(error.to_string()))?;
    Ok(authority.check(note.as_bytes()))
}

/// The newest record by which a key succeeded another. It was made shortly before somebody looks for it.
pub(super) async fn succession(ledger: &mut dyn Ledger, size: u64) -> Result<u64, TrailError> {
    let mut end = size;
    while end > 0 {
        let from = end.saturating_sub(READ_ROWS_MAX.into());
        let limit = u32::try_from(end - from).unwrap_or(READ_ROWS_MAX);
        let rows = ledger.read(from, limit).await?;
        let found = rows.iter().rev().find(|row| {
            Header::parse(&row.leaf).is_some_and(|header| header.kind == Kind::Succeed)
        });
        if let Some(row) = found {
            return Ok(row.index);
        }
        end = from;
    }
    let why = "no record says that the key that signs it succeeded another";
    Err(TrailError::Unverified(why.to_owned()))
}

/// One stored node.
pub(crate) async fn node(
    ledger: &mut dyn Ledger,
    place: Place,
) -> Result<Option<Digest>, LedgerError> {
    let rows = ledger.read(place.record, 1).await?;
    let row = rows.into_iter().find(|row| row.index == place.record);
    Ok(row.and_then(|row| {
        let node = row.nodes.chunks_exact(DIGEST_BYTES).nth(place.level)?;
        node.try_into().ok()
    }))
}
