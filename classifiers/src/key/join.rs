//! How the meaning of an object joins that of a member, and a noun's that of the words before it.

use super::KeyClass;
use super::KeyClass::{
    Called, Card, Country, Date, Hint, Id, Leaf, Name, NamePart, Negative, Note, Number, Patient,
    Place, Someone, Term, Thing, Value, Veto, Wrapper,
};
use crate::DataClass as D;

/// What a member means inside an object.
pub fn inherit(parent: KeyClass, child: KeyClass) -> KeyClass {
    match (parent, child) {
        (KeyClass::None, _) => child,
        (Negative, _) => Negative,
        (_, Wrapper) | (Hint(_), Value | Number) => parent,
        (_, Hint(class)) if fits(parent, class) => Leaf(class),
        (Leaf(class), _) => within(class, child),
        (Veto, Value | Number | Id | Term | Date) => Veto,
        (Card, Name | Called) => Leaf(D::CARDHOLDER),
        (Card, Number) => Leaf(D::PAN),
        (Patient, Id | Number) => Leaf(D::PATIENT_ID),
        (Patient, Note) => Leaf(D::NARRATIVE),
        (Patient, Date) => Leaf(D::DATE),
        // The id of a record is no number that a person goes by.
        (Someone, Number) => Leaf(D::CUSTOMER_ID),
        (Someone | Patient, Name | Called | NamePart) | (Name | Called, NamePart) => {
            Leaf(D::PERSON)
        }
        (Someone | Patient, Place) => Leaf(D::LOCATION),
        (Veto | Country, Name | Called)
        | (
            Thing | Place,
            Name | Called | NamePart | Value | Place | Leaf(D::ADDRESS | D::CITY | D::POSTAL_CODE),
        ) => Thing,
        _ => child,
    }
}

/// What a noun means behind these words. English puts what a thing is last; the Romance languages
/// put it first and whose it is last: `email_cliente`.
pub(super) fn compound(modifier: KeyClass, noun: KeyClass) -> KeyClass {
    match (modifier, noun) {
        (Leaf(_), Someone | Patient) => modifier,
        (Name | Called, Someone | Patient) => Leaf(D::PERSON),
        (Id | Number, Patient) => Leaf(D::PATIENT_ID),
        (Number, Someone) => Leaf(D::CUSTOMER_ID),
        (Id, Someone) => Id,
        // Those that customers and members go by stand in the table: an employee's is a record's.
        (Someone, Number) => Number,
        // `id_card_no`: no payment card.
        (Id, Leaf(D::PAN)) => Leaf(D::NATIONAL_ID),
        (Date, Leaf(class)) if class.is_within(D::CLINICAL) => Leaf(D::DATE),
        _ => inherit(modifier, noun),
    }
}

/// What a member means inside a value of a class: `phone: { number }`.
fn within(class: D, child: KeyClass) -> KeyClass {
    let coded = class.is_within(D::CLINICAL) || class.is_within(D::DEMOGRAPHIC);
    let kept = match child {
        Value => true,
        Number => !coded,
        Id => class.is_within(D::GOVERNMENT_ID) || class.is_within(D::PHI) && !coded,
        Term => coded || matches!(class, D::CVV | D::POSTAL_CODE),
        Date => matches!(class, D::DOB | D::EXPIRY | D::DATE),
        Name | Called => {
            coded || matches!(class, D::CITY | D::LOCATION | D::PERSON | D::CARDHOLDER)
        }
        NamePart => matches!(class, D::PERSON | D::CARDHOLDER),
        // `email: { address }`, `ssn_last4`: the other noun only says where to look.
        Leaf(D::ADDRESS) => matches!(class, D::EMAIL | D::IP | D::MAC | D::CRYPTO_WALLET),
        Leaf(D::PAN_TRUNCATED) => class == D::US_SSN,
        _ => false,
    };
    if kept {
        return Leaf(class);
    }
    match child {
        Date if class.is_within(D::CLINICAL) => Leaf(D::DATE),
        Note if class.is_within(D::CLINICAL) => Leaf(D::NARRATIVE),
        Name | Called | NamePart if is_a_persons(class) => Leaf(D::PERSON),
        Name | Called => Thing,
        // A passport runs out too.
        Leaf(D::EXPIRY) if class.is_within(D::GOVERNMENT_ID) => KeyClass::None,
        other => other,
    }
}

/// Whether a name beside a value of this class is its owner's.
fn is_a_persons(class: D) -> bool {
    class.is_within(D::CONTACT) || class.is_within(D::GOVERNMENT_ID) || class == D::DOB
}

/// Whether a member that may be of this class is, inside such an object.
fn fits(parent: KeyClass, class: D) -> bool {
    let health = class.is_within(D::PHI);
    let payment = class.is_within(D::PCI);
    match parent {
        Card => payment,
        Patient => !payment && !class.is_within(D::SECRET),
        Someone => !payment && (!health || class == D::HEALTH_PLAN_ID),
        Leaf(other) if health => other.is_within(D::PHI),
        Leaf(other) if payment => other.is_within(D::PCI),
        Leaf(other) if class.is_within(D::SECRET) => other == D::USERNAME,
        Leaf(other) => other == D::PERSON || is_a_persons(other) || other.is_within(D::DEMOGRAPHIC),
        _ => false,
    }
}
