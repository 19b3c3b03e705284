use proptest::prelude::*;

use super::*;
use crate::DataClass as D;
use crate::KeyCache;

/// The context of the value at a path of names.
fn at(path: &str) -> Context {
    let mut cache = KeyCache::new();
    path.split('.')
        .filter(|name| !name.is_empty())
        .fold(Context::root(), |context, name| {
            context.member(name.as_bytes(), &mut cache)
        })
}

/// What is found: the class and the text.
fn found<'a>(path: &str, kind: ValueKind, value: &'a str) -> Vec<(D, &'a str)> {
    let mut findings = Vec::new();
    classify_value(&at(path), kind, value.as_bytes(), &mut findings);
    findings
        .iter()
        .map(|finding| {
            let range =
                usize::try_from(finding.start).unwrap()..usize::try_from(finding.end).unwrap();
            (finding.class, value.get(range).unwrap())
        })
        .collect()
}

#[track_caller]
fn check(path: &str, value: &str, expected: &[(D, &str)]) {
    assert_eq!(
        found(path, ValueKind::Text, value),
        expected,
        "{path}: {value}"
    );
}

/// What is found is the whole value, or nothing.
#[track_caller]
fn whole(path: &str, value: &str, expected: Option<D>) {
    let expected: Vec<(D, &str)> = expected.map(|class| (class, value)).into_iter().collect();
    check(path, value, &expected);
}

#[test]
fn a_message_in_its_frame_is_read_to_its_end() {
    // MLLP's start byte made the first line a message of its own, for ever.
    let message = [
        "\x0BMSH|^~\\&|SEND",
        "ZZZ|and ssn 219-48-1234",
        "\x0BMSH|x ssn 219-48-1234",
    ];
    let mut findings = Vec::new();
    let text = message.join("\r");
    classify_value(
        &Context::ROOT,
        ValueKind::Text,
        text.as_bytes(),
        &mut findings,
    );
    let classes: Vec<_> = findings.iter().map(|finding| finding.class).collect();
    assert_eq!(classes, [DataClass::US_SSN; 2]);
}

#[test]
fn strong_values_are_found_in_text() {
    check(
        "note",
        "write to ann@example.com.",
        &[(D::EMAIL, "ann@example.com")],
    );
    check(
        "note",
        "ssn 536-22-1234, card 4111 1111 1111 1111 2024",
        &[(D::US_SSN, "536-22-1234"), (D::PAN, "4111 1111 1111 1111")],
    );
    check(
        "note",
        "pay DE89 3704 0044 0532 0130 00 now",
        &[(D::IBAN, "DE89 3704 0044 0532 0130 00")],
    );
    check(
        "note",
        "call +49 30 901820 or (202) 555-0143",
        &[(D::PHONE, "+49 30 901820"), (D::PHONE, "(202) 555-0143")],
    );
    check(
        "note",
        "from 203.0.113.9 and 2001:db8::8a2e:370:7334",
        &[(D::IP, "203.0.113.9"), (D::IP, "2001:db8::8a2e:370:7334")],
    );
    check(
        "note",
        "Grüße an jürgen@example.de",
        &[(D::EMAIL, "jürgen@example.de")],
    );
}

#[test]
fn a_word_before_a_weak_number_tells_it() {
    check("note", "MRN: 48213 admitted", &[(D::MRN, "48213")]);
    check(
        "note",
        "Medical record number 12201 on file",
        &[(D::MRN, "12201")],
    );
    check("note", "NPI 1234567893", &[(D::US_NPI, "1234567893")]);
    check("note", "DOB: 03/14/1971.", &[(D::DOB, "03/14/1971")]);
    check("note", "phone is 030 901820", &[(D::PHONE, "030 901820")]);
    check(
        "note",
        "her SSN is 999 12 3456",
        &[(D::US_SSN, "999 12 3456")],
    );
    check("note", "room 48213, record 12201", &[]);
}

#[test]
fn names_tell_what_no_look_could() {
    whole("customer.name", "Ann Lee", Some(D::PERSON));
    whole("dob", "1970-01-01", Some(D::DOB));
    whole("ssn", "999-12-3456", Some(D::US_SSN));
    whole("phone", "5550143", Some(D::PHONE));
    whole("mrn", "A48213", Some(D::MRN));
    whole("npi", "1234567893", Some(D::US_NPI));
    whole("icd10", "E11.9", Some(D::ICD10));
    whole("city", "Köln", Some(D::CITY));
    whole("card.cvv", "123", Some(D::CVV));
    whole("vin", "1HGCM82633A004352", Some(D::VIN));
    assert_eq!(
        found("phone", ValueKind::Number, "2025550143"),
        [(D::PHONE, "2025550143")]
    );
    assert_eq!(
        found("n", ValueKind::Number, "4111111111111111"),
        [(D::PAN, "4111111111111111")]
    );
}

#[test]
fn a_value_can_contradict_its_name() {
    for (path, value) in [
        ("phone", "verified"),
        ("email", "unknown"),
        ("ssn", "N/A"),
        ("name", "Ann Lamp"),
        ("npi", "none"),
        ("dob", "not given"),
        ("cvv", "match"),
        ("password", "your-password-here"),
        ("token", "bearer"),
        ("api_key", "YOUR_API_KEY_1"),
    ] {
        whole(path, value, None);
    }
}

/// What users of other scanners complain about.
#[test]
fn what_only_looks_like_it_is_left_alone() {
    for (path, value) in [
        ("guid", "550e8400-e29b-41d4-a716-446655440000"),
        ("note", "12345678-1234-1234-1234-123456789012"),
        ("note", "build 4111111111111111a"),
        ("version", "1.2.3.4"),
        ("note", "Chrome/120.0.0.0 Safari/537.36"),
        ("oid", "1.3.6.1.4.1.311"),
        ("order_number", "4111111111111111"),
        ("tracking", "4111111111111111"),
        ("id", "4111111111111111"),
        ("sku", "536-22-1234"),
        ("partNumber", "202-555-0143"),
        ("note", "1700000000"),
        ("created", "1700000000000"),
        ("note", "d41d8cd98f00b204e9800998ecf8427e"),
        ("note", "0.4111111111111111"),
        ("note", "4111111111111112"),
        ("note", "000-12-3456"),
        ("note", "DE89370400440532013001"),
        ("note", "icon@2x.png"),
        ("note", "@babel/core"),
        ("note", "git@github.com:a/b.git"),
        ("note", "std::vec::Vec 12:34:56"),
        ("note", "127.0.0.1 0.0.0.0"),
        ("note", "999.1.1.1"),
        ("note", "2024-01-02T03:04:05.678+02:00"),
        ("note", "SHA256:4f:9a:0c"),
        ("note", "sk-short"),
    ] {
        whole(path, value, None);
    }
}

#[test]
fn secrets_are_known_by_their_prefix() {
    // Put together here, so that no scanner takes this file for a leak.
    let body = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0";
    let lower = "9f3c71e05b8a42d6c07e1f94b3a85d26";
    let cases = [
        (
            format!("{}{}", "sk_li", format_args!("ve_{body}")),
            D::STRIPE_KEY,
        ),
        (
            format!("{}{}", "gh", format_args!("p_{body}")),
            D::GITHUB_TOKEN,
        ),
        (
            format!("{}{}", "sk-a", format_args!("nt-{body}")),
            D::ANTHROPIC_KEY,
        ),
        (
            format!("{}{}", "sk-pr", format_args!("oj-{body}")),
            D::OPENAI_KEY,
        ),
        (
            format!("{}{}", "xo", format_args!("xb-{body}")),
            D::SLACK_TOKEN,
        ),
        (
            format!("{}{}", "AI", "zaA1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R"),
            D::GCP_API_KEY,
        ),
        (
            format!("{}{}", "AK", "IAQ3EGRZ7WL2MXPT5V"),
            D::AWS_ACCESS_KEY,
        ),
        (
            format!("{}{}", "gl", format_args!("pat-{body}")),
            D::GITLAB_TOKEN,
        ),
        (
            format!("{}{}", "np", format_args!("m_{}", body.get(..36).unwrap())),
            D::NPM_TOKEN,
        ),
        (format!("{}{lower}", "SK"), D::TWILIO_KEY),
        (
            format!("ey{}.ey{}.{body}", "JhbGciOiJIUzI1NiJ9", "JzdWIiOiIxIn0"),
            D::JWT,
        ),
        (
            format!(
                "-----BEGIN {} KEY-----\nMIIB{body}\n-----END {} KEY-----",
                "PRIVATE", "PRIVATE"
            ),
            D::PRIVATE_KEY,
        ),
    ];
    for (token, class) in cases {
        whole("note", &token, Some(class));
        whole("token", &token, Some(class));
        let text = format!("use {token} for it");
        check("note", &text, &[(class, &token)]);
    }
    let header = format!("Bearer {body}");
    check("authorization", &header, &[(D::BEARER_TOKEN, body)]);
}

#[test]
fn names_may_hide_values() {
    let mut findings = Vec::new();
    classify_key(b"ann@example.com", &mut findings);
    assert_eq!(findings.len(), 1);
    findings.clear();
    classify_key(b"firstName", &mut findings);
    assert!(findings.is_empty());
}

/// Bytes that detectors care for, so that random text reaches them.
fn spiced() -> impl Strategy<Value = Vec<u8>> {
    let spice = prop_oneof![
        any::<u8>(),
        proptest::sample::select(b"0123456789@.:-+() /AKIAsk_eyJ.DE".to_vec()),
    ];
    proptest::collection::vec(spice, 0..400)
}

proptest! {
    #[test]
    fn findings_are_ordered_apart_and_in_range(
        value in spiced(),
        path in proptest::sample::select(vec!["", "phone", "name", "token", "order", "patient.id", "address", "icd"]),
        number in any::<bool>(),
    ) {
        let kind = if number { ValueKind::Number } else { ValueKind::Text };
        let mut findings = Vec::new();
        classify_value(&at(path), kind, &value, &mut findings);
        let mut end = 0;
        for finding in &findings {
            prop_assert!(finding.start >= end && finding.start < finding.end);
            end = finding.end;
        }
        prop_assert!(usize::try_from(end).unwrap() <= value.len());
    }

    #[test]
    fn a_planted_card_is_found_in_any_prose(before in "[a-z ,;:]{0,80} ", after in " [a-z ,;:]{0,80}") {
        let text = format!("{before}4111-1111-1111-1111{after}");
        prop_assert!(found("note", ValueKind::Text, &text).contains(&(D::PAN, "4111-1111-1111-1111")));
    }

    #[test]
    fn nothing_is_told_where_the_place_is_untold(
        resource in proptest::sample::select(vec!["", "Patient", "Observation", "Bundle"]),
        names in proptest::collection::vec(name(), 1..5),
        value in "[A-Z][a-z]{1,8} [A-Z][a-z]{1,8}|[a-z0-9-]{0,12}|\\PC{0,12}",
    ) {
        let mut cache = KeyCache::new();
        let mut context = Context::root();
        if !resource.is_empty() {
            let kind = context.member(b"resourceType", &mut cache);
            context.observe(&kind, resource.as_bytes(), &mut cache);
        }
        for name in names {
            let member = context.member(name.as_bytes(), &mut cache);
            let mut seen = context;
            seen.observe(&member, value.as_bytes(), &mut cache);
            prop_assert!(!member.says_nothing(value.as_bytes()) || seen == context, "{name}: {value}");
            context = member;
            let told = field::told(&context, value.as_bytes());
            prop_assert!(!is_untold(&context) || told.is_none(), "{name}: {value}");
        }
    }
}

/// A name of the tables, or of FHIR, or any.
fn name() -> impl Strategy<Value = String> {
    let nouns: Vec<_> = crate::words::all().map(|(noun, _)| noun).collect();
    let elements = vec![
        "name",
        "family",
        "given",
        "identifier",
        "value",
        "system",
        "type",
        "subject",
        "code",
        "text",
        "contact",
        "address",
        "line",
        "valueQuantity",
        "entry",
        "resource",
        "status",
        "title",
        "label",
    ];
    prop_oneof![
        proptest::sample::select(nouns).prop_map(str::to_owned),
        proptest::sample::select(elements).prop_map(str::to_owned),
        "[a-z]{1,8}(_[a-z]{1,8})?",
    ]
}

/// Persons have a `name`, and so has all else: what it holds decides.
#[test]
fn a_bare_name_is_a_person_where_it_is_spelled_like_one() {
    whole("name", "Mira Okafor", Some(D::PERSON));
    whole("name", "Anna Maria Rossi", Some(D::PERSON));
    for other in [
        "Steel Bolt",
        "Jordan Lamp",
        "Production Cluster",
        "basic",
        "mira okafor",
        "Anna",
    ] {
        whole("name", other, None);
    }
    // Of a company or a file it is theirs.
    whole("company.name", "Mira Okafor", None);
}
