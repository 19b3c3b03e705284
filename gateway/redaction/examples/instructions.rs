//! Does one job over and over, so that a simulator can count what it takes: `cargo xtask instructions`.
//!
//! `instructions JOB SAMPLE ROUNDS` prints how many bytes one round reads.

use std::sync::Arc;

use bytes::Bytes;
use classifiers::DataClass;
use redaction::{Action, Output, Pseudonyms, Redactor, Workspace};

#[path = "../benches/samples/mod.rs"]
mod samples;

use samples::{Fixed, SAMPLES};

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let (job, sample) = (next(), next());
    let rounds = next().parse().unwrap_or(1);
    let sample = SAMPLES
        .into_iter()
        .find(|known| format!("{known:?}") == sample)
        .ok_or("no such sample")?;
    let document = sample.document();
    let mut done = true;
    match job.as_str() {
        "skip" => {
            for _ in 0..rounds {
                done &= serde_json::from_slice::<serde::de::IgnoredAny>(&document).is_ok();
            }
        }
        "walk" => {
            let mut walker = samples::Walk::new(true);
            for _ in 0..rounds {
                done &= walker.walk(&document);
            }
        }
        "show" => done = redact(&document, rounds, Action::Show, Workspace::new()),
        "mask" => done = redact(&document, rounds, Action::Mask, Workspace::new()),
        "show-plain" => done = redact(&document, rounds, Action::Show, Workspace::plain()),
        "mask-plain" => done = redact(&document, rounds, Action::Mask, Workspace::plain()),
        _ => return Err("no such job".to_owned()),
    }
    if !done {
        return Err("the document was refused".to_owned());
    }
    #[expect(clippy::print_stdout, reason = "it is a program")]
    {
        println!("{}", document.len());
    }
    Ok(())
}

fn redact(document: &Bytes, rounds: usize, action: Action, work: Workspace) -> bool {
    let pseudonyms: Arc<dyn Pseudonyms> = Arc::new(Fixed);
    let mut work = Box::new(work);
    for _ in 0..rounds {
        let mut redactor = Redactor::new(|_: DataClass| action, Arc::clone(&pseudonyms), work);
        let mut out = Output::new();
        let done = redactor
            .push(document, &mut out)
            .and_then(|()| redactor.finish(&mut out));
        work = redactor.into_parts().1;
        if done.is_err() || out.is_empty() {
            return false;
        }
    }
    true
}
