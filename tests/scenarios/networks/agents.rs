//! Agents that call without end, and remember what they got.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tests::{
    client::{Client, Reply},
    switch::Namespace,
};

use super::host::AT;

/// After a call that went, and after one that did not.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_REFUSED: Duration = Duration::from_millis(200);

/// What an agent asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Items,
    Streams,
}

impl Asks {
    /// The parameter that names one.
    pub(super) fn parameter(self) -> &'static str {
        match self {
            Self::Items => "item",
            Self::Streams => "stream",
        }
    }
}

/// Who asks, and for what.
pub(super) struct Agent {
    pub(super) name: String,
    pub(super) asks: Asks,
    pub(super) network: Arc<Namespace>,
}

/// What it got.
#[derive(Clone)]
pub(super) struct Seen {
    /// What it asked for, which nobody else did.
    pub(super) about: String,
    pub(super) status: u16,
    /// The record that the answer names.
    pub(super) record: u64,
    /// How many bytes are not the gateway's own words.
    pub(super) bytes: u64,
    /// Whether the last byte came too.
    pub(super) whole: bool,
    /// Why there is no more, by the gateway's word.
    pub(super) reason: Option<String>,
}

/// What calls at one host came to.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) went: AtomicU64,
    pub(super) streamed: AtomicU64,
    /// Streams that ended before they were whole.
    pub(super) broken: AtomicU64,
    pub(super) exhausted: AtomicU64,
    pub(super) unleased: AtomicU64,
    pub(super) unreached: AtomicU64,
    /// Refused since a record was not on disk in time, as it may be on a host that is busy with other things.
    pub(super) unrecorded: AtomicU64,
}

impl Agent {
    /// Asks until told to stop.
    pub(super) fn run(&self, tally: &Tally, stop: &AtomicBool) -> Result<Vec<Seen>> {
        self.network.enter()?;
        let client = Client::plain()?;
        let mut seen = Vec::new();
        for number in 0_u64.. {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            let about = format!("{}n{number}", self.name);
            let url = format!("http://{AT}/shop/{}s/{about}", self.asks.parameter());
            // A host that is killed answers nothing.
            let Ok(reply) = client.get(&url, &[]) else {
                tally.unreached.fetch_add(1, Ordering::SeqCst);
                thread::sleep(PAUSE_REFUSED);
                continue;
            };
            let (bytes, reason) = told(&reply);
            if reason.as_deref() == Some("audit_unavailable") {
                tally.unrecorded.fetch_add(1, Ordering::SeqCst);
                thread::sleep(PAUSE_REFUSED);
                continue;
            }
            let whole = reply.whole && reason.is_none();
            let counted = self.counted(&reply, reason.as_deref(), tally)?;
            counted.fetch_add(1, Ordering::SeqCst);
            if !reply.body.is_empty() {
                let record = reply.record().context("bytes without a record")?;
                seen.push(Seen {
                    about,
                    status: reply.status.as_u16(),
                    record,
                    bytes: u64::try_from(bytes)?,
                    whole,
                    reason,
                });
            }
            let went = reply.status == 200 && whole;
            thread::sleep(if went { PAUSE } else { PAUSE_REFUSED });
        }
        Ok(seen)
    }

    fn counted<'a>(
        &self,
        reply: &Reply,
        reason: Option<&str>,
        tally: &'a Tally,
    ) -> Result<&'a AtomicU64> {
        Ok(match (reply.status.as_u16(), reason, self.asks) {
            (200, None, Asks::Items) => &tally.went,
            (200, None, Asks::Streams) if reply.whole => &tally.streamed,
            // Its gateway was killed, or what there was of a budget came to its end.
            (200, None | Some("budget_exhausted" | "budget_unleased"), Asks::Streams) => {
                &tally.broken
            }
            (429, Some("budget_exhausted"), _) => &tally.exhausted,
            (503, Some("budget_unleased"), _) => &tally.unleased,
            other => bail!("{}: {other:?}: {}", self.name, reply.text()),
        })
    }
}

/// How many bytes of an answer are the service's, and why there are no more, if the gateway says so: in an answer of
/// its own, or in the last event of a stream.
fn told(reply: &Reply) -> (usize, Option<String>) {
    let reason = |text: &str| {
        let problem: Option<Value> = serde_json::from_str(text).ok();
        problem?.get("reason")?.as_str().map(str::to_owned)
    };
    let text = reply.text();
    if reply.status != 200 {
        return (0, reason(&text));
    }
    match text.rsplit_once("event: error\ndata: ") {
        Some((before, last)) if reply.whole => (before.len(), reason(last.trim_end())),
        _ => (reply.body.len(), None),
    }
}
