//! Protobuf messages, read by an operator's descriptors: one, or the frames of a gRPC body.
//!
//! A message is written as a JSON document under its fields' names, that is judged and edited as any
//! other, and what came out of it is put back into the message (`bridge`). So the same classifiers and
//! obligations hold, and the same places are on record. What goes on is always encoded anew: a reader
//! takes the last of two values of a field, and the first would pass unseen.

mod bridge;
mod web;

use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use data_encoding::BASE64;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use crate::coding::Decoder;
use crate::uninspected::{Gap, Gaps, Opaque};
use crate::{
    Coding, Disclose, DocumentRestorer, Interrupted, Media, Output, Pseudonyms, Redactor, Restore,
    Restored, Summary, Undecodable, Workspace,
};
use bridge::Bridge;
use web::Web;
pub use web::ending;

/// A message is held whole while it is judged; a longer one interrupts the body.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// What stands before a message of gRPC: whether it is compressed, and its length.
const FRAME_HEAD_BYTES: usize = 5;

/// How messages stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The body is one message.
    Whole,
    /// Frames of gRPC; those that say so are compressed in this coding.
    Grpc(Coding),
    /// The same of gRPC-Web, whose last frame is the status.
    Web(Coding),
    /// The same in base64.
    WebText(Coding),
}

impl Framing {
    /// In which coding its frames are, if it has some.
    fn coding(self) -> Option<Coding> {
        match self {
            Self::Whole => None,
            Self::Grpc(coding) | Self::Web(coding) | Self::WebText(coding) => Some(coding),
        }
    }
}

/// What messages and methods there are: a `FileDescriptorSet`.
#[derive(Clone, Debug)]
pub struct Descriptors(DescriptorPool);

/// The type of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageType(MessageDescriptor);

/// What a method of gRPC takes and gives.
#[derive(Clone, Debug)]
pub struct Method {
    /// Of each message of a request.
    pub request: MessageType,
    /// Of each message of an answer.
    pub response: MessageType,
    /// Whether a request may have several messages, so that an answer may come before its last.
    pub request_streams: bool,
}

impl Descriptors {
    /// Those in a file that `protoc --include_imports --descriptor_set_out` wrote; else what is wrong
    /// with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let pool = DescriptorPool::decode(bytes).map_err(|error| error.to_string())?;
        Ok(Self(pool))
    }

    /// The message of this full name: `crm.v1.Customer`.
    pub fn message(&self, name: &str) -> Option<MessageType> {
        self.0.get_message_by_name(name).map(MessageType)
    }

    /// The method at the path of a request: `/crm.v1.Customers/Get`.
    pub fn method(&self, path: &str) -> Option<Method> {
        let (service, name) = path.strip_prefix('/')?.split_once('/')?;
        let service = self.0.get_service_by_name(service)?;
        let method = service.methods().find(|method| method.name() == name)?;
        Some(Method {
            request: MessageType(method.input()),
            response: MessageType(method.output()),
            request_streams: method.is_client_streaming(),
        })
    }
}

/// Edits the messages of one body as they come.
pub(crate) struct Protobuf<D> {
    framing: Framing,
    /// Nothing where nobody told what the messages are.
    message: Option<MessageType>,
    disclose: D,
    pseudonyms: Arc<dyn Pseudonyms>,
    work: Box<Workspace>,
    opaque: Opaque,
    /// Who turns tokens back, and what became of them.
    restoring: Option<(Box<dyn Restore + Send>, Restored)>,
    /// Bytes of the message that is not whole.
    buffer: BytesMut,
    web: Web,
    summary: Summary,
    gaps: Gaps,
}

impl<D: Disclose + Clone> Protobuf<D> {
    pub(crate) fn new(
        framing: Framing,
        disclose: D,
        pseudonyms: Arc<dyn Pseudonyms>,
        work: Box<Workspace>,
    ) -> Self {
        Self {
            framing,
            message: None,
            disclose,
            pseudonyms,
            work,
            opaque: Opaque::Pass,
            restoring: None,
            buffer: BytesMut::new(),
            web: Web::default(),
            summary: Summary::default(),
            gaps: Gaps::default(),
        }
    }

    pub(crate) fn of(&mut self, message: MessageType) {
        self.message = Some(message);
    }

    pub(crate) fn restore(&mut self, restore: Box<dyn Restore + Send>) {
        self.restoring = Some((restore, Restored::default()));
    }

    pub(crate) fn restored(&self) -> Option<&Restored> {
        self.restoring.as_ref().map(|(_, restored)| restored)
    }

    pub(crate) fn treating(mut self, opaque: Opaque) -> Self {
        self.opaque = opaque;
        self
    }

    pub(crate) fn push(&mut self, chunk: &Bytes, out: &mut Output) -> Result<(), Interrupted> {
        let plain = match self.framing {
            Framing::WebText(_) => self.web.decode(chunk)?,
            _ => chunk.clone(),
        };
        let mut rest = plain.as_ref();
        while !rest.is_empty() {
            // One frame at a time, so that no more than one is held however much comes.
            let wanted = self.wanted()?;
            let taken = rest.len().min(wanted.saturating_sub(self.buffer.len()));
            let (now, later) = rest.split_at_checked(taken).unwrap_or_default();
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.framing == Framing::Whole {
                if !rest.is_empty() {
                    return Err(TOO_LONG);
                }
            } else if self.buffer.len() >= self.wanted()? {
                self.frame(out)?;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        match self.framing {
            Framing::Whole => {
                let message = self.buffer.split().freeze();
                let edited = self.edit(&message)?;
                out.write(&edited);
                Ok(())
            }
            _ if self.buffer.is_empty() && !self.web.is_within() => Ok(()),
            _ => Err(Interrupted::Form("the body ends within a message")),
        }
    }

    /// How long what is open is, as far as one can tell.
    fn wanted(&self) -> Result<usize, Interrupted> {
        if self.framing == Framing::Whole {
            return Ok(MESSAGE_BYTES_MAX);
        }
        let Some([_, length @ ..]) = self.buffer.first_chunk::<FRAME_HEAD_BYTES>() else {
            return Ok(FRAME_HEAD_BYTES);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > MESSAGE_BYTES_MAX {
            return Err(TOO_LONG);
        }
        Ok(FRAME_HEAD_BYTES + length)
    }

    /// Edits the frame that is whole.
    fn frame(&mut self, out: &mut Output) -> Result<(), Interrupted> {
        let frame = self.buffer.split().freeze();
        let compressed = frame.first().copied();
        let mut message = frame.clone();
        message.advance(FRAME_HEAD_BYTES.min(frame.len()));
        if self.web.status().is_some() {
            return Err(Interrupted::Form("a message behind the status of a call"));
        }
        let message = match (compressed, self.framing.coding()) {
            (Some(0), _) => message,
            (Some(1), Some(coding)) if coding != Coding::Identity => unfolded(coding, &message)?,
            (Some(web::TRAILERS), _) if !matches!(self.framing, Framing::Grpc(_)) => {
                return self.web.end(&message);
            }
            _ => {
                return Err(Interrupted::Form(
                    "a message is compressed in an unknown way",
                ));
            }
        };
        let edited = self.edit(&message)?;
        let Ok(length) = u32::try_from(edited.len()) else {
            return Err(TOO_LONG);
        };
        // What was judged goes on uncompressed, as any message may.
        let frame = [&[0], &length.to_be_bytes()[..], &edited].concat();
        out.write(&match self.framing {
            Framing::WebText(_) => BASE64.encode(&frame).into_bytes(),
            _ => frame,
        });
        Ok(())
    }

    /// A message as it may be released.
    fn edit(&mut self, encoded: &Bytes) -> Result<Bytes, Interrupted> {
        let Some(MessageType(kind)) = self.message.clone() else {
            self.miss(Gap::MessageUnknown)?;
            return Ok(encoded.clone());
        };
        let mut message = DynamicMessage::decode(kind, encoded.clone())
            .map_err(|_| Interrupted::Form("a message is not what its descriptor says"))?;
        let bridge = Bridge::of(&message).ok_or(TOO_LONG)?;
        if bridge.has_unknown() {
            self.miss(Gap::FieldUnknown)?;
        }
        let document = Bytes::from(bridge.into_json());
        let mut redactor = Redactor::new(
            self.disclose.clone(),
            Arc::clone(&self.pseudonyms),
            std::mem::take(&mut self.work),
        )
        .treating(self.opaque);
        let mut judged = Output::new();
        let read = redactor
            .push(&document, &mut judged)
            .and_then(|()| redactor.finish(&mut judged));
        self.gaps |= redactor.gaps();
        let (found, work) = redactor.into_parts();
        self.summary.absorb(found, "");
        self.work = work;
        read?;
        let judged = self.with_values(judged.contiguous());
        if judged != document {
            bridge::put_back(&judged, &mut message)?;
        }
        Ok(message.encode_to_vec().into())
    }

    /// The JSON of a message with its tokens turned back.
    fn with_values(&mut self, judged: Bytes) -> Bytes {
        let Some((restore, restored)) = &mut self.restoring else {
            return judged;
        };
        let may = |class| restore.may_restore(class);
        let mut reader = DocumentRestorer::new(Media::Json, may, Arc::clone(&self.pseudonyms));
        let mut out = Output::new();
        reader.push(&judged, &mut out);
        reader.finish(&mut out);
        restored.add(reader.restored());
        out.contiguous()
    }

    fn miss(&mut self, gap: Gap) -> Result<(), Interrupted> {
        self.gaps.note(gap);
        match self.opaque {
            Opaque::Refuse => Err(Interrupted::Uninspected(gap)),
            Opaque::Pass => Ok(()),
        }
    }

    /// How the call ended, by the frame that a body of gRPC-Web ends with. That frame is not among what
    /// is released.
    pub(crate) fn status(&self) -> Option<&str> {
        self.web.status()
    }

    pub(crate) fn gaps(&self) -> Gaps {
        self.gaps
    }

    pub(crate) fn summary(&self) -> &Summary {
        &self.summary
    }

    pub(crate) fn into_parts(self) -> (Summary, Box<Workspace>) {
        (self.summary, self.work)
    }
}

const TOO_LONG: Interrupted = Interrupted::Form("a message is too long to be judged");

/// What a compressed message holds.
fn unfolded(coding: Coding, message: &Bytes) -> Result<Bytes, Interrupted> {
    let mut whole = BytesMut::new();
    let mut keep = |plain: &Bytes| {
        if whole.len() + plain.len() > MESSAGE_BYTES_MAX {
            return Err(Interrupted::Undecodable(Undecodable::Expansion));
        }
        whole.extend_from_slice(plain);
        Ok(())
    };
    let mut decoder = Decoder::new(coding);
    decoder.push(message, &mut keep)?;
    decoder.finish(&mut keep)?;
    Ok(whole.freeze())
}
