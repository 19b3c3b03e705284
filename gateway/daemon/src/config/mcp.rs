//! Servers of the Model Context Protocol: what their tools, prompts and resources are held to.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use classifiers::declared::Declared;
use miette::Result;
use policy::Effect;
use proxy::{
    call::{Binding, Call},
    mcp::{Legacy, Mcp, Resource},
};
use serde_json::{Map, Value, json};
use serde_saphyr::Spanned;

use super::{
    file,
    resolve::{Resolver, effect},
};

/// The method under which schemas of tools are read as if they were of an OpenAPI document.
const CALL: &str = "post";

impl Resolver<'_> {
    /// The server, and what its owner says of the results of its tools.
    pub(super) fn mcp<T>(
        &self,
        service: &Spanned<T>,
        typed: &file::Mcp,
    ) -> Result<(Mcp, Option<Arc<Declared>>)> {
        let endpoints = typed.endpoints.iter().map(|path| self.mcp_path(path));
        let endpoints = endpoints.collect::<Result<Vec<_>>>()?;
        let legacy = typed.sse.as_ref().map(|sse| -> Result<Legacy> {
            Ok(Legacy {
                stream: self.mcp_path(&sse.stream)?,
                messages: self.mcp_path(&sse.messages)?,
            })
        });
        let legacy = legacy.transpose()?;
        if endpoints.is_empty() && legacy.is_none() {
            let help = "write `endpoints: [/mcp]`, or the two paths of `sse`";
            return Err(self.fault(service, "a server of MCP has an endpoint", help));
        }
        let mut mcp = Mcp::new(endpoints, legacy);
        let declared = self.outputs(&typed.tools)?;
        self.once(typed.tools.iter().map(|tool| &tool.name), "tool")?;
        for (position, tool) in typed.tools.iter().enumerate() {
            let id = format!("tools/call/{}", tool.name.value);
            let mut call = self.call(&id, tool.effect, &tool.bind)?;
            let limits = (tool.records_max, tool.fields_max);
            call.answers = Arc::new(self.answers(&tool.rows, limits, tool.subject.as_deref())?);
            let described = tool.output.as_ref().and(declared.as_ref());
            call.described =
                described.and_then(|declared| declared.position(CALL, &position.to_string()));
            mcp.tool(&tool.name.value, call);
        }
        self.once(typed.prompts.iter().map(|prompt| &prompt.name), "prompt")?;
        for prompt in &typed.prompts {
            let id = format!("prompts/get/{}", prompt.name.value);
            let call = self.call(&id, Some(file::Effect::Read), &prompt.bind)?;
            mcp.prompt(&prompt.name.value, call);
        }
        for resource in &typed.resources {
            let call = Call::new("", Effect::Read);
            let resolved = Resource::new(&resource.uri.value, &call).map_err(|error| {
                let help = "a resource's URI reads `crm://customers/{customer}`";
                self.fault(&resource.uri, error.to_string(), help)
            })?;
            mcp.resource(resolved);
        }
        self.once(typed.methods.iter().map(|method| &method.name), "method")?;
        for method in &typed.methods {
            if mcp.decides_itself(&method.name.value) {
                let message = format!("`{}` is known by what it names", method.name.value);
                let help = "list it under `tools`, `prompts` or `resources`";
                return Err(self.fault(&method.name, message, help));
            }
            let call = self.call(&method.name.value, method.effect, &method.bind)?;
            mcp.method(&method.name.value, call);
        }
        Ok((mcp, declared))
    }

    fn mcp_path(&self, typed: &Spanned<String>) -> Result<Arc<str>> {
        let path = typed.value.trim_end_matches('/');
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_~./".contains(&b);
        let odd = path.contains("//") || path.split('/').any(|part| part == "." || part == "..");
        if path.starts_with('/') && path.bytes().all(plain) && !odd {
            return Ok(path.into());
        }
        let message = format!("`{}` is not the path of an endpoint", typed.value);
        Err(self.fault(typed, message, "a path behind the service's prefix: `/mcp`"))
    }

    fn once<'t>(&self, names: impl Iterator<Item = &'t Spanned<String>>, what: &str) -> Result<()> {
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
    ) -> Result<Call> {
        let bindings = bind.iter().map(|(parameter, path)| {
            Binding::parse(parameter, &path.value).ok_or_else(|| {
                let message = format!("`{}` leads to no argument", path.value);
                self.fault(
                    path,
                    message,
                    "names parted by dots: `arguments.customer_id`",
                )
            })
        });
        Ok(Call {
            bindings: bindings.collect::<Result<_>>()?,
            ..Call::new(id, typed.map_or(Effect::Write, effect))
        })
    }

    /// What the schemas of tools say: the text that repeats `structuredContent` is of the same schema.
    fn outputs(&self, tools: &[file::Tool]) -> Result<Option<Arc<Declared>>> {
        let mut paths = Map::new();
        for (position, tool) in tools.iter().enumerate() {
            let Some(output) = &tool.output else { continue };
            let result = json!({ "properties": {
                "structuredContent": output.value,
                "content": { "items": { "properties": { "text": output.value } } },
            } });
            let schema = json!({ "properties": { "result": result } });
            let content = json!({ "application/json": { "schema": schema } });
            let operation = json!({ "responses": { "default": { "content": content } } });
            let one = json!({ "openapi": "3.1.0", "paths": { "/0": { CALL: &operation } } });
            Declared::load(&one).map_err(|fault| {
                let help = "`x-data-class` with a class of the taxonomy, or `none`";
                self.fault(output, fault.to_string(), help)
            })?;
            paths.insert(format!("/{position}"), json!({ CALL: operation }));
        }
        if paths.is_empty() {
            return Ok(None);
        }
        let document = json!({ "openapi": "3.1.0", "paths": Value::Object(paths) });
        // Each was read above; what can fail now is their number.
        let declared = Declared::load(&document);
        let declared = declared.map_err(|fault| miette::miette!("`output` of tools: {fault}"))?;
        Ok(Some(Arc::new(declared)))
    }
}
