//! What an exchange spends of its budgets: a call when it is admitted, then what its answer shows.

use std::collections::HashMap;

use admission::{
    Permit,
    budget::{Hold, ModelUse, OverBudget, Remaining, Room, Usage},
};
use audit::BodyRecord;
use classifiers::DataClass;
use http::{HeaderMap, HeaderValue};
use redaction::{
    Pseudonyms,
    census::{record_digest, subject_digest},
};

use crate::{gateway::Gateway, headers, pump::Pump, refusal::Interruption, route::Way};

/// The accounts of one exchange, and what it spent of them.
pub(crate) struct Spending {
    hold: Hold,
    counts_records: bool,
    /// What the first byte of a good answer spends: the record and the subject that the request names.
    named: Usage,
    /// What was spent so far.
    bytes: u64,
    shown: HashMap<Option<DataClass>, u64>,
    /// What is to be spent, and waits for room: in what this host leased, or in another process.
    unspent: Option<Usage>,
}

/// What becomes of what is to be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what is not spent may not be released"]
pub(crate) enum Spent {
    /// It was.
    Wholly,
    /// Nothing of it, before there is [room](Spending::room).
    NotYet,
}

impl Spending {
    /// Debits the call, and what a model is estimated to use; none if it spends from no budget.
    pub(crate) async fn open(
        gateway: &Gateway,
        permit: &Permit,
        way: Option<&Way>,
        (estimate, now): (ModelUse, jiff::Timestamp),
    ) -> Result<Option<Box<Self>>, OverBudget> {
        let Some(budgets) = &gateway.budgets else {
            return Ok(None);
        };
        let hold = budgets.admit(permit, estimate, now).await?;
        if hold.is_empty() {
            return Ok(None);
        }
        Ok(Some(Box::new(Self {
            hold,
            counts_records: budgets.counts_records(permit),
            named: way.map_or_else(Usage::default, |way| {
                named(&*gateway.pseudonyms, permit, way)
            }),
            bytes: 0,
            shown: HashMap::new(),
            unspent: None,
        })))
    }

    /// Waits until everything that was spent is durable.
    pub(crate) async fn durable(&mut self) -> Result<(), Interruption> {
        let durable = self.hold.durable().await;
        durable.map_err(|error| Interruption::over_budget(&error))
    }

    /// Whether the records of the answer must be counted one by one: the request names none.
    pub(crate) fn counts(&self) -> bool {
        self.counts_records && self.named.records.is_empty()
    }

    /// Debits what an answer that goes another way is asked for. Returns whether that is all that is counted of it.
    pub(crate) async fn spend_unseen(
        &mut self,
        gateway: &Gateway,
        permit: &Permit,
    ) -> Result<bool, Interruption> {
        let budgets = gateway.budgets.as_ref();
        let measures = budgets.is_some_and(|budgets| budgets.measures_answers(permit));
        if measures || self.counts() || self.named.unnamed_records > 0 && self.counts_records {
            return Ok(false);
        }
        let named = std::mem::take(&mut self.named);
        self.debit_whole(named).await?;
        Ok(true)
    }

    /// An answer that shows no record was asked for one: an error, a redirect.
    pub(crate) fn shows_nothing(&mut self) {
        self.named = Usage::default();
    }

    /// Debits what stands beside the body of the answer.
    pub(crate) async fn spend_fields(&mut self, fields: &BodyRecord) -> Result<(), Interruption> {
        let shown = fields.findings.iter().filter(|it| it.action == "show");
        let fields = shown.map(|it| (DataClass::named(&it.class), it.count));
        let usage = Usage {
            fields: fields.collect(),
            ..Usage::default()
        };
        self.debit_whole(usage).await
    }

    /// Debits what `pump` is about to release, beyond what it released before.
    pub(crate) fn spend(&mut self, pump: &mut Pump) -> Result<Spent, Interruption> {
        let counted = pump.counted();
        let mut usage = std::mem::take(&mut self.named);
        usage.records.extend(counted.records);
        usage.unnamed_records += counted.unnamed;
        usage.subjects.extend(counted.subjects);
        let bytes = pump.released_with_waiting();
        usage.bytes = bytes.saturating_sub(self.bytes);
        self.bytes = bytes;
        for (class, count) in pump.shown() {
            let before = self.shown.insert(class, count).unwrap_or(0);
            if count > before {
                usage.fields.push((class, count - before));
            }
        }
        self.debit(usage)
    }

    /// The same; waits where there is no room.
    pub(crate) async fn spend_whole(&mut self, pump: &mut Pump) -> Result<(), Interruption> {
        match self.spend(pump)? {
            Spent::Wholly => Ok(()),
            Spent::NotYet => self.debit_whole(Usage::default()).await,
        }
    }

    /// Waits for room for what was not spent yet, or until it is spent.
    pub(crate) async fn room(&mut self) -> Result<(), Interruption> {
        let Some(unspent) = &self.unspent else {
            return Ok(());
        };
        let room = self.hold.room(unspent).await;
        if room.map_err(|error| Interruption::over_budget(&error))? == Room::Spent {
            self.unspent = None;
        }
        Ok(())
    }

    /// Debits what one message of several is about to show, of which `pump` is the only body. Durable when this
    /// returns: they may be without end, and nobody else's debits wait behind a flood of them.
    pub(crate) async fn spend_message(&mut self, pump: &mut Pump) -> Result<(), Interruption> {
        self.bytes = 0;
        self.shown.clear();
        self.spend_whole(pump).await?;
        let durable = self.hold.durable().await;
        durable.map_err(|error| Interruption::over_budget(&error))
    }

    async fn debit_whole(&mut self, usage: Usage) -> Result<(), Interruption> {
        let mut spent = self.debit(usage)?;
        while spent == Spent::NotYet {
            self.room().await?;
            spent = self.debit(Usage::default())?;
        }
        Ok(())
    }

    /// Debits this, and what was not spent before.
    fn debit(&mut self, mut usage: Usage) -> Result<Spent, Interruption> {
        if let Some(unspent) = self.unspent.take() {
            usage.add(unspent);
        }
        match self.hold.spend(&usage) {
            Ok(()) => Ok(Spent::Wholly),
            Err(OverBudget::Short) => {
                self.unspent = Some(usage);
                Ok(Spent::NotYet)
            }
            Err(over) => Err(Interruption::over_budget(&over)),
        }
    }

    /// Puts what a model used in the place of what it was estimated to.
    pub(crate) fn settle(&mut self, used: ModelUse) -> Result<(), Interruption> {
        let settled = self.hold.settle(used);
        settled.map_err(|error| Interruption::over_budget(&error))
    }

    /// Tells the agent what is left (draft-ietf-httpapi-ratelimit-headers-10).
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Some(Remaining {
            budget,
            allowed,
            remaining,
            window,
            renews_in,
        }) = self.hold.remaining()
        else {
            return;
        };
        let parameter = |name, value: Option<u64>| {
            value.map_or_else(String::new, |value| format!(";{name}={value}"))
        };
        let window = parameter("w", window);
        let renews = parameter("t", renews_in.map(u64::from));
        for (name, value) in [
            (
                headers::RATELIMIT_POLICY,
                format!("\"{budget}\";q={allowed}{window}"),
            ),
            (
                headers::RATELIMIT,
                format!("\"{budget}\";r={remaining}{renews}"),
            ),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// What the request itself names: the record by all that it binds, and whom it is about.
fn named(keys: &dyn Pseudonyms, permit: &Permit, way: &Way) -> Usage {
    let operation = permit.operation();
    let answers = &way.answers;
    let subject = answers
        .subject(permit)
        .and_then(|it| subject_digest(keys, it));
    // What lists records says which ones by itself.
    let is_one = !operation.bound.is_empty() && answers.records.is_none();
    let record = is_one.then(|| {
        // One name is enough where there is one, as it is in a list.
        let values: Vec<&str> = operation.bound.values().map(String::as_str).collect();
        record_digest(keys, &operation.service, &values.join("\n"))
    });
    Usage {
        records: record.flatten().into_iter().collect(),
        unnamed_records: u64::from(record == Some(None)),
        subjects: subject.into_iter().collect(),
        ..Usage::default()
    }
}
