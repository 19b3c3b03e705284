//! Which hosts take a bundle when, and what makes one go back.
//!
//! Each host finds out by itself: nobody has to be there to say so, and all come to the same.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// So many stages at the most.
pub const STAGES_MAX: usize = 16;
/// So many hosts of a stage are named at the most.
pub const HOSTS_MAX: usize = 64;

/// The stages, and what is watched once a host has a bundle. Without stages every host takes it at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// In any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// What makes a host go back; nothing if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
}

/// Some hosts, and when they take it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// These hosts, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// So many of a hundred hosts, by a hash of their names: always the same ones first.
    #[serde(default)]
    pub share: u8,
    /// So many seconds after the bundle was made.
    #[serde(default)]
    pub after: u64,
}

/// A host that refuses more calls than this by its policies, once it has the bundle, goes back to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// For so many seconds.
    #[serde(rename = "for")]
    pub seconds: u64,
    /// So many of a hundred calls may be refused.
    pub refused_above: u8,
    /// Fewer calls say nothing.
    pub calls_min: u64,
}

impl Watch {
    /// Whether so many refusals, of so many calls, are too many.
    pub fn is_too_much(&self, refused: u64, calls: u64) -> bool {
        let (refused, calls) = (u128::from(refused), u128::from(calls));
        calls >= u128::from(self.calls_min.max(1))
            && refused * 100 > calls * u128::from(self.refused_above)
    }
}

/// When a host takes a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// At that time, or since then.
    At(Timestamp),
    /// No stage is for it.
    Never,
}

impl Rollout {
    /// When `host` takes what was made at that time: by the earliest stage that it is in.
    pub fn due(&self, host: &str, made: Timestamp) -> Due {
        if self.stages.is_empty() {
            return Due::At(made);
        }
        let bucket = bucket(host);
        let its = self
            .stages
            .iter()
            .filter(|stage| stage.share > bucket || stage.hosts.iter().any(|it| it == host));
        let Some(after) = its.map(|stage| stage.after).min() else {
            return Due::Never;
        };
        let due = made.checked_add(Duration::from_secs(after));
        Due::At(due.unwrap_or(Timestamp::MAX))
    }
}

/// Which of a hundred parts a host is in.
pub fn bucket(host: &str) -> u8 {
    let digest = Sha256::digest(host.as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| {
        number.wrapping_shl(8) | u64::from(*byte)
    });
    u8::try_from(number % 100).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stage(hosts: &[&str], share: u8, after: u64) -> Stage {
        let hosts = hosts.iter().map(|&it| it.to_owned()).collect();
        Stage {
            hosts,
            share,
            after,
        }
    }

    fn at(second: i64) -> Due {
        Due::At(Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_host_takes_it_by_the_earliest_of_its_stages() {
        let stages = vec![
            stage(&[], 100, 300),
            stage(&["first"], 0, 0),
            stage(&["first", "second"], 0, 60),
        ];
        let all = Rollout {
            stages,
            watch: None,
        };
        let made = Timestamp::from_second(1000).unwrap();
        assert_eq!(all.due("first", made), at(1000));
        assert_eq!(all.due("second", made), at(1060));
        assert_eq!(all.due("third", made), at(1300));
        let some = Rollout {
            stages: vec![stage(&["first"], 0, 0)],
            watch: None,
        };
        assert_eq!(some.due("third", made), Due::Never);
        assert_eq!(Rollout::default().due("third", made), at(1000));
        let late = Rollout {
            stages: vec![stage(&["first"], 0, u64::MAX)],
            watch: None,
        };
        assert_eq!(late.due("first", made), Due::At(Timestamp::MAX));
    }

    #[test]
    fn a_share_is_about_as_many_hosts_and_always_the_same() {
        let hosts: Vec<String> = (0..1000).map(|host| format!("host-{host}")).collect();
        let quarter = hosts.iter().filter(|host| bucket(host) < 25).count();
        assert!((200..300).contains(&quarter), "{quarter}");
        assert_eq!(bucket("host-1"), bucket("host-1"));
    }

    #[test]
    fn too_much_is_above_and_never_of_too_few() {
        let watch = Watch {
            seconds: 60,
            refused_above: 20,
            calls_min: 10,
        };
        assert!(!watch.is_too_much(9, 9));
        assert!(!watch.is_too_much(2, 10));
        assert!(watch.is_too_much(3, 10));
        let none = Watch {
            refused_above: 0,
            calls_min: 0,
            ..watch
        };
        assert!(none.is_too_much(1, 1000));
        assert!(!none.is_too_much(0, 0));
    }

    proptest! {
        #[test]
        fn more_of_a_share_is_never_later(host in "[a-z0-9-]{1,20}", less in 0_u8..=100, more in 0_u8..=100) {
            let (less, more) = (less.min(more), less.max(more));
            let with = |share| Rollout { stages: vec![stage(&[], share, 5)], watch: None };
            let made = Timestamp::from_second(0).unwrap();
            if with(less).due(&host, made) != Due::Never {
                prop_assert_eq!(with(more).due(&host, made), at(5));
            }
        }
    }
}
