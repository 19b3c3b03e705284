//! `tidegate api import`: an OpenAPI document in, a service of the configuration out.
//!
//! Everything that the document lists becomes an operation; what it does follows from the method, and
//! whatever is not known to read is a write. What its bodies hold is not copied: the service names the
//! document, from which `x-data-class` is read at each start.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::PathBuf,
    process::ExitCode,
    str::FromStr as _,
};

use clap::Subcommand;
use classifiers::declared::{Declared, Operation, Says};
use http::Method;
use miette::{Result, miette};
use serde::Serialize;
use serde_json::Value;

use super::{Format, Output};
use crate::config::{openapi, paths::effect_of};

/// Places of classes that a comment tells of.
const PLACES_TOLD_MAX: usize = 8;

#[derive(Debug, Subcommand)]
pub(crate) enum Api {
    /// Print the `services` part for an OpenAPI 3.0 or 3.1 document.
    Import {
        /// The document, JSON or YAML, with all it refers to in one file.
        file: PathBuf,
        /// The service's name; else from the document's title.
        #[arg(long)]
        name: Option<String>,
        /// Where it is; else the first of the document's servers.
        #[arg(long, value_name = "URL")]
        upstream: Option<String>,
        /// Where it keeps its data, ISO 3166-1.
        #[arg(long, value_name = "CODE")]
        country: String,
        #[command(flatten)]
        output: Output,
    },
}

pub(crate) fn api(command: &Api) -> Result<ExitCode> {
    let Api::Import {
        file,
        name,
        upstream,
        country,
        output,
    } = command;
    let help = "OpenAPI 3.0 or 3.1 in one file, JSON or YAML";
    let document = openapi::document(file).map_err(|fault| miette!(help = help, "{fault}"))?;
    let declared =
        openapi::declared(file, &document).map_err(|fault| miette!(help = help, "{fault}"))?;
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let upstream = upstream.as_deref().or_else(|| text("/servers/0/url"));
    let is_absolute = |url: &&str| url.starts_with("http://") || url.starts_with("https://");
    let upstream = upstream.filter(is_absolute).ok_or_else(|| {
        miette!(
            help = "say where it is: `--upstream https://api.example`",
            "`{}` names no server by its whole address",
            file.display()
        )
    })?;
    let name = name.clone();
    let name = name.unwrap_or_else(|| named(text("/info/title").unwrap_or("api")));
    let service = Service {
        prefix: format!("/{name}"),
        name,
        upstream: upstream.to_owned(),
        country: country.clone(),
        openapi: file.display().to_string(),
        operations: Vec::new(),
    };
    let imported = import(service, &declared);
    match output.output {
        Format::Json => println!("{}", serde_json::json!(imported.service)),
        Format::Table => print!("{}", imported.yaml()),
    }
    Ok(ExitCode::SUCCESS)
}

/// A service as the configuration has it.
#[derive(Debug, Serialize)]
struct Service {
    name: String,
    prefix: String,
    upstream: String,
    country: String,
    openapi: String,
    operations: Vec<Imported>,
}

/// An operation as the configuration has it.
#[derive(Debug, Serialize)]
struct Imported {
    id: String,
    method: String,
    path: String,
    effect: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    header: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    body: BTreeMap<String, String>,
    #[serde(skip)]
    notes: Vec<String>,
}

/// A service, and what of the document it has not.
struct Import {
    service: Service,
    left_out: Vec<String>,
}

fn import(mut service: Service, declared: &Declared) -> Import {
    let mut left_out = Vec::new();
    let mut ids = BTreeSet::new();
    // What names a resource in some path names it wherever it stands.
    let resources: BTreeSet<&str> = declared
        .operations()
        .iter()
        .flat_map(|operation| &operation.parameters)
        .filter(|parameter| parameter.place == "path")
        .map(|parameter| parameter.name.as_str())
        .collect();
    for operation in declared.operations() {
        match imported(operation, declared, &resources) {
            Some(mut imported) => {
                let id = imported.id.clone();
                let mut number = 2;
                while !ids.insert(imported.id.clone()) {
                    imported.id = format!("{id}.{number}");
                    number += 1;
                }
                service.operations.push(imported);
            }
            None => left_out.push(format!(
                "{} {}: a segment is neither fixed nor one parameter",
                operation.method.to_ascii_uppercase(),
                operation.path
            )),
        }
    }
    Import { service, left_out }
}

/// None if its path has no form that is matched here.
fn imported(
    operation: &Operation,
    declared: &Declared,
    resources: &BTreeSet<&str>,
) -> Option<Imported> {
    let method = Method::from_str(&operation.method.to_ascii_uppercase()).ok()?;
    let id = operation.id.as_deref().map_or_else(
        || plain(&format!("{}{}", operation.method, operation.path), '.'),
        |id| plain(id, '.'),
    );
    let mut imported = Imported {
        id,
        path: path(&operation.path)?,
        effect: effect_of(&method).name(),
        method: method.to_string(),
        query: BTreeMap::new(),
        header: BTreeMap::new(),
        body: BTreeMap::new(),
        notes: classes(operation, declared),
    };
    let mut known = BTreeSet::new();
    for parameter in &operation.parameters {
        let bound = match parameter.place.as_str() {
            "query" => &mut imported.query,
            "header" => &mut imported.header,
            "body" => &mut imported.body,
            _ => continue,
        };
        let resource = resources
            .get(parameter.name.as_str())
            .map(|it| plain(it, '_'));
        let Some(binds) = parameter
            .binds
            .as_deref()
            .map(|it| plain(it, '_'))
            .or(resource)
        else {
            continue;
        };
        // A parameter has one place; the gateway holds the others to it.
        if imported.path.contains(&format!("{{{binds}}}")) || !known.insert(binds.clone()) {
            continue;
        }
        if parameter.required {
            bound.insert(binds, parameter.name.clone());
        } else {
            // What binds must be there, and this need not be.
            let (name, place) = (&parameter.name, &parameter.place);
            let note = format!("`{name}` ({place}) is optional and so binds nothing");
            imported.notes.push(note);
        }
    }
    Some(imported)
}

/// The path with names that templates take.
fn path(typed: &str) -> Option<String> {
    let segments = typed.strip_prefix('/')?.split('/').map(|segment| {
        let inner = segment
            .strip_prefix('{')
            .and_then(|it| it.strip_suffix('}'));
        match inner {
            Some(name) if !name.contains(['{', '}']) => Some(format!("{{{}}}", plain(name, '_'))),
            None if !segment.contains(['{', '}', '?', '#', '%']) => Some(segment.to_owned()),
            _ => None,
        }
    });
    let segments = segments.collect::<Option<Vec<String>>>()?;
    Some(format!("/{}", segments.join("/")))
}

/// What answers hold, as far as the document says.
fn classes(operation: &Operation, declared: &Declared) -> Vec<String> {
    let place = operation.response(200).or_else(|| operation.response(201));
    let patterns = place
        .map(|place| declared.patterns(place))
        .unwrap_or_default();
    let told: BTreeSet<String> = patterns
        .into_iter()
        .filter_map(|(at, says)| match says {
            Says::Class(class) => Some(format!("{at} is {}", class.name())),
            _ => None,
        })
        .collect();
    told.into_iter().take(PLACES_TOLD_MAX).collect()
}

/// A name of letters, digits and this.
fn plain(text: &str, between: char) -> String {
    let parts: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(&between.to_string())
}

fn named(title: &str) -> String {
    let name = plain(title, '-').to_lowercase();
    if name.is_empty() {
        "api".to_owned()
    } else {
        name
    }
}

impl Import {
    fn yaml(&self) -> String {
        let service = &self.service;
        let quoted = |text: &str| Value::from(text).to_string();
        let mut text = "services:\n".to_owned();
        // To write into a text cannot fail.
        let _infallible = writeln!(
            text,
            "  - name: {}\n    prefix: {}\n    upstream: {}\n    country: {}\n    openapi: {}\n    operations:",
            quoted(&service.name),
            quoted(&service.prefix),
            quoted(&service.upstream),
            quoted(&service.country),
            quoted(&service.openapi),
        );
        for operation in &service.operations {
            for note in &operation.notes {
                let _infallible = writeln!(text, "      # {}", note.escape_debug());
            }
            let _infallible = writeln!(text, "      - {}", flow(operation));
        }
        for left_out in &self.left_out {
            let _infallible = writeln!(text, "      # left out: {}", left_out.escape_debug());
        }
        text
    }
}

/// On one line, which is YAML as it is JSON.
fn flow(operation: &Imported) -> String {
    serde_json::json!(operation).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    const DOCUMENT: &str = r##"
openapi: 3.1.0
info: { title: "A CRM", version: "1" }
paths:
  /customers/{customer-id}:
    parameters: [{ $ref: "#/components/parameters/Customer" }]
    get:
      operationId: readCustomer
      responses:
        "200": { content: { application/json: { schema: { properties: { mail: { x-data-class: pii.email } } } } } }
    put: { operationId: replaceCustomer }
    delete: {}
  /orders:
    get:
      operationId: listOrders
      parameters:
        - { name: customer-id, in: query, required: true }
        - { name: limit, in: query }
        - { name: x-tenant, in: header, required: true, x-bind: tenant }
    post:
      operationId: listOrders
      requestBody:
        content:
          application/json:
            schema:
              required: [customer_id]
              properties:
                customer_id: { x-bind: customer_id }
                agent_id: { x-bind: agent }
  /orders/{id}.pdf: { get: { operationId: print } }
components:
  parameters:
    Customer: { name: customer-id, in: path, required: true }
"##;

    /// Imports the document at `path`.
    fn read(path: &Path) -> Result<Import> {
        let fault = |fault| miette!("{fault}");
        let document = openapi::document(path).map_err(fault)?;
        let declared = openapi::declared(path, &document).map_err(fault)?;
        let service = Service {
            name: "crm".to_owned(),
            prefix: "/crm".to_owned(),
            upstream: "http://127.0.0.1:9001".to_owned(),
            country: "DE".to_owned(),
            openapi: "crm.yaml".to_owned(),
            operations: Vec::new(),
        };
        Ok(import(service, &declared))
    }

    #[test]
    fn what_is_imported_is_a_configuration_and_says_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crm.yaml");
        std::fs::write(&path, DOCUMENT).unwrap();
        let yaml = read(&path).unwrap().yaml();
        insta::assert_snapshot!(yaml);

        let config = format!(
            "listen: [{{ address: 127.0.0.1:0 }}]\ncountry: DE\nagents: []\npolicies: []\naudit: {{ directory: data }}\n{yaml}"
        );
        let file = folder.path().join("tidegate.yaml");
        std::fs::write(&file, config).unwrap();
        let config = config::load(&file).unwrap();
        let service = config.services.first().unwrap();
        let effect = |id| service.effect(id).map(|(_, effect)| effect.name());
        assert_eq!(effect("readCustomer"), Some("read"));
        assert_eq!(effect("replaceCustomer"), Some("write"));
        assert_eq!(effect("delete.customers.customer.id"), Some("delete"));
        assert_eq!(effect("listOrders.2"), Some("write"));
    }

    #[test]
    fn a_broken_document_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crm.yaml");
        let nameless = DOCUMENT.replace("name: limit, in", "in");
        std::fs::write(&path, nameless).unwrap();
        let fault = read(&path).err().map(|fault| fault.to_string());
        assert!(fault.is_some_and(|it| it.contains("/paths/~1orders/get/parameters/1")));
    }
}
