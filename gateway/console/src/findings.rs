//! What somebody should look at, and who did. An acknowledgement is an act on record, and is kept nowhere else.

use std::collections::BTreeMap;

use audit::{Archive, Event, Inquiry, Kind, Matter, Span};
use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    fault::Fault,
    limits::{ACKNOWLEDGED_MAX, ACKNOWLEDGED_ROWS_MAX},
};

/// The act of acknowledging, as records name it.
pub(crate) const ACKNOWLEDGE: &str = "console acknowledge";

/// The kinds of records that may be findings.
pub(crate) const KINDS: [Kind; 4] = [Kind::Anomaly, Kind::Bypass, Kind::Gap, Kind::Refuse];

/// Whether somebody should look at it: what a detector says, ways past the gateway, gaps, and refusals that are no
/// mistake.
pub(crate) fn is_finding(matter: &Matter) -> bool {
    match &matter.entry.event {
        Event::Anomaly(_) | Event::Bypass(_) | Event::Gap(_) => true,
        Event::Refuse(refusal) => refusal.finding,
        _ => false,
    }
}

/// That somebody looked at a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    /// Who.
    pub(crate) user: String,
    /// When.
    pub(crate) at: Timestamp,
    /// What they said.
    pub(crate) note: Option<String>,
}

/// What is acknowledged, as far as the log was read.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    known: Mutex<Known>,
}

/// By the records of the findings.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Everything before this record was looked at.
    read: u64,
    by: BTreeMap<u64, Acknowledgement>,
}

impl Known {
    /// Who acknowledged the finding of this record.
    pub(crate) fn of(&self, record: u64) -> Option<&Acknowledgement> {
        self.by.get(&record)
    }

    fn learn(&mut self, inquiry: &Inquiry) {
        let Some((record, acknowledgement)) = acknowledgement(inquiry) else {
            return;
        };
        // Whoever was first counts.
        self.by.entry(record).or_insert(acknowledgement);
        if self.by.len() > ACKNOWLEDGED_MAX {
            self.by.pop_first();
        }
    }
}

impl Acknowledged {
    /// Reads what is new, and gives all.
    pub(crate) async fn known(
        &self,
        archive: &mut Archive,
    ) -> Result<MutexGuard<'_, Known>, Fault> {
        let mut known = self.known.lock().await;
        let span = Span {
            kinds: [Kind::Query].into(),
            ..Span::default()
        };
        let walk = archive.backward(span, None, ACKNOWLEDGED_ROWS_MAX).await?;
        let size = walk.anchor().size;
        // Behind a log that was put back to an older one nothing is known.
        if size < known.read {
            *known = Known::default();
        }
        let mut walk = walk.down_to(known.read);
        let mut fresh = Vec::new();
        while let Some(matter) = walk.next().await? {
            if let Event::Query(inquiry) = matter.entry.event {
                fresh.push(inquiry);
            }
        }
        // They came newest first.
        for inquiry in fresh.iter().rev() {
            known.learn(inquiry);
        }
        known.read = size;
        Ok(known)
    }
}

/// What an inquiry acknowledges, if it does.
fn acknowledgement(inquiry: &Inquiry) -> Option<(u64, Acknowledgement)> {
    if inquiry.command != ACKNOWLEDGE {
        return None;
    }
    let record = inquiry.criteria.get("record")?.parse().ok()?;
    let acknowledgement = Acknowledgement {
        user: inquiry.criteria.get("user")?.clone(),
        at: inquiry.at,
        note: inquiry.purpose.clone(),
    };
    Some((record, acknowledgement))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inquiry(command: &'static str, criteria: &[(&str, &str)]) -> Inquiry {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Inquiry {
            at: Timestamp::UNIX_EPOCH,
            command: command.into(),
            uid: 0,
            purpose: Some("seen".to_owned()),
            criteria: criteria.iter().map(own).collect(),
        }
    }

    #[test]
    fn only_the_act_of_a_user_on_a_record_acknowledges() {
        let mut known = Known::default();
        known.learn(&inquiry("search", &[("record", "1"), ("user", "eva")]));
        known.learn(&inquiry(ACKNOWLEDGE, &[("record", "2")]));
        known.learn(&inquiry(ACKNOWLEDGE, &[("record", "x"), ("user", "eva")]));
        assert!(known.by.is_empty());
        known.learn(&inquiry(ACKNOWLEDGE, &[("record", "3"), ("user", "eva")]));
        known.learn(&inquiry(ACKNOWLEDGE, &[("record", "3"), ("user", "adam")]));
        let by = known.of(3).unwrap();
        assert_eq!((&*by.user, by.note.as_deref()), ("eva", Some("seen")));
    }
}
