//! What the rules say; decides, never acts.
//!
//! Authorization, residency and redaction are one language, Cedar, against one schema
//! (`schema.cedarschema`). [`Engine::load`] checks every policy and reports all that is wrong
//! with file, line and hint. [`Engine::call`] answers "may this call be made?";
//! [`Engine::disclosures`] answers, per data class, what may be shown, [`Engine::restorations`] which
//! tokens may be turned back.
//!
//! Nothing here does I/O or reads a clock, and no request holds the time: so equal questions
//! have equal answers, and the engine may remember them.

mod argument;
mod disclosure;
mod engine;
mod error;
mod evidence;
mod explain;
mod load;
mod regions;
mod request;
mod restoration;
mod slices;
mod vocabulary;

pub use argument::{Argument, ArgumentKind, Arguments, is_argument_name};
pub use disclosure::Disclosures;
pub use engine::{CALLS_REMEMBERED_MAX, CONTEXTS_REMEMBERED_MAX, Engine, Rule};
pub use error::{PolicyError, PolicyErrors};
pub use evidence::Evidence;
pub use explain::SCOPE_VALUE_CHARS_MAX;
pub use load::{Names, POLICIES_MAX, POLICY_FILE_BYTES_MAX, PolicyFile};
pub use redaction::shape::Fields;
pub use regions::{Adequacy, REGIONS, adequacy_decisions, country_codes, regions_of};
pub use request::Verb;
pub use restoration::Restorations;
pub use vocabulary::{
    Category, Country, Decision, Declared, Delegation, Disclosure, DisclosureContext, Effect,
    GROUPS, Operation, PolicyRef, Principal, ScopeMismatch, Towards, Training,
};

/// Ready rules for the first day: scope, residency, secrets, cards.
pub const BASELINE: &str = include_str!("../packs/baseline.cedar");

/// Ready policies for one law or standard.
#[derive(Clone, Copy, Debug)]
pub struct Pack {
    /// What it is called.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Its Cedar text.
    pub text: &'static str,
}

/// Ready policies. All but the baseline only forbid: they stand beside policies that permit.
pub const PACKS: [Pack; 5] = [
    Pack {
        name: "baseline",
        about: "a first day: reads, writes with a purpose, scope, residency, secrets, cards",
        text: BASELINE,
    },
    Pack {
        name: "gdpr",
        about: "Regulation (EU) 2016/679: special categories, identifiers, minimisation, transfers",
        text: include_str!("../packs/gdpr.cedar"),
    },
    Pack {
        name: "hipaa",
        about: "45 CFR 164.502 and 164.514: minimum necessary, the eighteen identifiers",
        text: include_str!("../packs/hipaa.cedar"),
    },
    Pack {
        name: "ccpa",
        about: "Cal. Civ. Code 1798.100 ff.: sensitive personal information, no sale, no sharing",
        text: include_str!("../packs/ccpa.cedar"),
    },
    Pack {
        name: "pci",
        about: "PCI DSS v4.0.1: cardholder data masked, authentication data never",
        text: include_str!("../packs/pci.cedar"),
    },
];

#[cfg(test)]
mod tests;
