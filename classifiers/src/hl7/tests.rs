use super::*;

#[track_caller]
fn check(line: &str, expected: &[(&str, D)]) {
    let mut findings = Vec::new();
    assert!(segment(line.as_bytes(), &mut findings), "{line}");
    let found: Vec<(&str, D)> = findings
        .iter()
        .map(|finding| {
            (
                line.get(finding.start as usize..finding.end as usize)
                    .unwrap(),
                finding.class,
            )
        })
        .collect();
    assert_eq!(found, expected, "{line}");
}

#[test]
fn a_patient_is_read_by_position() {
    check(
        "PID|1||10006579^^^1^MR~536221234^^^USA^SS||DUCK^DONALD^D||19241010|M||1|111 DUCK ST^^FOWL^CA^999990000||8885551212^PRN^PH^^^^5551212|8885551213||2|CAT|40007716^^^AccMgr^VN|123121234|D1234567^CA|||||||||||\"\"",
        &[
            ("10006579", D::MRN),
            ("536221234", D::US_SSN),
            ("DUCK", D::PERSON),
            ("DONALD", D::PERSON),
            ("D", D::PERSON),
            ("19241010", D::DOB),
            ("M", D::GENDER),
            ("1", D::ETHNICITY),
            ("111 DUCK ST", D::ADDRESS),
            ("FOWL", D::CITY),
            ("999990000", D::POSTAL_CODE),
            ("8885551212", D::PHONE),
            ("5551212", D::PHONE),
            ("8885551213", D::PHONE),
            ("2", D::MARITAL_STATUS),
            ("CAT", D::NRP),
            ("40007716", D::CUSTOMER_ID),
            ("123121234", D::US_SSN),
            ("D1234567", D::US_DRIVER_LICENSE),
            ("CA", D::US_DRIVER_LICENSE),
        ],
    );
}

#[test]
fn observations_diagnoses_and_allergies_are_read() {
    check(
        "OBX|1|NM|718-7^Hemoglobin^LN||13.4|g/dL|12-16|N|||F|||20240102",
        &[
            ("718-7", D::OBSERVATION),
            ("Hemoglobin", D::OBSERVATION),
            ("13.4", D::OBSERVATION),
            ("20240102", D::DATE),
        ],
    );
    check(
        "DG1|1||E11.9^Type 2 diabetes^I10||20240102",
        &[
            ("E11.9", D::CONDITION),
            ("Type 2 diabetes", D::CONDITION),
            ("20240102", D::DATE),
        ],
    );
    check(
        "AL1|1|DA|70618^Penicillin^RXNORM|SV|Hives",
        &[
            ("70618", D::ALLERGY),
            ("Penicillin", D::ALLERGY),
            ("Hives", D::ALLERGY),
        ],
    );
}

#[test]
fn a_physician_has_a_name_and_perhaps_an_npi() {
    check(
        "PV1|1|I|2000^2012^01||||1234567893^ROE^RICHARD^^^^MD^^NPI|004^MAY^MAX",
        &[
            ("1234567893", D::US_NPI),
            ("ROE", D::PERSON),
            ("RICHARD", D::PERSON),
            ("MAY", D::PERSON),
            ("MAX", D::PERSON),
        ],
    );
    check(
        "NK1|1|DUCK^HUEY|SO|3583 DUCK RD^^FOWL^CA^99999|8885552222^^FX|h@b.example^NET^Internet",
        &[
            ("DUCK", D::PERSON),
            ("HUEY", D::PERSON),
            ("3583 DUCK RD", D::ADDRESS),
            ("FOWL", D::CITY),
            ("99999", D::POSTAL_CODE),
            ("8885552222", D::FAX),
            ("h@b.example", D::EMAIL),
        ],
    );
}

#[test]
fn other_lines_are_no_segments() {
    for line in ["", "PID", "PIDX|1", "ZZZ|1|a", "Dear Ann|"] {
        assert!(!segment(line.as_bytes(), &mut Vec::new()), "{line}");
    }
}

#[test]
fn no_segment_names_a_field_twice() {
    for (id, fields) in SEGMENTS {
        let ascending = fields.windows(2).all(|pair| pair[0].0 < pair[1].0);
        assert!(ascending, "{id}");
    }
}

#[test]
fn a_message_is_read_wherever_it_stands() {
    let message = b"MSH|^~\\&|ADT1|MCM|LABADT|MCM|20240102||ADT^A01|1|P|2.8\rPID|1||48213^^^H^MR||LEE^ANN\rZPI|1|a@b.example";
    let mut findings = Vec::new();
    crate::classify_value(
        &crate::Context::root(),
        crate::ValueKind::Text,
        message,
        &mut findings,
    );
    let found: Vec<(&[u8], D)> = findings
        .iter()
        .map(|finding| {
            let range = finding.start as usize..finding.end as usize;
            (&message[range], finding.class)
        })
        .collect();
    let expected: [(&[u8], D); 4] = [
        (b"48213", D::MRN),
        (b"LEE", D::PERSON),
        (b"ANN", D::PERSON),
        (b"a@b.example", D::EMAIL),
    ];
    assert_eq!(found, expected);
}
