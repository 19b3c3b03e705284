//! Wrapped keys, a batch at a time, as their provider wraps now.

use vault::{KeyProvider, VaultError, rewrapped};

/// Keys that are wrapped anew at once: whoever waits for the store meanwhile waits some milliseconds.
pub(crate) const BATCH_MAX: u32 = 256;

/// Wrapped keys by what they are called.
type Wrapped<I> = Vec<(I, Vec<u8>)>;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrapped<I> {
    /// The last key of it, where the next batch begins; none if there were no keys.
    pub last: Option<I>,
    /// How many of its keys were wrapped otherwise.
    pub changed: u64,
}

/// The keys of `batch` that are wrapped otherwise than `provider` wraps now, as it does, and what becomes of all. A key
/// that does not open stays what it is.
pub(crate) fn rewrap<I: Copy>(
    batch: &[(I, Vec<u8>)],
    provider: &dyn KeyProvider,
    context: impl Fn(I) -> Vec<u8>,
) -> Result<(Wrapped<I>, Rewrapped<I>), VaultError> {
    let mut anew = Vec::new();
    for (id, wrapped) in batch {
        if let Some(wrapped) = rewrapped(provider, wrapped, &context(*id))? {
            anew.push((*id, wrapped));
        }
    }
    let told = Rewrapped {
        last: batch.last().map(|(id, _)| *id),
        changed: anew.len() as u64,
    };
    Ok((anew, told))
}
