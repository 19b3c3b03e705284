//! What is wrong with a configuration: the place, and the mend.

use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde_saphyr::Location;
use thiserror::Error;

/// One thing wrong with the configuration.
#[derive(Debug, Error, Diagnostic)]
#[error("{message}")]
pub(crate) struct Fault {
    message: String,
    #[help]
    help: Option<String>,
    #[source_code]
    source_code: Arc<NamedSource<String>>,
    #[label("here")]
    span: SourceSpan,
}

/// The text that faults point into.
#[derive(Clone, Debug)]
pub(crate) struct Text(Arc<NamedSource<String>>);

impl Text {
    pub(crate) fn new(name: &str, text: String) -> Self {
        Self(Arc::new(NamedSource::new(name, text)))
    }

    /// A fault at `place`, with the way to mend it.
    pub(crate) fn fault(
        &self,
        place: &Location,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Fault {
        Fault {
            message: message.into(),
            help: Some(help.into()),
            source_code: Arc::clone(&self.0),
            span: self.span(place),
        }
    }

    fn span(&self, place: &Location) -> SourceSpan {
        let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let line = number(place.line()).saturating_sub(1);
        let column = number(place.column()).saturating_sub(1);
        let start: usize = self
            .0
            .inner()
            .split_inclusive('\n')
            .take(line)
            .map(str::len)
            .sum();
        let rest = self.0.inner().get(start..).unwrap_or_default();
        let offset: usize = rest.chars().take(column).map(char::len_utf8).sum();
        let here = rest.get(offset..).unwrap_or_default();
        let length = here.lines().next().map_or(0, |line| line.trim_end().len());
        let named = number(place.span().len()).clamp(1, length.max(1));
        SourceSpan::from((start + offset, named))
    }
}
