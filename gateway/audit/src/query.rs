//! Reads the log back: for those who hold its keys what it says, for everybody whether it holds.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
    sync::Arc,
};

use proof::parallel;
use serde::Serialize;
use vault::{DataKey, Handle, KeyProvider, VaultError};

use crate::{
    ERASE, Event, Header, Keys, Kind, Ledger, LedgerError, READ_ROWS_MAX, Report, Row,
    SubjectStore,
    checkpoint::{Authority, Checkpoint, MalformedKey},
    datakeys::{expired, expiries},
    judge::verify_in,
    readable::Readable,
    seal::{self, SealError},
    tree::{self, Digest, Prover},
    writer::{key_context, node},
};

/// Data keys that are kept unwrapped while reading.
const KEYS_CACHED_MAX: usize = 64;

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store failed.
    #[error("the log cannot be read")]
    Ledger(#[from] LedgerError),
    /// A record's data key is missing or does not open.
    #[error("the data key {id} of record {index} is not available")]
    Key {
        /// The data key.
        id: u32,
        /// The record.
        index: u64,
        /// Why, unless it is just not there.
        #[source]
        source: Option<VaultError>,
    },
    /// A record does not open.
    #[error("record {index} cannot be opened")]
    Record {
        /// The record.
        index: u64,
        /// Why.
        #[source]
        source: SealError,
    },
    /// There is no such checkpoint, or it is not this log's.
    #[error("the log has no valid checkpoint over {}", size.map_or_else(|| "its records".to_owned(), |it| format!("{it} records")))]
    Checkpoint {
        /// How many records it should cover; none: the newest.
        size: Option<u64>,
    },
    /// A reader was further than the log is.
    #[error("the log has {size} records, and {next} of it were read before: it was rolled back")]
    RolledBack {
        /// How many records its newest checkpoint covers.
        size: u64,
        /// Where the reader was.
        next: u64,
    },
    /// How far a verification came cannot be kept.
    #[error("how far it came cannot be kept")]
    Kept(#[source] io::Error),
    /// An export cannot be written or read.
    #[error("the export cannot be written or read")]
    Export(#[from] io::Error),
}

/// A record, opened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Its index.
    pub index: u64,
    /// What it says.
    pub event: Event,
}

/// A record with what belongs to it.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The record.
    pub entry: Entry,
    /// For an opening, the record that closes it, if there is one.
    pub closing: Option<Entry>,
    /// For a closing, its opening.
    pub opening: Option<Entry>,
    /// How many records the newest checkpoint of this log covers.
    pub signed: u64,
    /// Whether the record is proven to be among them (RFC 6962 §2.1.1).
    pub proven: bool,
}

/// That a record is in the log, for anybody who has its public key (RFC 6962 §2.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inclusion {
    /// The record.
    pub index: u64,
    /// The digest of its leaf, hexadecimal.
    pub leaf: String,
    /// The audit path, from the leaf up, hexadecimal.
    pub path: Vec<String>,
    /// The checkpoint whose root it leads to, a C2SP signed note.
    pub checkpoint: String,
}

/// Which records are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// The first index; without it, the last `limit` records that fit.
    pub from: Option<u64>,
    /// How many at most.
    pub limit: usize,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only openings that nothing closes.
    pub open: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            from: None,
            limit: 50,
            kind: None,
            open: false,
        }
    }
}

/// A log, open for reading.
pub struct Archive {
    ledger: Box<dyn Ledger>,
    provider: Arc<dyn KeyProvider>,
    /// Whose log it is; data keys are bound to its name.
    authority: Authority,
    /// None: it is destroyed, as that record says.
    keys: HashMap<u32, Result<DataKey, u64>>,
    /// Which records say that data keys are destroyed, by these; read when the first one is missed.
    expiries: Option<BTreeMap<u32, u64>>,
    subjects: Readable,
    /// So many open records at once.
    threads: usize,
}

impl Archive {
    /// Reads the log in `ledger` with its keys.
    pub fn new(ledger: Box<dyn Ledger>, keys: Keys) -> Result<Self, MalformedKey> {
        Ok(Self {
            ledger,
            authority: keys.authority()?,
            provider: keys.provider,
            keys: HashMap::new(),
            expiries: None,
            subjects: Readable::default(),
            threads: 1,
        })
    }

    /// Opens records on so many processors at once: for a process that does nothing else.
    #[must_use]
    pub fn on_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Also tells whom records are about, by the keys in `store`.
    #[must_use]
    pub fn with_subjects(mut self, store: Box<dyn SubjectStore>) -> Self {
        self.subjects = Readable::of(store);
        self
    }

    /// The store it reads, for [`verify`] and [`export`].
    pub fn ledger(&mut self) -> &mut dyn Ledger {
        self.ledger.as_mut()
    }

    /// The records that `filter` and `matches` let through, in the order of the log.
    pub async fn list(
        &mut self,
        filter: Filter,
        matches: impl Fn(&Event) -> bool,
    ) -> Result<Vec<Entry>, ArchiveError> {
        let size = self.ledger.head().await?.size;
        let step = u64::from(READ_ROWS_MAX);
        let mut found = VecDeque::new();
        // Forward from a given place, backward from the end: page by page either way.
        let mut page = match filter.from {
            Some(from) => from,
            None => size.saturating_sub(step),
        };
        let mut limit = READ_ROWS_MAX;
        while page < size && found.len() < filter.limit {
            let mut rows = self.ledger.read(page, limit).await?;
            if filter.from.is_none() {
                rows.reverse();
            }
            for row in rows {
                let wanted = self.wanted(&row, filter).await?;
                if wanted && found.len() < filter.limit {
                    let entry = self.entry(row).await?;
                    if matches(&entry.event) {
                        match filter.from {
                            Some(_) => found.push_back(entry),
                            None => found.push_front(entry),
                        }
                    }
                }
            }
            page = match filter.from {
                Some(_) => page + step,
                None if page == 0 => break,
                None => {
                    let before = page.saturating_sub(step);
                    limit = u32::try_from(page - before).unwrap_or(READ_ROWS_MAX);
                    before
                }
            };
        }
        Ok(found.into())
    }

    /// The record at `index` with what belongs to it; none if there is none.
    pub async fn show(&mut self, index: u64) -> Result<Option<Shown>, ArchiveError> {
        let Some(entry) = self.at(index).await? else {
            return Ok(None);
        };
        let (mut closing, mut opening) = (None, None);
        match &entry.event {
            Event::Open(_) => {
                if let Some(at) = self.ledger.closing(index).await? {
                    closing = self.at(at).await?;
                }
            }
            Event::Close(outcome) => opening = self.at(outcome.opening).await?,
            Event::Expired(expired) if expired.was == Kind::Open => {
                if let Some(at) = self.ledger.closing(index).await? {
                    closing = self.at(at).await?;
                }
            }
            Event::Expired(expired) if expired.was == Kind::Close => {
                if let Some(at) = expired.opening {
                    opening = self.at(at).await?;
                }
            }
            Event::Start(_)
            | Event::Stop(_)
            | Event::Refuse(_)
            | Event::Reveal(_)
            | Event::Bypass(_)
            | Event::Gap(_)
            | Event::Revoke(_)
            | Event::Query(_)
            | Event::Anomaly(_)
            | Event::Process(_)
            | Event::Erase(_)
            | Event::Policies(_)
            | Event::Expire(_)
            | Event::Hold(_)
            | Event::Succeed(_)
            | Event::Expired(_) => {}
        }
        let (signed, proven) = self.proven(index).await?;
        Ok(Some(Shown {
            entry,
            closing,
            opening,
            signed,
            proven,
        }))
    }

    /// The handles of all keys of data subjects that the log says were destroyed.
    pub async fn erased(&mut self) -> Result<Vec<Handle>, ArchiveError> {
        let (mut handles, mut from) = (Vec::new(), 0);
        loop {
            let places = self.ledger.erasures(from).await?;
            let Some(last) = places.last() else {
                return Ok(handles);
            };
            from = last + 1;
            for place in places {
                let entry = self.at(place).await?;
                let Some(Event::Erase(erasure)) = entry.map(|it| it.event) else {
                    continue;
                };
                let done = erasure.act == ERASE && erasure.refused.is_none();
                for key in erasure.keys.iter().filter(|_| done) {
                    let mut handle = Handle::default();
                    if hex::decode_to_slice(key, &mut handle).is_ok() {
                        handles.push(handle);
                    }
                }
            }
        }
    }

    /// The newest checkpoint, to be kept elsewhere.
    pub async fn checkpoint(&mut self) -> Result<Option<String>, ArchiveError> {
        Ok(self.ledger.head().await?.checkpoint.map(|(_, note)| note))
    }

    async fn wanted(&mut self, row: &Row, filter: Filter) -> Result<bool, ArchiveError> {
        let Some(header) = Header::parse(&row.leaf) else {
            let (index, source) = (row.index, SealError::Header);
            return Err(ArchiveError::Record { index, source });
        };
        if filter.kind.is_some_and(|kind| kind != header.kind) {
            return Ok(false);
        }
        if !filter.open {
            return Ok(true);
        }
        let closing = self.ledger.closing(row.index).await?;
        Ok(header.kind == Kind::Open && closing.is_none())
    }

    /// The store, and whose log it holds.
    pub(crate) fn parts(&mut self) -> (&mut dyn Ledger, &Authority) {
        (self.ledger.as_mut(), &self.authority)
    }

    pub(crate) async fn at(&mut self, index: u64) -> Result<Option<Entry>, ArchiveError> {
        let rows = self.ledger.read(index, 1).await?;
        match rows.into_iter().find(|row| row.index == index) {
            Some(row) => self.entry(row).await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn entry(&mut self, row: Row) -> Result<Entry, ArchiveError> {
        let mut entry = self.unsealed(row).await?;
        self.tell(&mut entry).await?;
        Ok(entry)
    }

    /// What records say, on all processors; whom they are about is looked up for all of them at once. Reads the page
    /// from `ahead` on meanwhile, if that is asked for.
    pub(crate) async fn entries(
        &mut self,
        rows: Vec<Row>,
        ahead: Option<u64>,
    ) -> Result<(Vec<Entry>, Option<Vec<Row>>), ArchiveError> {
        self.fetch_keys(&rows).await?;
        let (keys, ledger, threads) = (&self.keys, &mut self.ledger, self.threads);
        let reading = async {
            match ahead {
                Some(from) => ledger.read(from, READ_ROWS_MAX).await.map(Some),
                None => Ok(None),
            }
        };
        // What is read is asked for first, and by another thread.
        let opening = async { parallel::map(threads, &rows, |row| unsealed(row, keys)) };
        let (page, opened) = tokio::join!(biased; reading, opening);
        let mut entries = opened.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (provider, log) = (self.provider.as_ref(), self.authority.origin());
        self.subjects.fetch(&entries, provider, log).await?;
        for entry in &mut entries {
            self.tell(entry).await?;
        }
        Ok((entries, page?))
    }

    /// Tells whom it is about, as far as their keys are still there.
    async fn tell(&mut self, entry: &mut Entry) -> Result<(), ArchiveError> {
        let (provider, log) = (self.provider.as_ref(), self.authority.origin());
        let told = self.subjects.tell(&mut entry.event, provider, log);
        told.await.map_err(ArchiveError::from)
    }

    async fn unsealed(&mut self, row: Row) -> Result<Entry, ArchiveError> {
        self.fetch_keys(std::slice::from_ref(&row)).await?;
        unsealed(&row, &self.keys)
    }

    /// Has the data keys of all of `rows` at hand.
    async fn fetch_keys(&mut self, rows: &[Row]) -> Result<(), ArchiveError> {
        let mut unknown = BTreeMap::new();
        for row in rows {
            let id = header(row)?.key;
            if !self.keys.contains_key(&id) {
                unknown.insert(id, row.index);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        if self.keys.len() + unknown.len() > KEYS_CACHED_MAX {
            self.keys.clear();
            for row in rows {
                unknown.entry(header(row)?.key).or_insert(row.index);
            }
        }
        for (id, index) in unknown {
            let key = self.key(id, index).await?;
            self.keys.insert(id, key);
        }
        Ok(())
    }

    /// The data key that sealed the record at `index`, or which record says that it is destroyed.
    async fn key(&mut self, id: u32, index: u64) -> Result<Result<DataKey, u64>, ArchiveError> {
        let failed = |source| ArchiveError::Key { id, index, source };
        let kept = self.ledger.key(id).await?;
        let Some(kept) = kept.filter(|kept| !kept.is_destroyed()) else {
            let expiry = self.expiry(id).await?;
            return expiry.map(Err).ok_or_else(|| failed(None));
        };
        let context = key_context(self.authority.origin(), id, kept.terms.as_ref());
        DataKey::unwrap(self.provider.as_ref(), &kept.wrapped, &context)
            .map(Ok)
            .map_err(|source| failed(Some(source)))
    }

    /// The record that says that this data key is destroyed.
    async fn expiry(&mut self, id: u32) -> Result<Option<u64>, ArchiveError> {
        let known = self.expiries.as_ref().and_then(|it| it.get(&id));
        if known.is_none() {
            // Anew if it is not among them: the log may have grown.
            self.expiries = Some(expiries(self.ledger.as_mut()).await?);
        }
        let known = self.expiries.as_ref().and_then(|it| it.get(&id));
        Ok(known.copied())
    }

    /// What wraps the log's data keys.
    pub(crate) fn provider(&self) -> &dyn KeyProvider {
        self.provider.as_ref()
    }

    /// How many records are signed, and whether the one at `index` is proven to be among them.
    async fn proven(&mut self, index: u64) -> Result<(u64, bool), ArchiveError> {
        let (signed, inclusion) = self.included(index).await?;
        Ok((signed, inclusion.is_some()))
    }

    /// The proof that the newest checkpoint holds the record at `index`; none if it does not.
    pub async fn inclusion(&mut self, index: u64) -> Result<Option<Inclusion>, ArchiveError> {
        Ok(self.included(index).await?.1)
    }

    /// How many records are signed, and the proof that the one at `index` is among them, if it holds.
    async fn included(&mut self, index: u64) -> Result<(u64, Option<Inclusion>), ArchiveError> {
        let head = self.ledger.head().await?;
        let checked = head.checkpoint.and_then(|(_, note)| {
            let checkpoint = self.authority.check(note.as_bytes()).ok()?;
            Some((checkpoint, note))
        });
        let Some((Checkpoint { size, root }, checkpoint)) = checked else {
            return Ok((0, None));
        };
        let rows = self.ledger.read(index, 1).await?;
        let Some(row) = rows.first().filter(|_| index < size) else {
            return Ok((size, None));
        };
        let leaf = tree::leaf_hash(&row.leaf);
        let mut prover = Prover::default();
        for place in prover.prove(size, index).err().unwrap_or_default() {
            if let Some(node) = node(self.ledger.as_mut(), place).await? {
                prover.learn(place, node);
            }
        }
        let proof = prover.prove(size, index).ok();
        let proof = proof.filter(|it| tree::is_included(it, size, root, index, leaf));
        let inclusion = proof.map(|path| Inclusion {
            index,
            leaf: hex::encode(leaf),
            path: path.iter().map(hex::encode).collect(),
            checkpoint,
        });
        Ok((size, inclusion))
    }

    /// What a verification of the whole log finds, by its own public key; `told` hears how many records were judged,
    /// of how many.
    pub async fn verify(
        &mut self,
        told: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Report, ArchiveError> {
        let authority = self.authority.clone();
        verify_in(1, self.ledger.as_mut(), authority, &[], told).await
    }
}

/// Proves that the log of `size` records in `ledger` begins with the one that had `old` (RFC 6962 §2.1.2); none if its
/// nodes are not there.
pub async fn consistency(
    ledger: &mut dyn Ledger,
    size: u64,
    old: u64,
) -> Result<Option<Vec<Digest>>, LedgerError> {
    let mut prover = Prover::default();
    for place in prover
        .prove_consistency(size, old)
        .err()
        .unwrap_or_default()
    {
        if let Some(node) = node(ledger, place).await? {
            prover.learn(place, node);
        }
    }
    Ok(prover.prove_consistency(size, old).ok())
}

fn header(row: &Row) -> Result<Header, ArchiveError> {
    let (index, source) = (row.index, SealError::Header);
    Header::parse(&row.leaf).ok_or(ArchiveError::Record { index, source })
}

/// What a record says, by keys that are at hand.
fn unsealed(row: &Row, keys: &HashMap<u32, Result<DataKey, u64>>) -> Result<Entry, ArchiveError> {
    let index = row.index;
    let header = header(row)?;
    let key = keys.get(&header.key).ok_or(ArchiveError::Key {
        id: header.key,
        index,
        source: None,
    })?;
    let event = match key {
        Ok(key) => {
            seal::open(&row.leaf, key).map_err(|source| ArchiveError::Record { index, source })?
        }
        Err(expiry) => Event::Expired(expired(&header, *expiry)),
    };
    Ok(Entry { index, event })
}
