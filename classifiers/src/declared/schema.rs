//! From schemas to places: properties, items, composition and references.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    DEPTH_MAX, Declared, Node, Operation, PLACES_MAX, Parameter, Place, SCHEMAS_MAX, Says,
    Undeclarable,
};
use crate::DataClass;

/// The extension's name.
const CLASS: &str = "x-data-class";
/// Says what a parameter or a member of a body binds.
const BIND: &str = "x-bind";
/// The fixed fields of a path item that are operations (OpenAPI 3.1, 4.8.9.1).
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

pub(super) fn load(document: &Value) -> Result<Declared, Undeclarable> {
    let mut loader = Loader {
        document,
        declared: Declared::default(),
        known: HashMap::new(),
        read: 0,
    };
    for (path, item) in members(document, "paths") {
        let pointer = format!("/paths/{}", escaped(path));
        let (item, pointer) = loader.resolved(item, pointer)?;
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                let pointer = format!("{pointer}/{method}");
                loader.operation(method, path, (item, operation), &pointer)?;
            }
        }
    }
    Ok(loader.declared)
}

struct Loader<'a> {
    document: &'a Value,
    declared: Declared,
    /// The places of schemas that are referred to, by where they stand.
    known: HashMap<String, Place>,
    /// Schemas read so far, each as often as it is read.
    read: usize,
}

impl<'a> Loader<'a> {
    fn operation(
        &mut self,
        method: &str,
        path: &str,
        (item, operation): (&'a Value, &'a Value),
        pointer: &str,
    ) -> Result<(), Undeclarable> {
        let parameters = self.parameters(item, operation, pointer)?;
        let request = match operation.get("requestBody") {
            Some(body) => self.body(body, format!("{pointer}/requestBody"))?,
            None => None,
        };
        let mut responses = Vec::new();
        for (status, response) in members(operation, "responses") {
            let pointer = format!("{pointer}/responses/{}", escaped(status));
            if let Some(place) = self.body(response, pointer)? {
                responses.push((status.clone(), place));
            }
        }
        self.declared.operations.push(Operation {
            method: method.to_owned(),
            path: path.to_owned(),
            id: text(operation, "operationId"),
            parameters,
            request,
            responses,
        });
        Ok(())
    }

    /// The parameters of an operation: its own, then those of its path that it does not say otherwise of
    /// (OpenAPI 3.1, 4.8.10.1), then what binds in its body.
    fn parameters(
        &self,
        item: &'a Value,
        operation: &'a Value,
        pointer: &str,
    ) -> Result<Vec<Parameter>, Undeclarable> {
        let mut found: Vec<Parameter> = Vec::new();
        for of in [operation, item] {
            let parameters = of.get("parameters").and_then(Value::as_array);
            for (number, parameter) in parameters.into_iter().flatten().enumerate() {
                let pointer = format!("{pointer}/parameters/{number}");
                let (parameter, pointer) = self.resolved(parameter, pointer)?;
                let named = text(parameter, "name").zip(text(parameter, "in"));
                let (name, place) = named.ok_or(Undeclarable::Parameter { pointer })?;
                if !found.iter().any(|it| it.name == name && it.place == place) {
                    found.push(Parameter {
                        required: is_required(parameter),
                        binds: text(parameter, BIND),
                        name,
                        place,
                    });
                }
            }
        }
        if let Some(body) = operation.get("requestBody") {
            let (body, _) = self.resolved(body, pointer.to_owned())?;
            for (_, content) in members(body, "content") {
                self.binding(content.get("schema"), pointer, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Members of a body that say what they bind.
    fn binding(
        &self,
        schema: Option<&'a Value>,
        pointer: &str,
        found: &mut Vec<Parameter>,
    ) -> Result<(), Undeclarable> {
        let Some(schema) = schema else { return Ok(()) };
        let (schema, _) = self.resolved(schema, pointer.to_owned())?;
        let required = schema.get("required").and_then(Value::as_array);
        for (name, property) in members(schema, "properties") {
            let (property, _) = self.resolved(property, pointer.to_owned())?;
            let is_new = !found
                .iter()
                .any(|it| it.name == *name && it.place == "body");
            if let Some(binds) = text(property, BIND).filter(|_| is_new) {
                found.push(Parameter {
                    name: name.clone(),
                    place: "body".to_owned(),
                    required: required.is_some_and(|all| all.iter().any(|it| it == name)),
                    binds: Some(binds),
                });
            }
        }
        Ok(())
    }

    /// The outermost value of a body, if it has a schema.
    fn body(&mut self, body: &'a Value, pointer: String) -> Result<Option<Place>, Undeclarable> {
        let (body, pointer) = self.resolved(body, pointer)?;
        let mut place = None;
        for (media, content) in members(body, "content") {
            let pointer = format!("{pointer}/content/{}/schema", escaped(media));
            if let Some(schema) = content.get("schema") {
                // One body in several media types has one meaning.
                let place = match place {
                    Some(known) => known,
                    None => *place.insert(self.place()?),
                };
                self.fill(place, schema, &pointer, 0)?;
            }
        }
        Ok(place)
    }

    /// The place of a schema: that of its elements, and of what it refers to, if it says nothing else.
    fn schema(&mut self, schema: &'a Value, pointer: &str) -> Result<Place, Undeclarable> {
        let (mut schema, mut pointer) = (schema, pointer.to_owned());
        while let Some(items) = elements(schema) {
            schema = items;
            pointer.push_str("/items");
        }
        let reference = schema
            .get("$ref")
            .and_then(Value::as_str)
            .filter(|_| schema.get(CLASS).is_none());
        if let Some(known) = reference.and_then(|reference| self.known.get(reference)) {
            return Ok(*known);
        }
        let place = self.place()?;
        // What it holds may lead back to it.
        if let Some(reference) = reference {
            self.known.insert(reference.to_owned(), place);
        }
        self.fill(place, schema, &pointer, 0)?;
        Ok(place)
    }

    /// Adds what a schema says to a place.
    fn fill(
        &mut self,
        place: Place,
        schema: &'a Value,
        pointer: &str,
        depth: usize,
    ) -> Result<(), Undeclarable> {
        self.read += 1;
        if self.read > SCHEMAS_MAX {
            return Err(Undeclarable::Schemas);
        }
        if depth > DEPTH_MAX {
            let pointer = pointer.to_owned();
            return Err(Undeclarable::Depth { pointer });
        }
        if schema.get("$ref").is_some() {
            let (target, at) = self.resolved(schema, pointer.to_owned())?;
            self.fill(place, target, &at, depth + 1)?;
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let parts = schema.get(keyword).and_then(Value::as_array);
            for (number, part) in parts.into_iter().flatten().enumerate() {
                self.fill(
                    place,
                    part,
                    &format!("{pointer}/{keyword}/{number}"),
                    depth + 1,
                )?;
            }
        }
        for (name, property) in members(schema, "properties") {
            let below =
                self.schema(property, &format!("{pointer}/properties/{}", escaped(name)))?;
            self.name(place, name, below);
        }
        self.fill_rest(place, schema, pointer, depth)?;
        if let Some(class) = schema.get(CLASS) {
            let says = says(class, pointer)?;
            if let Some(node) = self.node(place) {
                node.says = says;
            }
        }
        Ok(())
    }

    /// The elements of an array, and members of any name.
    fn fill_rest(
        &mut self,
        place: Place,
        schema: &'a Value,
        pointer: &str,
        depth: usize,
    ) -> Result<(), Undeclarable> {
        if let Some(items) = elements(schema) {
            self.fill(place, items, &format!("{pointer}/items"), depth + 1)?;
        }
        let others = schema.get("additionalProperties");
        if let Some(others) = others.filter(|others| others.is_object()) {
            let below = self.schema(others, &format!("{pointer}/additionalProperties"))?;
            if let Some(node) = self.node(place) {
                node.others = Some(below);
            }
        }
        Ok(())
    }

    fn place(&mut self) -> Result<Place, Undeclarable> {
        let number = self.declared.places.len();
        if number >= PLACES_MAX {
            return Err(Undeclarable::Places);
        }
        self.declared.places.push(Node::default());
        u16::try_from(number)
            .map(Place)
            .map_err(|_| Undeclarable::Places)
    }

    fn node(&mut self, place: Place) -> Option<&mut Node> {
        self.declared.places.get_mut(usize::from(place.0))
    }

    /// A later schema of the same member says the last word, as in `allOf` that narrows one.
    fn name(&mut self, place: Place, name: &str, below: Place) {
        let Some(node) = self.node(place) else {
            return;
        };
        let members = &mut node.members;
        match members.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, known)) => *known = below,
            None => members.push((name.into(), below)),
        }
    }

    /// What a `$ref` leads to, and where that stands; the value itself if it is none.
    fn resolved(
        &self,
        value: &'a Value,
        pointer: String,
    ) -> Result<(&'a Value, String), Undeclarable> {
        let Some(target) = value.get("$ref").and_then(Value::as_str) else {
            return Ok((value, pointer));
        };
        let found = target
            .strip_prefix('#')
            .and_then(|at| Some((self.document.pointer(at)?, at.to_owned())));
        found.ok_or_else(|| Undeclarable::Reference {
            pointer,
            target: target.to_owned(),
        })
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn is_required(parameter: &Value) -> bool {
    parameter.get("required").and_then(Value::as_bool) == Some(true)
}

/// The schema of an array's elements, unless the array's own says what they are.
fn elements(schema: &Value) -> Option<&Value> {
    schema
        .get("items")
        .filter(|items| items.is_object() && schema.get(CLASS).is_none())
}

fn says(class: &Value, pointer: &str) -> Result<Says, Undeclarable> {
    let name = class.as_str().unwrap_or_default();
    if name == "none" {
        return Ok(Says::Harmless);
    }
    DataClass::named(name)
        .map(Says::Class)
        .ok_or_else(|| Undeclarable::Class {
            pointer: format!("{pointer}/{CLASS}"),
            class: class
                .as_str()
                .map_or_else(|| class.to_string(), str::to_owned),
        })
}

/// The members of an object under this name; none if there is none.
fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

/// A name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
