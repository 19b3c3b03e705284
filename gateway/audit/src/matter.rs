//! The log as matters: an exchange with its end is one, every other record is one by itself.
//!
//! Reading is a stream in bounded memory. What a reader never asked for is not opened: kind and time
//! stand in a leaf's clear header.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Archive, ArchiveError, Entry, Event, Expired, Header, Inquiry, Kind, Opening, Outcome,
    READ_ROWS_MAX, Refusal, Row, checkpoint::Checkpoint, seal::SealError,
};

/// Openings that are held until their closings come; older ones are read again then.
const HELD_MAX: usize = 8192;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Matter {
    /// The record, or the one that opens the exchange.
    pub entry: Entry,
    /// The record that closes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closing: Option<Entry>,
}

impl Matter {
    /// The exchange's opening.
    pub fn opening(&self) -> Option<&Opening> {
        match &self.entry.event {
            Event::Open(opening) => Some(opening),
            _ => None,
        }
    }

    /// The exchange's end, as far as it is on record.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.closing.as_ref()?.event {
            Event::Close(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// The refusal.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.entry.event {
            Event::Refuse(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// What is left of it, if its time is over.
    pub fn expired(&self) -> Option<&Expired> {
        match &self.entry.event {
            Event::Expired(expired) => Some(expired),
            _ => None,
        }
    }

    /// The inquiry.
    pub fn inquiry(&self) -> Option<&Inquiry> {
        match &self.entry.event {
            Event::Query(inquiry) => Some(inquiry),
            _ => None,
        }
    }
}

/// The part of a log that is read: by time, and as of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// The first records of the log, as many as a checkpoint of it says; without it, as the newest.
    pub size: Option<u64>,
    /// Only these kinds, a closing by its opening's; empty is all.
    pub kinds: BTreeSet<Kind>,
    /// Also the starts of before `from`: what was in force then.
    pub starts: bool,
    /// Also exchanges of before `from` that ended in this time; and those that end after it are open. So whoever reads
    /// one time after the other reads every end once.
    pub ends: bool,
}

impl Span {
    /// Whether what this is of is later than all of it.
    fn is_over(&self, header: &Header) -> bool {
        self.until
            .is_some_and(|until| header.at_us >= until.as_microsecond())
    }

    /// Whether an exchange counts that ended with this, although it began before.
    fn ends_in(&self, header: &Header) -> bool {
        let kinds = self.kinds.is_empty() || self.kinds.contains(&Kind::Open);
        let from = self.from.map(Timestamp::as_microsecond);
        self.ends && kinds && from.is_some_and(|from| header.at_us >= from)
    }

    pub(crate) fn has(&self, header: &Header) -> bool {
        let after = |at: Timestamp| header.at_us >= at.as_microsecond();
        let before_it = self.starts && header.kind == Kind::Start;
        (before_it || self.from.is_none_or(after))
            && !self.until.is_some_and(after)
            && (self.kinds.is_empty() || self.kinds.contains(&header.kind))
    }
}

/// What everything that was read is held by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Anchor {
    /// The log's name.
    pub log: String,
    /// How many records the checkpoint covers.
    pub size: u64,
    /// The root of the tree over them (RFC 6962), hexadecimal.
    pub root: String,
    /// The checkpoint itself, a C2SP signed note.
    pub checkpoint: String,
}

/// A record on its way.
enum Read {
    /// Somebody may want it, or nobody.
    Sealed(Header, Row),
    /// It was opened with others: it is wanted, or ends what is.
    Opened(Header, Entry),
}

/// The record of how an exchange ended.
enum Ending {
    Sealed(Row),
    Opened(Entry),
}

/// A walk through the log.
pub struct Matters<'a> {
    archive: &'a mut Archive,
    span: Span,
    anchor: Anchor,
    rows: VecDeque<Read>,
    /// Read while those were opened.
    ahead: Option<Vec<Row>>,
    next: u64,
    /// Openings without an end so far.
    held: BTreeMap<u64, Entry>,
    /// Openings that there was no room to hold.
    parked: BTreeSet<u64>,
}

impl Archive {
    /// Begins to read `span`. Fails if the checkpoint that it names is not there, or is not signed by
    /// this log's key.
    pub async fn matters(&mut self, span: Span) -> Result<Matters<'_>, ArchiveError> {
        let anchor = self.anchor(span.size).await?;
        Ok(Matters {
            archive: self,
            span,
            anchor,
            rows: VecDeque::new(),
            ahead: None,
            next: 0,
            held: BTreeMap::new(),
            parked: BTreeSet::new(),
        })
    }

    /// The checkpoint over exactly `size` records, or the newest.
    pub(crate) async fn anchor(&mut self, size: Option<u64>) -> Result<Anchor, ArchiveError> {
        let (ledger, authority) = self.parts();
        let found = match size {
            None => ledger.head().await?.checkpoint,
            Some(size) => {
                let listed = ledger.checkpoints(size).await?.into_iter().next();
                listed.filter(|(at, _)| *at == size)
            }
        };
        let (at, note) = found.ok_or(ArchiveError::Checkpoint { size })?;
        let Checkpoint { size, root } = authority
            .check(note.as_bytes())
            .map_err(|_| ArchiveError::Checkpoint { size: Some(at) })?;
        Ok(Anchor {
            log: authority.origin().to_owned(),
            size,
            root: hex::encode(root),
            checkpoint: note,
        })
    }
}

impl Matters<'_> {
    /// What everything that it gives is held by.
    pub fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// How many records were read so far, of those that the anchor covers.
    pub fn read(&self) -> u64 {
        self.next
    }

    /// The next matter: exchanges come when they end, those without an end last.
    pub async fn next(&mut self) -> Result<Option<Matter>, ArchiveError> {
        while let Some(read) = self.read_one().await? {
            let matter = match read {
                Read::Opened(header, entry) if header.kind == Kind::Open => {
                    self.hold(entry);
                    None
                }
                Read::Opened(header, entry) if header.kind == Kind::Close => {
                    self.close(&header, Ending::Opened(entry)).await?
                }
                Read::Sealed(header, row) if header.kind == Kind::Close => {
                    self.close(&header, Ending::Sealed(row)).await?
                }
                Read::Opened(_, entry) => Some(Matter {
                    entry,
                    closing: None,
                }),
                Read::Sealed(..) => None,
            };
            if matter.is_some() {
                return Ok(matter);
            }
        }
        self.unclosed().await
    }

    fn hold(&mut self, entry: Entry) {
        self.held.insert(entry.index, entry);
        if self.held.len() > HELD_MAX
            && let Some((oldest, _)) = self.held.pop_first()
        {
            self.parked.insert(oldest);
        }
    }

    async fn close(
        &mut self,
        header: &Header,
        closing: Ending,
    ) -> Result<Option<Matter>, ArchiveError> {
        let Some(opening) = header.opening else {
            return Ok(None);
        };
        if self.span.ends && self.span.is_over(header) {
            return Ok(None);
        }
        let entry = match self.held.remove(&opening) {
            Some(entry) => entry,
            None if self.parked.remove(&opening) => match self.archive.at(opening).await? {
                Some(entry) => entry,
                None => return Ok(None),
            },
            None if self.span.ends_in(header) => match self.archive.at(opening).await? {
                Some(entry) => entry,
                None => return Ok(None),
            },
            // Of another time or kind.
            None => return Ok(None),
        };
        let closing = match closing {
            Ending::Opened(closing) => closing,
            Ending::Sealed(row) => self.archive.entry(row).await?,
        };
        Ok(Some(Matter {
            entry,
            closing: Some(closing),
        }))
    }

    /// Exchanges without an end, oldest first: what there was no room for is the older.
    async fn unclosed(&mut self) -> Result<Option<Matter>, ArchiveError> {
        while let Some(index) = self.parked.pop_first() {
            if let Some(entry) = self.archive.at(index).await? {
                return Ok(Some(Matter {
                    entry,
                    closing: None,
                }));
            }
        }
        let held = self.held.pop_first();
        Ok(held.map(|(_, entry)| Matter {
            entry,
            closing: None,
        }))
    }

    async fn read_one(&mut self) -> Result<Option<Read>, ArchiveError> {
        if self.rows.is_empty() && self.next < self.anchor.size {
            let mut rows = if let Some(rows) = self.ahead.take() {
                rows
            } else {
                let (ledger, _) = self.archive.parts();
                ledger.read(self.next, READ_ROWS_MAX).await?
            };
            rows.retain(|row| row.index < self.anchor.size);
            let last = rows.last().map(|row| row.index);
            let next = last.map_or(self.anchor.size, |last| last + 1);
            self.rows = self.sorted(rows, next).await?;
            self.next = next;
        }
        Ok(self.rows.pop_front())
    }

    /// The same, those opened that are wanted; reads on meanwhile.
    async fn sorted(&mut self, rows: Vec<Row>, next: u64) -> Result<VecDeque<Read>, ArchiveError> {
        let (mut headers, mut wanted, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let mut begun = BTreeSet::new();
        for row in rows {
            let index = row.index;
            let header = Header::parse(&row.leaf).ok_or(ArchiveError::Record {
                index,
                source: SealError::Header,
            })?;
            let is_wanted = match (header.kind, header.opening) {
                (Kind::Close, Some(opening)) => {
                    let is_late = self.span.ends && self.span.is_over(&header);
                    !is_late && (begun.contains(&opening) || self.held.contains_key(&opening))
                }
                (Kind::Close, None) => false,
                _ => self.span.has(&header),
            };
            if is_wanted {
                if header.kind == Kind::Open {
                    begun.insert(index);
                }
                headers.push(header);
                wanted.push(row);
            } else {
                others.push((header, row));
            }
        }
        let ahead = (next < self.anchor.size).then_some(next);
        let (entries, ahead) = self.archive.entries(wanted, ahead).await?;
        self.ahead = ahead;
        let opened = headers.into_iter().zip(entries);
        let opened = opened.map(|(header, entry)| (entry.index, Read::Opened(header, entry)));
        let sealed = others.into_iter();
        let sealed = sealed.map(|(header, row)| (row.index, Read::Sealed(header, row)));
        let all: BTreeMap<u64, Read> = opened.chain(sealed).collect();
        Ok(all.into_values().collect())
    }
}
