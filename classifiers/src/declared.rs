//! What an API's owner says of its members: `x-data-class` in an OpenAPI document.
//!
//! A schema with `x-data-class: pii.email` says what its values are, whatever their name and look;
//! `x-data-class: none` says that they are nothing, but for secrets that their vendor's form gives
//! away: who wrote the schema did not mean the key that somebody pasted into the field. The schemas of
//! all bodies (OpenAPI 3.0 and 3.1) become one graph of places, in which `$ref` leads back to what it names, so that schemas may
//! be recursive. Arrays are passed through: what is said of an element is said of the array, as names
//! are read. Walking the graph takes a member name per step and no allocation.

mod schema;

use std::collections::HashSet;

use serde_json::Value;
use thiserror::Error;

use crate::DataClass;

/// Places that a document may describe.
pub const PLACES_MAX: usize = 65_535;
/// How deep schemas may stand in each other without a name between: `allOf` in `allOf`.
pub const DEPTH_MAX: usize = 64;
/// Schemas that are read, each as often as it is part of another: `allOf` of two that have `allOf` of
/// two is four.
pub const SCHEMAS_MAX: usize = 1_000_000;

/// What all operations of an OpenAPI document declare.
#[derive(Debug, Default)]
pub struct Declared {
    places: Vec<Node>,
    operations: Vec<Operation>,
}

/// A place in a body: its outermost value, a member, and the elements of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(u16);

/// What is declared of the values at a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Says {
    /// Nothing: names and looks decide.
    #[default]
    Nothing,
    /// They are of this class.
    Class(DataClass),
    /// They are of none.
    Harmless,
}

/// What a document says of one operation.
#[derive(Debug)]
pub struct Operation {
    /// The method, in lower case.
    pub method: String,
    /// The path template: `/patients/{id}`.
    pub path: String,
    /// `operationId`.
    pub id: Option<String>,
    /// What its requests are parameterised by, in the document's order.
    pub parameters: Vec<Parameter>,
    /// The outermost value of its requests.
    pub request: Option<Place>,
    /// By status code, range such as `2XX`, or `default`, the outermost value of the response.
    pub responses: Vec<(String, Place)>,
}

/// A parameter of an operation (OpenAPI 3.1, 4.8.12), or a member of its body that binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// `path`, `query`, `header`, `cookie`; `body` for a member of the body.
    pub place: String,
    /// Whether every request has it.
    pub required: bool,
    /// `x-bind`: what it binds, in the words of a task's scope.
    pub binds: Option<String>,
}

impl Operation {
    /// The outermost value of the response with this status. A status goes before its range.
    pub fn response(&self, status: u16) -> Option<Place> {
        self.responses
            .iter()
            .filter_map(|(named, place)| Some((vagueness(named, status)?, *place)))
            .min()
            .map(|(_, place)| place)
    }
}

/// Why a document cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Undeclarable {
    /// The class is none of the taxonomy, nor `none`.
    #[error("`{pointer}` names the unknown data class `{class}`")]
    Class {
        /// Where it stands, RFC 6901.
        pointer: String,
        /// What it names.
        class: String,
    },
    /// A `$ref` leads out of the document, or nowhere.
    #[error("`{pointer}` refers to `{target}`, which is not in this document")]
    Reference {
        /// Where it stands, RFC 6901.
        pointer: String,
        /// Where it leads.
        target: String,
    },
    /// Schemas stand too deep in each other.
    #[error("the schema at `{pointer}` stands in more than {DEPTH_MAX} others")]
    Depth {
        /// Where it stands, RFC 6901.
        pointer: String,
    },
    /// A parameter has no name or no place.
    #[error("the parameter at `{pointer}` has no `name` or no `in`")]
    Parameter {
        /// Where it stands, RFC 6901.
        pointer: String,
    },
    /// Schemas are parts of each other too often.
    #[error("the document's schemas are read more than {SCHEMAS_MAX} times")]
    Schemas,
    /// There are more places than can be numbered.
    #[error("the document describes more than {PLACES_MAX} places")]
    Places,
}

#[derive(Debug, Default)]
struct Node {
    says: Says,
    members: Vec<(Box<str>, Place)>,
    /// Members of any other name.
    others: Option<Place>,
}

impl Declared {
    /// Reads the operations of an OpenAPI 3 document.
    pub fn load(document: &Value) -> Result<Self, Undeclarable> {
        schema::load(document)
    }

    /// Every operation.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Which of [`Declared::operations`] a request with this method and path, without query, asks for.
    /// A path without variables goes before one with (OpenAPI 3.1, 4.8.8.2).
    pub fn position(&self, method: &str, path: &str) -> Option<usize> {
        self.operations
            .iter()
            .enumerate()
            .filter(|(_, operation)| operation.method.eq_ignore_ascii_case(method))
            .filter_map(|(position, operation)| Some((variables(&operation.path, path)?, position)))
            .min()
            .map(|(_, position)| position)
    }

    /// The place of a member.
    pub fn member(&self, place: Place, name: &[u8]) -> Option<Place> {
        let node = self.node(place)?;
        node.members
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map(|(_, place)| *place)
            .or(node.others)
    }

    /// What is declared of the values at this place.
    pub fn says(&self, place: Place) -> Says {
        self.node(place).map_or(Says::Nothing, |node| node.says)
    }

    /// What is declared below a place, by JSON pointer with `*` for members of any name. Where a
    /// schema holds itself, one turn is told.
    pub fn patterns(&self, place: Place) -> Vec<(String, Says)> {
        let mut patterns = Vec::new();
        self.pattern(place, String::new(), &mut HashSet::new(), &mut patterns);
        patterns
    }

    fn pattern(
        &self,
        place: Place,
        pointer: String,
        above: &mut HashSet<Place>,
        patterns: &mut Vec<(String, Says)>,
    ) {
        let Some(node) = self.node(place).filter(|_| above.insert(place)) else {
            return;
        };
        for (name, below) in &node.members {
            let name = name.replace('~', "~0").replace('/', "~1");
            self.pattern(*below, format!("{pointer}/{name}"), above, patterns);
        }
        if let Some(below) = &node.others {
            self.pattern(*below, format!("{pointer}/*"), above, patterns);
        }
        if node.says != Says::Nothing {
            patterns.push((pointer, node.says));
        }
        above.remove(&place);
    }

    fn node(&self, place: Place) -> Option<&Node> {
        self.places.get(usize::from(place.0))
    }
}

/// How many variables of a template this path fills; none if it is not of that form.
fn variables(template: &str, path: &str) -> Option<usize> {
    let mut given = path.trim_matches('/').split('/');
    let mut variables = 0;
    for segment in template.trim_matches('/').split('/') {
        let given = given.next()?;
        if segment.contains('{') {
            variables += 1;
        } else if segment != given {
            return None;
        }
    }
    given.next().is_none().then_some(variables)
}

/// How vaguely a response's status names this one: itself, its range, or any.
fn vagueness(named: &str, status: u16) -> Option<u8> {
    let status = status.to_string();
    let range = named
        .strip_suffix("XX")
        .or_else(|| named.strip_suffix("xx"));
    match range {
        None if named == status => Some(0),
        Some(first) if !first.is_empty() && status.starts_with(first) => Some(1),
        None if named == "default" => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
