//! How fast values are classified, in bytes of the JSON they come from. Parsing is not counted: the
//! document is read into events once, and the bench replays them as a walker would.

use classifiers::{Context, Finding, KeyCache, ValueKind, classify_value};
use divan::counter::BytesCount;
use json_event_parser::{JsonEvent, SliceJsonParser};

fn main() {
    divan::main();
}

/// One step of a walk.
enum Step {
    Open,
    Close,
    Name(Vec<u8>),
    Element,
    Value(ValueKind, Vec<u8>),
}

const RECORDS: usize = 200;

/// An order: mostly ids, amounts, dates and short words.
const ORDER: &str = r#"{"id":"ord_01HV3Z9Q7T","object":"order","status":"shipped","currency":"eur",
"created_at":"2025-11-03T09:12:44Z","updated_at":"2025-11-04T10:00:00Z","amount":4990,"tax":798,"livemode":true,
"lines":[{"sku":"TX-4410","title":"Desk lamp, brushed steel","quantity":1,"price":4990,"tags":["home","light"],
"url":"https://shop.example/p/desk-lamp?ref=newsletter","description":"A lamp for long evenings; warm light, dims to two per cent."}],
"tracking":"1Z999AA10123456784","warehouse":"north-2","checksum":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"}"#;

/// A customer: every other value is personal.
const CUSTOMER: &str = r#"{"id":"C-771","customer":{"name":"Ann Lee","email":"ann.lee@example.com",
"phone":"+49 30 901820","address":{"line1":"Hauptstr. 5","city":"Berlin","postal_code":"10827","country":"DE"}},
"plan":"gold","since":"2021-04-01","notes":"Prefers e-mail; called from +49 30 901820 about card 4111 1111 1111 1111."}"#;

/// A FHIR observation.
const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"o1","status":"final",
"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}],"text":"Heart rate"},
"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2025-11-03T09:12:44Z",
"valueQuantity":{"value":72,"unit":"beats/minute","system":"http://unitsofmeasure.org","code":"/min"}}"#;

#[divan::bench(args = ["order", "customer", "fhir"])]
fn records(bencher: divan::Bencher<'_, '_>, name: &str) {
    let record = match name {
        "order" => ORDER,
        "customer" => CUSTOMER,
        _ => OBSERVATION,
    };
    let document = format!("[{}]", vec![record; RECORDS].join(","));
    let steps = steps(&document);
    let mut cache = KeyCache::new();
    let mut findings = Vec::new();
    bencher
        .counter(BytesCount::of_str(&document))
        .bench_local(|| {
            findings.clear();
            replay(&steps, &mut cache, &mut findings);
            findings.len()
        });
}

/// Prose of one value, a note or an answer of a model.
#[divan::bench]
fn prose(bencher: divan::Bencher<'_, '_>) {
    let text =
        "The lamp arrived on time and dims well, but the switch hums at night. ".repeat(1000);
    let mut findings = Vec::new();
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        findings.clear();
        classify_value(
            &Context::root(),
            ValueKind::Text,
            text.as_bytes(),
            &mut findings,
        );
        findings.len()
    });
}

fn replay(steps: &[Step], cache: &mut KeyCache, findings: &mut Vec<Finding>) {
    let mut stack = Vec::new();
    let mut parent = Context::root();
    let mut context = Context::root();
    let mut member = false;
    for step in steps {
        match step {
            Step::Open => {
                stack.push(parent);
                parent = context;
            }
            Step::Close => parent = stack.pop().unwrap_or_else(Context::root),
            Step::Name(name) => context = parent.member(name, cache),
            Step::Element => context = parent.element(),
            Step::Value(kind, value) => {
                if member && context.is_discriminator() {
                    parent.observe(&context, value, cache);
                }
                classify_value(&context, *kind, value, findings);
            }
        }
        member = matches!(step, Step::Name(_));
    }
}

fn steps(document: &str) -> Vec<Step> {
    let mut parser = SliceJsonParser::new(document.as_bytes());
    let mut steps = Vec::new();
    let mut arrays = Vec::new();
    let mut after_name = false;
    while let Ok(event) = parser.parse_next() {
        let closes = matches!(
            event,
            JsonEvent::EndArray | JsonEvent::EndObject | JsonEvent::Eof
        );
        if !closes && !after_name && arrays.last() == Some(&true) {
            steps.push(Step::Element);
        }
        after_name = matches!(event, JsonEvent::ObjectKey(_));
        steps.push(match event {
            JsonEvent::StartObject | JsonEvent::StartArray => {
                arrays.push(event == JsonEvent::StartArray);
                Step::Open
            }
            JsonEvent::EndObject | JsonEvent::EndArray => {
                arrays.pop();
                Step::Close
            }
            JsonEvent::ObjectKey(name) => Step::Name(name.into_owned().into_bytes()),
            JsonEvent::String(text) => Step::Value(ValueKind::Text, text.into_owned().into_bytes()),
            JsonEvent::Number(text) => {
                Step::Value(ValueKind::Number, text.into_owned().into_bytes())
            }
            JsonEvent::Boolean(value) => {
                Step::Value(ValueKind::Bool, value.to_string().into_bytes())
            }
            JsonEvent::Null => continue,
            JsonEvent::Eof => break,
        });
    }
    steps
}
