//! How long a body may take: so long without a piece, and, where its length is small or its sender an
//! agent, no longer in all than a slow line would. Otherwise a byte now and then would hold a
//! connection for ever.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits;

/// When either side of a dialogue spoke last. While one speaks, the other may listen.
#[derive(Debug, Clone)]
pub(crate) struct Dialogue(Arc<Mutex<Instant>>);

impl Dialogue {
    /// One that begins now.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// A side spoke.
    pub(crate) fn spoke(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// When.
    pub(crate) fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a body has taken too long. Only time in which it was waited for counts.
#[derive(Debug)]
pub(crate) struct Pace {
    idle: Duration,
    /// Whether it must come at [`limits::BODY_RATE_MIN`].
    steady: bool,
    /// Since when the next piece is waited for.
    since: Option<Instant>,
    /// How long others were waited for.
    waited: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// What it is one side of.
    dialogue: Option<Dialogue>,
}

impl Pace {
    /// One that allows so much time between two pieces.
    pub(crate) fn new(idle: Duration) -> Self {
        Self {
            idle,
            steady: false,
            since: None,
            waited: Duration::ZERO,
            timer: None,
            dialogue: None,
        }
    }

    /// The body is one side of a dialogue: it may be silent as long as the other speaks.
    pub(crate) fn share(&mut self, dialogue: Dialogue) {
        self.dialogue = Some(dialogue);
    }

    /// The body has to come steadily.
    pub(crate) fn demand_steady(&mut self) {
        self.steady = true;
    }

    /// A piece came.
    pub(crate) fn came(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        if let Some(dialogue) = &self.dialogue {
            dialogue.spoke();
        }
    }

    /// Ready once the next piece is too late, with `received` bytes so far.
    pub(crate) fn poll(&mut self, received: u64, cx: &mut Context<'_>) -> Poll<()> {
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            let at = now + self.patience(received);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(at),
                None => self.timer = Some(Box::pin(sleep_until(at))),
            }
        }
        loop {
            let Some(timer) = &mut self.timer else {
                return Poll::Pending;
            };
            ready!(timer.as_mut().poll(cx));
            let spoke = self.dialogue.as_ref().map(Dialogue::last);
            match spoke.map(|last| last + self.idle) {
                Some(later) if later > timer.deadline() => timer.as_mut().reset(later),
                _ => return Poll::Ready(()),
            }
        }
    }

    /// How long the next piece may take.
    fn patience(&self, received: u64) -> Duration {
        if !self.steady {
            return self.idle;
        }
        let slow = Duration::from_secs(received / limits::BODY_RATE_MIN);
        let left = (self.idle + slow).saturating_sub(self.waited);
        self.idle.min(left)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const IDLE: Duration = Duration::from_mins(1);

    /// How long a sender lasts that sends `bytes` every second.
    async fn lasts(mut pace: Pace, bytes: u64, seconds_max: u64) -> u64 {
        for second in 0..seconds_max {
            let received = second * bytes;
            let late = poll_fn(|cx| pace.poll(received, cx));
            let second_is_over = tokio::time::sleep(Duration::from_secs(1));
            tokio::select! {
                biased;
                () = late => return second,
                () = second_is_over => pace.came(),
            }
        }
        seconds_max
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_is_too_slow() {
        let steady = || {
            let mut pace = Pace::new(IDLE);
            pace.demand_steady();
            pace
        };
        // Timers go off at the next millisecond, so that the last second may not be whole.
        let slow = lasts(steady(), 1, 4000).await;
        assert!((59..=60).contains(&slow), "{slow}");
        // What comes at the rate comes for ever.
        assert_eq!(lasts(steady(), limits::BODY_RATE_MIN, 4000).await, 4000);
        // An event stream may be as slow as it likes, but not silent.
        assert_eq!(lasts(Pace::new(IDLE), 1, 4000).await, 4000);
        let mut silent = Pace::new(IDLE);
        let began = Instant::now();
        poll_fn(|cx| silent.poll(0, cx)).await;
        assert!(began.elapsed() >= IDLE && began.elapsed() < IDLE + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_side_of_a_dialogue_may_listen_as_long_as_the_other_speaks() {
        let dialogue = Dialogue::new();
        let side = || {
            let mut pace = Pace::new(IDLE);
            pace.share(dialogue.clone());
            pace
        };
        let (mut listening, speaking) = (side(), side());
        let began = Instant::now();
        let (silent, spoke) = tokio::join!(
            async {
                poll_fn(|cx| listening.poll(0, cx)).await;
                began.elapsed()
            },
            lasts(speaking, 1, 300),
        );
        assert_eq!(spoke, 300);
        let last = Duration::from_mins(5) + IDLE;
        assert!(
            silent >= last && silent < last + Duration::from_secs(1),
            "{silent:?}"
        );
    }
}
