//! Why something was found: computed again for whoever asks, so that findings stay small.

use std::fmt;

use crate::context::Context;
use crate::finding::Finding;
use crate::key::KeyClass;
use crate::{DataClass, scan};

/// What contributed to a finding. Never the value itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The rule that found it.
    pub detector: &'static str,
    /// What its member name says, joined with the names above and the siblings.
    pub name: KeyClass,
    /// What FHIR says of the element.
    pub element: Option<DataClass>,
    /// Whether the value passes the check of its class; none if the class has no check.
    pub check: Option<bool>,
    /// How sure all that makes, in percent.
    pub confidence: u8,
}

/// Why `finding` was found in a value: `text` is its part of the decoded value.
pub fn explain(context: &Context, finding: &Finding, text: &[u8]) -> Explanation {
    Explanation {
        detector: finding.detector,
        name: context.key(),
        element: context.fhir(text),
        check: scan::passes(finding.class, text),
        confidence: finding.confidence,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}`", self.detector)?;
        if let Some(class) = self.element {
            write!(f, "; the FHIR element is {class}")?;
        }
        match self.name {
            KeyClass::None => {}
            KeyClass::Leaf(class) => write!(f, "; the name says {class}")?,
            other => write!(f, "; the name says {}", said(other))?,
        }
        match self.check {
            None => {}
            Some(true) => f.write_str("; the check holds")?,
            Some(false) => f.write_str("; the check fails")?,
        }
        write!(f, "; {} %", self.confidence)
    }
}

/// What a name says that names no class.
fn said(key: KeyClass) -> &'static str {
    match key {
        KeyClass::Someone => "it is about a person",
        KeyClass::Patient => "it is about a patient",
        KeyClass::Card => "it is about a payment card",
        KeyClass::Thing => "it is about no person",
        KeyClass::Name | KeyClass::NamePart => "it is a name",
        KeyClass::Number | KeyClass::Id => "it is a number",
        KeyClass::Veto => "it is a code of no person",
        _ => "nothing by itself",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyCache, ValueKind, classify_value};

    #[test]
    fn a_finding_is_explained_without_its_value() {
        let context = Context::root().member(b"card_number", &mut KeyCache::new());
        let value = b"4111111111111111";
        let mut findings = Vec::new();
        classify_value(&context, ValueKind::Text, value, &mut findings);
        let explanation = explain(&context, &findings[0], value);
        assert_eq!(explanation.name, KeyClass::Leaf(DataClass::PAN));
        assert_eq!(explanation.check, Some(true));
        let text = explanation.to_string();
        assert!(
            text.contains("the name says pci.pan; the check holds"),
            "{text}"
        );
        assert!(!text.contains("4111"));
    }
}
