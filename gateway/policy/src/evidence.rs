//! How well a caller is proven: the name that records have, the facts behind it, and their rank.

use std::fmt;

/// How well a caller is proven.
///
/// Equal names mean equal facts, so a record's name is enough to ask again what was asked then.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts, each by itself, as policies name them"
)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Evidence {
    name: &'static str,
    /// The kernel says whose the connection is; otherwise `/proc` does, which is inferred.
    pub kernel: bool,
    /// The workload showed its X.509-SVID, and proved in TLS to hold its key.
    pub svid: bool,
    /// A token was shown.
    pub token: bool,
    /// That token is bound to a key that was proven to be held.
    pub bound: bool,
    /// A key was shown that stays the same for long, and that a copy can replace.
    pub key: bool,
    /// The request was signed with a secret that the gateway shares with a sender of another host.
    pub signature: bool,
}

const fn known(name: &'static str, kernel: bool, svid: bool, shown: Shown) -> Evidence {
    Evidence {
        name,
        kernel,
        svid,
        token: matches!(shown, Shown::Token | Shown::Bound),
        bound: matches!(shown, Shown::Bound),
        key: matches!(shown, Shown::Key),
        signature: matches!(shown, Shown::Signature),
    }
}

/// What was shown beside a certificate.
enum Shown {
    Nothing,
    Key,
    Token,
    Bound,
    Signature,
}

const YES: bool = true;
const NOT: bool = false;

impl Evidence {
    /// What proves nothing: nobody is known to call.
    pub const NONE: Self = known("none", NOT, NOT, Shown::Nothing);

    /// Every way in which a caller can be proven, by name.
    pub const ALL: [Self; 17] = [
        known("kernel+svid+bound-token", YES, YES, Shown::Bound),
        known("kernel+svid+token", YES, YES, Shown::Token),
        known("kernel+svid+key", YES, YES, Shown::Key),
        known("kernel+svid", YES, YES, Shown::Nothing),
        known("kernel+bound-token", YES, NOT, Shown::Bound),
        known("kernel+token", YES, NOT, Shown::Token),
        known("kernel+key", YES, NOT, Shown::Key),
        known("kernel", YES, NOT, Shown::Nothing),
        known("inferred+svid+bound-token", NOT, YES, Shown::Bound),
        known("inferred+svid+token", NOT, YES, Shown::Token),
        known("inferred+svid+key", NOT, YES, Shown::Key),
        known("inferred+svid", NOT, YES, Shown::Nothing),
        known("inferred+bound-token", NOT, NOT, Shown::Bound),
        known("inferred+token", NOT, NOT, Shown::Token),
        known("inferred+key", NOT, NOT, Shown::Key),
        known("inferred", NOT, NOT, Shown::Nothing),
        known("signed", NOT, NOT, Shown::Signature),
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
    /// | 7 | `kernel+svid`, whatever else |
    /// | 6 | `kernel+bound-token` |
    /// | 5 | `inferred+svid`, whatever else; `inferred+bound-token` |
    /// | 4 | `kernel+token` |
    /// | 3 | `kernel`, `kernel+key` |
    /// | 2 | `inferred+token`; `signed` |
    /// | 1 | `inferred`, `inferred+key` |
    ///
    /// What a key proved counts more than what the kernel saw, and both more than either. A token on top
    /// of an SVID says what the call is for, not who calls. A static key adds nothing: who copied it once
    /// has it for good. A signature is of one request, and who copied its secret has that for good, too.
    pub fn rank(self) -> u8 {
        match (self.kernel, self.svid) {
            _ if self == Self::NONE => 0,
            (true, true) => 7,
            (true, false) if self.bound => 6,
            (false, true) => 5,
            (false, false) if self.bound => 5,
            (true, false) if self.token => 4,
            (true, false) => 3,
            (false, false) if self.token || self.signature => 2,
            (false, false) => 1,
        }
    }

    /// The facts as policies name them, in the order of their names.
    pub fn facts(self) -> [(&'static str, bool); 6] {
        [
            ("bound", self.bound),
            ("kernel", self.kernel),
            ("key", self.key),
            ("signature", self.signature),
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
            assert_eq!(parts.contains(&"signed"), evidence.signature);
            let inferred = !evidence.kernel && !evidence.signature;
            assert_eq!(parts.contains(&"inferred"), inferred);
            assert_eq!(parts.contains(&"svid"), evidence.svid);
            assert_eq!(parts.contains(&"bound-token"), evidence.bound);
            let token = parts.iter().any(|part| part.ends_with("token"));
            assert_eq!(token, evidence.token);
            assert_eq!(parts.contains(&"key"), evidence.key);
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
