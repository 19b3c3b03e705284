use proptest::prelude::*;

use super::*;
use crate::DataClass as D;

fn found(key: KeyClass, value: &str) -> Vec<(D, &str)> {
    let mut findings = Vec::new();
    scan(key, value.as_bytes(), &mut findings);
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
fn check(value: &str, expected: &[(D, &str)]) {
    assert_eq!(found(KeyClass::None, value), expected, "{value}");
}

/// Numbers whose form and check are enough, in a text that says nothing of them.
static ALONE: &[(D, &[&str])] = &[
    (
        D::PAN,
        &[
            "4111111111111111",
            "4111-1111-1111-1111",
            "4111 1111 1111 1111",
            "3782 822463 10005",
            "30569309025904",
        ],
    ),
    (
        D::IBAN,
        &[
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "gb29nwbk60161331926819",
        ],
    ),
    (
        D::CRYPTO_WALLET,
        &[
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        ],
    ),
    (D::VIN, &["1M8GDM9AXKP042788"]),
    (D::US_SSN, &["536-22-1234"]),
    (D::US_ITIN, &["912-90-3456"]),
    (D::US_MBI, &["1EG4-TE5-MK73", "1EG4TE5MK73"]),
    (D::MX_CURP, &["BOXW310820HNERXN09"]),
    (D::BR_CPF, &["111.444.777-35"]),
    (D::BR_CNPJ, &["11.222.333/0001-81", "12.ABC.345/01DE-35"]),
    (D::AR_CUIT, &["20-05536168-2"]),
    (D::CL_RUT, &["12.531.909-2"]),
    (D::UK_NINO, &["AA123456B", "AA 12 34 56 B"]),
    (D::UK_DRIVING_LICENCE, &["MORGA657054SM9IJ"]),
    (D::FR_NIR, &["2 69 05 49 588 157 80", "269054958815780"]),
    (D::BE_NRN, &["85.07.30-033.28"]),
    (D::DE_SOCIAL_SECURITY, &["65170839J003", "65 170839 J 003"]),
    (D::DE_TAX_NUMBER, &["181/815/08155"]),
    (D::DE_VAT_ID, &["DE136695976"]),
    (D::DE_HANDELSREGISTER, &["HRB 123456"]),
    (D::CH_AHV, &["756.9217.0769.85"]),
    (D::ES_NIF, &["12345678Z", "12345678-Z", "12.345.678-Z"]),
    (D::ES_NIE, &["X1234567L", "X-1234567-L"]),
    (D::IT_FISCAL_CODE, &["RSSMRA85T10A562S"]),
    (D::CZ_RC, &["710319/2745"]),
    (D::FI_HETU, &["131052-308T", "131052A308T"]),
    (
        D::SE_PERSONNUMMER,
        &["811218-9876", "19811218-9876", "198112189876"],
    ),
    (D::DK_CPR, &["311261-4286"]),
    (D::CN_RIC, &["11010519491231002X"]),
    (D::KR_RRN, &["050912-2000019"]),
    (D::TW_ID, &["A123456789"]),
    (D::TH_TNIN, &["1-2345-45678-78-1"]),
    (D::IN_PAN, &["AAAPL1234C"]),
    (D::IN_GSTIN, &["27AAPFU0939F1ZV"]),
    (D::SG_NRIC, &["S1234567D"]),
    (D::AU_ABN, &["51 824 753 556"]),
];

#[test]
fn a_strong_form_is_found_without_a_word() {
    for (class, numbers) in ALONE {
        for number in *numbers {
            check(number, &[(*class, number)]);
            check(&format!("Updated {number}, by hand."), &[(*class, number)]);
            check(&format!("(\"{number}\")"), &[(*class, number)]);
        }
    }
}

/// A word in its own language, a number that only the word tells.
static TOLD: &[(D, &str, &str)] = &[
    (D::US_SSN, "SSN", "536 22 1234"),
    (D::US_SSN, "social security number", "536221234"),
    (D::US_SSN, "SS#", "999-12-3456"),
    (D::US_NPI, "NPI", "1234567893"),
    (D::US_DEA, "prescriber's DEA", "AB1234563"),
    (D::US_EIN, "EIN", "91-1144442"),
    (D::US_ABA_ROUTING, "routing number", "011000015"),
    (D::CA_SIN, "numéro d'assurance sociale", "123 456 782"),
    (D::BR_CPF, "CPF", "11144477735"),
    (D::CL_RUT, "RUT", "12531909-2"),
    (D::UK_NHS, "NHS number", "943 476 5919"),
    (D::IE_PPS, "PPS no.", "1234567T"),
    (D::FR_NIR, "n° de sécurité sociale", "269054958815780"),
    (D::ORGANIZATION_ID, "SIRET", "732 829 320 00074"),
    (D::NL_BSN, "Burgerservicenummer", "111222333"),
    (
        D::DE_TAX_ID,
        "steuerliche Identifikationsnummer",
        "86 095 742 719",
    ),
    (D::DE_KVNR, "Krankenversichertennummer", "A123456780"),
    (D::DE_ID_CARD, "Personalausweis Nr.", "L01X00T47"),
    (D::DE_PASSPORT, "Reisepass-Nr.", "C01X00T47"),
    (D::AT_SVNR, "SV-Nummer", "1237 010180"),
    (D::ES_NIF, "DNI", "1111111G"),
    (D::PT_NIF, "número de contribuinte", "501964843"),
    (D::IT_VAT, "P. IVA", "00743110157"),
    (D::PL_PESEL, "nr PESEL", "44051401359"),
    (D::CZ_RC, "rodné číslo", "7103192745"),
    (D::RO_CNP, "CNP", "1630615123457"),
    (D::BG_EGN, "единен граждански номер", "6101057509"),
    (D::HR_OIB, "OIB", "18683136487"),
    (D::GR_AMKA, "ΑΜΚΑ", "01013099997"),
    (D::NO_FNR, "fødselsnummer", "15108695088"),
    (D::FI_HETU, "henkilötunnus", "131052-308T"),
    (D::EE_IK, "isikukood", "37605030299"),
    (D::TR_TCKN, "T.C. kimlik no", "10000000146"),
    (D::IL_ID, "Teudat Zehut", "039337423"),
    (D::ZA_ID, "South African ID", "8001015009087"),
    (D::IN_AADHAAR, "Aadhaar", "2341 2341 2346"),
    (D::KR_RRN, "주민등록번호", "0509122000019"),
    (D::JP_MYNUMBER, "マイナンバー", "621498320257"),
    (D::CN_RIC, "公民身份号码", "11010519491231002X"),
    (D::TH_TNIN, "เลขประจำตัวประชาชน", "3100600445635"),
    (D::AU_TFN, "tax file number", "123456782"),
    (D::AU_MEDICARE, "Medicare card", "2123 45670 1"),
    (D::VIN, "Fahrgestellnummer", "WVWZZZ1JZXW000001"),
    (D::IMEI, "IMEI", "490154203237518"),
];

#[test]
fn a_weak_form_is_found_with_its_word_only() {
    for (class, word, number) in TOLD {
        check(&format!("{word}: {number}"), &[(*class, number)]);
        check(&format!("Her {word} is {number}."), &[(*class, number)]);
        check(&format!("{number} is his {word}"), &[(*class, number)]);
    }
}

#[test]
fn a_wrong_check_digit_is_no_identifier() {
    for value in [
        "4111111111111112",
        "DE89370400440532013001",
        "000-12-3456",
        "912-93-3456",
        "1EG4-LE5-MK73",
        "BOXW310820HNERXN08",
        "111.444.777-36",
        "11.222.333/0001-82",
        "20-05536168-3",
        "12.531.909-3",
        "BG123612A",
        "MORGA601324SM9IJ",
        "2 69 05 49 588 157 81",
        "85.07.30-033.29",
        "65170839J004",
        "756.9217.0769.84",
        "12345678A",
        "X1234567A",
        "RSSMRA85T10A562T",
        "710319/2746",
        "131052-308U",
        "811218-9877",
        "11010519491231002Y",
        "050912-2000018",
        "A123456788",
        "S1234567A",
    ] {
        check(value, &[]);
        check(&format!("Updated {value} by hand"), &[]);
    }
    for (word, number) in [
        ("NHS", "943 476 5918"),
        ("BSN", "111222334"),
        ("PESEL", "44051401350"),
        ("Aadhaar", "2341 2341 2347"),
    ] {
        check(&format!("{word}: {number}"), &[]);
    }
}

#[test]
fn a_bare_number_that_many_checks_know_needs_a_word() {
    // Luhn, the eleven-test and more hold for this one.
    for number in [
        "123456782",
        "1234567893",
        "10000000146",
        "44051401359",
        "39053344705",
    ] {
        check(number, &[]);
        check(&format!("ref {number} done"), &[]);
    }
    check("BSN 123456782", &[(D::NL_BSN, "123456782")]);
    check("TFN 123456782", &[(D::AU_TFN, "123456782")]);
    check("SIN 123456782", &[(D::CA_SIN, "123456782")]);
}

#[test]
fn the_nearest_word_tells() {
    check(
        "SSN 536221234, routing 011000015",
        &[(D::US_SSN, "536221234"), (D::US_ABA_ROUTING, "011000015")],
    );
    check("his passing of 111222333", &[]);
    check("sinks 123456782", &[]);
}

#[test]
fn what_a_thing_is_called_by_is_no_identifier() {
    for value in [
        "order 12345678Z",
        "SKU: 536-22-1234",
        "invoice no. 4111111111111111",
        "Bestellung A123456789",
    ] {
        check(value, &[]);
    }
    assert_eq!(found(KeyClass::Veto, "12345678Z"), []);
    assert_eq!(found(KeyClass::Id, "4111111111111111"), []);
    assert_eq!(
        found(KeyClass::Veto, "SSN 536-22-1234"),
        [(D::US_SSN, "536-22-1234")]
    );
}

#[test]
fn a_magnetic_stripe_is_found_whole() {
    for track in [
        "%B4111111111111111^DOE/JANE^30121010000000000000?",
        ";4111111111111111=30121010000000000000?",
    ] {
        check(track, &[(D::TRACK_DATA, track)]);
        check(&format!("swiped {track} ok"), &[(D::TRACK_DATA, track)]);
    }
}

#[test]
fn a_number_says_of_which_country_it_is() {
    for (name, value, class) in [
        (D::NATIONAL_ID, "12345678Z", Some(D::ES_NIF)),
        (D::NATIONAL_ID, "RSSMRA85T10A562S", Some(D::IT_FISCAL_CODE)),
        (D::NATIONAL_ID, "85.07.30-033.28", Some(D::BE_NRN)),
        (D::NATIONAL_ID, "hello", None),
        (
            D::US_DRIVER_LICENSE,
            "MORGA657054SM9IJ",
            Some(D::UK_DRIVING_LICENCE),
        ),
        (D::US_DRIVER_LICENSE, "D1234567", None),
    ] {
        assert_eq!(narrowed(name, value.as_bytes()), class, "{value}");
    }
}

#[test]
fn a_plate_is_one_by_its_countrys_print_or_its_word() {
    for plate in [
        "HH AB 1234",
        "HH-AB 1234",
        "S AB 12E",
        "06 A 123",
        "LN14 HGT",
        "APP-456CV",
        "GJ09AB1234",
    ] {
        check(plate, &[(D::VEHICLE_PLATE, plate)]);
        check(
            &format!("Kennzeichen: {plate}"),
            &[(D::VEHICLE_PLATE, plate)],
        );
    }
    check("plate 7ABC123", &[(D::VEHICLE_PLATE, "7ABC123")]);
    for other in [
        "82 ABC 123",
        "10 AM 2024",
        "12 DEC 99",
        "AB49 ABC",
        "XX99AB1234",
        "see HH AB 1234 there",
        "7ABC123",
    ] {
        check(other, &[]);
    }
}

proptest! {
    #[test]
    fn findings_are_in_order_and_in_range(value in "[A-Z0-9a-z .:/#-]{0,120}") {
        let mut findings = Vec::new();
        scan(KeyClass::None, value.as_bytes(), &mut findings);
        let mut end = 0;
        for finding in findings {
            prop_assert!(finding.start >= end && finding.start < finding.end);
            end = finding.end;
        }
        prop_assert!(usize::try_from(end).unwrap() <= value.len());
    }
}
