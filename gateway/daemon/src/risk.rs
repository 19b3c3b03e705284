//! Which sessions are at risk, as `/risk` of the admin address tells it.

use behaviour::{Holding, Standing};
use jiff::Timestamp;
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
    /// What a read costs of the calls a minute that `throttle` allows, where it is throttled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) price: Option<u32>,
    /// After when a token must be issued, and how many entries its scope must have, where one is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fresh: Option<Fresh>,
}

/// A token that is needed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Fresh {
    pub(crate) since: Timestamp,
    pub(crate) scope: usize,
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
    /// What its calls meet, as people say it.
    pub(crate) fn meets(&self) -> String {
        match (&*self.held, self.price, &self.fresh) {
            ("throttled", Some(price), _) => {
                format!(
                    "cost {price} calls each, {} to write",
                    price.saturating_mul(2)
                )
            }
            ("step_up", _, Some(Fresh { since, scope })) => {
                let second = since.round(jiff::Unit::Second).unwrap_or(*since);
                format!("need a token issued after {second}, with {scope} or more in its scope")
            }
            ("quarantined", ..) => "are refused".to_owned(),
            _ => "go on".to_owned(),
        }
    }

    fn of(standing: Standing) -> Self {
        let (price, fresh) = match standing.held {
            Holding::Throttled { price } => (Some(price), None),
            Holding::StepUp { since, scope } => (None, Some(Fresh { since, scope })),
            Holding::Nothing | Holding::Quarantined => (None, None),
        };
        Self {
            session: standing.session.to_string(),
            agent: standing.agent.to_string(),
            risk: standing.risk,
            detector: standing.detector.name().to_owned(),
            held: standing.held.name().to_owned(),
            price,
            fresh,
        }
    }
}

#[cfg(test)]
mod tests {
    use behaviour::Detector;

    use super::*;

    #[test]
    fn what_calls_meet_is_said_as_people_say_it() {
        let since = Timestamp::from_millisecond(1_800_000_000_400).unwrap();
        let told = [
            Holding::Nothing,
            Holding::Throttled { price: 3 },
            Holding::StepUp { since, scope: 2 },
            Holding::Quarantined,
        ]
        .map(|held| {
            let line = Line::of(Standing {
                agent: "a".into(),
                session: "s".into(),
                risk: 40,
                detector: Detector::Denials,
                held,
            });
            // As it arrives.
            let line = serde_json::to_string(&line).unwrap();
            serde_json::from_str::<Line>(&line).unwrap().meets()
        });
        assert_eq!(
            told,
            [
                "go on",
                "cost 3 calls each, 6 to write",
                "need a token issued after 2027-01-15T08:00:00Z, with 2 or more in its scope",
                "are refused",
            ]
        );
    }
}
