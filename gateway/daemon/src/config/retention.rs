//! How long records are kept.

use std::{collections::BTreeSet, sync::Arc};

use audit::{Kind, LASTING, Retention, RetentionRule, Term, USUAL, USUAL_BASIS, USUAL_DAYS};
use jiff::Span;
use miette::Result;
use serde_saphyr::Spanned;

use super::{
    budgets::is_name,
    file::{self, File},
    resolve::Resolver,
};

/// Rules of one gateway: each has data keys of its own, every day.
const RULES_MAX: usize = 16;

/// The longest time, in days: a hundred years.
const DAYS_MAX: u32 = 36_525;

/// The longest basis, in bytes: it stands beside each data key.
const BASIS_BYTES_MAX: usize = 256;

impl Resolver<'_> {
    pub(super) fn retention(&self, file: &File) -> Result<Retention> {
        let Some(typed) = &file.audit.retention else {
            return Ok(Retention::default());
        };
        let days = typed
            .keep
            .as_ref()
            .map(|keep| self.days(keep))
            .transpose()?;
        // The law that asks for six years asks for no other time.
        let usual_basis = days.is_none().then_some(USUAL_BASIS);
        let basis = self.basis(typed.basis.as_ref())?;
        let usual = Term {
            class: USUAL.into(),
            days: days.unwrap_or(Some(USUAL_DAYS)),
            basis: basis.or_else(|| usual_basis.map(Into::into)),
        };
        if let Some(one_too_many) = typed.rules.get(RULES_MAX) {
            let message = format!("there are more than {RULES_MAX} rules of retention");
            let help = "each has a data key of its own every day; put some together";
            return Err(self.fault(&one_too_many.name, message, help));
        }
        let mut names = BTreeSet::from([USUAL, LASTING]);
        let mut rules = Vec::new();
        for rule in &typed.rules {
            let name = rule.name.value.as_str();
            if !is_name(name) || !names.insert(name) {
                let message = format!(
                    "`{}` is no name of a rule, or is taken",
                    name.escape_debug()
                );
                let help = "letters, digits, `-`, `_` and `.`, up to 64, for one rule; `default` and `lasting` have a \
                            meaning of their own";
                return Err(self.fault(&rule.name, message, help));
            }
            rules.push(self.retention_rule(rule, file)?);
        }
        Ok(Retention::new(usual, rules))
    }

    fn retention_rule(&self, typed: &file::RetentionRule, file: &File) -> Result<RetentionRule> {
        let is_service = |name: &str| file.services.iter().any(|it| it.name.value == name);
        let is_agent = |id: &str| file.agents.iter().any(|it| it.id.value == id);
        if typed.services.is_empty() && typed.agents.is_empty() && typed.records.is_empty() {
            let message = "the rule is about everything";
            let help = "name `services`, `agents` or `records`; for everything else say `audit.retention.keep`";
            return Err(self.fault(&typed.name, message, help));
        }
        if let Some(unknown) = typed.services.iter().find(|it| !is_service(&it.value)) {
            let message = format!("there is no service `{}`", unknown.value);
            return Err(self.fault(unknown, message, "name one of `services`"));
        }
        if let Some(unknown) = typed.agents.iter().find(|it| !is_agent(&it.value)) {
            let message = format!("there is no agent `{}`", unknown.value);
            return Err(self.fault(unknown, message, "name one of `agents`"));
        }
        let kinds = typed.records.iter().map(|name| self.kept_kind(name));
        Ok(RetentionRule {
            term: Arc::new(Term {
                class: typed.name.value.as_str().into(),
                days: self.days(&typed.keep)?,
                basis: self.basis(typed.basis.as_ref())?,
            }),
            services: typed.services.iter().map(|it| it.value.clone()).collect(),
            agents: typed.agents.iter().map(|it| it.value.clone()).collect(),
            kinds: kinds.collect::<Result<_>>()?,
        })
    }

    /// A kind of record that has a time of its own.
    fn kept_kind(&self, typed: &Spanned<String>) -> Result<Kind> {
        let fixed = [
            Kind::Close,
            Kind::Erase,
            Kind::Expire,
            Kind::Hold,
            Kind::Succeed,
        ];
        let named = Kind::ALL.into_iter();
        let mut named = named.filter(|kind| !fixed.contains(kind));
        named.find(|kind| kind.name() == typed.value).ok_or_else(|| {
            let message = format!("`{}` is no kind of record with a time of its own", typed.value);
            let help = "one of start, stop, open, refuse, reveal, bypass, gap, revoke, query, anomaly, process, \
                        policies; an exchange's end is kept as long as its opening (`open`), and what says that \
                        something was destroyed or must not be, or that another key signs, is always kept";
            self.fault(typed, message, help)
        })
    }

    fn basis(&self, typed: Option<&Spanned<String>>) -> Result<Option<Arc<str>>> {
        let Some(typed) = typed else {
            return Ok(None);
        };
        let basis = typed.value.trim();
        if basis.is_empty() || basis.len() > BASIS_BYTES_MAX || basis.contains(char::is_control) {
            let message = "it is no basis of a rule";
            let help = format!(
                "the law or contract behind it, on one line of up to {BASIS_BYTES_MAX} bytes"
            );
            return Err(self.fault(typed, message, help));
        }
        Ok(Some(basis.into()))
    }

    /// Days that are no fewer than the calendar ever makes of it; none: for ever.
    fn days(&self, typed: &Spanned<String>) -> Result<Option<u32>> {
        if typed.value == "forever" {
            return Ok(None);
        }
        let span: Option<Span> = typed.value.parse().ok();
        let days = span.and_then(whole_days);
        let days = days.filter(|days| (1..=DAYS_MAX).contains(days));
        days.map(Some).ok_or_else(|| {
            let message = format!("`{}` is no time to keep records", typed.value);
            let help = "whole days, weeks, months or years, from `1d` to `100y`, or `forever`";
            self.fault(typed, message, help)
        })
    }
}

/// The most days that a span of years, months, weeks and days has; none if it has something else.
fn whole_days(span: Span) -> Option<u32> {
    let clock = span.get_hours() != 0
        || span.get_minutes() != 0
        || span.get_seconds() != 0
        || span.get_milliseconds() != 0
        || span.get_microseconds() != 0
        || span.get_nanoseconds() != 0;
    if clock || span.is_negative() {
        return None;
    }
    let years = i64::from(span.get_years());
    let leap = years.checked_add(3)? / 4;
    let days = years.checked_mul(365)?.checked_add(leap)?;
    let months = i64::from(span.get_months()).checked_mul(31)?;
    let weeks = i64::from(span.get_weeks()).checked_mul(7)?;
    let days = days.checked_add(months)?.checked_add(weeks)?;
    u32::try_from(days.checked_add(i64::from(span.get_days()))?).ok()
}
