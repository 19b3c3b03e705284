//! What is known of providers: a service of theirs needs little more than its name and its key.
//!
//! The files are facts of public descriptions and references: names, methods, paths, parameters. Each says where
//! they are from; `cargo xtask profiles` holds them against those of these that packages carry.

use std::{collections::BTreeMap, sync::Arc};

use miette::{Result, miette};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::file::{self, ArgumentType, CredentialForm, Effect, Service, Training, Usage};

/// Whose API a service is.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Provider {
    Anthropic,
    AzureOpenai,
    Bedrock,
    Gemini,
    Github,
    Openai,
    Slack,
    Stripe,
    Twilio,
}

/// What is known of a provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// Where the operations are from.
    #[serde(rename = "source")]
    _source: Source,
    /// The host that clients call; none where each customer has one of their own.
    host: Option<String>,
    upstream: Option<String>,
    /// ISO 3166 country of the upstream.
    country: Option<String>,
    /// How its key is presented; none where the operator must say.
    credential: Option<CredentialForm>,
    usage: Option<Usage>,
    /// Endings of hosts at which what is said of training holds; the host itself if there are none.
    #[serde(default)]
    vouched: Vec<String>,
    training: Stated,
    operations: Vec<Operation>,
}

/// Where facts are from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// What describes the API.
    #[serde(rename = "reference")]
    _reference: String,
    /// The package that carries a description, if one does.
    #[serde(rename = "package")]
    _package: Option<Package>,
    /// When it was read.
    #[serde(rename = "read")]
    _read: String,
}

/// A package that carries a description, and where in it that stands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    #[serde(rename = "registry")]
    _registry: String,
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "version")]
    _version: String,
    #[serde(rename = "file")]
    _file: String,
    /// What stands before the paths in it.
    #[serde(rename = "base")]
    _base: String,
}

/// Whether the provider may train models on what it is given, and where it says so.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    may: Training,
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(rename = "read")]
    _read: Option<String>,
}

/// One operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    id: String,
    method: String,
    path: String,
    effect: Option<Effect>,
    #[serde(default)]
    except: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    body: BTreeMap<String, String>,
    #[serde(default)]
    arguments: BTreeMap<String, Argument>,
    websocket: Option<WebSocket>,
}

/// What is declared of a WebSocket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebSocket {
    #[serde(default)]
    subprotocols: Vec<String>,
}

/// An argument that policies may hold within bounds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Argument {
    #[serde(rename = "type")]
    kind: ArgumentType,
    /// The parameter that names the currency of an amount.
    currency_in: Option<String>,
}

impl Provider {
    /// Every provider.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::Anthropic,
        Self::AzureOpenai,
        Self::Bedrock,
        Self::Gemini,
        Self::Github,
        Self::Openai,
        Self::Slack,
        Self::Stripe,
        Self::Twilio,
    ];

    /// Its name in the configuration.
    pub(crate) fn name(self) -> &'static str {
        self.file().0
    }

    fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Anthropic => ("anthropic", include_str!("profiles/anthropic.yaml")),
            Self::AzureOpenai => ("azure-openai", include_str!("profiles/azure-openai.yaml")),
            Self::Bedrock => ("bedrock", include_str!("profiles/bedrock.yaml")),
            Self::Gemini => ("gemini", include_str!("profiles/gemini.yaml")),
            Self::Github => ("github", include_str!("profiles/github.yaml")),
            Self::Openai => ("openai", include_str!("profiles/openai.yaml")),
            Self::Slack => ("slack", include_str!("profiles/slack.yaml")),
            Self::Stripe => ("stripe", include_str!("profiles/stripe.yaml")),
            Self::Twilio => ("twilio", include_str!("profiles/twilio.yaml")),
        }
    }

    fn profile(self) -> Result<Profile> {
        let (name, text) = self.file();
        serde_saphyr::from_str(text).map_err(|error| {
            let help = "this is a fault of Tidegate's: please report it";
            miette!(help = help, "the profile `{name}` cannot be read: {error}")
        })
    }
}

/// Puts what profiles say where the services say nothing.
pub(super) fn fill(services: &mut [Service]) -> Result<()> {
    for service in services {
        let Some(named) = service.profile.clone() else {
            continue;
        };
        let profile = named.value.profile()?;
        Filler { named }.fill(service, profile);
    }
    Ok(())
}

/// Whether every upstream of a service is the provider's own.
fn is_vouched(service: &Service, profile: &Profile) -> bool {
    let own = profile.host.iter().map(String::as_str);
    let own: Vec<&str> = own
        .chain(profile.vouched.iter().map(String::as_str))
        .collect();
    let is_theirs = |url: &str| {
        let uri = url.parse::<http::Uri>();
        let host = uri
            .ok()
            .and_then(|uri| uri.host().map(str::to_ascii_lowercase));
        host.is_some_and(|host| {
            own.iter().any(|own| match own.strip_prefix('.') {
                Some(_) => host.ends_with(own),
                None => host == *own,
            })
        })
    };
    let named = service.upstream.iter().map(|it| &it.value);
    let several = service.upstreams.iter().map(|it| &it.url.value);
    let mut urls = named.chain(several).peekable();
    match urls.peek() {
        Some(_) => urls.all(|url| is_theirs(url)),
        // It is the profile's, unless another host is named.
        None => service.host.is_none() || service.host == profile.host,
    }
}

/// Whose API each service with a profile is.
pub(super) fn providers(services: &[Service]) -> BTreeMap<Arc<str>, Provider> {
    let named = services.iter().filter_map(|it| {
        let provider = it.profile.as_ref()?;
        Some((it.name.value.as_str().into(), provider.value))
    });
    named.collect()
}

/// Fills one service; what is wrong with that is told where the profile is named.
struct Filler {
    named: Spanned<Provider>,
}

impl Filler {
    fn here<T>(&self, value: T) -> Spanned<T> {
        Spanned::new(value, self.named.referenced, self.named.defined)
    }

    fn fill(&self, service: &mut Service, profile: Profile) {
        // What a provider says of itself, it says of nobody who stands in its place.
        let vouches = is_vouched(service, &profile);
        // Whoever names another host means another place, which must be said: its key is not the provider's.
        let is_elsewhere = service.host.is_some() && service.host != profile.host;
        if service.host.is_none() && service.prefix.is_none() {
            service.host = profile.host;
        }
        // An upstream of one's own may be anywhere, so the country is of the profile's alone.
        if service.upstream.is_none() && service.upstreams.is_empty() && !is_elsewhere {
            service.upstream = profile.upstream.map(|it| self.here(it));
            let country = profile.country.map(|it| self.here(it));
            service.country = service.country.take().or(country);
        }
        if let (Some(form), Some(credential)) = (profile.credential, &mut service.credential) {
            credential.value.form.get_or_insert(self.here(form));
        }
        service.usage = service.usage.take().or(profile.usage);
        if vouches {
            service.training = service.training.or(Some(profile.training.may));
        }
        if service.mcp.is_some() || service.graphql.is_some() {
            return;
        }
        for operation in profile.operations {
            let is_own = |own: &file::Operation| {
                let same_call =
                    own.method.value == operation.method && own.path.value == operation.path;
                own.id.value == operation.id || same_call
            };
            // The operator's come first, and one that is of the same call or name is in place of this.
            if !service.operations.iter().any(is_own) {
                service.operations.push(self.operation(operation));
            }
        }
    }

    fn operation(&self, known: Operation) -> file::Operation {
        let body = known.body.into_iter();
        let arguments = known.arguments.into_iter();
        let groups = known.groups.into_iter();
        file::Operation {
            id: self.here(known.id),
            method: self.here(known.method),
            path: self.here(known.path),
            effect: known.effect,
            except: known.except,
            groups: groups.map(|group| self.here(group)).collect(),
            query: BTreeMap::new(),
            header: BTreeMap::new(),
            body: body.map(|(name, at)| (name, self.here(at))).collect(),
            arguments: arguments
                .map(|(name, it)| (name, self.argument(it)))
                .collect(),
            rows: Vec::new(),
            records_max: None,
            fields_max: None,
            subject: None,
            records: None,
            websocket: known.websocket.map(|it| self.websocket(it)),
        }
    }

    fn websocket(&self, known: WebSocket) -> Spanned<file::WebSocket> {
        let subprotocols = known.subprotocols.into_iter();
        self.here(file::WebSocket {
            subprotocols: subprotocols.map(|it| self.here(it)).collect(),
        })
    }

    fn argument(&self, known: Argument) -> file::Argument {
        file::Argument {
            kind: self.here(known.kind),
            one_of: Vec::new(),
            pattern: None,
            currency: None,
            currency_in: known.currency_in.map(|it| self.here(it)),
            default: None,
        }
    }
}

#[cfg(test)]
mod tests;
