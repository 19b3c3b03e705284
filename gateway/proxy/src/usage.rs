//! What a model used of tokens, and what that cost: read from the service's own answers, and estimated
//! before the call where the request says how much it may be.

mod places;
mod prices;
mod reading;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use admission::{Permit, budget::ModelUse};
use audit::ModelRecord;
use bytes::Bytes;
use http::{HeaderMap, request::Parts};
use http_body::Body as _;
use redaction::Coding;

pub use places::{AnswerPlaces, Places, RequestPlaces};
pub use prices::{Pattern, Price, Prices};
pub(crate) use reading::Reading;

use crate::{
    account::Account, body::Source, gateway::Gateway, media, media::Media, message,
    refusal::Interruption, route::Way, strict,
};

/// The gap in the record of an answer that does not say what was used.
pub(crate) const UNKNOWN: &str = "usage_unknown";

/// The gap in the record of an answer by a model that has no price, where a budget counts costs.
pub(crate) const UNPRICED: &str = "price_unknown";

/// Bytes of text that are taken for one token, where nobody says how many there are.
const BYTES_OF_TOKEN: u64 = 4;

/// How a service says what a model used, and what that costs.
#[derive(Debug)]
pub struct Metering {
    /// Where its messages say it.
    pub places: Places,
    /// What models cost.
    pub prices: Arc<Prices>,
    /// Tokens that are held for each answer of a call that sets no limit; such calls are refused without.
    pub output_ceiling: Option<u64>,
}

/// Tokens of one exchange, by what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Read by the model, and not from a cache.
    pub input: u64,
    /// Read from a cache.
    pub cache_read: u64,
    /// Written to a cache.
    pub cache_write: u64,
    /// Written by the model.
    pub output: u64,
}

impl Counts {
    fn tokens(self) -> u64 {
        let read = self.input.saturating_add(self.cache_read);
        let written = self.cache_write.saturating_add(self.output);
        read.saturating_add(written)
    }
}

/// One exchange whose use of a model is counted.
pub(crate) struct Metered {
    metering: Arc<Metering>,
    /// The model that is asked for.
    model: Option<Arc<str>>,
    /// Whether a budget counts what it costs.
    costs: bool,
    /// What it is estimated to use; none if no budget counts it.
    estimate: Option<Counts>,
    reading: Option<Arc<Mutex<Reading>>>,
    /// Whether the service may have begun.
    is_sent: bool,
}

/// How far an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Nothing was sent.
    Uncalled,
    /// The service refused, or failed and said so.
    Failed,
    /// A part of it, or nobody knows how much.
    Part,
    /// All of it.
    Whole,
}

/// What an exchange used.
pub(crate) struct Used {
    pub(crate) spent: ModelUse,
    pub(crate) record: Option<ModelRecord>,
    /// What nobody knows of it.
    pub(crate) gaps: Vec<&'static str>,
}

/// Notes what a request will have a model do; gives the estimate, which is to be debited beforehand. Where
/// a budget counts on it the body is read whole, and what cannot be metered is refused.
pub(crate) async fn begin(
    gateway: &Gateway,
    account: &mut Account,
    permit: &Permit,
    way: &Way,
    parts: &Parts,
    body: &mut Source,
) -> Result<ModelUse, Interruption> {
    let Some(metering) = &way.service.usage else {
        return Ok(ModelUse::default());
    };
    let budgets = gateway.budgets.as_ref();
    let (counts, costs) = budgets.map_or((false, false), |it| it.counts_models(permit));
    let mut metered = Metered {
        metering: Arc::clone(metering),
        model: None,
        costs,
        estimate: None,
        reading: None,
        is_sent: false,
    };
    let mut spent = ModelUse::default();
    if counts {
        let json = Media::Document(redaction::Media::Json, Coding::Identity);
        if media::of(&parts.headers, body.is_end_stream()) != json {
            return Err(Interruption::unmetered());
        }
        let kinds = [redaction::Media::Json];
        let (_, bytes) = message::read(&parts.headers, body, &kinds).await?;
        account.request.received = bytes.len() as u64;
        let estimate = metered.ask(&bytes, &permit.operation().bound);
        *body = Source::Whole(Some(bytes));
        let estimate = estimate?;
        spent = metered.spent(estimate, None).0;
        metered.estimate = Some(estimate);
    }
    account.metered = Some(Box::new(metered));
    Ok(spent)
}

impl Metered {
    /// Reads what is asked for; gives what that may use at most.
    fn ask(
        &mut self,
        bytes: &Bytes,
        bound: &BTreeMap<String, String>,
    ) -> Result<Counts, Interruption> {
        let document = strict::parse(bytes).map_err(Interruption::unclear)?;
        let asked = self.metering.places.request.asked(&document, bound)?;
        self.model = asked.model;
        if self.costs {
            let model = self.model.as_deref();
            let model = model.ok_or_else(Interruption::model_unnamed)?;
            let price = self.metering.prices.of(model);
            price.ok_or_else(Interruption::price_unknown)?;
        }
        let output = asked.output_max.or(self.metering.output_ceiling);
        let output = output.ok_or_else(Interruption::unlimited)?;
        Ok(Counts {
            input: tokens_of(bytes.len() as u64),
            output: output.saturating_mul(asked.choices),
            ..Counts::default()
        })
    }

    /// The service may begin.
    pub(crate) fn sent(&mut self) {
        self.is_sent = true;
    }

    /// Whether it may have begun.
    pub(crate) fn is_sent(&self) -> bool {
        self.is_sent
    }

    /// Reads what an answer says from now on; it has these header fields.
    pub(crate) fn reads(&mut self, headers: &HeaderMap) -> Arc<Mutex<Reading>> {
        let answer = Arc::clone(&self.metering);
        let reading = Reading::new(answer, media::is_event_stream(headers));
        let reading = Arc::new(Mutex::new(reading));
        self.reading = Some(Arc::clone(&reading));
        reading
    }

    /// What was used, by a request of so many bytes.
    pub(crate) fn used(&self, came: Came, request: u64) -> Used {
        let (read, model, answer) = self.read();
        // Nobody pays for what a service refused, unless that says so.
        if read.is_none() && matches!(came, Came::Uncalled | Came::Failed) {
            return Used {
                spent: ModelUse::default(),
                record: None,
                gaps: Vec::new(),
            };
        }
        let is_unknown = read.is_none() || came == Came::Part;
        let counts = match (read, came) {
            (Some(read), Came::Whole | Came::Failed) => read,
            // What is not known to be less is taken for as much as it may be, whatever limit was asked for.
            (read, _) => largest([
                read.unwrap_or_default(),
                self.estimate.unwrap_or_default(),
                Counts {
                    input: tokens_of(request),
                    output: tokens_of(answer),
                    ..Counts::default()
                },
            ]),
        };
        let (spent, is_priced) = self.spent(counts, model.as_deref());
        let mut gaps = Vec::new();
        gaps.extend(is_unknown.then_some(UNKNOWN));
        gaps.extend((self.costs && !is_priced).then_some(UNPRICED));
        let named = model.or_else(|| self.model.clone());
        Used {
            spent,
            record: Some(ModelRecord {
                model: named.as_deref().map(str::to_owned),
                input: counts.input,
                output: counts.output,
                cache_read: counts.cache_read,
                cache_write: counts.cache_write,
                cost: (self.costs || is_priced).then_some(spent.cost),
                estimated: is_unknown,
            }),
            gaps,
        }
    }

    /// What the answer said by now, and how many bytes of it came.
    fn read(&self) -> (Option<Counts>, Option<Arc<str>>, u64) {
        let Some(reading) = &self.reading else {
            return (None, None, 0);
        };
        let mut reading = reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (counts, model) = reading.told();
        (counts, model, reading.bytes())
    }

    /// What that is, at the price of the model that answered, or that was asked for if the answer names
    /// none; and whether that has a price. If not, it costs as much as the dearest.
    fn spent(&self, counts: Counts, answered: Option<&str>) -> (ModelUse, bool) {
        let prices = &self.metering.prices;
        let model = answered.or(self.model.as_deref());
        let price = model.and_then(|model| prices.of(model));
        let cost = price.map(|price| price.cost(counts));
        let spent = ModelUse {
            tokens: counts.tokens(),
            cost: cost.or_else(|| prices.dearest(counts)).unwrap_or(0),
        };
        (spent, price.is_some())
    }
}

fn tokens_of(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_OF_TOKEN)
}

fn largest(all: [Counts; 3]) -> Counts {
    let most = |of: fn(&Counts) -> u64| all.iter().map(of).max().unwrap_or_default();
    Counts {
        input: most(|it| it.input),
        cache_read: most(|it| it.cache_read),
        cache_write: most(|it| it.cache_write),
        output: most(|it| it.output),
    }
}

#[cfg(test)]
mod tests;
