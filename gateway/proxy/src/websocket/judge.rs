//! What becomes of one message: a document of its own, judged like a body.

use std::collections::VecDeque;

use admission::Permit;
use audit::BodyRecord;
use bytes::{Bytes, BytesMut};
use policy::Towards;
use redaction::{Coding, Format, Media, shape::Plan};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::{
    body::Source,
    gateway::{Gateway, Uninspected},
    limits,
    pump::{Broken, Pump},
    record,
    refusal::Interruption,
    request, response,
    route::Way,
    spending::Spending,
    veil::Veil,
};

/// The gap in the record of a message that is not text.
const BINARY: &str = "message_binary";

/// Judges the messages of one direction.
pub(super) struct Judge<'r> {
    pub(super) gateway: &'r Gateway,
    pub(super) permit: &'r Permit,
    pub(super) way: &'r Way,
    pub(super) towards: Towards,
    /// Over the credential, which may come back from the upstream.
    pub(super) veil: Option<Veil>,
    /// What messages show is debited here, if it is from the upstream.
    pub(super) spending: Option<&'r mut Spending>,
    /// Whether the records in them are counted one by one.
    pub(super) counted: bool,
    pub(super) record: &'r mut BodyRecord,
}

impl Judge<'_> {
    /// What goes on of a message; others than of text or bytes do not.
    pub(super) async fn message(&mut self, message: Message) -> Result<Message, Interruption> {
        *self.record.messages.get_or_insert_default() += 1;
        match message {
            Message::Text(text) => {
                let judged = self.text(text.into()).await?;
                Ok(Message::Text(judged))
            }
            Message::Binary(bytes) => {
                let judged = self.judge(bytes, None).await?;
                Ok(Message::Binary(judged))
            }
            other => Ok(other),
        }
    }

    /// What goes on of a text.
    pub(super) async fn text(&mut self, text: Bytes) -> Result<Utf8Bytes, Interruption> {
        let media = media(&text);
        let judged = self.judge(text, Some(media)).await?;
        let judged = Utf8Bytes::try_from(judged);
        judged.map_err(|_| self.interruption(Broken::Unreadable("it is not text".to_owned())))
    }

    async fn judge(&mut self, bytes: Bytes, media: Option<Media>) -> Result<Bytes, Interruption> {
        if bytes.is_empty() {
            return Ok(bytes);
        }
        let received = bytes.len() as u64;
        let mut pump = match self.pump(bytes, media) {
            Ok(pump) => pump,
            Err(gap) => {
                let record = BodyRecord {
                    received,
                    gaps: vec![gap.to_owned()],
                    ..BodyRecord::default()
                };
                record::absorb(self.record, record);
                return Err(self.interruption(Broken::Uninspected(gap)));
            }
        };
        let read = pump.read_up_to(u64::MAX).await.and_then(|()| {
            let most = limits::WEBSOCKET_RELEASED_BYTES_MAX as u64;
            let is_long = pump.waiting_bytes() > most;
            let long = || Broken::Unreadable("what stands in its place is too long".to_owned());
            if is_long { Err(long()) } else { Ok(()) }
        });
        let released = read.map_err(|broken| self.interruption(broken));
        let released = match (released, self.spending.as_mut()) {
            (Ok(()), Some(spending)) => spending.spend_message(&mut pump).await,
            (released, _) => released,
        };
        let released = released.map(|()| pump.take_all());
        record::absorb(self.record, pump.record());
        Ok(joined(released?))
    }

    /// A message on its way, or why nobody can look into it; text of no kind is bytes.
    fn pump(&self, bytes: Bytes, media: Option<Media>) -> Result<Box<Pump>, &'static str> {
        let source = Source::Whole(Some(bytes));
        let plan = match self.towards {
            Towards::Agent => self.way.answers.plan(self.permit),
            Towards::Service => Plan::default(),
        };
        // In what is not JSON the rows of others cannot be told from one's own, nor records be counted.
        let unknown = match media {
            Some(Media::Json) => None,
            _ if !plan.is_empty() => Some("rows_unknown"),
            _ if self.counted => Some("records_unknown"),
            _ => None,
        };
        if let Some(gap) = unknown {
            return Err(gap);
        }
        let Some(media) = media else {
            return if self.gateway.uninspected == Uninspected::Refuse {
                Err(BINARY)
            } else {
                let idle = self.way.service.timeouts.idle;
                Ok(Pump::blind(source, BINARY, idle).veiled(self.veil.clone()))
            };
        };
        let format = (Format::Document(media), Coding::Identity);
        let mut pump = Pump::governed(
            source,
            self.gateway,
            self.permit,
            self.way,
            self.towards,
            format,
            None,
        )
        .shaped(plan)
        .veiled(self.veil.clone());
        if self.counted {
            let service = &self.permit.operation().service;
            let records = self.way.answers.records.clone();
            pump = pump.counting(records, service, &self.gateway.pseudonyms);
        }
        Ok(pump)
    }

    /// Why a message does not go on.
    fn interruption(&self, broken: Broken) -> Interruption {
        match self.towards {
            Towards::Service => request::interruption(broken),
            Towards::Agent => response::interruption(broken),
        }
    }
}

/// What a text is: JSON if it begins as an object, an array or a string does. What begins so and is no JSON is
/// refused, since who reads it more loosely would find in it what was not found here.
fn media(text: &[u8]) -> Media {
    let mut bytes = text.iter();
    match bytes.find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[' | b'"') => Media::Json,
        _ => Media::Text,
    }
}

/// Pieces as one: most often they are one.
fn joined(mut pieces: VecDeque<Bytes>) -> Bytes {
    if pieces.len() == 1 {
        return pieces.pop_front().unwrap_or_default();
    }
    let mut all = BytesMut::new();
    for piece in &pieces {
        all.extend_from_slice(piece);
    }
    all.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_as_json_is_judged_as_that() {
        for text in ["{", " [1]", "\n\"a\"", "{not json"] {
            assert_eq!(media(text.as_bytes()), Media::Json, "{text}");
        }
        for text in ["", "42[\"a\"]", "plain", "7", "null", "  "] {
            assert_eq!(media(text.as_bytes()), Media::Text, "{text}");
        }
    }

    #[test]
    fn pieces_are_joined_in_order() {
        let pieces = ["a", "b", "", "c"].map(|it| Bytes::from_static(it.as_bytes()));
        assert_eq!(joined(VecDeque::from(pieces)), "abc");
        assert_eq!(joined(VecDeque::new()), "");
    }
}
