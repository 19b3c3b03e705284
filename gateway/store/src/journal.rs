//! What is on record first: groups of sealed records, appended to files that have their room, and synced.
//!
//! A commit of a database costs several times what a disk needs to keep the same bytes. So a group is durable once it is
//! here, and the database takes it over a moment later, many groups at once (`feed`). Two files take turns: one is begun
//! anew when the database has all that is in it. What the database lacks after a crash is taken from here, and whoever
//! reads the log meanwhile looks here, too ([`beyond`]).
//!
//! Checksums tell what a crash cut off. They prove nothing: that is what tree and signature are for.

mod frame;

use std::{
    fs::{File, OpenOptions},
    hash::{BuildHasher as _, RandomState},
    io::{self, ErrorKind},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, fchown},
    path::Path,
};

use audit::{Group, Head, Header, LedgerError};

use self::frame::{HEAD_BYTES, HEADER_BYTES};
use crate::{
    pack,
    sqlite::{FILE_NAME, failed},
};

/// The files, in the log's directory.
pub(crate) const FILE_NAMES: [&str; 2] = ["log.journal.0", "log.journal.1"];

/// Bytes of a file. At a hundred thousand records a second it is full after some 50 ms, in which the database has long
/// taken over what is in the other one.
const FILE_BYTES: usize = 4 << 20;

/// So long a file goes on although the database has everything: a short one is quick to look through.
const ANEW_BYTES: u64 = 256 << 10;

/// One of the files.
struct Half {
    file: File,
    /// A number by chance; 0 of one that is empty.
    generation: u64,
    /// How many records there are with its last frame.
    size: u64,
}

/// What is to be written.
struct Writing {
    /// Which file.
    half: usize,
    at: u64,
    /// Header and frame.
    bytes: Vec<u8>,
    /// So many of them are not written: a file that goes on has its header.
    skipped: usize,
    generation: u64,
    group: Group,
}

/// What the journal makes of a group.
pub(crate) enum Appended {
    /// It is durable, and the database has to take it over.
    Kept(Group),
    /// There is no room for it until the database has so many records; nothing was done.
    Later(u64, Group),
    /// It is too large: it goes into the database, and is durable then.
    Past(Group),
}

/// The journal of a log, for the one who writes it.
pub(crate) struct Journal {
    halves: [Half; 2],
    /// Which file is written.
    half: usize,
    /// Where the next frame goes; 0: into a file that is begun anew.
    at: u64,
    /// How many records the log has.
    size: u64,
    /// Its newest checkpoint.
    newest: Option<String>,
    /// What could not be written. It may be on disk after all.
    stuck: Option<Writing>,
    /// Room for the next frame.
    spare: Vec<u8>,
}

impl Journal {
    /// Opens the files in `directory`, or makes them, for a log whose database has all that is in them, and ends with `head`.
    pub(crate) fn open(directory: &Path, head: Head) -> Result<Self, LedgerError> {
        let half = |name| {
            let path = directory.join(name);
            let (file, generation) = half(&path).map_err(|error| at(&path, &error))?;
            Ok::<_, LedgerError>(Half {
                file,
                generation,
                size: head.size,
            })
        };
        let [one, other] = FILE_NAMES;
        let halves = [half(one)?, half(other)?];
        // Names must survive a power cut, too.
        File::open(directory)
            .and_then(|it| it.sync_all())
            .map_err(failed)?;
        Ok(Self {
            halves,
            half: 0,
            at: 0,
            size: head.size,
            newest: head.checkpoint.map(|(_, note)| note),
            stuck: None,
            spare: Vec::new(),
        })
    }

    /// Appends `group`; the database has `fed` records by now.
    ///
    /// # Errors
    /// The group does not follow; it cannot be written, now or when it was tried last ([`settle`](Self::settle)).
    pub(crate) fn append(&mut self, group: Group, fed: u64) -> Result<Appended, LedgerError> {
        if self.stuck.is_some() {
            return Err(failed("what came before is not written yet"));
        }
        let first = group.first()?;
        if first != self.size {
            let size = self.size;
            return Err(failed(format!("record {first} does not follow {size}")));
        }
        if group.rows.is_empty() {
            return Err(failed("a group without records has nothing to say"));
        }
        if !group.rows.iter().all(pack::fits) {
            // Here it would be durable, and nothing could ever be done with it.
            return Err(failed("a record is longer than the database takes"));
        }
        let spare = std::mem::take(&mut self.spare);
        let mut bytes = frame::payload(spare, self.newest.as_deref(), &group).map_err(failed)?;
        if bytes.len() > FILE_BYTES {
            return Ok(self.past(group));
        }
        let end = self.at + (bytes.len() - HEADER_BYTES) as u64;
        let is_idle = fed >= self.size && self.at > ANEW_BYTES;
        let anew = self.at == 0 || is_idle || end > FILE_BYTES as u64;
        let half = if anew { 1 - self.half } else { self.half };
        let [one, other] = &self.halves;
        let of = if half == 0 { one } else { other };
        if anew && of.size > fed {
            self.spare = bytes;
            return Ok(Appended::Later(of.size, group));
        }
        let generation = if anew { by_chance() } else { of.generation };
        frame::seal(&mut bytes, generation, first, group.size);
        self.write(Writing {
            half,
            at: if anew { 0 } else { self.at },
            bytes,
            skipped: if anew { 0 } else { HEADER_BYTES },
            generation,
            group,
        })
        .map(Appended::Kept)
    }

    /// Whether something could not be written.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.is_some()
    }

    /// Writes what could not be written, if there is anything; gives it for the database.
    pub(crate) fn settle(&mut self) -> Result<Option<Group>, LedgerError> {
        let stuck = self.stuck.take();
        stuck.map(|writing| self.write(writing)).transpose()
    }

    /// Leaves nothing here: the database has everything.
    pub(crate) fn empty(&mut self) -> Result<(), LedgerError> {
        for half in &mut self.halves {
            if half.generation > 0 {
                let emptied = half.file.write_all_at(&[0; HEADER_BYTES], 0);
                let emptied = emptied.and_then(|()| half.file.sync_data());
                emptied.map_err(failed)?;
                half.generation = 0;
            }
        }
        self.at = 0;
        Ok(())
    }

    fn past(&mut self, group: Group) -> Appended {
        // What comes behind it does not follow what is here.
        self.at = 0;
        self.took(&group);
        Appended::Past(group)
    }

    fn took(&mut self, group: &Group) {
        self.size = group.size;
        if let Some((_, note)) = group.checkpoints.last() {
            self.newest = Some(note.clone());
        }
    }

    fn write(&mut self, writing: Writing) -> Result<Group, LedgerError> {
        let [one, other] = &mut self.halves;
        let half = if writing.half == 0 { one } else { other };
        let bytes = writing.bytes.get(writing.skipped..).unwrap_or_default();
        let written = half.file.write_all_at(bytes, writing.at);
        if let Err(error) = written.and_then(|()| half.file.sync_data()) {
            // Nobody can tell whether it is on disk: it is never taken back, but written again before anything else is. Nor
            // can a reader, to whom memory shows it, and who may tell others.
            let head = if writing.skipped == 0 {
                HEADER_BYTES
            } else {
                HEAD_BYTES
            };
            drop(half.file.write_all_at(&vec![0; head], writing.at));
            self.stuck = Some(writing);
            return Err(failed(error));
        }
        half.generation = writing.generation;
        half.size = writing.group.size;
        self.half = writing.half;
        self.at = writing.at + bytes.len() as u64;
        self.spare = writing.bytes;
        self.took(&writing.group);
        Ok(writing.group)
    }
}

fn by_chance() -> u64 {
    RandomState::new().hash_one(FILE_NAMES).max(1)
}

/// A file of the journal with all its room, and its generation.
fn half(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = frame::open(options.mode(0o600), path)?;
    let about = file.metadata()?;
    if about.len() == 0 {
        like_the_database(&file, path);
    }
    let missing = (FILE_BYTES as u64).saturating_sub(about.len());
    if missing > 0 {
        if about.len() >= HEADER_BYTES as u64 && frame::generation(&mut file)? != Some(0) {
            return Err(no_journal());
        }
        // Written, not only reserved: a sync of what has its place need not write where that is.
        let zeros = vec![0; usize::try_from(missing).unwrap_or(FILE_BYTES)];
        file.write_all_at(&zeros, about.len())?;
        file.sync_all()?;
    }
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, 0)?;
    let generation = frame::generation(&mut &header[..])?;
    generation
        .map(|generation| (file, generation))
        .ok_or_else(no_journal)
}

fn no_journal() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "it is no journal of a log")
}

/// Whoever the database belongs to has to open it, also where somebody else makes it. As SQLite does with its own files.
fn like_the_database(file: &File, path: &Path) {
    let database = path.with_file_name(FILE_NAME);
    if let Ok(owner) = std::fs::metadata(database) {
        // Only root can, and only root need.
        drop(fchown(file, Some(owner.uid()), Some(owner.gid())));
    }
}

/// What the journal in `directory` has beyond a database that ends with `head`.
pub(crate) enum Beyond {
    /// Groups that go on right there; of most logs none.
    Groups(Vec<Group>),
    /// There is more, and it does not: of another log or time, not whole, or just being written.
    Apart(String),
}

/// Looks into the journal in `directory`. What this gives survives a power cut.
pub(crate) fn beyond(directory: &Path, head: &Head) -> Result<Beyond, LedgerError> {
    let mut frames = Vec::new();
    for name in FILE_NAMES {
        let path = directory.join(name);
        let found = frame::found(&path, head.size).map_err(|error| at(&path, &error))?;
        if found.is_torn {
            return Ok(Beyond::Apart(format!("`{name}` is damaged")));
        }
        frames.extend(found.frames);
    }
    frames.sort_by_key(|frame| frame.first);
    let mut groups = Vec::with_capacity(frames.len());
    let mut size = head.size;
    let mut newest = head.checkpoint.as_ref().map(|(_, note)| note.clone());
    for frame in frames {
        if frame.first != size {
            let (first, last) = (frame.first, frame.group.size);
            return Ok(Beyond::Apart(format!(
                "it has records {first} to {last}, and what goes before them ends at {size}"
            )));
        }
        if frame.after != newest {
            return Ok(Beyond::Apart(format!(
                "it goes on at record {size}, after another checkpoint than is there"
            )));
        }
        let leaves = frame.group.rows.iter().map(|row| &row.leaf);
        let keys = leaves.filter_map(|leaf| Header::parse(leaf).map(|header| header.key));
        if let Some(key) = keys.max().filter(|key| *key > head.key) {
            return Ok(Beyond::Apart(format!(
                "record {size} is sealed under data key {key}, and the database has keys up to {}",
                head.key
            )));
        }
        size = frame.group.size;
        if let Some((_, note)) = frame.group.checkpoints.last() {
            newest = Some(note.clone());
        }
        groups.push(frame.group);
    }
    Ok(Beyond::Groups(groups))
}

/// Journal and database do not belong together.
pub(crate) fn apart(why: &str) -> LedgerError {
    let [one, other] = FILE_NAMES;
    LedgerError::Damaged(format!(
        "the journal (`{one}`, `{other}`) does not continue the database `{FILE_NAME}` beside it: {why}. Put back the database that \
         belongs to it; if there is none, move the two files away, and what they alone have is lost"
    ))
}

fn at(path: &Path, error: &io::Error) -> LedgerError {
    failed(io::Error::new(
        error.kind(),
        format!("{}: {error}", path.display()),
    ))
}

#[cfg(test)]
mod tests;
