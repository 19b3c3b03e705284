//! What the value of a member tells of its siblings: `{"type": "passport", "number": ...}`.

use super::KeyClass;
use crate::DataClass as D;

/// What the value of a member tells of its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tells {
    Nothing,
    /// FHIR's `resourceType`.
    Resource,
    /// FHIR's `system` of a code, an identifier or a contact point, and `url` of an extension.
    System,
    /// FHIR's `code` of an identifier's type.
    Code,
    /// What the object is about: `type: customer`.
    Subject,
    /// What the `value` beside it is: `name: ssn`.
    Label,
    /// That the object is about a person, whatever the value: `email`.
    Person,
    /// That the object is about a patient, whatever the value: `mrn`.
    Patient,
    /// That the value beside it was measured: `loinc`.
    Measured,
    /// Which country's numbers stand beside it.
    Country,
}

impl Tells {
    /// What the values under this name tell, which means this.
    pub(super) fn of(name: &[u8], class: KeyClass) -> Self {
        match name {
            b"resourceType" => return Self::Resource,
            b"system" | b"url" | b"reference" => return Self::System,
            b"code" => return Self::Code,
            b"sub" => return Self::Person,
            _ => {}
        }
        if is_kind(name) {
            return Self::Subject;
        }
        if is_label(name) || ends_in_word(name, b"type") || ends_in_word(name, b"kind") {
            return Self::Label;
        }
        match class {
            KeyClass::Country => Self::Country,
            KeyClass::Leaf(D::OBSERVATION) => Self::Measured,
            KeyClass::Leaf(class) if is_patients(name, class) => Self::Patient,
            KeyClass::Leaf(class) if is_persons(class) => Self::Person,
            _ => Self::Nothing,
        }
    }
}

/// `type`, `object`, `entity_type`, `@type`: what the object is about. Other types are of a part of
/// it: a `call_type` of `client` makes no person of the call.
fn is_kind(name: &[u8]) -> bool {
    const OF: &[&[u8]] = &[
        b"entity",
        b"object",
        b"resource",
        b"record",
        b"party",
        b"actor",
        b"subject",
        b"principal",
        b"owner",
        b"@",
        b"_",
        b"doc",
        b"_doc",
    ];
    matches!(
        name,
        b"type" | b"Type" | b"object" | b"kind" | b"typ" | b"tipo" | b"__typename"
    ) || OF.iter().any(|word| {
        name.strip_prefix(*word)
            .is_some_and(|rest| ends_in_word(rest, b"type") && rest.len() <= b"_type".len())
    })
}

/// Names whose value names the member beside it, as forms, audit logs and properties have them.
fn is_label(name: &[u8]) -> bool {
    const OF: &[&[u8]] = &[
        b"field",
        b"attribute",
        b"property",
        b"question",
        b"column",
        b"param",
        b"parameter",
        b"claim",
        b"input",
        b"element",
        b"custom",
        b"variable",
        b"characteristic",
        b"header",
    ];
    const WHAT: &[&[u8]] = &[b"name", b"key", b"label", b"text", b"title", b"code"];
    let plain = matches!(
        name,
        b"name"
            | b"key"
            | b"label"
            | b"title"
            | b"prompt"
            | b"caption"
            | b"Name"
            | b"Key"
            | b"Label"
    );
    plain
        || OF.iter().any(|word| {
            name.get(..word.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(word))
                && name.get(word.len()..).is_some_and(|rest| {
                    rest.is_empty() || WHAT.iter().any(|what| ends_in_word(rest, what))
                })
        })
}

/// Whether the name ends in this word, in camel, snake or kebab.
fn ends_in_word(name: &[u8], word: &[u8]) -> bool {
    let Some((head, tail)) = name
        .len()
        .checked_sub(word.len())
        .and_then(|at| name.split_at_checked(at))
    else {
        return false;
    };
    let starts = match (head.last(), tail.first()) {
        (None, _) => true,
        (Some(before), Some(first)) => {
            !before.is_ascii_alphanumeric() || first.is_ascii_uppercase()
        }
        _ => false,
    };
    starts && tail.eq_ignore_ascii_case(word)
}

/// Whether only an object about a patient has such a member.
fn is_patients(name: &[u8], class: D) -> bool {
    let one = matches!(
        class,
        D::MRN
            | D::PATIENT_ID
            | D::HEALTH_PLAN_ID
            | D::US_MBI
            | D::UK_NHS
            | D::AU_MEDICARE
            | D::DE_KVNR
    );
    one || name
        .get(..7)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"patient"))
}

/// Whether only an object about a person has such a member.
fn is_persons(class: D) -> bool {
    class.is_within(D::GOVERNMENT_ID)
        || class.is_within(D::DEMOGRAPHIC)
        || matches!(class, D::EMAIL | D::DOB | D::USERNAME | D::PERSON)
}
