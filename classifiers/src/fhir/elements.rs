//! The tables of resource types and their elements.
//!
//! After HL7 FHIR R4 (4.0.1): the patient compartment definition and each resource's page.

use phf::phf_map;

use super::Element::{
    Agent, Amount, Backbone, Contact, Extension, Identifier, Link, Of, Patient, Resource,
};
use super::{Element, Filter, Shape};
use crate::DataClass as D;

type Elements = &'static [(&'static str, Element)];

/// A resource in the patient compartment.
const fn clinical(elements: Elements) -> Shape {
    Shape {
        elements,
        common: true,
        filter: Filter::of(elements),
    }
}

/// A backbone element, a datatype, or a resource about no patient.
const fn plain(elements: Elements) -> Shape {
    Shape {
        elements,
        common: false,
        filter: Filter::of(elements),
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

/// What means the same in every resource of the patient compartment, and in their backbone elements.
pub(super) static COMMON: Shape = clinical(&[
    ("subject", Patient),
    ("patient", Patient),
    ("beneficiary", Patient),
    ("subscriber", Patient),
    ("for", Patient),
    ("individual", Patient),
    ("candidate", Patient),
    ("sourcePatientInfo", Patient),
    ("deliverFor", Patient),
    ("policyHolder", Patient),
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
    ("who", Agent),
    ("party", Agent),
    ("member", Agent),
    ("entity", Agent),
    ("onBehalfOf", Agent),
    ("verifiedWith", Agent),
    ("signer", Agent),
    ("operator", Agent),
    ("assessor", Agent),
    ("investigator", Agent),
    ("collector", Agent),
    ("supplier", Agent),
    ("owner", Agent),
    ("reporter", Agent),
    ("careManager", Agent),
    ("prescriber", Agent),
    ("insurer", Agent),
    ("guarantor", Agent),
    ("attester", Agent),
    ("agent", Agent),
    ("verifier", Agent),
    ("witness", Agent),
    ("target", Agent),
    ("focus", Agent),
    ("basis", Agent),
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
    ("effectiveDate", Of(D::DATE)),
    ("occurrenceDateTime", Of(D::DATE)),
    ("occurrencePeriod", Of(D::DATE)),
    ("occurredDateTime", Of(D::DATE)),
    ("occurredPeriod", Of(D::DATE)),
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
    ("timingDateTime", Of(D::DATE)),
    ("whenPrepared", Of(D::DATE)),
    ("whenHandedOver", Of(D::DATE)),
    ("receivedTime", Of(D::DATE)),
    ("collectedDateTime", Of(D::DATE)),
    ("collectedPeriod", Of(D::DATE)),
    ("expirationDate", Of(D::DATE)),
    ("servicePeriod", Of(D::DATE)),
    ("detected", Of(D::DATE)),
    ("identifiedDateTime", Of(D::DATE)),
    ("identifiedPeriod", Of(D::DATE)),
    ("sent", Of(D::DATE)),
    ("received", Of(D::DATE)),
    ("dateWritten", Of(D::DATE)),
    ("executionPeriod", Of(D::DATE)),
    ("lastModified", Of(D::DATE)),
    ("when", Of(D::DATE)),
    ("whenPeriod", Of(D::DATE)),
    ("requestedPeriod", Of(D::DATE)),
    ("authored", Of(D::DATE)),
    ("dueDate", Of(D::DATE)),
    ("enteredDate", Of(D::DATE)),
    ("recordedOn", Of(D::DATE)),
    ("verificationDate", Of(D::DATE)),
    ("scheduledPeriod", Of(D::DATE)),
    ("benefitPeriod", Of(D::DATE)),
    ("validityPeriod", Of(D::DATE)),
    ("boundsPeriod", Of(D::DATE)),
    ("bornDate", Of(D::DATE)),
    ("bornPeriod", Of(D::DATE)),
    ("deceasedDate", Of(D::DATE)),
    ("deceasedDateTime", Of(D::DATE)),
    ("plannedStartDate", Of(D::DATE)),
    ("plannedEndDate", Of(D::DATE)),
    ("actualPeriod", Of(D::DATE)),
    ("presentationDate", Of(D::DATE)),
    ("nextAppointment", Of(D::DATE)),
    ("time", Of(D::DATE)),
    ("timeDateTime", Of(D::DATE)),
    ("timePeriod", Of(D::DATE)),
    ("appliesPeriod", Of(D::DATE)),
    ("paymentDate", Of(D::DATE)),
    ("createdDateTime", Of(D::DATE)),
    ("createdPeriod", Of(D::DATE)),
    ("statusReasonDate", Of(D::DATE)),
    ("reasonCode", Of(D::CONDITION)),
    ("reason", Of(D::CONDITION)),
    ("bodySite", Of(D::CONDITION)),
    ("complication", Of(D::CONDITION)),
    ("diagnosisCodeableConcept", Of(D::CONDITION)),
    ("itemCodeableConcept", Of(D::CONDITION)),
    ("targetDisease", Of(D::CONDITION)),
    ("finding", Of(D::CONDITION)),
    ("note", shape(&ANNOTATION)),
    ("medicationCodeableConcept", Of(D::MEDICATION)),
    ("medication", Of(D::MEDICATION)),
    ("procedureCodeableConcept", Of(D::PROCEDURE)),
    ("productOrService", Of(D::PROCEDURE)),
    ("procedureCode", Of(D::PROCEDURE)),
    ("vaccineCode", Of(D::IMMUNIZATION)),
    ("onsetAge", Amount(D::AGE)),
    ("deceasedAge", Amount(D::AGE)),
    ("ageAge", Amount(D::AGE)),
    ("meta", Element::Loose),
    ("repeat", Element::Loose),
    ("coding", Element::Loose),
    ("contentString", Of(D::NARRATIVE)),
    ("patientInstruction", Of(D::NARRATIVE)),
]);

// People.
static CONTACT: Shape = plain(&[
    ("name", shape(&HUMAN_NAME)),
    ("telecom", Contact(D::PHONE)),
    ("address", shape(&ADDRESS)),
    ("gender", Of(D::GENDER)),
]);
static PATIENT: Shape = clinical(&[
    ("id", Of(D::PATIENT_ID)),
    ("identifier", Identifier(D::PATIENT_ID)),
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
static ENCOUNTER: Shape = clinical(&[
    ("type", Of(D::ENCOUNTER)),
    ("serviceType", Of(D::ENCOUNTER)),
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
    ("recommendation", Backbone),
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
    ("class", shape(&COVERAGE_CLASS)),
]);
static COVERAGE_CLASS: Shape = plain(&[("value", Of(D::HEALTH_PLAN_ID))]);
// Resources that hold others.
static ENTRY: Shape = plain(&[("resource", Resource), ("fullUrl", Link(D::PATIENT_ID))]);
static BUNDLE: Shape = plain(&[("entry", shape(&ENTRY))]);
static PARAMETER: Shape = plain(&[("resource", Resource), ("part", shape(&PARAMETER))]);
static PARAMETERS: Shape = plain(&[("parameter", shape(&PARAMETER))]);

// What the rest has beside the common elements.
static OTHER: Shape = clinical(&[
    ("code", Of(D::PROCEDURE)),
    ("description", Of(D::NARRATIVE)),
]);
static REQUESTED_DEVICE: Shape = clinical(&[("codeCodeableConcept", Of(D::PROCEDURE))]);
static ISSUE: Shape = clinical(&[("code", Of(D::CONDITION)), ("detail", Of(D::NARRATIVE))]);
static FLAG: Shape = clinical(&[("code", Of(D::CONDITION))]);
static ADVERSE_EVENT: Shape =
    clinical(&[("event", Of(D::CONDITION)), ("outcome", Of(D::CONDITION))]);
static IMPRESSION: Shape = clinical(&[
    ("code", Of(D::CONDITION)),
    ("description", Of(D::NARRATIVE)),
    ("summary", Of(D::NARRATIVE)),
    ("prognosisCodeableConcept", Of(D::CONDITION)),
]);
static RISK_PREDICTION: Shape = clinical(&[
    ("outcome", Of(D::CONDITION)),
    ("rationale", Of(D::NARRATIVE)),
]);
static RISK: Shape = clinical(&[
    ("code", Of(D::CONDITION)),
    ("prediction", shape(&RISK_PREDICTION)),
    ("mitigation", Of(D::NARRATIVE)),
]);
static BODY: Shape = clinical(&[
    ("location", Of(D::CONDITION)),
    ("morphology", Of(D::CONDITION)),
    ("description", Of(D::NARRATIVE)),
]);
static IMAGE_SERIES: Shape = clinical(&[("description", Of(D::PROCEDURE))]);
static IMAGING: Shape = clinical(&[
    ("description", Of(D::PROCEDURE)),
    ("series", shape(&IMAGE_SERIES)),
]);
static APPOINTMENT: Shape = clinical(&[
    ("serviceType", Of(D::ENCOUNTER)),
    ("appointmentType", Of(D::ENCOUNTER)),
    ("description", Of(D::NARRATIVE)),
    ("comment", Of(D::NARRATIVE)),
]);
static ANSWER: Shape = clinical(&[
    ("valueString", Of(D::OBSERVATION)),
    ("valueCoding", Of(D::OBSERVATION)),
    ("valueQuantity", Amount(D::OBSERVATION)),
    ("valueInteger", Of(D::OBSERVATION)),
    ("valueDecimal", Of(D::OBSERVATION)),
    ("valueDate", Of(D::DATE)),
    ("valueDateTime", Of(D::DATE)),
    ("valueReference", Agent),
    ("item", shape(&QUESTION)),
]);
static QUESTION: Shape = plain(&[("answer", shape(&ANSWER)), ("item", shape(&QUESTION))]);
static RESPONSE: Shape = clinical(&[("item", shape(&QUESTION))]);
static DIET: Shape = plain(&[
    ("type", Of(D::PROCEDURE)),
    ("instruction", Of(D::NARRATIVE)),
]);
static NUTRITION: Shape = clinical(&[
    ("oralDiet", shape(&DIET)),
    ("foodPreferenceModifier", Of(D::NRP)),
    ("excludeFoodModifier", Of(D::ALLERGY)),
]);
static SEQUENCE: Shape = clinical(&[
    ("variant", Element::Loose),
    ("quality", Element::Loose),
    ("referenceSeq", Element::Loose),
    ("repository", Element::Loose),
    ("structureVariant", Element::Loose),
]);
static CHARGE: Shape = clinical(&[("code", Of(D::PROCEDURE))]);
static AUDIT_NETWORK: Shape = plain(&[("address", Of(D::IP))]);
static AUDIT_AGENT: Shape = clinical(&[
    ("name", Of(D::PERSON)),
    ("altId", Of(D::USERNAME)),
    ("network", shape(&AUDIT_NETWORK)),
]);
static AUDIT: Shape = clinical(&[("agent", shape(&AUDIT_AGENT))]);
static ROLE: Shape = plain(&[("practitioner", Agent), ("telecom", Contact(D::PHONE))]);
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
    "DocumentReference" | "DocumentManifest" | "Media" | "Communication" | "CommunicationRequest" => &DOCUMENT,
    "Composition" => &COMPOSITION,
    "FamilyMemberHistory" => &FAMILY,
    "CarePlan" | "RequestGroup" | "RequestOrchestration" => &CARE_PLAN,
    "Goal" => &GOAL,
    "Device" => &DEVICE,
    "Bundle" => &BUNDLE,
    "Parameters" => &PARAMETERS,
    "ServiceRequest" | "Task" => &OTHER,
    "DeviceRequest" => &REQUESTED_DEVICE,
    "DetectedIssue" => &ISSUE,
    "Flag" => &FLAG,
    "AdverseEvent" => &ADVERSE_EVENT,
    "ClinicalImpression" => &IMPRESSION,
    "RiskAssessment" => &RISK,
    "BodyStructure" => &BODY,
    "ImagingStudy" | "ImagingSelection" => &IMAGING,
    "Appointment" | "AppointmentResponse" => &APPOINTMENT,
    "QuestionnaireResponse" => &RESPONSE,
    "NutritionOrder" | "NutritionIntake" => &NUTRITION,
    "ChargeItem" => &CHARGE,
    "MolecularSequence" => &SEQUENCE,
    "AuditEvent" => &AUDIT,
    "PractitionerRole" => &ROLE,
    "Claim" | "ExplanationOfBenefit" | "ClaimResponse" | "CareTeam" | "Consent" | "Specimen" | "MessageHeader"
    | "CoverageEligibilityRequest" | "CoverageEligibilityResponse" | "Provenance" | "Account" | "List" | "Group"
    | "Contract" | "DeviceUseStatement" | "DeviceUsage" | "DeviceDispense" | "EnrollmentRequest" | "EnrollmentResponse"
    | "GuidanceResponse" | "Invoice" | "PaymentNotice" | "PaymentReconciliation" | "ResearchSubject" | "Schedule"
    | "SupplyDelivery" | "SupplyRequest" | "VisionPrescription" | "GenomicStudy" | "InventoryReport" | "Transport"
    | "Basic" => &HEADER,
    "Organization" | "Location" | "Medication" | "Substance" | "Binary"
    | "CapabilityStatement" | "CodeSystem" | "ValueSet" | "ConceptMap" | "StructureDefinition"
    | "OperationOutcome" | "Questionnaire" | "Endpoint" | "HealthcareService" | "Slot"
    | "SearchParameter" | "Subscription" | "Library" | "Measure" | "MeasureReport" | "PlanDefinition"
    | "ActivityDefinition" | "NamingSystem" | "ImplementationGuide" => &NEUTRAL,
};
