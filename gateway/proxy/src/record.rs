//! From what the data plane knows to what the record says; the only place that maps them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use audit::{
    BodyRecord, CallerRecord, CountRecord, DELEGATING, DelegationRecord, FindingRecord,
    OperationRecord, PolicyRecord, ProcessRecord, Subjects, TokenRecord, TrailError, Written,
};
use flows::{Attribution, FlowId, Process};
use identity::{Caller, Claims, Delegation, GotWith, Unproven};
use policy::{Argument, ArgumentKind, Disclosures, Operation, PolicyRef};
use redaction::{PLACES_MAX, Restored, Summary, shape::Withheld};

use crate::notice::Notice;

/// Who a caller is, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Who {
    pub(crate) attribution: Option<Arc<Attribution>>,
    pub(crate) claims: Option<Arc<Claims>>,
    pub(crate) agent: Option<Arc<str>>,
    pub(crate) session: Option<Arc<str>>,
    pub(crate) evidence: &'static str,
    pub(crate) flow: Option<FlowId>,
    key: Option<Arc<str>>,
    /// Whether it proved itself by a static key, or a pass that was got with one.
    by_key: bool,
    /// What every record of this caller says of it.
    record: OnceLock<Written<CallerRecord>>,
    /// The same with whom its task is about sealed, and after how many erasures.
    sealed: Mutex<Option<(u64, Written<CallerRecord>)>>,
}

impl Who {
    pub(crate) fn proven(caller: &Caller, flow: Option<FlowId>) -> Self {
        Self {
            flow,
            attribution: caller.attribution.clone(),
            claims: caller.token.clone(),
            agent: Some(Arc::clone(caller.agent.id.shared())),
            session: Some(Arc::clone(&caller.session)),
            evidence: caller.evidence,
            key: caller.key.as_ref().map(|key| Arc::clone(&key.name)),
            by_key: caller.got_with() == GotWith::Key,
            record: OnceLock::new(),
            sealed: Mutex::default(),
        }
    }

    pub(crate) fn unproven(
        attribution: Option<&Arc<Attribution>>,
        flow: Option<FlowId>,
        unproven: &Unproven,
    ) -> Self {
        Self {
            flow,
            attribution: attribution.cloned(),
            claims: unproven.token.clone(),
            agent: unproven
                .agent
                .as_ref()
                .map(|agent| Arc::clone(agent.id.shared())),
            session: None,
            evidence: attribution.map_or("none", |known| known.source.name()),
            key: None,
            by_key: false,
            record: OnceLock::new(),
            sealed: Mutex::default(),
        }
    }

    /// What is found of whatever this caller does.
    pub(crate) fn notices(&self) -> impl Iterator<Item = Notice> {
        self.by_key.then_some(Notice::StaticKey).into_iter()
    }

    pub(crate) fn record(&self) -> Written<CallerRecord> {
        self.record.get_or_init(|| self.written().into()).clone()
    }

    /// As [`record`](Self::record), with whom the caller's task is about sealed.
    pub(crate) fn sealed(&self, subjects: &Subjects) -> Result<Written<CallerRecord>, TrailError> {
        let scoped = |it: &Claims| it.task.as_ref().is_some_and(|task| !task.scope.is_empty());
        let names = |it: &Claims| it.delegation.is_some() || scoped(it);
        if !self.claims.as_deref().is_some_and(names) {
            return Ok(self.record());
        }
        let erasures = subjects.erasures();
        let mut sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        match &*sealed {
            Some((after, record)) if *after == erasures => return Ok(record.clone()),
            _ => {}
        }
        let mut record = self.written();
        if let Some(token) = &mut record.token {
            token.scope = subjects.sealed(&token.scope)?;
            for person in token
                .delegation
                .iter_mut()
                .flat_map(DelegationRecord::people)
            {
                *person = subjects.sealed_one(DELEGATING, person)?;
            }
        }
        let record = Written::from(record);
        *sealed = Some((erasures, record.clone()));
        Ok(record)
    }

    fn written(&self) -> CallerRecord {
        CallerRecord {
            agent: self.agent.as_deref().map(str::to_owned),
            session: self.session.as_deref().map(str::to_owned),
            evidence: self.evidence.to_owned(),
            flow: self.flow.map(|flow| flow.to_string()),
            process: self
                .attribution
                .as_deref()
                .map(|known| process(&known.process)),
            token: self.claims.as_deref().map(token),
            key: self.key.as_deref().map(str::to_owned),
        }
    }
}

/// The process as records have it.
pub fn process(process: &Process) -> ProcessRecord {
    ProcessRecord {
        pid: process.pid,
        start_ns: process.start_ns,
        uid: process.uid,
        gid: process.gid,
        cgroup_id: process.cgroup_id,
        cgroup: process.cgroup.clone(),
        comm: process.comm.clone(),
        exe: process
            .exe
            .as_ref()
            .map(|path| path.to_string_lossy().into_owned()),
        exe_sha256: process.exe_sha256.map(hex::encode),
        ancestors: process
            .ancestors
            .iter()
            .map(|a| format!("{} {}", a.pid, a.comm))
            .collect(),
    }
}

fn token(claims: &Claims) -> TokenRecord {
    let task = claims.task.as_ref();
    TokenRecord {
        issuer: claims.issuer.to_string(),
        subject: claims.subject.as_str().to_owned(),
        id: claims.token_id.as_deref().map(str::to_owned),
        task: task.map(|task| task.id.to_string()),
        purpose: task.map(|task| task.purpose.to_string()),
        scope: task
            .map(|task| task.scope.as_ref().clone())
            .unwrap_or_default(),
        delegation: claims.delegation.as_deref().map(delegation),
    }
}

fn delegation(delegation: &Delegation) -> DelegationRecord {
    DelegationRecord {
        subject: delegation.subject.to_string(),
        actors: delegation.actors.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) fn operation(
    operation: &Operation,
    method: &http::Method,
    route: &Arc<str>,
) -> OperationRecord {
    OperationRecord {
        service: Arc::clone(&operation.service),
        operation: Arc::clone(&operation.id),
        effect: operation.effect.name().into(),
        method: method.as_str().to_owned(),
        route: Arc::clone(route),
        bound: Arc::clone(&operation.bound),
        arguments: Arc::new(arguments(operation, |it| !is_text(it))),
        country: operation.country.code().to_owned(),
    }
}

/// The arguments that are texts, and may so be about somebody.
pub(crate) fn texts(operation: &Operation) -> BTreeMap<String, String> {
    arguments(operation, is_text)
}

fn arguments(operation: &Operation, wanted: fn(&Argument) -> bool) -> BTreeMap<String, String> {
    let wanted = operation.arguments.iter().filter(|(_, it)| wanted(it));
    wanted
        .map(|(name, argument)| (name.clone(), argument.to_string()))
        .collect()
}

fn is_text(argument: &Argument) -> bool {
    argument.kind() == ArgumentKind::Text
}

pub(crate) fn policies(policies: &[Arc<PolicyRef>]) -> Vec<PolicyRecord> {
    let record = |policy: &Arc<PolicyRef>| PolicyRecord {
        id: Arc::clone(&policy.id),
        reason: policy.reason.clone(),
        basis: policy.basis.clone(),
    };
    policies.iter().map(record).collect()
}

/// Writes what an inspection found into `body`.
pub(crate) fn findings(summary: &Summary, disclosures: &mut Disclosures, body: &mut BodyRecord) {
    body.findings.extend(summary.places.iter().map(|place| {
        FindingRecord {
            class: place.class.name().into(),
            path: place.path.clone(),
            count: place.count,
            action: place.action.name().into(),
            policy: disclosures
                .of(place.class)
                .policy
                .as_ref()
                .map(|policy| Arc::clone(&policy.id)),
        }
    }));
    body.findings_unlisted += summary.unlisted;
}

/// Writes what became of tokens into `body`.
pub(crate) fn restored(restored: &Restored, body: &mut BodyRecord) {
    let count = |name: &'static str, count| CountRecord {
        name: name.into(),
        count,
    };
    let classes = restored.classes.iter();
    body.restored
        .extend(classes.map(|(class, many)| count(class.name(), *many)));
    let others = [
        ("refused", restored.refused),
        ("unopened", restored.unopened),
    ];
    let others = others.into_iter().filter(|(_, many)| *many > 0);
    body.restored
        .extend(others.map(|(name, many)| count(name, many)));
}

/// Writes what stayed behind into `body`.
pub(crate) fn withheld(withheld: &Withheld, body: &mut BodyRecord) {
    body.withheld
        .extend(withheld.counts().map(|(name, count)| CountRecord {
            name: name.into(),
            count,
        }));
}

/// Adds what is on record of one message to what is of those before it.
pub(crate) fn absorb(all: &mut BodyRecord, one: BodyRecord) {
    all.received += one.received;
    all.released += one.released;
    all.findings_unlisted += one.findings_unlisted;
    for found in one.findings {
        let same = |known: &&mut FindingRecord| {
            (&known.class, &known.path, &known.action, &known.policy)
                == (&found.class, &found.path, &found.action, &found.policy)
        };
        if let Some(known) = all.findings.iter_mut().find(same) {
            known.count += found.count;
        } else if all.findings.len() < PLACES_MAX {
            all.findings.push(found);
        } else {
            all.findings_unlisted += found.count;
        }
    }
    for gap in one.gaps {
        if !all.gaps.contains(&gap) {
            all.gaps.push(gap);
        }
    }
    add(&mut all.restored, one.restored);
    add(&mut all.withheld, one.withheld);
}

fn add(all: &mut Vec<CountRecord>, more: Vec<CountRecord>) {
    for one in more {
        match all.iter_mut().find(|known| known.name == one.name) {
            Some(known) => known.count += one.count,
            None => all.push(one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_record_of_messages_adds_up_and_has_a_bound() {
        let found = |path: String| FindingRecord {
            class: "pii.email".into(),
            path,
            count: 2,
            action: "mask".into(),
            policy: None,
        };
        let one = |path: String| BodyRecord {
            received: 10,
            released: 9,
            findings: vec![found(path)],
            gaps: vec!["embedded_media".to_owned()],
            restored: vec![CountRecord {
                name: "refused".into(),
                count: 1,
            }],
            ..BodyRecord::default()
        };
        let mut all = BodyRecord::default();
        absorb(&mut all, one("/a".to_owned()));
        absorb(&mut all, one("/a".to_owned()));
        assert_eq!((all.received, all.released), (20, 18));
        assert_eq!(all.findings.len(), 1);
        assert_eq!(all.findings.first().map(|it| it.count), Some(4));
        assert_eq!((all.gaps.len(), all.restored.len()), (1, 1));
        assert_eq!(all.restored.first().map(|it| it.count), Some(2));
        for number in 0..PLACES_MAX {
            absorb(&mut all, one(format!("/{number}")));
        }
        assert_eq!((all.findings.len(), all.findings_unlisted), (PLACES_MAX, 2));
    }
}
