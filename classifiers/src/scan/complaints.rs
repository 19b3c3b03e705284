//! What users of other scanners complain about: values that only look like personal data, one row
//! for each complaint. None of them may be found, under a name that says nothing or in a sentence.

use super::*;
use crate::KeyCache;

/// The complaint, the name of the member, the value.
static COMPLAINTS: &[(&str, &str, &str)] = &[
    (
        "GUID as phone number",
        "guid",
        "550e8400-e29b-41d4-a716-446655440000",
    ),
    (
        "GUID as phone number",
        "note",
        "12345678-1234-1234-1234-123456789012",
    ),
    (
        "GUID without hyphens",
        "note",
        "550e8400e29b41d4a716446655440000",
    ),
    (
        "fragment of a UUID as card",
        "note",
        "4111111111111111-4a5b",
    ),
    (
        "fragment of a UUID as card",
        "note",
        "urn:uuid:41111111-1111-1111-4111-111111111111",
    ),
    ("version as IP address", "version", "1.2.3.4"),
    (
        "version as IP address",
        "note",
        "Chrome/120.0.0.0 Safari/537.36",
    ),
    ("OID as IP address", "oid", "1.3.6.1.4.1.311"),
    (
        "MD5 as identifier",
        "note",
        "d41d8cd98f00b204e9800998ecf8427e",
    ),
    (
        "SHA-1 of git as identifier",
        "note",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    ),
    (
        "SHA-256 as wallet",
        "note",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ),
    ("short SHA of git", "note", "fixed in 7b3f1a2"),
    ("SKU as SSN", "sku", "536-22-1234"),
    ("SKU as SSN", "note", "SKU 536-22-1234"),
    ("part number as phone", "partNumber", "202-555-0143"),
    ("part number as NINO", "note", "part AA123456B"),
    ("order number as card", "order_number", "4111111111111111"),
    (
        "order number as card",
        "note",
        "order 4111111111111111 was shipped",
    ),
    ("order number as NIF", "orderId", "12345678Z"),
    ("invoice number as card", "invoice", "4111111111111111"),
    ("tracking number as card", "tracking", "4111111111111111"),
    ("UPS tracking number", "note", "1Z999AA10123456784"),
    ("FedEx tracking number as phone", "note", "771234567890"),
    ("FedEx tracking number", "note", "961207771234567890123"),
    ("INTRODUCTORY as driving licence", "note", "INTRODUCTORY"),
    (
        "words as driving licence",
        "note",
        "INTRODUCTORY OFFER 2024",
    ),
    ("S3 as name", "note", "S3"),
    ("EKS as name", "note", "EKS cluster 1 in AWS us-east-1"),
    ("UNIX time as phone", "note", "1700000000"),
    (
        "UNIX time in milliseconds as phone",
        "created",
        "1700000000000",
    ),
    (
        "UNIX time in microseconds as card",
        "note",
        "1700000000000000",
    ),
    ("UNIX time in nanoseconds", "note", "1700000000000000000"),
    ("snowflake as card", "note", "1050118621198921728"),
    ("ISO instant", "note", "2024-01-02T03:04:05.678+02:00"),
    ("ISO date as identifier", "note", "2024-01-02"),
    ("ISO basic instant as NIF", "note", "20240102T030405Z"),
    ("day and time", "note", "20240102-1234"),
    ("ISBN as identifier", "note", "978-0-306-40615-7"),
    ("ISBN as identifier", "note", "9780306406157"),
    ("EAN as card", "note", "4006381333931"),
    ("UPC as identifier", "note", "036000291452"),
    ("GTIN as card", "note", "00012345600012"),
    ("ISSN", "note", "2049-3630"),
    (
        "base64 as identifiers",
        "note",
        "QUFBUEwxMjM0Qw==AAAPL1234C/AA123456B+12345678Z=",
    ),
    (
        "base64 of an image",
        "note",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    ),
    ("decimal as card", "note", "0.4111111111111111"),
    ("decimal as identifier", "note", "3.14159265358979"),
    ("decimals as phone", "note", "scale 52.520008, 13.404954"),
    (
        "vector as position",
        "note",
        "-33.8688197,151.2092955,0.1187",
    ),
    ("price as identifier", "note", "EUR 1.234.567,89"),
    ("price as identifier", "note", "$1,234,567.89"),
    ("price with thousands", "note", "1 234 567 890"),
    ("colour as identifier", "note", "#12345678"),
    ("colour as identifier", "note", "#A1B2C3"),
    ("file name as identifier", "note", "IMG_20240102_030405.jpg"),
    ("path as identifier", "note", "/v1/orders/12345678Z/items"),
    (
        "path as identifier",
        "note",
        "https://shop.example/p/536-22-1234/x",
    ),
    ("port and address", "note", "localhost:8080"),
    ("range of years", "note", "1999-2024"),
    ("ratio and time", "note", "16:9 at 12:34:56"),
    ("fingerprint of a key", "note", "SHA256:4f:9a:0c"),
    ("import path", "note", "std::vec::Vec"),
    ("scaled image as e-mail", "note", "icon@2x.png"),
    ("npm scope as e-mail", "note", "@babel/core"),
    ("remote of git as e-mail", "note", "git@github.com:a/b.git"),
    ("CVE as identifier", "note", "CVE-2024-12345678"),
    ("RFC as identifier", "note", "RFC 7519 and 123456789"),
    ("ticket as identifier", "note", "JIRA-12345678"),
    ("flight as identifier", "note", "LH 1234567"),
    (
        "ARN as account",
        "note",
        "arn:aws:iam::123456789012:role/reader",
    ),
    ("account of AWS as Aadhaar", "note", "123456789012"),
    ("PHP serial", "note", "a:1:{i:0;s:9:\"123456782\";}"),
    ("bare ten digits as NPI", "note", "1234567893"),
    ("bare nine digits as SIN", "note", "123456782"),
    ("card with one digit wrong", "note", "4111111111111112"),
    (
        "card inside a longer number",
        "note",
        "94111111111111111123",
    ),
    ("card inside a word", "note", "build4111111111111111a"),
    ("SSN never issued", "note", "000-12-3456"),
    (
        "IBAN with one digit wrong",
        "note",
        "DE89370400440532013001",
    ),
];

#[test]
fn what_users_complain_about_is_not_found() {
    let mut cache = KeyCache::new();
    let mut wrong = Vec::new();
    for (complaint, name, value) in COMPLAINTS {
        let context = Context::root().member(name.as_bytes(), &mut cache);
        let sentence = format!("See {value} for more.");
        for text in [value, sentence.as_str()] {
            let mut findings = Vec::new();
            classify_value(&context, ValueKind::Text, text.as_bytes(), &mut findings);
            wrong.extend(
                findings
                    .iter()
                    .map(|finding| format!("{complaint}: {text} is {}", finding.class)),
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
