//! What the classifiers occupy: tables in the program, what they build when first asked, and what
//! each open stream holds. Links nothing but them, so that the program's sections are theirs and
//! the standard library's; a figure is an upper bound for that.

use std::{alloc::System, env, fs, mem::size_of, sync::Arc};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use cap::Cap;
use classifiers::DataClass;
use object::{Object as _, ObjectSection as _, SectionKind};
use redaction::{Action, Output, Pseudonyms, Redactor, Workspace};

#[path = "../../../../gateway/redaction/benches/samples/mod.rs"]
#[expect(dead_code, reason = "the walker alone is not measured")]
mod samples;

use samples::{Fixed, SAMPLES, Sample};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// So many streams are open at once.
const STREAMS: usize = 64;
/// A stream gets its document in pieces of so many bytes.
const PIECE_BYTES: usize = 16 << 10;

type Always = fn(DataClass) -> Action;

fn main() -> Result<()> {
    let documents: Vec<Bytes> = SAMPLES.iter().map(|sample| sample.document()).collect();
    let before = HEAP.allocated();
    for document in &documents {
        let mut redactor = open(Workspace::new());
        feed(&mut redactor, document)?;
        redactor.finish(&mut Output::new())?;
    }
    println!("tables-program {}", constant_bytes()?);
    println!("tables-heap {}", HEAP.allocated().saturating_sub(before));

    for sample in [Sample::Clean256k, Sample::Dense256k, Sample::People16k] {
        let document = sample.document();
        let most = document.slice(..document.len() * 3 / 4);
        let before = HEAP.allocated();
        let mut streams = Vec::with_capacity(STREAMS);
        for _ in 0..STREAMS {
            let mut redactor = open(Workspace::new());
            feed(&mut redactor, &most)?;
            streams.push(redactor);
        }
        let heap = HEAP.allocated().saturating_sub(before) / STREAMS;
        let stream = streams.pop().context("no stream is open")?;
        let buffers = stream.into_parts().1.capacity();
        println!("stream-{sample:?} {heap} {buffers}");
    }
    println!("workspace-itself {}", size_of::<Workspace>());
    Ok(())
}

fn open(work: Workspace) -> Redactor<Always> {
    let pseudonyms: Arc<dyn Pseudonyms> = Arc::new(Fixed);
    Redactor::new(|_| Action::Mask, pseudonyms, Box::new(work))
}

/// Pushes piece by piece; what is released leaves, as it does in the gateway.
fn feed(redactor: &mut Redactor<Always>, document: &Bytes) -> Result<()> {
    for start in (0..document.len()).step_by(PIECE_BYTES) {
        let piece = document.slice(start..document.len().min(start + PIECE_BYTES));
        redactor.push(&piece, &mut Output::new())?;
    }
    Ok(())
}

/// Bytes of this program's constants, those that the loader relocates included.
fn constant_bytes() -> Result<u64> {
    let program = fs::read(env::current_exe()?)?;
    let program = object::File::parse(&*program)?;
    let constants = program.sections().filter(|section| {
        matches!(
            section.kind(),
            SectionKind::ReadOnlyData
                | SectionKind::ReadOnlyDataWithRel
                | SectionKind::ReadOnlyString
                | SectionKind::Data
        ) && !section.name().is_ok_and(|name| name.starts_with(".eh_frame") || name.starts_with(".gcc"))
    });
    Ok(constants.map(|section| section.size()).sum())
}
