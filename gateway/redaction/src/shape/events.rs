//! Rows in the events of a stream: the data of each event is a document of its own, as each message of
//! MCP is. Caps hold for all of them together, save where each message answers a request of its own
//! ([`Answers`](super::Answers)).
//!
//! Data that are no JSON cannot be told from rows of others, so that they end the answer. What is no
//! data of an event passes as it came.

use classifiers::media::sse::{self, Line};
use json_event_parser::JsonEvent;

use super::answers::Message;
use super::tokens::Tokens;
use super::walk::Walk;
use super::{HELD_BYTES_MAX, Plan, Withheld};
use crate::{Gap, Gaps, Interrupted};

const TOO_LONG: Interrupted =
    Interrupted::Form("an event is too long to be told from others' rows");
/// An event is held whole; lists of tools are long.
const EVENT_BYTES_MAX: usize = 4 * HELD_BYTES_MAX;
const NO_DOCUMENT: Interrupted = Interrupted::Form("the data of an event are no JSON document");

/// What ends streams of OpenAI's.
const DONE: &[u8] = b"[DONE]";

/// Shapes the events of a stream as they come.
pub(super) struct Events {
    /// What is held to what was asked for, where messages are answers.
    plan: Option<Plan>,
    walk: Walk,
    /// What stayed behind of messages that were walked through alone, and what was not read of them.
    before: Withheld,
    gaps: Gaps,
    /// What came and was not read: less than a line.
    open: Vec<u8>,
    /// The lines of the open event, and its data.
    event: Vec<u8>,
    data: Vec<u8>,
    /// Its lines that are no data.
    rest: Vec<u8>,
    has_data: bool,
    begun: bool,
}

impl Events {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan: plan.answers.is_some().then(|| plan.clone()),
            walk: Walk::new(plan),
            before: Withheld::default(),
            gaps: Gaps::default(),
            open: Vec::new(),
            event: Vec::new(),
            data: Vec::new(),
            rest: Vec::new(),
            has_data: false,
            begun: false,
        }
    }

    pub(super) fn withheld(&self) -> Withheld {
        let mut withheld = self.before;
        withheld.add(self.walk.withheld());
        withheld
    }

    pub(super) fn gaps(&self) -> Gaps {
        self.gaps | self.walk.gaps
    }

    pub(super) fn held(&self) -> usize {
        self.open.len() + self.event.len()
    }

    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Interrupted> {
        self.open.extend_from_slice(chunk);
        while let Some(end) = line_end(&self.open) {
            let rest = self.open.split_off(end);
            let line = std::mem::replace(&mut self.open, rest);
            self.line(&line, out)?;
        }
        if self.held() > EVENT_BYTES_MAX {
            return Err(TOO_LONG);
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Interrupted> {
        let line = std::mem::take(&mut self.open);
        if !line.is_empty() {
            self.line(&line, out)?;
        }
        // Some readers take an event that no empty line ended.
        self.dispatch(b"", out)
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), Interrupted> {
        let begun = std::mem::replace(&mut self.begun, true);
        let mark = usize::from(!begun && line.starts_with(b"\xEF\xBB\xBF")) * 3;
        let text = line.get(mark..).unwrap_or_default();
        let ends = text
            .iter()
            .rev()
            .take_while(|byte| b"\r\n".contains(byte))
            .count();
        let text = text.get(..text.len() - ends).unwrap_or_default();
        match sse::line(text) {
            Line::Empty => return self.dispatch(line, out),
            Line::Field(name, value) if text.get(name.clone()) == Some(b"data") => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data
                    .extend_from_slice(text.get(value).unwrap_or_default());
            }
            Line::Comment(_) | Line::Field(..) => self.rest.extend_from_slice(line),
        }
        self.event.extend_from_slice(line);
        Ok(())
    }

    /// Lets go on what may of the event that `end` ends.
    fn dispatch(&mut self, end: &[u8], out: &mut Vec<u8>) -> Result<(), Interrupted> {
        let event = std::mem::take(&mut self.event);
        let data = std::mem::take(&mut self.data);
        let rest = std::mem::take(&mut self.rest);
        let has_data = std::mem::take(&mut self.has_data);
        let text = data.trim_ascii();
        if !has_data || text.is_empty() || text == DONE {
            out.extend_from_slice(&event);
            out.extend_from_slice(end);
            return Ok(());
        }
        if !self.begin_message(&data) {
            out.extend_from_slice(&rest);
            out.extend_from_slice(end);
            return Ok(());
        }
        let mut left = Vec::with_capacity(data.len());
        let walk = &mut self.walk;
        let read = Tokens::new().push(&data, true, |event: &JsonEvent<'_>, raw| {
            walk.event(event, raw, &mut left)
        });
        read.map_err(|_| self.walk.stopped.clone().unwrap_or(NO_DOCUMENT))?;
        if left == data {
            out.extend_from_slice(&event);
        } else {
            out.extend_from_slice(&rest);
            for line in left.split(|byte| *byte == b'\n') {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(line);
                out.push(b'\n');
            }
        }
        out.extend_from_slice(end);
        Ok(())
    }
}

impl Events {
    /// Takes up what the message is held to. Whether it may be looked at: an answer to what nobody asked may
    /// be of any operation.
    fn begin_message(&mut self, data: &[u8]) -> bool {
        let Some((plan, answers)) = self
            .plan
            .as_ref()
            .and_then(|plan| Some((plan, plan.answers.as_ref()?)))
        else {
            return true;
        };
        let held_to = match Message::of(data) {
            Message::Call => Some(plan.clone()),
            Message::Answer(id) => id.and_then(|id| answers.plan(&id)),
        };
        let is_known = held_to.is_some();
        if !is_known {
            self.before.unbound += 1;
            self.gaps.note(Gap::RowsUnknown);
        }
        let walk = Walk::new(Plan {
            answers: None,
            opaque: plan.opaque,
            ..held_to.unwrap_or_default()
        });
        let walked = std::mem::replace(&mut self.walk, walk);
        self.before.add(walked.withheld());
        self.gaps |= walked.gaps;
        is_known
    }
}

/// Where the first line ends, if it is told: the last byte may be the first half of a line's end.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let end = sse::line_end(bytes, 0)?;
    match (bytes.get(end - 1), bytes.get(end)) {
        (Some(b'\r'), None) => None,
        (Some(b'\r'), Some(b'\n')) => Some(end + 1),
        _ => Some(end),
    }
}
