//! Where the requests for a service can go: its upstreams, each in a country of its own, and in which
//! order they are tried.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use flows::Network;
use http::Uri;
use policy::Country;
use tokio::time::Instant;

use super::{
    check::Checks,
    standing::{Ejection, Standing},
};
use crate::route::is_host;

/// The most upstreams of one service: each has metrics of its own.
pub const UPSTREAMS_MAX: usize = 16;

/// 2^64 divided by the golden ratio: its multiples, modulo 2^64, lie spread as evenly as can be (Knuth, The
/// Art of Computer Programming, volume 3, section 6.4), so that a few calls are shared out by weight, too.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// One upstream of a service.
#[derive(Debug)]
pub struct Destination {
    /// Scheme, authority and base path.
    pub uri: Uri,
    /// Where it keeps its data.
    pub country: Country,
    /// Its share of the calls; with 0 it has only those that no other can have.
    pub weight: u32,
    /// Addresses that are not public, and that its name may stand for all the same.
    pub networks: Vec<Network>,
    authority: Arc<str>,
    standing: Mutex<Standing>,
}

impl Destination {
    /// The upstream at `uri`, which keeps its data in `country`.
    pub fn new(uri: Uri, country: Country) -> Self {
        let host = uri.host().unwrap_or_default();
        let authority = format!("{host}:{}", port(&uri)).into();
        Self {
            uri,
            country,
            weight: 1,
            networks: Vec::new(),
            authority,
            standing: Mutex::default(),
        }
    }

    /// Host and port, as records and metrics name it.
    pub fn authority(&self) -> &Arc<str> {
        &self.authority
    }

    /// Why it is given no calls, if it is not.
    pub fn trouble(&self, now: Instant) -> Option<&'static str> {
        self.standing().trouble(now)
    }

    pub(crate) fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        port(&self.uri)
    }

    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The port of an address, said or implied.
pub(crate) fn port(uri: &Uri) -> u16 {
    let implied = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    uri.port_u16().unwrap_or(implied)
}

/// The upstreams of one service.
#[derive(Debug)]
pub struct Upstreams {
    first: Arc<Destination>,
    others: Vec<Arc<Destination>>,
    /// When one is given no calls for a while.
    pub ejection: Ejection,
    /// How they are asked whether they work, if they are.
    pub checks: Option<Checks>,
    turn: AtomicU64,
}

impl Upstreams {
    /// `first`, whose base path all share, and `others`.
    pub fn new(first: Destination, others: Vec<Destination>) -> Self {
        Self {
            first: Arc::new(first),
            others: others.into_iter().map(Arc::new).collect(),
            ejection: Ejection::default(),
            checks: None,
            turn: AtomicU64::default(),
        }
    }

    /// The first that is configured.
    pub fn first(&self) -> &Arc<Destination> {
        &self.first
    }

    /// All, in the order of the configuration.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Destination>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Where they keep their data, each country once.
    pub fn countries(&self) -> Vec<Country> {
        let mut countries: Vec<Country> = self.all().map(|it| it.country).collect();
        countries.sort_unstable();
        countries.dedup();
        countries
    }

    /// Whether there is a choice.
    pub fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// The base path, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        self.first.uri.path().trim_end_matches('/')
    }

    /// Whether one of them is at this host and port.
    pub(crate) fn have(&self, host: &str, port: u16) -> bool {
        self.all()
            .any(|it| it.port() == port && is_host(it.host(), host))
    }

    /// All, the one that a call should be given to first: those that are fit by weight, then those of them
    /// without any, and last those that are not fit, since policy may permit no others.
    pub(crate) fn order(&self, now: Instant) -> Vec<Arc<Destination>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let is_fit = |it: &Arc<Destination>| it.standing().is_fit(now);
        let (fit, unfit) = self.all().cloned().partition(is_fit);
        let mut order = shared_out(fit, turn.wrapping_mul(GOLDEN));
        order.extend(shared_out(unfit, turn.wrapping_mul(GOLDEN)));
        order
    }
}

/// In an order by weight, as `spread` draws it.
fn shared_out(mut left: Vec<Arc<Destination>>, mut spread: u64) -> Vec<Arc<Destination>> {
    let mut order = Vec::with_capacity(left.len());
    while let Some(at) = drawn(&left, spread) {
        order.push(left.remove(at));
        spread = spread.wrapping_mul(GOLDEN);
    }
    order.append(&mut left);
    order
}

/// Whose part of all weights `spread`, a part of 2^64, falls into; none if nobody has any.
fn drawn(left: &[Arc<Destination>], spread: u64) -> Option<usize> {
    let total: u64 = left.iter().map(|it| u64::from(it.weight)).sum();
    let point = (u128::from(spread) * u128::from(total)) >> 64;
    let mut passed = 0_u128;
    left.iter().position(|it| {
        passed += u128::from(it.weight);
        point < passed
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use super::*;

    fn upstreams(weights: &[u32]) -> Upstreams {
        let each = weights.iter().enumerate().map(|(number, weight)| {
            let uri = format!("http://up{number}").parse().expect("a URI");
            let mut one = Destination::new(uri, Country::UNKNOWN);
            one.weight = *weight;
            one
        });
        let mut each = each.collect::<Vec<_>>().into_iter();
        Upstreams::new(each.next().expect("one"), each.collect())
    }

    fn names(order: &[Arc<Destination>]) -> Vec<&str> {
        order.iter().map(|it| &**it.authority()).collect()
    }

    fn pause(upstreams: &Upstreams, number: usize, now: Instant) {
        let one = upstreams.all().nth(number).expect("that many");
        let rule = Ejection {
            failures: 1,
            pause: Duration::from_secs(9),
        };
        assert!(one.standing().failed(rule, now));
    }

    #[test]
    fn calls_are_shared_out_by_weight() {
        let upstreams = upstreams(&[5, 3, 2, 0]);
        let mut firsts: HashMap<String, u32> = HashMap::new();
        for _ in 0..1000 {
            let order = upstreams.order(Instant::now());
            assert_eq!(order.len(), 4);
            assert_eq!(*order[3].authority(), "up3:80".into());
            *firsts.entry(order[0].authority().to_string()).or_default() += 1;
        }
        for (name, share) in [("up0:80", 500), ("up1:80", 300), ("up2:80", 200)] {
            let had = firsts.remove(name).unwrap_or_default();
            assert!(had.abs_diff(share) <= 5, "{name} had {had}");
        }
        assert!(firsts.is_empty());
    }

    #[test]
    fn who_is_not_fit_comes_last() {
        let upstreams = upstreams(&[1, 1, 0]);
        let now = Instant::now();
        pause(&upstreams, 0, now);
        let order = upstreams.order(now);
        assert_eq!(names(&order), ["up1:80", "up2:80", "up0:80"]);
        pause(&upstreams, 1, now);
        assert_eq!(names(&upstreams.order(now))[0], "up2:80");
        pause(&upstreams, 2, now);
        assert_eq!(names(&upstreams.order(now))[2], "up2:80");
        let later = upstreams.order(now + Duration::from_secs(9));
        assert_eq!(names(&later)[2], "up2:80");
    }

    #[test]
    fn an_upstream_is_known_by_host_and_port() {
        let upstreams = Upstreams::new(
            Destination::new(
                "https://One.example/base/".parse().unwrap(),
                Country::UNKNOWN,
            ),
            vec![Destination::new(
                "http://[::1]:8080/base".parse().unwrap(),
                Country::UNKNOWN,
            )],
        );
        assert_eq!(upstreams.base(), "/base");
        assert!(upstreams.have("one.example", 443) && upstreams.have("::1", 8080));
        assert!(!upstreams.have("one.example", 80) && !upstreams.have("two.example", 443));
    }
}
