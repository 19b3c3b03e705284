//! Stands between the tasks of one thread and the writer, both ways.
//!
//! To wake another thread costs a system call, and where both share a core the one that is woken takes
//! it at once: record by record, each group would have a record or two, and most of the time would go
//! into the change of threads. So what the tasks of a worker send goes off together, when all that
//! were ready have run, and the answers to a group's records come back as one parcel, opened where
//! waking is a push onto a queue.

use std::{
    cell::RefCell,
    future::poll_fn,
    mem,
    sync::Arc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    Outcome, Receipt, Trail, TrailError,
    trail::Opened,
    writer::{BATCH_RECORDS_MAX, Pending},
};

/// Parcels that may wait for a worker; what is more is handed out by the writer itself.
const PARCELS_MAX: usize = 64;

/// Records are not kept back for longer, however busy their thread is. So busy, it has more than this to do for each exchange
/// that waits; whoever is alone waits for nobody.
const HELD_MAX: Duration = Duration::from_millis(2);

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// What a thread has of its courier.
struct Here {
    courier: Arc<Courier>,
    /// Records that are to go off together.
    outbox: Vec<Pending>,
    /// How many there were, ever.
    posted: u64,
    /// Since when the first of them waits.
    since: Instant,
    /// Wakes the courier, which takes them away.
    waker: Option<Waker>,
}

impl Here {
    /// Whether what waits goes off, whatever comes.
    fn is_due(&self) -> bool {
        self.outbox.len() >= BATCH_RECORDS_MAX || self.since.elapsed() > HELD_MAX
    }
}

/// Hands out on this thread what becomes of the records that its tasks send from now on, and takes those records
/// away, until it is dropped. A runtime of one thread runs it beside them; without it all the same happens, slower.
pub async fn hand_out(trail: Trail) {
    let (parcels, mut arrived) = mpsc::channel(PARCELS_MAX);
    let courier = Arc::new(Courier {
        parcels,
        trail: trail.clone(),
    });
    HERE.set(Some(Here {
        courier,
        outbox: Vec::new(),
        posted: 0,
        since: Instant::now(),
        waker: None,
    }));
    let _leaving = Leaving;
    loop {
        tokio::select! {
            biased;
            parcel = arrived.recv() => match parcel {
                Some(parcel) => drop(parcel),
                None => break,
            },
            records = outgoing() => trail.forward(records).await,
        }
    }
}

/// What waits to go off, once there is something: as soon as no more of it comes while all tasks that are ready take
/// a turn. So a record that is alone goes at once, and those of a busy worker go together without a timer.
async fn outgoing() -> Vec<Pending> {
    let mut seen = None;
    loop {
        begun().await;
        let due = HERE.with_borrow_mut(|here| {
            let here = here.as_mut()?;
            let is_all = seen.replace(here.posted) == Some(here.posted);
            (is_all || here.is_due()).then(|| mem::take(&mut here.outbox))
        });
        match due {
            Some(records) => return records,
            // It is woken again behind all others, and after a look at what has arrived.
            None => tokio::task::yield_now().await,
        }
    }
}

/// Waits until something waits.
async fn begun() {
    poll_fn(|context| {
        HERE.with_borrow_mut(|here| match here {
            Some(here) if !here.outbox.is_empty() => Poll::Ready(()),
            Some(here) => {
                here.waker = Some(context.waker().clone());
                Poll::Pending
            }
            // It moved to another thread, where it has nothing to take.
            None => Poll::Pending,
        })
    })
    .await;
}

/// Has a record of `trail` go off with the others of this thread; gives it back where nobody takes them away.
pub(crate) fn post(trail: &Trail, record: Pending) -> Option<Pending> {
    HERE.with_borrow_mut(|here| {
        let Some(here) = here.as_mut().filter(|here| here.courier.trail.is(trail)) else {
            return Some(record);
        };
        if here.outbox.is_empty() {
            here.since = Instant::now();
            if let Some(waker) = here.waker.take() {
                waker.wake();
            }
        }
        here.outbox.push(record);
        here.posted += 1;
        if here.is_due()
            && let Err(full) = trail.try_forward(mem::take(&mut here.outbox))
        {
            // The courier waits for room.
            here.outbox = full;
        }
        None
    })
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
        let Some(here) = HERE.take() else { return };
        if let Err(full) = here.courier.trail.try_forward(here.outbox) {
            here.courier.trail.lose(&full);
        }
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
        let courier = HERE.with_borrow(|here| here.as_ref().map(|here| Arc::clone(&here.courier)));
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
