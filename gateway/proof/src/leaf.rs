//! The leaves of a log: sealed records, of which everybody can read the header.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | layout version, 2 |
//! | 1 | kind, as [`Kind`] numbers them |
//! | 4 | id of the data key, big-endian as all numbers |
//! | 8 | the leaf's own index |
//! | 8 | microseconds since 1970, as the event says |
//! | 8 | for a close the index of its opening, for an expiry the id of the data key, else all ones |
//! | 4 | of which log it is ([`tag`]); not in version 1 |
//! | 2 + n | of a succession: a length, and so many bytes of a [`statement`] (C2SP signed note) |
//! | 12 | nonce |
//! | … | the event as JSON, AES-256-GCM, the bytes before the nonce as additional data |
//! | 16 | tag |
//!
//! The header is in clear so that whoever has only the public key can report open records, gaps
//! and the order of time. Nothing in it is about a person.

use serde::{Deserialize, Serialize};

use crate::tree::leaf_hash;

/// The header in clear.
pub const HEADER_BYTES: usize = 34;

/// The same in version 1.
const HEADER_BYTES_1: usize = HEADER_BYTES - TAG_OF_LOG_BYTES;

/// Which log a leaf is of.
pub type LogTag = [u8; TAG_OF_LOG_BYTES];

const TAG_OF_LOG_BYTES: usize = 4;

/// The nonce behind it (NIST SP 800-38D).
pub const NONCE_BYTES: usize = 12;

/// The tag at the end.
pub const TAG_BYTES: usize = 16;

/// What stands before the sealed event.
pub const PREFIX_BYTES: usize = HEADER_BYTES + NONCE_BYTES;

/// No leaf that is written is longer: C2SP tlog-tiles has 16 bits for the length of an entry.
pub const LEAF_BYTES_MAX: usize = u16::MAX as usize;

/// No leaf that is read is longer; before leaves went into tiles they could be.
pub const LEAF_BYTES_READ_MAX: usize = 128 * 1024 + PREFIX_BYTES + TAG_BYTES;

/// No leaf is shorter.
const LEAF_BYTES_MIN: usize = HEADER_BYTES_1 + NONCE_BYTES + TAG_BYTES;
const VERSION: u8 = 2;
const VERSION_1: u8 = 1;
const NO_OPENING: u64 = u64::MAX;
const SUCCEED: u8 = Kind::Succeed as u8;
const STATEMENT_LENGTH_BYTES: usize = 2;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// A data key is destroyed, and with it what it sealed: its time is over.
    Expire = 15,
    /// Records must be kept, or need not be any more.
    Hold = 16,
    /// Another key signs the log from here on.
    Succeed = 17,
}

impl Kind {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 17] = [
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
        Self::Expire,
        Self::Hold,
        Self::Succeed,
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
            Self::Expire => "expire",
            Self::Hold => "hold",
            Self::Succeed => "succeed",
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
    /// For a close, the record it closes; for an expiry, the data key ([`destroyed`](Self::destroyed)).
    pub opening: Option<u64>,
    /// Which log it is of, so that a leaf of another one gives itself away; unknown before version 2.
    #[serde(skip)]
    pub log: Option<LogTag>,
}

/// What leaves of the log with this name bear: the first bytes of the name's leaf hash.
pub fn tag(log: &str) -> LogTag {
    let [a, b, c, d, ..] = leaf_hash(log.as_bytes());
    [a, b, c, d]
}

/// What stands in clear in a leaf, its nonce, and what is sealed with the tag behind it.
pub fn parts(leaf: &[u8]) -> Option<(&[u8], [u8; NONCE_BYTES], &[u8])> {
    let clear = match leaf {
        [VERSION_1, ..] => HEADER_BYTES_1,
        _ => HEADER_BYTES + statement(leaf).map_or(0, |it| STATEMENT_LENGTH_BYTES + it.len()),
    };
    let (clear, rest) = leaf.split_at_checked(clear)?;
    let (nonce, sealed) = rest.split_first_chunk()?;
    Some((clear, *nonce, sealed))
}

/// Of a succession, the statement that anybody can check (see [`succession`](crate::succession)).
pub fn statement(leaf: &[u8]) -> Option<&[u8]> {
    let [VERSION, SUCCEED, ..] = leaf else {
        return None;
    };
    let (_, rest) = leaf.split_at_checked(HEADER_BYTES)?;
    let (length, rest) = rest.split_first_chunk::<STATEMENT_LENGTH_BYTES>()?;
    let (statement, sealed) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    (sealed.len() >= NONCE_BYTES + TAG_BYTES).then_some(statement)
}

/// A succession's header with the statement behind it; none if that is too long.
pub fn stating(header: &[u8; HEADER_BYTES], statement: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(statement.len()).ok()?.to_be_bytes();
    Some([header.as_slice(), &length, statement].concat())
}

impl Header {
    /// The header of a leaf, if it is one.
    pub fn parse(leaf: &[u8]) -> Option<Self> {
        if leaf.len() < LEAF_BYTES_MIN || leaf.len() > LEAF_BYTES_READ_MAX {
            return None;
        }
        let (&[version, kind], rest) = leaf.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (opening, rest) = rest.split_first_chunk()?;
        let log = match version {
            VERSION_1 => None,
            VERSION => Some(*rest.first_chunk()?),
            _ => return None,
        };
        if kind == SUCCEED && statement(leaf).is_none() {
            return None;
        }
        Some(Self {
            kind: Kind::coded(kind)?,
            key: u32::from_be_bytes(*key),
            index: u64::from_be_bytes(*index),
            at_us: i64::from_be_bytes(*at),
            opening: Some(u64::from_be_bytes(*opening)).filter(|it| *it != NO_OPENING),
            log,
        })
    }

    /// For an expiry, the data key that is destroyed.
    pub fn destroyed(&self) -> Option<u32> {
        let named = self.opening.filter(|_| self.kind == Kind::Expire)?;
        u32::try_from(named).ok()
    }

    /// As it stands in a leaf of this log.
    pub fn bytes(&self, log: LogTag) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields = [VERSION, self.kind as u8]
            .into_iter()
            .chain(self.key.to_be_bytes())
            .chain(self.index.to_be_bytes())
            .chain(self.at_us.to_be_bytes())
            .chain(self.opening.unwrap_or(NO_OPENING).to_be_bytes())
            .chain(log);
        bytes
            .iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        bytes
    }
}
