//! A log in a bucket, as whoever looks at it from outside has it: the oldest version of each object counts.
//!
//! A lock keeps versions. Whoever may write there can put another object over a locked one, or hide it behind a delete
//! marker; what was there first is there still, and that somebody tried is a finding.

mod listing;

use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use proof::{Finding, checkpoint::NOTE_BYTES_MAX, parallel, verify::FINDINGS_MAX};
use proxy::{
    Upstream,
    objects::{Bucket, Fetched, ObjectFault, Retention},
};
use serde::{Deserialize, Serialize};
use tiles::{KEPT, KeptNote, PIECE_BYTES_MAX, Piece, Source, TilesError, kept_name};
use tokio::runtime::Handle;
use vault::Credential;

use self::listing::{Listed, Names, Stream};

/// So much is fetched at once.
pub(super) const FETCHES: usize = 32;
/// Checkpoints of one size that are held against the log: each has other signatures of witnesses.
const SIBLINGS_MAX: usize = 64;
/// Folders whose names are remembered: two of each level, and of its parts.
const FOLDERS_MAX: usize = 40;
/// A store that is busy or away for a moment is asked again so often, after this time, then twice as long.
const TRIES: u32 = 6;
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// By so much a lock may end earlier than is asked: clocks differ.
const LOCK_SLACK: Duration = Duration::from_hours(1);

/// How what is to be kept is locked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Locks {
    /// Objects that nobody can take away (mode `COMPLIANCE`),
    pub(super) locked: u64,
    /// the first of them until when.
    pub(super) until: Option<Timestamp>,
    /// Those whose lock whoever may can lift (mode `GOVERNANCE`).
    pub(super) liftable: u64,
    /// Those without a lock, as far as these keys may see.
    pub(super) unlocked: u64,
    /// One of the latter two.
    pub(super) weak: Option<String>,
}

impl Locks {
    fn take(&mut self, name: &str, retention: Option<Retention>) {
        match retention {
            Some(it) if it.is_compliance => {
                let until = Timestamp::try_from(it.until).unwrap_or(Timestamp::MAX);
                self.locked += 1;
                self.until = Some(self.until.map_or(until, |earliest| earliest.min(until)));
                return;
            }
            Some(_) => self.liftable += 1,
            None => self.unlocked += 1,
        }
        self.weak.get_or_insert_with(|| name.to_owned());
    }

    /// For people.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(until) = self.until {
            let locked = self.locked;
            lines.push(format!(
                "locked       {locked} objects, until {until} at the least"
            ));
        }
        let weak = self.weak.as_deref().unwrap_or_default();
        if self.liftable > 0 {
            let liftable = self.liftable;
            lines.push(format!(
                "GOVERNANCE   {liftable} objects have a lock that can be lifted, `{weak}` for one"
            ));
        }
        if self.unlocked > 0 {
            let unlocked = self.unlocked;
            lines.push(format!(
                "NOT LOCKED   {unlocked} objects, `{weak}` for one; or these keys lack `s3:GetObjectRetention`"
            ));
        }
        lines
    }
}

/// What was seen there.
#[derive(Default)]
struct Seen {
    folders: VecDeque<(String, Arc<Names>)>,
    stream: Option<Stream>,
    /// Whether all kept checkpoints were listed once.
    is_surveyed: bool,
    /// Kept checkpoints, as they were listed first.
    kept: u64,
    /// Whether what is read is judged.
    is_begun: bool,
    locks: Locks,
    /// Of kept checkpoints, which are read ahead, by their sizes.
    ahead: Vec<(u64, String, Option<Retention>)>,
    /// What is wrong with names, which stays,
    faults: Vec<Finding>,
    /// and with what was read.
    read_faults: Vec<Finding>,
}

/// Who asks a store, and for what.
pub(super) struct Place {
    pub(super) bucket: Bucket,
    pub(super) client: Upstream,
    pub(super) shown: Credential,
    /// What stands before each name; empty, or with a slash at its end.
    pub(super) prefix: String,
    /// For how long what is kept must be locked, since it came.
    pub(super) locked: Option<Duration>,
}

/// A log in a bucket.
pub(super) struct Shelved {
    place: Place,
    runtime: Handle,
    seen: Mutex<Seen>,
}

impl Shelved {
    /// With what an earlier sitting saw of locks.
    pub(super) fn new(place: Place, locks: Locks, runtime: Handle) -> Self {
        let seen = Seen {
            locks,
            ..Seen::default()
        };
        Self {
            place,
            runtime,
            seen: Mutex::new(seen),
        }
    }

    /// How what was judged of the first so many records is locked.
    pub(super) fn locks(&self, records: u64) -> Locks {
        let mut seen = self.seen();
        let seen = &mut *seen;
        for (_, name, retention) in seen.ahead.extract_if(.., |(size, ..)| *size <= records) {
            seen.locks.take(&name, retention);
        }
        seen.locks.clone()
    }

    /// How many checkpoints are kept.
    pub(super) fn kept_there(&self) -> u64 {
        self.seen().kept
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks until it is answered, or has failed often enough.
    fn ask<T>(
        &self,
        name: &str,
        mut asked: impl AsyncFnMut(&Place) -> Result<T, ObjectFault>,
    ) -> Result<T, TilesError> {
        let answered = self.runtime.block_on(async {
            let mut pause = RETRY_FIRST;
            for _ in 1..TRIES {
                match asked(&self.place).await {
                    Err(fault) if fault.is_passing() => tokio::time::sleep(pause).await,
                    answered => return answered,
                }
                pause *= 2;
            }
            asked(&self.place).await
        });
        answered.map_err(|fault| TilesError::File {
            path: PathBuf::from(name),
            action: "read",
            source: io::Error::other(fault),
        })
    }

    /// The names that are in a folder.
    fn names(&self, folder: &str) -> Result<Arc<Names>, TilesError> {
        // Held while it is listed: whoever waits wants the same.
        let mut seen = self.seen();
        if let Some((_, names)) = seen.folders.iter().find(|(known, _)| known == folder) {
            return Ok(Arc::clone(names));
        }
        let names = self.ask(folder, async |place| listing::names(place, folder).await)?;
        let names = Arc::new(names);
        if seen.folders.len() == FOLDERS_MAX {
            seen.folders.pop_front();
        }
        let known = (folder.to_owned(), Arc::clone(&names));
        seen.folders.push_back(known);
        Ok(names)
    }

    /// The oldest version of what is to be kept. What is longer than it may be is as good as empty: it is not what was signed.
    fn oldest(
        &self,
        name: &str,
        version: &str,
        bytes_max: usize,
    ) -> Result<Option<Fetched>, TilesError> {
        self.ask(name, async |place| {
            let key = format!("{}{name}", place.prefix);
            let at = (&*key, Some(version));
            let Place {
                bucket,
                client,
                shown,
                ..
            } = place;
            match bucket.get(client, shown, at, bytes_max).await {
                Err(ObjectFault::Long(_)) => Ok(Some(Fetched::default())),
                fetched => fetched,
            }
        })
    }

    /// Looks at the lock of what is to be kept: of a checkpoint over so many records, or of a tile.
    fn look(&self, name: &str, of: Option<u64>, fetched: &Fetched) {
        let mut seen = self.seen();
        if !seen.is_begun {
            return;
        }
        match of {
            Some(size) => seen.ahead.push((size, name.to_owned(), fetched.retention)),
            None => seen.locks.take(name, fetched.retention),
        }
        let Some(span) = self.place.locked else {
            return;
        };
        let due = fetched.modified.unwrap_or(SystemTime::UNIX_EPOCH) + span;
        let is_locked = fetched
            .retention
            .is_some_and(|it| it.is_compliance && it.until + LOCK_SLACK >= due);
        if !is_locked {
            let name = name.to_owned();
            note(&mut seen.read_faults, Finding::Unlocked { name });
        }
    }

    /// The next kept checkpoints of more than `after` and at most `to` records, and where each is.
    fn listed(&self, after: u64, to: u64) -> Result<Vec<Listed>, TilesError> {
        let mut seen = self.seen();
        let mut stream = match seen.stream.take() {
            Some(stream) if stream.at() <= after => stream,
            _ => Stream::default(),
        };
        let mut found = Vec::<Listed>::new();
        loop {
            let next = self.ask(KEPT, async |place| {
                stream.peek(place).await.map(Option::<&Listed>::cloned)
            });
            let Some(listed) = next? else {
                seen.is_surveyed = true;
                break;
            };
            // Those of one size come together.
            let is_other = found.last().is_some_and(|it| it.size != listed.size);
            if listed.size > to || (is_other && found.len() >= FETCHES) {
                break;
            }
            stream.pass();
            if !seen.is_surveyed {
                seen.kept += 1;
                if let Some(fault) = listed.known.fault(&kept_name(listed.size, listed.digest)) {
                    note(&mut seen.faults, fault);
                }
            }
            if listed.size > after && found.len() < FETCHES + SIBLINGS_MAX {
                found.push(listed);
            }
        }
        seen.stream = Some(stream);
        Ok(found)
    }
}

/// Notes it, if there is room: a report lists no more.
fn note(faults: &mut Vec<Finding>, fault: Finding) {
    if faults.len() <= FINDINGS_MAX {
        faults.push(fault);
    }
}

impl Source for Shelved {
    fn place(&self) -> String {
        format!("{} {}", self.place.bucket.base, self.place.prefix)
    }

    fn newest(&self) -> Result<Option<Vec<u8>>, TilesError> {
        let name = "checkpoint";
        let found = self.ask(
            name,
            async |Place {
                       bucket,
                       client,
                       shown,
                       prefix,
                       ..
                   }| {
                let key = format!("{prefix}{name}");
                bucket
                    .get(client, shown, (&key, None), NOTE_BYTES_MAX)
                    .await
            },
        );
        Ok(found?.map(|it| it.content.to_vec()))
    }

    fn kept(&self, after: u64, to: u64) -> Result<Vec<KeptNote>, TilesError> {
        let mut after = after;
        loop {
            let listed = self.listed(after, to)?;
            let Some(last) = listed.last() else {
                return Ok(Vec::new());
            };
            after = last.size;
            let fetched = parallel::map_each(FETCHES, &listed, |it| self.fetched(it));
            let mut notes = Vec::new();
            for (listed, fetched) in listed.iter().zip(fetched) {
                // Of one that is gone a finding tells.
                if let Some(found) = fetched? {
                    let (size, note) = (listed.size, found.content.to_vec());
                    notes.push(KeptNote { size, note });
                }
            }
            if !notes.is_empty() {
                return Ok(notes);
            }
        }
    }

    fn tile(&self, piece: &Piece) -> Result<Option<Vec<u8>>, TilesError> {
        if let Some(content) = self.piece(piece)? {
            return Ok(Some(content));
        }
        if piece.is_full() {
            return Ok(None);
        }
        let whole = self.piece(&piece.full())?;
        Ok(whole.map(|content| piece.part_of(content)))
    }

    fn begins(&self, is_resumed: bool) {
        let mut seen = self.seen();
        seen.is_begun = true;
        if !is_resumed {
            seen.locks = Locks::default();
        }
        seen.read_faults.clear();
    }

    fn faults(&self) -> Vec<Finding> {
        let mut seen = self.seen();
        let mut faults = std::mem::take(&mut seen.faults);
        faults.append(&mut seen.read_faults);
        faults
    }
}

impl Shelved {
    /// What was put first under a kept checkpoint's name.
    fn fetched(&self, listed: &Listed) -> Result<Option<Fetched>, TilesError> {
        let name = kept_name(listed.size, listed.digest);
        let Some(version) = &listed.known.oldest else {
            return Ok(None);
        };
        let found = self.oldest(&name, version, NOTE_BYTES_MAX)?;
        if let Some(found) = &found {
            self.look(&name, Some(listed.size), found);
        }
        Ok(found)
    }

    /// What was put first under a tile's name.
    fn piece(&self, piece: &Piece) -> Result<Option<Vec<u8>>, TilesError> {
        let name = piece.name();
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", &name));
        let names = self.names(&format!("{folder}/"))?;
        let known = names.get(last);
        if let Some(fault) = known.and_then(|it| it.fault(&name)) {
            note(&mut self.seen().read_faults, fault);
        }
        let Some(version) = known.and_then(|it| it.oldest.as_ref()) else {
            return Ok(None);
        };
        let found = self.oldest(&name, version, PIECE_BYTES_MAX)?;
        if let Some(found) = found.as_ref().filter(|_| piece.is_full()) {
            self.look(&name, None, found);
        }
        Ok(found.map(|it| it.content.to_vec()))
    }
}
