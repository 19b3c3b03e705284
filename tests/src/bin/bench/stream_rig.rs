//! The machines that streams are measured on.

use std::path::Path;

use anyhow::Result;
use tests::{
    gateway::Gateway,
    setup::{Service, Setup},
    tokens::{Issuer, claims},
};

use crate::{
    rig::{AGENT, POLICY, PROXY_CPU, Tool, bare, gateway, pin_this_process, prefix},
    streams::{Streams, Upstream, Way},
};

/// What runs while streams are measured: the proxies on one CPU, all else on the other.
pub(crate) struct StreamRig {
    upstream: Upstream,
    gateway: Gateway,
    bare: Tool,
    issuer: Issuer,
}

impl StreamRig {
    pub(crate) fn build(binary: &Path, realtime: bool) -> Result<Self> {
        pin_this_process()?;
        let folder = tempfile::tempdir()?;
        let prefix = prefix(PROXY_CPU, realtime);
        let upstream = Upstream::start()?;
        let bare = bare(folder.path(), &prefix, upstream.peer.address(), false)?;
        let issuer = Issuer::new()?;
        let gateway = gateway(&setup(&issuer, &upstream)?, binary, &prefix)?;
        Ok(Self {
            upstream,
            gateway,
            bare,
            issuer,
        })
    }

    /// Measures one way.
    pub(crate) fn measure(&self, streams: &mut Streams, way: Way) -> Result<()> {
        let url = match way {
            Way::Direct => self.upstream.peer.url(),
            Way::Bare => format!("http://{}", self.bare.plain),
            Way::Unseen | Way::Whole | Way::Words => self.gateway.url("/bench")?,
        };
        let claims = claims(AGENT).task("bench", "support").lifetime(600);
        let token = self.issuer.mint(&claims)?;
        streams.measure(way, &url, &token, &self.upstream)
    }
}

fn setup(issuer: &Issuer, upstream: &Upstream) -> Result<Setup> {
    let reader = format!("unix:path:{}", std::env::current_exe()?.display());
    let service = Service::new("bench", &upstream.peer.url(), "DE");
    Ok(Setup::new()
        .set("workers", 1.into())
        // What it does not know it does not look at, which is how redaction is off.
        .set("uninspected", "record".into())
        .issuer(issuer)
        .agent(AGENT, &[reader], "optional")
        .service(service.operation("stream.read", "GET", "/{kind}/{stream}"))
        .policy(POLICY))
}
