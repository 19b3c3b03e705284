//! How often a password may be tried: by GCRA, for each address and for each user.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    state::keyed::HashMapStateStore,
};

use crate::limits::{
    ADDRESS_BURST, ADDRESS_SECONDS, ADDRESSES_MAX, SHOWN_BURST, TOLD_SECONDS, USER_BURST,
    USER_SECONDS,
};

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, MonotonicClock>;

/// What was tried.
pub(crate) struct Attempts {
    addresses: Limiter<IpAddr>,
    users: Limiter<String>,
    /// How often it is told of an address that it tries too often.
    told: Limiter<IpAddr>,
    /// How often it is told of an address that it shows no token that is taken, and how often of all of them.
    shown: Limiter<IpAddr>,
    shown_in_all: Limiter<()>,
}

/// It may not be tried again so soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooSoon {
    /// In so many seconds.
    pub(crate) seconds: u64,
    /// Whether it is to be put on record: once a minute for each address, or that would fill the log.
    pub(crate) first: bool,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            addresses: limiter(ADDRESS_BURST, ADDRESS_SECONDS),
            users: limiter(USER_BURST, USER_SECONDS),
            told: limiter(1, TOLD_SECONDS),
            shown: limiter(1, TOLD_SECONDS),
            shown_in_all: limiter(SHOWN_BURST, TOLD_SECONDS),
        }
    }
}

fn limiter<K: std::hash::Hash + Eq + Clone>(burst: u32, seconds: u64) -> Limiter<K> {
    let quota = Quota::with_period(Duration::from_secs(seconds));
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    let quota = quota.unwrap_or(Quota::per_minute(NonZeroU32::MIN));
    RateLimiter::new(
        quota.allow_burst(burst),
        HashMapStateStore::default(),
        MonotonicClock,
    )
}

impl Attempts {
    /// Counts one attempt. `user` is a name that is known; of others only the address counts.
    pub(crate) fn admit(&self, address: IpAddr, user: Option<&str>) -> Result<(), TooSoon> {
        let network = network(address);
        let tried = self.counted(&network, user);
        tried.map_err(|seconds| TooSoon {
            seconds,
            first: self.told.check_key(&network).is_ok(),
        })
    }

    /// Whether it is to be put on record that a token was refused to `address`: once a minute, and of few addresses. Who has many
    /// of them keeps nobody from logging in.
    pub(crate) fn is_told(&self, address: IpAddr) -> bool {
        has_room(&self.shown)
            && self.shown.check_key(&network(address)).is_ok()
            && self.shown_in_all.check_key(&()).is_ok()
    }

    /// Counts it, or says in how many seconds it may be.
    fn counted(&self, network: &IpAddr, user: Option<&str>) -> Result<(), u64> {
        if ![&self.addresses, &self.told].into_iter().all(has_room) {
            return Err(ADDRESS_SECONDS);
        }
        let now = MonotonicClock.now();
        let wait = |not_until: NotUntil<_>| not_until.wait_time_from(now).as_secs() + 1;
        self.addresses.check_key(network).map_err(wait)?;
        let user = user.map(|user| self.users.check_key(&user.to_owned()));
        user.unwrap_or(Ok(())).map_err(wait)
    }
}

/// Whether one more address can be remembered.
fn has_room(limiter: &Limiter<IpAddr>) -> bool {
    if limiter.len() >= ADDRESSES_MAX {
        limiter.retain_recent();
    }
    limiter.len() < ADDRESSES_MAX
}

/// Whoever has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_limited_from_everywhere_and_an_address_for_everybody() {
        let attempts = Attempts::default();
        let from = |last: u32| IpAddr::V4((0x0a00_0000 + last).into());
        for last in 0..USER_BURST {
            attempts.admit(from(last), Some("eva")).unwrap();
        }
        let late = attempts.admit(from(99), Some("eva")).unwrap_err();
        assert!((1..=USER_SECONDS + 1).contains(&late.seconds), "{late:?}");
        assert!(late.first);
        let again = attempts.admit(from(99), Some("eva")).unwrap_err();
        assert!(!again.first);
        attempts.admit(from(99), Some("adam")).unwrap();

        let one = "2001:db8::1".parse().unwrap();
        for _ in 0..ADDRESS_BURST {
            attempts.admit(one, None).unwrap();
        }
        // Another address of the same network, and the same one as another spells it.
        for other in ["2001:db8::2", "2001:db8::ffff:1"] {
            assert!(attempts.admit(other.parse().unwrap(), None).is_err());
        }
        attempts
            .admit("2001:db8:0:1::1".parse().unwrap(), None)
            .unwrap();
    }
}
