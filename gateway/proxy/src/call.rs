//! Operations that the body of a request names: what each does, and which of its arguments bind.

use std::{collections::BTreeMap, sync::Arc};

use policy::Effect;
use serde_json::{Map, Value};

use crate::{
    arguments::Arguments, governance::AnswerRules, message::Unclear, route::PARAMETER_BYTES_MAX,
    strict::member,
};

/// One operation that a body may name.
#[derive(Clone, Debug)]
pub struct Call {
    /// Unique within the service.
    pub id: Arc<str>,
    /// What it does.
    pub effect: Effect,
    /// The arguments that bind it to a resource: all must be there.
    pub bindings: Vec<Binding>,
    /// What is declared of its arguments.
    pub arguments: Arc<Arguments>,
    /// What its answers are held to.
    pub answers: Arc<AnswerRules>,
    /// The position of what the service's owner says of its bodies.
    pub described: Option<usize>,
}

/// A parameter of the scope that an argument binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The parameter: `customer`.
    pub parameter: String,
    /// The names that lead to the argument: `arguments`, `customer_id`.
    pub path: Vec<String>,
    /// What the service takes where it is not there; none: it must be.
    pub default: Option<String>,
    /// Whether a number may have a fraction: where it is compared as a number, not as a name.
    pub fraction: bool,
    /// Whether it is a truth: a text that reads as one may be something else to the service.
    pub truth: bool,
}

impl Binding {
    /// `parameter` bound by the argument at `path`: names parted by dots, or a JSON Pointer
    /// (RFC 6901); none if a name is empty.
    pub fn parse(parameter: &str, path: &str) -> Option<Self> {
        let path: Vec<String> = match path.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect(),
            None => path.split('.').map(str::to_owned).collect(),
        };
        let named = !parameter.is_empty() && path.iter().all(|name| !name.is_empty());
        named.then(|| Self {
            parameter: parameter.to_owned(),
            path,
            default: None,
            fraction: false,
            truth: false,
        })
    }
}

/// A token of a JSON Pointer as the name that it stands for.
fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

impl Call {
    /// One that binds nothing and answers freely.
    pub fn new(id: &str, effect: Effect) -> Self {
        Self {
            id: id.into(),
            effect,
            bindings: Vec::new(),
            arguments: Arc::default(),
            answers: Arc::default(),
            described: None,
        }
    }

    /// What `arguments` bind.
    pub(crate) fn bind(
        &self,
        arguments: Option<&Map<String, Value>>,
    ) -> Result<BTreeMap<String, String>, Unclear> {
        bind(&self.bindings, arguments)
    }
}

/// What `arguments` bind by these bindings.
pub(crate) fn bind(
    bindings: &[Binding],
    arguments: Option<&Map<String, Value>>,
) -> Result<BTreeMap<String, String>, Unclear> {
    let bound = bindings.iter().map(|binding| {
        let value = match (find(arguments, &binding.path)?, &binding.default) {
            (Some(Value::Number(number)), _) if binding.fraction => number.to_string(),
            (Some(value), _) if binding.truth && !value.is_boolean() => {
                return Err(Unclear::Ambiguous);
            }
            (Some(value), _) => text(value)?,
            (None, Some(default)) => default.clone(),
            (None, None) => return Err(Unclear::ParameterMissing),
        };
        Ok((binding.parameter.clone(), value))
    });
    bound.collect()
}

/// The value that `path` leads to.
fn find<'v>(
    mut object: Option<&'v Map<String, Value>>,
    path: &[String],
) -> Result<Option<&'v Value>, Unclear> {
    let mut found = None;
    let mut steps = path.iter().peekable();
    while let Some(name) = steps.next() {
        let Some(inside) = object else {
            return Ok(None);
        };
        found = member(inside, name)?;
        object = found.and_then(Value::as_object);
        // What should be within it may be somewhere else to the service.
        if steps.peek().is_some() && found.is_some() && object.is_none() {
            return Err(Unclear::Ambiguous);
        }
    }
    Ok(found)
}

/// A value that names one resource, as text. Lists and objects may name many, `null` may mean all,
/// and a number with a fraction is written in many ways.
pub(crate) fn text(value: &Value) -> Result<String, Unclear> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => return Err(Unclear::ParameterMissing),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => return Err(Unclear::Ambiguous),
    };
    if text.len() > PARAMETER_BYTES_MAX {
        return Err(Unclear::ParameterTooLong);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(arguments: &Value, expected: Result<&str, Unclear>) {
        let call = Call {
            bindings: Binding::parse("customer", "arguments.customer.id")
                .into_iter()
                .collect(),
            ..Call::new("x", Effect::Read)
        };
        let bound = call.bind(arguments.as_object());
        let bound = bound.map(|mut bound| bound.remove("customer").unwrap_or_default());
        assert_eq!(bound, expected.map(str::to_owned), "{arguments}");
    }

    #[test]
    fn a_truth_is_no_text_and_a_default_is_of_what_is_not_there() {
        let bound = |arguments: Value, truth| {
            let binding = Binding {
                default: Some("false".to_owned()),
                truth,
                ..Binding::parse("live", "order.live").expect("a path")
            };
            let bound = bind(&[binding], arguments.as_object());
            bound.map(|mut bound| bound.remove("live").unwrap_or_default())
        };
        let live = |value: Value| json!({ "order": { "live": value } });
        assert_eq!(bound(live(true.into()), true), Ok("true".to_owned()));
        for odd in [json!("true"), json!("false"), json!(1), json!(null)] {
            assert_eq!(
                bound(live(odd.clone()), true),
                Err(Unclear::Ambiguous),
                "{odd}"
            );
        }
        assert_eq!(bound(live("true".into()), false), Ok("true".to_owned()));
        for gone in [json!({}), json!({ "order": {} })] {
            assert_eq!(bound(gone, true), Ok("false".to_owned()));
        }
        for odd in [json!("live=true"), json!([{ "live": true }])] {
            let odd = json!({ "order": odd });
            assert_eq!(bound(odd, true), Err(Unclear::Ambiguous));
        }
    }

    #[test]
    fn an_argument_binds_if_it_names_one_resource() {
        let at = |id: Value| json!({ "arguments": { "customer": { "id": id, "x": 1 } } });
        check(&at("C-771".into()), Ok("C-771"));
        check(&at(771.into()), Ok("771"));
        check(&at((-7).into()), Ok("-7"));
        check(&at(true.into()), Ok("true"));
        check(&at(Value::Null), Err(Unclear::ParameterMissing));
        check(&at(771.0.into()), Err(Unclear::Ambiguous));
        check(&at(json!(["C-771"])), Err(Unclear::Ambiguous));
        check(&at(json!({ "eq": "C-771" })), Err(Unclear::Ambiguous));
        check(&at("C".repeat(300).into()), Err(Unclear::ParameterTooLong));
        check(&json!({}), Err(Unclear::ParameterMissing));
        check(&json!({ "arguments": "C-771" }), Err(Unclear::Ambiguous));
        for twin in ["Customer", "CUSTOMER"] {
            let both =
                json!({ "arguments": { "customer": { "id": "C-771" }, twin: { "id": "C-332" } } });
            check(&both, Err(Unclear::Ambiguous));
        }
        for odd in [json!("C-771"), json!(["C-771"]), json!(7), json!(null)] {
            check(
                &json!({ "arguments": { "customer": odd } }),
                Err(Unclear::Ambiguous),
            );
        }
        let inner = json!({ "arguments": { "customer": { "id": "C-771", "ID": "C-332" } } });
        check(&inner, Err(Unclear::Ambiguous));
    }
}
