//! Where requests for a service go.

use std::{collections::HashSet, time::Duration};

use flows::Network;
use http::Uri;
use miette::Result;
use proxy::upstream::{Agreement, Destination, Ejection, UPSTREAMS_MAX, Upstreams, check::Checks};
use serde_saphyr::Spanned;

use super::{egress::NETWORKS, file, resolve::Resolver};

/// The greatest weight of an upstream.
const WEIGHT_MAX: u32 = 1000;
/// The most calls or checks in a row that anything is made to wait for.
const IN_A_ROW_MAX: u32 = 100;
/// Between two checks, and for the answer to one.
const CHECK_EVERY: Duration = Duration::from_secs(5);
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

impl Resolver<'_> {
    /// The upstreams of a service.
    pub(super) fn upstreams(&self, service: &file::Service) -> Result<Upstreams> {
        let destinations = self.destinations(service)?;
        let mut destinations = destinations.into_iter();
        let Some(first) = destinations.next() else {
            let help = "`upstream: https://api.example` and `country: DE`, or `upstreams` with both of each";
            let message = format!("service `{}` has no upstream", service.name.value);
            return Err(self.fault(&service.name, message, help));
        };
        let others: Vec<Destination> = destinations.collect();
        if let Some(second) = service.upstreams.get(1)
            && service.mcp.is_some()
        {
            let help = "give each server a service of its own";
            let message = "a session of MCP is known to one server alone";
            return Err(self.fault(&second.url, message, help));
        }
        let mut upstreams = Upstreams::new(first, others);
        upstreams.ejection = self.ejection(service.ejection.as_ref())?;
        upstreams.checks = service
            .health
            .as_ref()
            .map(|health| self.checks(health))
            .transpose()?;
        Ok(upstreams)
    }

    /// The addresses of a service's upstreams, and where each was typed.
    pub(super) fn uris<'s>(
        &self,
        service: &'s file::Service,
    ) -> Result<Vec<(&'s Spanned<String>, Uri)>> {
        let typed = service.upstreams.iter().map(|it| &it.url);
        let typed = service.upstream.iter().chain(typed);
        typed.map(|typed| Ok((typed, self.uri(typed)?))).collect()
    }

    fn destinations(&self, service: &file::Service) -> Result<Vec<Destination>> {
        match (&service.upstream, &service.country) {
            (Some(upstream), Some(country)) if service.upstreams.is_empty() => {
                let mut only = self.destination(upstream, country)?;
                only.networks = self.networks(&service.networks)?;
                return Ok(vec![only]);
            }
            (None, None) if service.networks.is_empty() => {}
            (None, Some(_)) if service.upstreams.is_empty() => {
                let message = format!("service `{}` has no upstream", service.name.value);
                let help = "`upstream: https://api.example`, beside `country`, says where it is";
                return Err(self.fault(&service.name, message, help));
            }
            _ => {
                let help = "`upstream`, `country` and `networks` are of the one, `url`, `country` and \
                            `networks` of each of `upstreams`";
                let message = format!(
                    "service `{}` does not say clearly where it is",
                    service.name.value
                );
                return Err(self.fault(&service.name, message, help));
            }
        }
        let typed = service.upstreams.iter();
        let all: Vec<Destination> = typed.map(|it| self.one_of(it)).collect::<Result<_>>()?;
        self.together(service, &all)?;
        Ok(all)
    }

    fn one_of(&self, typed: &file::Upstream) -> Result<Destination> {
        let weight = typed.weight.as_ref();
        if let Some(weight) = weight.filter(|it| it.value > WEIGHT_MAX) {
            let message = format!("a weight is 0 to {WEIGHT_MAX}");
            return Err(self.fault(weight, message, "weights count against each other: 3 and 1"));
        }
        let mut one = self.destination(&typed.url, &typed.country)?;
        one.weight = weight.map_or(one.weight, |weight| weight.value);
        one.networks = self.networks(&typed.networks)?;
        Ok(one)
    }

    fn destination(&self, url: &Spanned<String>, country: &Spanned<String>) -> Result<Destination> {
        let uri = self.uri(url)?;
        if uri.query().is_some() {
            let help = "take the query off; requests bring their own";
            return Err(self.fault(url, "an upstream has no query", help));
        }
        Ok(Destination::new(uri, self.country(country)?))
    }

    /// What several must have in common, and what not.
    fn together(&self, service: &file::Service, all: &[Destination]) -> Result<()> {
        let mut known = HashSet::new();
        for (typed, one) in service.upstreams.iter().zip(all) {
            if known.len() >= UPSTREAMS_MAX {
                let message = format!("a service has at most {UPSTREAMS_MAX} upstreams");
                return Err(self.fault(&typed.url, message, "put a load balancer before them"));
            }
            if !known.insert(one.authority()) {
                let message = format!("`{}` is there twice", one.authority());
                return Err(self.fault(&typed.url, message, "give one `weight: 2` instead"));
            }
            let base = |one: &Destination| one.uri.path().trim_end_matches('/').to_owned();
            if all.first().is_some_and(|first| base(first) != base(one)) {
                let help =
                    "they are one API at several places: requests go to any of them as they are";
                let message = "all upstreams of a service have the same base path";
                return Err(self.fault(&typed.url, message, help));
            }
        }
        if !all.is_empty() && all.iter().all(|one| one.weight == 0) {
            let help = "leave `weight` out, or give one of them 1";
            let message = "all upstreams stand by, and none has the calls";
            return Err(self.fault(&service.name, message, help));
        }
        Ok(())
    }

    /// Addresses that are not public.
    pub(super) fn networks(&self, typed: &[Spanned<String>]) -> Result<Vec<Network>> {
        let parsed = typed.iter().map(|typed| {
            typed.value.parse().map_err(|error| {
                let message = format!("`{}` is not a network: {error}", typed.value);
                self.fault(typed, message, NETWORKS)
            })
        });
        parsed.collect()
    }

    fn ejection(&self, typed: Option<&file::Ejection>) -> Result<Ejection> {
        let usual = Ejection::default();
        let Some(typed) = typed else { return Ok(usual) };
        Ok(Ejection {
            failures: self.in_a_row(typed.failures.as_ref(), usual.failures)?,
            pause: self.timeout(typed.pause.as_ref(), usual.pause)?,
        })
    }

    fn checks(&self, typed: &file::Health) -> Result<Checks> {
        let path = &typed.path;
        let is_path =
            path.value.starts_with('/') && path.value.parse::<http::uri::PathAndQuery>().is_ok();
        if !is_path {
            let message = format!("`{}` is no path", path.value.escape_debug());
            return Err(self.fault(path, message, "write it whole: `/healthz`"));
        }
        let usual = Agreement::default();
        Ok(Checks {
            path: path.value.clone(),
            every: self.timeout(typed.every.as_ref(), CHECK_EVERY)?,
            timeout: self.timeout(typed.timeout.as_ref(), CHECK_TIMEOUT)?,
            agreement: Agreement {
                fails: self.in_a_row(typed.fails.as_ref(), usual.fails)?,
                passes: self.in_a_row(typed.passes.as_ref(), usual.passes)?,
            },
        })
    }

    fn in_a_row(&self, typed: Option<&Spanned<u32>>, usual: u32) -> Result<u32> {
        match typed {
            None => Ok(usual),
            Some(typed) if (1..=IN_A_ROW_MAX).contains(&typed.value) => Ok(typed.value),
            Some(typed) => {
                let message = format!("{} in a row is no number to wait for", typed.value);
                Err(self.fault(typed, message, "1 to 100"))
            }
        }
    }
}
