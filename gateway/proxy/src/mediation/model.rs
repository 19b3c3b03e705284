//! The model that takes part in the choice: a service of the configuration, called by an agent of the
//! gateway's own through the whole pipeline, with a record, budgets and a deadline of its own.

use std::{collections::VecDeque, future::Future, pin::Pin, sync::Arc, time::Duration};

use admission::Permit;
use audit::ChoiceRecord;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use identity::{Agent, Identity};
use mediator::{
    Choice,
    model::{self, REPLY_BYTES_MAX, Shown, Usage},
};
use tokio::time::{Instant, timeout_at};

use super::micros;
use crate::{
    account::Account,
    body::{Inbound, Source},
    clock,
    exchange::{Unadmitted, Worker},
    headers,
    record::Who,
    refusal::Interruption,
};

/// A model that is asked.
#[derive(Debug)]
pub struct Model {
    /// The agent that calls it: the gateway's own, which no process can be.
    pub agent: Arc<Agent>,
    /// The gateway's process: pid, and when it started.
    pub workload: (u32, u64),
    /// Where it is, as an agent would ask this gateway for it: a path, or a URL with the service's host.
    pub uri: Uri,
    /// What the endpoint calls it.
    pub name: String,
    /// How long it may take.
    pub deadline: Duration,
    /// What happens where it chooses nothing.
    pub fallback: Fallback,
}

/// What happens where a model chooses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The deterministic choice is taken.
    Deterministic,
    /// The call is refused.
    Refuse,
}

/// One question to a model.
pub(super) struct Asks<'a> {
    pub(super) model: &'a Model,
    pub(super) permit: &'a Permit,
    pub(super) route: (&'a Method, &'a str),
    /// The names in the caller's query.
    pub(super) query: Vec<String>,
    pub(super) alternatives: &'a [Choice],
}

/// What came back.
struct Replied {
    body: Result<Bytes, &'static str>,
    record: Option<u64>,
}

impl Asks<'_> {
    /// The question, in words of the operator's alone.
    fn body(&self) -> Bytes {
        let operation = self.permit.operation();
        let name = format!("{}/{}", operation.service, operation.id);
        let (method, path) = self.route;
        let known = |parameter: &&String| {
            self.alternatives.iter().any(|choice| {
                let template = &choice.template;
                let page = template.page.as_ref();
                template.passes.contains(parameter)
                    || page.is_some_and(|page| page.parameter == **parameter)
            })
        };
        let parameters: Vec<&str> = self
            .query
            .iter()
            .filter(known)
            .map(String::as_str)
            .collect();
        let shown = Shown {
            operation: &name,
            route: &format!("{method} {path}"),
            purpose: self.permit.purpose(),
            parameters_unknown: (self.query.len() - parameters.len()) as u64,
            parameters,
        };
        let request = model::request(&self.model.name, &shown, self.alternatives);
        Bytes::from(request.to_string())
    }
}

impl Worker {
    /// What the model chooses, if anything, within its deadline and that of the exchange.
    pub(super) async fn ask_model(
        &self,
        asks: &Asks<'_>,
        latest: Instant,
    ) -> (Option<Choice>, ChoiceRecord) {
        let began = Instant::now();
        let deadline = latest.min(began + asks.model.deadline);
        let replied = timeout_at(deadline, self.call_model(asks.model, asks.body())).await;
        let mut record = ChoiceRecord {
            outcome: "late".into(),
            record: None,
            took_us: micros(began),
            tokens_in: 0,
            tokens_out: 0,
        };
        let Ok(replied) = replied else {
            return (None, record);
        };
        record.record = replied.record;
        let (chosen, usage) = match &replied.body {
            Err(why) => (Err(*why), Usage::default()),
            Ok(body) => {
                let (chosen, usage) = model::read(body, asks.alternatives);
                (chosen.map_err(model::NoChoice::name), usage)
            }
        };
        (record.tokens_in, record.tokens_out) = (usage.tokens_in, usage.tokens_out);
        record.outcome = match &chosen {
            Ok(_) => "chosen".into(),
            Err(why) => (*why).into(),
        };
        (chosen.ok(), record)
    }

    /// Calls it, as an exchange of its own. Boxed by hand, since an exchange is what this is a part of.
    fn call_model<'a>(
        &'a self,
        model: &'a Model,
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Replied> + Send + 'a>> {
        Box::pin(async move {
            let response = self.own_exchange(model, body).await;
            let record = response.headers().get(&headers::RECORD);
            let record = record.and_then(|index| index.to_str().ok()?.parse().ok());
            let body = if response.status() == StatusCode::OK {
                let most = usize::try_from(REPLY_BYTES_MAX).unwrap_or(usize::MAX);
                let read = Limited::new(response.into_body(), most).collect().await;
                read.map(http_body_util::Collected::to_bytes)
                    .map_err(|error| {
                        if error.is::<LengthLimitError>() {
                            "too_long"
                        } else {
                            "unreadable"
                        }
                    })
            } else {
                Err("refused")
            };
            Replied { body, record }
        })
    }

    async fn own_exchange(&self, model: &Model, body: Bytes) -> Response<Inbound> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = model.uri.clone();
        let (mut parts, ()) = request.into_parts();
        let json = HeaderValue::from_static("application/json");
        parts.headers.insert(header::CONTENT_TYPE, json.clone());
        parts.headers.insert(header::ACCEPT, json);
        let length = HeaderValue::from(body.len());
        parts.headers.insert(header::CONTENT_LENGTH, length);
        let gateway = &self.gateway;
        let caller = Identity::own(&model.agent, model.workload);
        let trace = headers::trace(&gateway.traces, &parts.headers);
        let method = parts.method.clone();
        let mut account = Account::new(Arc::clone(gateway), trace, clock::now(), method, None);
        account.who = Arc::new(Who::proven(&caller, None));
        let mut body = Source::Whole(Some(body));
        let admitted = self.own_admission(&mut account, &caller, &parts, &mut body);
        let admitted = admitted.await;
        self.carry_out(account, admitted, parts, body).await
    }

    async fn own_admission(
        &self,
        account: &mut Account,
        caller: &identity::Caller,
        parts: &Parts,
        body: &mut Source,
    ) -> Result<(Permit, crate::route::Way), Unadmitted> {
        if self.gateway.revoked.borrow().of(caller).is_some() {
            return Err(Interruption::revoked().into());
        }
        let host = parts.uri.host();
        let routes = &self.gateway.routes;
        let resolved = routes.resolve(&parts.method, &parts.uri, host, false);
        let resolved = resolved.map_err(Interruption::unroutable)?;
        let (permit, way) = self
            .decide(account, caller, resolved, (parts, body))
            .await?;
        // Who mediates is not mediated: it would ask itself.
        if permit.mediation().is_some() {
            let why = mediator::Unmediated::NoTemplate;
            return Err(Interruption::unmediated(why, "").into());
        }
        Ok((permit, way))
    }
}

/// All pieces of a body as one.
pub(crate) fn joined(pieces: VecDeque<Bytes>) -> Vec<u8> {
    pieces.into_iter().fold(Vec::new(), |mut all, piece| {
        all.extend_from_slice(&piece);
        all
    })
}
