//! Each kind of report as a fold over matters.

mod access;
mod agents;
mod collected;
mod disclosures;
mod erasure;
mod gaps;
mod integrity;
mod necessity;
mod policy;
mod processing;
mod proofs;
mod subject;
mod transfers;
mod unused;

use audit::Matter;

use crate::{
    Beside,
    document::{Cell, Table},
    figure::Tally,
    kind::Kind,
    view::{Fate, Values},
};

/// A report in the making. What it holds has a limit.
pub(crate) trait Fold: Send {
    /// Takes a matter in.
    fn take(&mut self, matter: &Matter);

    /// What there is to say.
    fn answer(self: Box<Self>, beside: Beside<'_>) -> Answer;
}

/// Tables, and what must be known of them.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) tables: Vec<Table>,
    pub(crate) notes: Vec<String>,
}

impl Answer {
    fn of(tables: impl IntoIterator<Item = Table>) -> Self {
        Self {
            tables: tables.into_iter().collect(),
            notes: Vec::new(),
        }
    }

    fn noting(note: &str) -> Self {
        Self {
            tables: Vec::new(),
            notes: vec![note.to_owned()],
        }
    }
}

/// The fold of this kind.
pub(crate) fn fold(kind: Kind) -> Box<dyn Fold> {
    match kind {
        Kind::Processing => Box::<processing::Processing>::default(),
        Kind::Subject => Box::new(subject::Concerning::one()),
        Kind::Breach => Box::new(subject::Concerning::many()),
        Kind::Transfers => Box::<transfers::Transfers>::default(),
        Kind::Disclosures => Box::<disclosures::Disclosures>::default(),
        Kind::Necessity => Box::<necessity::Necessity>::default(),
        Kind::Agents => Box::<agents::Agents>::default(),
        Kind::Policy => Box::<policy::Policy>::default(),
        Kind::Gaps => Box::<gaps::Gaps>::default(),
        Kind::Integrity => Box::<integrity::Integrity>::default(),
        Kind::Collected => Box::<collected::Collected>::default(),
        Kind::Unused => Box::<unused::Unused>::default(),
        Kind::Proofs => Box::new(proofs::Proofs),
        Kind::Erasure => Box::<erasure::Erasures>::default(),
        Kind::Access => Box::<access::Access>::default(),
    }
}

/// The column of what operations and scopes bind: who reads it knows which parameters are people.
const NAMED: &str = "parameters named";

/// How many values were handed over, changed, and kept back.
#[derive(Clone, Default)]
struct Fates {
    shown: Tally,
    reduced: Tally,
    withheld: Tally,
}

impl Fates {
    /// The columns' names.
    const COLUMNS: [&str; 3] = ["values handed over", "values reduced", "values withheld"];

    fn add(&mut self, values: &Values<'_>, source: &crate::Source) {
        let tally = match values.fate {
            Fate::Shown => &mut self.shown,
            Fate::Reduced => &mut self.reduced,
            Fate::Withheld => &mut self.withheld,
        };
        tally.add(values.count, source);
    }

    fn cells(self) -> [Cell; 3] {
        [self.shown, self.reduced, self.withheld].map(Cell::from)
    }
}

/// What was found, in words: `pii.email 2 (mask)`.
fn found<'a>(values: impl Iterator<Item = &'a Values<'a>>) -> Cell {
    values
        .map(|it| format!("{} {} ({})", it.class, it.count, it.action))
        .collect()
}
