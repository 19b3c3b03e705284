//! How services say what models used, and what that costs.

use std::sync::Arc;

use admission::budget::COST_UNIT;
use miette::Result;
use proxy::usage::{AnswerPlaces, Metering, Pattern, Places, Price, Prices, RequestPlaces};
use serde_saphyr::Spanned;

use super::{
    file::{self, File, Profile},
    resolve::Resolver,
};

/// The most that an amount of money may be.
const MONEY_MAX: f64 = 1e9;

impl Resolver<'_> {
    pub(super) fn prices(&self, file: &File) -> Result<Arc<Prices>> {
        let price = |typed: &file::Price| {
            let model = Pattern::new(&typed.model.value).ok_or_else(|| {
                let message = format!("`{}` names no models", typed.model.value);
                let help =
                    "a name as the service has it, with a star at its end for all that begin so";
                self.fault(&typed.model, message, help)
            })?;
            let input = self.money(&typed.input)?;
            let or_input =
                |typed: Option<&Spanned<f64>>| typed.map_or(Ok(input), |typed| self.money(typed));
            Ok(Price {
                model,
                input,
                output: self.money(&typed.output)?,
                cache_read: or_input(typed.cache_read.as_ref())?,
                cache_write: or_input(typed.cache_write.as_ref())?,
            })
        };
        let prices = file.prices.iter().map(price).collect::<Result<_>>()?;
        Ok(Arc::new(Prices(prices)))
    }

    /// Millionths of an amount of the currency.
    pub(super) fn money(&self, typed: &Spanned<f64>) -> Result<u64> {
        if !(0.0..=MONEY_MAX).contains(&typed.value) {
            let message = format!("`{}` is no amount of money", typed.value);
            return Err(self.fault(typed, message, "0 to a billion, to six decimals: `2.50`"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between 0 and a billion millions"
        )]
        let millionths = (typed.value * COST_UNIT as f64).round() as u64;
        Ok(millionths)
    }

    pub(super) fn usage(
        &self,
        service: &file::Service,
        prices: &Arc<Prices>,
    ) -> Result<Option<Arc<Metering>>> {
        let Some(typed) = &service.usage else {
            return Ok(None);
        };
        let usual = match typed.profile {
            Some(Profile::Openai) => Places::openai(),
            Some(Profile::Anthropic) => Places::anthropic(),
            None => Places::default(),
        };
        let pointers = |typed: &Option<Vec<Spanned<String>>>, usual: Vec<String>| {
            let Some(typed) = typed else {
                return Ok(usual);
            };
            let each = typed.iter().map(|at| self.pointer(at));
            each.collect::<Result<Vec<_>>>()
        };
        let (asked, told) = (&typed.request, &typed.answer);
        let places = Places {
            request: RequestPlaces {
                model: pointers(&asked.model, usual.request.model)?,
                parameter: asked.parameter.clone(),
                output_max: pointers(&asked.output_max, usual.request.output_max)?,
                choices: pointers(&asked.choices, usual.request.choices)?,
            },
            answer: AnswerPlaces {
                model: pointers(&told.model, usual.answer.model)?,
                input: pointers(&told.input, usual.answer.input)?,
                cached: pointers(&told.cached, usual.answer.cached)?,
                cache_read: pointers(&told.cache_read, usual.answer.cache_read)?,
                cache_write: pointers(&told.cache_write, usual.answer.cache_write)?,
                output: pointers(&told.output, usual.answer.output)?,
            },
        };
        if places.answer.input.is_empty() && places.answer.output.is_empty() {
            let message = format!(
                "`usage` of service `{}` does not say where answers say what was used",
                service.name.value
            );
            let help = "`profile: openai` or `anthropic`, or JSON Pointers: `answer: { input: [/usage/in], output: [/usage/out] }`";
            return Err(self.fault(&service.name, message, help));
        }
        Ok(Some(Arc::new(Metering {
            places,
            prices: Arc::clone(prices),
            output_ceiling: typed.output_ceiling,
        })))
    }

    /// Whether each service that spends from a budget of models tells what that counts.
    pub(super) fn budgets_are_told(&self, file: &File) -> Result<()> {
        for typed in &file.budgets {
            if typed.tokens.is_none() && typed.cost.is_none() {
                continue;
            }
            let spending = || {
                let services = file.services.iter();
                services.filter(|service| spends(typed, &service.name.value))
            };
            // Who names no service means those that have models.
            let means_all = typed.services.is_empty() && spending().any(|it| it.usage.is_some());
            let untold = spending().find(|service| service.usage.is_none());
            if let Some(untold) = untold.filter(|_| !means_all) {
                let (id, name) = (&typed.id.value, &untold.name.value);
                let message = format!("budget `{id}` counts what service `{name}` does not say");
                let help = "say how: `services[].usage: { profile: openai }`, or `anthropic`; or \
                            have the budget name other `services`";
                return Err(self.fault(&typed.id, message, help));
            }
            if typed.cost.is_some() {
                self.costs_are_told(typed, file)?;
            }
        }
        Ok(())
    }

    fn costs_are_told(&self, budget: &file::Budget, file: &File) -> Result<()> {
        let id = &budget.id.value;
        if file.prices.is_empty() {
            let message = format!("budget `{id}` counts costs, and nothing has a price");
            let help =
                "`prices: [{ model: \"gpt-4o*\", input: 2.50, output: 10 }]`, for a million tokens";
            return Err(self.fault(&budget.id, message, help));
        }
        let is_nameless = |usage: &file::Usage| match &usage.request.model {
            _ if usage.request.parameter.is_some() => false,
            Some(places) => places.is_empty(),
            None => usage.profile.is_none(),
        };
        let nameless = file.services.iter().find(|service| {
            spends(budget, &service.name.value) && service.usage.as_ref().is_some_and(is_nameless)
        });
        let Some(nameless) = nameless else {
            return Ok(());
        };
        let name = &nameless.name.value;
        let message = format!(
            "budget `{id}` counts costs, and nobody knows which model a request to `{name}` is for"
        );
        let help = "say where it stands: `services[].usage.request: { model: [/model] }`, or \
                    `parameter: model` where the path says it";
        Err(self.fault(&budget.id, message, help))
    }
}

/// Whether calls of a service spend from a budget.
pub(super) fn spends(budget: &file::Budget, service: &str) -> bool {
    let mut named = budget.services.iter();
    budget.services.is_empty() || named.any(|it| it.value == service)
}
