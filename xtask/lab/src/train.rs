//! Makes what `classifiers::prose` is compiled with, from nothing but the files in `xtask/lab/data`:
//! the table of lists, and the weights of the tagger. The same files make the same bytes.
//!
//! The lists are compiled into the tagger, and the tagger reads the words it is trained on. So
//! `train lists` comes first when a list has changed, then `train model`.

mod grammar;
mod lists;
mod names;
mod perceptron;
mod random;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use classifiers::prose::Entity;

use grammar::Grammar;
use perceptron::{Example, Perceptron, owners, settle};
use random::Random;

/// Where chance starts: any number would do.
const SEED: u64 = 0x7469_6465_6761_7465;

/// What to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// `lists` or `model`.
    what: What,
    /// Where templates and lists are read.
    #[arg(long, default_value = "xtask/lab/data")]
    data: PathBuf,
    /// Where the tables of the crate are written.
    #[arg(long, default_value = "classifiers/data")]
    to: PathBuf,
    /// Texts made from the templates.
    #[arg(long, default_value_t = 160_000)]
    texts: usize,
    /// Times each text is learned from.
    #[arg(long, default_value_t = 5)]
    epochs: usize,
    /// Prints so many texts with their labels, and trains nothing.
    #[arg(long, default_value_t = 0)]
    show: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    Lists,
    Model,
}

/// A text, and where its entities stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    text: String,
    entities: Vec<(usize, usize, Entity)>,
}

/// Makes the lists or the model.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    match options.what {
        What::Lists => write(options, "prose.lists", &lists::table(&options.data)?)?,
        What::Model => model(options)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn model(options: &Options) -> Result<()> {
    let started = Instant::now();
    let grammar = Grammar::read(&options.data)?;
    let mut random = Random::new(SEED);
    for _ in 0..options.show {
        show(&grammar.text(&mut random)?);
    }
    if options.show > 0 {
        return Ok(());
    }
    let mut examples: Vec<Example> = (0..options.texts)
        .map(|_| Ok(Example::of(&grammar.text(&mut random)?)))
        .collect::<Result<_>>()?;
    report(&format!(
        "{} texts in {:?}",
        examples.len(),
        started.elapsed()
    ));
    let owners = owners(&examples);
    settle(&mut examples, &owners);
    let mut perceptron = Perceptron::default();
    for epoch in 0..options.epochs {
        let wrong = perceptron.learn(&examples, &mut random);
        report(&format!(
            "epoch {epoch}: {wrong} wrong words, {:?}",
            started.elapsed()
        ));
    }
    write(options, "prose.model", &perceptron.quantised(&owners))
}

#[expect(clippy::print_stdout, reason = "the command's output")]
fn report(line: &str) {
    println!("{line}");
}

fn show(text: &Text) {
    report(&format!("{:?}", text.text));
    for (start, end, entity) in &text.entities {
        report(&format!("    {entity:?} {:?}", text.text.get(*start..*end)));
    }
}

fn write(options: &Options, name: &str, bytes: &[u8]) -> Result<()> {
    let path = options.to.join(name);
    report(&format!("{}: {} bytes", path.display(), bytes.len()));
    fs::write(&path, bytes).with_context(|| path.display().to_string())
}
