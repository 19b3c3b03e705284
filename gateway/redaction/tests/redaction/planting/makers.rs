//! A maker of values for every class that is found by value or by field: how such a value is written,
//! the check of its authority, and the name under which an API has it.
//!
//! The forms are patterns, so that no value stands here, least of all one that looks like a key.

use classifiers::DataClass;
use classifiers::DataClass as D;
use classifiers::check;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Where a value is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Under its name, and in a sentence that names it.
    Anywhere,
    /// Under its name only: in a sentence it is a word like any other.
    Field,
    /// In a sentence only: no name says of a value that it is one.
    Prose,
}

/// How values of a class are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maker {
    pub(crate) class: DataClass,
    /// The object that it belongs to, where its name alone says nothing.
    pub(crate) owner: &'static str,
    pub(crate) name: &'static str,
    pattern: &'static str,
    /// Of the value without separators, in capital letters.
    check: fn(&[u8]) -> bool,
    pub(crate) found: Found,
}

impl Maker {
    /// The value that this seed makes.
    pub(crate) fn value(&self, seed: u64) -> String {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let pattern = string_regex(self.pattern).unwrap();
        let mut values = (0..200_000).map(|_| pattern.new_tree(&mut runner).unwrap().current());
        let good = values.find(|value| {
            let text: Vec<u8> = value
                .bytes()
                .filter(u8::is_ascii_alphanumeric)
                .map(|byte| byte.to_ascii_uppercase())
                .collect();
            (self.check)(&text)
        });
        assert!(good.is_some(), "no {} in {}", self.class, self.pattern);
        good.unwrap_or_default()
    }

    /// What people call it.
    pub(crate) fn label(&self) -> String {
        self.name.replace('_', " ")
    }
}

const fn any(_: &[u8]) -> bool {
    true
}

/// Found under its name and in a sentence, by the check of its authority.
const fn id(
    class: DataClass,
    name: &'static str,
    pattern: &'static str,
    check: fn(&[u8]) -> bool,
) -> Maker {
    Maker {
        class,
        owner: "",
        name,
        pattern,
        check,
        found: Found::Anywhere,
    }
}

/// Found under its name and in a sentence.
const fn told(class: DataClass, name: &'static str, pattern: &'static str) -> Maker {
    id(class, name, pattern, any)
}

/// Found under its name only.
const fn field(class: DataClass, name: &'static str, pattern: &'static str) -> Maker {
    Maker {
        found: Found::Field,
        ..id(class, name, pattern, any)
    }
}

/// Found under its name, in an object that says whose it is.
const fn of(
    owner: &'static str,
    class: DataClass,
    name: &'static str,
    pattern: &'static str,
) -> Maker {
    Maker {
        owner,
        ..field(class, name, pattern)
    }
}

/// A key, known by its look, which no detector sees in letters alone: one of fifty random ones of
/// twenty letters and digits has no digit (see SECURITY.md).
const fn secret(class: DataClass, name: &'static str, pattern: &'static str) -> Maker {
    id(class, name, pattern, has_digit)
}

fn has_digit(text: &[u8]) -> bool {
    // What people write in place of a key, which a random one may hold by chance.
    let is_blank = |part: &[u8]| [b"XXXX", b"YOUR", b"TODO"].iter().any(|word| part == *word);
    let is_blank = text.windows(4).any(is_blank);
    text.iter().any(u8::is_ascii_digit) && !is_blank
}

const fn prose(class: DataClass, name: &'static str, pattern: &'static str) -> Maker {
    Maker {
        found: Found::Prose,
        ..id(class, name, pattern, any)
    }
}

/// Classes that only gather others: no value is one.
pub(crate) const GROUPS: &[DataClass] = &[
    D::PII,
    D::PHI,
    D::PCI,
    D::SECRET,
    D::CONTACT,
    D::ONLINE,
    D::DEMOGRAPHIC,
    D::FINANCIAL,
    D::VEHICLE,
    D::GOVERNMENT_ID,
    D::CLINICAL,
    D::HEALTH_PROVIDER_ID,
    D::CARDHOLDER_DATA,
    D::AUTHENTICATION_DATA,
];

fn vin(vin: &[u8]) -> bool {
    check::vin(vin) && check::vin_form(vin)
}

/// Classes that no name and no value tells: where an API's owner or an operator says so (`streams`
/// and `documents` have values of those).
pub(crate) const DECLARED: &[DataClass] = &[D::ORGANIZATION];

#[rustfmt::skip]
pub(crate) static MAKERS: &[Maker] = &[
    // Persons.
    told(D::PERSON, "full_name", "(Anna|Maria|Peter|Julia|Thomas) (Keller|Moreau|Novak|Fischer)"),
    field(D::TITLE, "salutation", "(Professor|Doctor|Herr|Madame)"),
    field(D::USERNAME, "username", "[a-z]{5,9}_[a-z]{3}[0-9]{2}"),
    told(D::EMAIL, "email", "[a-z]{3,8}\\.[a-z]{2,5}[0-9]@[a-z]{4,9}\\.(com|org|de)"),
    told(D::PHONE, "phone", "\\+49 (151|160|171) [2-9][0-9]{7}"),
    told(D::FAX, "fax", "\\+49 (30|40|89) [2-9][0-9]{6}"),
    told(D::ADDRESS, "street_address", "[1-9][0-9]{2} (Oak|Maple|Cedar|Walnut) (Street|Avenue|Lane)"),
    of("customer", D::CITY, "city", "(Hamburg|Lyon|Boston|Osaka|Porto)"),
    of("customer", D::POSTAL_CODE, "postal_code", "[1-9][0-9]{4}"),
    prose(D::LOCATION, "She moved there from", "(Hamburg|Lyon|Boston|Toronto)"),
    of("customer", D::GEO, "latitude", "[1-5][0-9]\\.[1-9]{5}"),
    field(D::DOB, "date_of_birth", "19[5-9][0-9]-0[1-9]-[12][0-9]"),
    prose(D::DATE_TIME, "Mrs. Julia Fischer called from Hamburg on", "[12][0-9] (March|April|August) 20[12][0-9]"),
    field(D::AGE, "age", "[3-8][0-9]"),
    field(D::GENDER, "gender", "(female|male|nonbinary)"),
    field(D::ETHNICITY, "ethnicity", "(Hispanic|Asian|Caucasian)"),
    field(D::NRP, "nationality", "(German|French|Brazilian|Turkish)"),
    field(D::MARITAL_STATUS, "marital_status", "(married|divorced|widowed)"),
    told(D::IP, "ip_address", "(81|91|185)\\.[1-9][0-9]\\.1[1-9]{2}\\.[1-9][0-9]"),
    told(D::MAC, "mac_address", "3c:22:fb(:[0-9a-f][1-9a-f]){3}"),
    id(D::IMEI, "imei", "49[0-9]{13}", check::imei),
    of("customer", D::URL, "website", "https://[a-z]{6,9}\\.(com|net)/[a-z]{4}"),
    field(D::PHOTO, "profile_photo", "https://cdn\\.[a-z]{6}\\.com/[a-z0-9]{12}\\.jpg"),
    field(D::BIOMETRIC, "fingerprint_template", "[A-F0-9]{48}"),
    id(D::VIN, "vin", "WVWZZZ1J[0-9X]XW[0-9]{6}", vin),
    told(D::VEHICLE_PLATE, "license_plate", "(B|HH|M)-[A-Z]{2} [1-9][0-9]{3}"),
    // Accounts.
    field(D::CUSTOMER_ID, "customer_number", "[A-Z]{2}[1-9][0-9]{7}"),
    id(D::IBAN, "iban", "DE[0-9]{2}37040044[0-9]{10}", check::iban),
    field(D::US_BANK_ACCOUNT, "bank_account_number", "[1-9][0-9]{9}"),
    id(D::US_ABA_ROUTING, "routing_number", "(02|11|12)1[0-9]{6}", check::us_aba_routing),
    told(D::CRYPTO_WALLET, "wallet_address", "0x[0-9a-f]{40}"),
    // America.
    id(D::US_SSN, "ssn", "[1-8][0-9]{2}-[0-9]{2}-[0-9]{4}", check::us_ssn),
    id(D::US_ITIN, "itin", "9[0-9]{2}-[0-9]{2}-[0-9]{4}", check::us_itin),
    id(D::US_EIN, "ein", "[0-9]{2}-[0-9]{7}", check::us_ein),
    told(D::US_PASSPORT, "passport_number", "[A-Z][0-9]{8}"),
    told(D::US_DRIVER_LICENSE, "driver_license_number", "[A-Z][0-9]{7}"),
    id(D::NATIONAL_ID, "ird_number", "[0-9]{2}-[0-9]{3}-[0-9]{3}", check::nz_ird),
    id(D::NATIONAL_ID, "nip", "[1-9][0-9]{2}-[0-9]{3}-[0-9]{2}-[0-9]{2}", check::pl_nip),
    id(D::CA_SIN, "social_insurance_number", "[1-7][0-9]{2} [0-9]{3} [0-9]{3}", check::ca_sin),
    id(D::MX_CURP, "curp", "[A-Z][AEIOU][A-Z]{2}[5-9][0-9]0[1-9]1[0-9][HM](DF|JC|NL)[B-DF-H]{3}0[0-9]", check::mx_curp),
    id(D::BR_CPF, "cpf", "[0-9]{3}\\.[0-9]{3}\\.[0-9]{3}-[0-9]{2}", check::br_cpf),
    id(D::BR_CNPJ, "cnpj", "[0-9]{2}\\.[0-9]{3}\\.[0-9]{3}/0001-[0-9]{2}", check::br_cnpj),
    id(D::AR_CUIT, "cuit", "2[037]-[0-9]{8}-[0-9]", check::ar_cuit),
    id(D::CL_RUT, "rut", "1[0-9]\\.[0-9]{3}\\.[0-9]{3}-[0-9]", check::cl_rut),
    // Western Europe.
    id(D::UK_NINO, "national_insurance_number", "[A-CEG][A-CEG] [0-9]{2} [0-9]{2} [0-9]{2} [A-D]", check::uk_nino),
    told(D::UK_PASSPORT, "uk_passport", "[1-9][0-9]{8}"),
    id(D::UK_DRIVING_LICENCE, "driving_licence", "[A-Z]{5}[0-9]0[1-9]1[0-9][0-9][A-Z]{2}9[A-Z]{2}", check::uk_driving_licence),
    id(D::ORGANIZATION_ID, "siren", "[1-9][0-9]{2} [0-9]{3} [0-9]{3}", check::fr_siren),
    id(D::FR_NIR, "numero_securite_sociale", "[12] [5-9][0-9] 0[1-9] 7[0-9] [0-9]{3} [0-9]{3} [0-9]{2}", check::fr_nir),
    id(D::IE_PPS, "pps_number", "[1-9][0-9]{6}[A-W]", check::ie_pps),
    id(D::NL_BSN, "bsn", "[1-9][0-9]{8}", check::nl_bsn),
    id(D::BE_NRN, "rijksregisternummer", "[5-9][0-9]\\.0[1-9]\\.1[0-9]-[0-9]{3}\\.[0-9]{2}", check::be_nrn),
    // Germany, Austria, Switzerland.
    id(D::DE_TAX_ID, "steuer_id", "[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}", check::de_tax_id),
    id(D::DE_TAX_NUMBER, "steuernummer", "[1-9][0-9]/[0-9]{3}/[0-9]{5}", check::de_tax_number),
    id(D::DE_ID_CARD, "personalausweisnummer", "[LMNPRTVWXY][CFGHJKLMNPRTVWXYZ0-9]{8}", check::de_id_card),
    id(D::DE_PASSPORT, "reisepassnummer", "[CFGHJK][CFGHJKLMNPRTVWXYZ0-9]{8}", check::de_passport),
    id(D::DE_SOCIAL_SECURITY, "rentenversicherungsnummer", "(13|65) 1[0-9]0[1-9][5-9][0-9] [A-Z] [0-9]{3}", check::de_social_security),
    id(D::DE_DRIVER_LICENSE, "fuehrerscheinnummer", "[BJN][0-9A-Z]{2}[0-9]{6}[0-9A-Z]{2}", check::de_driver_license),
    id(D::DE_VAT_ID, "ust_id", "DE[1-9][0-9]{8}", check::de_vat_id),
    told(D::DE_HANDELSREGISTER, "handelsregister", "HRB [1-9][0-9]{5}"),
    id(D::CH_AHV, "ahv_nummer", "756\\.[0-9]{4}\\.[0-9]{4}\\.[0-9]{2}", check::ch_ahv),
    id(D::AT_SVNR, "svnr_at", "[1-9][0-9]{3} 1[0-9]0[1-9][5-9][0-9]", check::at_svnr),
    // Southern and eastern Europe.
    id(D::ES_NIF, "nif", "[0-9]{8}[A-Z]", check::es_nif),
    id(D::ES_NIE, "nie", "[XYZ][0-9]{7}[A-Z]", check::es_nie),
    told(D::ES_PASSPORT, "pasaporte", "[A-Z]{3}[0-9]{6}"),
    id(D::IT_FISCAL_CODE, "codice_fiscale", "[B-DF-H]{6}[5-9][0-9][A-E]1[0-9]H[0-9]{3}[A-Z]", check::it_fiscal_code),
    id(D::IT_VAT, "partita_iva", "0[0-9]{10}", check::it_vat),
    told(D::IT_ID_CARD, "carta_identita", "C[A-Z][0-9]{5}[A-Z]{2}"),
    told(D::IT_PASSPORT, "passaporto", "Y[A-Z][0-9]{7}"),
    told(D::IT_DRIVER_LICENSE, "patente_di_guida", "U1[A-Z][0-9]{6}[A-Z]"),
    id(D::PT_NIF, "numero_contribuinte", "[12][0-9]{8}", check::pt_nif),
    id(D::PL_PESEL, "pesel", "[5-9][0-9]0[1-9]1[0-9]{6}", check::pl_pesel),
    id(D::CZ_RC, "rodne_cislo", "[5-9][0-9]0[1-9]1[0-9]/[0-9]{4}", check::cz_rc),
    id(D::RO_CNP, "cnp", "[12][5-9][0-9]0[1-9]1[0-9][0-3][0-9]{5}", check::ro_cnp),
    id(D::BG_EGN, "egn", "[5-9][0-9]0[1-9]1[0-9]{5}", check::bg_egn),
    id(D::HR_OIB, "oib", "[1-9][0-9]{10}", check::hr_oib),
    id(D::GR_AMKA, "amka", "1[0-9]0[1-9][5-9][0-9]{6}", check::gr_amka),
    id(D::TR_TCKN, "tckn", "[1-9][0-9]{10}", check::tr_tckn),
    // The North.
    id(D::SE_PERSONNUMMER, "personnummer", "[5-9][0-9]0[1-9]1[0-9]-[0-9]{4}", check::se_personnummer),
    id(D::SE_ORGNR, "organisationsnummer", "55[0-9]{4}-[0-9]{4}", check::se_orgnr),
    id(D::NO_FNR, "fodselsnummer", "1[0-9]0[1-9][5-9][0-9]{6}", check::no_fnr),
    id(D::DK_CPR, "cpr_nummer", "1[0-9]0[1-9][5-9][0-9]-[0-9]{4}", check::dk_cpr),
    id(D::FI_HETU, "henkilotunnus", "1[0-9]0[1-9][5-9][0-9]-[0-9]{3}[0-9A-Y]", check::fi_hetu),
    id(D::EE_IK, "isikukood", "[34][5-9][0-9]0[1-9]1[0-9]{5}", check::ee_ik),
    // Africa, Asia, Oceania.
    id(D::IL_ID, "teudat_zehut", "[1-9][0-9]{8}", check::il_id),
    id(D::ZA_ID, "south_african_id", "[5-9][0-9]0[1-9]1[0-9]{5}0[89][0-9]", check::za_id),
    told(D::NG_NIN, "nin", "[1-9][0-9]{10}"),
    id(D::IN_AADHAAR, "aadhaar_number", "[2-9][0-9]{3} [0-9]{4} [0-9]{4}", check::in_aadhaar),
    id(D::IN_PAN, "permanent_account_number", "[A-Z]{3}P[A-Z][0-9]{4}[A-Z]", check::in_pan),
    id(D::IN_GSTIN, "gstin", "27[A-Z]{3}P[A-Z][0-9]{4}[A-Z]1Z[0-9A-Z]", check::in_gstin),
    told(D::IN_VOTER, "voter_id", "[A-Z]{3}[0-9]{7}"),
    told(D::IN_PASSPORT, "indian_passport", "[A-Z][1-9][0-9]{6}"),
    id(D::SG_NRIC, "nric", "[ST][0-9]{7}[A-Z]", check::sg_nric),
    id(D::SG_UEN, "uen", "(19[5-9]|200)[0-9]{6}[A-Z]", check::sg_uen),
    id(D::KR_RRN, "rrn", "[5-9][0-9]0[1-9]1[0-9]-[12][0-9]{6}", check::kr_rrn),
    id(D::KR_FRN, "foreigner_registration_number", "[5-9][0-9]0[1-9]1[0-9]-[5-6][0-9]{6}", check::kr_frn),
    id(D::KR_BRN, "business_registration_number", "[1-9][0-9]{2}-[0-9]{2}-[0-9]{5}", check::kr_brn),
    told(D::KR_PASSPORT, "korean_passport", "M[0-9]{8}"),
    id(D::KR_DRIVER_LICENSE, "korean_driver_license", "1[1-9]-[0-9]{2}-[0-9]{6}-[0-9]{2}", check::kr_driver_license),
    id(D::JP_MYNUMBER, "my_number", "[1-9][0-9]{3} [0-9]{4} [0-9]{4}", check::jp_mynumber),
    id(D::CN_RIC, "resident_identity_card", "110101(19[5-9][0-9])0[1-9]1[0-9]{4}[0-9X]", check::cn_ric),
    id(D::TW_ID, "taiwan_id", "[A-H][12][0-9]{8}", check::tw_id),
    id(D::TH_TNIN, "thai_id", "[1-8]-[0-9]{4}-[0-9]{5}-[0-9]{2}-[0-9]", check::th_tnin),
    told(D::PH_TIN, "philippine_tin", "[1-9][0-9]{2}-[0-9]{3}-[0-9]{3}-000"),
    id(D::AU_TFN, "tax_file_number", "[1-9][0-9]{2} [0-9]{3} [0-9]{3}", check::au_tfn),
    id(D::AU_ABN, "abn", "[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}", check::au_abn),
    id(D::AU_ACN, "acn", "[0-9]{3} [0-9]{3} [0-9]{3}", check::au_acn),
    // Health.
    told(D::MRN, "mrn", "MRN-[1-9][0-9]{6}"),
    field(D::PATIENT_ID, "patient_id", "[a-z]{3}-[0-9]{6}"),
    field(D::PATIENT_REF, "patient_reference", "Patient/[a-z][0-9]{7}"),
    field(D::HEALTH_PLAN_ID, "insurance_member_id", "[A-Z]{3}[0-9]{9}"),
    id(D::US_MBI, "mbi", "[1-9][AC-HJ-KM-NP-RT-Y][AC-HJ-KM-NP-RT-Y0-9][0-9]-[AC-HJ-KM-NP-RT-Y][AC-HJ-KM-NP-RT-Y0-9][0-9]-[AC-HJ-KM-NP-RT-Y]{2}[0-9]{2}", check::us_mbi),
    id(D::US_NPI, "npi", "1[0-9]{9}", check::us_npi),
    id(D::US_DEA, "dea_number", "[ABFM][A-Z][0-9]{7}", check::us_dea),
    id(D::UK_NHS, "nhs_number", "[4-7][0-9]{2} [0-9]{3} [0-9]{4}", check::uk_nhs),
    id(D::AU_MEDICARE, "medicare_card_number", "[2-6][0-9]{3} [0-9]{5} [0-9]", check::au_medicare),
    id(D::DE_KVNR, "krankenversichertennummer", "[A-Z][0-9]{9}", check::de_kvnr),
    id(D::DE_LANR, "lanr", "[1-9][0-9]{8}", check::de_lanr),
    id(D::DE_BSNR, "bsnr", "[0-9]{9}", check::de_bsnr),
    field(D::CONDITION, "diagnosis", "(chronic|severe|mild) (asthma|migraine|arthritis)"),
    field(D::ICD10, "icd10_code", "(E11|J45|F32)\\.[0-9]"),
    field(D::PROCEDURE, "procedure_name", "(left|right) (knee|hip) arthroscopy"),
    field(D::MEDICATION, "medication_name", "(metformin|ibuprofen|sertraline) [1-9]00 mg"),
    field(D::OBSERVATION, "blood_pressure", "1[2-4][0-9]/[7-9][0-9]"),
    field(D::ALLERGY, "allergies", "(penicillin|peanuts|latex)"),
    field(D::IMMUNIZATION, "vaccine_name", "(influenza|measles|tetanus) vaccine"),
    field(D::ENCOUNTER, "encounter_type", "(emergency|ambulatory) visit"),
    field(D::DATE, "admission_date", "20[12][0-9]-0[1-9]-1[0-9]"),
    field(D::DEVICE_ID, "implant_serial", "[A-Z]{2}[0-9]{8}"),
    field(D::NARRATIVE, "clinical_note", "Patient complains of (dull|sharp) pain in the (knee|chest)"),
    // Cards.
    id(D::PAN, "card_number", "4111 1[0-9]{3} [0-9]{4} [0-9]{4}", check::pan),
    of("card", D::PAN_TRUNCATED, "last4", "[1-9][0-9]{3}"),
    of("card", D::CVV, "cvv", "[1-9][0-9]{2}"),
    of("card", D::EXPIRY, "expiry", "0[1-9]/2[7-9]"),
    field(D::CARDHOLDER, "cardholder_name", "(Anna|Peter|Julia) (Keller|Moreau|Novak)"),
    id(D::TRACK_DATA, "track2", ";4111[0-9]{12}=2[7-9]0[1-9]101[0-9]{8}\\?", |track| check::luhn(&track[..16])),
    field(D::PIN, "pin_block", "[0-9A-F]{16}"),
    // Secrets.
    secret(D::ANTHROPIC_KEY, "key", "sk-ant-api03-[A-Za-z0-9]{93}AA"),
    secret(D::AWS_ACCESS_KEY, "key", "AKIA[A-Z2-7]{16}"),
    secret(D::AWS_BEDROCK_KEY, "key", "ABSK[A-Za-z0-9]{112}"),
    secret(D::AZURE_SECRET, "key", "[a-zA-Z0-9]{3}8Q~[a-zA-Z0-9]{34}"),
    secret(D::BASIC_AUTH, "header", "Basic (YWxp|Ym9i|Y2Fy)b246(cGFz|c2Vj|aHVu|dGVy|bWFy){6}"),
    secret(D::BEARER_TOKEN, "header", "Bearer [a-z0-9]{40}"),
    secret(D::CONNECTION_STRING, "database_url", "postgres://app:[a-zA-Z0-9]{14}@db\\.[a-z]{6}\\.net/app"),
    secret(D::GCP_API_KEY, "key", "AIza[A-Za-z0-9]{35}"),
    field(D::GENERIC, "client_secret", "[A-Za-z0-9]{32}"),
    secret(D::GITHUB_TOKEN, "key", "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    secret(D::GITLAB_TOKEN, "key", "glpat-[A-Za-z0-9]{20}"),
    secret(D::HUGGINGFACE_TOKEN, "key", "hf_[A-Za-z0-9]{34}"),
    secret(D::JWT, "key", "eyJhbGciOiJIUzI1NiJ9\\.eyJzdWIiOiI[0-9A-Za-z]{20}In0\\.[A-Za-z0-9_-]{43}"),
    secret(D::NPM_TOKEN, "key", "npm_[A-Za-z0-9]{36}"),
    secret(D::OPENAI_KEY, "key", "sk-proj-[A-Za-z0-9]{48}"),
    field(D::PASSWORD, "password", "[a-z]{5}[A-Z]{3}[0-9]{3}!"),
    secret(D::PRIVATE_KEY, "key", "-----BEGIN PRIVATE KEY-----\n([A-Za-z0-9+/]{64}\n){3}-----END PRIVATE KEY-----"),
    secret(D::PYPI_TOKEN, "key", "pypi-AgEIcHlwaS5vcmc[A-Za-z0-9]{60}"),
    secret(D::SENDGRID_KEY, "key", "SG\\.[A-Za-z0-9]{22}\\.[A-Za-z0-9]{43}"),
    field(D::SESSION_COOKIE, "session_cookie", "[a-f0-9]{40}"),
    secret(D::SHOPIFY_TOKEN, "key", "shpat_[a-f0-9]{32}"),
    secret(D::SLACK_TOKEN, "key", "xoxb-[0-9]{12}-[0-9]{12}-[A-Za-z0-9]{24}"),
    secret(D::SLACK_WEBHOOK, "webhook", "https://hooks\\.slack\\.com/services/T[A-Z0-9]{8}/B[A-Z0-9]{8}/[A-Za-z0-9]{24}"),
    secret(D::STRIPE_KEY, "key", "sk_live_[A-Za-z0-9]{32}"),
    secret(D::TWILIO_KEY, "key", "SK[a-f0-9]{32}"),
    secret(D::VAULT_TOKEN, "key", "hvs\\.[A-Za-z0-9]{90}"),
    secret(D::VENDOR_TOKEN, "key", "dop_v1_[a-f0-9]{64}"),
    secret(D::VENDOR_TOKEN, "key", "figd_[A-Za-z0-9]{40}"),
];
