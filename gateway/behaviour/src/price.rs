//! What a call costs a holder at risk, and whether it can pay: GCRA over the risk as price.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use governor::{
    Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware, nanos::Nanos,
    state::InMemoryState, state::NotKeyed,
};
use jiff::Timestamp;

use crate::RISK_MAX;

/// The most that a call costs: a write at the greatest risk.
pub(crate) const PRICE_MAX: u32 = 8;

/// After so many seconds without a verdict half of the risk is gone.
const HALF_LIFE: i64 = 300;

/// The time, as it was told last.
#[derive(Clone, Debug, Default)]
struct Told(Arc<AtomicU64>);

impl Clock for Told {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.load(Ordering::Relaxed).into()
    }
}

/// A holder's means.
#[derive(Debug)]
pub(crate) struct Purse {
    told: Told,
    limiter: RateLimiter<NotKeyed, InMemoryState, Told, NoOpMiddleware<Nanos>>,
}

impl Purse {
    /// So many calls a minute at a price of one.
    pub(crate) fn new(a_minute: u32, now: Timestamp) -> Self {
        let told = Told::default();
        told.0.store(nanos(now), Ordering::Relaxed);
        let a_minute = NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN);
        // The dearest call must fit in, or it could never be made.
        let burst = a_minute.get().div_ceil(6).max(PRICE_MAX);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(a_minute).allow_burst(burst);
        Self {
            limiter: RateLimiter::direct_with_clock(quota, told.clone()),
            told,
        }
    }

    /// Pays, or says after how many seconds there will be enough.
    pub(crate) fn pay(&self, price: u32, now: Timestamp) -> Result<(), u32> {
        // Time that goes back is no time.
        self.told.0.fetch_max(nanos(now), Ordering::Relaxed);
        let Some(price) = NonZeroU32::new(price) else {
            return Ok(());
        };
        match self.limiter.check_n(price) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(early)) => {
                let wait = early.wait_time_from(self.told.now());
                Err(u32::try_from(wait.as_secs())
                    .unwrap_or(u32::MAX)
                    .saturating_add(1))
            }
            Err(_more_than_fits) => Err(60),
        }
    }
}

/// What a call costs at this risk: nothing while there is hardly any.
pub(crate) fn price(risk: u32, writes: bool) -> u32 {
    if risk < RISK_MAX / 10 {
        return 0;
    }
    let price = 1 + risk * 3 / RISK_MAX;
    (price * if writes { 2 } else { 1 }).min(PRICE_MAX)
}

/// What is left of the risk after so many seconds of quiet.
pub(crate) fn relaxed(risk: u32, seconds: i64) -> u32 {
    let halves = u32::try_from(seconds.max(0) / HALF_LIFE).unwrap_or(u32::MAX);
    let left = risk.checked_shr(halves).unwrap_or(0);
    // Straight between two halvings.
    let within = u32::try_from(seconds.max(0) % HALF_LIFE).unwrap_or(0);
    left - left * within / (2 * u32::try_from(HALF_LIFE).unwrap_or(u32::MAX))
}

fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn risk_makes_calls_dearer_and_quiet_cheaper() {
        assert_eq!(price(0, true), 0);
        assert_eq!(price(40, false), 2);
        assert_eq!(price(100, false), 4);
        assert_eq!(price(100, true), PRICE_MAX);
        assert_eq!(relaxed(100, 0), 100);
        assert_eq!(relaxed(100, 150), 75);
        assert_eq!(relaxed(100, 300), 50);
        assert_eq!(relaxed(100, 1200), 6);
        assert_eq!(relaxed(100, i64::MAX), 0);
    }

    #[test]
    fn who_cannot_pay_waits_as_long_as_is_said() {
        let purse = Purse::new(60, at(0));
        let paid = (0..30).take_while(|_| purse.pay(1, at(0)).is_ok()).count();
        assert_eq!(paid, 10);
        let wait = purse.pay(4, at(0)).unwrap_err();
        assert!((4..=5).contains(&wait), "{wait}");
        assert_eq!(purse.pay(4, at(i64::from(wait))), Ok(()));
        // Going back in time gains nothing.
        assert!(purse.pay(8, at(0)).is_err());
    }
}
