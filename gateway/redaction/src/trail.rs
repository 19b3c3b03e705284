//! Where the walk stands: one frame per open container, with what the classifier knows there and
//! the name it came by. Names stay in the chunk until it goes; a path is put together only for a
//! finding.

use classifiers::{Context, KeyCache};

/// A longer name is `?` in paths.
const NAME_BYTES_MAX: usize = 64;

/// How a value is reached from its container.
#[derive(Clone, Copy, Debug)]
enum Step {
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
    context: Context,
    /// Of the value that comes next in it.
    value: Context,
    step: Step,
}

/// The open containers, outermost first. At most `json::DEPTH_MAX`.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    frames: Vec<Frame>,
    /// Names whose chunk went, in the order of the frames: `DEPTH_MAX * NAME_BYTES_MAX` at most.
    kept: Vec<u8>,
}

impl Trail {
    pub(crate) fn clear(&mut self) {
        self.frames.clear();
        self.kept.clear();
    }

    /// The context of the value that comes next.
    #[inline]
    pub(crate) fn value(&self) -> &Context {
        self.frames
            .last()
            .map_or(&Context::ROOT, |frame| &frame.value)
    }

    #[inline]
    pub(crate) fn enter_object(&mut self) {
        let context = *self.value();
        self.frames.push(Frame {
            context,
            value: context,
            step: Step::Unnamed,
        });
    }

    #[inline]
    pub(crate) fn enter_array(&mut self) {
        let context = *self.value();
        self.frames.push(Frame {
            context,
            value: context.element(),
            step: Step::Element,
        });
    }

    #[inline]
    pub(crate) fn leave(&mut self) {
        if let Some(Frame {
            step: Step::Kept(start, _),
            ..
        }) = self.frames.pop()
        {
            self.kept.truncate(start);
        }
    }

    /// Moves on to the member `name`, written as `raw`, which stands in the chunk at `place` unless
    /// it began in an earlier one. Returns whether something may hide in the name itself.
    #[inline]
    pub(crate) fn member(
        &mut self,
        name: &[u8],
        raw: &[u8],
        place: Option<(usize, usize)>,
        keys: &mut KeyCache,
    ) -> bool {
        let Some(frame) = self.frames.last_mut() else {
            return true;
        };
        if let Step::Kept(start, _) = frame.step {
            self.kept.truncate(start);
        }
        frame.context.move_to(&mut frame.value, name, keys);
        frame.step = match place {
            Some((start, end)) => Step::Chunk(start, end),
            None => keep(&mut self.kept, raw),
        };
        !frame.value.is_name_clean()
    }

    /// Tells the object that the member just seen says `text` of its siblings.
    pub(crate) fn observe(&mut self, text: &[u8], keys: &mut KeyCache) {
        if let Some(frame) = self.frames.last_mut()
            && !matches!(frame.step, Step::Element)
        {
            frame.context.observe(&frame.value, text, keys);
        }
    }

    /// The last name is itself a finding and may not be told.
    pub(crate) fn hide_name(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            if let Step::Kept(start, _) = frame.step {
                self.kept.truncate(start);
            }
            frame.step = Step::Unnamed;
        }
    }

    /// Copies the names that are still needed out of the chunk, which goes.
    pub(crate) fn keep_names(&mut self, chunk: &[u8]) {
        for frame in &mut self.frames {
            if let Step::Chunk(start, end) = frame.step {
                frame.step = keep(&mut self.kept, chunk.get(start..end).unwrap_or_default());
            }
        }
    }

    /// Writes the path template of the value that comes next.
    pub(crate) fn path(&self, chunk: &[u8], path: &mut String) {
        path.clear();
        for frame in &self.frames {
            let name = match frame.step {
                Step::Element => Some("*"),
                Step::Chunk(start, end) => tellable(chunk.get(start..end).unwrap_or_default()),
                Step::Kept(start, end) => tellable(self.kept.get(start..end).unwrap_or_default()),
                Step::Unnamed => None,
            };
            path.push('/');
            path.push_str(name.unwrap_or("?"));
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.frames.capacity() * size_of::<Frame>() + self.kept.capacity()
    }
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
fn tellable(name: &[u8]) -> Option<&str> {
    let leads = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    let follows = |byte: &u8| byte.is_ascii_alphanumeric() || b"_$.-".contains(byte);
    let (first, rest) = name.split_first()?;
    let tellable = name.len() <= NAME_BYTES_MAX && leads(first) && rest.iter().all(follows);
    tellable.then(|| std::str::from_utf8(name).ok()).flatten()
}
