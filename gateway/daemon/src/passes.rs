//! The key of the gateway's own tokens, and what an agent's process is told with one.

use std::{net::SocketAddr, path::Path, sync::Arc};

use identity::{Issuer, KeySet, Mapping};
use miette::{IntoDiagnostic as _, Result};
use proxy::{
    credential::Form,
    pass::{AUDIENCE, ISSUER, LIFETIME_MAX, Passes},
};
use vault::{KeyProvider, SignerFile, SigningKey};

use crate::{
    authority::{BUNDLE, ROOT},
    config::Config,
};

/// The file, in the log's folder.
pub(crate) const FILE: &str = "passes.json";

/// What the vault keeps the key for.
pub(crate) const PURPOSE: &str = "passes";

/// What a client has for a key that it must have, where the gateway knows it without.
const PLACEHOLDER: &str = "tidegate";

/// A profile, or a part of a name or host, the variable of the key, and that of the address with a path.
type Vendor = (
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
);

/// What an environment calls the keys of services, by a part of the service's name or host; and its
/// address, with what the library takes to be in it.
const VENDORS: [Vendor; 9] = [
    (
        "azure-openai",
        "AZURE_OPENAI_API_KEY",
        Some(("AZURE_OPENAI_ENDPOINT", "")),
    ),
    ("openai", "OPENAI_API_KEY", Some(("OPENAI_BASE_URL", "/v1"))),
    (
        "anthropic",
        "ANTHROPIC_API_KEY",
        Some(("ANTHROPIC_BASE_URL", "")),
    ),
    ("stripe", "STRIPE_API_KEY", None),
    ("twilio", "TWILIO_AUTH_TOKEN", None),
    ("gemini", "GEMINI_API_KEY", None),
    ("googleapis", "GOOGLE_API_KEY", None),
    ("github", "GITHUB_TOKEN", None),
    ("slack", "SLACK_BOT_TOKEN", None),
];

/// The gateway itself as an issuer of tokens; its keys are there once [`open`] has run.
pub(crate) fn issuer(keys: Arc<KeySet>) -> Issuer {
    Issuer {
        name: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys,
        lifetime_max: LIFETIME_MAX,
        mapping: Mapping::default(),
    }
}

/// The key of this log, made on first use; passes that it signed are believed from now on.
pub(crate) fn open(data: &Path, provider: &dyn KeyProvider, keys: &KeySet) -> Result<Passes> {
    let path = data.join(FILE);
    let key = if let Some(file) = SignerFile::<()>::open(&path).into_diagnostic()? {
        file.key(PURPOSE, provider).into_diagnostic()?
    } else {
        let key = SigningKey::generate().into_diagnostic()?;
        let file = SignerFile::seal((), &key, PURPOSE, provider).into_diagnostic()?;
        file.save(&path).into_diagnostic()?;
        key
    };
    keys.replace(&key.key_set().into_diagnostic()?)
        .into_diagnostic()?;
    Ok(Passes::new(key))
}

/// What the libraries of services are told: a key that is none, and the way here.
pub(crate) struct Surroundings {
    /// By service: the name of its key, and its address under the gateway's, if it has one.
    services: Vec<(&'static str, Option<(&'static str, String)>)>,
    /// The region of a service whose requests are signed here, if there is one.
    region: Option<String>,
    /// The files by which the gateway is believed, if it answers in others' names.
    trusted: Option<[String; 2]>,
}

impl Surroundings {
    pub(crate) fn of(config: &Config) -> Self {
        let kept = config.services.iter().filter(|it| it.presented.is_some());
        let services = kept.filter_map(|service| {
            let (prefix, host) = match &service.matches {
                proxy::route::Match::Prefix(prefix) => (Some(prefix), ""),
                proxy::route::Match::Host(host) => (None, host.as_str()),
            };
            let provider = config.providers.get(&service.name);
            let known = |part: &str| match provider {
                Some(provider) => provider.name() == part,
                None => service.name.contains(part) || host.contains(part),
            };
            let (_, key, address) = VENDORS.iter().find(|(part, ..)| known(part))?;
            let url =
                |&(name, path): &(&'static str, &str)| Some((name, format!("{}{path}", prefix?)));
            Some((*key, address.as_ref().and_then(url)))
        });
        let region = config.services.iter().find_map(|service| {
            let form = service.presented.as_ref().map(|it| &it.form);
            match form {
                Some(Form::SigV4(signer)) => Some(signer.region.clone()),
                _ => None,
            }
        });
        let folder = config.exec.as_deref().and_then(Path::parent);
        let folder = folder.filter(|_| config.intercepts() && !config.hosts().is_empty());
        let trusted =
            folder.map(|folder| [ROOT, BUNDLE].map(|name| folder.join(name).display().to_string()));
        Self {
            services: services.collect(),
            region,
            trusted,
        }
    }

    /// The variables of a process that shows `pass`, or nothing if the kernel's word is enough.
    pub(crate) fn variables(
        &self,
        pass: Option<&str>,
        listen: &[(SocketAddr, proxy::Kind)],
    ) -> Vec<(String, String)> {
        let key = pass.unwrap_or(PLACEHOLDER);
        let at = |kind| listen.iter().find(|(_, it)| *it == kind).map(|(at, _)| at);
        let mut all: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
        set("TIDEGATE_TOKEN", key);
        for (name, address) in &self.services {
            set(name, key);
            if let (Some((name, path)), Some(at)) = (address, at(proxy::Kind::Reverse)) {
                set(name, &format!("http://{at}{path}"));
            }
        }
        if let Some(region) = &self.region {
            // What its libraries sign is dropped; the token of a session they send as it is.
            set("AWS_ACCESS_KEY_ID", PLACEHOLDER);
            set("AWS_SECRET_ACCESS_KEY", PLACEHOLDER);
            set("AWS_SESSION_TOKEN", key);
            // Else they cut uploads into chunks that nobody can read and sign anew.
            set("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required");
            set("AWS_REGION", region);
            set("AWS_DEFAULT_REGION", region);
        }
        if let Some(at) = at(proxy::Kind::Forward) {
            let url = format!("http://agent:{key}@{at}");
            for name in ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"] {
                set(name, &url);
            }
            for name in ["NO_PROXY", "no_proxy"] {
                set(name, "localhost,127.0.0.1,::1");
            }
            set("NODE_USE_ENV_PROXY", "1");
        }
        if let Some([root, bundle]) = &self.trusted {
            set("NODE_EXTRA_CA_CERTS", root);
            for name in [
                "SSL_CERT_FILE",
                "REQUESTS_CA_BUNDLE",
                "CURL_CA_BUNDLE",
                "AWS_CA_BUNDLE",
            ] {
                set(name, bundle);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_aws_find_keys_that_are_worth_nothing_and_the_pass_for_a_session() {
        let surroundings = |region: Option<&str>| Surroundings {
            services: Vec::new(),
            region: region.map(str::to_owned),
            trusted: None,
        };
        let of_aws = |region, pass| -> Vec<(String, String)> {
            let all = surroundings(region).variables(pass, &[]);
            all.into_iter()
                .filter(|(name, _)| name.starts_with("AWS_"))
                .collect()
        };
        assert_eq!(of_aws(None, Some("a.b.c")), []);
        let pairs = |session: &str| {
            [
                ("AWS_ACCESS_KEY_ID", PLACEHOLDER),
                ("AWS_SECRET_ACCESS_KEY", PLACEHOLDER),
                ("AWS_SESSION_TOKEN", session),
                ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_DEFAULT_REGION", "eu-central-1"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        assert_eq!(of_aws(Some("eu-central-1"), None), pairs(PLACEHOLDER));
        assert_eq!(of_aws(Some("eu-central-1"), Some("a.b.c")), pairs("a.b.c"));
    }
}
