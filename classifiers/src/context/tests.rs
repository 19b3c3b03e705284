use crate::{Context, DataClass as D, Finding, KeyCache, ValueKind, classify_value};

/// The class found for the value at each leaf of a JSON text, walked in order.
fn classes(json: &str) -> Vec<(String, D)> {
    let mut walk = Walk::default();
    let mut parser = json_event_parser::SliceJsonParser::new(json.as_bytes());
    walk.value(&mut Context::root(), "", &mut parser);
    walk.found
}

#[derive(Default)]
struct Walk {
    cache: KeyCache,
    found: Vec<(String, D)>,
}

impl Walk {
    fn value(
        &mut self,
        context: &mut Context,
        path: &str,
        parser: &mut json_event_parser::SliceJsonParser<'_>,
    ) {
        let event = parser.parse_next().unwrap();
        self.event(context, path, event, parser);
    }

    fn event(
        &mut self,
        context: &mut Context,
        path: &str,
        event: json_event_parser::JsonEvent<'_>,
        parser: &mut json_event_parser::SliceJsonParser<'_>,
    ) -> Option<String> {
        use json_event_parser::JsonEvent;
        let (kind, text) = match event {
            JsonEvent::String(text) => (ValueKind::Text, text.into_owned()),
            JsonEvent::Number(text) => (ValueKind::Number, text.into_owned()),
            JsonEvent::StartObject => {
                self.object(context, path, parser);
                return None;
            }
            JsonEvent::StartArray => {
                self.array(context, path, parser);
                return None;
            }
            _ => return None,
        };
        let mut findings: Vec<Finding> = Vec::new();
        classify_value(context, kind, text.as_bytes(), &mut findings);
        self.found.extend(
            findings
                .iter()
                .map(|finding| (path.to_owned(), finding.class)),
        );
        Some(text).filter(|_| kind == ValueKind::Text)
    }

    fn object(
        &mut self,
        context: &mut Context,
        path: &str,
        parser: &mut json_event_parser::SliceJsonParser<'_>,
    ) {
        use json_event_parser::JsonEvent;
        while let JsonEvent::ObjectKey(name) = parser.parse_next().unwrap() {
            let name = name.into_owned();
            let mut member = context.member(name.as_bytes(), &mut self.cache);
            let event = parser.parse_next().unwrap();
            let text = self.event(&mut member, &format!("{path}/{name}"), event, parser);
            if let Some(text) = text.filter(|_| member.is_discriminator()) {
                context.observe(&member, text.as_bytes(), &mut self.cache);
            }
        }
    }

    fn array(
        &mut self,
        context: &Context,
        path: &str,
        parser: &mut json_event_parser::SliceJsonParser<'_>,
    ) {
        use json_event_parser::JsonEvent;
        for place in 0.. {
            let event = parser.parse_next().unwrap();
            if event == JsonEvent::EndArray {
                return;
            }
            self.event(
                &mut context.element(),
                &format!("{path}/{place}"),
                event,
                parser,
            );
        }
    }
}

#[track_caller]
fn check(json: &str, expected: &[(&str, D)]) {
    let found = classes(json);
    let found: Vec<(&str, D)> = found
        .iter()
        .map(|(path, class)| (path.as_str(), *class))
        .collect();
    assert_eq!(found, expected, "{json}");
}

#[test]
fn a_name_is_a_persons_if_its_object_is() {
    check(
        r#"{"customer":{"name":"Ann Lee","id":"C-771","number":"771-20"}}"#,
        &[
            ("/customer/name", D::PERSON),
            ("/customer/number", D::CUSTOMER_ID),
        ],
    );
    check(
        r#"{"company":{"name":"Acme Ltd","address":{"city":"Bonn"}}}"#,
        &[],
    );
    check(r#"{"name":"left-pad","version":"1.3.0"}"#, &[]);
    check(
        r#"{"type":"user","name":"Ann Lee"}"#,
        &[("/name", D::PERSON)],
    );
    check(
        r#"{"email":"a@b.example","name":"Ann"}"#,
        &[("/email", D::EMAIL), ("/name", D::PERSON)],
    );
}

#[test]
fn wrappers_and_arrays_hand_the_meaning_down() {
    check(
        r#"{"customer":{"data":{"name":"Ann"}},"phones":["030 1234567"],"name":{"first":"Ann"}}"#,
        &[
            ("/customer/data/name", D::PERSON),
            ("/phones/0", D::PHONE),
            ("/name/first", D::PERSON),
        ],
    );
    check(
        r#"{"email":{"address":"not given"},"phone":{"type":"home","value":"5550100"}}"#,
        &[("/phone/value", D::PHONE)],
    );
}

#[test]
fn a_label_tells_what_the_value_beside_it_is() {
    check(
        r#"[{"name":"ssn","value":"999-12-3456"}]"#,
        &[("/0/value", D::US_SSN)],
    );
    check(
        r#"{"type":"passport","number":"C01X00T47"}"#,
        &[("/number", D::US_PASSPORT)],
    );
    check(r#"{"name":"colour","value":"999-12-3456"}"#, &[]);
}

#[test]
fn a_card_gives_its_number_and_name_meaning() {
    check(
        r#"{"card":{"number":"4111111111111111","cvc":"123","name":"A LEE","expiryMonth":3}}"#,
        &[
            ("/card/number", D::PAN),
            ("/card/cvc", D::CVV),
            ("/card/name", D::CARDHOLDER),
            ("/card/expiryMonth", D::EXPIRY),
        ],
    );
}

#[test]
fn a_patient_is_read_by_element() {
    check(
        r#"{"resourceType":"Patient","id":"p1","identifier":[
            {"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-12-3456"},
            {"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"urn:oid:1.2.3","value":"48213"},{"value":"7"}],
            "name":[{"family":"Lee","given":["Ann"]}],"telecom":[{"system":"email","value":"a@b.example"}],
            "address":[{"line":["1 Main St"],"city":"Bonn","postalCode":"53111"}],"birthDate":"1970-01-01"}"#,
        &[
            ("/id", D::PATIENT_ID),
            ("/identifier/0/value", D::US_SSN),
            ("/identifier/1/value", D::MRN),
            ("/identifier/2/value", D::PATIENT_ID),
            ("/name/0/family", D::PERSON),
            ("/name/0/given/0", D::PERSON),
            ("/telecom/0/value", D::EMAIL),
            ("/address/0/line/0", D::ADDRESS),
            ("/address/0/city", D::CITY),
            ("/address/0/postalCode", D::POSTAL_CODE),
            ("/birthDate", D::DOB),
        ],
    );
}

#[test]
fn bundles_and_contained_resources_switch_the_type() {
    check(
        r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Condition",
            "code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9","display":"Type 2 diabetes"}]},
            "subject":{"reference":"Patient/p1"},
            "contained":[{"resourceType":"Practitioner","name":[{"family":"Roe"}]}]}}]}"#,
        &[
            ("/entry/0/resource/code/coding/0/code", D::ICD10),
            ("/entry/0/resource/code/coding/0/display", D::CONDITION),
            ("/entry/0/resource/subject/reference", D::PATIENT_REF),
            ("/entry/0/resource/contained/0/name/0/family", D::PERSON),
        ],
    );
}

#[test]
fn quantities_give_their_number_and_not_their_unit() {
    check(
        r#"{"resourceType":"Observation","valueQuantity":{"value":7.2,"unit":"mmol/l","system":"http://unitsofmeasure.org"}}"#,
        &[("/valueQuantity/value", D::OBSERVATION)],
    );
}

#[test]
fn a_late_resource_type_falls_back_to_the_generic_rules() {
    check(
        r#"{"birthDate":"1970-01-01","gender":"male","resourceType":"Patient","id":"p1"}"#,
        &[
            ("/birthDate", D::DOB),
            ("/gender", D::GENDER),
            ("/id", D::PATIENT_ID),
        ],
    );
}

#[test]
fn us_core_extensions_say_what_they_hold() {
    check(
        r#"{"resourceType":"Patient","extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity",
            "extension":[{"url":"text","valueString":"Not Hispanic or Latino"}]}]}"#,
        &[("/extension/0/extension/0/valueString", D::ETHNICITY)],
    );
}

#[test]
fn an_element_is_hidden_whatever_its_value_looks_like() {
    check(
        r#"{"resourceType":"Patient","birthDate":"[see file]","telecom":[{"value":"ask at the desk"}]}"#,
        &[("/birthDate", D::DOB), ("/telecom/0/value", D::PHONE)],
    );
}

mod vendors;
