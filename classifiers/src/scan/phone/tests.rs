use crate::DataClass as D;
use crate::{Context, ValueKind, classify_value};

#[track_caller]
fn check(text: &str, expected: &[(D, &str)]) {
    let mut findings = Vec::new();
    classify_value(
        &Context::root(),
        ValueKind::Text,
        text.as_bytes(),
        &mut findings,
    );
    let found: Vec<(D, &str)> = findings
        .iter()
        .map(|finding| {
            let range = finding.start.try_into().unwrap()..finding.end.try_into().unwrap();
            (finding.class, text.get(range).unwrap())
        })
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_countrys_code_tells_a_number() {
    for number in [
        "+49 30 901820",
        "+1 202-555-0143",
        "+1 (202) 555-0143",
        "+44 (0)20 7946 0958",
        "+44 20 7946 0958",
        "+33 1 23 45 67 89",
        "+390612345678",
        "+351 912 345 678",
        "+91 98765 43210",
        "+81-3-1234-5678",
        "+55 11 91234-5678",
        "+61 2 9876 5432",
        "0049 30 901820",
        "+1\u{2011}202\u{2011}555\u{2011}0143",
        "+1 202-555-0143 ext. 12",
        "+1-202-555-0143x1234",
    ] {
        check(number, &[(D::PHONE, number)]);
        check(&format!("at {number}, or so"), &[(D::PHONE, number)]);
    }
}

#[test]
fn countries_print_their_numbers_in_their_own_way() {
    for number in [
        "(202) 555-0143",
        "202-555-0143",
        "202.555.0143",
        "1-202-555-0143",
        "01 23 45 67 89",
        "020 7946 0958",
        "07911 123456",
        "(02) 9876 5432",
        "(11) 91234-5678",
        "090-1234-5678",
        "030 901820",
    ] {
        check(&format!("at {number}."), &[(D::PHONE, number)]);
    }
}

#[test]
fn a_word_tells_a_number() {
    for (before, number) in [
        ("Call me at ", "9469 9966"),
        ("my cell is ", "0961-7596216"),
        ("Telefon ", "0171/2345678"),
        ("tél : ", "06.12.34.56.78"),
        ("llame al ", "612 345 678"),
        ("WhatsApp: ", "612345678"),
    ] {
        check(&format!("{before}{number}"), &[(D::PHONE, number)]);
    }
    check("Fax: 030 901820", &[(D::FAX, "030 901820")]);
}

#[test]
fn other_numbers_are_no_telephones() {
    for text in [
        "1700000000",
        "at 1700000000000 we saw",
        "550e8400-e29b-41d4-a716-446655440000",
        "12345678-1234-1234-1234-123456789012",
        "2024-01-31 12:30:00",
        "late at 1671-10-12T09:04:00.951284403",
        "from 31.01.2024, 12.05.1999",
        "order 202-555-01434",
        "12.345.678,90 or 0.2025550143",
        "version 120.0.6099.109",
        "a+15551234567b",
        "x = y+4930901820123",
        "call 2024-01-31",
        "part 0123-4567-89",
        "ratio 1.234-567.890",
        "127.0.0.1 and 255.255.255.255",
    ] {
        check(text, &[]);
    }
}
