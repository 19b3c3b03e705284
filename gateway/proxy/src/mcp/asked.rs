//! What requests of MCP were held to, for answers that come elsewhere than in the answer to their request:
//! on the stream of HTTP+SSE, and where an agent takes up a stream again (`Last-Event-ID`).
//!
//! An id is a client's own to choose. Where it names several requests of one session, their answer is held
//! to the rules of all of them; where it names none, nobody knows what it is, and it stays behind.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, OnceLock},
};

use admission::Permit;
use redaction::shape::{Answers, Plan};
use serde_json::Value;

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

/// So many requests of one agent are remembered; a new one lets the oldest be forgotten.
const REQUESTS_MAX: usize = 4096;

/// A request, and what its answer is held to.
#[derive(Debug)]
struct Request {
    service: Arc<str>,
    owner: Owner,
    /// None where it was made in none.
    session: Option<Box<str>>,
    /// As JSON writes it.
    id: Box<str>,
    plan: Arc<Plan>,
}

/// The requests of each agent, oldest first. Agents are as many as are configured.
#[derive(Debug, Default)]
pub(super) struct Requests(HashMap<Arc<str>, VecDeque<Request>>);

impl Requests {
    fn note(&mut self, request: Request) {
        let agent = Arc::clone(request.owner.agent());
        let noted = self.0.entry(agent).or_default();
        if noted.len() >= REQUESTS_MAX {
            noted.pop_front();
        }
        noted.push_back(request);
    }

    /// What the answer to `id` is held to in a session of `owner`, or in any where that is not known.
    fn plan(
        &self,
        service: &Arc<str>,
        owner: &Owner,
        session: Option<&str>,
        id: &str,
    ) -> Option<Plan> {
        let is_asked = |request: &&Request| {
            let is_here = match (&request.session, session) {
                (Some(made), Some(named)) => **made == *named,
                _ => true,
            };
            *request.id == *id && is_here && request.service == *service && request.owner == *owner
        };
        let mut asked = self.0.get(owner.agent())?.iter().filter(is_asked);
        let first = Plan::clone(&asked.next()?.plan);
        Some(asked.fold(first, |plan, request| plan.and(&request.plan)))
    }
}

/// Notes what the answer to an admitted request of MCP is held to, before the server hears of it.
pub(crate) fn note(gateway: &Gateway, permit: &Permit, way: &Way, account: &Account) {
    let (Speaks::Mcp(_), Dialect::JsonRpc(id)) = (&way.service.speaks, &account.dialect) else {
        return;
    };
    if *id == Value::Null {
        return;
    }
    let mut plan = way.answers.plan(permit);
    plan.rows.extend(listing::rows(gateway, permit, way));
    gateway.sessions.requests().note(Request {
        service: Arc::clone(&way.service.name),
        owner: Owner::of(permit.caller()),
        session: account.session.as_ref().map(|spoken| spoken.id().into()),
        id: id.to_string().into(),
        plan: Arc::new(plan),
    });
}

/// A stream on which a server may answer any request of one session.
#[derive(Debug)]
pub(crate) struct Stream {
    sessions: Arc<Sessions>,
    service: Arc<str>,
    owner: Owner,
    session: Named,
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
        let session = self.session.get().map(|id| &**id);
        let requests = self.sessions.requests();
        requests.plan(&self.service, &self.owner, session, id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(agent: &str, session: Option<&str>, id: &str, most: u64) -> Request {
        Request {
            service: "crm".into(),
            owner: Owner::named(agent, None),
            session: session.map(Into::into),
            id: id.into(),
            plan: Arc::new(Plan {
                records_max: Some(most),
                ..Plan::default()
            }),
        }
    }

    /// The cap that an answer is held to.
    fn most(requests: &Requests, agent: &str, session: Option<&str>, id: &str) -> Option<u64> {
        let owner = Owner::named(agent, None);
        requests
            .plan(&"crm".into(), &owner, session, id)?
            .records_max
    }

    #[test]
    fn an_answer_is_held_to_the_requests_of_its_session() {
        let mut requests = Requests::default();
        requests.note(request("ann", Some("s"), "7", 5));
        requests.note(request("ann", Some("t"), "7", 3));
        requests.note(request("ann", None, "8", 2));
        requests.note(request("bob", Some("s"), "9", 1));
        assert_eq!(most(&requests, "ann", Some("s"), "7"), Some(5));
        assert_eq!(most(&requests, "ann", Some("t"), "7"), Some(3));
        assert_eq!(most(&requests, "ann", None, "7"), Some(3));
        assert_eq!(most(&requests, "ann", Some("s"), "8"), Some(2));
        assert_eq!(most(&requests, "ann", Some("s"), "9"), None);
        assert_eq!(most(&requests, "ann", Some("s"), "\"7\""), None);
        assert_eq!(most(&requests, "eve", Some("s"), "7"), None);
        // Asked twice with one id: the strictest of both.
        requests.note(request("ann", Some("s"), "7", 9));
        assert_eq!(most(&requests, "ann", Some("s"), "7"), Some(5));
    }

    #[test]
    fn an_agent_with_many_requests_lets_only_its_own_be_forgotten() {
        let mut requests = Requests::default();
        requests.note(request("ann", None, "0", 1));
        for id in 0..=REQUESTS_MAX {
            requests.note(request("bob", None, &id.to_string(), 2));
        }
        assert_eq!(most(&requests, "ann", None, "0"), Some(1));
        assert_eq!(most(&requests, "bob", None, "0"), None);
        assert_eq!(most(&requests, "bob", None, "1"), Some(2));
    }
}
