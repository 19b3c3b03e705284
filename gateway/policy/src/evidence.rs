//! How well a caller is proven: the name that records have, the facts behind it, and their rank.

use std::fmt;

/// How well a caller is proven.
///
/// Equal names mean equal facts, so a record's name is enough to ask again what was asked then.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Evidence {
    name: &'static str,
    /// The kernel says whose the connection is; otherwise `/proc` does, which is inferred.
    pub kernel: bool,
    /// The workload showed its X.509-SVID, and proved in TLS to hold its key.
    pub svid: bool,
    /// A token was shown.
    pub token: bool,
    /// That token is bound to a key that was proven to be held, or to the process.
    pub bound: bool,
}

const fn known(name: &'static str, facts: [bool; 4]) -> Evidence {
    let [kernel, svid, token, bound] = facts;
    Evidence {
        name,
        kernel,
        svid,
        token,
        bound,
    }
}

const YES: bool = true;
const NOT: bool = false;

impl Evidence {
    /// What proves nothing: nobody is known to call.
    pub const NONE: Self = known("none", [NOT; 4]);

    /// Every way in which a caller can be proven, by name.
    pub const ALL: [Self; 12] = [
        known("kernel+svid+bound-token", [YES, YES, YES, YES]),
        known("kernel+svid+token", [YES, YES, YES, NOT]),
        known("kernel+svid", [YES, YES, NOT, NOT]),
        known("kernel+bound-token", [YES, NOT, YES, YES]),
        known("kernel+token", [YES, NOT, YES, NOT]),
        known("kernel", [YES, NOT, NOT, NOT]),
        known("inferred+svid+bound-token", [NOT, YES, YES, YES]),
        known("inferred+svid+token", [NOT, YES, YES, NOT]),
        known("inferred+svid", [NOT, YES, NOT, NOT]),
        known("inferred+bound-token", [NOT, NOT, YES, YES]),
        known("inferred+token", [NOT, NOT, YES, NOT]),
        known("inferred", [NOT, NOT, NOT, NOT]),
    ];

    /// The one with this name; [`NONE`](Self::NONE), the weakest, if there is no such.
    pub fn named(name: &str) -> Self {
        Self::of(name).unwrap_or(Self::NONE)
    }

    /// The one with this name, if there is one.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name == name)
    }

    /// Its name: `kernel+token`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// How strong it is, from 0 for [`NONE`](Self::NONE) to 7.
    ///
    /// | rank | evidence |
    /// | --- | --- |
    /// | 7 | `kernel+svid`, whatever the token |
    /// | 6 | `kernel+bound-token` |
    /// | 5 | `inferred+svid`, whatever the token |
    /// | 4 | `kernel+token` |
    /// | 3 | `kernel` |
    /// | 2 | `inferred+bound-token`, `inferred+token` |
    /// | 1 | `inferred` |
    ///
    /// What a key proved counts more than what the kernel saw, and both more than either. A token that
    /// is bound to a process is worth no more than the word for whose the process is, so beside an
    /// inferred one binding adds nothing. A token on top of an SVID says what the call is for, not who
    /// calls.
    pub fn rank(self) -> u8 {
        match (self.kernel, self.svid) {
            _ if self == Self::NONE => 0,
            (true, true) => 7,
            (true, false) if self.bound => 6,
            (false, true) => 5,
            (true, false) if self.token => 4,
            (true, false) => 3,
            (false, false) if self.token => 2,
            (false, false) => 1,
        }
    }

    /// The facts as policies name them, in the order of their names.
    pub fn facts(self) -> [(&'static str, bool); 4] {
        [
            ("bound", self.bound),
            ("kernel", self.kernel),
            ("svid", self.svid),
            ("token", self.token),
        ]
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_facts_and_what_is_unknown_is_the_weakest() {
        for evidence in Evidence::ALL {
            assert_eq!(Evidence::named(evidence.name()), evidence);
            let parts: Vec<&str> = evidence.name().split('+').collect();
            assert_eq!(parts.contains(&"kernel"), evidence.kernel);
            assert_eq!(parts.contains(&"inferred"), !evidence.kernel);
            assert_eq!(parts.contains(&"svid"), evidence.svid);
            assert_eq!(parts.contains(&"bound-token"), evidence.bound);
            let token = parts.iter().any(|part| part.ends_with("token"));
            assert_eq!(token, evidence.token);
            assert!(evidence.rank() > Evidence::NONE.rank());
        }
        for unknown in ["", "none", "kernel+", "hearsay", "launched"] {
            assert_eq!(Evidence::named(unknown), Evidence::NONE);
        }
    }

    #[test]
    fn no_fact_more_makes_evidence_weaker() {
        let has = |all: Evidence, some: Evidence| {
            let pairs = all.facts().into_iter().zip(some.facts());
            pairs
                .into_iter()
                .all(|((_, more), (_, less))| more || !less)
        };
        for one in Evidence::ALL {
            for other in Evidence::ALL {
                if has(one, other) {
                    assert!(one.rank() >= other.rank(), "{one} {other}");
                }
            }
        }
    }
}
