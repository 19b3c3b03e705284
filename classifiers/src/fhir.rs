//! FHIR R4 (HL7 FHIR 4.0.1) by element: which data class stands at `Patient.name.given`.
//!
//! A walker steps from element to element, one [`Element`] per nesting level. The tables in
//! `elements` name what is personal in each resource; the datatypes that all resources share
//! (`CodeableConcept`, `Reference`, `Identifier`, `ContactPoint`, `Extension`) are steps here.

mod elements;
mod systems;

use std::hash::{Hash, Hasher};

use crate::DataClass;
use elements::{COMMON, RESOURCES};
use systems::{EXTENSIONS, IDENTIFIER_TYPES, IDENTIFIERS, ORGANISATIONS, PERSONS};

/// Where in a resource a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Element {
    /// In no resource.
    None,
    /// In a resource, at an element of no interest; references to patients are still seen.
    Loose,
    /// A resource to come: `Bundle.entry.resource`, `contained`.
    Resource,
    /// A resource, a backbone element or a datatype with a table of its own.
    Shape(&'static Shape),
    /// A backbone element or a datatype of a resource in the patient compartment, with no table of
    /// its own.
    Backbone,
    /// The scalars here and in the datatypes below are of this class.
    Of(DataClass),
    /// A Quantity, Range or Ratio: only its numbers are of this class, not the units.
    Amount(DataClass),
    /// A `ContactPoint`, by its `system`.
    Contact(DataClass),
    /// An Identifier, by its `system` or its type.
    Identifier(DataClass),
    /// The type of an Identifier, or its coding.
    IdentifierType,
    /// A Reference to the patient.
    Patient,
    /// A Reference to someone who may be a patient, or an element that holds one.
    Agent,
    /// `reference` or `fullUrl`: of this class if it is a patient's.
    Link(DataClass),
    /// An Extension whose `url` says nothing yet.
    Extension,
    /// An Extension whose `url` gives its values this class.
    Extended(DataClass),
}

/// The elements of a resource, a backbone element or a datatype that matter.
#[derive(Debug)]
pub(crate) struct Shape {
    elements: &'static [(&'static str, Element)],
    /// Whether it is in the patient compartment, where [`COMMON`] elements matter too.
    common: bool,
    filter: Filter,
}

/// Which names a table may hold: most names of a resource are in none, and a look at one bit says so.
#[derive(Debug)]
struct Filter([u64; 4]);

/// One is the other if it is the same table.
impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Shape {}

impl Hash for Shape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::hash(self, state);
    }
}

/// The outermost element of a resource of this type.
pub(crate) fn resource(name: &[u8]) -> Option<Element> {
    let name = std::str::from_utf8(name).ok()?;
    RESOURCES.get(name).map(|shape| Element::Shape(shape))
}

/// What an identifier is whose type has this code (HL7 v2 table 0203).
pub(crate) fn identifier_type(code: &[u8]) -> Option<DataClass> {
    IDENTIFIER_TYPES
        .iter()
        .find(|(known, _)| known.as_bytes() == code)
        .map(|(_, class)| *class)
}

impl Element {
    /// The element under member `name`.
    #[inline]
    pub(crate) fn member(self, name: &[u8]) -> Self {
        match self {
            Self::None | Self::Resource => Self::None,
            _ => self.child(name),
        }
    }

    fn child(self, name: &[u8]) -> Self {
        match self {
            Self::None | Self::Resource => Self::None,
            Self::Shape(shape) => shape.member(name),
            Self::Backbone => backbone(name),
            // Only the code of a coding is one; its text is words.
            Self::Of(DataClass::ICD10) if name != b"code" => {
                Self::Of(DataClass::CONDITION).member(name)
            }
            Self::Of(class) => match name {
                b"coding" | b"code" | b"display" | b"text" | b"value" | b"start" | b"end"
                | b"event" | b"concept" => self,
                b"valueQuantity" | b"valueRange" => Self::Amount(class),
                _ => Self::Loose,
            },
            Self::Amount(_) => match name {
                b"value" | b"low" | b"high" | b"numerator" | b"denominator" | b"data" => self,
                _ => Self::Loose,
            },
            Self::Contact(class) | Self::Identifier(class) if name == b"value" => Self::Of(class),
            Self::Identifier(_) if name == b"type" => Self::IdentifierType,
            Self::IdentifierType if name == b"coding" => self,
            Self::Patient => match name {
                b"reference" => Self::Of(DataClass::PATIENT_REF),
                b"display" => Self::Of(DataClass::PERSON),
                b"identifier" => Self::Identifier(DataClass::MRN),
                _ => Self::Loose,
            },
            Self::Agent => match name {
                b"display" => Self::Of(DataClass::PERSON),
                b"detail" | b"other" => self,
                _ => backbone(name),
            },
            Self::Link(_) if name == b"display" => Self::Of(DataClass::PERSON),
            Self::Extension => match name {
                b"extension" => self,
                _ => loose(name),
            },
            Self::Extended(class) => match name {
                b"extension" => self,
                b"valueAddress" => Self::Shape(&elements::ADDRESS),
                _ if name.starts_with(b"value") => Self::Of(class),
                _ => Self::Loose,
            },
            Self::Loose
            | Self::Link(_)
            | Self::Contact(_)
            | Self::Identifier(_)
            | Self::IdentifierType => loose(name),
        }
    }

    /// The element once its `system`, `url` or `reference` is known, and the type of an Identifier
    /// before it.
    pub(crate) fn system(self, value: &[u8], typed: Option<DataClass>) -> Self {
        match self {
            Self::Identifier(_) => by_part(IDENTIFIERS, value)
                .or(typed)
                .map_or(self, Self::Identifier),
            Self::Of(DataClass::CONDITION) if contains(value, b"icd-10") => {
                Self::Of(DataClass::ICD10)
            }
            Self::Contact(_) => match value {
                b"email" => Self::Contact(DataClass::EMAIL),
                b"fax" => Self::Contact(DataClass::FAX),
                b"url" => Self::Contact(DataClass::URL),
                _ => self,
            },
            Self::Extension => by_part(EXTENSIONS, value).map_or(self, Self::Extended),
            Self::Backbone if PERSONS.iter().any(|kind| contains(value, kind)) => Self::Agent,
            Self::Agent if ORGANISATIONS.iter().any(|kind| contains(value, kind)) => Self::Loose,
            _ => self,
        }
    }

    /// What the `code` of an Identifier's type says that it is.
    pub(crate) fn identified(self, code: &[u8]) -> Option<DataClass> {
        matches!(self, Self::IdentifierType)
            .then(|| identifier_type(code))
            .flatten()
    }

    /// Whether this is an Identifier.
    pub(crate) fn is_identifier(self) -> bool {
        matches!(self, Self::Identifier(_))
    }

    /// Whether no scalar that stands here has a class by that.
    #[inline]
    pub(crate) fn is_silent(self) -> bool {
        !matches!(self, Self::Of(_) | Self::Amount(_) | Self::Link(_))
    }

    /// The class of a scalar that stands here.
    #[inline]
    pub(crate) fn class_of(self, value: &[u8]) -> Option<DataClass> {
        match self {
            Self::Of(class) | Self::Amount(class) => Some(class),
            Self::Link(class) => is_patient(value, class).then_some(class),
            _ => None,
        }
    }
}

impl Shape {
    fn member(&self, name: &[u8]) -> Element {
        if let Some(own) = self.find(name) {
            return own;
        }
        match name {
            b"text" if self.common => Element::Shape(&elements::NARRATIVE),
            b"contained" => Element::Resource,
            b"extension" | b"modifierExtension" => Element::Extension,
            _ if self.common => backbone(name),
            _ => loose(name),
        }
    }

    fn find(&self, name: &[u8]) -> Option<Element> {
        if !self.filter.may_hold(name) {
            return None;
        }
        self.elements
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map(|(_, element)| *element)
    }
}

impl Filter {
    #[expect(
        clippy::indexing_slicing,
        reason = "runs when compiled: out of bounds is a build error"
    )]
    const fn of(elements: &[(&str, Element)]) -> Self {
        let mut bits = [0; 4];
        let mut row = 0;
        while row < elements.len() {
            let name = elements[row].0.as_bytes();
            let place = place_of(name[0], name[name.len() - 1], name.len());
            bits[place >> 6] |= 1 << (place & 63);
            row += 1;
        }
        Self(bits)
    }

    #[inline]
    fn may_hold(&self, name: &[u8]) -> bool {
        let (Some(first), Some(last)) = (name.first(), name.last()) else {
            return false;
        };
        let place = place_of(*first, *last, name.len());
        self.0
            .get(place >> 6)
            .is_some_and(|bits| bits >> (place & 63) & 1 == 1)
    }
}

/// The bit of a name, by its first and last letter and its length: below 256.
const fn place_of(first: u8, last: u8, length: usize) -> usize {
    let mixed = first as usize * 31 + last as usize * 7 + length * 17;
    mixed & 0xFF
}

/// Within a resource in the patient compartment.
fn backbone(name: &[u8]) -> Element {
    match name {
        b"reference" => Element::Link(DataClass::PATIENT_REF),
        b"extension" | b"modifierExtension" => Element::Extension,
        _ => COMMON.find(name).unwrap_or(Element::Backbone),
    }
}

/// Beneath an element of no interest.
fn loose(name: &[u8]) -> Element {
    match name {
        b"reference" => Element::Link(DataClass::PATIENT_REF),
        _ => Element::Loose,
    }
}

/// Whether a link leads to a patient. A `urn:uuid:` does not say, so a `fullUrl` that is one counts
/// as a patient's; references to patients have elements of their own.
fn is_patient(value: &[u8], class: DataClass) -> bool {
    contains(value, b"Patient/")
        || contains(value, b"RelatedPerson/")
        || class == DataClass::PATIENT_ID && value.starts_with(b"urn:")
}

fn by_part(table: &[(&str, DataClass)], value: &[u8]) -> Option<DataClass> {
    table
        .iter()
        .find(|(part, _)| contains(value, part.as_bytes()))
        .map(|(_, class)| *class)
}

fn contains(value: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(value, part).is_some()
}

#[cfg(test)]
mod tests;
