//! Events in, sealed leaves out, and back.
//!
//! A leaf is what is hashed, stored and exported:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | layout version, 1 |
//! | 1 | kind, as [`Kind`] numbers them |
//! | 4 | id of the data key, big-endian as all numbers |
//! | 8 | the leaf's own index |
//! | 8 | microseconds since 1970, as the event says |
//! | 8 | for a close the index of its opening, else all ones |
//! | 12 | nonce |
//! | … | the event as JSON, AES-256-GCM, the 30 bytes before the nonce as additional data |
//! | 16 | tag |
//!
//! The header is in clear so that whoever has only the public key can report open records, gaps
//! and the order of time. Nothing in it is about a person.

use serde::Serialize;
use vault::{DataKey, NONCE_BYTES, TAG_BYTES, VaultError};

use crate::{Event, EventRef};

/// An event longer than this is not recorded, and what it stands for not done.
pub const RECORD_BYTES_MAX: usize = 128 * 1024;

/// The header in clear.
pub const HEADER_BYTES: usize = 30;

/// No leaf is longer.
pub const LEAF_BYTES_MAX: usize = PREFIX_BYTES + RECORD_BYTES_MAX + TAG_BYTES;

/// No leaf is shorter.
const LEAF_BYTES_MIN: usize = PREFIX_BYTES + TAG_BYTES;
const PREFIX_BYTES: usize = HEADER_BYTES + NONCE_BYTES;
const VERSION: u8 = 1;
const NO_OPENING: u64 = u64::MAX;

/// Most events fit without a second allocation.
const EVENT_BYTES_USUAL: usize = 2 * 1024;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// The gateway began to serve.
    Start = 1,
    /// It stopped in good order.
    Stop = 2,
    /// An exchange was admitted.
    Open = 3,
    /// An admitted exchange ended.
    Close = 4,
    /// A request was refused.
    Refuse = 5,
    /// A person asked for the value of a token.
    Reveal = 6,
    /// An agent went past the gateway, or tried to.
    Bypass = 7,
    /// Something was not seen, or seen late.
    Gap = 8,
    /// Somebody was revoked, or is no longer.
    Revoke = 9,
    /// A person read the log.
    Query = 10,
    /// A session does what is not usual, or what nobody should.
    Anomaly = 11,
    /// A data subject was erased, or may not be.
    Erase = 12,
    /// A process of an agent has taken a turn.
    Process = 13,
    /// Other policies decide from here on.
    Policies = 14,
}

impl Kind {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 14] = [
        Self::Start,
        Self::Stop,
        Self::Open,
        Self::Close,
        Self::Refuse,
        Self::Reveal,
        Self::Bypass,
        Self::Gap,
        Self::Revoke,
        Self::Query,
        Self::Anomaly,
        Self::Erase,
        Self::Process,
        Self::Policies,
    ];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Open => "open",
            Self::Close => "close",
            Self::Refuse => "refuse",
            Self::Reveal => "reveal",
            Self::Bypass => "bypass",
            Self::Gap => "gap",
            Self::Revoke => "revoke",
            Self::Query => "query",
            Self::Anomaly => "anomaly",
            Self::Erase => "erase",
            Self::Process => "process",
            Self::Policies => "policies",
        }
    }

    fn coded(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// The part of a leaf that everybody can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// What the record is about.
    pub kind: Kind,
    /// Which data key sealed it.
    pub key: u32,
    /// Its place in the log, so that a leaf elsewhere gives itself away.
    pub index: u64,
    /// Microseconds since 1970.
    pub at_us: i64,
    /// For a close, the record it closes.
    pub opening: Option<u64>,
}

impl Header {
    /// The header of a leaf, if it is one.
    pub fn parse(leaf: &[u8]) -> Option<Self> {
        if leaf.len() < LEAF_BYTES_MIN || leaf.len() > LEAF_BYTES_MAX {
            return None;
        }
        let (&[version, kind], rest) = leaf.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (opening, _) = rest.split_first_chunk()?;
        (version == VERSION).then_some(())?;
        Some(Self {
            kind: Kind::coded(kind)?,
            key: u32::from_be_bytes(*key),
            index: u64::from_be_bytes(*index),
            at_us: i64::from_be_bytes(*at),
            opening: Some(u64::from_be_bytes(*opening)).filter(|it| *it != NO_OPENING),
        })
    }

    /// As it stands in a leaf.
    fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields = [VERSION, self.kind as u8]
            .into_iter()
            .chain(self.key.to_be_bytes())
            .chain(self.index.to_be_bytes())
            .chain(self.at_us.to_be_bytes())
            .chain(self.opening.unwrap_or(NO_OPENING).to_be_bytes());
        bytes
            .iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        bytes
    }
}

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
}

/// An event on its way to the writer: serialized by its caller, sealed when its index is known.
pub struct Draft {
    kind: Kind,
    at_us: i64,
    opening: Option<u64>,
    /// Room for header and nonce, then the JSON.
    buffer: Vec<u8>,
}

impl Draft {
    /// Serializes `event`.
    pub fn new<'a>(event: impl Into<EventRef<'a>>) -> Result<Self, SealError> {
        let event = event.into();
        let (kind, at, opening) = match event {
            EventRef::Start(start) => (Kind::Start, start.at, None),
            EventRef::Stop(stop) => (Kind::Stop, stop.at, None),
            EventRef::Open(opening) => (Kind::Open, opening.at, None),
            EventRef::Close(outcome) => (Kind::Close, outcome.at, Some(outcome.opening)),
            EventRef::Refuse(refusal) => (Kind::Refuse, refusal.at, None),
            EventRef::Reveal(revelation) => (Kind::Reveal, revelation.at, None),
            EventRef::Bypass(bypass) => (Kind::Bypass, bypass.at, None),
            EventRef::Gap(gap) => (Kind::Gap, gap.at, None),
            EventRef::Revoke(revocation) => (Kind::Revoke, revocation.at, None),
            EventRef::Query(inquiry) => (Kind::Query, inquiry.at, None),
            EventRef::Anomaly(anomaly) => (Kind::Anomaly, anomaly.at, None),
            EventRef::Erase(erasure) => (Kind::Erase, erasure.at, None),
            EventRef::Process(turn) => (Kind::Process, turn.at, None),
            EventRef::Policies(change) => (Kind::Policies, change.at, None),
        };
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
            buffer,
        })
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// When it happened, microseconds since 1970.
    pub(crate) fn at_us(&self) -> i64 {
        self.at_us
    }

    /// How many bytes of memory it holds, about.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Seals it as the leaf at `index`; nothing of the plaintext stays.
    pub fn seal(self, index: u64, id: u32, key: &DataKey) -> Result<Vec<u8>, SealError> {
        let header = Header {
            kind: self.kind,
            key: id,
            index,
            at_us: self.at_us,
            opening: self.opening,
        };
        let header = header.bytes();
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

/// The event in `leaf`, sealed under `key`.
pub fn open(leaf: &[u8], key: &DataKey) -> Result<Event, SealError> {
    Header::parse(leaf).ok_or(SealError::Header)?;
    let (header, rest) = leaf
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(SealError::Header)?;
    let (nonce, sealed) = rest.split_first_chunk().ok_or(SealError::Header)?;
    let mut sealed = sealed.to_vec();
    let event = key
        .open(*nonce, header, &mut sealed)
        .map_err(SealError::Key)?;
    serde_json::from_slice(event).map_err(SealError::Json)
}

#[cfg(test)]
mod tests;
