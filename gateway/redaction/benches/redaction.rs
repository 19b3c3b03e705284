//! What looking costs, beside what `serde_json` takes to skip the same bytes.

use std::sync::Arc;

use classifiers::DataClass;
use divan::Bencher;
use divan::counter::BytesCount;
use redaction::{Action, Output, Pseudonyms, Redactor, Workspace};

mod samples;

use samples::{Fixed, SAMPLES, Sample, Walk};

fn main() {
    divan::main();
}

#[divan::bench(args = SAMPLES)]
fn serde_json_skips(bencher: Bencher<'_, '_>, sample: Sample) {
    let document = sample.document();
    bencher
        .counter(BytesCount::new(document.len()))
        .bench(|| serde_json::from_slice::<serde::de::IgnoredAny>(&document).is_ok());
}

#[divan::bench(args = SAMPLES)]
fn walk(bencher: Bencher<'_, '_>, sample: Sample) {
    walk_with(bencher, sample, Walk::new(true));
}

#[divan::bench(args = SAMPLES)]
fn walk_plain(bencher: Bencher<'_, '_>, sample: Sample) {
    walk_with(bencher, sample, Walk::new(false));
}

fn walk_with(bencher: Bencher<'_, '_>, sample: Sample, mut walk: Walk) {
    let document = sample.document();
    bencher
        .counter(BytesCount::new(document.len()))
        .bench_local(|| walk.walk(&document));
}

#[divan::bench(args = SAMPLES)]
fn redact(bencher: Bencher<'_, '_>, sample: Sample) {
    redact_with(bencher, sample, Action::Mask, Workspace::new());
}

#[divan::bench(args = SAMPLES)]
fn show(bencher: Bencher<'_, '_>, sample: Sample) {
    redact_with(bencher, sample, Action::Show, Workspace::new());
}

#[divan::bench(args = SAMPLES)]
fn redact_plain(bencher: Bencher<'_, '_>, sample: Sample) {
    redact_with(bencher, sample, Action::Mask, Workspace::plain());
}

#[divan::bench(args = SAMPLES)]
fn show_plain(bencher: Bencher<'_, '_>, sample: Sample) {
    redact_with(bencher, sample, Action::Show, Workspace::plain());
}

fn redact_with(bencher: Bencher<'_, '_>, sample: Sample, action: Action, work: Workspace) {
    let document = sample.document();
    let pseudonyms: Arc<dyn Pseudonyms> = Arc::new(Fixed);
    let mut work = Some(Box::new(work));
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
