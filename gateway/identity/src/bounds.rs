//! What narrows a token: to one process and what it starts, to some operations.

use std::sync::Arc;

use flows::Process;
use serde::{Deserialize, Serialize};

use crate::{Delegation, TokenError};

/// The most operations and services that a token may name.
pub const ONLY_MAX: usize = 64;

/// The most tokens that one is got with, each by the one before.
pub const FROM_MAX: usize = 8;

/// The longest of these names, in bytes.
pub const ONLY_BYTES_MAX: usize = 256;

/// How far two readings of a process's start may lie apart, in nanoseconds: `/proc` counts in hundredths
/// of a second. No pid is used again so soon.
const START_NS_APART_MAX: u64 = 20_000_000;

/// What a token was got with, which is all that it proves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GotWith {
    /// Nothing but what the kernel says.
    Nothing,
    /// A static key.
    Key,
    /// A token.
    #[default]
    Token,
    /// A token that is bound to a key.
    Bound,
}

/// What narrows a token, as its claim `tidegate` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The process that it was given to, by the id in the host's namespace.
    pub pid: u32,
    /// When that started, nanoseconds since boot.
    pub start_ns: u64,
    /// The services (`crm`) and operations (`crm/customer.read`) that it is good for; all if it names none.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub only: Arc<[Box<str>]>,
    /// The tokens that it was got with, by `jti`: whoever revokes one of them revokes it.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub from: Arc<[Arc<str>]>,
    /// On whose behalf its holder acts, by the token that it was got with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<Arc<Delegation>>,
    /// What it was got with.
    #[serde(default)]
    pub got_with: GotWith,
}

impl Bounds {
    pub(crate) fn check(self) -> Result<Self, TokenError> {
        let short = self.only.iter().all(|one| one.len() <= ONLY_BYTES_MAX);
        if short && self.only.len() <= ONLY_MAX && self.from.len() <= FROM_MAX {
            Ok(self)
        } else {
            Err(TokenError::Scope)
        }
    }

    /// Whether a process is the one that it was given to, or was started by that.
    pub fn hold(&self, process: &Process) -> bool {
        let is_it = |pid: u32, start_ns: u64| {
            pid == self.pid && start_ns.abs_diff(self.start_ns) < START_NS_APART_MAX
        };
        let mut above = process.ancestors.iter();
        is_it(process.pid, process.start_ns) || above.any(|it| is_it(it.pid, it.start_ns))
    }

    /// Whether it is good for an operation.
    pub fn cover(&self, service: &str, operation: &str) -> bool {
        let fits = |one: &str| match one.split_once('/') {
            None => one == service,
            Some((its, id)) => its == service && id == operation,
        };
        self.only.is_empty() || self.only.iter().any(|one| fits(one))
    }

    /// What is in both lists, where none means all; nothing of a list that names something may be none.
    pub fn narrowed(&self, wanted: Vec<Box<str>>) -> Option<Vec<Box<str>>> {
        if self.only.is_empty() {
            return Some(wanted);
        }
        if wanted.is_empty() {
            return Some(self.only.to_vec());
        }
        let covered = |one: &str| match one.split_once('/') {
            None => self.only.iter().any(|its| **its == *one),
            Some((service, id)) => self.cover(service, id),
        };
        wanted.iter().all(|one| covered(one)).then_some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use flows::Ancestor;

    use super::*;

    fn bounds(only: &[&str]) -> Bounds {
        Bounds {
            pid: 7,
            start_ns: 1_000_000_000,
            only: only.iter().map(|&one| one.into()).collect(),
            from: Arc::default(),
            delegation: None,
            got_with: GotWith::Token,
        }
    }

    fn process(pid: u32, start_ns: u64, above: &[(u32, u64)]) -> Process {
        let ancestor = |&(pid, start_ns): &(u32, u64)| Ancestor {
            pid,
            start_ns,
            comm: String::new(),
            exe: None,
        };
        Process {
            pid,
            start_ns,
            uid: 0,
            gid: 0,
            cgroup_id: 0,
            cgroup: None,
            comm: String::new(),
            exe: None,
            exe_sha256: None,
            netns: 0,
            agent: 0,
            ancestors: above.iter().map(ancestor).collect(),
        }
    }

    #[test]
    fn a_process_and_what_it_starts_are_within_and_nobody_else() {
        let held = |process: &Process| bounds(&[]).hold(process);
        assert!(held(&process(7, 1_000_000_000, &[])));
        // As `/proc` has it.
        assert!(held(&process(7, 1_009_999_999, &[])));
        assert!(held(&process(9, 5, &[(8, 4), (7, 1_000_000_000)])));
        assert!(!held(&process(7, 1_030_000_000, &[])));
        assert!(!held(&process(8, 1_000_000_000, &[])));
        assert!(!held(&process(9, 5, &[(7, 0)])));
    }

    #[test]
    fn a_list_covers_services_and_operations() {
        let some = bounds(&["crm", "shop/thing.read"]);
        assert!(some.cover("crm", "any") && some.cover("shop", "thing.read"));
        assert!(!some.cover("shop", "thing.make") && !some.cover("other", "thing.read"));
        assert!(bounds(&[]).cover("any", "any"));
    }

    #[test]
    fn a_list_can_be_narrowed_and_not_widened() {
        let some = bounds(&["crm", "shop/thing.read"]);
        let narrowed = |wanted: &[&str]| {
            let wanted = wanted.iter().map(|&one| one.into()).collect();
            some.narrowed(wanted).map(|it| it.len())
        };
        assert_eq!(narrowed(&[]), Some(2));
        assert_eq!(narrowed(&["crm/customer.read"]), Some(1));
        assert_eq!(narrowed(&["shop"]), None);
        assert_eq!(narrowed(&["crm", "other"]), None);
        assert_eq!(
            bounds(&[]).narrowed(vec!["crm".into()]).map(|it| it.len()),
            Some(1)
        );
    }
}
