//! What is wrong with policies: all of it at once, each with file, line, column and hint.

use std::{fmt, sync::Arc};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

/// One thing wrong with one policy file.
#[derive(Clone, Debug)]
pub struct PolicyError {
    message: String,
    hint: Option<String>,
    source: Arc<NamedSource<Arc<str>>>,
    span: SourceSpan,
}

impl PolicyError {
    pub(crate) fn new(
        source: &Arc<NamedSource<Arc<str>>>,
        span: SourceSpan,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        Self {
            message: message.into(),
            hint,
            source: Arc::clone(source),
            span,
        }
    }

    /// The file's name, as it was given.
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.before().matches('\n').count().saturating_add(1)
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> usize {
        let line = self.before().rsplit('\n').next().unwrap_or_default();
        line.chars().count().saturating_add(1)
    }

    /// How to mend it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    fn before(&self) -> &str {
        self.source
            .inner()
            .get(..self.span.offset())
            .unwrap_or_default()
    }

    fn place(&self) -> (&str, usize, usize) {
        (self.file(), self.span.offset(), self.span.len())
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PolicyError {}

impl Diagnostic for PolicyError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint
            .as_ref()
            .map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&*self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".into()), self.span);
        Some(Box::new(std::iter::once(label)))
    }
}

/// All that is wrong with a set of policies, by file and place. Never empty.
///
/// Its `Display` is `file:line:column: message`, one a line, hints indented beneath. To show
/// the source too, give each [`PolicyError`] to `miette::Report::new`.
#[derive(Clone, Debug)]
pub struct PolicyErrors(Vec<PolicyError>);

impl PolicyErrors {
    /// The errors, or none if there are none.
    pub(crate) fn of(mut errors: Vec<PolicyError>) -> Option<Self> {
        errors.sort_by(|a, b| (a.place(), &a.message).cmp(&(b.place(), &b.message)));
        // The validator reports a policy once for each kind of request it could meet.
        errors.dedup_by(|a, b| a.place() == b.place() && a.message == b.message);
        (!errors.is_empty()).then_some(Self(errors))
    }

    pub(crate) fn one(error: PolicyError) -> Self {
        Self(vec![error])
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &PolicyError> {
        self.0.iter()
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let (file, line, column) = (error.file(), error.line(), error.column());
            write!(f, "{file}:{line}:{column}: {error}")?;
            if let Some(hint) = error.hint() {
                write!(f, "\n  hint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for PolicyErrors {}
