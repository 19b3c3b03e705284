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
        })))
    }

    /// Whether somebody tells what budgets of models count.
    pub(super) fn budgets_are_told(&self, file: &File) -> Result<()> {
        for typed in &file.budgets {
            let counts = typed.tokens.is_some() || typed.cost.is_some();
            let spends = |service: &&file::Service| {
                let mut named = typed.services.iter();
                typed.services.is_empty() || named.any(|it| it.value == service.name.value)
            };
            let mut spending = file.services.iter().filter(spends);
            let id = &typed.id.value;
            if counts && !spending.any(|service| service.usage.is_some()) {
                let message = format!("budget `{id}` counts what no service says");
                let help = "say how: `services[].usage: { profile: openai }`, or `anthropic`";
                return Err(self.fault(&typed.id, message, help));
            }
            if typed.cost.is_some() && file.prices.is_empty() {
                let message = format!("budget `{id}` counts costs, and nothing has a price");
                let help = "`prices: [{ model: \"gpt-4o*\", input: 2.50, output: 10 }]`, for a million tokens";
                return Err(self.fault(&typed.id, message, help));
            }
        }
        Ok(())
    }
}
