//! What an agent does day by day while nobody abuses it.

use behaviour::Ending;

use super::{
    agent::{Agent, Half, Order},
    chance::Chance,
    script::{BEGIN, Call, DAY, Session},
};

/// Of a thousand sessions, those that are out of the ordinary.
const TAIL: i64 = 40;
/// Of a thousand calls, those of what an agent seldom does.
const RARE: i64 = 3;

/// Plays an agent's days.
pub(super) struct Days<'a> {
    pub(super) agent: &'a Agent,
    pub(super) half: &'a Half,
    pub(super) chance: Chance,
    /// Days after which it is grown.
    pub(super) grown: i64,
}

impl Days<'_> {
    /// The sessions of a day, counted from the first.
    pub(super) fn day(&mut self, day: i64) -> Vec<Session> {
        let is_weekend = day.rem_euclid(7) >= 5;
        if is_weekend && !self.chance.permille(self.agent.weekends) {
            return Vec::new();
        }
        let sessions = self.chance.within(self.agent.sessions_a_day);
        let percent = 100 + (self.agent.growth - 100) * day.min(self.grown) / self.grown.max(1);
        (0..sessions)
            .map(|number| {
                let begin = BEGIN + day * DAY + self.chance.within(self.agent.begins);
                let calls = self.session(begin, percent);
                let workload = u32::try_from(100 + day * 20 + number).unwrap_or(u32::MAX);
                Session::new(format!("day {day} session {number}"), workload, calls)
            })
            .collect()
    }

    /// A session that begins then, of so many percent of the usual size.
    pub(super) fn session(&mut self, begin: i64, percent: i64) -> Vec<Call> {
        let tail = if self.chance.permille(TAIL) {
            self.chance.within(self.half.tail)
        } else {
            100
        };
        let resources = self.chance.within(self.agent.resources) * percent * tail / 10_000;
        let mut order = self.order(resources.max(1));
        let mut calls = Vec::new();
        let mut at = begin;
        for number in order.drain(..) {
            let id = format!("R-{number:05}");
            for call in 0..self.chance.within(self.agent.calls_each) {
                at = self.call(at, &id, call == 0, &mut calls);
                at += self.chance.within(self.agent.pause);
            }
            at += self.chance.within(self.agent.rest);
        }
        calls
    }

    /// What it works on, in its order.
    fn order(&mut self, resources: i64) -> Vec<i64> {
        let last = self.agent.population;
        let rises = matches!(self.agent.order, Order::Rising(cases) if self.chance.permille(cases));
        if rises {
            let first = self.chance.within((1, last - resources));
            return (first..first + resources).collect();
        }
        (0..resources)
            .map(|_| self.chance.within((1, last)))
            .collect()
    }

    /// One call, or one that fails and those that repeat it; the time after it.
    fn call(&mut self, mut at: i64, id: &str, is_first: bool, calls: &mut Vec<Call>) -> i64 {
        let agent = self.agent;
        let work = if self.chance.permille(RARE) {
            Some(&agent.rare)
        } else if is_first {
            agent.works.first()
        } else {
            self.chance.one_of(agent.works)
        };
        let Some(work) = work else { return at };
        let mut call = work.call(at, id);
        if self.chance.permille(agent.storms) {
            for _ in 0..self.chance.within((5, 20)) {
                call.at = at;
                calls.push(Call {
                    found: Vec::new(),
                    ending: Ending::Failed,
                    ..call.clone()
                });
                at += self.chance.within((0, 2));
            }
            call.at = at;
        }
        if self.chance.permille(agent.refused) {
            call.found.clear();
            call.ending = Ending::Denied;
        }
        calls.push(call);
        at
    }
}
