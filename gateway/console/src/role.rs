//! Who may do what.

use serde::{Deserialize, Serialize};

/// What a user is to the console. Each may what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees figures, and nobody's name.
    Viewer,
    /// Reads everything that is on record.
    Auditor,
    /// Also makes reports, and acknowledges findings.
    Compliance,
    /// Also acts on agents: revokes them.
    Operator,
}

/// What a page or an act needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// To see figures.
    Figures,
    /// To read records.
    Read,
    /// To make reports.
    Report,
    /// To acknowledge findings.
    Acknowledge,
    /// To try other policies on the record.
    Simulate,
    /// To revoke, and to take that back.
    Revoke,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Viewer,
        Self::Auditor,
        Self::Compliance,
        Self::Operator,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Auditor => "auditor",
            Self::Compliance => "compliance",
            Self::Operator => "operator",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    pub(crate) fn may(self, power: Power) -> bool {
        let least = match power {
            Power::Figures => Self::Viewer,
            Power::Read => Self::Auditor,
            Power::Report | Power::Acknowledge => Self::Compliance,
            Power::Simulate | Power::Revoke => Self::Operator,
        };
        self >= least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_the_ones_before_it_may() {
        use Power::{Acknowledge, Figures, Read, Report, Revoke, Simulate};
        let all = [Figures, Read, Report, Acknowledge, Simulate, Revoke];
        let may = |role: Role| all.map(|power| role.may(power));
        assert_eq!(may(Role::Viewer), [true, false, false, false, false, false]);
        assert_eq!(may(Role::Auditor), [true, true, false, false, false, false]);
        assert_eq!(
            may(Role::Compliance),
            [true, true, true, true, false, false]
        );
        assert_eq!(may(Role::Operator), [true; 6]);
        assert!(
            Role::ALL
                .iter()
                .all(|it| Role::named(it.name()) == Some(*it))
        );
    }
}
