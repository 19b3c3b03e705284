//! Labelled documents, in the format that the corpus' own README describes.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

/// One document with what stands in it.
#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) subset: String,
    pub(crate) media_type: String,
    /// The body as it would be on the wire.
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) spans: Option<Vec<Span>>,
    #[serde(default)]
    pub(crate) fields: Option<Vec<Field>>,
    /// Pointers at which a finding is neither right nor wrong.
    #[serde(default)]
    pub(crate) ignore: Option<Vec<String>>,
    /// The same as bytes.
    #[serde(default)]
    pub(crate) ignore_spans: Option<Vec<Ignored>>,
    /// Only these labels are judged here, unless it is empty.
    #[serde(default)]
    pub(crate) scored: Option<Vec<String>>,
}

/// A labelled range of bytes; those of one group are parts of one value.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<u64>,
}

/// A labelled value by its pointer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Field {
    pub(crate) pointer: String,
    pub(crate) label: String,
}

/// A range that nobody judges.
#[derive(Debug, Deserialize)]
pub(crate) struct Ignored {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// What is known of a label.
#[derive(Debug, Deserialize)]
pub(crate) struct Label {
    id: String,
    #[serde(default)]
    pub(crate) optional: bool,
    pub(crate) family: String,
}

/// A folder of documents.
pub(crate) struct Corpus {
    files: Vec<PathBuf>,
    /// By name.
    pub(crate) labels: BTreeMap<String, Label>,
}

impl Corpus {
    /// Finds the documents and reads the labels.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .with_context(|| format!("`{}` cannot be read", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(".jsonl.gz"))
            .collect();
        files.sort();
        let labels = folder.join("taxonomy.json");
        let file = File::open(&labels)
            .with_context(|| format!("`{}` cannot be read", labels.display()))?;
        let labels: Vec<Label> = serde_json::from_reader(BufReader::new(file))?;
        Ok(Self {
            files,
            labels: labels
                .into_iter()
                .map(|label| (label.id.clone(), label))
                .collect(),
        })
    }

    /// Hands over every document.
    pub(crate) fn each(&self, mut each: impl FnMut(Document) -> Result<()>) -> Result<()> {
        for path in &self.files {
            let file = File::open(path)?;
            for line in BufReader::new(MultiGzDecoder::new(file)).lines() {
                let line = line?;
                if !line.trim().is_empty() {
                    let document = serde_json::from_str(&line)
                        .with_context(|| format!("`{}` holds no document", path.display()))?;
                    each(document)?;
                }
            }
        }
        Ok(())
    }
}
