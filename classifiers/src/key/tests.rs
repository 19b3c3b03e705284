use proptest::prelude::*;

use super::cache::Key;
use super::*;
use crate::DataClass as D;

#[track_caller]
fn check(name: &str, expected: KeyClass) {
    assert_eq!(key_class(name.as_bytes()), expected, "{name}");
}

#[test]
fn one_noun_in_every_spelling() {
    for name in [
        "firstName",
        "first_name",
        "FIRST_NAME",
        "first-name",
        "First Name",
        "firstname",
        "customer.firstName",
        "billingFirstName",
        "first_name_2",
    ] {
        check(name, KeyClass::Leaf(D::PERSON));
    }
}

#[test]
fn the_last_noun_decides() {
    let cases = [
        ("homePhone", D::PHONE),
        ("phone_number", D::PHONE),
        ("contactEmailAddresses", D::EMAIL),
        ("clientIPAddress", D::IP),
        ("billing_address_line1", D::ADDRESS),
        ("shippingPostalCode", D::POSTAL_CODE),
        ("patient_mrn", D::MRN),
        ("attendingNPI", D::US_NPI),
        ("card_number", D::PAN),
        ("creditCardNumber", D::PAN),
        ("patientName", D::PERSON),
        ("guest_name", D::PERSON),
        ("ssn_last4", D::US_SSN),
        ("STRIPE_API_KEY", D::GENERIC),
        ("dbPassword", D::PASSWORD),
    ];
    for (name, class) in cases {
        check(name, KeyClass::Leaf(class));
    }
}

#[test]
fn what_follows_the_noun_takes_the_meaning_away() {
    for name in [
        "phone_verified",
        "emailTemplate",
        "address_type",
        "passwordPolicy",
        "name_count_limit",
        "tokenType",
        "cardBrand",
        "birthdateFormat",
        "ipv",
        "emailOptIn",
    ] {
        assert_eq!(key_class(name.as_bytes()).data_class(), None, "{name}");
    }
}

#[test]
fn names_of_things_are_not_persons() {
    for name in [
        "fileName",
        "host_name",
        "productName",
        "company_name",
        "className",
        "tableName",
        "bucket-name",
    ] {
        assert_eq!(key_class(name.as_bytes()).data_class(), None, "{name}");
    }
}

#[test]
fn other_languages_have_names_too() {
    let cases = [
        ("Straße", D::ADDRESS),
        ("prénom", D::PERSON),
        ("Geburtsdatum", D::DOB),
        ("fechaNacimiento", D::DOB),
        ("código_postal", D::POSTAL_CODE),
        ("telefoonnummer", D::PHONE),
        ("endereço", D::ADDRESS),
        ("cognome", D::PERSON),
        ("CORREO_ELECTRÓNICO", D::EMAIL),
    ];
    for (name, class) in cases {
        check(name, KeyClass::Leaf(class));
    }
}

#[test]
fn the_end_of_a_long_name_is_read() {
    let name = format!("{}_phone_number", "x".repeat(500));
    check(&name, KeyClass::Leaf(D::PHONE));
}

#[test]
fn the_cache_never_takes_one_name_for_another() {
    let mut cache = KeyCache::new();
    for round in 0..2 {
        for number in 0..5000 {
            assert_eq!(
                cache.key(format!("k{number}").as_bytes()).class,
                KeyClass::None,
                "{round}"
            );
        }
        assert_eq!(cache.key(b"email").class, KeyClass::Leaf(D::EMAIL));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_name(name in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut cache = KeyCache::new();
        prop_assert_eq!(cache.key(&name), Key::of(&name));
        prop_assert_eq!(cache.key(&name), Key::of(&name));
    }
}
