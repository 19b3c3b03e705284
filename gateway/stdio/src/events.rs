//! The messages of a stream of events (WHATWG HTML section 9.2.6), as they come.

use classifiers::media::sse::{self, Line};

use crate::MESSAGE_BYTES_MAX;

/// An event is longer than [`MESSAGE_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Reads events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// The line that is open.
    line: Vec<u8>,
    /// The data of the event that is open.
    data: Vec<u8>,
    /// Whether what came last was a carriage return, so that a line feed is of the same end.
    after_return: bool,
}

impl Events {
    /// Takes what came, and gives the data of every event that ended with it.
    pub(crate) fn push(&mut self, some: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut ended = Vec::new();
        for byte in some {
            let is_second = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if is_second => {}
                b'\n' | b'\r' => ended.extend(self.end_line()),
                other => self.line.push(*other),
            }
        }
        if self.line.len() + self.data.len() > MESSAGE_BYTES_MAX {
            return Err(TooLong);
        }
        Ok(ended)
    }

    /// A line ended; gives the data of the event, if that did too.
    fn end_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        match sse::line(&line) {
            Line::Empty => Some(std::mem::take(&mut self.data)).filter(|data| !data.is_empty()),
            Line::Field(name, value) if line.get(name.clone()) == Some(b"data") => {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                let value = line.get(value).unwrap_or_default();
                self.data.extend_from_slice(value);
                None
            }
            Line::Comment(_) | Line::Field(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_however_they_are_cut() {
        let text = b": hello\r\n\r\nevent: message\r\ndata: {\r\ndata: }\r\n\r\nid: 7\n\ndata:[]\n\ndata: x";
        for cut in 0..=text.len() {
            let (one, two) = text.split_at(cut);
            let mut events = Events::default();
            let mut ended = events.push(one).expect("short");
            ended.extend(events.push(two).expect("short"));
            assert_eq!(ended, [&b"{\n}"[..], b"[]"], "{cut}");
        }
        let long = vec![b'x'; MESSAGE_BYTES_MAX + 1];
        assert_eq!(Events::default().push(&long), Err(TooLong));
    }
}
