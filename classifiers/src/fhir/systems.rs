//! What the systems and types of identifiers, extensions and references stand for.
//!
//! After HL7 FHIR R4 (4.0.1), its national implementation guides, and HL7 v2 table 0203.

use crate::DataClass as D;

/// What an identifier is, by a part of its system: the URIs of HL7's terminology server and of
/// national base profiles, and OIDs. 2.16.840.1.113883.4.3 is the root of the driver's licences of
/// the US states.
pub(super) static IDENTIFIERS: &[(&str, D)] = &[
    ("us-ssn", D::US_SSN),
    ("2.16.840.1.113883.4.1", D::US_SSN),
    ("2.16.840.1.113883.4.3", D::US_DRIVER_LICENSE),
    ("us-npi", D::US_NPI),
    ("2.16.840.1.113883.4.6", D::US_NPI),
    ("us-mbi", D::US_MBI),
    ("us-medicare", D::US_MBI),
    ("us-dea", D::US_DEA),
    ("assport", D::US_PASSPORT),
    ("nhs-number", D::UK_NHS),
    ("2.16.840.1.113883.2.1.4.1", D::UK_NHS),
    ("kvid", D::DE_KVNR),
    ("lanr", D::DE_LANR),
    ("Base_ANR", D::DE_LANR),
    ("BSNR", D::DE_BSNR),
    ("1.2.250.1.213.1.4.8", D::FR_NIR),
    ("ins-nir", D::FR_NIR),
    ("NamingSystem/bsn", D::NL_BSN),
    ("ssin", D::BE_NRN),
    ("codiceFiscale", D::IT_FISCAL_CODE),
    ("1.2.752.129.2.1.3.1", D::SE_PERSONNUMMER),
    ("2.16.578.1.12.4.1.4.1", D::NO_FNR),
    ("1.2.208.176.1.2", D::DK_CPR),
    ("1.2.246.21", D::FI_HETU),
    ("2.16.756.5.32", D::CH_AHV),
    ("medicare-number", D::AU_MEDICARE),
    ("NamingSystem/cpf", D::BR_CPF),
    ("aadhaar", D::IN_AADHAAR),
    ("mynumber", D::JP_MYNUMBER),
];

/// What an identifier is, by the code of its type (HL7 v2 table 0203).
pub(super) static IDENTIFIER_TYPES: &[(&str, D)] = &[
    ("MR", D::MRN),
    ("MRT", D::MRN),
    ("SS", D::US_SSN),
    ("DL", D::US_DRIVER_LICENSE),
    ("PPN", D::US_PASSPORT),
    ("MC", D::US_MBI),
    ("MCR", D::US_MBI),
    ("NPI", D::US_NPI),
    ("DEA", D::US_DEA),
    ("NH", D::UK_NHS),
    ("PI", D::PATIENT_ID),
    ("PT", D::PATIENT_ID),
    ("PN", D::PATIENT_ID),
    ("MA", D::HEALTH_PLAN_ID),
    ("MB", D::HEALTH_PLAN_ID),
    ("SN", D::HEALTH_PLAN_ID),
    ("HC", D::HEALTH_PLAN_ID),
    ("JHN", D::HEALTH_PLAN_ID),
    ("NIIP", D::HEALTH_PLAN_ID),
    ("SB", D::NATIONAL_ID),
    ("NI", D::NATIONAL_ID),
    ("CZ", D::NATIONAL_ID),
    ("TAX", D::NATIONAL_ID),
    ("PRC", D::NATIONAL_ID),
    ("VISA", D::NATIONAL_ID),
    ("AN", D::CUSTOMER_ID),
    ("BA", D::US_BANK_ACCOUNT),
    ("BC", D::PAN),
    ("CC", D::PAN),
    ("LI", D::VEHICLE_PLATE),
    ("UDI", D::DEVICE_ID),
    ("SNO", D::DEVICE_ID),
];

/// What an extension's values are, by a part of its URL.
pub(super) static EXTENSIONS: &[(&str, D)] = &[
    ("us-core-race", D::ETHNICITY),
    ("us-core-ethnicity", D::ETHNICITY),
    ("us-core-birthsex", D::GENDER),
    ("us-core-sex", D::GENDER),
    ("genderIdentity", D::GENDER),
    ("mothersMaidenName", D::PERSON),
    ("birthPlace", D::CITY),
    ("birthTime", D::DOB),
    ("geolocation", D::GEO),
    ("patient-religion", D::NRP),
    ("patient-nationality", D::NRP),
    ("patient-citizenship", D::NRP),
    ("humanname-", D::PERSON),
];

/// Whose references name no person.
pub(super) static ORGANISATIONS: &[&[u8]] = &[
    b"Organization/",
    b"Location/",
    b"Device/",
    b"HealthcareService/",
];

/// Whose references name a person.
pub(super) static PERSONS: &[&[u8]] = &[b"Patient/", b"Practitioner/", b"RelatedPerson/"];
