//! Following flows: draining their ring, collecting from the table what the ring had no room for,
//! and telling the programs that the gateway lives.

use std::sync::Arc;

use abi::{FlowRow, counter, kind, state};
use aya::maps::{MapData, PerCpuArray, RingBuf};

use crate::{
    Called, FlowRecord, FlowsError, Said, Turn, called,
    follower::{Follower, Progress},
    keeper::Keeper,
    loader,
    record::{self, Clock, boot_ns},
    said,
    table::Table,
    witness::Question,
};

/// Looks between two checks which files and cgroups have come or gone.
const LOOKS_PER_ROUND: u32 = 20;
/// Looks between two searches for flows of datagrams that have fallen silent.
const LOOKS_PER_SEARCH: u32 = 200;
/// A flow of datagrams that has been silent for so long has ended (RFC 4787 section 4.3 asks for
/// two minutes at least).
const SILENCE_MAX_NS: u64 = 120_000_000_000;

/// The programs' counters.
pub(crate) type Counters = Arc<PerCpuArray<MapData, u64>>;

/// What could not be handed over as it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// `ring_full`: told late, from the table. `table_full`: known by number only.
    /// `owner_unkept`: there was no room for the owner of a connection or for a process, which is
    /// nobody's therefore and held by no rule. `names_lost`: payloads by which names are known.
    /// `calls_lost`: beginnings of requests.
    /// `turns_lost`: turns in the lives of agents' processes.
    pub reason: &'static str,
    /// Events or flows.
    pub lost: u64,
    /// How many of them were found in the table afterwards.
    pub recovered: u64,
}

/// Hears of flows.
pub trait FlowSink: Send + Sync {
    /// A flow began, was established, has ended or was refused. After a loss the same may be told
    /// again.
    fn flow(&self, flow: FlowRecord);

    /// Whether it wants to hear of flows that are no agent's: those cost the kernel an event each.
    fn wants_all(&self) -> bool {
        true
    }

    /// Something was lost.
    fn gap(&self, gap: Gap);

    /// An agent says something by which a name may be known.
    fn said(&self, said: Said) {
        drop(said);
    }

    /// An agent gives the beginning of a request to OpenSSL. Told only where that is looked at.
    fn called(&self, called: Called) {
        drop(called);
    }

    /// A process of an agent has taken a turn. Called from a thread of its own.
    fn turn(&self, turn: Turn) {
        drop(turn);
    }

    /// Everything that has happened so far was told.
    fn settled(&self) {}
}

/// What is followed, and who hears of it.
pub(crate) struct Followed {
    pub(crate) events: RingBuf<MapData>,
    pub(crate) glimpses: RingBuf<MapData>,
    pub(crate) calls: Option<RingBuf<MapData>>,
    pub(crate) table: Arc<Table>,
    pub(crate) counters: Counters,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) sink: Arc<dyn FlowSink>,
    /// Whether the counters began with an earlier gateway, which has told of its losses.
    pub(crate) adopted: bool,
}

/// Follows in a thread of its own.
pub(crate) fn follow(followed: Followed) -> Result<Follower, FlowsError> {
    Follower::start("flows-table", move |progress| {
        Following::new(followed, progress).run();
    })
}

struct Following<'a> {
    followed: Followed,
    progress: &'a Progress,
    lost: u64,
    untracked: u64,
    unkept: u64,
    unsaid: u64,
    uncalled: u64,
}

impl<'a> Following<'a> {
    fn new(followed: Followed, progress: &'a Progress) -> Self {
        let told = |which| {
            if followed.adopted {
                loader::sum(&followed.counters, which)
            } else {
                0
            }
        };
        Self {
            lost: told(counter::FLOW_EVENTS_LOST),
            untracked: told(counter::FLOWS_UNTRACKED),
            unkept: told(counter::STORES_FAILED),
            unsaid: told(counter::GLIMPSES_LOST),
            uncalled: told(counter::CALLS_LOST),
            followed,
            progress,
        }
    }

    fn run(mut self) {
        // An earlier gateway may have left flows that have ended since.
        self.collect(Clock::read());
        let mut looks = 0;
        loop {
            self.look();
            looks += 1;
            if looks % LOOKS_PER_SEARCH == 0 {
                self.silent(Clock::read());
            }
            let beat = Question::Beat {
                round: looks % LOOKS_PER_ROUND == 0,
                quiet: !self.followed.sink.wants_all(),
            };
            if let Err(error) = self.followed.keeper.act(beat) {
                tracing::error!(%error, "the kernel is not told that the gateway lives");
            }
            if !self.progress.pause() {
                break;
            }
        }
        self.look();
    }

    fn look(&mut self) {
        let clock = Clock::read();
        // First, so that a flow's name is known when the flow is told.
        while let Some(item) = self.followed.glimpses.next() {
            if let Some(said) = said::read(&item, clock) {
                self.followed.sink.said(said);
            }
        }
        if let Some(calls) = &mut self.followed.calls {
            while let Some(item) = calls.next() {
                if let Some(called) = called::read(&item, clock) {
                    self.followed.sink.called(called);
                }
            }
        }
        while let Some(item) = self.followed.events.next() {
            self.progress.receive();
            if let Some(row) = record::row(&item) {
                self.followed.sink.flow(FlowRecord::new(&row, clock));
            }
        }
        let lost = loader::sum(&self.followed.counters, counter::FLOW_EVENTS_LOST);
        if lost > self.lost {
            let recovered = self.collect(clock);
            self.followed.sink.gap(Gap {
                reason: "ring_full",
                lost: lost - self.lost,
                recovered,
            });
            self.lost = lost;
        }
        let Followed { counters, sink, .. } = &self.followed;
        for (counter, known, reason) in [
            (counter::FLOWS_UNTRACKED, &mut self.untracked, "table_full"),
            (counter::STORES_FAILED, &mut self.unkept, "owner_unkept"),
            (counter::GLIMPSES_LOST, &mut self.unsaid, "names_lost"),
            (counter::CALLS_LOST, &mut self.uncalled, "calls_lost"),
        ] {
            let now = loader::sum(counters, counter);
            if now > *known {
                sink.gap(Gap {
                    reason,
                    lost: now - *known,
                    recovered: 0,
                });
                *known = now;
            }
        }
        self.followed.sink.settled();
    }

    /// Tells of every row, and takes those out that have ended; how many those were. A row may be read twice, but
    /// is taken out once.
    fn collect(&self, clock: Clock) -> u64 {
        let tell = |row: &FlowRow| self.followed.sink.flow(FlowRecord::new(row, clock));
        let mut ended = Vec::new();
        self.followed.table.each(|key, row| {
            if matches!(row.state, state::CLOSED | state::DENIED) || row.kind_of_socket != 0 {
                ended.push((key, row));
            } else {
                tell(&row);
            }
        });
        ended.retain(|(key, _)| self.followed.table.remove(key));
        for (_, row) in &ended {
            tell(row);
        }
        ended.len() as u64
    }

    /// Ends flows of datagrams that have fallen silent.
    fn silent(&self, clock: Clock) {
        let now = boot_ns();
        let mut silent = Vec::new();
        self.followed.table.each(|key, row| {
            if key.protocol == UDP
                && row.kind_of_socket == 0
                && row.kind != kind::DENIED
                && now.saturating_sub(row.changed_ns) > SILENCE_MAX_NS
            {
                silent.push((key, row));
            }
        });
        for (key, mut row) in silent {
            if self.followed.table.remove(&key) {
                row.state = state::CLOSED;
                self.followed.sink.flow(FlowRecord::new(&row, clock));
            }
        }
    }
}

const UDP: u32 = 17;
