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
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use audit::{Group, Head, LedgerError};

pub(crate) use self::frame::Frame;
use self::frame::HEADER_BYTES;
use crate::sqlite::failed;

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
    /// 0 of one that is empty.
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
    /// It is too large, or has no records to be found by: it goes into the database, and is durable then.
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
        Ok(Self {
            halves: [half(one)?, half(other)?],
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
            return Ok(self.past(group));
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
        let generation = if anew {
            one.generation.max(other.generation) + 1
        } else {
            of.generation
        };
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
            // Nobody can tell whether it is on disk, and a reader may have seen it: it is never taken back, but written
            // again before anything else is.
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

/// A file of the journal with all its room, and its generation.
fn half(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.mode(0o600).open(path)?;
    let there = file.metadata()?.len();
    let missing = (FILE_BYTES as u64).saturating_sub(there);
    if missing > 0 {
        // Written, not only reserved: a sync of what has its place need not write where that is.
        let zeros = vec![0; usize::try_from(missing).unwrap_or(FILE_BYTES)];
        file.write_all_at(&zeros, there)?;
        file.sync_all()?;
    }
    let generation = frame::generation(&mut file)?;
    Ok((file, generation))
}

/// What the journal in `directory` has beyond a database that ends with `head`.
pub(crate) enum Beyond {
    /// Frames that go on right there; of most logs none.
    Frames(Vec<Frame>),
    /// It goes on at this record, which is not where the database ends.
    Gap(u64),
}

/// Looks into the journal in `directory`. What this gives survives a power cut.
pub(crate) fn beyond(directory: &Path, head: &Head) -> Result<Beyond, LedgerError> {
    let mut frames = Vec::new();
    for name in FILE_NAMES {
        let path = directory.join(name);
        let found = frame::frames(&path, head.size).map_err(|error| at(&path, &error))?;
        frames.extend(found);
    }
    frames.sort_by_key(|frame| frame.first);
    let Some(first) = frames.first() else {
        return Ok(Beyond::Frames(frames));
    };
    if first.first != head.size {
        return Ok(Beyond::Gap(first.first));
    }
    if first.after.as_ref() != head.checkpoint.as_ref().map(|(_, note)| note) {
        let [one, other] = FILE_NAMES;
        return Err(LedgerError::Damaged(format!(
            "what is in `{one}` and `{other}` does not continue the database beside it: if that was put there, move the two \
             files away",
        )));
    }
    let mut next = head.size;
    let follows = |frame: &Frame| std::mem::replace(&mut next, frame.group.size) == frame.first;
    let frames = frames.into_iter();
    Ok(Beyond::Frames(frames.take_while(follows).collect()))
}

fn at(path: &Path, error: &io::Error) -> LedgerError {
    failed(io::Error::new(
        error.kind(),
        format!("{}: {error}", path.display()),
    ))
}

#[cfg(test)]
mod tests;
