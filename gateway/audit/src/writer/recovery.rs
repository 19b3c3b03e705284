//! What is on disk, before anything is added to it.

use crate::{
    Header, Ledger, LedgerError, TrailError,
    checkpoint::Authority,
    trail::Keys,
    tree::{self, DIGEST_BYTES, Digest, Place, Tree},
};

use super::GROUP_RECORDS_MAX;

/// The tree that is on disk, if the end of the log is what this key signed last: as many records
/// as the newest checkpoint says, hashing to its root, and the last group's leaves unchanged.
/// What lies further back is for `audit verify`; it would make every start read the whole log.
pub(super) async fn recover(ledger: &mut dyn Ledger, keys: &Keys) -> Result<Tree, TrailError> {
    let unverified = |why: String| Err(TrailError::Unverified(why));
    let head = ledger.head().await?;
    let Some((_, note)) = head.checkpoint else {
        return match head.size {
            0 => Ok(Tree::default()),
            size => unverified(format!("{size} records and no checkpoint")),
        };
    };
    let authority = Authority::parse(&keys.signer.verifier_key())
        .map_err(|error| TrailError::Unverified(error.to_string()))?;
    let checkpoint = match authority.check(note.as_bytes()) {
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
    for row in ledger.read(tail, crate::READ_ROWS_MAX).await? {
        if Header::parse(&row.leaf).is_none_or(|header| header.index != row.index)
            || !row.nodes.starts_with(&tree::leaf_hash(&row.leaf))
        {
            return unverified(format!("record {} was changed", row.index));
        }
    }
    Ok(tree)
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
