//! The operations of an API as its description has them: OpenAPI, Google's discovery documents, or botocore's models
//! of services.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// What OpenAPI calls methods.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What is described.
#[derive(Default)]
pub(super) struct Described {
    by_id: BTreeMap<String, Known>,
    /// Methods, and paths without the names of parameters; and what they are called, where that is said.
    calls: BTreeMap<(String, String), String>,
}

/// One operation.
#[derive(Default)]
pub(super) struct Known {
    pub(super) method: String,
    pub(super) path: String,
    /// The members of its body, where they are described.
    pub(super) members: BTreeSet<String>,
}

impl Known {
    /// Whether it is this call, whatever its parameters are called.
    pub(super) fn is_at(&self, method: &str, path: &str) -> bool {
        self.method == method && shape(&self.path) == shape(path)
    }
}

impl Described {
    /// Reads a description, whose paths stand behind `base`.
    pub(super) fn read(file: &Path, base: &str) -> Result<Self> {
        let shown = || file.display().to_string();
        Self::of(&document(file).with_context(shown)?, base).with_context(shown)
    }

    /// What a document describes.
    pub(super) fn of(document: &Value, base: &str) -> Result<Self> {
        let mut described = Self::default();
        if let Some(paths) = document.get("paths").and_then(Value::as_object) {
            described.openapi(document, paths, base);
        } else if document.get("discoveryVersion").is_some() {
            described.discovery(document, base);
        } else if let Some(operations) = document.get("operations").and_then(Value::as_object) {
            described.botocore(operations, base);
        } else {
            bail!("it is none of OpenAPI, Google's discovery and botocore");
        }
        ensure!(!described.calls.is_empty(), "it describes nothing");
        Ok(described)
    }

    /// The operation of this name.
    pub(super) fn by_id(&self, id: &str) -> Option<&Known> {
        self.by_id.get(id)
    }

    /// What such a call is called, if there is one; nothing if that is not said.
    pub(super) fn call(&self, method: &str, path: &str) -> Option<&str> {
        let known = self.calls.get(&(method.to_owned(), shape(path)));
        known.map(String::as_str)
    }

    /// The paths of calls by this method, with `{}` for each parameter.
    pub(super) fn paths(&self, method: &str) -> impl Iterator<Item = &str> {
        let calls = self.calls.keys().filter(move |(by, _)| by == method);
        calls.map(|(_, path)| path.as_str())
    }

    fn add(&mut self, id: Option<&str>, method: &str, path: &str, members: BTreeSet<String>) {
        // Anthropic's description has a parameter of the query among its paths, for what is in beta.
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let method = method.to_ascii_uppercase();
        let call = (method.clone(), shape(&path));
        self.calls.insert(call, id.unwrap_or_default().to_owned());
        if let Some(id) = id {
            let known = Known {
                method,
                path,
                members,
            };
            self.by_id.insert(id.to_owned(), known);
        }
    }

    fn openapi(&mut self, document: &Value, paths: &serde_json::Map<String, Value>, base: &str) {
        for (path, item) in paths {
            for method in METHODS {
                let Some(operation) = item.get(method) else {
                    continue;
                };
                let id = operation.get("operationId").and_then(Value::as_str);
                self.add(
                    id,
                    method,
                    &format!("{base}{path}"),
                    members(document, operation),
                );
            }
        }
    }

    /// Resources within resources, whose methods' names begin with that of the API.
    fn discovery(&mut self, resource: &Value, base: &str) {
        let text = |method: &Value, name: &str| method.get(name)?.as_str().map(str::to_owned);
        let methods = resource.get("methods").and_then(Value::as_object);
        for method in methods.into_iter().flat_map(serde_json::Map::values) {
            let path = text(method, "flatPath").or_else(|| text(method, "path"));
            let (Some(path), Some(verb)) = (path, text(method, "httpMethod")) else {
                continue;
            };
            let id = text(method, "id");
            let id = id.as_deref().and_then(|id| Some(id.split_once('.')?.1));
            self.add(id, &verb, &format!("{base}{path}"), BTreeSet::new());
        }
        let within = resource.get("resources").and_then(Value::as_object);
        for resource in within.into_iter().flat_map(serde_json::Map::values) {
            self.discovery(resource, base);
        }
    }

    fn botocore(&mut self, operations: &serde_json::Map<String, Value>, base: &str) {
        for (id, operation) in operations {
            let text = |at: &str| operation.pointer(at).and_then(Value::as_str);
            if let (Some(method), Some(path)) = (text("/http/method"), text("/http/requestUri")) {
                self.add(Some(id), method, &format!("{base}{path}"), BTreeSet::new());
            }
        }
    }
}

/// The members of an operation's body, in any of its media types.
fn members(document: &Value, operation: &Value) -> BTreeSet<String> {
    let content = operation.pointer("/requestBody/content");
    let content = content.and_then(Value::as_object);
    let schemas = content.into_iter().flat_map(serde_json::Map::values);
    let properties = schemas.filter_map(|media| {
        let schema = media.get("schema")?;
        let named = schema.get("$ref").and_then(Value::as_str);
        let schema = match named.and_then(|it| it.strip_prefix('#')) {
            Some(pointer) => document.pointer(pointer)?,
            None => schema,
        };
        schema.get("properties")?.as_object()
    });
    properties
        .flat_map(serde_json::Map::keys)
        .cloned()
        .collect()
}

/// A path whose parameters are called as the gateway can call them: `{AccountSid}` is `{account_sid}`.
pub(super) fn plain(path: &str) -> String {
    let mut plain = String::new();
    let (mut within, mut before) = (false, ' ');
    for letter in path.chars() {
        within = (within || letter == '{') && letter != '}';
        let begins = letter.is_ascii_uppercase() && before.is_ascii_lowercase();
        match letter {
            '-' if within => plain.push('_'),
            _ if within && begins => plain.extend(['_', letter.to_ascii_lowercase()]),
            _ if within => plain.push(letter.to_ascii_lowercase()),
            _ => plain.push(letter),
        }
        before = letter;
    }
    plain
}

/// A path without the names of its parameters: `/a/{}/b`.
pub(super) fn shape(path: &str) -> String {
    let mut parts = path.split('{');
    let mut shape = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shape.push_str("{}");
        shape.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    shape
}

/// A document of JSON or YAML, compressed or not.
fn document(file: &Path) -> Result<Value> {
    let ends = |file: &Path, with: &str| file.extension().is_some_and(|it| it == with);
    let (plain, bytes) = if ends(file, "gz") {
        let unpacked = Command::new("gzip").arg("-dc").arg(file).output()?;
        (file.with_extension(""), unpacked.stdout)
    } else {
        (file.to_owned(), fs::read(file)?)
    };
    if ends(&plain, "json") {
        return Ok(serde_json::from_slice(&bytes)?);
    }
    let text = String::from_utf8(bytes)?;
    let options = serde_saphyr::options! { budget: None };
    Ok(serde_saphyr::from_str_with_options(&text, options)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_description_is_read() {
        let method = json!({ "id": "api.models.run", "httpMethod": "POST", "flatPath": "v1/models/{modelsId}:run" });
        let within = json!({ "models": { "methods": { "run": method } } });
        let discovery = json!({ "discoveryVersion": "v1", "resources": within });
        let botocore = json!({ "operations": { "Run": { "http": { "method": "POST", "requestUri": "/model/{id}/run" } } } });
        let openapi = json!({ "paths": { "/models": { "get": { "operationId": "list" } } } });
        for (document, base, id, path) in [
            (discovery, "/", "models.run", "/v1/models/{model}:run"),
            (botocore, "", "Run", "/model/{model_id}/run"),
            (openapi, "/v1", "list", "/v1/models"),
        ] {
            let described = Described::of(&document, base).unwrap();
            let known = described.by_id(id).unwrap();
            assert!(known.is_at(&known.method, path), "{}", known.path);
            assert!(described.call(&known.method, path).is_some());
        }
        assert!(Described::of(&json!({}), "").is_err());
    }

    #[test]
    fn parameters_are_called_as_the_gateway_can_call_them() {
        assert_eq!(
            plain("/A/{AccountSid}/{deployment-id}.json"),
            "/A/{account_sid}/{deployment_id}.json"
        );
    }
}
