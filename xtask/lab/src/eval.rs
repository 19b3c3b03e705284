//! `lab eval`: classify every document of a corpus, and score what was found.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Result;
use classifiers::document::{Classifier, Media};

use crate::corpus::Corpus;
use crate::predict::predict;
use crate::report::report;
use crate::score::Score;

/// What to score.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder of labelled documents (`*.jsonl.gz`, `taxonomy.json`).
    #[arg(long)]
    corpus: PathBuf,
    /// Also write what was found, for the corpus' own scorer.
    #[arg(long)]
    predictions: Option<PathBuf>,
    /// Only these subsets.
    #[arg(long, value_delimiter = ',')]
    subset: Vec<String>,
    /// Show up to this many errors of each kind.
    #[arg(long, default_value_t = 0)]
    errors: usize,
}

#[expect(clippy::print_stdout, reason = "results are what this program is for")]
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let corpus = Corpus::open(&arguments.corpus)?;
    let mut exact = Score::new(&corpus.labels, false, arguments.errors);
    let mut family = Score::new(&corpus.labels, true, 0);
    let mut classifier = Classifier::new(Media::Json);
    let mut predictions = match &arguments.predictions {
        Some(path) => Some(BufWriter::new(File::create(path)?)),
        None => None,
    };
    let mut unread = 0;
    corpus.each(|document| {
        let wanted = &arguments.subset;
        if !wanted.is_empty() && !wanted.contains(&document.subset) {
            return Ok(());
        }
        let (prediction, read) = predict(&mut classifier, &document)?;
        unread += u64::from(!read);
        if let Some(file) = &mut predictions {
            serde_json::to_writer(&mut *file, &prediction)?;
            file.write_all(b"\n")?;
        }
        exact.document(&document, &prediction);
        family.document(&document, &prediction);
        Ok(())
    })?;
    if let Some(mut file) = predictions {
        file.flush()?;
    }
    print!("{}", report(&exact, &family)?);
    println!("\ndocuments that could not be read to their end: {unread}");
    Ok(ExitCode::SUCCESS)
}
