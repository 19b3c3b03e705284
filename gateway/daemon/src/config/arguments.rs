//! Arguments that rules may hold within bounds: their types, and that they stand somewhere.

use std::{collections::BTreeMap, sync::Arc};

use miette::Result;
use policy::{Argument, ArgumentKind, is_argument_name};
use proxy::{
    arguments::{Arguments, Currency, Declaration},
    call::Binding,
};
use regex::RegexBuilder;
use serde_saphyr::Spanned;

use super::{
    file::{self, ArgumentType},
    resolve::Resolver,
};

/// The most memory that a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// What is typed of arguments, by their names.
pub(super) type Typed = BTreeMap<String, file::Argument>;

impl Resolver<'_> {
    /// The arguments of an operation that binds these parameters.
    pub(super) fn arguments(&self, typed: &Typed, bound: &[&str]) -> Result<Arc<Arguments>> {
        let each = typed.iter();
        let each = each.map(|(name, argument)| self.argument(name, argument, bound));
        Ok(Arc::new(Arguments::new(each.collect::<Result<_>>()?)))
    }

    fn argument(&self, name: &str, typed: &file::Argument, bound: &[&str]) -> Result<Declaration> {
        let at = &typed.kind;
        if !is_argument_name(name) {
            let help = "letters, digits and `_`, and no word of Cedar: rules say \
                        `context.argument.page_size`";
            return Err(self.fault(at, format!("rules cannot name an argument `{name}`"), help));
        }
        if !bound.contains(&name) {
            let help =
                "say where it stands: in the path, or under `query`, `header`, `body` or `bind`";
            let message = format!("argument `{name}` stands nowhere in the request");
            return Err(self.fault(at, message, help));
        }
        let kind = kind(typed.kind.value);
        let is_text = kind == ArgumentKind::Text;
        if !is_text && (!typed.one_of.is_empty() || typed.pattern.is_some()) {
            let help = "bounds of numbers are for policies: `context.argument.limit <= 100`";
            return Err(self.fault(at, "`one_of` and `pattern` are for strings", help));
        }
        let declaration = Declaration {
            name: name.to_owned(),
            kind,
            one_of: typed.one_of.clone(),
            pattern: typed
                .pattern
                .as_ref()
                .map(|pattern| self.pattern(pattern))
                .transpose()?,
            currency: self.currency(kind, typed, bound)?,
        };
        if let Some(default) = &typed.default {
            let read = match &declaration.currency {
                None => declaration.parse(&default.value),
                Some(Currency::Stated(currency)) => Argument::money(&default.value, currency),
                // Of which currency is not known yet: what it is in does not matter here.
                Some(Currency::Named(_)) => Argument::money(&default.value, "EUR"),
            };
            if read.is_none() {
                let message = format!("`{}` is no value of `{name}`", default.value);
                return Err(self.fault(default, message, kind.wants()));
            }
        }
        Ok(declaration)
    }

    fn pattern(&self, typed: &Spanned<String>) -> Result<regex::Regex> {
        // Of several ways to match, only one may take the whole text.
        let whole = format!("^(?:{})$", typed.value);
        let built = RegexBuilder::new(&whole)
            .size_limit(PATTERN_BYTES_MAX)
            .build();
        built.map_err(|_| {
            let message = format!("`{}` is no pattern", typed.value);
            let help = r"a regular expression for the whole text: `\+49[0-9]{5,12}`";
            self.fault(typed, message, help)
        })
    }

    /// Where the currency of an amount is said: in exactly one place.
    fn currency(
        &self,
        kind: ArgumentKind,
        typed: &file::Argument,
        bound: &[&str],
    ) -> Result<Option<Currency>> {
        let is_money = kind == ArgumentKind::Money;
        match (&typed.currency, &typed.currency_in) {
            (None, None) if !is_money => Ok(None),
            (Some(code), None) if is_money => {
                if code.value.len() == 3 && code.value.bytes().all(|b| b.is_ascii_uppercase()) {
                    return Ok(Some(Currency::Stated(code.value.clone())));
                }
                let message = format!("`{}` is no currency", code.value);
                let help = "three upper-case letters of ISO 4217, such as EUR";
                Err(self.fault(code, message, help))
            }
            (None, Some(parameter)) if is_money => {
                if bound.contains(&parameter.value.as_str()) {
                    return Ok(Some(Currency::Named(parameter.value.clone())));
                }
                let message = format!("parameter `{}` stands nowhere", parameter.value);
                let help = "say where it stands, as of the amount itself";
                Err(self.fault(parameter, message, help))
            }
            _ => {
                let help = "an amount has `currency: EUR`, or `currency_in` with the parameter that \
                            names it; nothing else has a currency";
                Err(self.fault(&typed.kind, "the currency is not said in one place", help))
            }
        }
    }

    /// A parameter that the member or field at `path` binds, as it is declared.
    pub(super) fn binding(
        &self,
        parameter: &str,
        path: &Spanned<String>,
        declared: &Typed,
    ) -> Result<Binding> {
        let parsed = Binding::parse(parameter, &path.value).ok_or_else(|| {
            let message = format!("`{}` leads to no argument or member", path.value);
            let help = "names parted by dots, or a JSON Pointer: `order.customer_id`, \
                        `arguments.customer_id`, `/order/customer_id`";
            self.fault(path, message, help)
        })?;
        let declared = declared.get(parameter);
        Ok(Binding {
            default: declared.and_then(default),
            fraction: declared.is_some_and(|it| it.kind.value == ArgumentType::Decimal),
            truth: declared.is_some_and(|it| it.kind.value == ArgumentType::Boolean),
            ..parsed
        })
    }

    /// That an argument's name has one type: rules know them by their names.
    pub(super) fn check_argument_types(&self, services: &[file::Service]) -> Result<()> {
        let mut known: BTreeMap<&str, ArgumentType> = BTreeMap::new();
        for (name, argument) in services.iter().flat_map(typed_of).flatten() {
            let is = argument.kind.value;
            if *known.entry(name.as_str()).or_insert(is) != is {
                let message = format!("argument `{name}` is of another type elsewhere");
                let help = "rules know it by its name: give one of the two another";
                return Err(self.fault(&argument.kind, message, help));
            }
        }
        Ok(())
    }
}

/// What is typed of the arguments of each operation of a service.
fn typed_of(service: &file::Service) -> impl Iterator<Item = &Typed> {
    let paths = service.operations.iter().map(|it| &it.arguments);
    let mcp = service.mcp.iter().flat_map(|mcp| &mcp.tools);
    let graphql = service.graphql.iter();
    let roots = graphql.flat_map(|it| [&it.queries, &it.mutations, &it.subscriptions]);
    let roots = roots.flatten().map(|root| &root.arguments);
    paths.chain(mcp.map(|tool| &tool.arguments)).chain(roots)
}

/// What the service takes for an argument that is not there.
pub(super) fn default(typed: &file::Argument) -> Option<String> {
    typed.default.as_ref().map(|default| default.value.clone())
}

fn kind(typed: ArgumentType) -> ArgumentKind {
    match typed {
        ArgumentType::Integer => ArgumentKind::Integer,
        ArgumentType::Decimal => ArgumentKind::Decimal,
        ArgumentType::String => ArgumentKind::Text,
        ArgumentType::Boolean => ArgumentKind::Boolean,
        ArgumentType::Money => ArgumentKind::Money,
    }
}
