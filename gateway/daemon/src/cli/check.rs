//! `tidegate check`: everything that `run` would refuse, without running.

use std::{path::Path, process::ExitCode, sync::Arc};

use identity::{Identity, Issuer, KeySet, Registry, Verifier};
use miette::{Diagnostic, IntoDiagnostic, Report, Result, WrapErr, miette};
use policy::{Engine, Names, PolicyErrors};
use proxy::{route::Speaks, tls};
use thiserror::Error;
use vault::TransformKeys;

use crate::{
    alerts::Secrets,
    bundles::{self, Beginning, Rules},
    config::{self, Config, JwksSource, Listen},
    fleet, objects, passes,
    shipping::{self, Tokens},
};

/// Everything that `run` would refuse; what decides, if it would not.
pub(super) fn holds(config: &Config) -> Result<Beginning> {
    let rules = rules(config)?;
    identity(config)?;
    endpoints(config)?;
    Secrets::read(&config.alerts)?;
    Tokens::read(&config.shipping)?;
    shipping::examine(&config.shipping)?;
    fleet::examine(config)?;
    for place in &config.buckets {
        objects::shown(place)?;
    }
    if let Some(path) = &config.transform_keys {
        TransformKeys::open(path)
            .into_diagnostic()
            .wrap_err("`tokenization.keys` cannot be used")?;
    }
    Ok(rules)
}

pub(crate) fn check(path: &Path) -> Result<ExitCode> {
    let config = config::load(path)?;
    let rules = holds(&config)?;
    let engine = &rules.rules().engine;
    let operations: usize = config
        .services
        .iter()
        .map(|service| service.operations().len())
        .sum();
    println!(
        "`{}` holds: {}, {} with {}, {} (digest {})",
        path.display(),
        counted(config.agents.len(), "agent", "agents"),
        counted(config.services.len(), "service", "services"),
        counted(operations, "operation", "operations"),
        counted(engine.policies().len(), "policy", "policies"),
        engine.digest().get(..12).unwrap_or_default(),
    );
    Ok(ExitCode::SUCCESS)
}

/// So many of them.
fn counted(count: usize, one: &str, many: &str) -> String {
    let named = if count == 1 { one } else { many };
    format!("{count} {named}")
}

/// Everything that is wrong with the policies.
#[derive(Debug, Error, Diagnostic)]
#[error("the policies cannot be used: {count}")]
struct Faults {
    /// How many.
    count: String,
    #[related]
    faults: Vec<Box<dyn Diagnostic + Send + Sync>>,
}

/// What decides when a gateway begins: its configuration's own policies, and those of the bundle in force, checked.
pub(crate) fn rules(config: &Config) -> Result<Beginning> {
    let own = Rules {
        engine: engine(config)?,
        operator: config::classifiers::load(&config.classifiers)?,
    };
    bundles::beginning(config, &names(config), own)
}

/// The policies, checked.
pub(crate) fn engine(config: &Config) -> Result<Arc<Engine>> {
    Engine::load_for(&config.policies, &names(config))
        .map(Arc::new)
        .map_err(|errors| faults(&errors))
}

/// Everything that is wrong with policies, as one report.
pub(super) fn faults(errors: &PolicyErrors) -> Report {
    let faults: Vec<_> = errors
        .iter()
        .cloned()
        .map(|error| Box::new(error) as Box<dyn Diagnostic + Send + Sync>)
        .collect();
    Faults {
        count: counted(faults.len(), "fault", "faults"),
        faults,
    }
    .into()
}

/// Where each issuer's keys come from, and where they go.
pub(crate) type KeySources = Vec<(JwksSource, Arc<KeySet>)>;

/// What policies may name.
pub(crate) fn names(config: &Config) -> Names {
    let operations = config.services.iter().flat_map(|service| {
        let ids = service.operations().into_iter();
        ids.map(move |id| format!("{}/{id}", service.name))
    });
    let arguments = config.services.iter().flat_map(|service| {
        let each = service.arguments().into_iter();
        each.map(move |(id, it)| (format!("{}/{id}", service.name), it.kinds()))
    });
    let mediated = config.services.iter().flat_map(|service| {
        let ids = service.mediated().into_iter();
        ids.map(move |id| format!("{}/{id}", service.name))
    });
    let model = config.mediator.model.as_ref();
    let senders = config.services.iter();
    let senders = senders.filter_map(|service| Some(&service.inbound.as_ref()?.sender));
    let apart = model.map(|model| &model.agent).into_iter().chain(senders);
    let tunnel = config.forward.operation();
    let groups = config.services.iter();
    let groups = groups.flat_map(|service| service.facts.groups.values().flat_map(|it| it.iter()));
    Names {
        groups: groups.map(ToString::to_string).collect(),
        arguments: arguments.collect(),
        mediated: mediated.collect(),
        agents: config
            .agents
            .iter()
            .chain(apart.map(|agent| &**agent))
            .map(|agent| agent.id.as_str().to_owned())
            .collect(),
        services: config
            .services
            .iter()
            .map(|service| service.name.to_string())
            .chain(tunnel.map(|(service, _)| service.to_owned()))
            .collect(),
        operations: operations
            .chain(tunnel.map(|(service, id)| format!("{service}/{id}")))
            .collect(),
    }
}

/// Agents and issuers; an issuer whose keys come by URL has none yet, nor has the gateway itself.
pub(crate) fn identity(config: &Config) -> Result<(Identity, KeySources, Arc<KeySet>)> {
    let registry = Registry::build(config.agents.clone()).map_err(|errors| {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        miette!(
            help = "see `agents` in the configuration",
            "{}",
            all.join("; ")
        )
    })?;
    let mut issuers = Vec::new();
    let mut sources = Vec::new();
    for issuer in &config.issuers {
        let keys = Arc::new(keys(&issuer.source)?);
        sources.push((issuer.source.clone(), Arc::clone(&keys)));
        issuers.push(Issuer {
            name: issuer.name.clone(),
            audience: issuer.audience.clone(),
            keys,
            lifetime_max: issuer.lifetime_max,
            mapping: issuer.mapping.clone(),
        });
    }
    let own = Arc::new(KeySet::empty());
    issuers.push(passes::issuer(Arc::clone(&own)));
    let verifier = Verifier::build(issuers)
        .into_diagnostic()
        .wrap_err("`tokens` cannot be used")?
        .with_resources(resources(config));
    Ok((Identity::new(registry, verifier), sources, own))
}

/// What has a URI of its own, which tokens for it must name.
fn resources(config: &Config) -> impl Iterator<Item = Arc<str>> {
    config
        .services
        .iter()
        .filter_map(|service| match &service.speaks {
            Speaks::Mcp(mcp) => Some(mcp.protected.as_ref()?.resource().into()),
            Speaks::Paths(_) | Speaks::GraphQl(_) => None,
        })
}

fn keys(source: &JwksSource) -> Result<KeySet> {
    let text = match source {
        JwksSource::Url(_) | JwksSource::Issuer(_) | JwksSource::TrustDomain(_) => {
            return Ok(KeySet::empty());
        }
        JwksSource::File(path) => std::fs::read_to_string(path)
            .into_diagnostic()
            .wrap_err_with(|| format!("the key set `{}` cannot be read", path.display()))?,
    };
    KeySet::parse(&text)
        .into_diagnostic()
        .wrap_err_with(|| format!("the key set {source} cannot be used"))
}

/// The addresses that agents are led to, if any are: on either loopback, at ports that nobody else
/// has.
pub(crate) fn led(config: &Config) -> Result<Vec<proxy::Endpoint>> {
    if !config.egress.redirects() {
        return Ok(Vec::new());
    }
    let files = config.egress.tls.as_ref();
    let tls = files.map(tls::server);
    let tls = tls.transpose().into_diagnostic()?;
    let localhosts: [std::net::IpAddr; 2] = [
        std::net::Ipv4Addr::LOCALHOST.into(),
        std::net::Ipv6Addr::LOCALHOST.into(),
    ];
    let endpoint = |address| proxy::Endpoint {
        address: std::net::SocketAddr::new(address, 0),
        tls: tls.clone(),
        kind: proxy::Kind::Led,
    };
    Ok(localhosts.map(endpoint).into())
}

/// The addresses with their certificates.
pub(crate) fn endpoints(config: &Config) -> Result<Vec<proxy::Endpoint>> {
    let endpoint = |listen: &Listen| {
        let files = listen.tls.as_ref();
        let tls = files.map(tls::server);
        Ok(proxy::Endpoint {
            address: listen.address,
            tls: tls.transpose().into_diagnostic()?,
            kind: match &listen.asks {
                Some(asks) => proxy::Kind::Asked(Arc::clone(asks)),
                None if listen.svid => proxy::Kind::Certified,
                None if listen.forward => proxy::Kind::Forward,
                None => proxy::Kind::Reverse,
            },
        })
    };
    config.listen.iter().map(endpoint).collect()
}
