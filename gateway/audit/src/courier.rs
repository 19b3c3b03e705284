//! Tells the tasks of one thread, all at once, what became of their records.
//!
//! To wake a task of another thread's runtime costs a system call each time (tokio writes to an
//! eventfd), and one group holds dozens of records of the same worker. So a worker has a courier:
//! the answers to its records come as one parcel, opened where waking is a push onto a queue.

use std::{cell::RefCell, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use crate::{Outcome, Receipt, Trail, TrailError, trail::Opened};

/// Parcels that may wait for a worker; what is more is handed out by the writer itself.
const PARCELS_MAX: usize = 64;

thread_local! {
    static HERE: RefCell<Option<Arc<Courier>>> = const { RefCell::new(None) };
}

/// Hands out on this thread what becomes of the records that its tasks send from now on, until it
/// is dropped. A runtime of one thread runs it beside them; without it all the same happens, slower.
pub async fn hand_out(trail: Trail) {
    let (parcels, mut arrived) = mpsc::channel(PARCELS_MAX);
    let courier = Arc::new(Courier { parcels, trail });
    HERE.set(Some(courier));
    let _leaving = Leaving;
    while let Some(parcel) = arrived.recv().await {
        drop(parcel);
    }
}

/// Who brings a thread its answers.
struct Courier {
    parcels: mpsc::Sender<Parcel>,
    trail: Trail,
}

/// Nobody hands out here any more.
struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        HERE.set(None);
    }
}

/// Whoever waits for a record.
pub(crate) struct Waiter {
    done: oneshot::Sender<Result<u64, TrailError>>,
    courier: Option<Arc<Courier>>,
}

/// What becomes of a queued event: its index, once it is on disk.
pub(crate) type Durable = oneshot::Receiver<Result<u64, TrailError>>;

impl Waiter {
    /// One on this thread, and what it waits for.
    pub(crate) fn new() -> (Self, Durable) {
        let (done, durable) = oneshot::channel();
        let courier = HERE.with_borrow(Clone::clone);
        (Self { done, courier }, durable)
    }

    /// Tells it at once; false where it has gone.
    pub(crate) fn tell(self, result: Result<u64, TrailError>) -> bool {
        self.done.send(result).is_ok()
    }
}

/// The answers of one group, by who brings them.
#[derive(Default)]
pub(crate) struct Parcels(Vec<(Arc<Courier>, Parcel)>);

impl Parcels {
    /// Tells `waiter`, or has it told, that its record is on disk; `opened` is of an opening. False where
    /// it has gone.
    pub(crate) fn put(&mut self, waiter: Waiter, index: u64, opened: Option<Opened>) -> bool {
        let Some(courier) = waiter.courier else {
            return waiter.done.send(Ok(index)).is_ok();
        };
        if waiter.done.is_closed() {
            return false;
        }
        let answer = Answer {
            done: waiter.done,
            index,
            opened,
        };
        let known = self.0.iter_mut().find(|(of, _)| Arc::ptr_eq(of, &courier));
        if let Some((_, parcel)) = known {
            parcel.answers.push(answer);
        } else {
            let parcel = Parcel {
                answers: vec![answer],
                trail: courier.trail.clone(),
            };
            self.0.push((courier, parcel));
        }
        true
    }

    /// Sends them off.
    pub(crate) fn send(self) {
        for (courier, parcel) in self.0 {
            // One that cannot be sent is handed out here and now.
            drop(courier.parcels.try_send(parcel));
        }
    }
}

/// Answers for one thread. They are handed out when it is dropped, wherever that is: in a queue
/// that nobody reads any more, too.
struct Parcel {
    answers: Vec<Answer>,
    trail: Trail,
}

struct Answer {
    done: oneshot::Sender<Result<u64, TrailError>>,
    index: u64,
    opened: Option<Opened>,
}

impl Drop for Parcel {
    fn drop(&mut self) {
        for answer in self.answers.drain(..) {
            let index = answer.index;
            if answer.done.send(Ok(index)).is_err()
                && let Some(opened) = answer.opened
                && let Some(mut outcome) = Outcome::abandoned(index, opened.at_us)
            {
                // Its caller went while the answer was on its way: an upstream was never called.
                let receipt = Receipt::of(index, opened);
                self.trail.close_detached(receipt, &mut outcome);
            }
        }
    }
}
