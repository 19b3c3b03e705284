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

    pub(crate) fn depth(&self) -> usize {
        self.steps.len()
    }

    /// Goes back up to an earlier [`Path::depth`].
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

    /// Writes the pointer.
    pub(crate) fn write(&self, out: &mut String) {
        use std::fmt::Write as _;
        out.clear();
        let starts = self.steps.iter().skip(1).copied().map(Some);
        for (at, step) in self.steps.iter().enumerate() {
            match *step {
                Step::Unnamed => {}
                Step::Hidden(_) => out.push_str("/?"),
                Step::Index(index) => {
                    // Writing to a string does not fail.
                    let _infallible = write!(out, "/{index}");
                }
                Step::Name(start) => {
                    let end = starts
                        .clone()
                        .skip(at)
                        .flatten()
                        .find_map(|step| match step {
                            Step::Name(start) | Step::Hidden(start) => Some(start),
                            _ => None,
                        });
                    let name = self
                        .names
                        .get(start..end.unwrap_or(self.names.len()))
                        .unwrap_or_default();
                    push_token(name, out);
                }
            }
        }
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
        path.write(&mut out);
        assert_eq!(out, "/3/a~1b~0c/1/?");
        path.leave();
        path.leave();
        path.name(b"z");
        path.write(&mut out);
        assert_eq!(out, "/3/z");
    }
}
