//! The agent's body on its way to the service: screened before anything is sent.
//!
//! Up to [`limits::WHOLE_BODY_BYTES_MAX`] is judged before the upstream hears of the request, so a
//! refusal costs it zero bytes. A longer body is judged as it streams; what is refused then breaks
//! the request off in the middle.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use admission::Permit;
use audit::BodyRecord;
use bytes::Bytes;
use http::request::Parts;
use http_body::{Body, Frame};
use hyper::body::Incoming;

use crate::{
    account::Account,
    body::{BoxError, Outbound},
    gateway::{Gateway, Uninspected},
    limits,
    media::{self, Media},
    pump::{Broken, Pump},
    refusal::Interruption,
};

/// What became of a body that is still streaming, for the account.
#[derive(Debug, Default)]
pub(crate) struct Screening {
    record: BodyRecord,
    broken: Option<Interruption>,
}

/// The shared view of a streaming request body.
pub(crate) type Shared = Arc<Mutex<Screening>>;

/// Judges the body of an admitted request.
pub(crate) async fn screen(
    gateway: &Gateway,
    permit: &Permit,
    account: &mut Account,
    parts: &Parts,
    incoming: Incoming,
) -> Result<Outbound, Interruption> {
    let mut pump = match media::of(&parts.headers, incoming.is_end_stream()) {
        Media::Empty => return Ok(Outbound::empty()),
        Media::Opaque(gap) if gateway.uninspected == Uninspected::Refuse => {
            account.request.gaps.push(gap.to_owned());
            return Err(Interruption::request_uninspected(gap));
        }
        Media::Opaque(gap) => Pump::blind(incoming, gap),
        Media::Json(coding) => {
            Pump::inspecting(incoming, gateway, coding, permit.towards_service())
        }
    };
    let read = pump.read_up_to(limits::WHOLE_BODY_BYTES_MAX).await;
    if pump.ended() && read.is_ok() {
        let pieces = pump.take_all();
        account.request = pump.record();
        return Ok(Outbound::Whole(pieces));
    }
    account.request = pump.record();
    read.map_err(interruption)?;
    let shared = Shared::default();
    account.screening = Some(Arc::clone(&shared));
    Ok(Outbound::Stream(Box::new(Screened { pump, shared })))
}

/// The interruption behind a failed send, if the agent's side caused it; and the body's record.
pub(crate) fn settle(shared: &Shared) -> (BodyRecord, Option<Interruption>) {
    let screening = shared.lock().unwrap_or_else(PoisonError::into_inner);
    (screening.record.clone(), screening.broken.clone())
}

fn interruption(broken: Broken) -> Interruption {
    match broken {
        Broken::Source | Broken::Idle => Interruption::request_incomplete(),
        Broken::Unreadable(what) => Interruption::request_unreadable(&what),
        Broken::Blocked(class, policy) => Interruption::blocked(class, policy.as_ref()),
    }
}

/// A long request body, judged as it streams.
pub(crate) struct Screened {
    pump: Pump,
    shared: Shared,
}

impl Screened {
    fn report(&mut self, broken: Option<&Interruption>) {
        let record = self.pump.record();
        let mut screening = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        screening.record = record;
        screening.broken = broken.cloned();
    }
}

impl Body for Screened {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if let Some(piece) = this.pump.take() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if this.pump.ended() {
                this.report(None);
                return Poll::Ready(None);
            }
            if let Err(broken) = ready!(this.pump.poll_read(cx)) {
                let why = interruption(broken);
                this.report(Some(&why));
                return Poll::Ready(Some(Err(why.reason.into())));
            }
        }
    }
}

impl Drop for Screened {
    fn drop(&mut self) {
        if !self.pump.ended() {
            let known = settle(&self.shared).1;
            self.report(known.as_ref());
        }
    }
}
