//! Where the walk stands: one frame per open container, with what the classifier knows there and
//! the name it came by. Names stay in the chunk until it goes; a path is put together only for a
//! finding.

use classifiers::media::json::AHEAD_BYTES;
use classifiers::{Context, KeyCache, Mark, Name, Spot};

/// A longer name is `?` in paths.
const NAME_BYTES_MAX: usize = 64;

/// How a value is reached from its container.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// It has no container.
    Root,
    /// Any element of an array.
    Element,
    /// The member whose name stands here in the chunk.
    Chunk(usize, usize),
    /// The member whose name was kept here when its chunk went.
    Kept(usize, usize),
    /// A member whose name may not be told.
    Unnamed,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Of the container.
    here: Spot,
    /// Of the value that comes next in it.
    value: Spot,
    step: Step,
}

impl Frame {
    fn root() -> Self {
        Self {
            here: Spot::root(),
            value: Spot::root(),
            step: Step::Root,
        }
    }
}

/// A frame whose contexts have numbers, or of others what is known without.
#[derive(Clone, Copy, Debug)]
struct Outer {
    here: Mark,
    value: Mark,
    step: Step,
}

/// The open containers, outermost first. At most `json::DEPTH_MAX`.
#[derive(Debug)]
pub(crate) struct Trail {
    /// The innermost container; what is around all of them, if none is open.
    top: Frame,
    /// What is around it.
    outer: Vec<Outer>,
    /// The spots of those whose contexts have no number, in their order.
    unnumbered: Vec<[Spot; 2]>,
    /// Names whose chunk went, in the order of the frames: `DEPTH_MAX * NAME_BYTES_MAX` at most.
    kept: Vec<u8>,
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            top: Frame::root(),
            outer: Vec::new(),
            unnumbered: Vec::new(),
            kept: Vec::new(),
        }
    }
}

impl Trail {
    pub(crate) fn clear(&mut self) {
        self.top = Frame::root();
        self.outer.clear();
        self.unnumbered.clear();
        self.kept.clear();
    }

    /// Begins a message whose outermost value is here.
    pub(crate) fn begin(&mut self, here: Spot) {
        self.top.here = here;
        self.top.value = here;
    }

    /// The context of the value that comes next.
    #[inline]
    pub(crate) fn context<'a>(&'a self, keys: &'a KeyCache) -> &'a Context {
        self.top.value.context(keys)
    }

    /// See [`Spot::is_quiet`]: of the value that comes next.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.top.value.is_quiet()
    }

    /// See [`Spot::is_untold`]: of the value that comes next.
    #[inline]
    pub(crate) fn is_untold(&self) -> bool {
        self.top.value.is_untold()
    }

    #[inline]
    pub(crate) fn enter_object(&mut self, keys: &mut KeyCache) {
        self.enter();
        self.top.value.begin(keys);
        self.top.here.set(&self.top.value);
        self.top.step = Step::Unnamed;
    }

    #[inline]
    pub(crate) fn enter_array(&mut self, keys: &mut KeyCache) {
        self.enter();
        self.top.here.set(&self.top.value);
        self.top.here.move_to_element(&mut self.top.value, keys);
        self.top.step = Step::Element;
    }

    #[inline]
    fn enter(&mut self) {
        let Frame { here, value, step } = &self.top;
        if !(here.is_numbered() && value.is_numbered()) {
            self.unnumbered.push([*here, *value]);
        }
        self.outer.push(Outer {
            here: here.mark(),
            value: value.mark(),
            step: *step,
        });
    }

    #[inline]
    pub(crate) fn leave(&mut self) {
        if let Step::Kept(start, _) = self.top.step {
            self.kept.truncate(start);
        }
        let Some(outer) = self.outer.pop() else {
            self.top = Frame::root();
            return;
        };
        let Frame { here, value, step } = &mut self.top;
        here.return_to(outer.here);
        value.return_to(outer.value);
        *step = outer.step;
        if !(here.is_numbered() && value.is_numbered())
            && let Some(spots) = self.unnumbered.pop()
        {
            [*here, *value] = spots;
        }
    }

    /// Moves on to the member `name`, written as `raw`, which stands in the chunk at `place` unless
    /// it began in an earlier one. Returns whether something may hide in the name itself.
    #[inline]
    pub(crate) fn member(
        &mut self,
        name: &[u8],
        raw: &[u8],
        place: Option<usize>,
        keys: &mut KeyCache,
    ) -> bool {
        let frame = &mut self.top;
        if let Step::Kept(start, _) = frame.step {
            self.kept.truncate(start);
        }
        frame.here.move_to(&mut frame.value, &Name::of(name), keys);
        frame.step = match place {
            Some(start) => Step::Chunk(start, start.wrapping_add(raw.len())),
            None => keep(&mut self.kept, raw),
        };
        !frame.value.is_name_clean()
    }

    /// Moves on to the member whose name `written` begins with and stands at `place` in the chunk, if
    /// that name was to be expected and nothing hides in it. Its length.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for every name, and with vectors only where it is part of the lane"
    )]
    pub(crate) fn foresees(
        &mut self,
        place: usize,
        written: &[u8; AHEAD_BYTES],
        keys: &KeyCache,
    ) -> Option<usize> {
        let frame = &mut self.top;
        if matches!(frame.step, Step::Kept(..)) {
            return None;
        }
        let length = frame.here.foresees(&mut frame.value, written, keys)?;
        frame.step = Step::Chunk(place, place.wrapping_add(length));
        Some(length)
    }

    /// Tells the object that the member just seen says `text` of its siblings.
    pub(crate) fn observe(&mut self, text: &[u8], keys: &mut KeyCache) {
        let frame = &mut self.top;
        if matches!(frame.step, Step::Chunk(..) | Step::Kept(..) | Step::Unnamed) {
            frame.here.observe(&frame.value, text, keys);
        }
    }

    /// Whether a bland value, the first `length` bytes of `ahead`, is told nothing here and tells what
    /// it told before, which is heard herewith.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for many values, and with vectors only where it is part of the lane"
    )]
    pub(crate) fn hears(
        &mut self,
        length: usize,
        ahead: &[u8; AHEAD_BYTES],
        keys: &KeyCache,
    ) -> bool {
        let Frame { here, value, step } = &mut self.top;
        matches!(step, Step::Chunk(..))
            && value.is_untold()
            && here.hears(value, length, ahead, keys)
    }

    /// The last name is itself a finding and may not be told.
    pub(crate) fn hide_name(&mut self) {
        if let Step::Kept(start, _) = self.top.step {
            self.kept.truncate(start);
        }
        self.top.step = Step::Unnamed;
    }

    /// Copies the names that are still needed out of the chunk, which goes.
    pub(crate) fn keep_names(&mut self, chunk: &[u8]) {
        let outer = self.outer.iter_mut().map(|outer| &mut outer.step);
        for step in outer.chain([&mut self.top.step]) {
            if let Step::Chunk(start, end) = *step {
                *step = keep(&mut self.kept, chunk.get(start..end).unwrap_or_default());
            }
        }
    }

    /// The path template of the value that comes next.
    pub(crate) fn path(&self, chunk: &[u8]) -> String {
        let mut path = String::new();
        for step in self.steps() {
            let name = match step {
                Step::Element => Some("*"),
                _ => self.written(step, chunk).and_then(tellable),
            };
            path.push('/');
            path.push_str(name.unwrap_or("?"));
        }
        path
    }

    /// Whether this is [`Trail::path`].
    pub(crate) fn is_at(&self, path: &str, chunk: &[u8]) -> bool {
        let mut rest = path.as_bytes();
        for step in self.steps() {
            let Some(name) = rest.strip_prefix(b"/") else {
                return false;
            };
            let written = self.written(step, chunk);
            let behind = match (step, written) {
                (Step::Element, _) => segment(name, b"*"),
                // What a path tells has no slash and is none of the signs.
                (_, Some(written @ [first, ..])) if !matches!(first, b'*' | b'?') => {
                    segment(name, written).filter(|_| !written.contains(&b'/'))
                }
                _ => None,
            };
            let untold = || {
                let is_untold = written.and_then(tellable).is_none();
                segment(name, b"?").filter(|_| is_untold && !matches!(step, Step::Element))
            };
            let Some(behind) = behind.or_else(untold) else {
                return false;
            };
            rest = behind;
        }
        rest.is_empty()
    }

    fn steps(&self) -> impl Iterator<Item = Step> {
        let outer = self.outer.iter().map(|outer| outer.step);
        let steps = outer.chain([self.top.step]);
        steps.filter(|step| !matches!(step, Step::Root))
    }

    /// The name of a step as it is written, if it has one.
    fn written<'a>(&'a self, step: Step, chunk: &'a [u8]) -> Option<&'a [u8]> {
        match step {
            Step::Chunk(start, end) => chunk.get(start..end),
            Step::Kept(start, end) => self.kept.get(start..end),
            Step::Root | Step::Element | Step::Unnamed => None,
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.outer.capacity() * size_of::<Outer>()
            + self.unnumbered.capacity() * size_of::<[Spot; 2]>()
            + self.kept.capacity()
    }
}

/// What is behind the first segment of a path, if that is this one.
fn segment<'a>(path: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let behind = path.strip_prefix(name)?;
    matches!(behind.first(), None | Some(b'/')).then_some(behind)
}

fn keep(kept: &mut Vec<u8>, name: &[u8]) -> Step {
    if tellable(name).is_none() {
        return Step::Unnamed;
    }
    let start = kept.len();
    kept.extend_from_slice(name);
    Step::Kept(start, kept.len())
}

/// The name, if it looks like one that a schema gives: `[A-Za-z_$][A-Za-z0-9_.$-]{0,63}`.
/// Written with an escape it does not.
pub(crate) fn tellable(name: &[u8]) -> Option<&str> {
    let leads = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    let follows = |byte: &u8| byte.is_ascii_alphanumeric() || b"_$.-".contains(byte);
    let (first, rest) = name.split_first()?;
    let tellable = name.len() <= NAME_BYTES_MAX && leads(first) && rest.iter().all(follows);
    tellable.then(|| std::str::from_utf8(name).ok()).flatten()
}
