//! From what was typed to what it means: checked, resolved against the file's folder, immutable.

use std::{
    collections::{BTreeMap, HashSet},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use admission::budget::Budget;
use classifiers::declared::Declared;
use http::Uri;
use identity::Agent;
use jiff::SignedDuration;
use miette::Result;
use policy::{Country, PolicyFile};
use proxy::{
    Uninspected,
    governance::Restoring,
    mediation::Mediator,
    route::{Match, Routes, Service},
    usage::Prices,
};
use redaction::Descriptors;
use serde_saphyr::Spanned;

use crate::{lease::Terms, reveal::Panel, schedules::Schedule};

use super::{
    answers::restoring,
    behaviour::Receiver,
    buckets::BucketPlace,
    bundle::Bundles,
    console::Console,
    credentials::CredentialPlace,
    egress::Egress,
    fault::Text,
    file::{self, File},
    fleet::Fleet,
    forward::Forward,
    issuers::IssuerEntry,
    openapi,
    profiles::{self, Provider},
    proofs::Proofs,
    shipping::Destination,
};

/// The longest life that an operator may allow a token.
const TOKEN_LIFETIME_MAX: SignedDuration = SignedDuration::from_hours(24);
/// The life that a token may have where nothing is said.
pub(super) const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// Whose tokens are made where nothing is said.
const TENANT: &str = "default";

/// The configuration in force.
pub(crate) struct Config {
    pub(crate) listen: Vec<Listen>,
    pub(crate) forward: Forward,
    pub(crate) admin: Option<SocketAddr>,
    /// The socket of `tidegate exec`.
    pub(crate) exec: Option<PathBuf>,
    pub(crate) attestation: flows::Mode,
    pub(crate) country: Country,
    /// The socket of the SPIFFE Workload API.
    pub(crate) workload_api: Option<PathBuf>,
    pub(crate) issuers: Vec<IssuerEntry>,
    pub(crate) agents: Vec<Agent>,
    /// The field in which clients say what they are.
    pub(crate) declared_header: Option<http::HeaderName>,
    pub(crate) egress: Egress,
    pub(crate) services: Vec<Arc<Service>>,
    pub(crate) policies: Vec<PolicyFile>,
    pub(crate) classifiers: Vec<PathBuf>,
    /// Where others come from.
    pub(crate) bundles: Option<Bundles>,
    /// Whose API a service is, where it has a profile.
    pub(crate) providers: BTreeMap<Arc<str>, Provider>,
    /// What the services' owners say of them: OpenAPI documents and sets of descriptors.
    pub(crate) described: Vec<PathBuf>,
    pub(crate) budgets: Vec<Budget>,
    /// With whom they are shared.
    pub(crate) fleet: Option<Fleet>,
    pub(crate) behaviour: Option<::behaviour::Rules>,
    pub(crate) alerts: Vec<Receiver>,
    /// The credentials that services want, each once.
    pub(crate) credentials: Vec<(Arc<str>, CredentialPlace)>,
    pub(crate) uninspected: Uninspected,
    pub(crate) data: PathBuf,
    pub(crate) proofs: Proofs,
    /// How long there may be no word of the keyring's provider.
    pub(crate) lease: Terms,
    pub(crate) retention: audit::Retention,
    /// Buckets that something is put into, or may be.
    pub(crate) buckets: Vec<Arc<BucketPlace>>,
    /// Reports that are made by themselves.
    pub(crate) schedules: Vec<Schedule>,
    /// Where events go.
    pub(crate) shipping: Vec<Destination>,
    /// Where people look at the log with a browser.
    pub(crate) console: Option<Console>,
    pub(crate) tenant: String,
    pub(crate) transform_keys: Option<PathBuf>,
    pub(crate) reveal: Option<Panel>,
    pub(crate) otlp: Option<String>,
    pub(crate) sample: f64,
    pub(crate) upstream_ca: Option<PathBuf>,
    pub(crate) mediator: Mediator,
    pub(crate) workers: usize,
    pub(crate) digest: String,
}

/// One address that agents connect to.
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<proxy::tls::Files>,
    /// Whether requests come here as to a proxy.
    pub(crate) forward: bool,
    /// Whether agents show an X.509-SVID here.
    pub(crate) svid: bool,
    /// What another proxy may ask here.
    pub(crate) asks: Option<Arc<proxy::asked::Asks>>,
}

impl Config {
    pub(crate) fn routes(&self) -> Routes {
        Routes::new(self.services.clone())
    }
}

/// Resolves `file` against `directory`.
pub(crate) fn resolve(file: File, text: &Text, directory: &Path, digest: String) -> Result<Config> {
    let resolver = Resolver {
        text,
        directory,
        templates: templates(file.mediator.as_ref()),
        servers: servers(&file),
    };
    resolver.holds_together(&file)?;
    let egress = resolver.egress(&file)?;
    let forward = resolver.forward(&file)?;
    let budgets = resolver.budgets(&file)?;
    let behaviour = resolver.behaviour(&file)?;
    let alerts = resolver.alerts(&file)?;
    let credentials = resolver.places(&file)?;
    let listen = resolver.listeners(&file)?;
    let prices = resolver.prices(&file)?;
    let buckets = resolver.buckets(&file.buckets)?;
    let agents = file.agents.iter().map(|agent| resolver.agent(agent));
    let agents = agents.collect::<Result<_>>()?;
    let existing = |path| resolver.existing(path);
    Ok(Config {
        retention: resolver.retention(&file)?,
        bundles: resolver.bundles(&file, &buckets)?,
        described: openapi::described(&file, directory),
        providers: profiles::providers(&file.services),
        mediator: resolver.mediator(&file)?,
        egress,
        forward,
        budgets,
        fleet: resolver.fleet(file.fleet.as_ref())?,
        behaviour,
        alerts,
        credentials,
        listen,
        workload_api: resolver.workload_api(&file)?,
        admin: file.admin.map(|admin| admin.address),
        exec: file.exec.map(|exec| directory.join(exec.socket)),
        attestation: attestation(file.attestation),
        country: resolver.own_country(&file.country)?,
        issuers: resolver.issuers(file.tokens)?,
        agents,
        declared_header: resolver.declared_header(file.declared.header.as_ref())?,
        services: resolver.services(file.services, &prices)?,
        policies: resolver.policies(&file.policies)?,
        classifiers: resolver.classifiers(&file.classifiers)?,
        uninspected: uninspected(file.uninspected),
        proofs: resolver.proofs(&file.audit, &buckets)?,
        lease: resolver.lease(&file.audit)?,
        schedules: resolver.schedules(&file.reports, &buckets)?,
        shipping: resolver.shipping(&file.shipping, &buckets)?,
        buckets,
        console: resolver.console(file.console.as_ref())?,
        data: directory.join(file.audit.directory),
        tenant: file
            .tokenization
            .tenant
            .unwrap_or_else(|| TENANT.to_owned()),
        transform_keys: file.tokenization.keys.as_ref().map(existing).transpose()?,
        reveal: file
            .tokenization
            .reveal
            .map(|reveal| resolver.panel(&reveal))
            .transpose()?,
        sample: resolver.sample(file.telemetry.sample.as_ref())?,
        otlp: resolver.otlp(file.telemetry.otlp.as_ref())?,
        upstream_ca: file.upstream_ca.as_ref().map(existing).transpose()?,
        workers: file
            .workers
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into)),
        digest,
    })
}

/// The issuers that publish how a token is asked for (RFC 8414): they are named by where they do.
fn servers(file: &File) -> Vec<String> {
    let names = file.tokens.iter().map(|issuer| &issuer.name);
    let published = |name: &&String| {
        let uri = Uri::from_str(name).ok();
        uri.is_some_and(|uri| uri.scheme_str() == Some("https") || is_loopback(&uri))
    };
    names.filter(published).cloned().collect()
}

fn templates(typed: Option<&file::Mediator>) -> &[file::MediationTemplate] {
    typed.map_or(&[], |mediator| &mediator.templates)
}

fn uninspected(typed: file::Uninspected) -> Uninspected {
    match typed {
        file::Uninspected::Refuse => Uninspected::Refuse,
        file::Uninspected::Record => Uninspected::Record,
    }
}

fn attestation(typed: file::Attestation) -> flows::Mode {
    match typed {
        file::Attestation::Auto => flows::Mode::Auto,
        file::Attestation::Kernel => flows::Mode::Kernel,
        file::Attestation::Proc => flows::Mode::Proc,
    }
}

pub(super) struct Resolver<'a> {
    text: &'a Text,
    pub(super) directory: &'a Path,
    /// What is typed of the mediator's templates.
    pub(super) templates: &'a [file::MediationTemplate],
    /// Who issues tokens, by where that is published.
    pub(super) servers: Vec<String>,
}

impl Resolver<'_> {
    pub(super) fn fault<T>(
        &self,
        at: &Spanned<T>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> miette::Report {
        self.text.fault(&at.referenced, message, help).into()
    }

    fn classifiers(&self, patterns: &[Spanned<String>]) -> Result<Vec<PathBuf>> {
        let files = self.files(patterns, "file of classifiers")?;
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }

    fn listeners(&self, file: &File) -> Result<Vec<Listen>> {
        let all = file.listen.iter();
        all.map(|listen| self.listen(listen, &file.services))
            .collect()
    }

    fn listen(&self, typed: &file::Listen, services: &[file::Service]) -> Result<Listen> {
        let asks = typed.ext_authz.as_ref();
        let asks = asks.map(|asks| self.asks(asks, typed.forward, services));
        let svid = typed.svid.as_ref().filter(|svid| svid.value);
        if let Some(svid) = svid
            && (typed.tls.is_some() || typed.forward || asks.is_some())
        {
            let help =
                "take `tls`, `forward` and `ext_authz` off, or give each an address of its own";
            return Err(self.fault(
                svid,
                "where agents show SVIDs, the gateway shows its own",
                help,
            ));
        }
        Ok(Listen {
            svid: svid.is_some(),
            address: typed.address,
            tls: typed.tls.as_ref().map(|tls| self.tls(tls)),
            forward: typed.forward,
            asks: asks.transpose()?.map(Arc::new),
        })
    }

    pub(super) fn tls(&self, tls: &file::Tls) -> proxy::tls::Files {
        proxy::tls::Files {
            certificate: self.directory.join(&tls.certificate.value),
            key: self.directory.join(&tls.key),
            ask_certificate: tls.ask_certificate,
        }
    }

    /// Where this host is. `ZZ` says that nobody knows: it is in no region, and the record says so.
    fn own_country(&self, code: &Spanned<String>) -> Result<Country> {
        if code.value == Country::UNKNOWN.code() {
            return Ok(Country::UNKNOWN);
        }
        self.country(code)
    }

    pub(super) fn country(&self, code: &Spanned<String>) -> Result<Country> {
        Country::parse(&code.value)
            .filter(|country| *country != Country::UNKNOWN)
            .ok_or_else(|| {
                let message = format!("`{}` is not a country code", code.value);
                self.fault(
                    code,
                    message,
                    "two upper-case letters of ISO 3166-1, such as DE or US",
                )
            })
    }

    pub(super) fn existing(&self, path: &Spanned<PathBuf>) -> Result<PathBuf> {
        let full = self.directory.join(&path.value);
        if full.is_file() {
            return Ok(full);
        }
        let message = format!("there is no file `{}`", full.display());
        Err(self.fault(
            path,
            message,
            "relative paths begin at the configuration file's folder",
        ))
    }

    pub(super) fn uri(&self, typed: &Spanned<String>) -> Result<Uri> {
        let uri = Uri::from_str(&typed.value).ok().filter(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri
                    .authority()
                    .is_some_and(|authority| !authority.as_str().contains('@'))
        });
        uri.ok_or_else(|| {
            let message = format!("`{}` is not an address of the web", typed.value);
            self.fault(
                typed,
                message,
                "write scheme, host and port: `http://127.0.0.1:9001`",
            )
        })
    }

    fn otlp(&self, typed: Option<&Spanned<String>>) -> Result<Option<String>> {
        let uri = typed.map(|otlp| self.uri(otlp)).transpose()?;
        Ok(uri.map(|uri| uri.to_string()))
    }

    fn sample(&self, typed: Option<&Spanned<f64>>) -> Result<f64> {
        let Some(typed) = typed else { return Ok(1.0) };
        if (0.0..=1.0).contains(&typed.value) {
            return Ok(typed.value);
        }
        Err(self.fault(
            typed,
            "the sampling share lies outside 0 to 1",
            "1.0 keeps every trace, 0.01 one in a hundred",
        ))
    }

    pub(super) fn lifetime(&self, typed: &Spanned<String>) -> Result<SignedDuration> {
        let parsed = SignedDuration::from_str(&typed.value).ok();
        parsed
            .filter(|duration| duration.is_positive() && *duration <= TOKEN_LIFETIME_MAX)
            .ok_or_else(|| {
                let message = format!("`{}` is not a token's lifetime", typed.value);
                self.fault(typed, message, "a duration up to 24h: `15m`, `1h`")
            })
    }

    /// What one part says of another.
    fn holds_together(&self, file: &File) -> Result<()> {
        self.keys_are_meant(file)?;
        self.resources_are_own(file)?;
        self.budgets_are_told(file)?;
        self.check_senders(file)
    }

    fn services(
        &self,
        services: Vec<file::Service>,
        prices: &Arc<Prices>,
    ) -> Result<Vec<Arc<Service>>> {
        self.check_argument_types(&services)?;
        let mut names = HashSet::new();
        let mut matches = HashSet::new();
        let mut resolved = Vec::new();
        for service in services {
            if !names.insert(service.name.value.clone()) {
                let message = format!("service `{}` is defined twice", service.name.value);
                return Err(self.fault(&service.name, message, "rename one of the two"));
            }
            let service_match = self.service_match(&service)?;
            if !matches.insert(format!("{service_match:?}")) {
                let message = format!(
                    "service `{}` answers where another one does",
                    service.name.value
                );
                return Err(self.fault(
                    &service.name,
                    message,
                    "give each service its own prefix or host",
                ));
            }
            resolved.push(Arc::new(self.service(service, service_match, prices)?));
        }
        Ok(resolved)
    }

    fn service_match(&self, service: &file::Service) -> Result<Match> {
        let help = "write `prefix: /crm` or `host: crm.internal`, one of the two";
        match (&service.prefix, &service.host) {
            (Some(prefix), None) if is_prefix(prefix) => Ok(Match::Prefix(prefix.clone())),
            (Some(prefix), None) => {
                let message = format!("`{prefix}` is not a prefix");
                Err(self.fault(
                    &service.name,
                    message,
                    "a prefix reads `/crm` or `/crm/v2`, without a slash at its end",
                ))
            }
            (None, Some(host)) if !host.is_empty() => Ok(Match::Host(host.to_ascii_lowercase())),
            _ => Err(self.fault(
                &service.name,
                "a service is reached by a prefix or by a host",
                help,
            )),
        }
    }

    fn service(
        &self,
        service: file::Service,
        matches: Match,
        prices: &Arc<Prices>,
    ) -> Result<Service> {
        let usage = self.usage(&service, prices)?;
        let (speaks, declared) = self.speaks(&service)?;
        let timeouts = self.timeouts(&service)?;
        let descriptors = self.descriptors(&service)?;
        let upstreams = self.upstreams(&service)?;
        let presented = self.presented(&service)?;
        let facts = self.facts(&service)?;
        let inbound = self.inbound(&service)?.map(Arc::new);
        Ok(Service {
            presented,
            upstreams,
            name: Arc::from(service.name.value),
            matches,
            restoring: service.restore.map_or(Restoring::Nowhere, restoring),
            speaks,
            timeouts,
            encodes: service.encode.unwrap_or(true),
            declared,
            descriptors,
            usage,
            facts,
            inbound,
        })
    }

    /// What the service's OpenAPI document says of its bodies; it must know every operation, or what it
    /// says of one would pass silently for nothing.
    pub(super) fn declared(&self, service: &file::Service) -> Result<Option<Arc<Declared>>> {
        let Some(typed) = &service.openapi else {
            return Ok(None);
        };
        let declared = openapi::load(&self.existing(typed)?).map_err(|message| {
            let help = "OpenAPI 3, JSON or YAML, with all it refers to in one file";
            self.fault(typed, message, help)
        })?;
        for operation in &service.operations {
            let (method, path) = (&operation.method.value, &operation.path.value);
            if declared.position(method, path).is_none() {
                let message = format!(
                    "`{}` does not describe `{method} {path}`",
                    typed.value.display()
                );
                let help =
                    "paths as the document has them; those of its `servers` belong to `upstream`";
                return Err(self.fault(&operation.path, message, help));
            }
        }
        Ok(Some(declared))
    }

    /// What the service's messages of protobuf are.
    fn descriptors(&self, service: &file::Service) -> Result<Option<Descriptors>> {
        let Some(typed) = &service.descriptors else {
            return Ok(None);
        };
        let name = typed.value.display();
        let help = "a file that `protoc --include_imports --descriptor_set_out=set.binpb` writes";
        let bytes = std::fs::read(self.existing(typed)?).map_err(|error| {
            self.fault(typed, format!("`{name}` cannot be read: {error}"), help)
        })?;
        let descriptors = Descriptors::decode(&bytes).map_err(|error| {
            let message = format!("`{name}` is no set of descriptors: {error}");
            self.fault(typed, message, help)
        })?;
        Ok(Some(descriptors))
    }

    fn policies(&self, patterns: &[Spanned<String>]) -> Result<Vec<PolicyFile>> {
        let read = |(pattern, path): (&Spanned<String>, PathBuf)| {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                self.fault(
                    pattern,
                    format!("`{}` cannot be read: {error}", path.display()),
                    "policies are UTF-8 text",
                )
            })?;
            Ok(PolicyFile {
                name: path.display().to_string(),
                text,
            })
        };
        let files = self.files(patterns, "policy file")?;
        files.into_iter().map(read).collect()
    }

    /// The files that `patterns` name, each with its pattern; every pattern must name one.
    fn files<'a>(
        &self,
        patterns: &'a [Spanned<String>],
        what: &str,
    ) -> Result<Vec<(&'a Spanned<String>, PathBuf)>> {
        let mut files = Vec::new();
        for pattern in patterns {
            let found = matching(&self.directory.join(&pattern.value));
            if found.is_empty() {
                let message = format!("no {what} matches `{}`", pattern.value);
                return Err(self.fault(
                    pattern,
                    message,
                    "relative paths begin at the configuration file's folder",
                ));
            }
            files.extend(found.into_iter().map(|path| (pattern, path)));
        }
        Ok(files)
    }
}

/// Whether it is made of plain segments: what a request's path can be compared with in one way.
fn is_prefix(prefix: &str) -> bool {
    let plain = |segment: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_~.".contains(&b);
        !segment.is_empty() && !segment.bytes().all(|b| b == b'.') && segment.bytes().all(fits)
    };
    prefix
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(plain))
}

/// Whether an address is one of this host's own loopback, where nobody else can listen in.
pub(crate) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The files that `pattern` names, sorted; `*` stands for any part of the file name.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let Some((before, after)) = name.split_once('*') else {
        return if pattern.is_file() {
            vec![pattern.to_owned()]
        } else {
            Vec::new()
        };
    };
    let folder = pattern.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.len() >= before.len() + after.len()
                && name.starts_with(before)
                && name.ends_with(after)
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}
