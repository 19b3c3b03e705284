//! Which address an agent was told for which name.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// Addresses that are remembered, of all agents.
pub const NAMES_MAX: usize = 16_384;
/// An answer is remembered for a while beyond its time to live, for connections that come late, and
/// never longer than this.
const LIVES_MIN: Duration = Duration::from_mins(5);
const LIVES_MAX: Duration = Duration::from_hours(24);

/// Names by agent and address.
#[derive(Debug, Default)]
pub struct Book {
    names: HashMap<(u32, IpAddr), (Arc<str>, Instant)>,
}

impl Book {
    /// `agent` was told that `name` is at these addresses, for so long. The last word counts.
    pub fn told(
        &mut self,
        agent: u32,
        name: &str,
        addresses: &[IpAddr],
        lives: Duration,
        now: Instant,
    ) {
        let until = now + lives.clamp(LIVES_MIN, LIVES_MAX);
        let name: Arc<str> = name.into();
        for address in addresses {
            if self.names.len() >= NAMES_MAX {
                self.forget(now);
            }
            self.names
                .insert((agent, address.to_canonical()), (Arc::clone(&name), until));
        }
    }

    /// By which name `agent` goes to `address`, as far as is known.
    pub fn name(&self, agent: u32, address: IpAddr, now: Instant) -> Option<&Arc<str>> {
        let (name, until) = self.names.get(&(agent, address.to_canonical()))?;
        (now < *until).then_some(name)
    }

    /// Makes room: what has lapsed, and if that is nothing, everything. Whoever fills the book makes
    /// others' flows nameless for a while, and no more.
    fn forget(&mut self, now: Instant) {
        self.names.retain(|_, (_, until)| now < *until);
        if self.names.len() >= NAMES_MAX {
            self.names.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_name_that_its_agent_was_told_last_and_for_a_time() {
        let mut book = Book::default();
        let now = Instant::now();
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        let minute = Duration::from_mins(1);
        book.told(1, "a.example", &[address], minute, now);
        book.told(1, "b.example", &[mapped], minute, now);
        assert_eq!(
            book.name(1, address, now).map(|name| &**name),
            Some("b.example")
        );
        assert_eq!(book.name(2, address, now), None);
        assert_eq!(book.name(1, address, now + LIVES_MIN), None);
    }

    #[test]
    fn a_full_book_makes_room() {
        let mut book = Book::default();
        let now = Instant::now();
        for number in 0..=u32::try_from(NAMES_MAX).unwrap() {
            let address = IpAddr::from(number.to_be_bytes());
            book.told(1, "a.example", &[address], Duration::ZERO, now);
        }
        assert!(book.names.len() <= NAMES_MAX);
        let last = IpAddr::from(u32::try_from(NAMES_MAX).unwrap().to_be_bytes());
        assert!(book.name(1, last, now).is_some());
    }
}
