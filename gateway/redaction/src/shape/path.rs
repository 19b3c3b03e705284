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

    /// This path as it is seen from `root`; none if it does not lie there.
    pub(super) fn seen_from(&self, root: &Self) -> Option<Self> {
        Some(Self(self.0.strip_prefix(root.0.as_slice())?.to_vec()))
    }

    /// Where `inner` is in any element of the array at this path.
    #[must_use]
    pub fn each(&self, inner: &Self) -> Self {
        let mut each = self.element();
        each.0.extend_from_slice(&inner.0);
        each
    }

    /// Where any element of the array at this path is.
    pub(super) fn element(&self) -> Self {
        let steps = self.0.iter().cloned();
        Self(steps.chain([Step::Element]).collect())
    }

    /// Whether `place` is this one.
    pub(crate) fn is(&self, place: &[Step]) -> bool {
        self.0 == place
    }

    /// Whether this is any element of an array at `place`.
    pub(super) fn is_element_of(&self, place: &[Step]) -> bool {
        self.0.split_last() == Some((&Step::Element, place))
    }

    /// Whether `place` is this one, in a document whose elements all have names: there `*` is any name.
    pub(super) fn names(&self, place: &[Step]) -> bool {
        self.0.len() == place.len() && leads(&self.0, place)
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

/// Whether the steps of a path are those of a place, as far as both go; `*` is any element's name.
fn leads(path: &[Step], place: &[Step]) -> bool {
    let is_element = |at: &Step| matches!(at, Step::Member(name) if !name.starts_with(['@', '#']));
    let mut steps = path.iter().zip(place);
    steps.all(|(step, at)| step == at || *step == Step::Element && is_element(at))
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

    /// Those at these paths.
    pub fn of(paths: Vec<Path>) -> Self {
        Self(paths)
    }

    /// The same list for a document that stands for what is at `root`; none if it says nothing of that.
    pub(super) fn seen_from(&self, root: &Path) -> Option<Self> {
        let seen: Vec<Path> = self
            .0
            .iter()
            .filter_map(|path| {
                let whole = path.holds(&root.0).then(Path::default);
                whole.or_else(|| path.seen_from(root))
            })
            .collect();
        (!seen.is_empty()).then_some(Self(seen))
    }

    /// The same in a document whose elements all have names.
    pub(super) fn allow_named(&self, place: &[Step], is_container: bool) -> bool {
        self.0.iter().any(|path| {
            let is_above = path.0.len() > place.len();
            leads(&path.0, place) && (!is_above || is_container)
        })
    }

    /// A list that allows nothing.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether a value at `place` may go on; an object or array also where it leads to a field.
    pub(super) fn allow(&self, place: &[Step], is_container: bool) -> bool {
        self.0
            .iter()
            .any(|path| path.holds(place) || is_container && path.lies_in(place))
    }
}
