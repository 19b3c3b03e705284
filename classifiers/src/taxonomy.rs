//! The tree of data classes, one row each: what a value is, and which law names it.
//!
//! HIPAA letters are the identifiers of 45 CFR 164.514(b)(2)(i)(A) to (R); GDPR articles are of
//! Regulation (EU) 2016/679. A row with neither is kept because policies ask for it by name.

use std::fmt;

use phf::phf_map;

/// A class of data: a row of the taxonomy. Two bytes, so that findings stay small.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataClass(u16);

/// The most classes a taxonomy may hold; tables indexed by class have this length.
pub const CLASSES_MAX: usize = 128;

/// One row of the taxonomy.
struct Row {
    name: &'static str,
    parent: Option<DataClass>,
    hipaa: &'static str,
    gdpr: &'static str,
    about: &'static str,
}

/// Names by which a class is also known, beside its own.
static ALIASES: phf::Map<&'static str, DataClass> = phf_map! {
    "phi.npi" => DataClass::US_NPI,
};

macro_rules! taxonomy {
    ($($id:ident: $name:literal, $parent:expr, $hipaa:literal, $gdpr:literal, $about:literal;)*) => {
        /// Gives each row its number.
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "named as the constants are")]
        enum Number { $($id),* }

        impl DataClass {
            $(#[doc = $about] pub const $id: Self = Self(Number::$id as u16);)*

            const ROWS: &[Row] = &[$(Row {
                name: $name, parent: $parent, hipaa: $hipaa, gdpr: $gdpr, about: $about,
            }),*];
        }
    };
}

// name, parent, HIPAA letter, GDPR article, description.
taxonomy! {
    PII: "pii", None, "", "Art. 4(1)", "Personal data";
    PHI: "phi", None, "", "Art. 9(1)", "Health data linked to a person";
    PCI: "pci", None, "", "Art. 4(1)", "Payment card data (PCI DSS)";
    SECRET: "secret", None, "", "Art. 32", "What opens a door: keys, tokens, passwords";
    PERSON: "pii.person", Some(Self::PII), "A", "Art. 4(1)", "Person name (given, family, full)";
    USERNAME: "pii.username", Some(Self::PII), "R", "Art. 4(1)", "Account/user/screen name";
    EMAIL: "pii.email", Some(Self::PII), "F", "Art. 4(1)", "E-mail address";
    PHONE: "pii.phone", Some(Self::PII), "D", "Art. 4(1)", "Telephone number";
    FAX: "pii.fax", Some(Self::PII), "E", "Art. 4(1)", "Fax number";
    ADDRESS: "pii.address", Some(Self::PII), "B", "Art. 4(1)", "Street / full postal address";
    CITY: "pii.city", Some(Self::PII), "B", "Art. 4(1)", "City / county / precinct of a person";
    POSTAL_CODE: "pii.postal_code", Some(Self::PII), "B", "Art. 4(1)", "Postal / ZIP code of a person";
    GEO: "pii.geo", Some(Self::PII), "B", "Art. 4(1)", "Latitude/longitude of a person";
    DOB: "pii.dob", Some(Self::PII), "C", "Art. 4(1)", "Date of birth";
    AGE: "pii.age", Some(Self::PII), "C", "Art. 4(1)", "Age";
    GENDER: "pii.gender", Some(Self::PII), "", "Art. 4(1)", "Gender / sex";
    ETHNICITY: "pii.ethnicity", Some(Self::PII), "", "Art. 9(1)", "Race or ethnic origin";
    NRP: "pii.nrp", Some(Self::PII), "", "Art. 9(1)", "Nationality, religion or political affiliation";
    MARITAL_STATUS: "pii.marital_status", Some(Self::PII), "", "Art. 4(1)", "Marital status";
    IP: "pii.ip", Some(Self::PII), "O", "Art. 4(1)", "IP address";
    MAC: "pii.mac", Some(Self::PII), "M", "Art. 4(1)", "MAC address";
    IMEI: "pii.imei", Some(Self::PII), "M", "Art. 4(1)", "Mobile equipment identity";
    URL: "pii.url", Some(Self::PII), "N", "Art. 4(1)", "URL / domain";
    PHOTO: "pii.photo", Some(Self::PII), "Q", "Art. 4(1)", "Photo of a face";
    VIN: "pii.vin", Some(Self::PII), "L", "Art. 4(1)", "Vehicle identification number";
    VEHICLE_PLATE: "pii.vehicle_plate", Some(Self::PII), "L", "Art. 4(1)", "Licence plate";
    CUSTOMER_ID: "pii.customer_id", Some(Self::PII), "J", "Art. 4(1)", "Customer / account number of a person";
    IBAN: "pii.iban", Some(Self::PII), "J", "Art. 4(1)", "IBAN";
    US_BANK_ACCOUNT: "pii.us_bank_account", Some(Self::PII), "J", "Art. 4(1)", "US bank account number";
    US_ABA_ROUTING: "pii.us_aba_routing", Some(Self::PII), "", "", "ABA routing number";
    US_SSN: "pii.us_ssn", Some(Self::PII), "G", "Art. 87", "US SSN";
    US_PASSPORT: "pii.us_passport", Some(Self::PII), "R", "Art. 87", "US passport";
    US_DRIVER_LICENSE: "pii.us_driver_license", Some(Self::PII), "K", "Art. 87", "US driving licence";
    NATIONAL_ID: "pii.national_id", Some(Self::PII), "R", "Art. 87", "National identity or tax number of a country without a row of its own";
    CA_SIN: "pii.ca_sin", Some(Self::PII), "G", "Art. 87", "Canada SIN";
    BR_CPF: "pii.br_cpf", Some(Self::PII), "R", "Art. 87", "Brazil CPF";
    UK_NINO: "pii.uk_nino", Some(Self::PII), "G", "Art. 87", "UK National Insurance Number";
    DE_TAX_ID: "pii.de_tax_id", Some(Self::PII), "R", "Art. 87", "Germany Steuer-ID";
    DE_ID_CARD: "pii.de_id_card", Some(Self::PII), "R", "Art. 87", "Germany ID card";
    FR_NIR: "pii.fr_nir", Some(Self::PII), "G", "Art. 87", "France NIR";
    ES_NIF: "pii.es_nif", Some(Self::PII), "R", "Art. 87", "Spain NIF/DNI";
    IT_FISCAL_CODE: "pii.it_fiscal_code", Some(Self::PII), "R", "Art. 87", "Italy codice fiscale";
    NL_BSN: "pii.nl_bsn", Some(Self::PII), "G", "Art. 87", "Netherlands BSN";
    IN_AADHAAR: "pii.in_aadhaar", Some(Self::PII), "R", "Art. 87", "India Aadhaar";
    MRN: "phi.mrn", Some(Self::PHI), "H", "Art. 9(1)", "Medical record number";
    PATIENT_ID: "phi.patient_id", Some(Self::PHI), "R", "Art. 9(1)", "Patient identifier / resource id";
    PATIENT_REF: "phi.patient_ref", Some(Self::PHI), "R", "Art. 9(1)", "Reference to a patient";
    HEALTH_PLAN_ID: "phi.health_plan_id", Some(Self::PHI), "I", "Art. 9(1)", "Health plan beneficiary / subscriber number";
    US_MBI: "phi.us_mbi", Some(Self::PHI), "I", "Art. 9(1)", "Medicare Beneficiary Identifier";
    US_NPI: "phi.us_npi", Some(Self::PHI), "", "Art. 4(1)", "National Provider Identifier";
    US_DEA: "phi.us_dea", Some(Self::PHI), "", "Art. 4(1)", "DEA number";
    CONDITION: "phi.condition", Some(Self::PHI), "", "Art. 9(1)", "Diagnosis (code or text) linked to a patient";
    ICD10: "phi.icd10", Some(Self::CONDITION), "", "Art. 9(1)", "ICD-10 diagnosis code";
    PROCEDURE: "phi.procedure", Some(Self::PHI), "", "Art. 9(1)", "Procedure (code or text) linked to a patient";
    MEDICATION: "phi.medication", Some(Self::PHI), "", "Art. 9(1)", "Medication (code or text) linked to a patient";
    OBSERVATION: "phi.observation", Some(Self::PHI), "", "Art. 9(1)", "Lab/vital sign code or value linked to a patient";
    ALLERGY: "phi.allergy", Some(Self::PHI), "", "Art. 9(1)", "Allergy linked to a patient";
    IMMUNIZATION: "phi.immunization", Some(Self::PHI), "", "Art. 9(1)", "Immunisation linked to a patient";
    ENCOUNTER: "phi.encounter", Some(Self::PHI), "", "Art. 9(1)", "Encounter type/reason linked to a patient";
    DATE: "phi.date", Some(Self::PHI), "C", "Art. 9(1)", "Date linked to a patient (service, admission, death)";
    DEVICE_ID: "phi.device_id", Some(Self::PHI), "M", "Art. 9(1)", "Device identifier / serial (UDI)";
    NARRATIVE: "phi.narrative", Some(Self::PHI), "", "Art. 9(1)", "Clinical narrative / note text";
    PAN: "pci.pan", Some(Self::PCI), "J", "Art. 4(1)", "Primary account number";
    PAN_TRUNCATED: "pci.pan_truncated", Some(Self::PCI), "", "", "Truncated PAN (last4, optional)";
    CVV: "pci.cvv", Some(Self::PCI), "", "Art. 4(1)", "Card verification value";
    EXPIRY: "pci.expiry", Some(Self::PCI), "", "Art. 4(1)", "Card expiry";
    CARDHOLDER: "pci.cardholder", Some(Self::PCI), "A", "Art. 4(1)", "Cardholder name";
    TRACK_DATA: "pci.track_data", Some(Self::PCI), "", "Art. 4(1)", "Magnetic stripe track data";
    PIN: "pci.pin", Some(Self::PCI), "", "Art. 4(1)", "PIN / PIN block";
    ANTHROPIC_KEY: "secret.anthropic_key", Some(Self::SECRET), "", "Art. 32", "Anthropic API key";
    AWS_ACCESS_KEY: "secret.aws_access_key", Some(Self::SECRET), "", "Art. 32", "AWS access key";
    BASIC_AUTH: "secret.basic_auth", Some(Self::SECRET), "", "Art. 32", "HTTP Basic credentials";
    BEARER_TOKEN: "secret.bearer_token", Some(Self::SECRET), "", "Art. 32", "Bearer token";
    CONNECTION_STRING: "secret.connection_string", Some(Self::SECRET), "", "Art. 32", "Connection string with a password";
    GCP_API_KEY: "secret.gcp_api_key", Some(Self::SECRET), "", "Art. 32", "Google API key";
    GENERIC: "secret.generic", Some(Self::SECRET), "", "Art. 32", "Secret known by its field name";
    GITHUB_TOKEN: "secret.github_token", Some(Self::SECRET), "", "Art. 32", "GitHub token";
    GITLAB_TOKEN: "secret.gitlab_token", Some(Self::SECRET), "", "Art. 32", "GitLab token";
    HUGGINGFACE_TOKEN: "secret.huggingface_token", Some(Self::SECRET), "", "Art. 32", "Hugging Face token";
    JWT: "secret.jwt", Some(Self::SECRET), "", "Art. 32", "JSON Web Token";
    NPM_TOKEN: "secret.npm_token", Some(Self::SECRET), "", "Art. 32", "npm token";
    OPENAI_KEY: "secret.openai_key", Some(Self::SECRET), "", "Art. 32", "API key of `OpenAI`";
    PASSWORD: "secret.password", Some(Self::SECRET), "", "Art. 32", "Password";
    PRIVATE_KEY: "secret.private_key", Some(Self::SECRET), "", "Art. 32", "Private key";
    SENDGRID_KEY: "secret.sendgrid_key", Some(Self::SECRET), "", "Art. 32", "API key of `SendGrid`";
    SLACK_TOKEN: "secret.slack_token", Some(Self::SECRET), "", "Art. 32", "Slack token";
    STRIPE_KEY: "secret.stripe_key", Some(Self::SECRET), "", "Art. 32", "Stripe key";
    TWILIO_KEY: "secret.twilio_key", Some(Self::SECRET), "", "Art. 32", "Twilio key";
    VENDOR_TOKEN: "secret.vendor_token", Some(Self::SECRET), "", "Art. 32", "Token of another vendor";
}

const _: () = assert!(DataClass::ROWS.len() <= CLASSES_MAX);

impl DataClass {
    /// The class with this dotted name, `pii.email`. For use at load: it searches the table.
    pub fn named(name: &str) -> Option<Self> {
        Self::all()
            .find(|class| class.name() == name)
            .or_else(|| ALIASES.get(name).copied())
    }

    /// The dotted name.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// The class above: `pii` of `pii.email`, `phi.condition` of `phi.icd10`; none at the top.
    pub fn parent(self) -> Option<Self> {
        self.row().and_then(|row| row.parent)
    }

    /// Whether this class is `other` or stands anywhere below it.
    pub fn is_within(self, other: Self) -> bool {
        std::iter::successors(Some(self), |class| class.parent()).any(|class| class == other)
    }

    /// The letter of 45 CFR 164.514(b)(2)(i) under which the value must go; none where it may stay.
    pub fn hipaa(self) -> Option<&'static str> {
        self.row()
            .map(|row| row.hipaa)
            .filter(|letter| !letter.is_empty())
    }

    /// The GDPR article that makes the value personal or special.
    pub fn gdpr(self) -> Option<&'static str> {
        self.row()
            .map(|row| row.gdpr)
            .filter(|article| !article.is_empty())
    }

    /// What the class is, in words.
    pub fn about(self) -> &'static str {
        self.row().map_or("", |row| row.about)
    }

    /// Its row number, below [`CLASSES_MAX`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// [`DataClass::index`] where tables are built.
    pub(crate) const fn number(self) -> usize {
        self.0 as usize
    }

    /// Every class, parents before children.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u16..).take(Self::ROWS.len()).map(Self)
    }

    fn row(self) -> Option<&'static Row> {
        Self::ROWS.get(self.index())
    }
}

impl fmt::Display for DataClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for DataClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_own_row_and_parents_come_first() {
        for class in DataClass::all() {
            assert_eq!(DataClass::named(class.name()), Some(class));
            if let Some(parent) = class.parent() {
                assert!(
                    parent.index() < class.index(),
                    "{class} stands before {parent}"
                );
            }
        }
    }

    #[test]
    fn the_tree_is_walked_upwards() {
        assert!(DataClass::ICD10.is_within(DataClass::CONDITION));
        assert!(DataClass::ICD10.is_within(DataClass::PHI));
        assert!(!DataClass::PHI.is_within(DataClass::ICD10));
        assert_eq!(DataClass::named("phi.npi"), Some(DataClass::US_NPI));
        assert_eq!(DataClass::named("pii.nothing"), None);
    }

    #[test]
    fn every_safe_harbor_letter_is_one_of_the_eighteen() {
        for letter in DataClass::all().filter_map(DataClass::hipaa) {
            assert!(matches!(letter.as_bytes(), [b'A'..=b'R']), "{letter}");
        }
    }
}
