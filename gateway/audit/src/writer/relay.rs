//! Records that another process puts on disk, and what becomes of them there.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{
    Message, Pending,
    group::{closing_of, tell},
};
use crate::{
    Kind, Term, TrailError,
    courier::Waiter,
    seal::{Draft, SealError},
    trail::{Gauges, Opened},
};

/// A record on its way to the process that has the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handed {
    /// By which it is told what becomes of it.
    pub id: u64,
    kind: Kind,
    at_us: i64,
    opening: Option<u64>,
    class: String,
    days: Option<u32>,
    basis: Option<String>,
    event: Box<RawValue>,
}

impl Handed {
    fn of(id: u64, draft: &Draft) -> Result<Self, SealError> {
        let term = draft.term();
        Ok(Self {
            id,
            kind: draft.kind(),
            at_us: draft.at_us(),
            opening: draft.opening(),
            class: term.class.to_string(),
            days: term.days,
            basis: term.basis.as_deref().map(str::to_owned),
            event: serde_json::from_slice(draft.event()).map_err(SealError::Json)?,
        })
    }

    pub(crate) fn draft(&self) -> Result<Draft, SealError> {
        let term = Arc::new(Term {
            class: self.class.as_str().into(),
            days: self.days,
            basis: self.basis.as_deref().map(Into::into),
        });
        let head = (self.kind, self.at_us, self.opening);
        Draft::handed(head, term, self.event.get())
    }
}

/// A record that was handed over.
struct Sent {
    kind: Kind,
    opened: Opened,
    waiter: Option<Waiter>,
    /// Held until it is on disk, so that what is under way is bounded as what waits.
    _room: Option<OwnedSemaphorePermit>,
}

/// Stands where the writer stood. Whoever drives it brings each record of [`next`](Self::next) to the process that has the
/// log, in this order, and what that says back by [`told`](Self::told). If it is dropped, whoever waits is told that the
/// trail has ended.
pub struct Relay {
    messages: mpsc::Receiver<Message>,
    waiting: VecDeque<Pending>,
    sent: HashMap<u64, Sent>,
    next: u64,
    gauges: Arc<Gauges>,
    /// The number of the last record, and who waits for it.
    last: Option<(u64, oneshot::Sender<Result<(), TrailError>>)>,
    farewell: Option<oneshot::Sender<Result<(), TrailError>>>,
}

impl Relay {
    pub(super) fn new(
        messages: mpsc::Receiver<Message>,
        waiting: VecDeque<Pending>,
        gauges: Arc<Gauges>,
    ) -> Self {
        Self {
            messages,
            waiting,
            sent: HashMap::new(),
            next: 0,
            gauges,
            last: None,
            farewell: None,
        }
    }

    /// The next record to hand over; none when there will be no more. Nothing is lost if nobody waits to the end.
    pub async fn next(&mut self) -> Option<Handed> {
        loop {
            if let Some(pending) = self.waiting.pop_front() {
                if let Some(handed) = self.hand(pending) {
                    return Some(handed);
                }
                continue;
            }
            match self.messages.recv().await {
                Some(Message::Records(records)) => self.waiting.extend(records),
                Some(Message::Stop { draft, done }) => {
                    self.messages.close();
                    self.farewell = Some(done);
                    // Behind what is queued by now.
                    while let Ok(Message::Records(records)) = self.messages.try_recv() {
                        self.waiting.extend(records);
                    }
                    self.waiting.push_back(Pending {
                        draft,
                        done: None,
                        room: None,
                        next: None,
                    });
                }
                // Whoever has the log does that; those who wait here learn that this trail does not.
                Some(_) => {}
                None => return None,
            }
        }
    }

    fn hand(&mut self, pending: Pending) -> Option<Handed> {
        let Pending {
            draft, done, room, ..
        } = pending;
        let id = self.next;
        self.next += 1;
        let handed = match Handed::of(id, &draft) {
            Ok(handed) => handed,
            Err(error) => {
                tell(draft.kind(), done, &error.into(), &self.gauges);
                return None;
            }
        };
        if draft.kind() == Kind::Stop {
            self.last = self.farewell.take().map(|done| (id, done));
        }
        let opened = Opened {
            at_us: draft.at_us(),
            term: Arc::clone(draft.term()),
        };
        let sent = Sent {
            kind: draft.kind(),
            opened,
            waiter: done,
            _room: room,
        };
        self.sent.insert(id, sent);
        Some(handed)
    }

    /// What has become of one: its index, once it is on disk.
    pub fn told(&mut self, id: u64, told: Result<u64, TrailError>) {
        let Some(sent) = self.sent.remove(&id) else {
            return;
        };
        if let Some((_, done)) = self.last.take_if(|(last, _)| *last == id) {
            drop(done.send(told.map(drop)));
            return;
        }
        let index = match told {
            Ok(index) => index,
            Err(error) => return tell(sent.kind, sent.waiter, &error, &self.gauges),
        };
        self.gauges
            .size
            .fetch_max(index.saturating_add(1), Ordering::Relaxed);
        match sent.kind {
            Kind::Open => self.gauges.opened.fetch_add(1, Ordering::Relaxed),
            Kind::Close => self.gauges.closed.fetch_add(1, Ordering::Release),
            _ => 0,
        };
        let heard = sent.waiter.is_none_or(|waiter| waiter.tell(Ok(index)));
        if sent.kind == Kind::Open && !heard {
            self.waiting.extend(closing_of((index, sent.opened)));
        }
    }

    /// Whether there is a record that [`next`](Self::next) gives at once.
    pub fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether everything that was handed over is told of.
    pub fn is_idle(&self) -> bool {
        self.sent.is_empty() && self.waiting.is_empty()
    }
}
