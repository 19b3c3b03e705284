//! What was proven of the policies. Nothing of it is counted in the log.

use audit::Matter;

use super::{Answer, Fold};
use crate::{
    Beside, Outcome, Proof,
    document::{Cell, Table},
    view::UNSTATED,
};

pub(super) struct Proofs;

impl Fold for Proofs {
    fn take(&mut self, _: &Matter) {}

    fn answer(self: Box<Self>, beside: Beside<'_>) -> Answer {
        let Some(proofs) = beside.proofs else {
            return Answer::noting("Nothing was proven for this report.");
        };
        let columns = ["invariant", "must hold", "basis", "asked of", "answer"];
        let note = "Each invariant was put to the solver cvc5 against all policies, for every question that \
                    can be asked of them.";
        let mut invariants = Table::new("Invariants", note, &columns);
        invariants.rows = proofs.proofs.iter().map(row).collect();
        let columns = ["invariant", "asked of", "case or reason"];
        let note = "Questions that the policies answer against an invariant, and why others are undecided.";
        let mut against = Table::new("What does not hold", note, &columns);
        against.rows = proofs.proofs.iter().filter_map(against_it).collect();
        let mut of = Table::new("Proven of", "", &["what", "SHA-256"]);
        of.rows = [
            ("policies", &proofs.policies),
            ("invariants", &proofs.invariants),
        ]
        .map(|(what, digest)| vec![what.into(), digest.clone().into()])
        .to_vec();
        Answer::of([invariants, against, of])
    }
}

fn row(proof: &Proof) -> Vec<Cell> {
    let invariant = &proof.invariant;
    let text = |text: &Option<String>| text.as_deref().unwrap_or(UNSTATED).into();
    let answer = match proof.outcome {
        Outcome::Holds => "holds",
        Outcome::Refuted(_) => "REFUTED",
        Outcome::Undecided(_) => "UNDECIDED",
    };
    vec![
        invariant.id.clone().into(),
        text(&invariant.reason),
        text(&invariant.basis),
        proof.action.into(),
        answer.into(),
    ]
}

fn against_it(proof: &Proof) -> Option<Vec<Cell>> {
    let why = match &proof.outcome {
        Outcome::Holds => return None,
        Outcome::Refuted(case) => case.lines().map(str::trim).collect(),
        Outcome::Undecided(why) => why.clone().into(),
    };
    Some(vec![
        proof.invariant.id.clone().into(),
        proof.action.into(),
        why,
    ])
}
