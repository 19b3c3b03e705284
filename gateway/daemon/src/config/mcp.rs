//! Servers of the Model Context Protocol: what their tools, prompts and resources are held to.

use std::{collections::BTreeMap, sync::Arc};

use classifiers::declared::Declared;
use miette::Result;
use policy::Effect;
use proxy::{
    call::Call,
    governance::AnswerRules,
    mcp::{
        Legacy, Mcp, Protected, Resource,
        pins::{NoDigest, Pinning},
    },
};
use redaction::shape::{Path, Twin};
use serde_json::{Value, json};
use serde_saphyr::Spanned;

use super::{
    file,
    messages::position_of,
    resolve::{Resolver, is_loopback},
};

impl Resolver<'_> {
    /// The server, and what its owner says of the results of its tools.
    pub(super) fn mcp<T>(
        &self,
        service: &Spanned<T>,
        name: &str,
        typed: &file::Mcp,
    ) -> Result<(Mcp, Option<Arc<Declared>>)> {
        let endpoints = typed.endpoints.iter().map(|path| self.endpoint(path));
        let endpoints = endpoints.collect::<Result<Vec<_>>>()?;
        let legacy = typed.sse.as_ref().map(|sse| -> Result<Legacy> {
            Ok(Legacy {
                stream: self.endpoint(&sse.stream)?,
                messages: self.endpoint(&sse.messages)?,
            })
        });
        let legacy = legacy.transpose()?;
        if endpoints.is_empty() && legacy.is_none() {
            let help = "write `endpoints: [/mcp]`, or the two paths of `sse`";
            return Err(self.fault(service, "a server of MCP has an endpoint", help));
        }
        let is_shared = |legacy: &Legacy| {
            let [stream, messages] =
                [&legacy.stream, &legacy.messages].map(|path| path.trim_end_matches('/'));
            let mut endpoints = endpoints.iter().map(|path| path.trim_end_matches('/'));
            stream == messages || endpoints.any(|path| path == stream || path == messages)
        };
        if legacy.as_ref().is_some_and(is_shared) {
            let help = "HTTP+SSE names its sessions otherwise than streamable HTTP does";
            return Err(self.fault(service, "both paths of `sse` are theirs alone", help));
        }
        let mut mcp = Mcp::new(endpoints, legacy);
        let outputs = typed.tools.iter().map(|tool| {
            // The text that repeats `structuredContent` is of the same schema.
            let result = |output: &Value| {
                json!({ "properties": { "result": { "properties": {
                    "structuredContent": output,
                    "content": { "items": { "properties": { "text": output } } },
                } } } })
            };
            let output = tool.output.as_ref();
            output.map(|output| (output, result(&output.value)))
        });
        let declared = self.outputs(outputs)?;
        let elsewhere = self.tools(typed, declared.as_ref(), &mut mcp)?;
        let none = BTreeMap::new();
        self.once(typed.prompts.iter().map(|prompt| &prompt.name), "prompt")?;
        for prompt in &typed.prompts {
            let id = format!("prompts/get/{}", prompt.name.value);
            let call = self.call(&id, Some(file::Effect::Read), &prompt.bind, &none)?;
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
            let mut call = self.call(&method.name.value, method.effect, &method.bind, &none)?;
            call.answers = Arc::clone(&elsewhere);
            mcp.method(&method.name.value, call);
        }
        self.pins(typed, &mut mcp)?;
        if let Some(resource) = &typed.resource {
            mcp.protected = Some(self.protected(resource, name)?);
        }
        Ok((mcp, declared))
    }

    /// That no two servers have one URI, since a token for it would be good at both.
    pub(super) fn resources_are_own(&self, file: &file::File) -> Result<()> {
        let servers = file.services.iter().filter_map(|it| it.mcp.as_ref());
        self.once(servers.filter_map(|it| it.resource.as_ref()), "resource")
    }

    /// What it is to those who want a token for it. Its metadata are at the same host, so that this must be
    /// where agents reach it.
    fn protected(&self, typed: &Spanned<String>, name: &str) -> Result<Protected> {
        let uri = self.uri(typed)?;
        if uri.scheme_str() != Some("https") && !is_loopback(&uri) {
            let message = "a resource that tokens are shown to is not reached in the clear";
            let help = "write `https://`; only loopback may do without";
            return Err(self.fault(typed, message, help));
        }
        let protected = Protected::new(&uri, &typed.value, name, &self.servers);
        let protected = protected.filter(|_| !typed.value.contains('#'));
        let protected = protected.ok_or_else(|| {
            let message = format!("`{}` is not the URI of a resource", typed.value);
            let help = "write it without query and fragment, as agents reach it: `https://gateway.example/crm/mcp`";
            self.fault(typed, message, help)
        })?;
        if self.servers.is_empty() {
            let help = "list who issues them under `tokens`, by the address at which it publishes its metadata";
            let message = "nobody issues tokens for this resource";
            return Err(self.fault(typed, message, help));
        }
        Ok(protected)
    }

    /// What is approved of what it lists.
    fn pins(&self, typed: &file::Mcp, mcp: &mut Mcp) -> Result<()> {
        mcp.pinning = match typed.pins.as_ref().map(|pins| pins.value) {
            None | Some(file::Pins::FirstUse) => Pinning::FirstUse,
            Some(file::Pins::Configured) => Pinning::Configured,
            Some(file::Pins::Off) => Pinning::Off,
        };
        let tools = typed.tools.iter();
        let tools = tools.map(|it| ("tools/call", &it.name, &it.digest));
        let prompts = typed.prompts.iter();
        let prompts = prompts.map(|it| ("prompts/get", &it.name, &it.digest));
        let resources = typed.resources.iter();
        let resources = resources.map(|it| ("resources/read", &it.uri, &it.digest));
        for (method, name, digest) in tools.chain(prompts).chain(resources) {
            let Some(digest) = digest else { continue };
            if mcp.pinning == Pinning::Off {
                let help = "take `pins: off` away, or the digest";
                return Err(self.fault(digest, "`pins` is off, so that nobody compares", help));
            }
            if method == "resources/read" && !name.value.contains('{') {
                let help = "take the digest away: what is approved of resources is their templates, which have \
                            parameters, as in `crm://customers/{customer}`";
                let message = "a resource without parameters has nothing to be approved";
                return Err(self.fault(digest, message, help));
            }
            let parsed = digest.value.parse().map_err(|error: NoDigest| {
                let help = "`tidegate mcp tools` shows what the server's lists say";
                self.fault(digest, error.to_string(), help)
            })?;
            let operation = format!("{method}/{}", name.value).into();
            mcp.digests.push((operation, parsed));
        }
        Ok(())
    }

    /// The tools; what their answers are held to together, where nobody can tell which one answers.
    fn tools(
        &self,
        typed: &file::Mcp,
        declared: Option<&Arc<Declared>>,
        mcp: &mut Mcp,
    ) -> Result<Arc<AnswerRules>> {
        self.once(typed.tools.iter().map(|tool| &tool.name), "tool")?;
        let twin = Arc::new(said_again()?);
        let mut elsewhere = AnswerRules {
            twin: Some(Arc::clone(&twin)),
            ..AnswerRules::default()
        };
        for (position, tool) in typed.tools.iter().enumerate() {
            let id = format!("tools/call/{}", tool.name.value);
            let mut call = self.call(&id, tool.effect, &tool.bind, &tool.arguments)?;
            let limits = (tool.records_max, tool.fields_max);
            let mut answers = self.answers(&tool.rows, limits, tool.subject.as_deref())?;
            answers.twin = Some(Arc::clone(&twin));
            for rule in &answers.rows {
                if !elsewhere.rows.contains(rule) {
                    elsewhere.rows.push(rule.clone());
                }
            }
            call.answers = Arc::new(answers);
            let described = tool.output.as_ref().and(declared);
            call.described = described.and_then(|declared| position_of(declared, position));
            mcp.tool(&tool.name.value, call);
        }
        let elsewhere = Arc::new(elsewhere);
        mcp.answers_elsewhere(&elsewhere);
        Ok(elsewhere)
    }
}

/// The blocks of a tool's result that may repeat `structuredContent`, as servers should
/// (MCP 2025-06-18, "Structured Content").
fn said_again() -> Result<Twin> {
    let path = |text| Path::parse(text).map_err(|error| miette::miette!("{error}"));
    let texts = ["/text", "/resource/text", "/resource/blob"];
    Ok(Twin {
        block: path("/result/content/*")?,
        texts: texts.into_iter().map(path).collect::<Result<_>>()?,
        of: path("/result/structuredContent")?,
    })
}
