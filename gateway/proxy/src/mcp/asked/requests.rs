//! The requests of each agent by their ids: to what each id ever was held, and what of that may still be
//! answered.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use redaction::shape::Plan;

use crate::mcp::sessions::{Floor, Owner};

/// So many ids of one agent are remembered; a new one lets the oldest be forgotten.
pub(super) const REQUESTS_MAX: usize = 4096;

/// So many requests with one id are in flight one by one; the oldest of more counts as given up.
const OPEN_MAX: usize = 64;

/// A request that was given up outside of a session may be answered for so long. Within one it may for as
/// long as that lasts: there an id is used once (MCP 2025-11-25, "Requests").
const GIVEN_UP: Duration = Duration::from_mins(10);

/// What names a request, to whom it was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) service: Arc<str>,
    pub(super) owner: Owner,
    /// None where it was made in none that was opened here.
    pub(super) session: Option<Box<str>>,
    /// As [`folded`].
    pub(super) id: Box<str>,
}

/// An id as the least exact of readers compares it: by its text, `7` as `"7"` and as `"07"`.
pub(super) fn folded(id: &str) -> Box<str> {
    let text = id.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let text = text.unwrap_or(id);
    let number = text.trim().parse::<i64>().map(|number| number.to_string());
    number.map_or_else(|_| text.into(), Into::into)
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its server never heard of it.
    Unheard,
    /// With its answer.
    Answered,
    /// Without, so that this may come elsewhere.
    Unanswered,
}

/// The requests of one name.
#[derive(Debug, Default)]
struct Held {
    /// What they are held to, all of them.
    asked: Plan,
    /// Those in flight, each by its ticket.
    open: Vec<(u64, Arc<Plan>)>,
    /// Those that were given up, and when the last was.
    given_up: Option<(Plan, Instant)>,
}

impl Held {
    fn give_up(&mut self, plan: &Plan, now: Instant) {
        let before = self.given_up.take().map(|(plan, _)| plan);
        self.given_up = Some((before.unwrap_or_default().and(plan), now));
    }

    /// What an answer is held to that may be of any that is not answered.
    fn unanswered(&self, is_in_session: bool, now: Instant) -> Plan {
        let lasts = |at: Instant| is_in_session || now.saturating_duration_since(at) < GIVEN_UP;
        let given_up = self.given_up.as_ref().filter(|(_, at)| lasts(*at));
        let given_up = given_up.map(|(plan, _)| plan.clone()).unwrap_or_default();
        let open = self.open.iter();
        open.fold(given_up, |all, (_, plan)| all.and(plan))
    }
}

/// Those of one agent.
#[derive(Debug, Default)]
struct Noted {
    held: HashMap<Name, Held>,
    /// Oldest first.
    order: VecDeque<Name>,
    /// In which sessions an id is used, by its name in none.
    sessions: HashMap<Name, Vec<Option<Box<str>>>>,
}

/// The requests of each agent. Agents are as many as are configured.
#[derive(Debug, Default)]
pub(in crate::mcp) struct Requests {
    agents: HashMap<Arc<str>, Noted>,
    tickets: u64,
}

impl Requests {
    /// Notes a request before it is sent. Returns its ticket; and what was forgotten for it, if anything was.
    pub(super) fn note(
        &mut self,
        name: Name,
        plan: &Arc<Plan>,
        now: Instant,
    ) -> (u64, Option<(Name, Floor)>) {
        self.tickets += 1;
        let agent = Arc::clone(name.owner.agent());
        let noted = self.agents.entry(agent).or_default();
        let forgotten = (!noted.held.contains_key(&name)).then(|| noted.enter(&name, now));
        let held = noted.held.entry(name).or_default();
        held.asked = std::mem::take(&mut held.asked).and(plan);
        if held.open.len() >= OPEN_MAX {
            let (_, oldest) = held.open.remove(0);
            held.give_up(&oldest, now);
        }
        held.open.push((self.tickets, Arc::clone(plan)));
        (self.tickets, forgotten.flatten())
    }

    /// Ends a request.
    pub(super) fn close(&mut self, name: &Name, ticket: u64, end: End, now: Instant) {
        let noted = self.agents.get_mut(name.owner.agent());
        let Some(held) = noted.and_then(|noted| noted.held.get_mut(name)) else {
            return;
        };
        let position = held.open.iter().position(|(known, _)| *known == ticket);
        let plan = position.map(|position| held.open.remove(position).1);
        if let (Some(plan), End::Unanswered) = (plan, end) {
            held.give_up(&plan, now);
        }
    }

    /// What an answer is held to that may be to any request of this name; none if there was none.
    pub(super) fn asked(&self, name: &Name) -> Option<Plan> {
        let mut known = self.known(name);
        let first = known.next()?.1.asked.clone();
        Some(known.fold(first, |all, (_, held)| all.and(&held.asked)))
    }

    /// The same of those that are not answered.
    pub(super) fn unanswered(&self, name: &Name, now: Instant) -> Plan {
        self.known(name)
            .fold(Plan::default(), |all, (is_in_session, held)| {
                all.and(&held.unanswered(is_in_session, now))
            })
    }

    /// The requests with the id and in the session of this name, and those whose session is not known.
    fn known<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = (bool, &'a Held)> {
        let noted = self.agents.get(name.owner.agent());
        let sessions = noted.and_then(|noted| noted.sessions.get(&name.within(None)));
        let sessions = sessions.into_iter().flatten().filter(|session| {
            name.session.is_none() || session.is_none() || **session == name.session
        });
        sessions.filter_map(move |session| {
            let held = noted?.held.get(&name.within(session.clone()))?;
            Some((session.is_some(), held))
        })
    }
}

impl Noted {
    /// Makes room for a new name, and notes it.
    fn enter(&mut self, name: &Name, now: Instant) -> Option<(Name, Floor)> {
        let oldest = (self.order.len() >= REQUESTS_MAX).then(|| self.order.pop_front());
        let oldest = oldest.flatten();
        let forgotten = oldest.and_then(|oldest| {
            let held = self.held.remove(&oldest)?;
            let everywhere = oldest.within(None);
            let sessions = self.sessions.get_mut(&everywhere)?;
            sessions.retain(|session| *session != oldest.session);
            if sessions.is_empty() {
                self.sessions.remove(&everywhere);
            }
            let floor = Floor {
                unanswered: held.unanswered(oldest.session.is_some(), now),
                asked: held.asked,
            };
            Some((oldest, floor))
        });
        self.order.push_back(name.clone());
        let sessions = self.sessions.entry(name.within(None)).or_default();
        sessions.push(name.session.clone());
        forgotten
    }
}

impl Name {
    /// The same in another session.
    fn within(&self, session: Option<Box<str>>) -> Self {
        Self {
            session,
            ..self.clone()
        }
    }

    #[cfg(test)]
    pub(super) fn test(agent: &str, session: Option<&str>, id: &str) -> Self {
        Self {
            service: "crm".into(),
            owner: Owner::named(agent, None),
            session: session.map(Into::into),
            id: folded(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type In<'a> = Option<&'a str>;

    /// Notes a request whose answer has so many records, and returns how to close it.
    fn note(requests: &mut Requests, agent: &str, session: In<'_>, id: &str, most: u64) -> u64 {
        let plan = Plan {
            records_max: Some(most),
            ..Plan::default()
        };
        let name = Name::test(agent, session, id);
        requests.note(name, &Arc::new(plan), Instant::now()).0
    }

    /// The cap that an answer is held to.
    fn most(requests: &Requests, agent: &str, session: In<'_>, id: &str) -> Option<u64> {
        requests.asked(&Name::test(agent, session, id))?.records_max
    }

    #[test]
    fn an_answer_is_held_to_the_requests_of_its_session() {
        let mut requests = Requests::default();
        note(&mut requests, "ann", Some("s"), "7", 5);
        note(&mut requests, "ann", Some("t"), "7", 3);
        note(&mut requests, "ann", None, "8", 2);
        note(&mut requests, "bob", Some("s"), "9", 1);
        assert_eq!(most(&requests, "ann", Some("s"), "7"), Some(5));
        assert_eq!(most(&requests, "ann", Some("t"), "7"), Some(3));
        assert_eq!(most(&requests, "ann", None, "7"), Some(3));
        assert_eq!(most(&requests, "ann", Some("s"), "8"), Some(2));
        assert_eq!(most(&requests, "ann", Some("s"), "9"), None);
        assert_eq!(most(&requests, "eve", Some("s"), "7"), None);
        // Asked twice with one id: the strictest of both.
        note(&mut requests, "ann", Some("s"), "\"7\"", 9);
        assert_eq!(most(&requests, "ann", Some("s"), "7"), Some(5));
        note(&mut requests, "ann", Some("s"), "\"07\"", 1);
        assert_eq!(most(&requests, "ann", Some("s"), "7"), Some(1));
    }

    #[test]
    fn ids_are_one_where_some_reader_takes_them_for_one() {
        for (id, folds) in [
            ("7", "7"),
            ("\"7\"", "7"),
            ("\" +07\"", "7"),
            ("-7", "-7"),
            ("\"a\"", "a"),
            ("\"\\\"a\\\"\"", "\\\"a\\\""),
            ("\"\"", ""),
        ] {
            assert_eq!(&*folded(id), folds, "{id}");
        }
    }

    #[test]
    fn an_agent_with_many_requests_lets_only_its_own_be_forgotten() {
        let mut requests = Requests::default();
        note(&mut requests, "ann", None, "0", 1);
        for id in 0..=REQUESTS_MAX {
            note(&mut requests, "bob", None, &id.to_string(), 2);
        }
        assert_eq!(most(&requests, "ann", None, "0"), Some(1));
        assert_eq!(most(&requests, "bob", None, "0"), None);
        assert_eq!(most(&requests, "bob", None, "1"), Some(2));
        let noted = &requests.agents["bob"];
        assert_eq!(
            (noted.held.len(), noted.sessions.len()),
            (REQUESTS_MAX, REQUESTS_MAX)
        );
    }

    #[test]
    fn an_answer_may_be_to_what_is_in_flight_and_not_to_what_is_over() {
        let mut requests = Requests::default();
        let (one, none) = (
            Name::test("ann", Some("s"), "1"),
            Name::test("ann", None, "1"),
        );
        let now = Instant::now();
        let may = |requests: &Requests, name: &Name, at: Instant| {
            requests.unanswered(name, at).records_max
        };
        let first = note(&mut requests, "ann", Some("s"), "1", 5);
        let second = note(&mut requests, "ann", Some("s"), "1", 3);
        assert_eq!(may(&requests, &one, now), Some(3));
        requests.close(&one, second, End::Answered, now);
        assert_eq!(may(&requests, &one, now), Some(5));
        requests.close(&one, first, End::Unheard, now);
        assert_eq!(may(&requests, &one, now), None);
        // What was given up may be answered: in its session always, else for a time.
        let third = note(&mut requests, "ann", None, "1", 4);
        requests.close(&none, third, End::Unanswered, now);
        assert_eq!(may(&requests, &one, now), Some(4));
        assert_eq!(may(&requests, &one, now + GIVEN_UP), None);
        let fourth = note(&mut requests, "ann", Some("s"), "1", 6);
        requests.close(&one, fourth, End::Unanswered, now);
        assert_eq!(may(&requests, &one, now + GIVEN_UP), Some(6));
        // Whoever has no session may be in any.
        assert_eq!(may(&requests, &none, now + GIVEN_UP), Some(6));
        assert_eq!(
            may(
                &requests,
                &Name::test("ann", Some("t"), "1"),
                now + GIVEN_UP
            ),
            None
        );
    }

    #[test]
    fn many_requests_of_one_id_are_no_more_to_remember_than_one() {
        let mut requests = Requests::default();
        let name = Name::test("ann", None, "1");
        for _ in 0..3 * OPEN_MAX {
            note(&mut requests, "ann", None, "1", 2);
        }
        let noted = &requests.agents["ann"];
        let held = &noted.held[&name];
        assert_eq!((noted.order.len(), held.open.len()), (1, OPEN_MAX));
        assert_eq!(
            held.given_up
                .as_ref()
                .and_then(|(plan, _)| plan.records_max),
            Some(2)
        );
    }
}
