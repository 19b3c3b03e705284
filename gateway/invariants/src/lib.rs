//! What policies must never allow, proven by a solver or refuted with a case.
//!
//! An invariant is written as a policy is: a `forbid` with an `@id`. It holds if no question that the
//! gateway can ask is answered against it, whatever the agent, the task, the data and the countries.
//! Tests show that for the cases that somebody thought of; a proof shows it for all.
//!
//! Cedar's symbolic compiler turns policies and invariant into a formula, which the solver cvc5, a
//! program of its own, shows to have no solution, or solves. The gateway's world is stated beside them
//! (`world`), so that no solution has Paris outside the EU. A solution is a case, and is put to the
//! engine itself before anyone is told of it.

mod case;
mod prover;
mod world;

pub use case::{Answer, Case};
pub use prover::{Invariants, Outcome, Proof, ProveError, Prover, SOLVER_WAIT};
pub use world::KnownOperation;

/// Invariants that hold for Tidegate's own policies, by name.
pub const SHIPPED: [(&str, &str); 3] = [
    (
        "residency.cedar",
        include_str!("../shipped/residency.cedar"),
    ),
    (
        "minimum-necessary.cedar",
        include_str!("../shipped/minimum-necessary.cedar"),
    ),
    ("secrets.cedar", include_str!("../shipped/secrets.cedar")),
];

#[cfg(test)]
mod tests;
