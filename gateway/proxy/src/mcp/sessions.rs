//! Whose a session of MCP is. A server knows a session by its id alone, so that whoever has the id has
//! the session; here it stays with whom it was given to.
//!
//! An id that nobody was given here (it is older than this gateway) belongs to the first who uses it. A
//! server that gives one id to several shares it among them. A stream of HTTP+SSE is also where its
//! client looks for answers, so that refusals go there (MCP 2024-11-05, "HTTP with SSE"). Its session is
//! what the server's own event names, whatever else the client says; it lasts no longer than the stream.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Uri};
use identity::Caller;
use redaction::shape::Plan;
use tokio::sync::mpsc;

use crate::{
    mcp::{
        Mcp,
        asked::{Named, Requests},
        is_session,
    },
    message::Unclear,
    refusal::Interruption,
    route::{Resolved, Service, Speaks, Unroutable},
};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// A longer id of a session is refused, in bytes.
const ID_BYTES_MAX: usize = 512;
/// So many sessions of one agent are known; a new one lets the oldest be forgotten.
const SESSIONS_MAX: usize = 1024;
/// So many callers may share a session that their server gave to all of them.
const OWNERS_MAX: usize = 64;
/// Refusals that may wait for a stream to take them.
const REFUSALS_MAX: usize = 16;

/// Whom a session belongs to: an agent at one task.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    agent: Arc<str>,
    task: Option<Arc<str>>,
}

impl Owner {
    pub(super) fn agent(&self) -> &Arc<str> {
        &self.agent
    }

    #[cfg(test)]
    pub(super) fn named(agent: &str, task: Option<&str>) -> Self {
        Self {
            agent: agent.into(),
            task: task.map(Into::into),
        }
    }

    pub(crate) fn of(caller: &Caller) -> Self {
        let task = caller.token.as_ref().and_then(|token| token.task.as_ref());
        Self {
            agent: caller.agent.id.as_str().into(),
            task: task.map(|task| Arc::clone(&task.id)),
        }
    }
}

/// A session: the service, and the id that it gave.
type Key = (Arc<str>, Box<str>);

#[derive(Debug, Default)]
struct Session {
    owners: Vec<Owner>,
    /// What is known of the requests in it that were forgotten; none if it may have had others, since nobody
    /// here saw it opened.
    floor: Option<Floor>,
    /// The open stream of HTTP+SSE.
    stream: Option<mpsc::Sender<Bytes>>,
}

/// What requests were held to that are no more known one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Floor {
    /// All of them.
    pub(super) asked: Plan,
    /// Those that nobody saw answered.
    pub(super) unanswered: Plan,
}

#[derive(Debug, Default)]
struct Known {
    sessions: HashMap<Key, Session>,
    /// Those of each agent, oldest first. Agents are as many as are configured.
    order: HashMap<Arc<str>, VecDeque<Key>>,
}

/// Every session that is known.
#[derive(Debug, Default)]
pub struct Sessions {
    known: Mutex<Known>,
    requests: Mutex<Requests>,
}

/// A session that a request speaks in.
#[derive(Debug)]
pub(crate) struct Spoken {
    sessions: Arc<Sessions>,
    service: Arc<str>,
    id: Box<str>,
    owner: Owner,
    /// Whether its client looks for answers on the stream.
    listens: bool,
}

impl Spoken {
    /// The session that a request names, if it is one of MCP and names one; an error if it is somebody
    /// else's.
    pub(crate) fn of(
        sessions: &Arc<Sessions>,
        resolved: &Resolved,
        (uri, headers): (&Uri, &HeaderMap),
        caller: &Caller,
    ) -> Result<Option<Self>, Interruption> {
        let (service, route) = resolved.service();
        let Speaks::Mcp(mcp) = &service.speaks else {
            return Ok(None);
        };
        let Some((id, posts)) = said(mcp, route, uri, headers)? else {
            return Ok(None);
        };
        let spoken = Self {
            sessions: Arc::clone(sessions),
            service: Arc::clone(&service.name),
            id: id.into(),
            owner: Owner::of(caller),
            listens: posts,
        };
        let is_open = !posts || spoken.is_open();
        if !is_open || !sessions.admits(&spoken.service, id, &spoken.owner) {
            return Err(Interruption::session_foreign());
        }
        Ok(Some(spoken))
    }

    /// Its id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Whether it was opened here, so that all that was asked in it was asked here.
    pub(super) fn is_open(&self) -> bool {
        self.sessions.floor(&self.service, &self.id).is_some()
    }

    /// The session is its user's from now on, if it was nobody's.
    pub(crate) fn keep(&self) {
        self.sessions.give(&self.service, &self.id, &self.owner);
    }

    /// Tells the client of a refusal where it looks for answers. Returns whether it could be told.
    pub(crate) fn tell(&self, event: Bytes) -> bool {
        self.listens
            && self
                .sessions
                .tell(&self.service, &self.id, &self.owner, event)
    }
}

/// Notes the session that an answer of a service names, if it does. It opens it, unless the request `spoke`
/// in one: servers repeat the id.
pub(crate) fn opened(
    sessions: &Sessions,
    service: &Service,
    headers: &HeaderMap,
    (caller, spoke): (&Caller, bool),
) {
    if let (Speaks::Mcp(_), Ok(Some(id))) = (&service.speaks, named(headers)) {
        let key = (Arc::clone(&service.name), id.into());
        let floor = (!spoke).then(Floor::default);
        sessions.known().give(key, &Owner::of(caller), floor);
    }
}

/// A place in a session that is about to be named.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) service: Arc<str>,
    pub(crate) owner: Owner,
    /// Who else must know which session it is.
    pub(crate) named: Named,
}

impl Claim {
    /// The session of this id is the owner's, and so is what comes for its stream.
    pub(crate) fn listen(&self, id: &str) -> mpsc::Receiver<Bytes> {
        let _again = self.named.set(id.into());
        let (tell, told) = mpsc::channel(REFUSALS_MAX);
        let key = (Arc::clone(&self.service), id.into());
        let mut known = self.sessions.known();
        known.give(key.clone(), &self.owner, None);
        if let Some(session) = known.sessions.get_mut(&key) {
            session.floor.get_or_insert_default();
            session.stream = Some(tell);
        }
        told
    }
}

impl Sessions {
    /// `owner` uses this id.
    pub(crate) fn give(&self, service: &Arc<str>, id: &str, owner: &Owner) {
        let key = (Arc::clone(service), id.into());
        self.known().give(key, owner, None);
    }

    /// What a session holds every answer to; none if it was not opened here.
    pub(super) fn floor(&self, service: &Arc<str>, id: &str) -> Option<Floor> {
        let key = (Arc::clone(service), id.into());
        self.known().sessions.get(&key)?.floor.clone()
    }

    /// Lays what was forgotten of a session under whatever comes in it.
    pub(super) fn lay(&self, service: &Arc<str>, id: &str, forgotten: &Floor) {
        let key = (Arc::clone(service), id.into());
        let mut known = self.known();
        let session = known.sessions.get_mut(&key);
        if let Some(floor) = session.and_then(|session| session.floor.as_mut()) {
            floor.asked = std::mem::take(&mut floor.asked).and(&forgotten.asked);
            floor.unanswered = std::mem::take(&mut floor.unanswered).and(&forgotten.unanswered);
        }
    }

    /// Whether a session may be used by `owner`: it is their own, or nobody's.
    pub(crate) fn admits(&self, service: &Arc<str>, id: &str, owner: &Owner) -> bool {
        let key = (Arc::clone(service), id.into());
        let known = self.known();
        let session = known.sessions.get(&key);
        session.is_none_or(|session| session.owners.contains(owner))
    }

    /// Sends an event on the stream of a session of `owner`. Returns whether there is one that took it.
    pub(crate) fn tell(&self, service: &Arc<str>, id: &str, owner: &Owner, event: Bytes) -> bool {
        let key = (Arc::clone(service), id.into());
        let known = self.known();
        let session = known.sessions.get(&key);
        let own = session.filter(|session| session.owners.contains(owner));
        let stream = own.and_then(|session| session.stream.as_ref());
        stream.is_some_and(|stream| stream.try_send(event).is_ok())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked for in them.
    pub(super) fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// A session is used by `owner`; with this floor if it was not known.
    fn give(&mut self, key: Key, owner: &Owner, floor: Option<Floor>) {
        if let Some(session) = self.sessions.get_mut(&key) {
            if !session.owners.contains(owner) && session.owners.len() < OWNERS_MAX {
                session.owners.push(owner.clone());
            }
            return;
        }
        let order = self.order.entry(Arc::clone(&owner.agent)).or_default();
        let oldest = (order.len() >= SESSIONS_MAX).then(|| order.pop_front());
        order.push_back(key.clone());
        if let Some(oldest) = oldest.flatten() {
            self.sessions.remove(&oldest);
        }
        let session = Session {
            owners: vec![owner.clone()],
            floor,
            stream: None,
        };
        self.sessions.insert(key, session);
    }
}

/// The session that a request on this path names, and whether it posts for a stream of HTTP+SSE. That knows
/// no header field for it.
fn said<'r>(
    mcp: &Mcp,
    route: &str,
    uri: &'r Uri,
    headers: &'r HeaderMap,
) -> Result<Option<(&'r str, bool)>, Interruption> {
    let ambiguous = || Interruption::unroutable(Unroutable::Ambiguous);
    match &mcp.legacy {
        // The event that comes first will name it.
        Some(legacy) if *legacy.stream == *route => Ok(None),
        // Of any other query servers would read another id than we do, or none.
        Some(legacy) if *legacy.messages == *route => {
            let query = uri.query().filter(|query| is_session(query));
            let (_, id) = query
                .and_then(|query| query.split_once('='))
                .ok_or_else(ambiguous)?;
            Ok(Some((id, true)))
        }
        _ => {
            let named = named(headers).map_err(Interruption::unclear)?;
            Ok(named.map(|id| (id, false)))
        }
    }
}

/// The session that a message's header fields name, if they name one.
pub(crate) fn named(headers: &HeaderMap) -> Result<Option<&str>, Unclear> {
    let mut named = headers.get_all(SESSION).iter();
    let Some(first) = named.next() else {
        return Ok(None);
    };
    if named.next().is_some() {
        return Err(Unclear::Ambiguous);
    }
    let id = first.to_str().map_err(|_| Unclear::Ambiguous)?;
    if id.len() > ID_BYTES_MAX {
        return Err(Unclear::ParameterTooLong);
    }
    Ok(Some(id))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::mcp::Legacy;

    #[test]
    fn a_session_stays_with_whom_it_was_given_to() {
        let sessions = Arc::new(Sessions::default());
        let service: Arc<str> = "tools".into();
        let (ann, bob) = (Owner::named("ann", Some("T-1")), Owner::named("bob", None));
        assert!(sessions.admits(&service, "s", &bob));
        sessions.give(&service, "s", &ann);
        assert!(sessions.admits(&service, "s", &ann));
        assert!(!sessions.admits(&service, "s", &bob));
        assert!(!sessions.admits(&service, "s", &Owner::named("ann", Some("T-2"))));
        assert!(sessions.admits(&"other".into(), "s", &bob));
        // The server says that it is both's.
        sessions.give(&service, "s", &bob);
        assert!(sessions.admits(&service, "s", &bob));
    }

    #[test]
    fn only_the_owner_is_told_on_the_stream() {
        let sessions = Arc::new(Sessions::default());
        let service: Arc<str> = "tools".into();
        let (ann, bob) = (Owner::named("ann", None), Owner::named("bob", None));
        let claim = Claim {
            sessions: Arc::clone(&sessions),
            service: Arc::clone(&service),
            owner: ann.clone(),
            named: Named::default(),
        };
        let mut stream = claim.listen("s");
        let event = Bytes::from_static(b"data: {}\n\n");
        assert!(!sessions.tell(&service, "s", &bob, event.clone()));
        assert!(sessions.tell(&service, "s", &ann, event.clone()));
        assert_eq!(stream.try_recv(), Ok(event.clone()));
        drop(stream);
        assert!(!sessions.tell(&service, "s", &ann, event));
    }

    #[test]
    fn an_agent_with_many_sessions_lets_only_its_own_be_forgotten() {
        let sessions = Sessions::default();
        let service: Arc<str> = "tools".into();
        let (ann, bob) = (Owner::named("ann", None), Owner::named("bob", None));
        sessions.give(&service, "a", &ann);
        for number in 0..=SESSIONS_MAX {
            sessions.give(&service, &format!("b{number}"), &bob);
        }
        assert!(!sessions.admits(&service, "a", &bob));
        assert!(sessions.admits(&service, "b0", &ann));
        assert!(!sessions.admits(&service, "b1", &ann));
    }

    #[test]
    fn what_is_known_of_a_session_goes_with_it() {
        let sessions = Sessions::default();
        let service: Arc<str> = "tools".into();
        let ann = Owner::named("ann", None);
        let key = |id: &str| (Arc::clone(&service), id.into());
        sessions
            .known()
            .give(key("s"), &ann, Some(Floor::default()));
        let forgotten = |most| Floor {
            asked: Plan {
                records_max: Some(most),
                ..Plan::default()
            },
            unanswered: Plan::default(),
        };
        for most in [5, 3, 4] {
            sessions.lay(&service, "s", &forgotten(most));
        }
        let floor = sessions.floor(&service, "s").expect("a floor");
        assert_eq!(floor.asked.records_max, Some(3));
        // One that was used before it was opened here is not known from its beginning.
        sessions.give(&service, "old", &ann);
        sessions
            .known()
            .give(key("old"), &ann, Some(Floor::default()));
        assert!(sessions.floor(&service, "old").is_none());
        for number in 0..SESSIONS_MAX {
            sessions.give(&service, &format!("{number}"), &ann);
        }
        sessions.give(&service, "s", &ann);
        assert!(sessions.floor(&service, "s").is_none());
    }

    #[test]
    fn the_older_transport_names_sessions_in_its_own_way() {
        let legacy = Legacy {
            stream: "/sse".into(),
            messages: "/messages".into(),
        };
        let mcp = Mcp::new(vec!["/mcp".into()], Some(legacy));
        let headers = HeaderMap::from_iter([(SESSION, HeaderValue::from_static("t"))]);
        let check = |route: &str, query: &str, expected: Result<Option<(&str, bool)>, &str>| {
            let uri: Uri = format!("{route}{query}").parse().expect("a URI");
            let said = said(&mcp, route, &uri, &headers).map_err(|why| why.reason);
            assert_eq!(said, expected, "{route}{query}");
        };
        check("/mcp", "?sessionId=s", Ok(Some(("t", false))));
        check("/sse", "", Ok(None));
        check("/sse", "?sessionId=s", Ok(None));
        check("/messages", "?sessionId=s", Ok(Some(("s", true))));
        for odd in [
            "",
            "?",
            "?sessionId=%73",
            "?sessionId=s&x=1",
            "?x=1&sessionId=s",
        ] {
            check("/messages", odd, Err("path_ambiguous"));
        }
    }

    #[test]
    fn one_session_is_named_or_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(named(&headers), Ok(None));
        headers.append(SESSION, HeaderValue::from_static("s-1"));
        assert_eq!(named(&headers), Ok(Some("s-1")));
        headers.append(SESSION, HeaderValue::from_static("s-2"));
        assert_eq!(named(&headers), Err(Unclear::Ambiguous));
        let long = HeaderValue::try_from("x".repeat(ID_BYTES_MAX + 1)).expect("a value");
        headers.insert(SESSION, long);
        assert_eq!(named(&headers), Err(Unclear::ParameterTooLong));
    }
}
