//! Where a log ends whose newest checkpoint anybody may have put back.

use std::collections::BTreeMap;

use proof::{
    Finding,
    checkpoint::{self, Authority, Forgery},
    verify::FINDINGS_MAX,
};

use crate::{
    Piece, TilesError,
    publish::CHECKPOINT,
    source::{KeptNote, Source},
    tile::{Level, Tile, WIDTH},
};

/// So often the newest checkpoint is looked at: it may be replaced meanwhile.
const LOOKS: usize = 4;

/// So many kept checkpoints by keys that nobody named so far may tell the end, the greatest of them.
const NAMED_MAX: usize = 64;

/// The end of a log, as its checkpoints have it.
pub(crate) struct End {
    /// The newest checkpoint.
    pub(crate) newest: Option<Vec<u8>>,
    /// Whether it is of fewer records than one that is kept, and comes in the place of its size.
    pub(crate) is_behind: bool,
    /// What the greatest says that this log signed, perhaps by a key that the log itself names further on.
    pub(crate) size: u64,
    /// Kept ones by such keys that are of more, for which there are no records.
    pub(crate) beyond: Vec<KeptNote>,
    /// What is wrong with others that are of more.
    pub(crate) faults: Vec<Finding>,
}

/// What a checkpoint says.
#[derive(Clone, Copy)]
struct Said {
    size: u64,
    /// Signed by a key that is known; else under the log's name, by one that the log may name further on.
    is_known: bool,
}

impl Said {
    fn of(note: &[u8], authority: &Authority) -> Result<Self, Forgery> {
        match authority.check(note) {
            Ok(checkpoint) => Ok(Self {
                size: checkpoint.size,
                is_known: true,
            }),
            Err(Forgery::UnknownKey) if checkpoint::is_named(note, authority.origin()) => {
                Ok(Self {
                    size: checkpoint::size(note).unwrap_or(0),
                    is_known: false,
                })
            }
            Err(why) => Err(why),
        }
    }

    /// Whether there is a log of so many records, as far as can be told before its keys are known.
    fn is_there(self, source: &dyn Source) -> Result<bool, TilesError> {
        Ok(self.is_known || reaches(source, self.size)?)
    }
}

/// Whether the last tile of so many records is there. Anybody can name any size.
fn reaches(source: &dyn Source, size: u64) -> Result<bool, TilesError> {
    let Some(last) = size.checked_sub(1) else {
        return Ok(true);
    };
    match Tile::of(Level::Entries, last / WIDTH, size) {
        Some(tile) => Ok(source.tile(&Piece(tile))?.is_some()),
        None => Ok(false),
    }
}

impl End {
    /// The greatest of what is the newest and what is kept. A checkpoint is kept before it is the newest, so one that is
    /// kept may be greater; not two.
    pub(crate) fn find(source: &dyn Source, authority: &Authority) -> Result<Self, TilesError> {
        let mut looks = 0;
        loop {
            looks += 1;
            let (end, later) = Self::look(source, authority)?;
            if later < 2 || looks == LOOKS {
                return Ok(end);
            }
        }
    }

    /// The end, and how many that are kept are greater than the newest.
    fn look(source: &dyn Source, authority: &Authority) -> Result<(Self, usize), TilesError> {
        let newest = source.newest()?;
        let head = match newest.as_deref().map(|note| Said::of(note, authority)) {
            Some(Ok(said)) if said.is_there(source)? => Some(said.size),
            _ => None,
        };
        let of = head.unwrap_or(0);
        let mut kept = Later::read(source, authority, of)?;
        if newest.is_none() && !kept.are_some {
            return Err(TilesError::File {
                path: CHECKPOINT.into(),
                action: "read",
                source: std::io::ErrorKind::NotFound.into(),
            });
        }
        kept.settle(source)?;
        // Those before the end are told in their places.
        let size = kept.size;
        let odd = kept.odd.into_iter().filter(|(at, _)| *at > size);
        let mut faults: Vec<_> = odd.map(|(_, fault)| fault).collect();
        if newest.is_none() {
            faults.push(Finding::Missing {
                name: CHECKPOINT.to_owned(),
            });
        } else if head.is_some() && kept.count > 1 {
            faults.push(Finding::PutBack {
                size: of,
                signed: size,
            });
        }
        let beyond = kept.named.into_iter().filter(|(at, _)| *at > size);
        let end = Self {
            newest,
            is_behind: size > of && head.is_some(),
            size,
            beyond: beyond.map(|(size, note)| KeptNote { size, note }).collect(),
            faults,
        };
        Ok((end, kept.count))
    }
}

/// Kept checkpoints that are of more records than the newest.
struct Later {
    are_some: bool,
    /// The greatest, and how many there are.
    size: u64,
    count: usize,
    /// Those by keys that nobody named so far.
    named: BTreeMap<u64, Vec<u8>>,
    odd: Vec<(u64, Finding)>,
}

impl Later {
    fn read(source: &dyn Source, authority: &Authority, of: u64) -> Result<Self, TilesError> {
        let mut later = Self {
            are_some: false,
            size: of,
            count: 0,
            named: BTreeMap::new(),
            odd: Vec::new(),
        };
        let mut after = of;
        loop {
            let notes = source.kept(after, u64::MAX)?;
            let Some(last) = notes.last() else {
                return Ok(later);
            };
            after = last.size;
            later.are_some = true;
            for kept in notes {
                later.take(kept, authority);
            }
        }
    }

    fn take(&mut self, kept: KeptNote, authority: &Authority) {
        match told(Said::of(&kept.note, authority), &kept) {
            Ok(said) if said.is_known && said.size > self.size => {
                self.size = said.size;
                self.count += 1;
            }
            Ok(said) if !said.is_known => {
                self.named.insert(kept.size, kept.note);
                if self.named.len() > NAMED_MAX {
                    self.named.pop_first();
                }
            }
            Err(fault) if self.odd.len() < FINDINGS_MAX => self.odd.push((kept.size, fault)),
            Ok(_) | Err(_) => {}
        }
    }

    /// Has the greatest count that is by a key that nobody named so far, if there are records for it.
    fn settle(&mut self, source: &dyn Source) -> Result<(), TilesError> {
        let known = self.size;
        for &size in self.named.keys().rev().take_while(|size| **size > known) {
            if reaches(source, size)? {
                self.size = size;
                break;
            }
        }
        let more = self.named.keys().filter(|size| **size <= self.size);
        self.count += more.count();
        Ok(())
    }
}

/// What a kept checkpoint says, if that is in its place.
fn told(said: Result<Said, Forgery>, kept: &KeptNote) -> Result<Said, Finding> {
    match said {
        Ok(said) if said.size == kept.size => Ok(said),
        Ok(Said { size, .. }) => Err(Finding::MisplacedCheckpoint { size }),
        Err(why) => Err(Finding::ForgedCheckpoint {
            size: kept.size,
            why,
        }),
    }
}
