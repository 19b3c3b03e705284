//! What is used of the budgets, for people who ask.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Budget, Budgets, Meter, accounts::Account};

/// How much somebody used of one allowance of a budget, as this host knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The budget.
    pub budget: Arc<str>,
    /// Who has it.
    pub holder: Holder,
    /// What of it.
    pub meter: Meter,
    /// How much is used; of what a fleet shares, by this host.
    pub used: u64,
    /// How much there is.
    pub allowed: u64,
    /// Seconds until it begins anew, if it does.
    pub renews_in: Option<u32>,
    /// Whether the hosts of a fleet share it.
    pub shared: bool,
}

/// Who has a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// The agent; of a session that one host knows alone, its id says it.
    pub agent: Option<Arc<str>>,
    /// The task.
    pub task: Option<Arc<str>>,
    /// The session.
    pub session: Option<Arc<str>>,
}

/// Whose budgets are asked for; everybody's, if nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this session.
    pub session: Option<String>,
}

impl Holder {
    /// Whose the account is, by its name (see [`Budget::account`]).
    fn of(account: &str) -> Option<Self> {
        // Whatever stands last may hold anything that a token does.
        let mut parts = account.splitn(5, '\n').skip(2);
        let (kind, first) = (parts.next()?, parts.next()?);
        let second = parts.next();
        Some(match (kind, second) {
            ("agent", _) => Self {
                agent: Some(first.into()),
                ..Self::default()
            },
            ("task", Some(task)) => Self {
                agent: Some(first.into()),
                task: Some(task.into()),
                ..Self::default()
            },
            ("token", Some(session)) => Self {
                agent: Some(first.into()),
                session: Some(session.into()),
                ..Self::default()
            },
            ("session", _) => Self {
                session: Some(first.into()),
                ..Self::default()
            },
            _ => return None,
        })
    }
}

impl Asked {
    fn wants(&self, holder: &Holder) -> bool {
        let is = |wanted: &Option<String>, it: &Option<Arc<str>>| {
            wanted.is_none() || wanted.as_deref() == it.as_deref()
        };
        is(&self.agent, &holder.agent) && is(&self.session, &holder.session)
    }
}

impl Used {
    /// How much of it is used, in hundredths.
    pub fn percent(&self) -> u8 {
        let percent = u128::from(self.used) * 100 / u128::from(self.allowed.max(1));
        u8::try_from(percent.min(100)).unwrap_or(100)
    }
}

impl Budgets {
    /// What is used of the turns that are now, by whoever spent since the gateway began, the latest first; of so many
    /// accounts at most, and whether there are more.
    pub fn used(&self, asked: &Asked, now: Timestamp, most: usize) -> (Vec<Used>, bool) {
        let accounts = self.lock();
        let (mut told, mut left) = (Vec::new(), most);
        for (name, account) in accounts.known.iter().rev() {
            let Some((budget, holder)) = self.current(name, now) else {
                continue;
            };
            if !asked.wants(&holder) {
                continue;
            }
            let Some(fewer) = left.checked_sub(1) else {
                return (told, true);
            };
            left = fewer;
            told.extend(of(budget, &holder, account, now));
        }
        (told, false)
    }

    /// The budget of an account of the turn that is now, and whose it is.
    fn current(&self, account: &str, now: Timestamp) -> Option<(&Budget, Holder)> {
        let mut parts = account.split('\n');
        let (id, turn) = (parts.next()?, parts.next()?);
        let budget = self.rules.iter().find(|budget| *budget.id == *id)?;
        let is_now = turn.parse() == Ok(budget.turn(now));
        is_now.then(|| Holder::of(account).map(|holder| (budget, holder)))?
    }
}

fn of(
    budget: &Budget,
    holder: &Holder,
    account: &Account,
    now: Timestamp,
) -> impl Iterator<Item = Used> {
    let each = budget.allowed.iter().zip(&account.meters);
    each.map(move |((meter, allowed), metered)| Used {
        budget: Arc::clone(&budget.id),
        holder: holder.clone(),
        meter: *meter,
        used: metered.used(),
        allowed: *allowed,
        renews_in: budget.renews_in(now),
        shared: account.lease.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(agent: Option<&str>, task: Option<&str>, session: Option<&str>) -> Holder {
        let own = |text: Option<&str>| text.map(Arc::from);
        Holder {
            agent: own(agent),
            task: own(task),
            session: own(session),
        }
    }

    #[test]
    fn whose_an_account_is_stands_in_its_name() {
        let of = |name| Holder::of(name);
        assert_eq!(of("b\n0\nagent\na"), Some(holder(Some("a"), None, None)));
        assert_eq!(
            of("b\n7\ntask\na\nT-1\nof two lines"),
            Some(holder(Some("a"), Some("T-1\nof two lines"), None))
        );
        assert_eq!(
            of("b\n7\ntoken\na\ns-1"),
            Some(holder(Some("a"), None, Some("s-1")))
        );
        assert_eq!(
            of("b\n-1\nsession\ns-1"),
            Some(holder(None, None, Some("s-1")))
        );
        for none in [
            "",
            "b",
            "b\n0",
            "b\n0\nagent",
            "b\n0\ntask\na",
            "b\n0\nx\ny",
        ] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }

    #[test]
    fn what_is_used_is_told_in_hundredths_and_never_more_than_all() {
        let used = |used, allowed| {
            let it = Used {
                budget: "b".into(),
                holder: Holder::default(),
                meter: Meter::Calls,
                used,
                allowed,
                renews_in: None,
                shared: false,
            };
            it.percent()
        };
        assert_eq!(
            [used(0, 3), used(2, 3), used(3, 3), used(9, 3)],
            [0, 66, 100, 100]
        );
        assert_eq!([used(0, 0), used(1, 0)], [0, 100]);
        assert_eq!(used(u64::MAX, u64::MAX), 100);
    }
}
