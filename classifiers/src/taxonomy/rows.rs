//! The rows of the taxonomy: name, parent, HIPAA letter, GDPR article, CCPA category, severity, words.
//!
//! A parent stands before its children. Add a class here and nowhere else.

use super::{Ccpa, DataClass, Row, Severity};

/// How many classes there are.
pub(super) const COUNT: usize = DataClass::ROWS.len();

macro_rules! taxonomy {
    ($($id:ident: $name:literal, $parent:expr, $hipaa:literal, $gdpr:literal, $ccpa:expr, $severity:expr, $about:literal;)*) => {
        /// Gives each row its number.
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "named as the constants are")]
        enum Number { $($id),* }

        impl DataClass {
            $(#[doc = $about] pub const $id: Self = Self(Number::$id as u16);)*

            pub(super) const ROWS: &[Row] = &[$(Row {
                name: $name, parent: $parent, hipaa: $hipaa, gdpr: $gdpr, ccpa: $ccpa,
                severity: $severity, about: $about,
            }),*];
        }
    };
}

taxonomy! {
    PII: "pii", None, "", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Personal data";
    PHI: "phi", None, "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Health data linked to a person";
    PCI: "pci", None, "", "Art. 4(1)", Ccpa::Sensitive, Severity::High, "Payment card data (PCI DSS)";
    SECRET: "secret", None, "", "Art. 32", Ccpa::None, Severity::Critical, "What opens a door: keys, tokens, passwords";
    CONTACT: "pii.contact", Some(Self::PII), "", "Art. 4(1)", Ccpa::A, Severity::Moderate, "How to reach a person";
    ONLINE: "pii.online", Some(Self::PII), "", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Online and device identifiers (GDPR recital 30)";
    DEMOGRAPHIC: "pii.demographic", Some(Self::PII), "", "Art. 4(1)", Ccpa::C, Severity::Moderate, "Characteristics of a person";
    FINANCIAL: "pii.financial", Some(Self::PII), "", "Art. 4(1)", Ccpa::B, Severity::High, "Accounts and wallets of a person";
    VEHICLE: "pii.vehicle", Some(Self::PII), "L", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Vehicle identifiers";
    BIOMETRIC: "pii.biometric", Some(Self::PII), "P", "Art. 9(1)", Ccpa::E, Severity::High, "Biometric identifier: fingerprint, face, iris, voice";
    GOVERNMENT_ID: "pii.government_id", Some(Self::PII), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Number that a state gave a person";
    ORGANIZATION_ID: "pii.organization_id", Some(Self::PII), "", "", Ccpa::None, Severity::Low, "Number that a state gave an organisation; personal where it is one person";
    CLINICAL: "phi.clinical", Some(Self::PHI), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "What was found, done or prescribed";
    HEALTH_PROVIDER_ID: "phi.provider_id", Some(Self::PHI), "", "Art. 4(1)", Ccpa::I, Severity::Low, "Number of a health professional or practice";
    CARDHOLDER_DATA: "pci.cardholder_data", Some(Self::PCI), "", "Art. 4(1)", Ccpa::Sensitive, Severity::High, "Cardholder data (PCI DSS 4.0)";
    AUTHENTICATION_DATA: "pci.authentication_data", Some(Self::PCI), "", "Art. 4(1)", Ccpa::Sensitive, Severity::Critical, "Sensitive authentication data: never stored (PCI DSS 4.0 req. 3.3)";
    PERSON: "pii.person", Some(Self::PII), "A", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Person name (given, family, full)";
    TITLE: "pii.title", Some(Self::PII), "", "", Ccpa::None, Severity::Low, "Honorific or title";
    USERNAME: "pii.username", Some(Self::ONLINE), "R", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Account/user/screen name";
    EMAIL: "pii.email", Some(Self::CONTACT), "F", "Art. 4(1)", Ccpa::A, Severity::Moderate, "E-mail address";
    PHONE: "pii.phone", Some(Self::CONTACT), "D", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Telephone number";
    FAX: "pii.fax", Some(Self::CONTACT), "E", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Fax number";
    ADDRESS: "pii.address", Some(Self::CONTACT), "B", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Street / full postal address";
    CITY: "pii.city", Some(Self::CONTACT), "B", "Art. 4(1)", Ccpa::A, Severity::Low, "City / county / precinct of a person";
    POSTAL_CODE: "pii.postal_code", Some(Self::CONTACT), "B", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Postal / ZIP code of a person";
    LOCATION: "pii.location", Some(Self::CONTACT), "B", "Art. 4(1)", Ccpa::A, Severity::Low, "Place name in free text";
    GEO: "pii.geo", Some(Self::CONTACT), "B", "Art. 4(1)", Ccpa::Sensitive, Severity::Moderate, "Latitude/longitude of a person";
    DOB: "pii.dob", Some(Self::PII), "C", "Art. 4(1)", Ccpa::B, Severity::Moderate, "Date of birth";
    DATE_TIME: "pii.date", Some(Self::PII), "C", "", Ccpa::B, Severity::Low, "Date or time in free text";
    AGE: "pii.age", Some(Self::DEMOGRAPHIC), "C", "Art. 4(1)", Ccpa::C, Severity::Low, "Age";
    GENDER: "pii.gender", Some(Self::DEMOGRAPHIC), "", "Art. 4(1)", Ccpa::C, Severity::Low, "Gender / sex";
    ETHNICITY: "pii.ethnicity", Some(Self::DEMOGRAPHIC), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Race or ethnic origin";
    NRP: "pii.nrp", Some(Self::DEMOGRAPHIC), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Nationality, religion or political affiliation";
    MARITAL_STATUS: "pii.marital_status", Some(Self::DEMOGRAPHIC), "", "Art. 4(1)", Ccpa::C, Severity::Low, "Marital status";
    IP: "pii.ip", Some(Self::ONLINE), "O", "Art. 4(1)", Ccpa::A, Severity::Moderate, "IP address";
    MAC: "pii.mac", Some(Self::ONLINE), "M", "Art. 4(1)", Ccpa::A, Severity::Moderate, "MAC address";
    IMEI: "pii.imei", Some(Self::ONLINE), "M", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Mobile equipment identity";
    URL: "pii.url", Some(Self::ONLINE), "N", "Art. 4(1)", Ccpa::None, Severity::Low, "URL / domain";
    PHOTO: "pii.photo", Some(Self::BIOMETRIC), "Q", "Art. 9(1)", Ccpa::H, Severity::Moderate, "Photo of a face";
    VIN: "pii.vin", Some(Self::VEHICLE), "L", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Vehicle identification number";
    VEHICLE_PLATE: "pii.vehicle_plate", Some(Self::VEHICLE), "L", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Licence plate";
    ORGANIZATION: "pii.organization", Some(Self::PII), "", "", Ccpa::None, Severity::Low, "Organisation name";
    CUSTOMER_ID: "pii.customer_id", Some(Self::FINANCIAL), "J", "Art. 4(1)", Ccpa::A, Severity::Moderate, "Customer / account number of a person";
    IBAN: "pii.iban", Some(Self::FINANCIAL), "J", "Art. 4(1)", Ccpa::Sensitive, Severity::High, "IBAN";
    US_BANK_ACCOUNT: "pii.us_bank_account", Some(Self::FINANCIAL), "J", "Art. 4(1)", Ccpa::Sensitive, Severity::High, "US bank account number";
    US_ABA_ROUTING: "pii.us_aba_routing", Some(Self::FINANCIAL), "", "", Ccpa::Sensitive, Severity::Low, "ABA routing number";
    CRYPTO_WALLET: "pii.crypto_wallet", Some(Self::FINANCIAL), "J", "Art. 4(1)", Ccpa::B, Severity::Moderate, "Crypto wallet address";
    US_SSN: "pii.us_ssn", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "US SSN";
    US_ITIN: "pii.us_itin", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "US ITIN";
    US_EIN: "pii.us_ein", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "US EIN";
    US_PASSPORT: "pii.us_passport", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "US passport";
    US_DRIVER_LICENSE: "pii.us_driver_license", Some(Self::GOVERNMENT_ID), "K", "Art. 87", Ccpa::Sensitive, Severity::High, "US driving licence";
    NATIONAL_ID: "pii.national_id", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "National identity or tax number of a country without a row of its own";
    CA_SIN: "pii.ca_sin", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "Canada SIN";
    MX_CURP: "pii.mx_curp", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Mexico CURP";
    BR_CPF: "pii.br_cpf", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Brazil CPF";
    BR_CNPJ: "pii.br_cnpj", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "Brazil CNPJ (organisation)";
    AR_CUIT: "pii.ar_cuit", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Argentina CUIT/CUIL";
    CL_RUT: "pii.cl_rut", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Chile RUT";
    UK_NINO: "pii.uk_nino", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "UK National Insurance Number";
    UK_PASSPORT: "pii.uk_passport", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "UK passport";
    UK_DRIVING_LICENCE: "pii.uk_driving_licence", Some(Self::GOVERNMENT_ID), "K", "Art. 87", Ccpa::Sensitive, Severity::High, "UK driving licence";
    DE_TAX_ID: "pii.de_tax_id", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Germany Steuer-ID";
    DE_TAX_NUMBER: "pii.de_tax_number", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Germany Steuernummer";
    DE_ID_CARD: "pii.de_id_card", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Germany ID card";
    DE_PASSPORT: "pii.de_passport", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Germany passport";
    DE_SOCIAL_SECURITY: "pii.de_social_security", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "Germany RVNR";
    DE_DRIVER_LICENSE: "pii.de_driver_license", Some(Self::GOVERNMENT_ID), "K", "Art. 87", Ccpa::Sensitive, Severity::High, "Germany driving licence";
    DE_VAT_ID: "pii.de_vat_id", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "Germany VAT id (organisation)";
    DE_HANDELSREGISTER: "pii.de_handelsregister", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "Germany company register (organisation)";
    FR_NIR: "pii.fr_nir", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "France NIR";
    ES_NIF: "pii.es_nif", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Spain NIF/DNI";
    ES_NIE: "pii.es_nie", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Spain NIE";
    ES_PASSPORT: "pii.es_passport", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Spain passport";
    IT_FISCAL_CODE: "pii.it_fiscal_code", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Italy codice fiscale";
    IT_VAT: "pii.it_vat", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "Italy partita IVA";
    IT_ID_CARD: "pii.it_id_card", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Italy ID card";
    IT_PASSPORT: "pii.it_passport", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Italy passport";
    IT_DRIVER_LICENSE: "pii.it_driver_license", Some(Self::GOVERNMENT_ID), "K", "Art. 87", Ccpa::Sensitive, Severity::High, "Italy driving licence";
    NL_BSN: "pii.nl_bsn", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "Netherlands BSN";
    BE_NRN: "pii.be_nrn", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Belgium national register number";
    PT_NIF: "pii.pt_nif", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Portugal NIF";
    PL_PESEL: "pii.pl_pesel", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Poland PESEL";
    CZ_RC: "pii.cz_rc", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Czech or Slovak rodné číslo";
    RO_CNP: "pii.ro_cnp", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Romania CNP";
    BG_EGN: "pii.bg_egn", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Bulgaria EGN";
    HR_OIB: "pii.hr_oib", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Croatia OIB";
    GR_AMKA: "pii.gr_amka", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "Greece AMKA";
    SE_PERSONNUMMER: "pii.se_personnummer", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Sweden personnummer";
    SE_ORGNR: "pii.se_orgnr", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "Sweden organisationsnummer (organisation)";
    NO_FNR: "pii.no_fnr", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Norway fødselsnummer";
    DK_CPR: "pii.dk_cpr", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Denmark CPR";
    FI_HETU: "pii.fi_hetu", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Finland HETU";
    EE_IK: "pii.ee_ik", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Estonia or Lithuania personal code";
    CH_AHV: "pii.ch_ahv", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "Switzerland AHV";
    AT_SVNR: "pii.at_svnr", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "Austria SVNR";
    IE_PPS: "pii.ie_pps", Some(Self::GOVERNMENT_ID), "G", "Art. 87", Ccpa::Sensitive, Severity::High, "Ireland PPS";
    TR_TCKN: "pii.tr_tckn", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Turkey TCKN";
    IL_ID: "pii.il_id", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Israel Teudat Zehut";
    ZA_ID: "pii.za_id", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "South Africa ID";
    NG_NIN: "pii.ng_nin", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Nigeria NIN";
    IN_AADHAAR: "pii.in_aadhaar", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "India Aadhaar";
    IN_PAN: "pii.in_pan", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "India PAN";
    IN_GSTIN: "pii.in_gstin", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "India GSTIN (organisation)";
    IN_VOTER: "pii.in_voter", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "India voter id";
    IN_PASSPORT: "pii.in_passport", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "India passport";
    SG_NRIC: "pii.sg_nric", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Singapore NRIC/FIN";
    SG_UEN: "pii.sg_uen", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "Singapore UEN (organisation)";
    KR_RRN: "pii.kr_rrn", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Korea RRN";
    KR_FRN: "pii.kr_frn", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Korea FRN";
    KR_BRN: "pii.kr_brn", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "Korea BRN (organisation)";
    KR_PASSPORT: "pii.kr_passport", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Korea passport";
    KR_DRIVER_LICENSE: "pii.kr_driver_license", Some(Self::GOVERNMENT_ID), "K", "Art. 87", Ccpa::Sensitive, Severity::High, "Korea driving licence";
    JP_MYNUMBER: "pii.jp_mynumber", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Japan My Number";
    CN_RIC: "pii.cn_ric", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "China resident id";
    TW_ID: "pii.tw_id", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Taiwan national id";
    TH_TNIN: "pii.th_tnin", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Thailand id";
    PH_TIN: "pii.ph_tin", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Philippines TIN";
    AU_TFN: "pii.au_tfn", Some(Self::GOVERNMENT_ID), "R", "Art. 87", Ccpa::Sensitive, Severity::High, "Australia TFN";
    AU_ABN: "pii.au_abn", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "Australia ABN (organisation)";
    AU_ACN: "pii.au_acn", Some(Self::ORGANIZATION_ID), "", "", Ccpa::None, Severity::Low, "Australia ACN (organisation)";
    MRN: "phi.mrn", Some(Self::PHI), "H", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Medical record number";
    PATIENT_ID: "phi.patient_id", Some(Self::PHI), "R", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Patient identifier / resource id";
    PATIENT_REF: "phi.patient_ref", Some(Self::PHI), "R", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Reference to a patient";
    HEALTH_PLAN_ID: "phi.health_plan_id", Some(Self::PHI), "I", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Health plan beneficiary / subscriber number";
    US_MBI: "phi.us_mbi", Some(Self::PHI), "I", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Medicare Beneficiary Identifier";
    US_NPI: "phi.us_npi", Some(Self::HEALTH_PROVIDER_ID), "", "Art. 4(1)", Ccpa::None, Severity::Low, "National Provider Identifier";
    US_DEA: "phi.us_dea", Some(Self::HEALTH_PROVIDER_ID), "", "Art. 4(1)", Ccpa::None, Severity::Moderate, "DEA number";
    UK_NHS: "phi.uk_nhs", Some(Self::PHI), "H", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "NHS number";
    AU_MEDICARE: "phi.au_medicare", Some(Self::PHI), "I", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Australia Medicare number";
    DE_KVNR: "phi.de_kvnr", Some(Self::PHI), "I", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Germany health insurance number";
    DE_LANR: "phi.de_lanr", Some(Self::HEALTH_PROVIDER_ID), "", "Art. 4(1)", Ccpa::None, Severity::Low, "Germany physician number";
    DE_BSNR: "phi.de_bsnr", Some(Self::HEALTH_PROVIDER_ID), "", "", Ccpa::None, Severity::Low, "Germany practice number";
    CONDITION: "phi.condition", Some(Self::CLINICAL), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Diagnosis (code or text) linked to a patient";
    ICD10: "phi.icd10", Some(Self::CONDITION), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "ICD-10 diagnosis code";
    PROCEDURE: "phi.procedure", Some(Self::CLINICAL), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Procedure (code or text) linked to a patient";
    MEDICATION: "phi.medication", Some(Self::CLINICAL), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Medication (code or text) linked to a patient";
    OBSERVATION: "phi.observation", Some(Self::CLINICAL), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Lab/vital sign code or value linked to a patient";
    ALLERGY: "phi.allergy", Some(Self::CLINICAL), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Allergy linked to a patient";
    IMMUNIZATION: "phi.immunization", Some(Self::CLINICAL), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Immunisation linked to a patient";
    ENCOUNTER: "phi.encounter", Some(Self::CLINICAL), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Encounter type/reason linked to a patient";
    DATE: "phi.date", Some(Self::PHI), "C", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Date linked to a patient (service, admission, death)";
    DEVICE_ID: "phi.device_id", Some(Self::PHI), "M", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Device identifier / serial (UDI)";
    NARRATIVE: "phi.narrative", Some(Self::CLINICAL), "", "Art. 9(1)", Ccpa::Sensitive, Severity::High, "Clinical narrative / note text";
    PAN: "pci.pan", Some(Self::CARDHOLDER_DATA), "J", "Art. 4(1)", Ccpa::Sensitive, Severity::Critical, "Primary account number";
    PAN_TRUNCATED: "pci.pan_truncated", Some(Self::PCI), "", "", Ccpa::None, Severity::Low, "Truncated PAN (last4, optional)";
    CVV: "pci.cvv", Some(Self::AUTHENTICATION_DATA), "", "Art. 4(1)", Ccpa::Sensitive, Severity::Critical, "Card verification value";
    EXPIRY: "pci.expiry", Some(Self::CARDHOLDER_DATA), "", "Art. 4(1)", Ccpa::Sensitive, Severity::Moderate, "Card expiry";
    CARDHOLDER: "pci.cardholder", Some(Self::CARDHOLDER_DATA), "A", "Art. 4(1)", Ccpa::B, Severity::Moderate, "Cardholder name";
    TRACK_DATA: "pci.track_data", Some(Self::AUTHENTICATION_DATA), "", "Art. 4(1)", Ccpa::Sensitive, Severity::Critical, "Magnetic stripe track data";
    PIN: "pci.pin", Some(Self::AUTHENTICATION_DATA), "", "Art. 4(1)", Ccpa::Sensitive, Severity::Critical, "PIN / PIN block";
    ANTHROPIC_KEY: "secret.anthropic_key", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Anthropic API key";
    AWS_ACCESS_KEY: "secret.aws_access_key", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "AWS access key";
    AWS_BEDROCK_KEY: "secret.aws_bedrock_key", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "AWS Bedrock API key";
    AZURE_SECRET: "secret.azure_secret", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Azure client secret";
    BASIC_AUTH: "secret.basic_auth", Some(Self::SECRET), "", "Art. 32", Ccpa::Sensitive, Severity::Critical, "HTTP Basic credentials";
    BEARER_TOKEN: "secret.bearer_token", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Bearer token";
    CONNECTION_STRING: "secret.connection_string", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Connection string with a password";
    GCP_API_KEY: "secret.gcp_api_key", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Google API key";
    GENERIC: "secret.generic", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Secret known by its field name";
    GITHUB_TOKEN: "secret.github_token", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "GitHub token";
    GITLAB_TOKEN: "secret.gitlab_token", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "GitLab token";
    HUGGINGFACE_TOKEN: "secret.huggingface_token", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Hugging Face token";
    JWT: "secret.jwt", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "JSON Web Token";
    NPM_TOKEN: "secret.npm_token", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "npm token";
    OPENAI_KEY: "secret.openai_key", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "API key of `OpenAI`";
    PASSWORD: "secret.password", Some(Self::SECRET), "", "Art. 32", Ccpa::Sensitive, Severity::Critical, "Password";
    PRIVATE_KEY: "secret.private_key", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Private key";
    PYPI_TOKEN: "secret.pypi_token", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "`PyPI` token";
    SENDGRID_KEY: "secret.sendgrid_key", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "API key of `SendGrid`";
    SESSION_COOKIE: "secret.session_cookie", Some(Self::SECRET), "", "Art. 32", Ccpa::Sensitive, Severity::Critical, "Session cookie";
    SHOPIFY_TOKEN: "secret.shopify_token", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Shopify token";
    SLACK_TOKEN: "secret.slack_token", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Slack token";
    SLACK_WEBHOOK: "secret.slack_webhook", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Slack webhook";
    STRIPE_KEY: "secret.stripe_key", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Stripe key";
    TWILIO_KEY: "secret.twilio_key", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Twilio key";
    VAULT_TOKEN: "secret.vault_token", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Vault token";
    VENDOR_TOKEN: "secret.vendor_token", Some(Self::SECRET), "", "Art. 32", Ccpa::None, Severity::Critical, "Token of another vendor";
}
