//! What another proxy may ask, as Envoy does by `ext_authz`.

use miette::Result;
use proxy::asked::{Asks, Protocol};
use serde_saphyr::Spanned;

use super::{
    file::{AskedBy, Bodies, ExtAuthz, Service},
    resolve::Resolver,
};

impl Resolver<'_> {
    /// Everything is refused that a proxy which only asks could not hold to.
    pub(super) fn asks(
        &self,
        typed: &ExtAuthz,
        forward: bool,
        services: &[Service],
    ) -> Result<Asks> {
        let selectors = typed.selectors.iter().map(|it| self.selector(it));
        let selectors: Vec<_> = selectors.collect::<Result<_>>()?;
        let mut names = Vec::new();
        for name in &typed.services {
            let service = services.iter().find(|it| it.name.value == name.value);
            let Some(service) = service else {
                let message = format!("there is no service `{}`", name.value);
                return Err(self.fault(name, message, "name one of `services`"));
            };
            let apart = if service.credential.is_some() {
                Some("its credential, which only the gateway presents")
            } else if service.inbound.is_some() {
                Some("messages of third parties, whose signatures only the gateway verifies")
            } else if service.mcp.is_some() {
                Some("messages, whose answers are a part of what is decided")
            } else if service.upstreams.len() > 1 {
                Some("several upstreams, of which the gateway chooses one")
            } else {
                None
            };
            if let Some(apart) = apart {
                let message = format!("service `{}` has {apart}", name.value);
                return Err(self.fault(name, message, "have agents call it through the gateway"));
            }
            names.push(name.value.as_str().into());
        }
        let Some(first) = typed.services.first() else {
            return Err(miette::miette!(
                help = "name the services whose requests the proxy serves",
                "`ext_authz` is for no service"
            ));
        };
        if selectors.is_empty() {
            let help = "give at least one selector, such as `unix:path:/usr/bin/envoy`";
            return Err(self.fault(first, "any process could ask here", help));
        }
        let is_anybodys = |it: &Spanned<String>| it.value.starts_with("unix:path:");
        if typed.selectors.iter().all(is_anybodys) {
            let help = "say as whom it runs too: `unix:uid:101`, `systemd:id:envoy.service`";
            let message = "every user may run that file, and ask";
            return Err(self.fault(first, message, help));
        }
        if forward {
            let help = "give each an address of its own";
            return Err(self.fault(first, "a proxy cannot ask where agents do", help));
        }
        Ok(Asks {
            protocol: match typed.protocol {
                AskedBy::Grpc => Protocol::Grpc,
                AskedBy::Http => Protocol::Http,
            },
            selectors,
            services: names,
            shows_bodies: typed.bodies == Bodies::Shown,
        })
    }
}
