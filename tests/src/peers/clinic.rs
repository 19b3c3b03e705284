//! A clinic that speaks FHIR R4 (HL7, <https://hl7.org/fhir/R4/>).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Path, Query, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use crate::people::{Dice, Home, Person, provider_number};

/// Patients have ids from `p-001` to `p-400`.
pub const PATIENTS: u64 = 400;

struct Clinic {
    patients: BTreeMap<String, Value>,
    observations: BTreeMap<String, Vec<Value>>,
}

/// The service, with data from `seed`, in the country `home`.
pub fn router(seed: u64, home: Home) -> Router {
    let clinic = Arc::new(Clinic {
        patients: (1..=PATIENTS)
            .map(|n| (patient_id(n), patient(seed, n, home)))
            .collect(),
        observations: (1..=PATIENTS)
            .map(|n| (patient_id(n), observations(seed, n)))
            .collect(),
    });
    Router::new()
        .route("/fhir/Patient", get(search))
        .route("/fhir/Patient/{patient}", get(read))
        .route("/fhir/Observation", get(observed))
        .with_state(clinic)
}

/// The person behind patient `number`.
pub fn person(seed: u64, number: u64, home: Home) -> Person {
    Person::made_by(&mut Dice::new(seed ^ (number << 24)), home)
}

fn patient_id(number: u64) -> String {
    format!("p-{number:03}")
}

fn patient(seed: u64, number: u64, home: Home) -> Value {
    let person = person(seed, number, home);
    let mut identifiers = vec![json!({
        "use": "usual",
        "type": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"
        }] },
        "system": "urn:oid:2.999.1",
        "value": format!("MRN{:07}", 4_000_000 + number * 17),
    })];
    if home == Home::Us {
        identifiers
            .push(json!({ "system": "http://hl7.org/fhir/sid/us-ssn", "value": person.ssn }));
    }
    json!({
        "resourceType": "Patient",
        "id": patient_id(number),
        "meta": { "versionId": "1" },
        "active": true,
        "identifier": identifiers,
        "name": [{ "use": "official", "family": person.family, "given": [person.given] }],
        "telecom": [
            { "system": "phone", "value": person.phone, "use": "mobile" },
            { "system": "email", "value": person.email },
        ],
        "gender": person.gender,
        "birthDate": person.born,
        "address": [{
            "use": "home",
            "line": [person.street],
            "city": person.city,
            "postalCode": person.postal_code,
            "country": person.home.code(),
        }],
        "generalPractitioner": [{ "identifier": {
            "system": "http://hl7.org/fhir/sid/us-npi",
            "value": provider_number(&mut Dice::new(seed ^ number)),
        } }],
    })
}

fn observations(seed: u64, number: u64) -> Vec<Value> {
    let mut dice = Dice::new(seed.rotate_left(7) ^ number);
    (1..=3)
        .map(|index| observation(&mut dice, number, index))
        .collect()
}

fn observation(dice: &mut Dice, number: u64, index: u64) -> Value {
    json!({
        "resourceType": "Observation",
        "id": format!("o-{number:03}-{index}"),
        "status": "final",
        "code": { "coding": [{
            "system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"
        }] },
        "subject": { "reference": format!("Patient/{}", patient_id(number)) },
        "effectiveDateTime": format!("2026-0{index}-14T08:30:00Z"),
        "valueQuantity": { "value": dice.between(52, 118), "unit": "beats/minute" },
    })
}

async fn read(State(clinic): State<Arc<Clinic>>, Path(patient): Path<String>) -> Response {
    match clinic.patients.get(&patient) {
        Some(found) => fhir(StatusCode::OK, found),
        None => fhir(StatusCode::NOT_FOUND, &outcome("not-found")),
    }
}

async fn search(
    State(clinic): State<Arc<Clinic>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let wanted = query
        .get("name")
        .map(|name| name.to_lowercase())
        .unwrap_or_default();
    let matches = clinic.patients.values().filter(|patient| {
        let family = patient
            .pointer("/name/0/family")
            .and_then(Value::as_str)
            .unwrap_or_default();
        family.to_lowercase().contains(&wanted)
    });
    fhir(StatusCode::OK, &bundle(matches))
}

async fn observed(
    State(clinic): State<Arc<Clinic>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let patient = query.get("patient").map(String::as_str).unwrap_or_default();
    let found = clinic
        .observations
        .get(patient)
        .map(Vec::as_slice)
        .unwrap_or_default();
    fhir(StatusCode::OK, &bundle(found.iter()))
}

fn bundle<'a>(resources: impl Iterator<Item = &'a Value>) -> Value {
    let entries: Vec<_> = resources
        .map(|resource| json!({ "resource": resource }))
        .collect();
    json!({
        "resourceType": "Bundle",
        "type": "searchset",
        "total": entries.len(),
        "entry": entries,
    })
}

fn outcome(code: &str) -> Value {
    json!({ "resourceType": "OperationOutcome", "issue": [{ "severity": "error", "code": code }] })
}

fn fhir(status: StatusCode, resource: &Value) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/fhir+json")],
        resource.to_string(),
    )
        .into_response()
}
