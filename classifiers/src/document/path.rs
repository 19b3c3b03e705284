//! Where a walk stands, as a pointer (RFC 6901) that is put together only for a finding.

/// A longer name is cut to this in paths.
const NAME_BYTES_MAX: usize = 1024;

/// The steps from the document's root, outermost first.
#[derive(Debug, Default)]
pub(crate) struct Path {
    steps: Vec<Step>,
    /// The names among the steps, one behind the other.
    names: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// In an object, before its first name.
    Unnamed,
    /// The name begins here in `names`.
    Name(usize),
    /// A name that is itself a finding and may not be told.
    Hidden(usize),
    Index(u64),
}

impl Path {
    pub(crate) fn clear(&mut self) {
        self.steps.clear();
        self.names.clear();
    }

    /// Whether the last step has this name, as far as it was kept.
    pub(crate) fn is_at(&self, name: &[u8]) -> bool {
        let kept = name.get(..NAME_BYTES_MAX).unwrap_or(name);
        match self.steps.last() {
            Some(Step::Name(start) | Step::Hidden(start)) => self.names.get(*start..) == Some(kept),
            _ => false,
        }
    }

    /// Goes back up until only this many steps are left.
    pub(crate) fn truncate(&mut self, depth: usize) {
        while self.steps.len() > depth {
            self.leave();
        }
    }

    pub(crate) fn enter(&mut self) {
        self.steps.push(Step::Unnamed);
    }

    pub(crate) fn leave(&mut self) {
        if let Some(Step::Name(start) | Step::Hidden(start)) = self.steps.pop() {
            self.names.truncate(start);
        }
    }

    /// Moves the last step to this name.
    pub(crate) fn name(&mut self, name: &[u8]) {
        self.leave();
        self.steps.push(Step::Name(self.names.len()));
        let kept = name.get(..NAME_BYTES_MAX).unwrap_or(name);
        self.names.extend_from_slice(kept);
    }

    /// Moves the last step to this element.
    pub(crate) fn index(&mut self, index: u64) {
        self.leave();
        self.steps.push(Step::Index(index));
    }

    /// Moves the last step to the next element: the first, if it was at none.
    pub(crate) fn next(&mut self) {
        match self.steps.last_mut() {
            Some(Step::Index(index)) => *index += 1,
            Some(step) => *step = Step::Index(0),
            None => {}
        }
    }

    /// The last name may not be told.
    pub(crate) fn hide_name(&mut self) {
        if let Some(step) = self.steps.last_mut()
            && let Step::Name(start) = *step
        {
            *step = Step::Hidden(start);
        }
    }

    /// The names on the way, outermost first; elements have none.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.steps.iter().enumerate().filter_map(|(at, step)| {
            let (Step::Name(start) | Step::Hidden(start)) = *step else {
                return None;
            };
            self.text(at, start)
        })
    }

    /// The name of the step at `at`, which begins at `start`.
    fn text(&self, at: usize, start: usize) -> Option<&[u8]> {
        let behind = self.steps.iter().skip(at + 1);
        let end = behind.copied().find_map(|step| match step {
            Step::Name(start) | Step::Hidden(start) => Some(start),
            _ => None,
        });
        self.names.get(start..end.unwrap_or(self.names.len()))
    }

    /// The pointer.
    pub(crate) fn pointer(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, None);
        out
    }

    /// How many steps it has.
    pub(crate) fn depth(&self) -> usize {
        self.steps.len()
    }

    /// Writes the pointer. Returns where in it the first `outer` steps end.
    pub(crate) fn write(&self, out: &mut String, outer: Option<usize>) -> usize {
        use std::fmt::Write as _;
        out.clear();
        let mut split = None;
        for (at, step) in self.steps.iter().enumerate() {
            if outer == Some(at) {
                split = Some(out.len());
            }
            match *step {
                Step::Unnamed => {}
                Step::Hidden(_) => out.push_str("/?"),
                Step::Index(index) => {
                    // Writing to a string does not fail.
                    let _infallible = write!(out, "/{index}");
                }
                Step::Name(start) => push_token(self.text(at, start).unwrap_or_default(), out),
            }
        }
        split.unwrap_or(out.len())
    }
}

/// One reference token, with `~` and `/` escaped.
fn push_token(name: &[u8], out: &mut String) {
    out.push('/');
    for character in String::from_utf8_lossy(name).chars() {
        match character {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_json_pointer() {
        let mut path = Path::default();
        path.enter();
        path.index(3);
        path.enter();
        path.name(b"a/b~c");
        path.enter();
        path.next();
        path.next();
        path.enter();
        path.name(b"secret@example.com");
        path.hide_name();
        let mut out = String::new();
        path.write(&mut out, None);
        assert_eq!(out, "/3/a~1b~0c/1/?");
        path.leave();
        path.leave();
        path.name(b"z");
        path.write(&mut out, None);
        assert_eq!(out, "/3/z");
    }
}
