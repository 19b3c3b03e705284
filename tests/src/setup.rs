//! What a gateway is started with: its configuration, written the way an operator would.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{certificate::Certificate, env, tokens::Issuer};

/// The configuration of one gateway, built up piece by piece.
#[derive(Clone, Debug)]
pub struct Setup {
    config: Value,
    /// Name, content, mode.
    files: Vec<(String, Vec<u8>, u32)>,
}

/// One API behind the gateway.
#[derive(Clone, Debug)]
pub struct Service(Value);

impl Service {
    /// The API `name`, reached by its host.
    pub fn hosted(name: &str, host: &str, upstream: &str, country: &str) -> Self {
        Self(json!({
            "name": name,
            "host": host,
            "upstream": upstream,
            "country": country,
            "operations": [],
        }))
    }

    /// The API `name`, reached under `/name`, at `upstream`, keeping its data in `country`.
    pub fn new(name: &str, upstream: &str, country: &str) -> Self {
        Self(json!({
            "name": name,
            "prefix": format!("/{name}"),
            "upstream": upstream,
            "country": country,
            "operations": [],
        }))
    }

    /// The API `name`, reached under `/name`, at these upstreams.
    pub fn at(name: &str, upstreams: Value) -> Self {
        Self(json!({
            "name": name,
            "prefix": format!("/{name}"),
            "upstreams": upstreams,
            "operations": [],
        }))
    }

    /// The API `name` of the provider that `profile` names, at `upstream`, keeping its data in `country`.
    pub fn of(name: &str, profile: &str, upstream: &str, country: &str) -> Self {
        Self(json!({
            "name": name,
            "profile": profile,
            "upstream": upstream,
            "country": country,
        }))
    }

    /// With one operation.
    #[must_use]
    pub fn operation(mut self, id: &str, method: &str, path: &str) -> Self {
        push(
            &mut self.0,
            "operations",
            json!({ "id": id, "method": method, "path": path }),
        );
        self
    }
}

impl Service {
    /// With any other key of its configuration.
    #[must_use]
    pub fn set(mut self, key: &str, value: Value) -> Self {
        if let Some(service) = self.0.as_object_mut() {
            service.insert(key.to_owned(), value);
        }
        self
    }

    /// With one operation whose answers are held to `rules`.
    #[must_use]
    pub fn governed(self, id: &str, method: &str, path: &str, rules: Value) -> Self {
        let mut service = self.operation(id, method, path);
        let operations = service
            .0
            .get_mut("operations")
            .and_then(Value::as_array_mut);
        let operation = operations.and_then(|all| all.last_mut());
        if let (Some(Value::Object(operation)), Value::Object(rules)) = (operation, rules) {
            operation.extend(rules);
        }
        service
    }
}

impl Setup {
    /// One plain listener, no agents, no services, no policies: refuses everything.
    pub fn new() -> Self {
        let attestation = if env::ebpf_required() {
            "kernel"
        } else {
            "auto"
        };
        Self {
            config: json!({
                "listen": [{ "address": "127.0.0.1:0" }],
                "admin": { "address": "127.0.0.1:0" },
                "attestation": attestation,
                "country": "DE",
                "agents": [],
                "services": [],
                "policies": [],
                "uninspected": "refuse",
                "audit": { "directory": "data" },
            }),
            files: Vec::new(),
        }
    }

    /// Trusting this issuer's tokens.
    #[must_use]
    pub fn issuer(self, issuer: &Issuer) -> Self {
        self.file("jwks.json", issuer.jwks()).set(
            "tokens",
            json!([{
                "issuer": crate::tokens::ISSUER,
                "audience": crate::tokens::AUDIENCE,
                "jwks": { "file": "jwks.json" },
                "lifetime_max": "15m",
            }]),
        )
    }

    /// With an agent: its id, and what its process must look like. `token`: required, optional.
    #[must_use]
    pub fn agent(mut self, id: &str, selectors: &[String], token: &str) -> Self {
        let agent = json!({ "id": id, "selectors": selectors, "token": token });
        push(&mut self.config, "agents", agent);
        self
    }

    /// With any other key of the last agent.
    #[must_use]
    pub fn of_agent(mut self, key: &str, value: Value) -> Self {
        let agents = self.config.get_mut("agents").and_then(Value::as_array_mut);
        let agent = agents.and_then(|agents| agents.last_mut()?.as_object_mut());
        if let Some(agent) = agent {
            agent.insert(key.to_owned(), value);
        }
        self
    }

    /// With what is done about the ways out of the last agent, and where it may go all the same.
    #[must_use]
    pub fn egress(self, mode: &str, allow: &[String]) -> Self {
        self.of_agent("egress", mode.into())
            .of_agent("allow", json!(allow))
    }

    /// With pins in `directory`, and what happens while the gateway is gone: open, closed.
    #[must_use]
    pub fn pins(self, directory: &Path, when_gone: &str) -> Self {
        self.set(
            "egress",
            json!({ "pins": directory, "when_gone": when_gone }),
        )
    }

    /// With a ring of flow events of so many bytes.
    #[must_use]
    pub fn ring(self, bytes: u32) -> Self {
        self.set("egress", json!({ "ring_bytes": bytes }))
    }

    /// With an API.
    #[must_use]
    pub fn service(mut self, service: Service) -> Self {
        push(&mut self.config, "services", service.0);
        self
    }

    /// With a file of policies.
    #[must_use]
    pub fn policy(mut self, text: &str) -> Self {
        let name = format!("policy-{}.cedar", self.files.len());
        push(&mut self.config, "policies", name.as_str().into());
        self.file(&name, text.to_owned())
    }

    /// With a file of an operator's own classifiers.
    #[must_use]
    pub fn classifiers(mut self, text: &str) -> Self {
        let name = format!("classifiers-{}.yaml", self.files.len());
        if let Some(config) = self.config.as_object_mut() {
            config.insert("classifiers".to_owned(), json!([name]));
        }
        self.file(&name, text.to_owned())
    }

    /// With an OpenAPI document of the service that was added under this name.
    #[must_use]
    pub fn openapi(mut self, service: &str, document: &Value) -> Self {
        let file = format!("{service}.openapi.json");
        let services = self
            .config
            .get_mut("services")
            .and_then(Value::as_array_mut);
        let known = services.into_iter().flatten();
        for known in known.filter(|known| known["name"] == service) {
            known["openapi"] = file.as_str().into();
        }
        self.file(&file, document.to_string())
    }

    /// With another plain listener.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        push(&mut self.config, "listen", json!({ "address": address }));
        self
    }

    /// With a TLS listener beside the plain one.
    #[must_use]
    pub fn tls(mut self, certificate: &Certificate) -> Self {
        let listener = json!({
            "address": "127.0.0.1:0",
            "tls": { "certificate": "server.pem", "key": "server.key" },
        });
        push(&mut self.config, "listen", listener);
        self.file("server.pem", certificate.certificate.clone())
            .file("server.key", certificate.key.clone())
    }

    /// Trusting `authority` when it calls upstreams.
    #[must_use]
    pub fn trust(self, authority: &str) -> Self {
        self.set("upstream_ca", "trusted.pem".into())
            .file("trusted.pem", authority.to_owned())
    }

    /// Sending its spans to `endpoint`.
    #[must_use]
    pub fn telemetry(self, endpoint: &str, sample: f64) -> Self {
        self.set("telemetry", json!({ "otlp": endpoint, "sample": sample }))
    }

    /// With any other key of the configuration.
    #[must_use]
    pub fn set(mut self, key: &str, value: Value) -> Self {
        if let Some(config) = self.config.as_object_mut() {
            config.insert(key.to_owned(), value);
        }
        self
    }

    /// With a file beside the configuration.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into(), 0o644));
        self
    }

    /// With a file beside it that only its owner reads.
    #[must_use]
    pub fn secret(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into(), 0o600));
        self
    }

    /// Writes everything into `folder` and names the configuration file.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        for (name, text, mode) in &self.files {
            let path = folder.join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
        }
        let path = folder.join("tidegate.yaml");
        // YAML 1.2 holds JSON, so what serde writes is a configuration as good as any.
        fs::write(&path, serde_json::to_string_pretty(&self.config)?)?;
        Ok(path)
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

fn push(parent: &mut Value, key: &str, item: Value) {
    if let Some(list) = parent.get_mut(key).and_then(Value::as_array_mut) {
        list.push(item);
    }
}
