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

/// A method, and a path without the names of its parameters.
pub(super) type Call = (String, String);

/// What OpenAPI calls methods.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What is described.
#[derive(Default)]
pub(super) struct Described {
    by_id: BTreeMap<String, Call>,
    calls: BTreeSet<Call>,
}

impl Described {
    /// Reads a description, whose paths stand behind `base`.
    pub(super) fn read(file: &Path, base: &str) -> Result<Self> {
        let shown = file.display().to_string();
        let document = document(file).context(shown.clone())?;
        let mut described = Self::default();
        if let Some(paths) = document.get("paths").and_then(Value::as_object) {
            described.openapi(paths, base);
        } else if document.get("discoveryVersion").is_some() {
            described.discovery(&document, base);
        } else if let Some(operations) = document.get("operations").and_then(Value::as_object) {
            described.botocore(operations, base);
        } else {
            bail!("{shown} is none of OpenAPI, Google's discovery and botocore");
        }
        ensure!(!described.calls.is_empty(), "{shown} describes nothing");
        Ok(described)
    }

    /// Where the operation of this name is.
    pub(super) fn by_id(&self, id: &str) -> Option<&Call> {
        self.by_id.get(id)
    }

    /// Whether there is such a call.
    pub(super) fn has(&self, call: &Call) -> bool {
        self.calls.contains(call)
    }

    fn add(&mut self, id: Option<&str>, method: &str, path: &str) {
        // Anthropic's description has a parameter of the query among its paths, for what is in beta.
        let path = path.split('?').next().unwrap_or_default();
        let call = (method.to_ascii_uppercase(), shape(path));
        self.calls.insert(call.clone());
        if let Some(id) = id {
            self.by_id.insert(id.to_owned(), call);
        }
    }

    fn openapi(&mut self, paths: &serde_json::Map<String, Value>, base: &str) {
        for (path, item) in paths {
            for method in METHODS {
                let Some(operation) = item.get(method) else {
                    continue;
                };
                let id = operation.get("operationId").and_then(Value::as_str);
                self.add(id, method, &format!("{base}{path}"));
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
            self.add(id, &verb, &format!("{base}{path}"));
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
                self.add(Some(id), method, &format!("{base}{path}"));
            }
        }
    }
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
