//! How long text that still grows has been held back, so that no byte of it waits longer than
//! [`limits::FLUSH_DEADLINE`].

use std::collections::VecDeque;
use std::ops::Range;

use tokio::time::Instant;

use crate::limits;

/// Arrivals that are told apart: bytes that came within this part of the deadline count as the first
/// of them.
const GRAINS: u32 = 16;

/// When the bytes that are held came.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    /// Up to which byte something came, and when its first did; in order.
    arrivals: VecDeque<(u64, Instant)>,
}

impl Hold {
    /// Notes which bytes of the body are held now.
    pub(crate) fn came(&mut self, held: Option<Range<u64>>, now: Instant) {
        let Some(held) = held else {
            return self.arrivals.clear();
        };
        let is_gone = |(end, _): &(u64, Instant)| *end <= held.start;
        while self.arrivals.front().is_some_and(is_gone) {
            self.arrivals.pop_front();
        }
        match self.arrivals.back_mut() {
            Some((end, _)) if *end >= held.end => {}
            Some((end, at)) if now.duration_since(*at) < limits::FLUSH_DEADLINE / GRAINS => {
                *end = held.end;
            }
            _ => self.arrivals.push_back((held.end, now)),
        }
    }

    /// When the oldest byte has waited long enough.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let (_, came) = self.arrivals.front()?;
        Some(*came + limits::FLUSH_DEADLINE)
    }

    /// What could be released was: what is held now is an event that is not complete.
    pub(crate) fn flushed(&mut self) {
        self.arrivals.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_byte_waits_longer_than_the_deadline() {
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        let mut hold = Hold::default();
        assert_eq!(hold.deadline(), None);
        // A byte a millisecond, of which the last three hundred are held.
        for ms in 0..5_000_u64 {
            let end = ms + 1;
            hold.came(Some(end.saturating_sub(300)..end), after(ms));
            let oldest = after(end.saturating_sub(300));
            let deadline = hold.deadline().expect("bytes are held");
            assert!(deadline <= oldest + limits::FLUSH_DEADLINE, "{ms}");
            assert!(hold.arrivals.len() <= usize::try_from(GRAINS + 2).expect("few"));
        }
        hold.flushed();
        assert_eq!(hold.deadline(), None);
        hold.came(Some(4_990..5_001), after(5_001));
        assert!(hold.deadline().is_some());
        hold.came(None, after(5_002));
        assert_eq!(hold.deadline(), None);
    }
}
