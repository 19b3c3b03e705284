//! The text of a query, read with Apollo's parser: which fields it asks for, fragments put in, and
//! with what arguments, variables put in.

use std::collections::{HashMap, HashSet};

use apollo_parser::{
    Parser,
    cst::{self, CstNode as _, Definition, Selection},
};
use serde_json::{Map, Value};

use super::Envelope;
use crate::{message::Unclear, strict::member};

/// The most tokens of a query.
const TOKENS_MAX: usize = 20_000;
/// How deep selections and values may stand in each other.
const DEPTH_MAX: usize = 64;
/// How deep fields may stand in each other once fragments are put in: each may go as deep as a query.
const NESTED_MAX: usize = 2 * DEPTH_MAX;
/// The most fields of a query once fragments are put in: they may double with each.
const FIELDS_MAX: usize = 4_096;
/// The most memory that names and values take once variables and fragments are put in, in bytes: one that is long may stand
/// in many places. It is twice what the longest message takes that has each once.
const PUT_IN_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Mutation,
    Subscription,
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) kind: Kind,
    /// The root fields.
    pub(super) fields: Vec<Field>,
}

/// A field that is asked for.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// What it is called in the answer, if that is another name.
    pub(super) alias: Option<String>,
    pub(super) arguments: Map<String, Value>,
    pub(super) fields: Vec<Field>,
}

impl Field {
    /// Whether it or a field below it has another name in the answer.
    pub(super) fn has_alias(&self) -> bool {
        self.alias.is_some() || self.fields.iter().any(Self::has_alias)
    }
}

/// Reads what a request asks for.
pub(super) fn read(envelope: &Envelope<'_>) -> Result<Asked, Unclear> {
    let tree = Parser::new(envelope.query)
        .token_limit(TOKENS_MAX)
        .recursion_limit(DEPTH_MAX)
        .parse();
    if tree.errors().next().is_some() {
        return Err(Unclear::NotAMessage);
    }
    let mut operations = Vec::new();
    let mut fragments = HashMap::new();
    for definition in tree.document().definitions() {
        match definition {
            Definition::OperationDefinition(operation) => operations.push(operation),
            Definition::FragmentDefinition(fragment) => {
                let name = fragment.fragment_name().and_then(|name| name.name());
                let name = text(name)?;
                if fragments.insert(name, fragment).is_some() {
                    return Err(Unclear::Ambiguous);
                }
            }
            // Definitions of types are no part of a request.
            _ => return Err(Unclear::NotAMessage),
        }
    }
    let operation = chosen(operations, envelope.operation)?;
    let mut reader = Reader {
        values: Values::of(variables(&operation, envelope.variables)?),
        fragments,
        within: HashSet::new(),
        nested: 0,
        fields: 0,
    };
    let kind = match operation.operation_type() {
        Some(kind) if kind.mutation_token().is_some() => Kind::Mutation,
        Some(kind) if kind.subscription_token().is_some() => Kind::Subscription,
        None | Some(_) => Kind::Query,
    };
    let mut fields = Vec::new();
    reader.selections(operation.selection_set(), &mut fields)?;
    Ok(Asked { kind, fields })
}

/// The operation that is run (section 6.1, `GetOperation`).
fn chosen(
    operations: Vec<cst::OperationDefinition>,
    name: Option<&str>,
) -> Result<cst::OperationDefinition, Unclear> {
    let several = operations.len() > 1;
    let mut found = None;
    for operation in operations {
        let own = operation.name().map(|name| name.text().to_string());
        // Of several, each has a name of its own.
        if several && own.is_none() {
            return Err(Unclear::Ambiguous);
        }
        let is_meant = match (name, &own) {
            (None, _) => !several,
            (Some(name), own) => own.as_deref() == Some(name),
        };
        if is_meant && found.replace(operation).is_some() {
            return Err(Unclear::Ambiguous);
        }
    }
    found.ok_or(Unclear::Ambiguous)
}

/// The values of variables: as given, else as their definition has them.
fn variables(
    operation: &cst::OperationDefinition,
    given: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>, Unclear> {
    let mut values = Map::new();
    let definitions = operation.variable_definitions();
    for definition in definitions
        .iter()
        .flat_map(cst::VariableDefinitions::variable_definitions)
    {
        let name = text(definition.variable().and_then(|variable| variable.name()))?;
        let given = given
            .map(|given| member(given, &name))
            .transpose()?
            .flatten();
        let default = definition
            .default_value()
            .and_then(|default| default.value());
        let value = match (given, default) {
            (Some(given), _) => given.clone(),
            (None, Some(default)) => match Values::of(Map::new()).value(&default, DEPTH_MAX)? {
                Some(value) => value,
                None => return Err(Unclear::NotAMessage),
            },
            (None, None) => continue,
        };
        if values.insert(name, value).is_some() {
            return Err(Unclear::Ambiguous);
        }
    }
    Ok(values)
}

struct Reader {
    values: Values,
    fragments: HashMap<String, cst::FragmentDefinition>,
    /// The fragments that are being put in: one in itself never ends.
    within: HashSet<String>,
    /// How deep the fields stand that are being read.
    nested: usize,
    fields: usize,
}

impl Reader {
    fn selections(
        &mut self,
        set: Option<cst::SelectionSet>,
        into: &mut Vec<Field>,
    ) -> Result<(), Unclear> {
        self.nested += 1;
        if self.nested > NESTED_MAX {
            return Err(Unclear::NotAMessage);
        }
        for selection in set.iter().flat_map(cst::SelectionSet::selections) {
            self.fields += 1;
            if self.fields > FIELDS_MAX {
                return Err(Unclear::NotAMessage);
            }
            match selection {
                Selection::Field(field) => into.push(self.field(&field)?),
                // Whatever its condition is: what may be answered is decided on.
                Selection::InlineFragment(inline) => {
                    self.selections(inline.selection_set(), into)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = text(spread.fragment_name().and_then(|name| name.name()))?;
                    let fragment = self.fragments.get(&name).ok_or(Unclear::NotAMessage)?;
                    let set = fragment.selection_set();
                    if !self.within.insert(name.clone()) || self.within.len() > DEPTH_MAX {
                        return Err(Unclear::NotAMessage);
                    }
                    self.selections(set, into)?;
                    self.within.remove(&name);
                }
            }
        }
        self.nested -= 1;
        Ok(())
    }

    fn field(&mut self, field: &cst::Field) -> Result<Field, Unclear> {
        let name = text(field.name())?;
        let alias = field.alias().and_then(|alias| alias.name());
        let alias = alias.map(|alias| alias.text().to_string());
        self.values
            .hold(name.len() + alias.as_ref().map_or(0, String::len))?;
        let mut arguments = Map::new();
        for argument in field.arguments().iter().flat_map(cst::Arguments::arguments) {
            let argued = argument.value().ok_or(Unclear::NotAMessage)?;
            // A variable that has no value leaves its argument out.
            let Some(argued) = self.values.value(&argued, DEPTH_MAX)? else {
                continue;
            };
            if arguments.insert(text(argument.name())?, argued).is_some() {
                return Err(Unclear::Ambiguous);
            }
        }
        let mut fields = Vec::new();
        self.selections(field.selection_set(), &mut fields)?;
        Ok(Field {
            alias: alias.filter(|alias| *alias != name),
            name,
            arguments,
            fields,
        })
    }
}

fn text(name: Option<cst::Name>) -> Result<String, Unclear> {
    let name = name.ok_or(Unclear::NotAMessage)?;
    Ok(name.text().to_string())
}

/// A scalar as it is written.
fn first_token(value: &cst::Value) -> Result<String, Unclear> {
    let token = value.syntax().first_token().ok_or(Unclear::NotAMessage)?;
    Ok(token.text().to_owned())
}

/// Values, as far as there is room for them.
struct Values {
    variables: Map<String, Value>,
    /// How many bytes more they may take.
    left: usize,
}

impl Values {
    fn of(variables: Map<String, Value>) -> Self {
        Self {
            variables,
            left: PUT_IN_BYTES_MAX,
        }
    }

    /// Makes room for so many bytes.
    fn hold(&mut self, bytes: usize) -> Result<(), Unclear> {
        self.left = self.left.checked_sub(bytes).ok_or(Unclear::NotAMessage)?;
        Ok(())
    }

    /// A value with variables put in; none if it is a variable without one.
    fn value(&mut self, given: &cst::Value, depth: usize) -> Result<Option<Value>, Unclear> {
        let depth = depth.checked_sub(1).ok_or(Unclear::NotAMessage)?;
        let read = match given {
            cst::Value::Variable(variable) => {
                let value = self.variables.get(&text(variable.name())?).cloned();
                self.hold(value.as_ref().map_or(0, held))?;
                return Ok(value);
            }
            cst::Value::ListValue(list) => {
                let mut values = Vec::new();
                for element in list.values() {
                    values.push(self.value(&element, depth)?.unwrap_or(Value::Null));
                }
                values.into()
            }
            cst::Value::ObjectValue(object) => {
                let mut members = Map::new();
                for member in object.object_fields() {
                    let name = text(member.name())?;
                    let inner = member.value().ok_or(Unclear::NotAMessage)?;
                    let Some(inner) = self.value(&inner, depth)? else {
                        continue;
                    };
                    self.hold(name.len())?;
                    if members.insert(name, inner).is_some() {
                        return Err(Unclear::Ambiguous);
                    }
                }
                members.into()
            }
            scalar => {
                let read = read_scalar(scalar)?;
                self.hold(held(&read))?;
                return Ok(Some(read));
            }
        };
        self.hold(size_of::<Value>())?;
        Ok(Some(read))
    }
}

/// About how many bytes a value takes.
fn held(value: &Value) -> usize {
    let inner = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(held).sum(),
        Value::Object(members) => members.iter().map(|(name, it)| name.len() + held(it)).sum(),
    };
    size_of::<Value>() + inner
}

/// A value that has no others in it.
fn read_scalar(given: &cst::Value) -> Result<Value, Unclear> {
    let read = match given {
        cst::Value::StringValue(string) => {
            let written = first_token(given)?;
            if written.starts_with("\"\"\"") {
                String::from(string).into()
            } else {
                // Its escapes are JSON's (section 2.9.4), and the parser's own reading of them panics
                // at half a surrogate pair.
                serde_json::from_str(&written).map_err(|_| Unclear::Ambiguous)?
            }
        }
        cst::Value::EnumValue(word) => text(word.name())?.into(),
        cst::Value::BooleanValue(truth) => truth.true_token().is_some().into(),
        cst::Value::IntValue(_) | cst::Value::FloatValue(_) => {
            // GraphQL's numbers are JSON's (section 2.9.1 and 2.9.2).
            serde_json::from_str(&first_token(given)?).map_err(|_| Unclear::Ambiguous)?
        }
        cst::Value::NullValue(_) => Value::Null,
        // They have others in them.
        cst::Value::Variable(_) | cst::Value::ListValue(_) | cst::Value::ObjectValue(_) => {
            return Err(Unclear::NotAMessage);
        }
    };
    Ok(read)
}
