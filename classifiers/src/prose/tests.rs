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
