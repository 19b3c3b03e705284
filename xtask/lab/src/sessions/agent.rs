//! Agents of eight kinds, and what is usual for each.

use super::{
    chance::Chance,
    script::{HOUR, MINUTE, Work, list, read, write},
};

/// What half of the set an agent is of: its seed, and how far it may be from the middle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    pub(super) name: &'static str,
    pub(super) seed: u64,
    /// Agents of each kind.
    pub(super) agents: u64,
    /// Sizes of sessions, in percent of those below.
    sizes: (i64, i64),
    /// Pauses between calls, in percent of those below.
    pauses: (i64, i64),
    /// A session that is out of the ordinary is so many percent of an ordinary one.
    pub(super) tail: (i64, i64),
    /// How much an attacker takes and how long it pauses, in percent of what `attack.rs` says.
    pub(super) attacks: (i64, i64),
}

/// Thresholds were chosen by these.
pub(super) const TUNING: Half = Half {
    name: "Tuning half",
    seed: 20_250_106,
    agents: 6,
    sizes: (80, 125),
    pauses: (80, 125),
    tail: (130, 200),
    attacks: (80, 125),
};

/// These were looked at once thresholds stood.
pub(super) const UNSEEN: Half = Half {
    name: "Unseen half",
    seed: 77_003_511,
    agents: 6,
    sizes: (60, 170),
    pauses: (55, 180),
    tail: (130, 230),
    attacks: (60, 180),
};

/// What an agent is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Helps customers, one after the other, in office hours.
    Support,
    /// Reads and writes invoices; at the end of a month in the order of their numbers.
    Billing,
    /// Lists and sums up, every morning.
    Analytics,
    /// Goes through all accounts in order, every night.
    Nightly,
    /// Somebody's assistant: quiet, then many calls at once.
    Interactive,
    /// Does more from week to week: two and a half times as much at the end.
    Growing,
    /// Also works on two weekends of five, and longer days.
    OnCall,
    /// Day and night, against services that fail and are asked again.
    Integration,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Support,
        Self::Billing,
        Self::Analytics,
        Self::Nightly,
        Self::Interactive,
        Self::Growing,
        Self::OnCall,
        Self::Integration,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Support => "support",
            Self::Billing => "billing",
            Self::Analytics => "analytics batch",
            Self::Nightly => "nightly job",
            Self::Interactive => "bursty assistant",
            Self::Growing => "growing load",
            Self::OnCall => "weekend work",
            Self::Integration => "retry storms",
        }
    }
}

/// In which order an agent takes what it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Any,
    /// By number, on so many of a thousand sessions.
    Rising(i64),
}

/// An agent.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) kind: Kind,
    /// What it does with each resource, the first always.
    pub(super) works: &'static [Work],
    /// What it does on three of a thousand calls.
    pub(super) rare: Work,
    /// Seconds of the day between which its sessions begin.
    pub(super) begins: (i64, i64),
    /// Of a thousand days at weekends, those on which it works.
    pub(super) weekends: i64,
    pub(super) sessions_a_day: (i64, i64),
    pub(super) resources: (i64, i64),
    /// Calls about each resource.
    pub(super) calls_each: (i64, i64),
    /// Seconds between two calls about one resource.
    pub(super) pause: (i64, i64),
    /// Seconds between two resources.
    pub(super) rest: (i64, i64),
    /// Resources are numbered up to this.
    pub(super) population: i64,
    pub(super) order: Order,
    /// Of a thousand calls, those that a rule refuses.
    pub(super) refused: i64,
    /// Of a thousand calls, those that fail, and are then made again up to twenty times.
    pub(super) storms: i64,
    /// Percent of a session's first size at the end.
    pub(super) growth: i64,
}

const NAMES: &[&str] = &["pii.name", "pii.email"];

const SUPPORT: &[Work] = &[
    read("crm/customer.read", NAMES),
    read("crm/orders.read", &["pii.address"]),
    read("tickets/ticket.read", NAMES),
    write("tickets/ticket.comment"),
];
const BILLING: &[Work] = &[
    read("ledger/invoice.read", &["pii.name", "financial.iban"]),
    read("ledger/payment.read", &["financial.card"]),
    write("ledger/invoice.update"),
];
const ANALYTICS: &[Work] = &[
    list("warehouse/orders.list", &[]),
    list("warehouse/visits.list", &["network.ip"]),
    write("reports/report.write"),
];
const NIGHTLY: &[Work] = &[
    read("ledger/account.read", &["financial.iban"]),
    write("ledger/account.reconcile"),
];
const INTERACTIVE: &[Work] = &[
    read("files/file.read", &["pii.email"]),
    list("files/search", &["pii.name"]),
    read("calendar/event.read", NAMES),
    write("files/file.write"),
];
const INTEGRATION: &[Work] = &[
    read("shop/order.read", &["pii.name", "pii.address"]),
    write("shipping/parcel.create"),
    read("shipping/parcel.read", &["pii.address"]),
];

impl Agent {
    /// An agent of this kind, somewhat unlike the others.
    pub(super) fn new(kind: Kind, half: &Half, chance: &mut Chance) -> Self {
        let mut agent = Self::usual(kind);
        let of = |percent: i64, range: (i64, i64), least: i64| {
            let part = |end: i64| (end * percent / 100).max(least);
            (part(range.0), part(range.1))
        };
        let (size, pause) = (chance.within(half.sizes), chance.within(half.pauses));
        agent.resources = of(size, agent.resources, 1);
        agent.pause = of(pause, agent.pause, 0);
        agent.rest = of(pause, agent.rest, 1);
        let later = chance.within((-1, 2)) * HOUR;
        agent.begins = (agent.begins.0 + later, agent.begins.1 + later);
        agent
    }

    fn usual(kind: Kind) -> Self {
        let support = Self::support();
        match kind {
            Kind::Support => support,
            Kind::Analytics | Kind::Nightly | Kind::Integration => Self::by_itself(kind),
            Kind::Billing => Self {
                kind,
                works: BILLING,
                rare: write("ledger/invoice.cancel"),
                resources: (8, 30),
                calls_each: (1, 3),
                order: Order::Rising(150),
                ..support
            },
            Kind::Interactive => Self {
                kind,
                works: INTERACTIVE,
                rare: read("files/scan.read", &["health.condition"]),
                begins: (7 * HOUR, 19 * HOUR),
                sessions_a_day: (2, 6),
                resources: (4, 14),
                calls_each: (3, 12),
                pause: (0, 2),
                rest: (30, 400),
                ..support
            },
            Kind::Growing => Self {
                kind,
                growth: 250,
                ..support
            },
            Kind::OnCall => Self {
                kind,
                begins: (7 * HOUR, 20 * HOUR),
                weekends: 400,
                sessions_a_day: (1, 4),
                ..support
            },
        }
    }

    fn support() -> Self {
        Self {
            kind: Kind::Support,
            works: SUPPORT,
            rare: read("crm/complaint.read", &["health.condition"]),
            begins: (8 * HOUR, 16 * HOUR),
            weekends: 0,
            sessions_a_day: (3, 7),
            resources: (3, 10),
            calls_each: (2, 7),
            pause: (3, 20),
            rest: (10, 90),
            population: 40_000,
            order: Order::Any,
            refused: 12,
            storms: 1,
            growth: 100,
        }
    }

    /// Works without people, on every day.
    fn by_itself(kind: Kind) -> Self {
        let every_day = Self {
            kind,
            weekends: 1_000,
            ..Self::support()
        };
        match kind {
            Kind::Analytics => Self {
                works: ANALYTICS,
                rare: list("warehouse/returns.list", &["health.condition"]),
                begins: (4 * HOUR, 5 * HOUR),
                sessions_a_day: (1, 2),
                resources: (10, 25),
                calls_each: (2, 4),
                pause: (1, 5),
                rest: (1, 10),
                ..every_day
            },
            Kind::Nightly => Self {
                works: NIGHTLY,
                rare: read("ledger/dispute.read", &["pii.name"]),
                begins: (HOUR, HOUR + 20 * MINUTE),
                sessions_a_day: (1, 1),
                resources: (110, 150),
                calls_each: (1, 2),
                pause: (1, 2),
                rest: (1, 3),
                population: 3_000,
                order: Order::Rising(1_000),
                ..every_day
            },
            _ => Self {
                works: INTEGRATION,
                rare: read("shop/refund.read", &["financial.card"]),
                begins: (0, 23 * HOUR),
                resources: (5, 20),
                calls_each: (2, 3),
                pause: (1, 6),
                rest: (2, 40),
                storms: 25,
                ..every_day
            },
        }
    }
}
