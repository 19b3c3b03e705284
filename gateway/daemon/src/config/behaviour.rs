//! What is held against what is usual, and who is told.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use ::behaviour::{Detector, Response, Rules};
use http::Uri;
use miette::Result;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    file::File,
    resolve::{Resolver, is_loopback},
};

/// The most receivers of alerts.
const ALERTS_MAX: usize = 16;

/// What is held against what is usual.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Behaviour {
    /// What follows from each detector's verdicts.
    #[serde(default)]
    detectors: BTreeMap<Detector, Response>,
    /// What follows from those that are not named.
    #[serde(default = "note")]
    otherwise: Response,
    /// Calls after which an agent's baseline is what it is.
    learn_calls: Option<u64>,
    /// Days with calls after which its hours and its widest day are what they are.
    learn_days: Option<u64>,
    /// Calls a minute that a workload at little risk may make while it is throttled.
    throttle: Option<u32>,
    /// What nobody has a reason to touch.
    #[serde(default)]
    canaries: Canaries,
}

/// What nobody has a reason to touch.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Canaries {
    /// Operations: `crm/customer.dump`.
    #[serde(default)]
    operations: Vec<Spanned<String>>,
    /// Places of answers that hold something personal, as records write them: `/customers/*/trap`.
    #[serde(default)]
    fields: Vec<String>,
}

/// Who is told of findings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alert {
    /// Its name, which is that of the folder where alerts wait.
    name: Spanned<String>,
    /// Where to post to.
    webhook: Option<Spanned<String>>,
    /// The file with the key that signs what is posted: `whsec_` and base64.
    secret: Option<Spanned<PathBuf>>,
    /// Host and port of a collector of syslog over TLS.
    syslog: Option<Spanned<String>>,
    /// Whether the collector must say that it ends a connection (`close_notify`).
    close_notify: Option<Spanned<bool>>,
}

/// A receiver of alerts.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) name: String,
    pub(crate) way: Way,
}

/// How it is reached.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// By a webhook, signed with the key in the file.
    Webhook(Uri, PathBuf),
    /// By syslog over TLS.
    Syslog(Collecting),
}

/// A collector of syslog over TLS.
#[derive(Clone, Debug)]
pub(crate) struct Collecting {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether a connection that ends without `close_notify` (RFC 8446, section 6.1) was cut.
    pub(crate) close_notify: bool,
}

fn note() -> Response {
    Response::Note
}

impl Resolver<'_> {
    pub(super) fn behaviour(&self, file: &File) -> Result<Option<Rules>> {
        let Some(typed) = &file.behaviour else {
            return Ok(None);
        };
        let mut rules = Rules::all(typed.otherwise);
        for (detector, response) in &typed.detectors {
            rules.set(*detector, *response);
        }
        rules.learn_calls = typed.learn_calls.unwrap_or(rules.learn_calls);
        rules.learn_days = typed.learn_days.unwrap_or(rules.learn_days);
        rules.throttle = typed.throttle.unwrap_or(rules.throttle);
        let fields = typed.canaries.fields.iter();
        rules.canary_fields = fields.map(|field| Arc::from(field.as_str())).collect();
        let operations = typed.canaries.operations.iter().map(|operation| {
            let service = operation.value.split('/').next().unwrap_or_default();
            let mut services = file.services.iter();
            if services.any(|known| known.name.value == service) {
                return Ok(Arc::from(operation.value.as_str()));
            }
            let message = format!("`{}` is no operation of a service", operation.value);
            Err(self.fault(
                operation,
                message,
                "service and operation: `crm/customer.dump`",
            ))
        });
        rules.canary_operations = operations.collect::<Result<_>>()?;
        Ok(Some(rules))
    }

    pub(super) fn alerts(&self, file: &File) -> Result<Vec<Receiver>> {
        self.once(
            file.alerts.iter().map(|alert| &alert.name),
            "the receiver of alerts",
        )?;
        let has_tools = file.services.iter().any(|service| service.mcp.is_some());
        if let (Some(alert), None, false) = (file.alerts.first(), &file.behaviour, has_tools) {
            let help = "say `behaviour: {}` at the least, and `alert` for what is to be told";
            return Err(self.fault(
                &alert.name,
                "nothing would be told: `behaviour` is off, and no service speaks MCP",
                help,
            ));
        }
        if let Some(one_too_many) = file.alerts.get(ALERTS_MAX) {
            let message = format!("there are more than {ALERTS_MAX} receivers of alerts");
            return Err(self.fault(
                &one_too_many.name,
                message,
                "let one of them pass alerts on",
            ));
        }
        file.alerts.iter().map(|alert| self.alert(alert)).collect()
    }

    fn alert(&self, typed: &Alert) -> Result<Receiver> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let name = &typed.name.value;
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            let message = format!("`{name}` is no name of a receiver");
            let help =
                "letters, digits, `-` and `_`, up to 64: alerts wait in a folder of that name";
            return Err(self.fault(&typed.name, message, help));
        }
        let way = match (&typed.webhook, &typed.secret, &typed.syslog) {
            (Some(webhook), Some(secret), None) => {
                self.only_syslog(typed.close_notify.as_ref())?;
                let uri = self.uri(webhook)?;
                if uri.scheme_str() != Some("https") && !is_loopback(&uri) {
                    let message = "alerts are not sent in the clear";
                    let help = "write `https://`; only loopback may do without";
                    return Err(self.fault(webhook, message, help));
                }
                Way::Webhook(uri, self.existing(secret)?)
            }
            (None, None, Some(syslog)) => {
                Way::Syslog(self.collector(syslog, typed.close_notify.as_ref())?)
            }
            _ => {
                let help = "`webhook` with `secret`, or `syslog`, one of the two";
                return Err(self.fault(&typed.name, "alerts go one way", help));
            }
        };
        Ok(Receiver {
            name: name.clone(),
            way,
        })
    }

    /// Host and port of a collector of syslog.
    pub(super) fn collector(
        &self,
        typed: &Spanned<String>,
        close_notify: Option<&Spanned<bool>>,
    ) -> Result<Collecting> {
        let parts = typed.value.rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let (host, port) = parts.filter(|(host, _)| !host.is_empty()).ok_or_else(|| {
            let message = format!("`{}` is not host and port", typed.value);
            self.fault(typed, message, "a collector reads `siem.example:6514`")
        })?;
        Ok(Collecting {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            close_notify: close_notify.is_none_or(|it| it.value),
        })
    }

    /// How a connection ends is said of syslog alone.
    pub(super) fn only_syslog(&self, close_notify: Option<&Spanned<bool>>) -> Result<()> {
        close_notify.map_or(Ok(()), |typed| {
            let message = "`close_notify` is about `syslog`";
            Err(self.fault(typed, message, "leave it out"))
        })
    }
}
