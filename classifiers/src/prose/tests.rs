//! What is named in free text, and what only looks like it.

use crate::{Context, Finding, ValueKind, classify_value};

/// The findings in a text, as class and bytes.
fn found(text: &str) -> Vec<(String, &str)> {
    let mut findings: Vec<Finding> = Vec::new();
    classify_value(
        &Context::ROOT,
        ValueKind::Text,
        text.as_bytes(),
        &mut findings,
    );
    findings
        .iter()
        .map(|finding| {
            let range = finding.start as usize..finding.end as usize;
            (
                finding.class.name().to_owned(),
                text.get(range).unwrap_or_default(),
            )
        })
        .collect()
}

#[track_caller]
fn check(text: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(class, part)| ((*class).to_owned(), *part))
        .collect();
    assert_eq!(found(text), expected, "{text}");
}

#[test]
fn a_person_is_found_by_what_stands_around() {
    let person = "pii.person";
    check(
        "Please call Maria Hoffmann about the invoice.",
        &[(person, "Maria Hoffmann")],
    );
    check(
        "Kind regards,\nThomas O'Brien",
        &[(person, "Thomas O'Brien")],
    );
    check(
        "Sehr geehrter Herr Vogel, Ihre Rechnung ist da.",
        &[(person, "Vogel")],
    );
    check(
        "Bonjour Mme Lefebvre, votre commande est arrivée.",
        &[(person, "Lefebvre")],
    );
    check(
        "Ticket 4411: Priya Raman cannot log in.",
        &[(person, "Priya Raman")],
    );
}

#[test]
fn products_and_terms_are_no_names() {
    for text in [
        "Deploy the service to EKS and store objects in S3.",
        "The job runs on Kubernetes every Monday at noon.",
        "Error: Connection to Postgres refused by Docker",
        "Returns a list of Invoices for the given Customer.",
        "Lamp with a paper shade, warm light",
        "Added support for GitHub Actions in Terraform",
        "Copyright 2020 The Kubernetes Authors. All rights reserved.",
        "The Grantor and the Grantee agree on new terms.",
        "This field is used by Luhn check digits (ISO/IEC 7812).",
    ] {
        check(text, &[]);
    }
}

#[test]
fn markup_is_no_text() {
    check("<tr><td>Marketing Basis</td><td>Not Drawn</td></tr>", &[]);
}

#[test]
fn an_age_is_told_by_the_words_around_it() {
    for (text, age) in [
        ("he just turned 50 years old", "50"),
        ("A 92-year-old man was seen today.", "92"),
        ("the driver, aged 45, was not hurt", "45"),
        ("Seen today: 67 y/o with cough", "67"),
        ("die Patientin ist 81 Jahre alt", "81"),
    ] {
        check(text, &[("pii.age", age)]);
    }
    for text in [
        "you must be at least 18 years old to join",
        "open to all persons 18 years of age or older",
        "a log that is 1500 years old by version 3",
        "the offer is for children aged 6 to 12 only",
    ] {
        check(text, &[]);
    }
}

#[test]
fn a_date_is_of_birth_if_the_word_before_it_says_so() {
    check(
        "Frau Keller, geb. 14.12.1971, wurde heute entlassen.",
        &[("pii.person", "Keller"), ("pii.dob", "14.12.1971")],
    );
}

#[test]
fn an_address_is_whole_in_a_sentence_and_lines_in_a_block() {
    check(
        "Please send it to 12 Harbour Street, Bristol BS1 4QA, thank you.",
        &[("pii.address", "12 Harbour Street, Bristol BS1 4QA")],
    );
    check(
        "Maria Hoffmann\nLindenstraße 12\n50674 Köln",
        &[
            ("pii.person", "Maria Hoffmann"),
            ("pii.address", "Lindenstraße 12"),
            ("pii.address", "50674"),
            ("pii.location", "Köln"),
        ],
    );
}

#[test]
fn what_is_found_before_is_not_found_twice() {
    let text = "Please write to Maria Hoffmann (maria.hoffmann@example.com) today.";
    check(
        text,
        &[
            ("pii.person", "Maria Hoffmann"),
            ("pii.email", "maria.hoffmann@example.com"),
        ],
    );
}

/// Whoever changes a template or a list makes the tables anew, and writes here what came out.
#[test]
fn the_tables_are_those_that_were_trained() {
    let digest = |bytes: &[u8]| {
        bytes.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
        })
    };
    assert_eq!(
        format!("{:016x}", digest(include_bytes!("../../data/prose.model"))),
        "41aa5ed6188f4c78"
    );
    assert_eq!(
        format!("{:016x}", digest(super::gazetteer::TABLE)),
        "85d7738aaba25606"
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_to_their_end(text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
        let mut findings = Vec::new();
        super::name(&text, 0, &mut findings);
        for finding in findings {
            proptest::prop_assert!(finding.start < finding.end && finding.end as usize <= text.len());
        }
    }
}
