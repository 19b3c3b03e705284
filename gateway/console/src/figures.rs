//! What a time came to, counted from its matters. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use audit::{BodyRecord, Bypass, Event, Matter, Opening, Outcome};
use jiff::{SignedDuration, Timestamp};

use crate::limits::ROWS_MAX;

/// Which time figures are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Period {
    /// The last 24 hours, hour by hour.
    #[default]
    Day,
    /// The last seven days, day by day.
    Week,
    /// The last thirty days, day by day.
    Month,
}

impl Period {
    pub(crate) const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Its name in an address, and in words.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Day => ("day", "24 hours"),
            Self::Week => ("week", "7 days"),
            Self::Month => ("month", "30 days"),
        }
    }

    /// How many steps it has, and how long each is, in seconds.
    fn steps(self) -> (i64, i64) {
        const HOUR: i64 = 3_600;
        match self {
            Self::Day => (24, HOUR),
            Self::Week => (7, 24 * HOUR),
            Self::Month => (30, 24 * HOUR),
        }
    }

    /// When it begins that ends now: with a whole hour or day.
    pub(crate) fn from(self, now: Timestamp) -> Timestamp {
        let (count, seconds) = self.steps();
        let last = now.as_second().div_euclid(seconds);
        let first = (last + 1 - count) * seconds;
        Timestamp::from_second(first).unwrap_or(Timestamp::MIN)
    }
}

/// What became of exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Answered as policy says.
    pub(crate) released: u64,
    /// Refused, before or behind the upstream.
    pub(crate) refused: u64,
    /// Ended otherwise, or not at all so far.
    pub(crate) other: u64,
}

impl Ends {
    pub(crate) fn all(self) -> u64 {
        self.released + self.refused + self.other
    }

    pub(crate) fn count(&mut self, result: &str) {
        match result {
            "released" => self.released += 1,
            "refused" => self.refused += 1,
            _ => self.other += 1,
        }
    }
}

/// Values of one class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    /// In so many exchanges.
    pub(crate) exchanges: u64,
    /// How many went on as they were.
    pub(crate) shown: u64,
    /// How many were masked, dropped, tokenized, ...
    pub(crate) changed: u64,
    /// All of them, by step.
    pub(crate) steps: Vec<u64>,
}

/// From an agent to an API, or past the gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) agent: String,
    /// The service, or the place past the gateway.
    pub(crate) to: String,
    /// Whether it went through the gateway.
    pub(crate) governed: bool,
}

/// The figures of a period.
#[derive(Debug)]
pub(crate) struct Figures {
    from: Timestamp,
    period: Period,
    pub(crate) ends: Ends,
    pub(crate) steps: Vec<Ends>,
    pub(crate) agents: BTreeSet<String>,
    pub(crate) classes: BTreeMap<String, Values>,
    /// Places that policy let pass without looking, and what the kernel's part missed, by why.
    pub(crate) gaps: BTreeMap<String, u64>,
    pub(crate) edges: BTreeMap<Edge, Ends>,
    /// Edges that there was no room for.
    pub(crate) omitted: u64,
    pub(crate) bypasses: u64,
    pub(crate) anomalies: u64,
}

impl Figures {
    /// Of the `period` that ends now.
    pub(crate) fn new(period: Period, now: Timestamp) -> Self {
        let steps = usize::try_from(period.steps().0).unwrap_or(0);
        Self {
            from: period.from(now),
            period,
            ends: Ends::default(),
            steps: vec![Ends::default(); steps],
            agents: BTreeSet::new(),
            classes: BTreeMap::new(),
            gaps: BTreeMap::new(),
            edges: BTreeMap::new(),
            omitted: 0,
            bypasses: 0,
            anomalies: 0,
        }
    }

    /// When it begins.
    pub(crate) fn from(&self) -> Timestamp {
        self.from
    }

    /// When step `at` begins.
    pub(crate) fn step(&self, at: usize) -> Timestamp {
        let seconds = self.period.steps().1;
        let after = i64::try_from(at).unwrap_or(0).saturating_mul(seconds);
        let after = SignedDuration::from_secs(after);
        self.from.saturating_add(after).unwrap_or(Timestamp::MAX)
    }

    /// Counts one matter in.
    pub(crate) fn take(&mut self, matter: &Matter) {
        match &matter.entry.event {
            Event::Open(opening) => self.exchange(opening, matter.outcome()),
            Event::Refuse(refusal) => {
                let service = refusal.operation.as_ref().map(|it| &*it.service);
                let agent = refusal.caller.agent.as_deref();
                self.ended(refusal.at, "refused", agent, service);
                let body = BodyRecord {
                    findings: refusal.findings.clone(),
                    ..BodyRecord::default()
                };
                self.found(refusal.at, [&body]);
            }
            Event::Bypass(bypass) => {
                self.bypasses += 1;
                let ends = self.edge(Edge {
                    agent: bypass.agent.clone(),
                    to: place(bypass),
                    governed: false,
                });
                ends.count(match &*bypass.result {
                    "refused" => "refused",
                    _ => "released",
                });
            }
            Event::Gap(gap) => self.gap(&gap.reason, gap.lost.saturating_sub(gap.recovered)),
            Event::Anomaly(_) => self.anomalies += 1,
            _ => {}
        }
    }

    fn exchange(&mut self, opening: &Opening, outcome: Option<&Outcome>) {
        let result = outcome.map_or("open", |it| &*it.result);
        let agent = opening.caller.agent.as_deref();
        self.ended(opening.at, result, agent, Some(&opening.operation.service));
        let Some(outcome) = outcome else { return };
        let bodies = [&outcome.request, &outcome.response];
        for gap in bodies.iter().flat_map(|body| &body.gaps) {
            self.gap(gap, 1);
        }
        self.found(opening.at, bodies);
    }

    fn ended(&mut self, at: Timestamp, result: &str, agent: Option<&str>, service: Option<&str>) {
        self.ends.count(result);
        let step = self.step_of(at);
        if let Some(step) = self.steps.get_mut(step) {
            step.count(result);
        }
        let Some(agent) = agent else { return };
        if self.agents.len() < ROWS_MAX {
            self.agents.insert(agent.to_owned());
        }
        if let Some(service) = service {
            self.edge(Edge {
                agent: agent.to_owned(),
                to: service.to_owned(),
                governed: true,
            })
            .count(result);
        }
    }

    fn found<'a>(&mut self, at: Timestamp, bodies: impl IntoIterator<Item = &'a BodyRecord>) {
        let step = self.step_of(at);
        let mut seen = BTreeSet::new();
        for finding in bodies.into_iter().flat_map(|body| &body.findings) {
            let steps = self.steps.len();
            if !self.classes.contains_key(&*finding.class) && self.classes.len() >= ROWS_MAX {
                continue;
            }
            let values = self.classes.entry(finding.class.to_string()).or_default();
            values.steps.resize(steps, 0);
            values.exchanges += u64::from(seen.insert(&finding.class));
            if finding.action == "show" {
                values.shown += finding.count;
            } else {
                values.changed += finding.count;
            }
            if let Some(step) = values.steps.get_mut(step) {
                *step += finding.count;
            }
        }
    }

    fn edge(&mut self, edge: Edge) -> &mut Ends {
        if self.edges.len() >= ROWS_MAX && !self.edges.contains_key(&edge) {
            self.omitted += 1;
            // Somebody must be counted as: those for whom there is no room.
            return self.edges.entry(Edge::rest()).or_default();
        }
        self.edges.entry(edge).or_default()
    }

    fn gap(&mut self, why: &str, count: u64) {
        *self.gaps.entry(why.to_owned()).or_default() += count;
    }

    fn step_of(&self, at: Timestamp) -> usize {
        let after = at.as_second() - self.from.as_second();
        usize::try_from(after.div_euclid(self.period.steps().1)).unwrap_or(usize::MAX)
    }
}

/// Where a flow went: a name, or else an address without its port, which may be another each time.
fn place(bypass: &Bypass) -> String {
    let address = || match bypass.remote.parse::<SocketAddr>() {
        Ok(address) => address.ip().to_string(),
        Err(_) => bypass.remote.clone(),
    };
    bypass.name.clone().unwrap_or_else(address)
}

impl Edge {
    /// All those that there was no room for.
    fn rest() -> Self {
        Self {
            agent: "others".to_owned(),
            to: "others".to_owned(),
            governed: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use audit::Entry;

    fn matter(opening: Value, closing: Option<Value>) -> Matter {
        let entry = |event| Entry {
            index: 0,
            event: serde_json::from_value(event).unwrap(),
        };
        Matter {
            entry: entry(opening),
            closing: closing.map(entry),
        }
    }

    fn exchange(at: &str, agent: &str, result: &str, findings: &Value) -> Matter {
        let body = |findings: &Value| {
            json!({ "received": 1, "released": 1, "findings": findings, "findings_unlisted": 0,
                "gaps": ["media_unknown"] })
        };
        let opening = json!({
            "kind": "open", "at": at, "trace": "0af7", "policy": "p", "policies": [],
            "caller": { "agent": agent, "evidence": "kernel" },
            "operation": { "service": "crm", "operation": "read", "effect": "read", "method": "GET",
                "route": "/c", "bound": {}, "country": "DE" },
        });
        let closing = json!({
            "kind": "close", "at": at, "opening": 0, "status": 200, "result": result,
            "duration_us": 9, "request": body(&json!([])), "response": body(findings),
        });
        matter(opening, Some(closing))
    }

    #[test]
    fn a_day_is_counted_by_how_it_ended_what_was_found_and_who_called() {
        let now = "2026-05-04T12:30:00Z".parse().unwrap();
        let mut figures = Figures::new(Period::Day, now);
        assert_eq!(figures.from(), "2026-05-03T13:00:00Z".parse().unwrap());
        let found = json!([
            { "class": "pii.email", "path": "/a", "count": 2, "action": "mask" },
            { "class": "pii.email", "path": "/b", "count": 1, "action": "show" },
        ]);
        figures.take(&exchange("2026-05-04T12:01:00Z", "a", "released", &found));
        figures.take(&exchange(
            "2026-05-03T13:00:00Z",
            "b",
            "refused",
            &json!([]),
        ));
        let bypass = json!({
            "kind": "bypass", "at": "2026-05-04T12:01:00Z", "agent": "a", "flow": "f",
            "technique": "direct", "protocol": "tcp", "remote": "192.0.2.1:443",
            "name": "api.example", "result": "passed",
            "process": { "pid": 1, "start_ns": 1, "uid": 1, "gid": 1, "cgroup_id": 1,
                "comm": "x", "ancestors": [] },
        });
        figures.take(&matter(bypass.clone(), None));
        for remote in ["[2001:db8::1]:443", "[2001:db8::1]:9"] {
            let mut nameless = bypass.clone();
            nameless["name"] = Value::Null;
            nameless["remote"] = remote.into();
            figures.take(&matter(nameless, None));
        }

        let ends = |released, refused| Ends {
            released,
            refused,
            other: 0,
        };
        assert_eq!(figures.ends, ends(1, 1));
        assert_eq!(
            (figures.steps[0], figures.steps[23]),
            (ends(0, 1), ends(1, 0))
        );
        let email = &figures.classes["pii.email"];
        assert_eq!((email.exchanges, email.shown, email.changed), (1, 1, 2));
        assert_eq!(email.steps[23], 3);
        assert_eq!(figures.gaps["media_unknown"], 4);
        let edges: Vec<_> = figures.edges.keys().collect();
        assert_eq!(edges.len(), 4);
        let past = edges.iter().filter(|edge| !edge.governed);
        let past: Vec<_> = past.map(|edge| (&*edge.agent, &*edge.to)).collect();
        assert_eq!(past, [("a", "2001:db8::1"), ("a", "api.example")]);
        assert_eq!((figures.agents.len(), figures.bypasses), (2, 3));
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_together() {
        let now = "2026-05-04T12:30:00Z".parse().unwrap();
        let mut figures = Figures::new(Period::Day, now);
        for agent in 0..ROWS_MAX + 5 {
            let agent = agent.to_string();
            figures.take(&exchange(
                "2026-05-04T12:01:00Z",
                &agent,
                "released",
                &json!([]),
            ));
        }
        assert_eq!(figures.omitted, 5);
        assert_eq!(figures.edges[&Edge::rest()].released, 5);
    }
}
