//! The agent's body on its way to the service: screened before anything is sent.
//!
//! Up to [`limits::WHOLE_BODY_BYTES_MAX`] is judged before the upstream hears of the request, so a
//! refusal costs it zero bytes. A longer body is judged as it streams; what is refused then breaks
//! the request off in the middle.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use admission::Permit;
use audit::BodyRecord;
use bytes::Bytes;
use http_body::{Body, Frame};
use policy::Towards;
use redaction::{Coding, Framing, MessageType};
use tokio::sync::Notify;

use crate::{
    account::Account,
    body::{BoxError, Outbound, Source},
    credential::Presented,
    gateway::{Gateway, Uninspected},
    limits,
    media::Media,
    pace::Dialogue,
    pump::{Broken, Pump},
    refusal::Interruption,
    route::Way,
};

/// The gap in the record of a body that was still coming when the answer was complete.
const ABANDONED: &str = "upload_abandoned";

/// What became of a body that is still streaming.
#[derive(Debug, Default)]
struct State {
    record: BodyRecord,
    broken: Option<Interruption>,
    ended: bool,
    /// The answer is all there; whatever the agent still sends goes nowhere.
    abandoned: bool,
    /// Whoever sends the body, to be told of that.
    sender: Option<Waker>,
}

/// A streaming request body, as the account sees it: always as far as it went.
#[derive(Debug, Default)]
pub(crate) struct Screening {
    state: Mutex<State>,
    ending: Notify,
    /// What it is one side of, where it is.
    dialogue: Option<Dialogue>,
}

impl Screening {
    /// What the record says of the body so far.
    pub(crate) fn record(&self) -> BodyRecord {
        self.lock().record.clone()
    }

    /// Why it broke off, if it did.
    pub(crate) fn broken(&self) -> Option<Interruption> {
        self.lock().broken.clone()
    }

    /// Sends no more of it: the answer does not wait for an upload that waits for the answer.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        if let Some(sender) = state.sender.take() {
            sender.wake();
        }
    }

    /// Whether it was abandoned; if not, `sender` is woken once it is.
    fn is_abandoned(&self, sender: &Waker) -> bool {
        let mut state = self.lock();
        if !state.abandoned {
            state.sender = Some(sender.clone());
        }
        state.abandoned
    }

    /// What it is one side of, where the other may speak before it ends.
    pub(crate) fn dialogue(&self) -> Option<&Dialogue> {
        self.dialogue.as_ref()
    }

    /// Waits until no more of it will be sent.
    pub(crate) async fn ended(&self) {
        loop {
            let ending = self.ending.notified();
            if self.has_ended() {
                return;
            }
            ending.await;
        }
    }

    fn has_ended(&self) -> bool {
        self.lock().ended
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, record: BodyRecord, broken: Option<Interruption>, ended: bool) {
        let mut state = self.lock();
        state.record = record;
        state.broken = broken.or_else(|| state.broken.take());
        state.ended = ended;
        drop(state);
        if ended {
            self.ending.notify_waiters();
        }
    }
}

/// A request body that may go, and what became of it.
pub(crate) struct Judged {
    pub(crate) body: Outbound,
    /// Its content coding was undone.
    pub(crate) decoded: bool,
    /// Its bytes are, or may be, others than those that came.
    pub(crate) changed: bool,
}

impl Judged {
    /// A request without a body.
    pub(crate) fn nothing() -> Self {
        Self {
            body: Outbound::empty(),
            decoded: false,
            changed: false,
        }
    }
}

/// Judges the body of an admitted request.
pub(crate) async fn screen(
    gateway: &Gateway,
    permit: &Permit,
    way: &Way,
    account: &mut Account,
    (media, message): (Media, Option<MessageType>),
    source: Source,
) -> Result<Judged, Interruption> {
    let inspected = media.inspected(gateway.uninspected);
    let mut pump = match (media, inspected) {
        (Media::Opaque(gap), _) => Pump::blind(source, gap, way.service.timeouts.idle),
        (_, Some(inspected)) => Pump::governed(
            source,
            gateway,
            permit,
            way,
            Towards::Service,
            inspected,
            way.declared_request(),
        )
        .of_messages(message),
        (_, None) => return Ok(Judged::nothing()),
    };
    // Of several messages the next may wait for the answer to the first.
    let is_dialogue =
        matches!(media, Media::Protobuf(Framing::Grpc(_), _)) && way.request_streams();
    let dialogue = is_dialogue.then(Dialogue::new);
    match &dialogue {
        Some(dialogue) => pump.share(dialogue.clone()),
        None => pump.demand_steady(),
    }
    if let Media::Opaque(gap) = media
        && !pump.is_empty().await.map_err(interruption)?
        && gateway.uninspected == Uninspected::Refuse
    {
        account.request.gaps.push(gap.to_owned());
        return Err(Interruption::request_uninspected(gap));
    }
    let whole = way.service.presented.as_ref();
    let whole = whole.is_some_and(Presented::covers_body);
    let read = match (whole, is_dialogue) {
        (true, _) => pump.read_up_to(limits::MESSAGE_BYTES_MAX).await,
        (false, true) => Ok(()),
        (false, false) => pump.read_up_to(limits::WHOLE_BODY_BYTES_MAX).await,
    };
    let decoded = inspected.is_some_and(|(_, coding)| coding != Coding::Identity);
    if pump.ended() && read.is_ok() {
        // What is sent is sent decoded: not every service reads a coding, none asked for one, and what
        // an agent saves on its way here it has saved.
        let changed = decoded || pump.changed();
        let body = Outbound::Whole(pump.take_all());
        account.request = pump.record();
        return Ok(Judged {
            body,
            decoded,
            changed,
        });
    }
    account.request = pump.record();
    read.map_err(interruption)?;
    if whole {
        return Err(Interruption::message_too_long());
    }
    let screening = Arc::new(Screening {
        dialogue,
        ..Screening::default()
    });
    screening.report(pump.record(), None, false);
    account.screening = Some(Arc::clone(&screening));
    let body = Outbound::Stream(Box::new(Screened { pump, screening }));
    Ok(Judged {
        body,
        decoded,
        changed: inspected.is_some(),
    })
}

pub(crate) fn interruption(broken: Broken) -> Interruption {
    match broken {
        Broken::Source => Interruption::request_incomplete(),
        Broken::Idle => Interruption::request_timeout(),
        Broken::Unreadable(what) => Interruption::request_unreadable(&what),
        Broken::Uninspected(gap) => Interruption::request_uninspected(gap),
        Broken::Blocked(class, policy) => Interruption::blocked(class, policy.as_ref()),
    }
}

/// A long request body, judged as it streams.
pub(crate) struct Screened {
    pump: Box<Pump>,
    screening: Arc<Screening>,
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
                // On the account before it goes, however soon the answer comes.
                this.screening.report(this.pump.record(), None, false);
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if this.pump.ended() {
                this.screening.report(this.pump.record(), None, true);
                return Poll::Ready(None);
            }
            if this.screening.is_abandoned(cx.waker()) {
                let mut record = this.pump.record();
                record.gaps.push(ABANDONED.to_owned());
                this.screening.report(record, None, true);
                return Poll::Ready(Some(Err(ABANDONED.into())));
            }
            if let Err(broken) = ready!(this.pump.poll_read(cx)) {
                let why = interruption(broken);
                let reason = why.reason;
                this.screening.report(this.pump.record(), Some(why), true);
                return Poll::Ready(Some(Err(reason.into())));
            }
        }
    }
}

impl Drop for Screened {
    fn drop(&mut self) {
        if !self.screening.has_ended() {
            self.screening.report(self.pump.record(), None, true);
        }
    }
}
