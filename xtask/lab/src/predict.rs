//! What the classifiers find in a document, in the format of the corpus.

use anyhow::{Result, anyhow};
use classifiers::document::{Classifier, Found, Media};
use serde::Serialize;

use crate::corpus::{Document, Field, Span};

/// What was found in one document.
#[derive(Debug, Serialize)]
pub(crate) struct Prediction {
    pub(crate) id: String,
    pub(crate) spans: Vec<Span>,
    pub(crate) fields: Vec<Field>,
}

/// Classifies one document. A document that cannot be read to its end keeps what was found.
pub(crate) fn predict(
    classifier: &mut Classifier,
    document: &Document,
) -> Result<(Prediction, bool)> {
    let media = Media::named(&document.media_type)
        .ok_or_else(|| anyhow!("`{}` is no known media type", document.media_type))?;
    let mut prediction = Prediction {
        id: document.id.clone(),
        spans: Vec::new(),
        fields: Vec::new(),
    };
    let mut group = 0;
    let mut sink = |found: &Found<'_>| prediction.take(found, &mut group);
    classifier.reset(media);
    let read = classifier
        .push(document.text.as_bytes(), &mut sink)
        .and_then(|()| classifier.finish(&mut sink));
    Ok((prediction, read.is_ok()))
}

impl Prediction {
    fn take(&mut self, found: &Found<'_>, group: &mut u64) {
        let label = found.finding.class.name();
        let parts = found.ranges.len();
        *group += 1;
        self.spans.extend(found.ranges.iter().map(|range| Span {
            start: range.start,
            end: range.end,
            label: label.to_owned(),
            group: (parts > 1).then_some(*group),
        }));
        if !found.in_name {
            self.fields.push(Field {
                pointer: found.path.to_owned(),
                label: label.to_owned(),
            });
        }
    }
}
