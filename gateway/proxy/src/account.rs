//! What is known of an exchange so far, and the duty to put its end on record.
//!
//! Every exchange has one account. However it ends, by release, refusal, failure or because the
//! agent hung up, the account writes the record first and then tells traces and metrics. Dropping
//! an account that was opened closes its record as `client_gone`.

mod attempt;

use std::{sync::Arc, time::SystemTime};

use admission::Permit;
use audit::{
    BodyRecord, CallerRecord, EventRef, FindingRecord, ModelRecord, Opening, OperationRecord,
    Outcome, Receipt, Refusal, Written,
};
use http::{HeaderValue, Method, StatusCode};
use policy::{Operation, PolicyRef};
use telemetry::{Exchange, FindingAttrs, ProcessAttrs, Trace, UpstreamCall, names};
use tokio::time::timeout;

use self::attempt::Attempt;
use crate::{
    clock,
    declared::{self, Client, Said},
    dialect::Dialect,
    gateway::Gateway,
    limits,
    mcp::{asked, sessions},
    mediation::Mediation,
    message::Spoken,
    notice::Notice,
    record::{self, Who},
    refusal::Interruption,
    request::Screening,
    route::Service,
    spending::Spending,
    told,
    upstream::Destination,
    usage::{Came, Metered},
    veil::Veil,
    watch::Ended,
};

/// How an admitted exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything that policy shows was handed over.
    Released,
    /// Refused after it was admitted, before anything was handed over.
    Refused,
    /// Given up because the upstream failed, before anything was handed over.
    UpstreamFailed,
    /// Broken off after the first bytes went out.
    Aborted,
    /// The agent hung up.
    ClientGone,
    /// Left to another proxy, which asked whether it may.
    Delegated,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Released => names::RELEASED,
            Self::Refused => "refused",
            Self::UpstreamFailed => "upstream_failed",
            Self::Aborted => "aborted",
            Self::ClientGone => "client_gone",
            Self::Delegated => names::DELEGATED,
        }
    }
}

/// What was asked for, once it is known.
struct What {
    operation: Operation,
    route: Arc<str>,
}

/// The upstream's part.
pub(crate) struct Call {
    pub(crate) destination: Arc<Destination>,
    pub(crate) start: SystemTime,
    pub(crate) end: SystemTime,
    pub(crate) status: Option<u16>,
}

/// The state of one exchange's record.
pub(crate) struct Account {
    gateway: Arc<Gateway>,
    trace: Option<Trace>,
    trace_id: Arc<str>,
    began: SystemTime,
    method: Method,
    peer_port: Option<u16>,
    what: Option<What>,
    rule: Option<Arc<PolicyRef>>,
    receipt: Option<Receipt>,
    record: Option<u64>,
    model: Option<ModelRecord>,
    attempt: Attempt,
    pub(crate) who: Arc<Who>,
    pub(crate) request: BodyRecord,
    pub(crate) response: BodyRecord,
    /// What was found beside the body of the request.
    pub(crate) request_fields: BodyRecord,
    /// What was found beside the body of the answer.
    pub(crate) response_fields: BodyRecord,
    pub(crate) screening: Option<Arc<Screening>>,
    pub(crate) spending: Option<Box<Spending>>,
    /// Keeps the credential that was presented from coming back.
    pub(crate) veil: Option<Veil>,
    pub(crate) status: Option<StatusCode>,
    /// What the client says that it is.
    pub(crate) said: Vec<Said>,
    /// The same in this one message, until it is known whose it is.
    pub(crate) client: Option<Client>,
    /// What a model uses, where its service says so.
    pub(crate) metered: Option<Box<Metered>>,
    /// What is found of the exchange itself.
    pub(crate) notices: Vec<Notice>,
    /// What the message asked for, in its protocol's words.
    pub(crate) spoken: Option<Spoken>,
    /// The session of MCP that it came in.
    pub(crate) session: Option<sessions::Spoken>,
    /// What its answer is held to, as long as it may come.
    pub(crate) asked: Option<asked::InFlight>,
    /// What the mediator does with it, where policy says so.
    pub(crate) mediation: Option<Box<Mediation>>,
    /// In whose words the agent is told of a refusal.
    pub(crate) dialect: Dialect,
    /// The service, if callers may have to get a token for it.
    pub(crate) protected: Option<Arc<Service>>,
    pub(crate) upstream: Option<Call>,
}

impl Account {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        trace: Trace,
        began: SystemTime,
        method: Method,
        peer_port: Option<u16>,
    ) -> Box<Self> {
        Box::new(Self {
            peer_port,
            gateway,
            trace_id: trace.id().into(),
            trace: Some(trace),
            began,
            method,
            what: None,
            rule: None,
            receipt: None,
            record: None,
            model: None,
            attempt: Attempt::default(),
            who: Arc::default(),
            request: BodyRecord::default(),
            response: BodyRecord::default(),
            request_fields: BodyRecord::default(),
            response_fields: BodyRecord::default(),
            screening: None,
            spending: None,
            veil: None,
            status: None,
            said: Vec::new(),
            client: None,
            metered: None,
            notices: Vec::new(),
            spoken: None,
            session: None,
            asked: None,
            mediation: None,
            dialect: Dialect::Problem,
            protected: None,
            upstream: None,
        })
    }

    /// The gateway that it passes through.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// When the request came.
    pub(crate) fn began(&self) -> jiff::Timestamp {
        clock::timestamp(self.began)
    }

    /// The trace id, hexadecimal.
    pub(crate) fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The trace, while the exchange lasts.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// What names the trace to whoever the request goes to (W3C Trace Context).
    pub(crate) fn traceparent(&self) -> Option<HeaderValue> {
        let named = self.trace.as_ref()?.upstream_traceparent();
        HeaderValue::try_from(named).ok()
    }

    /// The index of the record that holds this exchange, once there is one.
    pub(crate) fn record(&self) -> Option<u64> {
        self.record
    }

    /// Until when a mediated call may take.
    pub(crate) fn deadline(&self) -> Option<tokio::time::Instant> {
        self.mediation.as_ref().map(|it| it.deadline())
    }

    /// Notes that a stage was reached, for the trace.
    pub(crate) fn mark(&mut self, stage: &'static str) {
        if let Some(trace) = &mut self.trace {
            trace.mark(stage, clock::now());
        }
    }

    pub(crate) fn resolved(&mut self, operation: &Operation, route: Arc<str>) {
        self.what = Some(What {
            operation: operation.clone(),
            route,
        });
    }

    /// Puts the intent on record; durable when this returns.
    pub(crate) async fn open(&mut self, permit: &Permit) -> Result<(), Interruption> {
        let opening = Opening {
            at: clock::timestamp(self.began),
            trace: Arc::clone(&self.trace_id),
            caller: self.caller()?,
            operation: self.sealed(self.operation().unwrap_or_else(|| {
                record::operation(permit.operation(), &self.method, &Arc::from(""))
            }))?,
            policies: record::policies(permit.policies()),
            policy: Arc::clone(permit.policy_digest()),
            declared: declared::records(&self.said),
            notices: self.noticed(),
            upstream: self.attempt.upstream(),
            retry_of: self.attempt.before,
        };
        let opened = self.gateway.trail.open(&opening);
        let named = self.gateway.subjects.durable();
        let (opened, named, kept) = match &mut self.spending {
            None => {
                let (opened, named) = tokio::join!(opened, named);
                (opened, named, Ok(()))
            }
            Some(spending) => tokio::join!(opened, named, spending.durable()),
        };
        let receipt = opened.map_err(|_| Interruption::audit_unavailable())?;
        self.record = Some(receipt.index());
        self.receipt = Some(receipt);
        self.mark(names::INTENT_DURABLE);
        named.map_err(|_| Interruption::audit_unavailable())?;
        kept
    }

    /// Puts a refusal before admission on record.
    pub(crate) async fn refuse(
        &mut self,
        why: &Interruption,
        policies: &[Arc<PolicyRef>],
    ) -> Result<(), Interruption> {
        let status = self.dialect.status(why);
        self.status = Some(status);
        self.rule = policies.first().cloned();
        let refusal = Refusal {
            at: clock::timestamp(clock::now()),
            trace: Arc::clone(&self.trace_id),
            caller: self.caller()?,
            operation: self.operation().map(|it| self.sealed(it)).transpose()?,
            reason: why.reason.into(),
            status: status.as_u16(),
            policies: record::policies(policies),
            policy: self.gateway.admission.policy_digest(),
            finding: why.finding,
            findings: Vec::new(),
            declared: declared::records(&self.said),
            notices: self.noticed(),
        };
        let noted = self.gateway.trail.note(EventRef::Refuse(&refusal));
        let (noted, named) = tokio::join!(noted, self.gateway.subjects.durable());
        let noted = named.and(noted);
        self.record = noted.as_ref().ok().copied();
        self.tell(End::Refused.name(), Some(why.reason));
        noted
            .map(drop)
            .map_err(|_| Interruption::audit_unavailable())
    }

    /// Puts the outcome on record; durable when this returns. Only then may the last byte go.
    pub(crate) async fn conclude(
        &mut self,
        end: End,
        why: Option<&Interruption>,
    ) -> Result<(), Interruption> {
        if self.receipt.is_none() {
            return Ok(());
        }
        // What still streams to the upstream belongs to this outcome too.
        let broken = self.settle().await;
        let reckoned = self.reckon(end);
        let kept = match &mut self.spending {
            None => Ok(()),
            Some(spending) => spending.durable().await,
        };
        let kept = reckoned.and(kept);
        let (end, why) = match (&broken, &kept, why) {
            (Some(broken), _, None) => (End::Aborted, Some(broken)),
            (None, Err(unkept), None) => (End::Aborted, Some(unkept)),
            _ => (end, why),
        };
        let Some(receipt) = self.receipt.take() else {
            return Ok(());
        };
        let mut outcome = self.outcome(receipt.index(), end, why.map(|why| why.reason));
        let closed = self.gateway.trail.close(receipt, &mut outcome).await;
        if let Some(asked) = self.asked.take() {
            // One that is only accepted is answered elsewhere, or not yet.
            let is_accepted = self.status == Some(StatusCode::ACCEPTED);
            asked.ended(end == End::Released && !is_accepted);
        }
        (self.request, self.response) = (outcome.request, outcome.response);
        self.mark(names::OUTCOME_DURABLE);
        self.tell(end.name(), why.map(|why| why.reason));
        let called = self.upstream.is_some();
        kept?;
        closed.map(drop).map_err(|_| {
            if called {
                Interruption::outcome_unrecorded()
            } else {
                Interruption::audit_unavailable()
            }
        })
    }

    /// Puts what a model used in the place of what it was estimated to, once.
    fn reckon(&mut self, end: End) -> Result<(), Interruption> {
        let Some(metered) = self.metered.take() else {
            return Ok(());
        };
        let status = self.upstream.as_ref().and_then(|call| call.status);
        let came = match status {
            None if !metered.is_sent() => Came::Uncalled,
            Some(200..=299) if end == End::Released => Came::Whole,
            None | Some(200..=299) => Came::Part,
            Some(_) => Came::Failed,
        };
        let screening = self.screening.as_ref();
        let request = screening.map_or(self.request.received, |it| it.record().received);
        let used = metered.used(came, request);
        let gaps = used.gaps.iter().map(|&gap| gap.to_owned());
        self.response.gaps.extend(gaps);
        self.model = used.record.map(|mut record| {
            let named = record.model.take();
            record.model = named.map(|named| declared::safe(&self.gateway, "model", named));
            record
        });
        let spending = self.spending.as_mut();
        spending.map_or(Ok(()), |spending| spending.settle(used.spent))
    }

    /// Waits until the request's body has gone as far as it will; why it broke off, if it did.
    async fn settle(&self) -> Option<Interruption> {
        let screening = self.screening.as_ref()?;
        if timeout(limits::EARLY_ANSWER_GRACE, screening.ended())
            .await
            .is_err()
        {
            screening.abandon();
            // Its sender is gone with its connection, or ends it now.
            if timeout(limits::EARLY_ANSWER_GRACE, screening.ended())
                .await
                .is_err()
            {
                tracing::warn!(record = self.record, "a request body did not end");
            }
        }
        screening.broken()
    }

    fn outcome(&mut self, opening: u64, end: End, reason: Option<&'static str>) -> Outcome {
        if let Some(screening) = &self.screening {
            self.request = screening.record();
        }
        add_fields(&mut self.request, &mut self.request_fields);
        add_fields(&mut self.response, &mut self.response_fields);
        let now = clock::now();
        let duration = now.duration_since(self.began).unwrap_or_default();
        Outcome {
            at: clock::timestamp(now),
            opening,
            status: self.status.map(|status| status.as_u16()),
            upstream_status: self.upstream.as_ref().and_then(|call| call.status),
            sent: self.attempt.is_sent(),
            result: end.name().into(),
            reason: reason.map(Into::into),
            request: std::mem::take(&mut self.request),
            response: std::mem::take(&mut self.response),
            credential: self.veil.as_ref().map(Veil::record),
            model: self.model.take(),
            mediation: self.mediation.as_ref().map(|it| Box::new(it.record())),
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// What is found of the exchange, and of who calls.
    fn noticed(&self) -> Vec<String> {
        let found = self.who.notices().chain(self.notices.iter().copied());
        Notice::names(found)
    }

    fn operation(&self) -> Option<OperationRecord> {
        self.what
            .as_ref()
            .map(|what| record::operation(&what.operation, &self.method, &what.route))
    }

    /// Who calls, as the record has it.
    fn caller(&self) -> Result<Written<CallerRecord>, Interruption> {
        let sealed = self.who.sealed(&self.gateway.subjects);
        sealed.map_err(|_| Interruption::audit_unavailable())
    }

    /// What is asked for, as the record has it: whom it is about is sealed under their own key.
    fn sealed(&self, mut operation: OperationRecord) -> Result<OperationRecord, Interruption> {
        let sealed = self.gateway.subjects.sealed(&operation.bound);
        operation.bound = Arc::new(sealed.map_err(|_| Interruption::audit_unavailable())?);
        let asked = self
            .what
            .as_ref()
            .map(|what| record::texts(&what.operation));
        if let Some(texts) = asked.filter(|texts| !texts.is_empty()) {
            let sealed = self.gateway.subjects.sealed(&texts);
            let sealed = sealed.map_err(|_| Interruption::audit_unavailable())?;
            Arc::make_mut(&mut operation.arguments).extend(sealed);
        }
        Ok(operation)
    }

    /// Tells traces and metrics, once.
    fn tell(&mut self, decision: &'static str, reason: Option<&'static str>) {
        let Some(trace) = self.trace.take() else {
            return;
        };
        let found = self.request.findings.iter().chain(&self.response.findings);
        let told = told::paths(found.clone().map(|finding| finding.path.as_str()));
        let findings: Vec<FindingAttrs<'_>> = found
            .zip(&told)
            .map(|(finding, path)| attributes(finding, path))
            .collect();
        let task = self
            .who
            .claims
            .as_ref()
            .and_then(|claims| claims.task.as_ref());
        let caller = self.who.record();
        let process = caller.process.as_ref();
        let operation = self.what.as_ref().map(|what| &what.operation);
        let exchange = Exchange {
            start: self.began,
            end: clock::now(),
            upstream: self.upstream_call(),
            method: self.method.as_str(),
            route: self
                .what
                .as_ref()
                .map_or(names::UNMATCHED, |what| &what.route),
            status: self.status.map(|status| status.as_u16()),
            service: operation.map_or(names::UNMATCHED, |operation| &operation.service),
            operation: operation.map_or(names::UNMATCHED, |operation| &operation.id),
            effect: operation.map_or(names::NONE, |operation| operation.effect.name()),
            rpc_method: self.spoken.as_ref().map(|spoken| spoken.method.as_ref()),
            tool: self
                .spoken
                .as_ref()
                .and_then(|spoken| spoken.tool.as_deref()),
            decision,
            agent: self.who.agent.as_deref(),
            session: self.who.session.as_deref(),
            task: task.map(|task| task.id.as_ref()),
            purpose: task.map(|task| task.purpose.as_ref()),
            evidence: self.who.evidence,
            process: process.map(|process| ProcessAttrs {
                pid: process.pid,
                uid: process.uid,
                exe: process.exe.as_deref(),
                sha256: process.exe_sha256.as_deref(),
            }),
            peer_port: self.peer_port,
            record: self.record,
            flow: caller.flow.as_deref(),
            reason,
            rule: self.rule.as_ref().map(|rule| rule.id.as_ref()),
            findings: &findings,
            request_bytes: self.request.received,
            response_bytes: self.response.released,
        };
        if let Some(watch) = &self.gateway.watch {
            watch.saw(&Ended {
                who: &self.who,
                operation,
                answer: &self.response,
                decision,
                reason,
                notices: &self.notices,
                record: self.record,
            });
        }
        self.gateway.metrics.exchange(&exchange);
        self.gateway.traces.finish(trace, &exchange);
    }

    fn upstream_call(&self) -> Option<UpstreamCall<'_>> {
        let call = self.upstream.as_ref()?;
        Some(UpstreamCall {
            start: call.start,
            end: call.end,
            status: call.status,
            host: call.destination.host(),
            port: call.destination.port(),
        })
    }
}

/// Adds what was found beside a body to what was found in it.
fn add_fields(body: &mut BodyRecord, fields: &mut BodyRecord) {
    body.findings.append(&mut fields.findings);
    body.findings_unlisted += std::mem::take(&mut fields.findings_unlisted);
    body.gaps.append(&mut fields.gaps);
}

/// A finding as telemetry may know it, at a path that is told.
fn attributes<'a>(finding: &'a FindingRecord, path: &'a str) -> FindingAttrs<'a> {
    FindingAttrs {
        class: &finding.class,
        path,
        count: finding.count,
        action: &finding.action,
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // Also if nothing was begun: what was held for it is given back.
        if let Err(why) = self.reckon(End::ClientGone) {
            tracing::error!(reason = why.reason, "what a model used is not debited");
        }
        if let Some(receipt) = self.receipt.take() {
            let mut outcome = self.outcome(receipt.index(), End::ClientGone, Some("client_gone"));
            self.gateway.trail.close_detached(receipt, &mut outcome);
            (self.request, self.response) = (outcome.request, outcome.response);
        }
        // Does nothing where the end was told already.
        self.tell(End::ClientGone.name(), Some("client_gone"));
    }
}
