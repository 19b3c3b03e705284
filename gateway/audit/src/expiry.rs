//! Which data keys' time is over, and what must be kept all the same.
//!
//! Two clocks must agree: the host's, and the log's own, which is the day before the last two on which it has records.
//! A clock that jumps ahead makes nothing expire until the log has lived some days by it; and where the days of its keys have a
//! gap, as a clock leaves one that jumped far, somebody must say that it was none.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use vault::DataKey;

use crate::{
    Archive, ArchiveError, Day, Entry, Event, Expiry, HOLD, Header, HeldSubjects, Hold, HoldScope,
    KeptDataKey, KeyTerms, READ_ROWS_MAX, Row, datakeys::expiries, retention::Days,
    writer::key_context,
};

/// Keys that may go after one answer; what else is due comes with the next.
const DUE_MAX: usize = 64;

/// Days that a log may have no keys of, and nobody is asked whether that is so.
const GAP_DAYS_MAX: i64 = 92;

/// A hold that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its record.
    pub record: u64,
    /// What it says.
    pub hold: Hold,
}

/// A data key whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The key.
    pub key: u32,
    /// What it is for.
    pub terms: KeyTerms,
    /// How many records it sealed.
    pub records: u64,
    /// The first of them.
    pub first: Option<u64>,
    /// The last of them.
    pub last: Option<u64>,
    /// What holds one of them, and so all: a hold's name, or that it is one of a data subject.
    pub held: Option<String>,
}

impl Due {
    /// What is to be on record before it is destroyed.
    pub fn expiry(&self, at: Timestamp, uid: Option<u32>) -> Expiry {
        let day = Timestamp::from_microsecond(self.terms.day.begins_us());
        Expiry {
            at,
            uid,
            key: self.key,
            day: day.unwrap_or_default(),
            class: self.terms.class.clone(),
            days: self.terms.days.unwrap_or_default(),
            basis: self.terms.basis.clone(),
            records: self.records,
            first: self.first,
            last: self.last,
        }
    }
}

/// What is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Keys that a record says are destroyed, and that are there: it is to be done again.
    pub again: Vec<u32>,
    /// Keys whose time is over, held or not; those whose day is oldest first.
    pub due: Vec<Due>,
    /// Keys that do not open as what their rows say that they are for: they are left alone.
    pub strange: Vec<u32>,
    /// Whether there was no room for more.
    pub more: bool,
    /// Keys whose time is over if the days between those of [`gap`](Self::gap) went by.
    pub behind: Vec<u32>,
    /// The last day before the newest gap, and the first one after it.
    pub gap: Option<(Day, Day)>,
}

/// The holds that are in force after these, which come in the order of the log.
pub fn standing(holds: impl IntoIterator<Item = (u64, Hold)>) -> Vec<Standing> {
    let mut standing: BTreeMap<String, Standing> = BTreeMap::new();
    for (record, hold) in holds {
        if hold.act == HOLD {
            let name = hold.name.clone();
            standing.insert(name, Standing { record, hold });
        } else {
            standing.remove(&hold.name);
        }
    }
    standing.into_values().collect()
}

impl Archive {
    /// The holds that are in force.
    ///
    /// # Errors
    /// The store fails, or a record of a hold does not open.
    pub async fn standing(&mut self) -> Result<Vec<Standing>, ArchiveError> {
        let (mut found, mut from) = (Vec::new(), 0);
        loop {
            let (ledger, _) = self.parts();
            let places = ledger.holds(from).await?;
            let Some(last) = places.last() else {
                return Ok(standing(found));
            };
            from = last + 1;
            for place in places {
                if let Some(Event::Hold(hold)) = self.at(place).await?.map(|it| it.event) {
                    found.push((place, *hold));
                }
            }
        }
    }

    /// What is to be destroyed at `now`; `subjects` are those whom holds are about. With `across_gap` somebody says that the
    /// clock did not jump.
    ///
    /// # Errors
    /// The store fails, or a record of a hold does not open.
    pub async fn plan(
        &mut self,
        now: Timestamp,
        subjects: Option<&HeldSubjects>,
        across_gap: bool,
    ) -> Result<Plan, ArchiveError> {
        let (ledger, _) = self.parts();
        let said = expiries(ledger).await?;
        let keys = self.live_keys().await?;
        let mut plan = Plan::default();
        for key in &keys {
            if let Some(record) = said.get(&key.id)
                && self.says(*record, key.id).await?
            {
                plan.again.push(key.id);
            }
        }
        let today = Day::of_us(now.as_microsecond());
        let mut due: Vec<(KeptDataKey, KeyTerms)> = Vec::new();
        for key in keys.iter().filter(|key| !said.contains_key(&key.id)) {
            let Some(terms) = key.terms.clone() else {
                continue;
            };
            if terms.due().is_some_and(|from| from <= today) {
                due.push((key.clone(), terms));
            }
        }
        if due.is_empty() {
            return Ok(plan);
        }
        // What a row says counts if its key opens by it.
        let mut open = keys;
        open.retain(|key| key.terms.is_some() && self.opens(key));
        let Some(trusted) = trusted(&open) else {
            return Ok(plan);
        };
        due.retain(|(_, terms)| terms.due().is_some_and(|from| from <= trusted));
        due.sort_by_key(|(key, terms)| (terms.day, key.id));
        plan.gap = gap(&open, trusted).filter(|_| !across_gap);
        let holds = self.standing().await?;
        let mut free = 0;
        for (key, terms) in due {
            if !open.iter().any(|it| it.id == key.id) {
                plan.strange.push(key.id);
            } else if plan.gap.is_some_and(|(before, _)| terms.day <= before) {
                plan.behind.push(key.id);
            } else if free == DUE_MAX {
                plan.more = true;
                break;
            } else {
                let end = end_of(&key, &terms, &open);
                let one = self.look(key.id, terms, end, &holds, subjects).await?;
                // Those that stay leave the others their room.
                free += usize::from(one.held.is_none());
                plan.due.push(one);
            }
        }
        Ok(plan)
    }

    /// Whether this record opens, and says that the key is destroyed: what stands before it in clear, anybody may write who may
    /// write the store.
    async fn says(&mut self, record: u64, key: u32) -> Result<bool, ArchiveError> {
        match self.at(record).await {
            Ok(entry) => Ok(entry.is_some_and(
                |entry| matches!(entry.event, Event::Expire(expiry) if expiry.key == key),
            )),
            Err(ArchiveError::Record { .. } | ArchiveError::Key { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn live_keys(&mut self) -> Result<Vec<KeptDataKey>, ArchiveError> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let (ledger, _) = self.parts();
            let keys = ledger.keys(after, READ_ROWS_MAX).await?;
            let Some(last) = keys.last() else {
                return Ok(all);
            };
            after = last.id;
            all.extend(keys.into_iter().filter(|key| !key.is_destroyed()));
        }
    }

    /// Whether a key opens for its id and for what its row says that it is for.
    fn opens(&mut self, key: &KeptDataKey) -> bool {
        let (_, authority) = self.parts();
        let context = key_context(authority.origin(), key.id, key.terms.as_ref());
        DataKey::unwrap(self.provider(), &key.wrapped, &context).is_ok()
    }

    /// Looks at what a key sealed, between its first record and `end`.
    async fn look(
        &mut self,
        key: u32,
        terms: KeyTerms,
        end: Option<u64>,
        holds: &[Standing],
        subjects: Option<&HeldSubjects>,
    ) -> Result<Due, ArchiveError> {
        let mut next = terms.first;
        let mut due = Due {
            key,
            terms,
            records: 0,
            first: None,
            last: None,
            held: None,
        };
        while end.is_none_or(|end| next < end) {
            let (ledger, _) = self.parts();
            let rows = ledger.read(next, READ_ROWS_MAX).await?;
            let Some(last) = rows.last() else {
                break;
            };
            next = last.index + 1;
            let own = |row: &Row| Header::parse(&row.leaf).is_some_and(|it| it.key == key);
            for row in rows.into_iter().filter(own) {
                due.records += 1;
                due.first = due.first.or(Some(row.index));
                due.last = Some(row.index);
                if due.held.is_none() && (!holds.is_empty() || subjects.is_some()) {
                    let index = row.index;
                    due.held = match self.held(row, holds, subjects).await {
                        // Nobody can say that no hold is about it.
                        Err(ArchiveError::Record { .. } | ArchiveError::Key { .. }) => {
                            Some(format!("record {index} does not open"))
                        }
                        held => held?,
                    };
                }
            }
        }
        Ok(due)
    }

    /// What holds a record.
    async fn held(
        &mut self,
        row: Row,
        holds: &[Standing],
        subjects: Option<&HeldSubjects>,
    ) -> Result<Option<String>, ArchiveError> {
        let entry = self.entry(row).await?;
        let at = entry.event.at();
        // An end says of whom it is by its opening.
        let opening = match &entry.event {
            Event::Close(outcome) => self.at(outcome.opening).await?,
            _ => None,
        };
        let of = opening.as_ref().unwrap_or(&entry);
        let by = holds.iter().find(|it| {
            let scope = &it.hold.scope;
            is_of(scope, of) && (scope.covers(at) || scope.covers(of.event.at()))
        });
        if let Some(by) = by {
            return Ok(Some(by.hold.name.clone()));
        }
        let held = subjects.is_some_and(|subjects| subjects.are_in(&of.event));
        Ok(held.then(|| "a data subject".to_owned()))
    }
}

/// The day that the log has certainly come to, by keys that open as what they are for.
fn trusted(open: &[KeptDataKey]) -> Option<Day> {
    let mut days = Days::default();
    open.iter()
        .filter_map(|key| key.terms.as_ref())
        .for_each(|terms| days.saw(terms.day));
    days.trusted()
}

/// The newest gap in the days of keys, up to this one.
fn gap(open: &[KeptDataKey], until: Day) -> Option<(Day, Day)> {
    let days = open.iter().filter_map(|key| Some(key.terms.as_ref()?.day));
    let days: BTreeSet<Day> = days.filter(|day| *day <= until).collect();
    let newest = days.iter().rev();
    let mut pairs = newest.clone().skip(1).zip(newest);
    let found = pairs.find(|(before, after)| after.0 - before.0 > GAP_DAYS_MAX);
    found.map(|(before, after)| (*before, *after))
}

/// Where what a key sealed has ended: it sealed nothing once there was a key of the day after the next.
fn end_of(key: &KeptDataKey, terms: &KeyTerms, keys: &[KeptDataKey]) -> Option<u64> {
    let later = keys.iter().filter(|other| other.id > key.id);
    let mut later = later.filter_map(|other| other.terms.as_ref());
    let later = later.find(|other| other.day.0 >= terms.day.0.saturating_add(2));
    later.map(|other| other.first)
}

/// Whether a record is of whom a hold is about.
fn is_of(scope: &HoldScope, entry: &Entry) -> bool {
    let (agent, session, service) = match &entry.event {
        Event::Open(it) => (
            it.caller.agent.as_deref(),
            it.caller.session.as_deref(),
            Some(&*it.operation.service),
        ),
        Event::Refuse(it) => (
            it.caller.agent.as_deref(),
            it.caller.session.as_deref(),
            it.operation.as_ref().map(|it| &*it.service),
        ),
        Event::Bypass(it) => (Some(&*it.agent), None, None),
        Event::Anomaly(it) => (Some(&*it.agent), Some(&*it.session), None),
        Event::Process(it) => (Some(&*it.agent), None, None),
        _ => (None, None, None),
    };
    let is = |wanted: &Option<String>, found: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
    };
    is(&scope.agent, agent) && is(&scope.session, session) && is(&scope.service, service)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(act: &'static str, name: &str) -> Hold {
        Hold {
            at: Timestamp::UNIX_EPOCH,
            act: act.into(),
            uid: 0,
            name: name.to_owned(),
            reason: "a claim".to_owned(),
            basis: None,
            scope: HoldScope::default(),
        }
    }

    #[test]
    fn a_hold_stands_until_it_is_removed() {
        let holds = [
            (1, hold(HOLD, "one")),
            (2, hold(HOLD, "two")),
            (3, hold("remove", "one")),
            (4, hold("remove", "three")),
            (5, hold(HOLD, "three")),
        ];
        let records: Vec<u64> = standing(holds).iter().map(|it| it.record).collect();
        assert_eq!(records, [5, 2]);
    }

    #[test]
    fn a_gap_in_the_days_is_the_newest_one() {
        let days = |days: &[i64]| -> Vec<KeptDataKey> {
            let key = |(day, id): (&i64, u32)| KeptDataKey {
                id,
                wrapped: vec![1],
                terms: Some(KeyTerms {
                    day: Day(*day),
                    class: "a".to_owned(),
                    days: Some(1),
                    basis: None,
                    first: 0,
                }),
            };
            days.iter().zip(1..).map(key).collect()
        };
        let until = Day(1000);
        assert_eq!(gap(&days(&[1, 2, 94, 95]), until), None);
        assert_eq!(gap(&days(&[95, 2, 1, 95]), until), Some((Day(2), Day(95))));
        let two = days(&[1, 200, 300, 400, 401]);
        assert_eq!(gap(&two, until), Some((Day(300), Day(400))));
        assert_eq!(gap(&two, Day(300)), Some((Day(200), Day(300))));
        assert_eq!(gap(&two, Day(200)), Some((Day(1), Day(200))));
    }

    #[test]
    fn what_a_key_sealed_ends_with_the_day_after_the_next() {
        let key = |id, day, first| KeptDataKey {
            id,
            wrapped: vec![1],
            terms: Some(KeyTerms {
                day: Day(day),
                class: "a".to_owned(),
                days: Some(1),
                basis: None,
                first,
            }),
        };
        let keys = [key(1, 10, 0), key(2, 12, 5), key(3, 11, 6), key(4, 14, 9)];
        let end = |at: usize| {
            let key = keys.get(at)?;
            end_of(key, key.terms.as_ref()?, &keys)
        };
        assert_eq!(
            [end(0), end(1), end(2), end(3)],
            [Some(5), Some(9), Some(9), None]
        );
    }
}
