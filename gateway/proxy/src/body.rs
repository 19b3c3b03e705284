//! The bodies that come to the gateway, and the two that leave it: towards the upstream and towards
//! the agent.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::{request::Screened, response::Governed};

/// A body that comes: as it comes, or one that was read whole to be understood.
pub(crate) enum Source {
    /// From the wire.
    Wire(Incoming),
    /// All of it; none once it was taken.
    Whole(Option<Bytes>),
}

impl Body for Source {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Wire(incoming) => Pin::new(incoming).poll_frame(cx),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Wire(incoming) => incoming.is_end_stream(),
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
        }
    }
}

/// Why a body broke off; hyper turns it into a reset.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body towards an upstream.
pub(crate) type Outbound = Message<Screened>;

/// A body towards an agent.
pub(crate) type Inbound = Message<Governed>;

/// A body that is known whole, or one that is still being made.
pub(crate) enum Message<S> {
    /// All pieces are here, so that the length is known.
    Whole(VecDeque<Bytes>),
    /// Pieces come as they are judged.
    Stream(Box<S>),
}

impl<S> Message<S> {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::Whole(VecDeque::new())
    }

    /// A body of one piece.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::Whole(VecDeque::from([bytes]))
    }
}

impl<S> Body for Message<S>
where
    S: Body<Data = Bytes, Error = BoxError> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Whole(pieces) => {
                Poll::Ready(pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
            }
            Self::Stream(stream) => Pin::new(stream.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(pieces) => pieces.is_empty(),
            Self::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(pieces) => {
                SizeHint::with_exact(pieces.iter().map(|piece| piece.len() as u64).sum())
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
