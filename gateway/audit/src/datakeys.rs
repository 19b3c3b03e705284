//! Data keys beside what the log says of them: which are destroyed, as records say, and which are only gone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use vault::DataKey;

use crate::{
    ArchiveError, Expired, Header, Keys, Ledger, LedgerError, READ_ROWS_MAX, Report,
    verify::{FINDINGS_MAX, Finding},
    writer::key_context,
};

/// What everybody can read of a record whose key is destroyed.
pub(crate) fn expired(header: &Header, expiry: u64) -> Expired {
    Expired {
        at: Timestamp::from_microsecond(header.at_us).unwrap_or_default(),
        was: header.kind,
        opening: header.opening,
        key: header.key,
        expiry,
    }
}

/// Which records say that data keys are destroyed, by these keys: as their clear headers have it.
pub(crate) async fn expiries(ledger: &mut dyn Ledger) -> Result<BTreeMap<u32, u64>, LedgerError> {
    let (mut found, mut from) = (BTreeMap::new(), 0);
    loop {
        let places = ledger.expiries(from).await?;
        let Some(last) = places.last() else {
            return Ok(found);
        };
        from = last + 1;
        for place in places {
            let row = ledger.read(place, 1).await?;
            let row = row.first().filter(|row| row.index == place);
            let header = row.and_then(|row| Header::parse(&row.leaf));
            if let Some(key) = header.and_then(|header| header.destroyed()) {
                found.entry(key).or_insert(place);
            }
        }
    }
}

/// Missing ids in one place that are told of: whoever writes the store may name any.
const MISSING_MAX: usize = 4096;

/// Which data keys a store has, before a verification begins: whatever is destroyed by then has its record before.
pub(crate) struct KeysThere {
    /// The greatest id.
    last: u32,
    /// Those that are missing, or destroyed.
    gone: Vec<u32>,
}

impl KeysThere {
    pub(crate) async fn of(ledger: &mut dyn Ledger) -> Result<Self, LedgerError> {
        let (mut last, mut gone) = (0, Vec::new());
        loop {
            let keys = ledger.keys(last, READ_ROWS_MAX).await?;
            if keys.is_empty() {
                return Ok(Self { last, gone });
            }
            for key in keys {
                let missing = last.saturating_add(1)..key.id;
                gone.extend(missing.take(MISSING_MAX));
                last = key.id;
                if key.is_destroyed() {
                    gone.push(key.id);
                }
            }
        }
    }
}

/// Holds the data keys that `ledger` has against what its records say, of which `report` was made.
pub(crate) async fn judge_keys(
    ledger: &mut dyn Ledger,
    there: &KeysThere,
    report: &mut Report,
) -> Result<(), LedgerError> {
    let keys = report.keys.clone();
    let mut lost = Vec::new();
    for id in &there.gone {
        if keys.expired(*id).is_none() {
            lost.push(*id);
        }
    }
    // Those that came meanwhile; or were the last ones.
    for id in keys.ids().filter(|id| *id > there.last) {
        if ledger.key(id).await?.is_none() {
            lost.push(id);
        }
    }
    for id in lost {
        let records = keys.sealed(id);
        report.find(Finding::KeyLost { id, records });
    }
    let due = keys.all_expired().filter(|id| *id <= there.last);
    let due = due.filter(|id| there.gone.binary_search(id).is_err());
    report.keys_due = due.take(FINDINGS_MAX).collect();
    Ok(())
}

/// Data keys that do not open with the log's own keys, for their ids and for what they are for: exchanged ones open
/// nothing that was sealed with those that stood there. Of those that are gone a verification tells.
pub async fn misplaced_keys(
    ledger: &mut dyn Ledger,
    keys: &Keys,
) -> Result<Vec<Finding>, ArchiveError> {
    let log = signed_note::Signer::name(&*keys.signer).to_owned();
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let batch = ledger.keys(after, READ_ROWS_MAX).await?;
        let Some(last) = batch.last() else {
            return Ok(found);
        };
        after = last.id;
        for key in batch.iter().filter(|key| !key.is_destroyed()) {
            let context = key_context(&log, key.id, key.terms.as_ref());
            let opens = DataKey::unwrap(keys.provider.as_ref(), &key.wrapped, &context).is_ok();
            if !opens && found.len() < FINDINGS_MAX {
                found.push(Finding::WrongKey { id: key.id });
            }
        }
    }
}
