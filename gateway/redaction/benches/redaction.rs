//! What looking costs, beside what `serde_json` takes to skip the same bytes.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use classifiers::DataClass;
use classifiers::media::json::{Scalar, Token, Visitor, Walker};
use divan::Bencher;
use divan::counter::BytesCount;
use redaction::{Action, Output, Pseudonyms, Redactor, Workspace};

fn main() {
    divan::main();
}

/// The documents that are measured.
#[derive(Debug)]
enum Sample {
    Clean16k,
    Dense16k,
    Clean256k,
    Dense256k,
}

const SAMPLES: [Sample; 4] = [
    Sample::Clean16k,
    Sample::Dense16k,
    Sample::Clean256k,
    Sample::Dense256k,
];

impl Sample {
    fn document(&self) -> Bytes {
        let (length, dense) = match self {
            Self::Clean16k => (16 << 10, false),
            Self::Dense16k => (16 << 10, true),
            Self::Clean256k => (256 << 10, false),
            Self::Dense256k => (256 << 10, true),
        };
        let mut text = String::from("{\"data\":[");
        for n in 0.. {
            text.push_str(if n > 0 { "," } else { "" });
            if dense {
                write_customer(&mut text, n);
            } else {
                write_order(&mut text, n);
            }
            if text.len() > length {
                break;
            }
        }
        text.push_str("],\"has_more\":false}");
        text.into()
    }
}

/// One hit in about a hundred bytes.
fn write_customer(text: &mut String, n: u32) {
    write!(
        text,
        "{{\"id\":\"cus_{n:06}\",\"object\":\"customer\",\"email\":\"user{n}@example.com\",\
         \"created\":16800{n:05},\"livemode\":false,\"currency\":\"eur\",\"balance\":{n},\
         \"note\":\"prefers a call to a letter, reach at +49 30 901820{:02} in the morning\",\
         \"plan\":{{\"name\":\"basic\",\"seats\":3,\"active\":true}},\"ssn\":\"536-{:02}-{:04}\"}}",
        n % 100,
        1 + n % 98,
        1000 + n % 8000,
    )
    .unwrap_or_default();
}

fn write_order(text: &mut String, n: u32) {
    write!(
        text,
        "{{\"id\":\"ord_{n:06}\",\"object\":\"order\",\"status\":\"shipped\",\"total\":{}.50,\
         \"currency\":\"eur\",\"lines\":[{{\"sku\":\"B-{n:04}\",\"title\":\"steel bolt, zinc\",\
         \"quantity\":12,\"price\":0.25}},{{\"sku\":\"N-{n:04}\",\"title\":\"hexagon nut\",\
         \"quantity\":12,\"price\":0.10}}],\"weight\":1.25,\"gift\":false,\"coupon\":null}}",
        n % 500,
    )
    .unwrap_or_default();
}

struct Deaf;

impl Visitor for Deaf {
    fn object_start(&mut self) {}
    fn object_end(&mut self) {}
    fn array_start(&mut self) {}
    fn array_end(&mut self) {}
    fn name(&mut self, name: Token<'_>) {
        divan::black_box(name.decoded);
    }
    fn scalar(&mut self, _: Scalar, value: Token<'_>) {
        divan::black_box(value.decoded);
    }
}

struct Fixed;

impl Pseudonyms for Fixed {
    fn pseudonym(&self, class: DataClass, value: &[u8]) -> [u8; 16] {
        [class.index().to_le_bytes()[0] ^ value.len().to_le_bytes()[0]; 16]
    }
}

#[divan::bench(args = SAMPLES)]
fn serde_json_skips(bencher: Bencher<'_, '_>, sample: &Sample) {
    let document = sample.document();
    bencher
        .counter(BytesCount::new(document.len()))
        .bench(|| serde_json::from_slice::<serde::de::IgnoredAny>(&document).is_ok());
}

#[divan::bench(args = SAMPLES)]
fn walk(bencher: Bencher<'_, '_>, sample: &Sample) {
    let document = sample.document();
    let mut walker = Walker::new();
    bencher
        .counter(BytesCount::new(document.len()))
        .bench_local(|| {
            walker.reset();
            walker
                .push(&document, &mut Deaf)
                .and_then(|()| walker.finish(&mut Deaf))
                .is_ok()
        });
}

#[divan::bench(args = SAMPLES)]
fn redact(bencher: Bencher<'_, '_>, sample: &Sample) {
    redact_with(bencher, sample, Action::Mask);
}

#[divan::bench(args = SAMPLES)]
fn show(bencher: Bencher<'_, '_>, sample: &Sample) {
    redact_with(bencher, sample, Action::Show);
}

fn redact_with(bencher: Bencher<'_, '_>, sample: &Sample, action: Action) {
    let document = sample.document();
    let pseudonyms: Arc<dyn Pseudonyms> = Arc::new(Fixed);
    let mut work = Some(Box::new(Workspace::new()));
    bencher
        .counter(BytesCount::new(document.len()))
        .bench_local(|| {
            let kept = work.take().unwrap_or_default();
            let mut redactor = Redactor::new(|_: DataClass| action, Arc::clone(&pseudonyms), kept);
            let mut out = Output::new();
            let done = redactor
                .push(&document, &mut out)
                .and_then(|()| redactor.finish(&mut out));
            let (summary, kept) = redactor.into_parts();
            work = Some(kept);
            divan::black_box((out, done.is_ok(), summary.findings()))
        });
}

#[divan::bench]
fn start(bencher: Bencher<'_, '_>) {
    let pseudonyms: Arc<dyn Pseudonyms> = Arc::new(Fixed);
    let mut work = Some(Box::new(Workspace::new()));
    bencher.bench_local(|| {
        let kept = work.take().unwrap_or_default();
        let redactor = Redactor::new(|_: DataClass| Action::Show, Arc::clone(&pseudonyms), kept);
        work = Some(redactor.into_parts().1);
    });
}
