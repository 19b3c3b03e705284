//! `lab eval`: classify every document of a corpus, and score what was found.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use classifiers::document::{Classifier, Media};

use crate::corpus::Corpus;
use crate::predict::predict;
use crate::report::report;
use crate::score::Score;
use crate::table;

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
    /// The kept results to compare with; what got worse is an error.
    #[arg(long)]
    table: Option<PathBuf>,
    /// Write the table instead.
    #[arg(long, requires = "table", conflicts_with = "subset")]
    write: bool,
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
    let mut unread = Vec::new();
    corpus.each(|document| {
        let wanted = &arguments.subset;
        if !wanted.is_empty() && !wanted.contains(&document.subset) {
            return Ok(());
        }
        let (prediction, read) = predict(&mut classifier, &document)?;
        if !read {
            unread.push(document.id.clone());
        }
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
    println!("\ndocuments that could not be read to their end: {unread:?}");
    let Some(path) = arguments
        .table
        .as_ref()
        .filter(|_| arguments.subset.is_empty())
    else {
        return Ok(ExitCode::SUCCESS);
    };
    let results = table::write(&exact, &family)?;
    if arguments.write {
        std::fs::write(path, results)?;
        return Ok(ExitCode::SUCCESS);
    }
    let kept = std::fs::read_to_string(path)
        .with_context(|| format!("`{}` cannot be read", path.display()))?;
    let worse = table::worse(&table::read(&kept), &table::read(&results));
    for line in &worse {
        println!("worse: {line}");
    }
    Ok(if worse.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
