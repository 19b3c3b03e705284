//! Which sessions are at risk, as `/risk` of the admin address tells it.

use behaviour::Standing;
use serde::{Deserialize, Serialize};

/// The sessions that are told of at most.
pub(crate) const SESSIONS_MAX: usize = 500;

/// The longest answer, in bytes: ids of sessions are what tokens say.
pub(crate) const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Risk {
    /// The latest that called first.
    pub(crate) sessions: Vec<Line>,
    /// Whether there are more.
    pub(crate) cut: bool,
}

/// One session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) session: String,
    pub(crate) agent: String,
    /// Of its workload, from 0 to 100.
    pub(crate) risk: u32,
    /// Behind the latest verdict that did more than tell.
    pub(crate) detector: String,
    /// What its calls meet: `nothing`, `throttled`, `step_up`, `quarantined`.
    pub(crate) held: String,
}

impl Risk {
    /// What is told of these.
    pub(crate) fn of((sessions, cut): (Vec<Standing>, bool)) -> Self {
        Self {
            sessions: sessions.into_iter().map(Line::of).collect(),
            cut,
        }
    }
}

impl Line {
    fn of(standing: Standing) -> Self {
        Self {
            session: standing.session.to_string(),
            agent: standing.agent.to_string(),
            risk: standing.risk,
            detector: standing.detector.name().to_owned(),
            held: standing.held.name().to_owned(),
        }
    }
}
