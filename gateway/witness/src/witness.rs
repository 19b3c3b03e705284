//! The judgement of a witness.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use proof::{
    checkpoint::{self, Authority, Checkpoint, Forgery},
    tree,
    witness::{Request, message, stamped},
};
use signed_note::{Note, Signature};
use vault::Cosigner;

use crate::book::{Book, BookError, Page};

/// A witness of some logs.
pub struct Witness {
    key: Cosigner,
    /// Of each log the keys, as they succeed each other.
    logs: BTreeMap<String, Vec<Authority>>,
    /// Looking, judging and turning the page are one step.
    book: Mutex<Book>,
}

/// What is answered, by the status that C2SP tlog-witness has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200: lines of cosignatures.
    Signed(String),
    /// 400: it is no request.
    Malformed(String),
    /// 403: none of the log's keys signed it.
    Unsigned,
    /// 404: the log is not known here.
    Unknown,
    /// 409: what was signed last has this size.
    Conflict(u64),
    /// 409: at this size another root was signed.
    Fork(u64),
    /// 422: the proof does not hold.
    Unproven,
    /// 500: it could not be written down.
    Failed,
}

/// What a witness saw of a log.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The log's name.
    pub log: String,
    /// The checkpoint that it signed last, with its cosignature; none if it never did.
    pub note: Option<String>,
}

impl Witness {
    /// With its key, for these logs, what it signed in `folder`. Of one log there may be several keys, the newest last:
    /// once one has signed, those before it count no more.
    pub fn open(folder: &Path, key: Cosigner, logs: Vec<Authority>) -> Result<Self, BookError> {
        let mut known: BTreeMap<String, Vec<Authority>> = BTreeMap::new();
        for log in logs {
            let keys = known.entry(log.origin().to_owned()).or_default();
            if keys.iter().any(|it| it.knows(log.key())) {
                return Err(BookError::Twice(log.key().to_owned()));
            }
            keys.push(log);
        }
        let book = Book::open(folder, &known)?;
        Ok(Self {
            key,
            logs: known,
            book: Mutex::new(book),
        })
    }

    /// What it signed last.
    pub fn seen(&self) -> Vec<Seen> {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let logs = self.logs.keys();
        let seen = logs.map(|log| Seen {
            log: log.clone(),
            note: book.page(log).map(|page| page.note.clone()),
        });
        seen.collect()
    }

    /// Judges the body of a request at `now`, seconds since 1970. Blocks while it writes.
    pub fn add_checkpoint(&self, body: &[u8], now: u64) -> Answer {
        let request = std::str::from_utf8(body).map_err(|error| error.to_string());
        let request = request.and_then(|it| Request::parse(it).map_err(|error| error.to_string()));
        let request = match request {
            Ok(request) => request,
            Err(why) => return Answer::Malformed(why),
        };
        let Some(origin) = checkpoint::origin(request.note.as_bytes()) else {
            return Answer::Malformed("there is no checkpoint".to_owned());
        };
        let Some(keys) = self.logs.get(&origin) else {
            return Answer::Unknown;
        };
        let Ok((new, by)) = signed(keys, request.note.as_bytes()) else {
            return Answer::Unsigned;
        };
        if request.old > new.size {
            return Answer::Malformed("the old size is greater than the new".to_owned());
        }
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has a key that was superseded could sign another history by it.
        if book.page(&origin).is_some_and(|page| page.by > by) {
            return Answer::Unsigned;
        }
        let last = book.page(&origin).map(|page| page.checkpoint);
        if let Some(refusal) = refusal(&request, new, last) {
            return refusal;
        }
        let Some((line, note)) = self.sign(&request.note, now) else {
            return Answer::Failed;
        };
        let page = Page {
            checkpoint: new,
            by,
            note,
        };
        match book.turn(&origin, page) {
            Ok(()) => Answer::Signed(line),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(
                    error,
                    log = origin,
                    "what would be signed cannot be written down"
                );
                Answer::Failed
            }
        }
    }

    /// The line of its cosignature, and the note with it and the log's own.
    fn sign(&self, note: &str, now: u64) -> Option<(String, String)> {
        let parsed = Note::from_bytes(note.as_bytes()).ok()?;
        let signature = self.key.sign(&message(now, parsed.text())).ok()?;
        let name = self.key.name().to_owned();
        let line = Signature::new(name, self.key.key_id(), stamped(now, &signature)).ok()?;
        let line = String::from_utf8(line.to_bytes()).ok()?;
        let trusted = proof::witness::WitnessKey::parse(&self.key.verifier_key()).ok()?;
        let attached = proof::witness::attach(note, &line, &trusted)?;
        Some((line, attached))
    }
}

/// The checkpoint in `note`, and which of the log's keys signed it, of several the last.
pub(crate) fn signed(keys: &[Authority], note: &[u8]) -> Result<(Checkpoint, usize), Forgery> {
    let mut why = Forgery::UnknownKey;
    for (at, key) in keys.iter().enumerate().rev() {
        match key.check(note) {
            Ok(checkpoint) => return Ok((checkpoint, at)),
            Err(Forgery::UnknownKey) => {}
            Err(other) => why = other,
        }
    }
    Err(why)
}

/// Why it does not sign `new`, having signed `last`.
fn refusal(request: &Request, new: Checkpoint, last: Option<Checkpoint>) -> Option<Answer> {
    let size = last.map_or(0, |last| last.size);
    if request.old != size {
        return Some(Answer::Conflict(size));
    }
    match last {
        Some(last) if last.size == new.size => {
            (last.root != new.root).then_some(Answer::Fork(size))
        }
        _ => {
            let root = last.map_or_else(|| tree::Tree::default().root(), |last| last.root);
            let (new, old) = ((new.size, new.root), (size, root));
            let proven = tree::is_consistent(&request.proof, new, old);
            (!proven).then_some(Answer::Unproven)
        }
    }
}

#[cfg(test)]
mod tests;
