//! What each session of an agent came to, counted from its matters, newest first. Pure.

use std::collections::HashMap;

use audit::{CallerRecord, Event, Matter};
use jiff::Timestamp;

use crate::{figures::Ends, limits::ROWS_MAX};

/// One session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AgentSession {
    pub(crate) id: String,
    pub(crate) agent: String,
    pub(crate) task: Option<String>,
    pub(crate) purpose: Option<String>,
    /// When it did something last.
    pub(crate) last: Timestamp,
    pub(crate) ends: Ends,
    /// Values that went on as they were, and those that did not.
    pub(crate) shown: u64,
    pub(crate) changed: u64,
    /// What detectors said of it: how often, and what followed last.
    pub(crate) unusual: u64,
    pub(crate) response: Option<String>,
}

/// The sessions of a time.
#[derive(Debug, Default)]
pub(crate) struct AgentSessions {
    /// In the order in which they did something last, the newest first.
    pub(crate) all: Vec<AgentSession>,
    places: HashMap<String, usize>,
    /// Matters of sessions that there was no room for.
    pub(crate) omitted: u64,
}

impl AgentSessions {
    /// Counts one matter in; newer ones come first.
    pub(crate) fn take(&mut self, matter: &Matter) {
        let at = matter.entry.event.at();
        match &matter.entry.event {
            Event::Open(opening) => {
                let outcome = matter.outcome();
                let Some(session) = self.of(&opening.caller, at) else {
                    return;
                };
                session.ends.count(outcome.map_or("open", |it| &it.result));
                let bodies = outcome.map(|it| [&it.request, &it.response]);
                for finding in bodies.iter().flatten().flat_map(|body| &body.findings) {
                    match &*finding.action {
                        "show" => session.shown += finding.count,
                        _ => session.changed += finding.count,
                    }
                }
            }
            Event::Refuse(refusal) => {
                if let Some(session) = self.of(&refusal.caller, at) {
                    session.ends.count("refused");
                }
            }
            Event::Anomaly(anomaly) => {
                if let Some(session) = self.named(&anomaly.session, &anomaly.agent, at) {
                    session.unusual += 1;
                    let response = || anomaly.response.to_string();
                    session.response.get_or_insert_with(response);
                }
            }
            _ => {}
        }
    }

    fn of(&mut self, caller: &CallerRecord, at: Timestamp) -> Option<&mut AgentSession> {
        let agent = caller.agent.as_deref().unwrap_or("not recognised");
        let session = self.named(caller.session.as_deref()?, agent, at)?;
        if let Some(token) = &caller.token {
            // What it said last counts.
            session.task = session.task.take().or_else(|| token.task.clone());
            session.purpose = session.purpose.take().or_else(|| token.purpose.clone());
        }
        Some(session)
    }

    fn named(&mut self, id: &str, agent: &str, at: Timestamp) -> Option<&mut AgentSession> {
        if let Some(place) = self.places.get(id) {
            return self.all.get_mut(*place);
        }
        if self.all.len() >= ROWS_MAX {
            self.omitted += 1;
            return None;
        }
        self.places.insert(id.to_owned(), self.all.len());
        self.all.push(AgentSession {
            id: id.to_owned(),
            agent: agent.to_owned(),
            last: at,
            ..AgentSession::default()
        });
        self.all.last_mut()
    }
}

#[cfg(test)]
mod tests {
    use audit::Entry;
    use serde_json::{Value, json};

    use super::*;

    fn matter(event: Value) -> Matter {
        let event = serde_json::from_value(event).unwrap();
        Matter {
            entry: Entry { index: 0, event },
            closing: None,
        }
    }

    fn refused(session: &str, second: u32, task: &str) -> Matter {
        matter(json!({
            "kind": "refuse", "at": format!("2026-05-04T12:00:{second:02}Z"), "trace": "0af7",
            "caller": { "agent": "a", "session": session, "evidence": "kernel",
                "token": { "issuer": "i", "subject": "a", "task": task } },
            "reason": "not_permitted", "status": 403, "policies": [], "policy": "p",
            "finding": false,
        }))
    }

    #[test]
    fn what_a_session_did_last_counts_and_all_that_it_did_is_counted() {
        let mut sessions = AgentSessions::default();
        sessions.take(&refused("s-1", 30, "T-2"));
        sessions.take(&matter(json!({
            "kind": "anomaly", "at": "2026-05-04T12:00:20Z", "detector": "spike",
            "response": "throttle", "agent": "a", "session": "s-1", "about": "crm/read",
            "numbers": [], "finding": true,
        })));
        sessions.take(&refused("s-1", 10, "T-1"));
        sessions.take(&refused("s-2", 5, "T-1"));
        let [one, two] = &*sessions.all else {
            panic!("{sessions:?}")
        };
        assert_eq!((&*one.id, one.task.as_deref()), ("s-1", Some("T-2")));
        assert_eq!((one.ends.refused, one.unusual), (2, 1));
        assert_eq!(one.response.as_deref(), Some("throttle"));
        assert_eq!(one.last, "2026-05-04T12:00:30Z".parse().unwrap());
        assert_eq!(two.ends.refused, 1);
    }

    #[test]
    fn sessions_that_there_is_no_room_for_are_counted() {
        let mut sessions = AgentSessions::default();
        for session in 0..=ROWS_MAX {
            sessions.take(&refused(&session.to_string(), 1, "T-1"));
        }
        assert_eq!((sessions.all.len(), sessions.omitted), (ROWS_MAX, 1));
    }
}
