//! Places in a document as operators write them: `/customers/*/email`.

use std::fmt;

/// The most steps of a path.
const STEPS_MAX: usize = 32;

/// A JSON Pointer (RFC 6901) in which `*` stands for every position of an array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Any element of an array.
    Element,
    /// The member of this name.
    Member(String),
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPath(String);

impl fmt::Display for NoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no path: write it as `/customers/*/email`, `*` for every position",
            self.0.escape_debug()
        )
    }
}

impl Path {
    /// Reads `/customers/*/email`; the empty text is the whole document.
    pub fn parse(text: &str) -> Result<Self, NoPath> {
        let none = || NoPath(text.to_owned());
        if text.is_empty() {
            return Ok(Self::default());
        }
        let steps: Vec<Step> = text
            .strip_prefix('/')
            .ok_or_else(none)?
            .split('/')
            .map(|step| match step {
                "*" => Step::Element,
                name => Step::Member(name.replace("~1", "/").replace("~0", "~")),
            })
            .collect();
        let is_empty = |step: &Step| matches!(step, Step::Member(name) if name.is_empty());
        if steps.len() > STEPS_MAX || steps.iter().any(is_empty) {
            return Err(none());
        }
        Ok(Self(steps))
    }

    /// Whether `place` is this one.
    pub(crate) fn is(&self, place: &[Step]) -> bool {
        self.0 == place
    }

    /// Whether `place` is this one or lies in it.
    fn holds(&self, place: &[Step]) -> bool {
        place.starts_with(&self.0)
    }

    /// Whether this one lies in `place`.
    fn lies_in(&self, place: &[Step]) -> bool {
        self.0.starts_with(place)
    }
}

/// The fields that a purpose needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(Vec<Path>);

impl Fields {
    /// Reads paths with space between them; a path stands for all that is in it.
    pub fn parse(text: &str) -> Result<Self, NoPath> {
        let paths: Vec<Path> = text
            .split_ascii_whitespace()
            .map(Path::parse)
            .collect::<Result<_, _>>()?;
        if paths.is_empty() {
            return Err(NoPath(text.to_owned()));
        }
        Ok(Self(paths))
    }

    /// Whether a value at `place` may go on; an object or array also where it leads to a field.
    pub(super) fn allow(&self, place: &[Step], is_container: bool) -> bool {
        self.0
            .iter()
            .any(|path| path.holds(place) || is_container && path.lies_in(place))
    }
}
