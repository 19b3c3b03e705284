//! How sessions stand now, for operators.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Engine, Session};
use crate::{Detector, price::price};

/// How a session stands that is at some risk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The agent.
    pub agent: Arc<str>,
    /// The session.
    pub session: Arc<str>,
    /// The risk that its workload has now, of [`crate::RISK_MAX`]; sessions of one workload share it.
    pub risk: u32,
    /// Behind the latest verdict that did more than tell.
    pub detector: Detector,
    /// What its calls meet.
    pub held: Holding,
}

/// What calls of a session meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Nothing: the risk is small by now.
    Nothing,
    /// They cost so much of the calls a minute that [`crate::Rules::throttle`] allows, writes twice that.
    Throttled {
        /// What a read costs.
        price: u32,
    },
    /// They need a token that was issued after `since`, for a scope of as many entries at the least.
    StepUp {
        /// When the verdict was.
        since: Timestamp,
        /// Entries.
        scope: usize,
    },
    /// They are refused.
    Quarantined,
}

impl Holding {
    /// Its name, as it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Throttled { .. } => "throttled",
            Self::StepUp { .. } => "step_up",
            Self::Quarantined => "quarantined",
        }
    }
}

/// Whose sessions are asked for; everybody's, if nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Of this agent.
    pub agent: Option<String>,
    /// This one.
    pub session: Option<String>,
}

impl Engine {
    /// Sessions that are at risk or held, the latest that called first; so many at most, and whether there are more.
    pub fn standing(&self, asked: &Asked, now: Timestamp, most: usize) -> (Vec<Standing>, bool) {
        let sessions = self.sessions.iter().rev();
        let mut at_risk = sessions
            .filter(|(id, _)| asked.session.as_ref().is_none_or(|it| **it == ***id))
            .filter_map(|(id, session)| self.stands(id, session, now))
            .filter(|it| {
                asked
                    .agent
                    .as_ref()
                    .is_none_or(|agent| **agent == *it.agent)
            });
        let told: Vec<Standing> = at_risk.by_ref().take(most).collect();
        let more = at_risk.next().is_some();
        (told, more)
    }

    fn stands(&self, id: &Arc<str>, session: &Session, now: Timestamp) -> Option<Standing> {
        let holder = self.holders.peek(&session.holder);
        let risk = holder.map_or(0, |it| it.left(now));
        let (detector, held) = match (session.quarantined, holder) {
            (Some(detector), _) => (detector, Holding::Quarantined),
            (None, Some(holder)) => {
                let held = match (holder.step_up, price(risk, false)) {
                    (Some((since, scope)), _) => Holding::StepUp { since, scope },
                    (None, 0) if risk == 0 => return None,
                    (None, 0) => Holding::Nothing,
                    (None, price) => Holding::Throttled { price },
                };
                (holder.detector, held)
            }
            (None, None) => return None,
        };
        Some(Standing {
            agent: Arc::clone(session.agent.as_ref()?),
            session: Arc::clone(id),
            risk,
            detector,
            held,
        })
    }
}
