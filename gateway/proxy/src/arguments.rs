//! Arguments of an operation that rules may hold within bounds: a refund of at most 50 EUR, a message
//! only to +49.
//!
//! The bindings that exist for scope say where an argument stands and read it in the one reading that all
//! servers share. Here it gets its type. Of these only a text is a parameter of the scope still: what a call
//! costs is not whom it is about.

use std::{collections::BTreeMap, sync::Arc};

use policy::{Argument, ArgumentKind, Operation};
use regex::Regex;

use crate::{
    call::Call,
    route::{Service, Speaks},
};

/// Where the currency of an amount is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Currency {
    /// In the configuration: the service knows no other.
    Stated(String),
    /// In the request, by the parameter that binds it.
    Named(String),
}

/// What the configuration says of one argument.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The parameter that binds it, and its name in policies.
    pub name: String,
    /// Its type.
    pub kind: ArgumentKind,
    /// The only values that it may have; any if empty.
    pub one_of: Vec<String>,
    /// What the whole of it must match.
    pub pattern: Option<Regex>,
    /// The currency of an amount.
    pub currency: Option<Currency>,
}

/// What an argument is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument `{name}` is not what the operation takes: {wants}")]
pub struct IllTyped {
    /// The argument's name in the configuration.
    pub name: String,
    /// What it should be.
    pub wants: String,
}

/// What the configuration says of an operation's arguments.
#[derive(Clone, Debug, Default)]
pub struct Arguments(Vec<Declaration>);

impl Arguments {
    /// These.
    pub fn new(declared: Vec<Declaration>) -> Self {
        Self(declared)
    }

    /// Their names and types.
    pub fn kinds(&self) -> BTreeMap<String, ArgumentKind> {
        let each = self.0.iter();
        each.map(|it| (it.name.clone(), it.kind)).collect()
    }

    /// Gives what `operation` binds of them its types, or says which one has another.
    pub(crate) fn take(&self, operation: &mut Operation) -> Result<(), IllTyped> {
        if self.0.is_empty() {
            return Ok(());
        }
        let typed = self.typed(&operation.bound)?;
        // A text may still be whom it is about, and so may what names a currency.
        let is_number = |name: &str| {
            let mut declared = self.0.iter();
            declared.any(|it| it.name == name && it.kind != ArgumentKind::Text)
        };
        Arc::make_mut(&mut operation.bound).retain(|name, _| !is_number(name));
        operation.arguments = Arc::new(typed);
        Ok(())
    }

    fn typed(
        &self,
        bound: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, Argument>, IllTyped> {
        let each = self.0.iter().map(|declared| {
            let argument = declared.read(bound).ok_or_else(|| IllTyped {
                name: declared.name.clone(),
                wants: declared.wants(),
            })?;
            Ok((declared.name.clone(), argument))
        });
        each.collect()
    }
}

impl Service {
    /// What is declared of the arguments of each of its operations, by their ids.
    pub fn arguments(&self) -> Vec<(&Arc<str>, &Arc<Arguments>)> {
        let of = |call| -> (&Arc<str>, &Arc<Arguments>) {
            let call: &Call = call;
            (&call.id, &call.arguments)
        };
        match &self.speaks {
            Speaks::Paths(templates) => {
                templates.iter().map(|it| (&it.id, &it.arguments)).collect()
            }
            Speaks::Mcp(mcp) => mcp.calls().map(of).collect(),
            Speaks::GraphQl(graphql) => graphql.calls().map(of).collect(),
        }
    }
}

impl Declaration {
    /// The argument, if what binds it is of its type.
    fn read(&self, bound: &BTreeMap<String, String>) -> Option<Argument> {
        let text = bound.get(&self.name)?;
        match &self.currency {
            None => self.parse(text),
            Some(Currency::Stated(currency)) => Argument::money(text, currency),
            Some(Currency::Named(beside)) => Argument::money(text, bound.get(beside)?),
        }
    }

    /// The argument that `text` is, if it is of this type.
    pub fn parse(&self, text: &str) -> Option<Argument> {
        let listed = self.one_of.is_empty() || self.one_of.iter().any(|one| one == text);
        let whole = |found: regex::Match<'_>| found.start() == 0 && found.end() == text.len();
        let matches = |pattern: &Regex| pattern.find(text).is_some_and(whole);
        if !listed || !self.pattern.as_ref().is_none_or(matches) {
            return None;
        }
        Argument::parse(self.kind, text)
    }

    /// What it should be, in the operator's words.
    fn wants(&self) -> String {
        if !self.one_of.is_empty() {
            return format!("one of `{}`", self.one_of.join("`, `"));
        }
        match &self.pattern {
            Some(_) => "a text of the form that the operator declared".to_owned(),
            None => self.kind.wants().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use policy::{Country, Effect};
    use proptest::prelude::*;

    use super::*;

    fn declared(name: &str, kind: ArgumentKind) -> Declaration {
        Declaration {
            name: name.to_owned(),
            kind,
            one_of: Vec::new(),
            pattern: None,
            currency: None,
        }
    }

    fn operation(bound: &[(&str, &str)]) -> Operation {
        let bound = bound.iter();
        let bound = bound.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Operation {
            service: "stripe".into(),
            id: "refund.create".into(),
            effect: Effect::Write,
            bound: Arc::new(bound.collect()),
            arguments: Arc::default(),
            groups: Arc::default(),
            country: Country::UNKNOWN,
            training: policy::Training::Unknown,
        }
    }

    #[test]
    fn an_argument_gets_its_type_and_only_a_text_is_of_the_scope_still() {
        let amount = Declaration {
            currency: Some(Currency::Named("currency".to_owned())),
            ..declared("amount", ArgumentKind::Money)
        };
        let arguments = Arguments::new(vec![amount]);
        let mut asked = operation(&[("amount", "5000"), ("currency", "eur"), ("charge", "ch_1")]);
        arguments.take(&mut asked).expect("an amount");
        let minor = Argument::money("5000", "EUR").expect("money");
        assert_eq!(asked.arguments.get("amount"), Some(&minor));
        let left: Vec<&String> = asked.bound.keys().collect();
        assert_eq!(left, ["charge", "currency"]);
        let whom = Arguments::new(vec![declared("charge", ArgumentKind::Text)]);
        whom.take(&mut asked).expect("a text");
        assert_eq!(asked.bound.get("charge").map(String::as_str), Some("ch_1"));
        assert!(asked.arguments.contains_key("charge"));
        for odd in ["50.00", "5e3", "", "05000", "C-771"] {
            let mut asked = operation(&[("amount", odd), ("currency", "eur")]);
            let ill = arguments.take(&mut asked).expect_err("no amount");
            assert_eq!(ill.name, "amount");
            assert!(
                !odd.contains("C-") || !ill.to_string().contains(odd),
                "{ill}"
            );
        }
        // An amount of no currency is no amount.
        assert!(
            arguments
                .take(&mut operation(&[("amount", "5000")]))
                .is_err()
        );
    }

    #[test]
    fn lists_and_patterns_hold_the_whole_text() {
        let to = Declaration {
            pattern: Some(Regex::new(r"\+49[0-9]+").expect("a pattern")),
            ..declared("to", ArgumentKind::Text)
        };
        assert!(to.parse("+4930901820").is_some());
        for odd in ["+49", "x+4930", "+4930\n", "+4930;ext=1", "+1", ""] {
            assert!(to.parse(odd).is_none(), "{odd:?}");
        }
        let mode = Declaration {
            one_of: vec!["draft".to_owned(), "test".to_owned()],
            ..declared("mode", ArgumentKind::Text)
        };
        assert!(mode.parse("draft").is_some());
        assert!(mode.parse("Draft").is_none());
    }

    proptest! {
        /// Whatever is bound, what comes out is within what was declared, or nothing does.
        #[test]
        fn what_has_a_type_reads_as_it_was_bound(text in ".{0,40}") {
            for kind in [ArgumentKind::Integer, ArgumentKind::Decimal, ArgumentKind::Boolean] {
                let arguments = Arguments::new(vec![declared("it", kind)]);
                let mut asked = operation(&[("it", &text)]);
                if arguments.take(&mut asked).is_ok() {
                    let typed = asked.arguments.get("it").expect("it is there").clone();
                    let read: f64 = match typed {
                        Argument::Boolean(truth) => f64::from(u8::from(truth)),
                        other => other.to_string().parse().expect("a number"),
                    };
                    let bound = text.replace("true", "1").replace("false", "0");
                    prop_assert!((read - bound.parse::<f64>().expect("a number")).abs() < 1e-3);
                }
            }
        }
    }
}
