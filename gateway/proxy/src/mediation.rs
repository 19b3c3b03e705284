//! Where policy says `mediate`: the internal agent between caller and service, asked before a request is
//! screened and again before its answer goes.
//!
//! What it decides is in the crate `mediator`, which does no I/O. Here it gets the request, and its model,
//! if it has one, is called as any service is by any agent.

mod asked;
mod model;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use admission::Permit;
use audit::{CountRecord, MediationRecord};
use http::{HeaderName, Method, request::Parts};
use http_body::Body as _;
use mediator::{Answer, Choice, Narrowed, Template, Unmediated, offered};
use tokio::time::Instant;

pub(crate) use self::model::joined;
pub use self::model::{Fallback, Model};
use crate::{
    account::Account,
    body::Source,
    exchange::Worker,
    leash::leash,
    refusal::Interruption,
    route::{Service, Speaks, Way},
};

/// What is declared for the operations that are mediated, and how much they may take.
#[derive(Clone, Debug)]
pub struct Mediator {
    /// How long a mediated exchange may take, from its admission to its answer.
    pub deadline: Duration,
    /// How much of a service's answer is read, in bytes, as it comes and once it is decoded.
    pub answer_bytes_max: u64,
    /// The model that takes part in the choice, if one does.
    pub model: Option<Arc<Model>>,
}

/// What is declared for one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mediated {
    /// Its templates, in the order in which they are offered.
    pub templates: Vec<Arc<Template>>,
    /// The query parameters that bind it, which go on as they are.
    pub query: Vec<String>,
    /// The arguments that policy decides on, by their query parameters.
    pub arguments: BTreeMap<String, String>,
    /// The header fields that do.
    pub headers: Vec<HeaderName>,
}

/// The mediator's part in one exchange.
pub(crate) struct Mediation {
    choice: Option<Choice>,
    record: MediationRecord,
    deadline: Instant,
    bytes_max: u64,
    /// What the agent is told of the choice, in a field.
    told: String,
}

impl Mediation {
    fn new(mediator: &Mediator, rule: &Arc<str>) -> Self {
        Self {
            choice: None,
            record: MediationRecord {
                rule: Arc::clone(rule),
                chosen_by: DETERMINISTIC.into(),
                ..MediationRecord::default()
            },
            deadline: Instant::now() + mediator.deadline,
            bytes_max: mediator.answer_bytes_max,
            told: String::new(),
        }
    }

    /// What is on record of it.
    pub(crate) fn record(&self) -> MediationRecord {
        self.record.clone()
    }

    /// When the answer must be there.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How much of the service's answer is read, in bytes.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// What was chosen, once it was.
    pub(crate) fn choice(&self) -> Option<&Choice> {
        self.choice.as_ref()
    }

    /// What the agent is told of it.
    pub(crate) fn told(&self) -> &str {
        &self.told
    }

    /// The answer, from what policy let through of the service's; so many rows `beyond` stayed behind
    /// already.
    pub(crate) fn answer(&mut self, bytes: &[u8], beyond: u64) -> Result<Answer, Unmediated> {
        let began = Instant::now();
        let choice = self.choice.as_ref().ok_or(Unmediated::NoTemplate)?;
        let answer = choice.answer(bytes)?;
        let dropped = answer.rows_dropped + beyond;
        let shows = choice.shows_rows();
        self.count("rows", dropped);
        self.count("groups", u64::from(answer.suppressed));
        self.spent(began);
        // How many rows there are is not told where only their number could be asked for.
        if shows {
            self.tell("rows", dropped);
        }
        Ok(answer)
    }

    /// Notes what was chosen, and what of the request did not go on.
    fn chose(&mut self, choice: Choice, narrowed: Narrowed) {
        let record = &mut self.record;
        record.template = Some(Arc::clone(&choice.template.name));
        record.answer = Some(choice.template.form.name().into());
        record.fields = choice.fields.iter().map(ToString::to_string).collect();
        self.told = format!(
            "template={}; answer={}; chosen-by={}",
            choice.template.name,
            choice.template.form.name(),
            record.chosen_by
        );
        let counts = [
            ("parameters", narrowed.parameters_dropped),
            ("headers", narrowed.headers_dropped),
            ("fields", choice.fields_dropped),
            ("page", u64::from(narrowed.page_capped)),
        ];
        for (name, count) in counts {
            self.count(name, count);
            self.tell(name, count);
        }
        self.record.filters = narrowed.filters;
        self.choice = Some(choice);
    }

    fn count(&mut self, name: &'static str, count: u64) {
        if count > 0 {
            let name = name.into();
            self.record.narrowed.push(CountRecord { name, count });
        }
    }

    fn tell(&mut self, name: &str, count: u64) {
        if count > 0 {
            let _infallible = write!(self.told, "; {name}={count}");
        }
    }

    fn spent(&mut self, began: Instant) {
        self.record.took_us += micros(began);
    }
}

impl Service {
    /// The ids of the operations that there are templates for.
    pub fn mediated(&self) -> Vec<&Arc<str>> {
        let Speaks::Paths(operations) = &self.speaks else {
            return Vec::new();
        };
        let mediated = operations.iter();
        let mediated = mediated.filter(|it| !it.answers.mediated.templates.is_empty());
        mediated.map(|operation| &operation.id).collect()
    }
}

/// Who chose where no model did.
const DETERMINISTIC: &str = "deterministic";

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Worker {
    /// Narrows an admitted request whose permit says `mediate`, or says why it goes no further. It is chosen
    /// once how a call is answered: what asks another upstream for the same is narrowed alike.
    pub(crate) async fn mediate(
        &self,
        account: &mut Account,
        (permit, way, parts, body): (&Permit, &mut Way, &mut Parts, &Source),
    ) -> Result<(), Interruption> {
        let began = Instant::now();
        let answers = Arc::clone(&way.answers);
        let declared = &*answers.mediated;
        if let Some(choice) = account.mediation.as_ref().and_then(|it| it.choice()) {
            let operation = permit.operation();
            asked::narrow(choice, declared, operation, &mut way.target)?;
            asked::headers(&mut parts.headers, &declared.headers);
            return Ok(());
        }
        let rule = permit
            .mediation()
            .map_or_else(|| Arc::from(""), |it| Arc::clone(&it.id));
        let mediation = Mediation::new(&self.gateway.mediator, &rule);
        let mediation = account.mediation.insert(Box::new(mediation));
        let refused = |why: Unmediated| Interruption::unmediated(why, &rule);
        if parts.method != Method::GET || !body.is_end_stream() {
            return Err(refused(Unmediated::NoTemplate));
        }
        let offered = offered(&declared.templates, permit.purpose()).map_err(refused)?;
        let ask = asked::ask(&parts.headers);
        let mut choice = Choice::of(&offered, &ask).map_err(refused)?;
        if let Some(model) = &self.gateway.mediator.model {
            let alternatives = if ask.template.is_some() {
                vec![choice.clone()]
            } else {
                let offered = offered.iter();
                let each = offered.map(|it| Choice::of(&[Arc::clone(it)], &ask));
                each.filter_map(Result::ok).collect()
            };
            let asks = model::Asks {
                model,
                permit,
                route: (&parts.method, &way.route),
                query: asked::names(&way.target),
                alternatives: &alternatives,
            };
            let asking = self.ask_model(&asks, mediation.deadline);
            let (chosen, record) = tokio::select! {
                biased;
                why = leash(permit, &self.gateway) => return Err(why),
                answer = asking => answer,
            };
            mediation.record.model = Some(record);
            match (chosen, model.fallback) {
                (Some(chosen), _) => {
                    choice = chosen;
                    mediation.record.chosen_by = "model".into();
                }
                (None, Fallback::Deterministic) => {}
                (None, Fallback::Refuse) => return Err(Interruption::model_failed(&rule)),
            }
        }
        let operation = permit.operation();
        let mut narrowed = asked::narrow(&choice, declared, operation, &mut way.target)?;
        narrowed.headers_dropped = asked::headers(&mut parts.headers, &declared.headers);
        mediation.chose(choice, narrowed);
        let model = mediation
            .record
            .model
            .as_ref()
            .map_or(0, |model| model.took_us);
        mediation.record.took_us += micros(began).saturating_sub(model);
        Ok(())
    }
}
