//! Events in, sealed leaves out, and back. [`proof::leaf`] says what a leaf is made of.

use std::sync::Arc;

pub use proof::leaf::{HEADER_BYTES, Header, Kind, LEAF_BYTES_MAX, LogTag, tag};
use proof::{
    leaf::{PREFIX_BYTES, TAG_BYTES, parts, stating},
    succession,
};
use vault::{DataKey, LogSigner, VaultError};

use crate::{Day, Event, EventRef, Term};

/// An event longer than this is not recorded, and what it stands for not done.
pub const RECORD_BYTES_MAX: usize = LEAF_BYTES_MAX - PREFIX_BYTES - TAG_BYTES;

// The vault seals as a leaf has it.
const _: () = assert!(vault::TAG_BYTES == TAG_BYTES);
const _: () = assert!(vault::NONCE_BYTES == proof::leaf::NONCE_BYTES);

/// Most events fit without a second allocation.
const EVENT_BYTES_USUAL: usize = 2 * 1024;

/// Why a record cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The event is longer than a record may be.
    #[error("the event takes {bytes} bytes; a record holds {RECORD_BYTES_MAX}")]
    TooLarge {
        /// Its length as JSON.
        bytes: usize,
    },
    /// The event is no JSON, in either direction.
    #[error("the event is not JSON")]
    Json(#[source] serde_json::Error),
    /// The leaf has no header of this layout.
    #[error("the leaf has no readable header")]
    Header,
    /// The key does not fit.
    #[error("the leaf does not open")]
    Key(#[source] VaultError),
    /// A succession that the log's keys did not sign.
    #[error("the log's keys do not sign the succession")]
    Unstated,
}

/// An event on its way to the writer: serialized by its caller, sealed when its index is known.
pub struct Draft {
    kind: Kind,
    at_us: i64,
    opening: Option<u64>,
    /// How long it is kept.
    term: Arc<Term>,
    /// Room for header and nonce, then the JSON.
    buffer: Vec<u8>,
    /// Of a succession, the keys: the one so far and the one from there on.
    keys: Option<(Arc<LogSigner>, Arc<LogSigner>)>,
}

impl Draft {
    /// Serializes `event`, which is kept for `term`.
    pub fn new<'a>(event: impl Into<EventRef<'a>>, term: Arc<Term>) -> Result<Self, SealError> {
        let event = event.into();
        let (kind, at, opening) = event.head();
        let mut buffer = Vec::with_capacity(EVENT_BYTES_USUAL);
        buffer.resize(PREFIX_BYTES, 0);
        serde_json::to_writer(&mut buffer, &event).map_err(SealError::Json)?;
        let bytes = buffer.len() - PREFIX_BYTES;
        if bytes > RECORD_BYTES_MAX {
            return Err(SealError::TooLarge { bytes });
        }
        Ok(Self {
            kind,
            at_us: at.as_microsecond(),
            opening,
            term,
            buffer,
            keys: None,
        })
    }

    /// One that another process has serialized: what it says of itself, and the event as JSON.
    pub(crate) fn handed(
        (kind, at_us, opening): (Kind, i64, Option<u64>),
        term: Arc<Term>,
        event: &str,
    ) -> Result<Self, SealError> {
        let bytes = event.len();
        if bytes > RECORD_BYTES_MAX {
            return Err(SealError::TooLarge { bytes });
        }
        // Only the writer that makes a succession has the keys that sign it.
        if kind == Kind::Succeed {
            return Err(SealError::Unstated);
        }
        let mut buffer = Vec::with_capacity(PREFIX_BYTES + bytes + TAG_BYTES);
        buffer.resize(PREFIX_BYTES, 0);
        buffer.extend(event.as_bytes());
        Ok(Self {
            kind,
            at_us,
            opening,
            term,
            buffer,
            keys: None,
        })
    }

    /// The opening that it closes.
    pub(crate) fn opening(&self) -> Option<u64> {
        self.opening
    }

    /// The event, as JSON.
    pub(crate) fn event(&self) -> &[u8] {
        self.buffer.get(PREFIX_BYTES..).unwrap_or_default()
    }

    /// Has it state that the key `after` comes in the place of `before`.
    pub(crate) fn stating(&mut self, before: &Arc<LogSigner>, after: &Arc<LogSigner>) {
        self.keys = Some((Arc::clone(before), Arc::clone(after)));
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// When it happened, microseconds since 1970.
    pub(crate) fn at_us(&self) -> i64 {
        self.at_us
    }

    /// The day of it.
    pub(crate) fn day(&self) -> Day {
        Day::of_us(self.at_us)
    }

    /// How long it is kept.
    pub(crate) fn term(&self) -> &Arc<Term> {
        &self.term
    }

    /// How many bytes of memory it holds, about.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Seals it as the leaf at `index` of a log; nothing of the plaintext stays.
    pub fn seal(
        self,
        log: LogTag,
        index: u64,
        id: u32,
        key: &DataKey,
    ) -> Result<Vec<u8>, SealError> {
        let header = Header {
            kind: self.kind,
            key: id,
            index,
            at_us: self.at_us,
            opening: self.opening,
            log: Some(log),
        };
        let header = header.bytes(log);
        if self.kind == Kind::Succeed {
            let (before, after) = self.keys.ok_or(SealError::Unstated)?;
            return stated(&header, index, (&before, &after), &self.buffer, key);
        }
        let mut leaf = self.buffer;
        let (prefix, event) = leaf
            .split_first_chunk_mut::<PREFIX_BYTES>()
            .ok_or(SealError::Header)?;
        let seal = key.seal(&header, event).map_err(SealError::Key)?;
        let fields = header.into_iter().chain(seal.nonce);
        prefix
            .iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        leaf.extend(seal.tag);
        Ok(leaf)
    }
}

/// The leaf of a succession: what it states stands in clear, signed by both keys, and the event is bound to it.
fn stated(
    header: &[u8; HEADER_BYTES],
    index: u64,
    (before, after): (&LogSigner, &LogSigner),
    buffer: &[u8],
    key: &DataKey,
) -> Result<Vec<u8>, SealError> {
    let keys = (&*before.verifier_key(), &*after.verifier_key());
    let statement = succession::sign(index, (keys.0, before), (keys.1, after));
    let statement = statement.map_err(|_| SealError::Unstated)?;
    let mut leaf = stating(header, statement.as_bytes()).ok_or(SealError::Unstated)?;
    let mut event = buffer.get(PREFIX_BYTES..).unwrap_or_default().to_vec();
    let seal = key.seal(&leaf, &mut event).map_err(SealError::Key)?;
    leaf.extend(seal.nonce);
    leaf.extend(event);
    leaf.extend(seal.tag);
    let bytes = leaf.len();
    if bytes > LEAF_BYTES_MAX {
        return Err(SealError::TooLarge { bytes });
    }
    Ok(leaf)
}

/// The event in `leaf`, sealed under `key`.
pub fn open(leaf: &[u8], key: &DataKey) -> Result<Event, SealError> {
    Header::parse(leaf).ok_or(SealError::Header)?;
    let (header, nonce, sealed) = parts(leaf).ok_or(SealError::Header)?;
    let mut sealed = sealed.to_vec();
    let event = key
        .open(nonce, header, &mut sealed)
        .map_err(SealError::Key)?;
    serde_json::from_slice(event).map_err(SealError::Json)
}

#[cfg(test)]
mod tests;
