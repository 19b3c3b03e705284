//! Where a log ends whose newest checkpoint anybody may have put back.

use proof::{
    Finding,
    checkpoint::{Authority, Checkpoint, Forgery},
    verify::FINDINGS_MAX,
};

use crate::{
    TilesError,
    publish::CHECKPOINT,
    source::{KeptNote, Source},
};

/// So often the newest checkpoint is looked at: it may be replaced meanwhile.
const LOOKS: usize = 4;

/// The end of a log, as its checkpoints have it.
pub(crate) struct End {
    /// The newest checkpoint.
    pub(crate) newest: Option<Vec<u8>>,
    /// Whether it is of fewer records than one that is kept, and comes in the place of its size.
    pub(crate) is_behind: bool,
    /// What the greatest says that this log signed.
    pub(crate) size: u64,
    /// What is wrong with those that are of more.
    pub(crate) faults: Vec<Finding>,
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
    fn look(source: &dyn Source, authority: &Authority) -> Result<(Self, u64), TilesError> {
        let newest = source.newest()?;
        let head = newest.as_deref().map(|note| authority.check(note));
        let of = head.and_then(Result::ok).map_or(0, |it| it.size);
        let (mut size, mut later, mut after, mut odd) = (of, 0, of, Vec::new());
        let mut is_kept = false;
        loop {
            let notes = source.kept(after, u64::MAX)?;
            let Some(last) = notes.last() else { break };
            after = last.size;
            is_kept = true;
            for kept in &notes {
                match told(authority.check(&kept.note), kept) {
                    Ok(signed) if signed > size => {
                        size = signed;
                        later += 1;
                    }
                    Err(fault) if odd.len() < FINDINGS_MAX => odd.push((kept.size, fault)),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        if newest.is_none() && !is_kept {
            return Err(TilesError::File {
                path: CHECKPOINT.into(),
                action: "read",
                source: std::io::ErrorKind::NotFound.into(),
            });
        }
        // Those before the end are told in their places.
        let odd = odd.into_iter().filter(|(at, _)| *at > size);
        let mut faults: Vec<_> = odd.map(|(_, fault)| fault).collect();
        match head {
            None => faults.push(Finding::Missing {
                name: CHECKPOINT.to_owned(),
            }),
            Some(Ok(_)) if later > 1 => faults.push(Finding::PutBack {
                size: of,
                signed: size,
            }),
            Some(_) => {}
        }
        let is_behind = size > of && head.is_some_and(|it| it.is_ok());
        let end = Self {
            newest,
            is_behind,
            size,
            faults,
        };
        Ok((end, later))
    }
}

/// How many records a kept checkpoint is of, if it is this log's and in its place.
fn told(checked: Result<Checkpoint, Forgery>, kept: &KeptNote) -> Result<u64, Finding> {
    match checked {
        Ok(checkpoint) if checkpoint.size == kept.size => Ok(kept.size),
        Ok(checkpoint) => Err(Finding::MisplacedCheckpoint {
            size: checkpoint.size,
        }),
        Err(why) => Err(Finding::ForgedCheckpoint {
            size: kept.size,
            why,
        }),
    }
}
