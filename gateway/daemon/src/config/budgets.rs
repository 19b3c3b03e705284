//! What may be used up, and which parts of answers are records.

use std::{collections::HashSet, str::FromStr as _, sync::Arc};

use admission::budget::{Budget, DISTINCT_MAX, Meter, Per};
use classifiers::DataClass;
use jiff::SignedDuration;
use miette::Result;
use policy::Effect;
use redaction::census::Records;
use serde_saphyr::Spanned;

use super::{
    file::{self, File},
    resolve::Resolver,
    usage,
};

impl Resolver<'_> {
    pub(super) fn budgets(&self, file: &File) -> Result<Vec<Budget>> {
        let mut ids = HashSet::new();
        let mut budgets: Vec<Budget> = Vec::new();
        for typed in &file.budgets {
            if !ids.insert(typed.id.value.as_str()) {
                let message = format!("budget `{}` is defined twice", typed.id.value);
                return Err(self.fault(&typed.id, message, "rename one of the two"));
            }
            let budget = self.budget(typed, file)?;
            if !typed.writes_exceed_reads
                && let Some(other) = budgets.iter().find(|other| is_inverted(other, &budget))
            {
                let message = format!(
                    "`{}` and `{}` allow more writes than reads",
                    other.id, budget.id
                );
                let help = "a write does more harm than a read; if it is meant, say \
                            `writes_exceed_reads: true` here";
                return Err(self.fault(&typed.id, message, help));
            }
            budgets.push(budget);
        }
        Ok(budgets)
    }

    fn budget(&self, typed: &file::Budget, file: &File) -> Result<Budget> {
        if !is_name(&typed.id.value) {
            let message = format!("`{}` is no name of a budget", typed.id.value);
            let help = "letters, digits, `-`, `_` and `.`, up to 64: agents read it in a header";
            return Err(self.fault(&typed.id, message, help));
        }
        let agents = || file.agents.iter().map(|agent| agent.id.value.as_str());
        let services = || {
            file.services
                .iter()
                .map(|service| service.name.value.as_str())
        };
        let named = |service: &&file::Service| usage::spends(typed, &service.name.value);
        let operations = || {
            let operations = file.services.iter().filter(named);
            operations.flat_map(|service| service.operations.iter().map(|it| it.id.value.as_str()))
        };
        let allowed = self.allowed(typed)?;
        Ok(Budget {
            shared: self.is_shared(typed, file, &allowed)?,
            id: typed.id.value.as_str().into(),
            agents: self.known(&typed.agents, "agent", agents)?,
            services: self.known(&typed.services, "service", services)?,
            operations: self.known(&typed.operations, "operation", operations)?,
            effects: typed
                .effects
                .iter()
                .map(|effect| effect_of(*effect))
                .collect(),
            per: match typed.per {
                file::Per::Session => Per::Session,
                file::Per::Task => Per::Task,
                file::Per::Agent => Per::Agent,
            },
            every: typed
                .every
                .as_ref()
                .map(|every| self.every(every))
                .transpose()?,
            allowed,
        })
    }

    fn known<'a, I: Iterator<Item = &'a str>>(
        &self,
        typed: &[Spanned<String>],
        what: &str,
        all: impl Fn() -> I,
    ) -> Result<Vec<Arc<str>>> {
        let known = |name: &Spanned<String>| {
            if all().any(|known| known == name.value) {
                return Ok(Arc::from(name.value.as_str()));
            }
            let message = format!("there is no {what} `{}`", name.value);
            let names: Vec<&str> = all().take(8).collect();
            Err(self.fault(name, message, format!("known here: {}", names.join(", "))))
        };
        typed.iter().map(known).collect()
    }

    fn every(&self, typed: &Spanned<String>) -> Result<SignedDuration> {
        let parsed = SignedDuration::from_str(&typed.value).ok();
        parsed.filter(|every| every.as_secs() >= 1).ok_or_else(|| {
            let message = format!("`{}` is not how often a budget begins anew", typed.value);
            self.fault(
                typed,
                message,
                "a duration of a second or more: `1h`, `24h`",
            )
        })
    }

    fn allowed(&self, typed: &file::Budget) -> Result<Vec<(Meter, u64)>> {
        let plain = [
            (Meter::Calls, typed.calls),
            (Meter::Records, typed.records),
            (Meter::Subjects, typed.subjects),
            (Meter::Bytes, typed.bytes),
            (Meter::Tokens, typed.tokens),
        ];
        let mut allowed: Vec<(Meter, u64)> = plain
            .into_iter()
            .filter_map(|(meter, allowed)| Some((meter, allowed?)))
            .collect();
        if let Some(cost) = &typed.cost {
            allowed.push((Meter::Cost, self.money(cost)?));
        }
        for (name, most) in &typed.fields {
            let class = DataClass::named(name).ok_or_else(|| {
                let message = format!("there is no data class `{name}`");
                let help = "`tidegate classify --list-classes` shows them: `pii`, `pii.email`";
                self.fault(&typed.id, message, help)
            })?;
            allowed.push((Meter::Fields(class), *most));
        }
        if allowed.is_empty() {
            let message = format!("budget `{}` counts nothing", typed.id.value);
            let help = "give at least one of `calls`, `records`, `subjects`, `bytes`, `tokens`, \
                        `cost`, `fields`";
            return Err(self.fault(&typed.id, message, help));
        }
        let is_too_many =
            |(meter, most): &&(Meter, u64)| meter.is_distinct() && *most > DISTINCT_MAX;
        if let Some((meter, _)) = allowed.iter().find(is_too_many) {
            let message = format!("a budget has at most {DISTINCT_MAX} {}", meter.name());
            let help =
                "each one that was seen is remembered; narrow the budget by agent or service";
            return Err(self.fault(&typed.id, message, help));
        }
        Ok(allowed)
    }

    pub(super) fn records(&self, typed: &file::Records) -> Result<Records> {
        Ok(Records {
            array: self.path(&typed.array)?,
            id: self.path(&typed.id)?,
            subject: typed
                .subject
                .as_ref()
                .map(|path| self.path(path))
                .transpose()?,
        })
    }
}

/// Whether a name is plain: letters, digits, `-`, `_` and `.`, up to 64.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Whether one is for reads, the other for writes of the same, and writes are allowed more.
fn is_inverted(one: &Budget, other: &Budget) -> bool {
    let same = (&one.agents, &one.services, one.per, one.every)
        == (&other.agents, &other.services, other.per, other.every);
    let reads = |budget: &Budget| budget.effects == [Effect::Read];
    let writes =
        |budget: &Budget| !budget.effects.is_empty() && !budget.effects.contains(&Effect::Read);
    let pairs = [(one, other), (other, one)];
    let Some((read, write)) = pairs.into_iter().find(|(a, b)| reads(a) && writes(b)) else {
        return false;
    };
    let calls = |budget: &Budget| {
        let mut calls = budget
            .allowed
            .iter()
            .filter(|(meter, _)| *meter == Meter::Calls);
        calls.next().map(|(_, most)| *most)
    };
    same && calls(write)
        .zip(calls(read))
        .is_some_and(|(write, read)| write > read)
}

fn effect_of(typed: file::Effect) -> Effect {
    match typed {
        file::Effect::Read => Effect::Read,
        file::Effect::Write => Effect::Write,
        file::Effect::Delete => Effect::Delete,
    }
}
