//! Attacks of eight kinds, each in a loud and in a low form.

use behaviour::Ending;

use super::{
    agent::{Agent, Half},
    chance::Chance,
    normal::Days,
    script::{BEGIN, Call, DAY, HOUR, Session, Work, list, read, write},
};

/// What an attacker does with an agent that it took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Attack {
    /// One new record after the other. Low: over many sessions, none wider than is usual.
    Drip,
    /// Id after id. Low: with gaps, or out of order, and other calls between.
    Enumeration,
    /// Everything at once. Low: twice the agent's pace for some minutes.
    Burst,
    /// From one service to the next. Low: two of them, hours apart, among usual calls.
    Lateral,
    /// What is refused, tried again and again. Low: known operations, minutes apart, among usual calls.
    Probing,
    /// Answers of a class that is none of its business. Low: one that it saw now and then.
    Drift,
    /// Its usual work, when it never works. Low: a few hours after its day.
    OffHours,
    /// Writes. Low: those that it makes anyway, one a minute, among usual calls.
    Spree,
}

impl Attack {
    pub(super) const ALL: [Self; 8] = [
        Self::Drip,
        Self::Enumeration,
        Self::Burst,
        Self::Lateral,
        Self::Probing,
        Self::Drift,
        Self::OffHours,
        Self::Spree,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Drip => "slow collection",
            Self::Enumeration => "enumeration",
            Self::Burst => "burst",
            Self::Lateral => "lateral movement",
            Self::Probing => "probing",
            Self::Drift => "class drift",
            Self::OffHours => "off hours",
            Self::Spree => "writes",
        }
    }
}

/// Services that no agent here has to do with.
const FOREIGN: [Work; 6] = [
    list("hr/salaries.list", &["financial.salary"]),
    read("vault/secret.read", &["secret.token"]),
    list("admin/users.list", &["pii.email"]),
    read("source/repository.read", &[]),
    list("backup/snapshots.list", &[]),
    read("mail/mailbox.read", &["pii.email"]),
];
/// What nobody lets an agent do.
const ADMIN: [Work; 4] = [
    write("admin/user.promote"),
    write("admin/role.grant"),
    read("vault/secret.read", &[]),
    write("crm/customer.delete"),
];

/// Plays an attack on a day.
pub(super) struct Attacker<'a> {
    pub(super) agent: &'a Agent,
    pub(super) half: &'a Half,
    pub(super) chance: Chance,
    pub(super) day: i64,
    pub(super) is_low: bool,
    /// A token of a session under way.
    pub(super) stolen: Option<std::sync::Arc<str>>,
}

impl Attacker<'_> {
    /// The sessions of the attack; mostly one.
    pub(super) fn play(&mut self, attack: Attack) -> Vec<Session> {
        let begin = BEGIN + self.day * DAY + self.chance.within(self.agent.begins);
        let calls = match attack {
            Attack::Drip if self.is_low => return self.many_drips(begin),
            Attack::OffHours => return vec![self.off_hours()],
            Attack::Drip => {
                let records = self.sized((150, 500));
                self.collect(begin, records, (5, 20))
            }
            Attack::Enumeration => self.enumeration(begin),
            Attack::Burst => self.burst(begin),
            Attack::Lateral => self.lateral(begin),
            Attack::Probing => self.probing(begin),
            Attack::Drift => self.drift(begin),
            Attack::Spree => self.spree(begin),
        };
        vec![Session::new("attack".to_owned(), 9_000, calls)]
    }

    fn sized(&mut self, range: (i64, i64)) -> i64 {
        let percent = self.chance.within(self.half.attacks);
        self.chance.within(range) * percent / 100
    }

    /// The usual read of some record.
    fn read(&mut self, at: i64) -> Call {
        let number = self.chance.within((1, self.agent.population));
        self.read_of(at, number)
    }

    fn read_of(&mut self, at: i64, number: i64) -> Call {
        let works = self.agent.works.iter().chain([&self.agent.rare]);
        let mut reads = works.filter(|work| !work.writes && work.binds);
        let first = self.agent.works.first();
        let work = reads.next().or(first).copied().unwrap_or(self.agent.rare);
        work.call(at, &format!("R-{number:05}"))
    }

    fn collect(&mut self, begin: i64, records: i64, pause: (i64, i64)) -> Vec<Call> {
        let percent = self.chance.within(self.half.attacks);
        let pause = (pause.0 * percent / 100, pause.1 * percent / 100);
        let mut at = begin;
        (0..records)
            .map(|_| {
                at += self.chance.within(pause);
                self.read(at)
            })
            .collect()
    }

    fn many_drips(&mut self, begin: i64) -> Vec<Session> {
        let all = self.sized((150, 300));
        let each = (self.agent.resources.1 * 3 / 2).max(12);
        let sessions = all / each + 1;
        (0..sessions)
            .map(|number| {
                let at = begin + number * 8 * HOUR / sessions;
                let calls = self.collect(at, each, (10, 60));
                let workload = 9_000 + u32::try_from(number).unwrap_or(0);
                Session::new(format!("attack {number}"), workload, calls)
            })
            .collect()
    }

    fn enumeration(&mut self, begin: i64) -> Vec<Call> {
        let mut at = begin;
        let first = self.chance.within((1, self.agent.population));
        if !self.is_low {
            let ids = self.sized((40, 200));
            return (first..first + ids)
                .map(|id| {
                    at += self.chance.within((0, 4));
                    self.read_of(at, id)
                })
                .collect();
        }
        let count = self.sized((40, 80));
        let mut ids = Vec::new();
        let mut id = first;
        for _ in 0..count {
            id += self.chance.within((1, 3));
            ids.push(id);
        }
        if self.chance.permille(500) {
            self.chance.shuffle(&mut ids);
        }
        let mut calls = Vec::new();
        for id in ids {
            at += self.chance.within((10, 40));
            calls.push(self.read_of(at, id));
            if self.chance.permille(300) {
                at += self.chance.within((5, 20));
                calls.push(self.usual(at));
            }
        }
        calls
    }

    fn burst(&mut self, begin: i64) -> Vec<Call> {
        if !self.is_low {
            let records = self.sized((200, 600));
            return self.collect(begin, records, (0, 1));
        }
        let (pause, rest) = (self.agent.pause, self.agent.rest);
        let usual = (pause.0 + pause.1 + rest.0 + rest.1) / 4;
        let records = self.sized((60, 200));
        self.collect(begin, records, (0, usual.max(2)))
    }

    fn lateral(&mut self, begin: i64) -> Vec<Call> {
        let mut services = FOREIGN.to_vec();
        self.chance.shuffle(&mut services);
        let (many, refused) = if self.is_low { (2, 800) } else { (5, 300) };
        services.truncate(many);
        let mut calls = Vec::new();
        let mut at = begin;
        for work in services {
            if self.is_low {
                calls.extend(self.usual_calls(&mut at, (5, 15), (30, 240)));
            }
            for _ in 0..self.chance.within((1, 4)) {
                at += self.chance.within((1, 20));
                let id = format!("X-{}", self.chance.within((1, 500)));
                let call = work.call(at, &id);
                calls.push(if self.chance.permille(refused) {
                    denied(call)
                } else {
                    call
                });
            }
        }
        calls
    }

    fn probing(&mut self, begin: i64) -> Vec<Call> {
        let mut at = begin;
        let mut calls = Vec::new();
        if !self.is_low {
            for _ in 0..self.sized((15, 30)) {
                at += self.chance.within((1, 10));
                let id = format!("R-{:05}", self.chance.within((1, self.agent.population)));
                let work = self.chance.one_of(&ADMIN).copied();
                calls.extend(work.map(|work| denied(work.call(at, &id))));
            }
            return calls;
        }
        for _ in 0..self.sized((10, 25)) {
            calls.extend(self.usual_calls(&mut at, (1, 4), (10, 60)));
            at += self.chance.within((60, 300));
            calls.push(denied(self.read(at)));
        }
        calls
    }

    fn drift(&mut self, begin: i64) -> Vec<Call> {
        let mut at = begin;
        let mut calls = Vec::new();
        for _ in 0..self.sized((20, 60)) {
            at += self.chance.within((5, 60));
            let mut call = self.read(at);
            if self.is_low {
                // A class that it saw in what it seldom does, in answers where it never was.
                call.found.extend(self.agent.rare.classes);
            } else {
                call.found.push("health.diagnosis");
            }
            calls.push(call);
            calls.extend(self.usual_calls(&mut at, (0, 2), (5, 40)));
        }
        calls
    }

    fn off_hours(&mut self) -> Session {
        let end = self.agent.begins.1;
        let after = if self.is_low {
            self.chance.within((3 * HOUR, 4 * HOUR))
        } else {
            self.chance.within((6 * HOUR, 10 * HOUR))
        };
        let begin = BEGIN + self.day * DAY + end + after;
        let mut session = Session::new("attack".to_owned(), 9_000, self.work(begin));
        if let Some(stolen) = self.stolen.take().filter(|_| self.chance.permille(300)) {
            session.token = stolen;
        }
        session
    }

    fn spree(&mut self, begin: i64) -> Vec<Call> {
        let mut at = begin;
        let mut calls = Vec::new();
        let own = self.agent.works.iter().find(|work| work.writes).copied();
        let own = own.unwrap_or(self.agent.rare);
        let (writes, pause) = if self.is_low {
            ((30, 70), (20, 90))
        } else {
            ((60, 200), (0, 3))
        };
        for _ in 0..self.sized(writes) {
            at += self.chance.within(pause);
            let id = format!("R-{:05}", self.chance.within((1, self.agent.population)));
            calls.push(own.call(at, &id));
            if self.is_low {
                calls.extend(self.usual_calls(&mut at, (0, 2), (5, 30)));
            }
        }
        calls
    }

    /// A session as the agent has them.
    fn work(&mut self, begin: i64) -> Vec<Call> {
        let chance = Chance::new(
            self.half.seed,
            self.chance.within((1 << 40, 1 << 41)).unsigned_abs(),
        );
        let mut days = Days {
            agent: self.agent,
            half: self.half,
            chance,
            grown: 1,
        };
        days.session(begin, 100)
    }

    /// A read of something that the session has to do with anyway.
    fn usual(&mut self, at: i64) -> Call {
        let number = self.chance.within((1, 3)) * 1_013 % self.agent.population;
        self.read_of(at, number)
    }

    fn usual_calls(&mut self, at: &mut i64, many: (i64, i64), pause: (i64, i64)) -> Vec<Call> {
        (0..self.chance.within(many))
            .map(|_| {
                *at += self.chance.within(pause);
                self.usual(*at)
            })
            .collect()
    }
}

fn denied(mut call: Call) -> Call {
    call.found.clear();
    call.ending = Ending::Denied;
    call
}
