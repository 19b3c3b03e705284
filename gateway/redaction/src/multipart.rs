//! Multipart forms (RFC 7578): every part is edited as what it is, between delimiters and under
//! header fields that stay.
//!
//! It is strict, because what two readers part differently hides from one of them (RFC 2046 section
//! 5.1.1 leaves a lot open): nothing stands before the first delimiter or behind the last, lines end
//! in CRLF, and a delimiter ends its line.

mod head;
mod tokens;

use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use classifiers::document::Media;

use crate::editor::Editor;
use crate::uninspected::{Gap, Gaps, Opaque};
use crate::{
    Disclose, DocumentRedactor, Interrupted, Output, Pseudonyms, Restore, Restored, Summary,
    Workspace,
};
use head::{Content, Head};
use tokens::Tokens;

/// Longest boundary, in bytes (RFC 2046 section 5.1.1).
pub const BOUNDARY_BYTES_MAX: usize = 70;
/// Most parts of one form.
pub const PARTS_MAX: usize = 1024;
/// The header fields of one part, in bytes.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

/// What parts a form; a small value that is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    bytes: [u8; BOUNDARY_BYTES_MAX],
    length: u8,
}

impl Boundary {
    /// The boundary that a `content-type` of `multipart/form-data` names, if it is one.
    pub fn named(media_type: &str) -> Option<Self> {
        let (essence, parameters) = media_type.split_once(';')?;
        if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        // Some read `boundary*` and `boundary*0` (RFC 2231) as another one.
        let is_boundary = |name: &str| {
            let name = name.trim().to_ascii_lowercase();
            name.starts_with("boundary").then_some(name == "boundary")
        };
        let mut boundaries = parameters
            .split(';')
            .filter_map(|parameter| parameter.split_once('='))
            .filter_map(|(name, value)| Some((is_boundary(name)?, value.trim())));
        let (true, value) = boundaries.next()? else {
            return None;
        };
        let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let text = quoted.unwrap_or(value).as_bytes();
        let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(byte);
        let mut bytes = [0; BOUNDARY_BYTES_MAX];
        let fits = boundaries.next().is_none() && !text.is_empty() && text.iter().all(is_char);
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        let length = u8::try_from(text.len()).ok()?;
        fits.then_some(Self { bytes, length })
    }

    fn text(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

/// Edits one form as it streams.
pub(crate) struct Multipart<D> {
    disclose: D,
    pseudonyms: Arc<dyn Pseudonyms>,
    opaque: Opaque,
    /// A line end, two dashes and the boundary.
    delimiter: Vec<u8>,
    state: State<D>,
    /// Bytes that came and were not looked at for good.
    buffer: BytesMut,
    work: Box<Workspace>,
    summary: Summary,
    parts: usize,
    gaps: Gaps,
    /// Who turns tokens back in the parts, if anybody does.
    tokens: Option<Tokens>,
}

enum State<D> {
    /// Before the first delimiter.
    Start,
    /// Behind a delimiter.
    Delimited,
    Head,
    Part {
        /// None where the part passes as it is.
        editor: Option<Box<Editor<D>>>,
        /// What stands before the paths of its findings.
        place: String,
        /// Whether some of it went on.
        is_begun: bool,
    },
    End,
}

const BAD_DELIMITER: &str = "a delimiter of the form is not a line of its own";

impl<D: Disclose + Clone> Multipart<D> {
    pub(crate) fn new(
        boundary: Boundary,
        opaque: Opaque,
        disclose: D,
        pseudonyms: Arc<dyn Pseudonyms>,
        work: Box<Workspace>,
    ) -> Self {
        Self {
            disclose,
            pseudonyms,
            opaque,
            delimiter: [b"\r\n--", boundary.text()].concat(),
            state: State::Start,
            buffer: BytesMut::new(),
            work,
            summary: Summary::default(),
            parts: 0,
            gaps: Gaps::default(),
            tokens: None,
        }
    }

    /// Turns tokens back in the parts, for whom `restore` allows.
    pub(crate) fn restore(&mut self, restore: Box<dyn Restore + Send>) {
        let keys = Arc::clone(&self.pseudonyms);
        self.tokens = Some(Tokens::new(restore, keys, self.delimiter.clone()));
    }

    /// What became of tokens in the parts that ended.
    pub(crate) fn restored(&self) -> Option<&Restored> {
        self.tokens.as_ref().map(Tokens::restored)
    }

    /// Takes the next bytes, appends to `out` what may be released.
    pub(crate) fn push(&mut self, chunk: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        self.buffer.extend_from_slice(chunk);
        while self.step(out)? {}
        Ok(())
    }

    /// Ends the form.
    pub(crate) fn finish(&mut self) -> Result<(), Interrupted> {
        match self.state {
            State::End => Ok(()),
            _ => Err(Interrupted::Form("the form ends early")),
        }
    }

    pub(crate) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What passed that was not inspected, or would have.
    pub(crate) fn gaps(&self) -> Gaps {
        match &self.state {
            State::Part {
                editor: Some(editor),
                ..
            } => self.gaps | editor.gaps(),
            _ => self.gaps,
        }
    }

    pub(crate) fn into_parts(self) -> (Summary, Box<Workspace>) {
        let work = match self.state {
            State::Part {
                editor: Some(editor),
                ..
            } => editor.into_parts().1,
            _ => self.work,
        };
        (self.summary, work)
    }

    /// Goes on by one piece of the form. Returns whether there may be another.
    fn step(&mut self, out: &mut Output) -> Result<bool, Interrupted> {
        match &mut self.state {
            State::Start => self.start(out),
            State::Delimited => self.delimited(out),
            State::Head => self.head(out),
            State::Part { .. } => self.part(out),
            State::End if self.buffer.iter().all(|byte| b"\r\n".contains(byte)) => {
                self.release(self.buffer.len(), out);
                Ok(false)
            }
            State::End => Err(Interrupted::Form("something follows the form")),
        }
    }

    fn start(&mut self, out: &mut Output) -> Result<bool, Interrupted> {
        let first = self.delimiter.get(2..).unwrap_or_default();
        let seen = self.buffer.len().min(first.len());
        if self.buffer.get(..seen) != first.get(..seen) {
            return Err(Interrupted::Form("something stands before the form"));
        }
        let whole = seen == first.len();
        if whole {
            self.release(seen, out);
            self.state = State::Delimited;
        }
        Ok(whole)
    }

    fn delimited(&mut self, out: &mut Output) -> Result<bool, Interrupted> {
        self.state = match self.buffer.get(..2) {
            None => return Ok(false),
            Some(b"--") => State::End,
            Some(b"\r\n") if self.parts < PARTS_MAX => State::Head,
            Some(b"\r\n") => return Err(Interrupted::Form("the form has too many parts")),
            Some(_) => return Err(Interrupted::Form(BAD_DELIMITER)),
        };
        self.parts += 1;
        self.release(2, out);
        Ok(true)
    }

    fn head(&mut self, out: &mut Output) -> Result<bool, Interrupted> {
        let end = if self.buffer.starts_with(b"\r\n") {
            Some(0)
        } else {
            memchr::memmem::find(&self.buffer, b"\r\n\r\n").map(|at| at + 2)
        };
        let Some(end) = end.filter(|end| *end <= HEAD_BYTES_MAX) else {
            return if self.buffer.len() > HEAD_BYTES_MAX + 2 {
                Err(Interrupted::Form("the fields of a part are too long"))
            } else {
                Ok(false)
            };
        };
        let fields = self.buffer.split_to(end).freeze();
        let head = Head::of(&fields).ok_or(Interrupted::Form("the fields of a part are broken"))?;
        self.edit_fields(&fields, out)?;
        self.release(2, out);
        self.open(&head)?;
        Ok(true)
    }

    /// Edits the header fields of a part: names of files can be names of people.
    fn edit_fields(&mut self, fields: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        let mut editor = Editor::Document(DocumentRedactor::new(
            Media::Text,
            self.disclose.clone(),
            Arc::clone(&self.pseudonyms),
            std::mem::take(&mut self.work),
        ));
        let mut edited = Output::new();
        let read = editor
            .push(fields, &mut edited)
            .and_then(|()| editor.finish(&mut edited));
        self.close(editor, "/@headers");
        out.write(&edited.contiguous());
        read
    }

    fn open(&mut self, head: &Head) -> Result<(), Interrupted> {
        let place = head.place();
        let opaque = self.opaque;
        let mut work = || std::mem::take(&mut self.work);
        let editor = match &head.content {
            Content::Document(media) => Some(Editor::new(
                *media,
                self.disclose.clone(),
                Arc::clone(&self.pseudonyms),
                work(),
            )),
            Content::Field(name) => Some(Editor::Document(DocumentRedactor::named(
                name,
                self.disclose.clone(),
                Arc::clone(&self.pseudonyms),
                work(),
            ))),
            Content::Opaque => {
                self.gaps.note(Gap::PartUnknown);
                if self.opaque == Opaque::Refuse {
                    return Err(Interrupted::Uninspected(Gap::PartUnknown));
                }
                None
            }
        };
        if let Some(tokens) = &mut self.tokens {
            tokens.begin(match &head.content {
                Content::Document(media) => Some(*media),
                Content::Field(_) => Some(Media::Text),
                Content::Opaque => None,
            });
        }
        self.state = State::Part {
            editor: editor.map(|editor| Box::new(editor.treating(opaque))),
            place,
            is_begun: false,
        };
        Ok(())
    }

    fn part(&mut self, out: &mut Output) -> Result<bool, Interrupted> {
        let found = self.part_end()?;
        let length = found.unwrap_or_else(|| {
            // The delimiter may have begun.
            let begun = self.delimiter.len() - 1;
            self.buffer.len().saturating_sub(begun)
        });
        let content = self.buffer.split_to(length).freeze();
        if let State::Part { editor, .. } = &mut self.state {
            let mut judged = Output::new();
            match editor {
                Some(editor) => editor.push(&content, &mut judged)?,
                None => judged.write(&content),
            }
            pass(&mut self.tokens, judged, false, out)?;
        }
        if found.is_none() {
            return Ok(false);
        }
        if let State::Part { editor, place, .. } =
            std::mem::replace(&mut self.state, State::Delimited)
            && let Some(mut editor) = editor
        {
            let mut judged = Output::new();
            let finished = editor.finish(&mut judged);
            self.close(*editor, &place);
            finished?;
            pass(&mut self.tokens, judged, true, out)?;
        }
        self.release(self.delimiter.len(), out);
        Ok(true)
    }

    /// Where the delimiter stands that ends the part. A line that begins like one and is none is one to
    /// those who read line feeds, or an empty part, more loosely.
    fn part_end(&mut self) -> Result<Option<usize>, Interrupted> {
        let State::Part { is_begun, .. } = &mut self.state else {
            return Ok(None);
        };
        let dashes = self.delimiter.get(2..).unwrap_or_default();
        for at in memchr::memmem::find_iter(&self.buffer, dashes) {
            match self.buffer.get(..at).unwrap_or_default() {
                [.., b'\r', b'\n'] => return Ok(Some(at - 2)),
                [.., b'\r' | b'\n'] => return Err(Interrupted::Form(BAD_DELIMITER)),
                [] if !*is_begun => return Err(Interrupted::Form(BAD_DELIMITER)),
                _ => {}
            }
        }
        // Once more is here than would be held, the next look does not begin where the part does.
        *is_begun |= self.buffer.len() >= self.delimiter.len();
        Ok(None)
    }

    /// Takes back what an editor worked with, and what it found.
    fn close(&mut self, editor: Editor<D>, place: &str) {
        self.gaps |= editor.gaps();
        let (found, work) = editor.into_parts();
        self.summary.absorb(found, place);
        self.work = work;
    }

    /// Releases bytes of the form itself.
    fn release(&mut self, length: usize, out: &mut Output) {
        out.write(self.buffer.get(..length).unwrap_or_default());
        self.buffer.advance(length.min(self.buffer.len()));
    }
}

/// Lets go on what a part released, with its tokens turned back if they are.
fn pass(
    tokens: &mut Option<Tokens>,
    judged: Output,
    ended: bool,
    out: &mut Output,
) -> Result<(), Interrupted> {
    if let Some(tokens) = tokens {
        return tokens.pass(judged, ended, out);
    }
    judged.for_each(|piece| out.write(&piece));
    Ok(())
}
