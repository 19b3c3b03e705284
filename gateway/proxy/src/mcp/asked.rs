//! What requests of MCP were held to, for their answers: servers find the way of an answer by its id alone,
//! which is a client's own to choose.
//!
//! In the answer to its request an answer is held to what all requests with its id are that nobody saw
//! answered. Elsewhere, on the stream of HTTP+SSE and where an agent takes up a stream again
//! (`Last-Event-ID`), it is held to all that ever had its id, in sessions that were opened here; where nobody
//! asked with its id, nobody knows what it is, and it stays behind.

mod requests;

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use admission::Permit;
use redaction::shape::{Answers, Plan};
use serde_json::Value;

pub(super) use requests::Requests;
use requests::{End, Name};

use super::{
    STREAM, listing,
    sessions::{Owner, Sessions, Spoken},
};
use crate::{
    account::Account,
    dialect::Dialect,
    gateway::Gateway,
    route::{Speaks, Way},
};

/// A request whose answer may come.
#[derive(Debug)]
pub(crate) struct InFlight {
    sessions: Arc<Sessions>,
    name: Name,
    ticket: u64,
    plan: Arc<Plan>,
    /// What becomes of it if nobody says otherwise.
    end: End,
}

/// Notes what the answer to an admitted request of MCP is held to, before the server hears of it.
pub(crate) fn note(
    gateway: &Gateway,
    permit: &Permit,
    way: &Way,
    account: &Account,
) -> Option<InFlight> {
    let (Speaks::Mcp(_), Dialect::JsonRpc(id)) = (&way.service.speaks, &account.dialect) else {
        return None;
    };
    if *id == Value::Null {
        return None;
    }
    let mut plan = way.answers.plan(permit);
    plan.rows.extend(listing::asked_for(gateway, permit, way));
    let (plan, sessions) = (Arc::new(plan), Arc::clone(&gateway.sessions));
    // Of one that was not opened here nobody knows by which other ids its server knows it.
    let session = account.session.as_ref().filter(|spoken| spoken.is_open());
    let name = Name {
        service: Arc::clone(&way.service.name),
        owner: Owner::of(permit.caller()),
        session: session.map(|spoken| spoken.id().into()),
        id: requests::folded(&id.to_string()),
    };
    let mut requests = sessions.requests();
    let (ticket, forgotten) = requests.note(name.clone(), &plan, Instant::now());
    if let Some((name, floor)) = forgotten
        && let Some(session) = &name.session
    {
        // While nobody else can look: it is known in one place or the other.
        sessions.lay(&name.service, session, &floor);
    }
    drop(requests);
    Some(InFlight {
        sessions,
        name,
        ticket,
        plan,
        end: End::Unheard,
    })
}

impl InFlight {
    /// From now on its server may answer it.
    pub(crate) fn sent(&mut self) {
        self.end = End::Unanswered;
    }

    /// Its exchange ended; whether with its answer.
    pub(crate) fn ended(mut self, answered: bool) {
        if answered {
            self.end = End::Answered;
        }
    }

    /// What its answer is held to: it may be another's.
    pub(crate) fn held_to(&self) -> Plan {
        let floor = self.name.session.as_ref();
        let floor = floor.and_then(|id| self.sessions.floor(&self.name.service, id));
        let requests = self.sessions.requests();
        let plan = requests.unanswered(&self.name, Instant::now());
        let plan = Plan::clone(&self.plan).and(&plan);
        match floor {
            Some(floor) => plan.and(&floor.unanswered),
            None => plan,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut requests = self.sessions.requests();
        requests.close(&self.name, self.ticket, self.end, Instant::now());
    }
}

/// A stream on which a server may answer any request of one session.
#[derive(Debug)]
pub(crate) struct Stream {
    sessions: Arc<Sessions>,
    service: Arc<str>,
    owner: Owner,
    session: Named,
    /// What all that stands on it is held to: an id says nothing of what a server answers by it.
    any: Plan,
}

/// The session of a stream, once it is named.
pub(crate) type Named = Arc<OnceLock<Box<str>>>;

impl Stream {
    /// The stream that is asked for under `permit`, if it is one.
    pub(crate) fn of(
        gateway: &Gateway,
        permit: &Permit,
        way: &Way,
        spoken: Option<&Spoken>,
    ) -> Option<Arc<Self>> {
        let is_stream =
            matches!(way.service.speaks, Speaks::Mcp(_)) && *permit.operation().id == *STREAM;
        let named = |spoken: &Spoken| OnceLock::from(Box::from(spoken.id()));
        is_stream.then(|| {
            Arc::new(Self {
                sessions: Arc::clone(&gateway.sessions),
                service: Arc::clone(&way.service.name),
                owner: Owner::of(permit.caller()),
                session: Arc::new(spoken.map(named).unwrap_or_default()),
                any: Plan {
                    rows: listing::any(gateway, permit, way),
                    ..Plan::default()
                },
            })
        })
    }

    /// Where its session is named, if its own first event does.
    pub(crate) fn named(&self) -> Named {
        Arc::clone(&self.session)
    }
}

impl Answers for Stream {
    fn plan(&self, id: &str) -> Option<Plan> {
        let session = self.session.get()?;
        let requests = self.sessions.requests();
        let floor = self.sessions.floor(&self.service, session)?;
        let name = Name {
            service: Arc::clone(&self.service),
            owner: self.owner.clone(),
            session: Some(session.clone()),
            id: requests::folded(id),
        };
        Some(requests.asked(&name)?.and(&floor.asked).and(&self.any))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::sessions::Claim;

    fn most(records: u64) -> Arc<Plan> {
        Arc::new(Plan {
            records_max: Some(records),
            ..Plan::default()
        })
    }

    fn claim(sessions: &Arc<Sessions>, named: Named) -> Claim {
        Claim {
            sessions: Arc::clone(sessions),
            service: "crm".into(),
            owner: Owner::named("ann", None),
            named,
        }
    }

    fn stream(sessions: &Arc<Sessions>, named: Named) -> Stream {
        Stream {
            sessions: Arc::clone(sessions),
            service: "crm".into(),
            owner: Owner::named("ann", None),
            session: named,
            any: Plan::default(),
        }
    }

    fn ask(sessions: &Sessions, session: &str, id: &str, plan: &Arc<Plan>) {
        let name = Name::test("ann", Some(session), id);
        let mut requests = sessions.requests();
        let (_, forgotten) = requests.note(name, plan, Instant::now());
        if let Some((name, floor)) = forgotten {
            let session = name.session.expect("a session");
            sessions.lay(&name.service, &session, &floor);
        }
    }

    #[test]
    fn a_stream_tells_answers_of_a_session_that_was_opened_here() {
        let sessions = Arc::new(Sessions::default());
        let (named, other) = (Named::default(), Named::default());
        let (told, old) = (
            stream(&sessions, Arc::clone(&named)),
            stream(&sessions, other),
        );
        ask(&sessions, "s", "7", &most(5));
        assert!(told.plan("7").is_none(), "no session is named yet");
        let _refusals = claim(&sessions, named).listen("s");
        assert_eq!(
            told.plan("\"7\"").and_then(|plan| plan.records_max),
            Some(5)
        );
        assert!(told.plan("8").is_none());
        // One that is only used here may have had other requests.
        sessions.give(&"crm".into(), "old", &Owner::named("ann", None));
        ask(&sessions, "old", "7", &most(9));
        old.session.set("old".into()).expect("not named");
        assert!(old.plan("7").is_none());
    }

    #[test]
    fn what_is_forgotten_binds_whoever_takes_its_id_again() {
        let sessions = Arc::new(Sessions::default());
        let named = Named::default();
        let told = stream(&sessions, Arc::clone(&named));
        let _refusals = claim(&sessions, named).listen("s");
        ask(&sessions, "s", "7", &most(1));
        for id in 0..requests::REQUESTS_MAX {
            ask(&sessions, "s", &format!("n{id}"), &Arc::default());
        }
        assert!(told.plan("7").is_none(), "it is forgotten");
        ask(&sessions, "s", "7", &Arc::default());
        assert_eq!(told.plan("7").and_then(|plan| plan.records_max), Some(1));
    }
}
