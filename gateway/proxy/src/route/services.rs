//! Which service a request is for, and which there are.

use std::{borrow::Cow, sync::Arc};

use http::Uri;

use super::{Match, Routes, Service, segments};
use crate::upstream::Destination;

impl Routes {
    /// The service that third parties call at this address, whatever they ask of it.
    pub(crate) fn inbound(
        &self,
        uri: &Uri,
        host: Option<&str>,
        led: bool,
    ) -> Option<&Arc<Service>> {
        let segments = segments(uri.path()).ok()?;
        let service = self.service(&segments, host, led)?;
        service.inbound.as_ref().map(|_| service)
    }

    /// The service that a request is for.
    pub(super) fn service(
        &self,
        segments: &[Cow<'_, str>],
        host: Option<&str>,
        led: bool,
    ) -> Option<&Arc<Service>> {
        let mut services = self.services.iter();
        services.find(|service| {
            let may = !led || matches!(service.matches, Match::Host(_));
            may && service.matches.holds(segments, host)
        })
    }

    /// Whether a service is reached by this host.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        let named = |service: &Arc<Service>| matches!(service.matches, Match::Host(_));
        let mut named = self.services.iter().filter(|service| named(service));
        named.any(|service| service.matches.holds(&[], Some(host)))
    }

    /// Whether a service is called at this host and port.
    pub(crate) fn has_upstream(&self, host: &str, port: u16) -> bool {
        let mut services = self.services.iter();
        services.any(|service| service.upstreams.have(host, port))
    }

    /// All services.
    pub fn services(&self) -> &[Arc<Service>] {
        &self.services
    }

    /// All upstreams.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = &Arc<Destination>> {
        self.services.iter().flat_map(|it| it.upstreams.all())
    }
}
