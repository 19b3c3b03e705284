//! The tables: resource types, their elements, and what systems and extensions stand for.
//!
//! After HL7 FHIR R4 (4.0.1): the patient compartment definition and each resource's page.

use phf::phf_map;

use super::Element::{Agent, Amount, Contact, Extension, Identifier, Link, Of, Patient, Resource};
use super::{Element, Shape};
use crate::DataClass as D;

type Elements = &'static [(&'static str, Element)];

/// A resource in the patient compartment.
const fn clinical(elements: Elements) -> Shape {
    Shape {
        elements,
        common: true,
    }
}

/// A backbone element, a datatype, or a resource about no patient.
const fn plain(elements: Elements) -> Shape {
    Shape {
        elements,
        common: false,
    }
}

const fn shape(shape: &'static Shape) -> Element {
    Element::Shape(shape)
}

// Datatypes.
static HUMAN_NAME: Shape = plain(&[
    ("text", Of(D::PERSON)),
    ("family", Of(D::PERSON)),
    ("given", Of(D::PERSON)),
    ("extension", Extension),
]);
pub(super) static ADDRESS: Shape = plain(&[
    ("text", Of(D::ADDRESS)),
    ("line", Of(D::ADDRESS)),
    ("city", Of(D::CITY)),
    ("district", Of(D::CITY)),
    ("postalCode", Of(D::POSTAL_CODE)),
    ("extension", Extension),
]);
pub(super) static NARRATIVE: Shape = plain(&[("div", Of(D::NARRATIVE))]);
static ANNOTATION: Shape = plain(&[
    ("text", Of(D::NARRATIVE)),
    ("authorString", Of(D::PERSON)),
    ("authorReference", Agent),
    ("time", Of(D::DATE)),
]);
static ATTACHMENT: Shape = plain(&[
    ("data", Of(D::NARRATIVE)),
    ("url", Of(D::NARRATIVE)),
    ("title", Of(D::NARRATIVE)),
]);
static PHOTO: Shape = plain(&[("data", Of(D::PHOTO)), ("url", Of(D::PHOTO))]);

/// What means the same in every resource of the patient compartment.
pub(super) static COMMON: Elements = &[
    ("subject", Patient),
    ("patient", Patient),
    ("beneficiary", Patient),
    ("subscriber", Patient),
    ("for", Patient),
    ("individual", Patient),
    ("focus", Patient),
    ("performer", Agent),
    ("requester", Agent),
    ("orderer", Agent),
    ("recorder", Agent),
    ("asserter", Agent),
    ("author", Agent),
    ("source", Agent),
    ("informationSource", Agent),
    ("sender", Agent),
    ("recipient", Agent),
    ("receiver", Agent),
    ("participant", Agent),
    ("practitioner", Agent),
    ("enterer", Agent),
    ("provider", Agent),
    ("payor", Agent),
    ("authenticator", Agent),
    ("responsible", Agent),
    ("careTeam", Agent),
    ("actor", Agent),
    ("resultsInterpreter", Agent),
    ("dispenser", Agent),
    ("interpreter", Agent),
    ("note", shape(&ANNOTATION)),
    ("reasonCode", Of(D::CONDITION)),
    ("bodySite", Of(D::CONDITION)),
    ("complication", Of(D::CONDITION)),
    ("medicationCodeableConcept", Of(D::MEDICATION)),
    ("date", Of(D::DATE)),
    ("dateTime", Of(D::DATE)),
    ("period", Of(D::DATE)),
    ("issued", Of(D::DATE)),
    ("created", Of(D::DATE)),
    ("authoredOn", Of(D::DATE)),
    ("recorded", Of(D::DATE)),
    ("recordedDate", Of(D::DATE)),
    ("assertedDate", Of(D::DATE)),
    ("dateAsserted", Of(D::DATE)),
    ("statusDate", Of(D::DATE)),
    ("startDate", Of(D::DATE)),
    ("start", Of(D::DATE)),
    ("end", Of(D::DATE)),
    ("started", Of(D::DATE)),
    ("effectiveDateTime", Of(D::DATE)),
    ("effectivePeriod", Of(D::DATE)),
    ("effectiveInstant", Of(D::DATE)),
    ("occurrenceDateTime", Of(D::DATE)),
    ("occurrencePeriod", Of(D::DATE)),
    ("performedDateTime", Of(D::DATE)),
    ("performedPeriod", Of(D::DATE)),
    ("onsetDateTime", Of(D::DATE)),
    ("onsetPeriod", Of(D::DATE)),
    ("abatementDateTime", Of(D::DATE)),
    ("abatementPeriod", Of(D::DATE)),
    ("lastOccurrence", Of(D::DATE)),
    ("billablePeriod", Of(D::DATE)),
    ("servicedPeriod", Of(D::DATE)),
    ("servicedDate", Of(D::DATE)),
    ("timingDate", Of(D::DATE)),
    ("timingPeriod", Of(D::DATE)),
    ("whenPrepared", Of(D::DATE)),
    ("whenHandedOver", Of(D::DATE)),
    ("receivedTime", Of(D::DATE)),
    ("collectedDateTime", Of(D::DATE)),
    ("expirationDate", Of(D::DATE)),
    ("onsetAge", Amount(D::AGE)),
];

// People.
static CONTACT: Shape = plain(&[
    ("name", shape(&HUMAN_NAME)),
    ("telecom", Contact(D::PHONE)),
    ("address", shape(&ADDRESS)),
    ("gender", Of(D::GENDER)),
]);
static PATIENT: Shape = clinical(&[
    ("id", Of(D::PATIENT_ID)),
    ("identifier", Identifier(D::MRN)),
    ("name", shape(&HUMAN_NAME)),
    ("telecom", Contact(D::PHONE)),
    ("address", shape(&ADDRESS)),
    ("birthDate", Of(D::DOB)),
    ("_birthDate", Element::Extended(D::DOB)),
    ("gender", Of(D::GENDER)),
    ("maritalStatus", Of(D::MARITAL_STATUS)),
    ("deceasedDateTime", Of(D::DATE)),
    ("photo", shape(&PHOTO)),
    ("contact", shape(&CONTACT)),
    ("link", Agent),
    ("generalPractitioner", Agent),
]);
static RELATED_PERSON: Shape = clinical(&[
    ("identifier", Identifier(D::CUSTOMER_ID)),
    ("patient", Patient),
    ("name", shape(&HUMAN_NAME)),
    ("telecom", Contact(D::PHONE)),
    ("address", shape(&ADDRESS)),
    ("birthDate", Of(D::DOB)),
    ("gender", Of(D::GENDER)),
    ("photo", shape(&PHOTO)),
]);
static PERSON: Shape = clinical(&[
    ("identifier", Identifier(D::MRN)),
    ("name", shape(&HUMAN_NAME)),
    ("telecom", Contact(D::PHONE)),
    ("address", shape(&ADDRESS)),
    ("birthDate", Of(D::DOB)),
    ("gender", Of(D::GENDER)),
    ("photo", shape(&PHOTO)),
    ("link", Agent),
]);
static PRACTITIONER: Shape = clinical(&[
    ("identifier", Identifier(D::US_NPI)),
    ("name", shape(&HUMAN_NAME)),
    ("telecom", Contact(D::PHONE)),
    ("address", shape(&ADDRESS)),
    ("birthDate", Of(D::DOB)),
    ("photo", shape(&PHOTO)),
]);

// Clinical records.
static COMPONENT: Shape = plain(&[
    ("code", Of(D::OBSERVATION)),
    ("valueQuantity", Amount(D::OBSERVATION)),
    ("valueRange", Amount(D::OBSERVATION)),
    ("valueRatio", Amount(D::OBSERVATION)),
    ("valueSampledData", Amount(D::OBSERVATION)),
    ("valueCodeableConcept", Of(D::OBSERVATION)),
    ("valueString", Of(D::OBSERVATION)),
    ("valueInteger", Of(D::OBSERVATION)),
    ("valueBoolean", Of(D::OBSERVATION)),
    ("valueDateTime", Of(D::OBSERVATION)),
    ("interpretation", Of(D::OBSERVATION)),
]);
static OBSERVATION: Shape = clinical(&[
    ("code", Of(D::OBSERVATION)),
    ("valueQuantity", Amount(D::OBSERVATION)),
    ("valueRange", Amount(D::OBSERVATION)),
    ("valueRatio", Amount(D::OBSERVATION)),
    ("valueSampledData", Amount(D::OBSERVATION)),
    ("valueCodeableConcept", Of(D::OBSERVATION)),
    ("valueString", Of(D::OBSERVATION)),
    ("valueInteger", Of(D::OBSERVATION)),
    ("valueBoolean", Of(D::OBSERVATION)),
    ("valueDateTime", Of(D::OBSERVATION)),
    ("interpretation", Of(D::OBSERVATION)),
    ("component", shape(&COMPONENT)),
]);
static EVIDENCE: Shape = plain(&[("code", Of(D::CONDITION))]);
static CONDITION: Shape = clinical(&[
    ("code", Of(D::CONDITION)),
    ("evidence", shape(&EVIDENCE)),
    ("onsetString", Of(D::DATE)),
    ("severity", Of(D::CONDITION)),
]);
static ENCOUNTER_LOCATION: Shape = plain(&[("period", Of(D::DATE))]);
static ENCOUNTER: Shape = clinical(&[
    ("type", Of(D::ENCOUNTER)),
    ("serviceType", Of(D::ENCOUNTER)),
    ("location", shape(&ENCOUNTER_LOCATION)),
]);
static DOSAGE: Shape = plain(&[
    ("text", Of(D::MEDICATION)),
    ("patientInstruction", Of(D::MEDICATION)),
    ("asNeededCodeableConcept", Of(D::MEDICATION)),
]);
static MEDICATION: Shape = clinical(&[
    ("dosageInstruction", shape(&DOSAGE)),
    ("dosage", shape(&DOSAGE)),
]);
static REACTION: Shape = plain(&[
    ("manifestation", Of(D::ALLERGY)),
    ("substance", Of(D::ALLERGY)),
    ("description", Of(D::ALLERGY)),
    ("onset", Of(D::DATE)),
]);
static ALLERGY: Shape = clinical(&[("code", Of(D::ALLERGY)), ("reaction", shape(&REACTION))]);
static IMMUNIZATION: Shape = clinical(&[
    ("vaccineCode", Of(D::IMMUNIZATION)),
    ("lotNumber", Of(D::IMMUNIZATION)),
]);
static REPORT: Shape = clinical(&[
    ("code", Of(D::OBSERVATION)),
    ("conclusion", Of(D::NARRATIVE)),
    ("conclusionCode", Of(D::CONDITION)),
    ("presentedForm", shape(&ATTACHMENT)),
]);
static PROCEDURE: Shape = clinical(&[("code", Of(D::PROCEDURE)), ("outcome", Of(D::PROCEDURE))]);
static CONTENT: Shape = plain(&[("attachment", shape(&ATTACHMENT))]);
static DOCUMENT: Shape = clinical(&[
    ("content", shape(&CONTENT)),
    ("description", Of(D::NARRATIVE)),
]);
static SECTION: Shape = plain(&[
    ("text", shape(&NARRATIVE)),
    ("section", shape(&SECTION)),
    ("note", shape(&ANNOTATION)),
]);
static COMPOSITION: Shape = clinical(&[("section", shape(&SECTION))]);
static FAMILY_CONDITION: Shape = plain(&[("code", Of(D::CONDITION)), ("note", shape(&ANNOTATION))]);
static FAMILY: Shape = clinical(&[
    ("condition", shape(&FAMILY_CONDITION)),
    ("name", Of(D::PERSON)),
]);
static ACTIVITY_DETAIL: Shape = clinical(&[
    ("code", Of(D::PROCEDURE)),
    ("description", Of(D::NARRATIVE)),
]);
static ACTIVITY: Shape = plain(&[("detail", shape(&ACTIVITY_DETAIL))]);
static CARE_PLAN: Shape = clinical(&[
    ("activity", shape(&ACTIVITY)),
    ("description", Of(D::NARRATIVE)),
]);
static GOAL: Shape = clinical(&[("description", Of(D::CONDITION))]);
static DEVICE: Shape = clinical(&[
    ("serialNumber", Of(D::DEVICE_ID)),
    ("lotNumber", Of(D::DEVICE_ID)),
    ("distinctIdentifier", Of(D::DEVICE_ID)),
    ("deviceIdentifier", Of(D::DEVICE_ID)),
    ("udiCarrier", shape(&UDI)),
    ("identifier", Identifier(D::DEVICE_ID)),
]);
static UDI: Shape = plain(&[
    ("deviceIdentifier", Of(D::DEVICE_ID)),
    ("carrierHRF", Of(D::DEVICE_ID)),
]);

// Payment for care.
static COVERAGE: Shape = clinical(&[
    ("identifier", Identifier(D::HEALTH_PLAN_ID)),
    ("subscriberId", Of(D::HEALTH_PLAN_ID)),
    ("policyHolder", Patient),
]);
static DIAGNOSIS: Shape = plain(&[("diagnosisCodeableConcept", Of(D::CONDITION))]);
static CLAIM_PROCEDURE: Shape = plain(&[
    ("procedureCodeableConcept", Of(D::PROCEDURE)),
    ("date", Of(D::DATE)),
]);
static ITEM: Shape = plain(&[
    ("productOrService", Of(D::PROCEDURE)),
    ("servicedPeriod", Of(D::DATE)),
    ("servicedDate", Of(D::DATE)),
    ("detail", shape(&ITEM)),
    ("subDetail", shape(&ITEM)),
    ("bodySite", Of(D::CONDITION)),
    ("encounter", Agent),
]);
static CLAIM: Shape = clinical(&[
    ("diagnosis", shape(&DIAGNOSIS)),
    ("procedure", shape(&CLAIM_PROCEDURE)),
    ("item", shape(&ITEM)),
]);

// Resources that hold others.
static ENTRY: Shape = plain(&[("resource", Resource), ("fullUrl", Link(D::PATIENT_ID))]);
static BUNDLE: Shape = plain(&[("entry", shape(&ENTRY))]);
static PARAMETER: Shape = plain(&[("resource", Resource), ("part", shape(&PARAMETER))]);
static PARAMETERS: Shape = plain(&[("parameter", shape(&PARAMETER))]);

static OTHER: Shape = clinical(&[("code", Of(D::PROCEDURE))]);
static HEADER: Shape = clinical(&[]);
static NEUTRAL: Shape = plain(&[]);

/// Resource types; those about no patient are known too, so that their references are.
pub(super) static RESOURCES: phf::Map<&'static str, &'static Shape> = phf_map! {
    "Patient" => &PATIENT,
    "RelatedPerson" => &RELATED_PERSON,
    "Person" => &PERSON,
    "Practitioner" => &PRACTITIONER,
    "Observation" => &OBSERVATION,
    "Condition" => &CONDITION,
    "Encounter" | "EpisodeOfCare" => &ENCOUNTER,
    "MedicationRequest" | "MedicationStatement" | "MedicationAdministration" | "MedicationDispense" => &MEDICATION,
    "AllergyIntolerance" => &ALLERGY,
    "Immunization" | "ImmunizationEvaluation" | "ImmunizationRecommendation" => &IMMUNIZATION,
    "DiagnosticReport" => &REPORT,
    "Procedure" => &PROCEDURE,
    "Coverage" => &COVERAGE,
    "Claim" | "ExplanationOfBenefit" | "ClaimResponse" => &CLAIM,
    "DocumentReference" | "Media" | "Communication" => &DOCUMENT,
    "Composition" => &COMPOSITION,
    "FamilyMemberHistory" => &FAMILY,
    "CarePlan" => &CARE_PLAN,
    "Goal" => &GOAL,
    "Device" => &DEVICE,
    "Bundle" => &BUNDLE,
    "Parameters" => &PARAMETERS,
    "ServiceRequest" | "DeviceRequest" | "NutritionOrder" | "ClinicalImpression" | "DetectedIssue"
    | "RiskAssessment" | "Task" => &OTHER,
    "CareTeam" | "Consent" | "Appointment" | "AppointmentResponse" | "Specimen" | "ImagingStudy"
    | "MolecularSequence" | "MessageHeader" | "CoverageEligibilityRequest" | "CoverageEligibilityResponse"
    | "QuestionnaireResponse" | "Provenance" | "AuditEvent" | "Account" | "Flag" | "List" | "Group"
    | "AdverseEvent" | "BodyStructure" | "ChargeItem" | "CommunicationRequest" | "Contract"
    | "DeviceUseStatement" | "EnrollmentRequest" | "GuidanceResponse" | "Invoice" | "RequestGroup"
    | "ResearchSubject" | "Schedule" | "SupplyDelivery" | "SupplyRequest" | "VisionPrescription"
    | "Basic" => &HEADER,
    "Organization" | "Location" | "PractitionerRole" | "Medication" | "Substance" | "Binary"
    | "CapabilityStatement" | "CodeSystem" | "ValueSet" | "ConceptMap" | "StructureDefinition"
    | "OperationOutcome" | "Questionnaire" | "Endpoint" | "HealthcareService" | "Slot"
    | "SearchParameter" | "Subscription" | "Library" | "Measure" | "MeasureReport" | "PlanDefinition"
    | "ActivityDefinition" | "NamingSystem" | "ImplementationGuide" => &NEUTRAL,
};

/// What an identifier is, by a part of its system. The second OID is the root of driver's licences
/// of the US states.
pub(super) static IDENTIFIERS: &[(&str, D)] = &[
    ("us-ssn", D::US_SSN),
    ("2.16.840.1.113883.4.1", D::US_SSN),
    ("2.16.840.1.113883.4.3", D::US_DRIVER_LICENSE),
    ("us-npi", D::US_NPI),
    ("us-mbi", D::US_MBI),
    ("assport", D::US_PASSPORT),
    ("synthetichealth/synthea", D::PATIENT_ID),
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
