//! Nobody takes all of a worker's connections: one owner has half of them at most, so that there is always room for
//! others, whatever it keeps open.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use flows::Attribution;

/// Whose connections count together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    /// An agent, by the kernel's number for it, however many users and control groups it has.
    Agent(u32),
    /// A user who is none.
    User(u32),
    /// Somebody whom nobody can name, at this address.
    Address(Option<IpAddr>),
}

/// How many connections each owner has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shares(Arc<Mutex<HashMap<Owner, usize>>>);

/// A connection of an owner, until it ends.
#[derive(Debug)]
pub(crate) struct Share {
    of: Shares,
    owner: Owner,
}

impl Shares {
    /// Room for one more of this owner's, if it has fewer than `most`.
    pub(crate) fn take(
        &self,
        (attribution, address): (Option<&Attribution>, Option<IpAddr>),
        most: usize,
    ) -> Option<Share> {
        let owner = match attribution.map(|it| &it.process) {
            Some(process) if process.agent != 0 => Owner::Agent(process.agent),
            Some(process) => Owner::User(process.uid),
            None => Owner::Address(address),
        };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(owner).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Share {
            of: self.clone(),
            owner,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_there_again_and_nothing_is_kept_of_who_is_gone() {
        let shares = Shares::default();
        let [one, two] = [(); 2].map(|()| shares.take((None, None), 2));
        assert!(one.is_some() && two.is_some() && shares.take((None, None), 2).is_none());
        drop(one);
        let again = shares.take((None, None), 2);
        assert!(again.is_some() && shares.take((None, None), 2).is_none());
        drop((two, again));
        assert!(shares.0.lock().unwrap().is_empty());
    }
}
