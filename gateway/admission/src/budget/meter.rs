//! What budgets count.

use classifiers::DataClass;
use serde::{Deserialize, Serialize};

use super::COST_UNIT;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Meter {
    /// Calls that were admitted.
    Calls,
    /// Records that an answer showed, each once.
    Records,
    /// People whose records an answer showed, each once.
    Subjects,
    /// Bytes of answers.
    Bytes,
    /// Tokens that a model read and wrote.
    Tokens,
    /// What these cost, in millionths of the currency that prices are in.
    Cost,
    /// Values of a class, or of one below it, that an answer showed as they are.
    Fields(DataClass),
}

impl Meter {
    /// Its name, as it is typed, told and stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Records => "records",
            Self::Subjects => "subjects",
            Self::Bytes => "bytes",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
            Self::Fields(class) => class.name(),
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "calls" => Self::Calls,
            "records" => Self::Records,
            "subjects" => Self::Subjects,
            "bytes" => Self::Bytes,
            "tokens" => Self::Tokens,
            "cost" => Self::Cost,
            class => Self::Fields(DataClass::named(class)?),
        })
    }

    /// Whether the same thing counts once.
    pub fn is_distinct(self) -> bool {
        matches!(self, Self::Records | Self::Subjects)
    }

    /// Whether it counts what a model used.
    pub fn is_of_models(self) -> bool {
        matches!(self, Self::Tokens | Self::Cost)
    }

    /// How much of it there is, as people write it.
    pub fn written(self, amount: u64) -> String {
        if self != Self::Cost {
            return amount.to_string();
        }
        let (whole, rest) = (amount / COST_UNIT, amount % COST_UNIT);
        let rest = format!("{rest:06}");
        match rest.trim_end_matches('0') {
            "" => whole.to_string(),
            rest => format!("{whole}.{rest}"),
        }
    }
}

impl From<Meter> for String {
    fn from(meter: Meter) -> Self {
        meter.name().to_owned()
    }
}

impl TryFrom<String> for Meter {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::named(&name).ok_or_else(|| format!("nothing is counted as `{name}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name() {
        let classes = DataClass::all().map(Meter::Fields);
        let others = ["calls", "records", "subjects", "bytes", "tokens", "cost"];
        let others = others.into_iter().filter_map(Meter::named);
        let all: Vec<Meter> = classes.chain(others).collect();
        for meter in &all {
            assert_eq!(Meter::named(meter.name()), Some(*meter));
        }
        let written = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Meter>>(&written).unwrap(), all);
        assert!(serde_json::from_str::<Meter>("\"sheep\"").is_err());
    }
}
