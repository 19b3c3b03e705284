//! What a report tells beside the log.

/// What is known from elsewhere, where a kind wants it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// What a verification of the log found.
    pub verdict: Option<&'a audit::Report>,
    /// What the policies and the configuration grant.
    pub grants: Option<&'a Grants>,
    /// What was proven of the policies.
    pub proofs: Option<&'a Proofs>,
}

/// What is granted, used or not.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// The digest of the policies.
    pub policies: String,
    /// The policies that permit calls.
    pub rules: Vec<Grant>,
    /// The operations that calls may be of, as `service/operation`.
    pub operations: Vec<String>,
    /// The agents that may call, by SPIFFE id.
    pub agents: Vec<String>,
}

/// A policy that permits calls.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// Its sentence, if it has one.
    pub reason: Option<String>,
    /// The law or contract behind it, if it names one.
    pub basis: Option<String>,
}

/// What was proven of policies.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// The digest of the policies.
    pub policies: String,
    /// The digest of the invariants.
    pub invariants: String,
    /// One for each invariant and what it is about.
    pub proofs: Vec<Proof>,
}

impl Proofs {
    /// Whether every invariant holds.
    pub fn hold(&self) -> bool {
        self.proofs.iter().all(|it| it.outcome == Outcome::Holds)
    }
}

/// Whether an invariant holds.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The invariant.
    pub invariant: Grant,
    /// What is asked: `call`, `disclose`.
    pub action: &'static str,
    /// The answer.
    pub outcome: Outcome,
}

/// What a solver says of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No question at all is answered against it.
    Holds,
    /// This one is, told for people.
    Refuted(String),
    /// It is not known, and why.
    Undecided(String),
}
