//! What services of messages share: endpoints, operations with what they bind, schemas of answers.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use classifiers::declared::Declared;
use miette::Result;
use policy::Effect;
use proxy::{call::Call, route::Speaks};
use serde_json::{Map, Value, json};
use serde_saphyr::Spanned;

use super::{arguments::Typed, file, resolve::Resolver};

/// The method under which schemas of answers are read as if they were of an OpenAPI document.
const CALL: &str = "post";

impl Resolver<'_> {
    /// How requests say which operation they ask for, and what the owner says of their bodies.
    pub(super) fn speaks(
        &self,
        service: &file::Service,
    ) -> Result<(Speaks, Option<Arc<Declared>>)> {
        let paths = !service.operations.is_empty() || service.openapi.is_some();
        match (&service.mcp, &service.graphql) {
            (None, None) => {
                let declared = self.declared(service)?;
                Ok((Speaks::Paths(self.paths(service)?), declared))
            }
            (Some(mcp), None) if !paths => {
                let (mcp, declared) = self.mcp(&service.name, &service.name.value, mcp)?;
                Ok((Speaks::Mcp(Box::new(mcp)), declared))
            }
            (None, Some(graphql)) if !paths => {
                let (graphql, declared) = self.graphql(graphql)?;
                Ok((Speaks::GraphQl(Box::new(graphql)), declared))
            }
            _ => {
                let help = "`operations` and `openapi` are for paths, `mcp` and `graphql` for \
                            messages: make two services of it";
                let message = "a service speaks in one way";
                Err(self.fault(&service.name, message, help))
            }
        }
    }

    /// The path of an endpoint.
    pub(super) fn endpoint(&self, typed: &Spanned<String>) -> Result<Arc<str>> {
        let path = typed.value.trim_end_matches('/');
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_~./".contains(&b);
        let odd = path.contains("//") || path.split('/').any(|part| part == "." || part == "..");
        if path.starts_with('/') && path.bytes().all(plain) && !odd {
            return Ok(path.into());
        }
        let message = format!("`{}` is not the path of an endpoint", typed.value);
        Err(self.fault(typed, message, "a path behind the service's prefix: `/mcp`"))
    }

    /// That each name is there once.
    pub(super) fn once<'t>(
        &self,
        names: impl Iterator<Item = &'t Spanned<String>>,
        what: &str,
    ) -> Result<()> {
        let mut known = HashSet::new();
        for name in names {
            if !known.insert(name.value.as_str()) {
                let message = format!("{what} `{}` is defined twice", name.value);
                return Err(self.fault(name, message, "take one of the two out"));
            }
        }
        Ok(())
    }

    /// An operation; what it does is a write where nothing is said.
    pub(super) fn call(
        &self,
        id: &str,
        typed: Option<file::Effect>,
        bind: &BTreeMap<String, Spanned<String>>,
        arguments: &Typed,
    ) -> Result<Call> {
        let bindings = bind.iter();
        let bindings = bindings.map(|(parameter, path)| self.binding(parameter, path, arguments));
        let bound: Vec<&str> = bind.keys().map(String::as_str).collect();
        Ok(Call {
            bindings: bindings.collect::<Result<_>>()?,
            arguments: self.arguments(arguments, &bound)?,
            ..Call::new(id, typed.map_or(Effect::Write, effect))
        })
    }

    /// What schemas of answers say, each with where it was typed; some operations have none.
    pub(super) fn outputs<'t>(
        &self,
        outputs: impl Iterator<Item = Option<(&'t Spanned<Value>, Value)>>,
    ) -> Result<Option<Arc<Declared>>> {
        let mut paths = Map::new();
        for (position, output) in outputs.enumerate() {
            let Some((typed, schema)) = output else {
                continue;
            };
            let content = json!({ "application/json": { "schema": schema } });
            let operation = json!({ "responses": { "default": { "content": content } } });
            let alone = json!({ "openapi": "3.1.0", "paths": { "/0": { CALL: &operation } } });
            Declared::load(&alone).map_err(|fault| {
                let help = "`x-data-class` with a class of the taxonomy, or `none`";
                self.fault(typed, fault.to_string(), help)
            })?;
            paths.insert(format!("/{position}"), json!({ CALL: operation }));
        }
        if paths.is_empty() {
            return Ok(None);
        }
        let document = json!({ "openapi": "3.1.0", "paths": paths });
        // Each was read above; what can fail now is their number.
        let declared = Declared::load(&document);
        let declared = declared.map_err(|fault| miette::miette!("`output`: {fault}"))?;
        Ok(Some(Arc::new(declared)))
    }
}

/// Where what the schema at this position says is found.
pub(super) fn position_of(declared: &Declared, position: usize) -> Option<usize> {
    declared.position(CALL, &position.to_string())
}

/// What was typed of an effect.
pub(super) fn effect(typed: file::Effect) -> Effect {
    match typed {
        file::Effect::Read => Effect::Read,
        file::Effect::Write => Effect::Write,
        file::Effect::Delete => Effect::Delete,
    }
}
