//! What an operation's messages are held to beyond classes of data: whose rows, how much, and where
//! tokens are turned back.

use std::sync::Arc;

use admission::Permit;
use bytes::Bytes;
use classifiers::DataClass;
use policy::{Restorations, Towards};
use redaction::{
    DocumentRestorer, Media, Output, Pseudonyms, Restore, Restored,
    census::Records,
    shape::{Bound, Path, Plan, Rows, Twin, Unbound},
};

use crate::mediation::Mediated;

/// In which messages of a service tokens are turned back, where policy permits `restore`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restoring {
    /// In none.
    #[default]
    Nowhere,
    /// In its answers: a model that was given tokens answers with them.
    Responses,
    /// In requests to it: an agent that has only tokens works on the true records.
    Requests,
    /// In both.
    Both,
}

impl Restoring {
    /// Whether messages of this direction are looked at.
    pub fn covers(self, towards: Towards) -> bool {
        matches!(
            (self, towards),
            (Self::Both, _)
                | (Self::Responses, Towards::Agent)
                | (Self::Requests, Towards::Service)
        )
    }
}

/// What the answers of one operation are held to.
#[derive(Clone, Debug, Default)]
pub struct AnswerRules {
    /// Rows of others stay behind.
    pub rows: Vec<RowRule>,
    /// Texts that repeat what these rules narrow.
    pub twin: Option<Arc<Twin>>,
    /// The most records of one answer.
    pub records_max: Option<u64>,
    /// The most fields of one answer.
    pub fields_max: Option<u64>,
    /// The parameter, or else the tag of the task's scope, that names the data subject.
    pub subject: Option<Arc<str>>,
    /// Which parts are records, for budgets that count them.
    pub records: Option<Records>,
    /// What the mediator may take, where policy says `mediate`.
    pub mediated: Arc<Mediated>,
}

/// Elements of an array belong to whom their binding names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowRule {
    /// The array.
    pub array: Path,
    /// Where in an element its binding stands.
    pub member: Path,
    /// The tag of the task's scope that the binding must equal.
    pub scope: Arc<str>,
    /// What the binding reads, with `{}` for the tag's value.
    pub reads: Arc<str>,
    /// What happens to elements without a binding.
    pub unbound: Unbound,
}

impl AnswerRules {
    /// Whether anything at all may stay behind of an answer, beside what its values are.
    pub(crate) fn demands(&self, permit: &Permit) -> bool {
        let capped = self.records_max.or(self.fields_max).is_some();
        let narrowed = !permit.fields().is_empty() || permit.mediation().is_some();
        capped || !self.rows.is_empty() || narrowed
    }

    /// What of an answer may go on under `permit`.
    pub(crate) fn plan(&self, permit: &Permit) -> Plan {
        let rows = self.rows.iter().map(|rule| Rows {
            array: rule.array.clone(),
            member: rule.member.clone(),
            // Who has no such scope has no rows.
            bound: permit.scope(&rule.scope).map_or(Bound::Nobody, |value| {
                Bound::One(rule.reads.replace("{}", value).into())
            }),
            unbound: rule.unbound,
        });
        Plan {
            rows: rows.collect(),
            twin: self.twin.clone(),
            fields: permit.fields().to_vec(),
            records_max: self.records_max,
            fields_max: self.fields_max,
            ..Plan::default()
        }
    }

    /// Whom an exchange under `permit` is about, where that is known.
    pub(crate) fn subject<'a>(&self, permit: &'a Permit) -> Option<&'a str> {
        let name = self.subject.as_deref()?;
        let bound = permit.operation().bound.get(name).map(String::as_str);
        bound.or_else(|| permit.scope(name))
    }

    /// The keys of stand-ins for a message under `permit`, whose subject is known where it can be.
    pub(crate) fn keys(&self, permit: &Permit, keys: &Arc<dyn Pseudonyms>) -> Arc<dyn Pseudonyms> {
        match self.subject(permit) {
            None => Arc::clone(keys),
            Some(subject) => Arc::new(OfSubject {
                keys: Arc::clone(keys),
                subject: subject.into(),
            }),
        }
    }
}

/// Keys of stand-ins for a message about one data subject.
struct OfSubject {
    keys: Arc<dyn Pseudonyms>,
    subject: Box<str>,
}

impl Pseudonyms for OfSubject {
    fn pseudonym(&self, class: DataClass, value: &[u8]) -> [u8; 16] {
        self.keys.pseudonym(class, value)
    }

    fn seal(&self, class: DataClass, value: &[u8]) -> Option<Vec<u8>> {
        self.keys.seal(class, value)
    }

    fn open(&self, class: DataClass, sealed: &[u8]) -> Option<Vec<u8>> {
        self.keys.open(class, sealed)
    }

    fn encipher(&self, class: DataClass, radix: u16, numerals: &mut [u16]) -> bool {
        self.keys.encipher(class, radix, numerals)
    }

    fn fill(&self, usage: &'static str, class: DataClass, value: &[u8], out: &mut [u8]) -> bool {
        self.keys.fill(usage, class, value, out)
    }

    fn subject(&self) -> Option<&str> {
        Some(&self.subject)
    }

    fn year(&self) -> Option<i16> {
        self.keys.year()
    }
}

/// What policy says of tokens, as the restorer asks for it.
pub(crate) struct Allowed(Restorations);

impl Restore for Allowed {
    fn may_restore(&mut self, class: DataClass) -> bool {
        self.0.may(class)
    }
}

impl Allowed {
    pub(crate) fn new(restorations: Restorations) -> Self {
        Self(restorations)
    }
}

/// Turns tokens back in what a body releases that is a document.
pub(crate) struct Restoration(DocumentRestorer<Allowed>);

impl Restoration {
    pub(crate) fn new(media: Media, allowed: Allowed, keys: &Arc<dyn Pseudonyms>) -> Self {
        Self(DocumentRestorer::new(media, allowed, Arc::clone(keys)))
    }

    /// What goes on of `pieces`; with what was held back, if the body `ended`.
    pub(crate) fn restore(&mut self, pieces: impl Iterator<Item = Bytes>, ended: bool) -> Output {
        let mut out = Output::new();
        pieces.for_each(|piece| self.0.push(&piece, &mut out));
        if ended {
            self.0.finish(&mut out);
        }
        out
    }

    /// What was held back of a stream, as if it had ended.
    pub(crate) fn flush(&mut self) -> Output {
        let mut out = Output::new();
        self.0.flush(&mut out);
        out
    }

    /// Whether there is something to flush.
    pub(crate) fn is_growing(&self) -> bool {
        self.0.is_growing()
    }

    pub(crate) fn restored(&self) -> &Restored {
        self.0.restored()
    }
}
