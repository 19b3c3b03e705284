//! Reads one body piece by piece, through an inspection where it can be inspected.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use audit::BodyRecord;
use bytes::Bytes;
use classifiers::DataClass;
use classifiers::declared::{Declared, Place};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Body as _;
use hyper::body::Incoming;
use policy::{Disclosures, PolicyRef};
use redaction::{
    Action, Coding, Disclose, Format, Framing, Interrupted, Media, MessageType, Output, Pseudonyms,
    shape::{Plan, Withheld},
};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::{
    gateway::Gateway,
    governance::Restoration,
    hold::Hold,
    limits,
    protocol::{Head, Protocol},
    record, workspace,
};

/// How a call of gRPC ended.
pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What policy says of each data class, as the redactor asks for it.
#[derive(Clone)]
struct Rules(Disclosures);

impl Disclose for Rules {
    fn action(&mut self, class: DataClass) -> Action {
        self.0.of(class).action
    }
}

/// A body under inspection.
struct Inspection {
    body: redaction::Body<Rules>,
    /// The same answers again, for the record: they share one table.
    disclosures: Disclosures,
    /// Whether what leaves is what came, content coding aside.
    coded: bool,
    /// What turns tokens back in what is released.
    restoration: Option<Restoration>,
}

/// Why a body could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The sender broke off.
    Source,
    /// The sender said nothing for too long.
    Idle,
    /// It is not the document it says it is.
    Unreadable(String),
    /// A part of it cannot be inspected.
    Uninspected(&'static str),
    /// It holds what policy does not release at all.
    Blocked(DataClass, Option<PolicyRef>),
}

/// A body on its way.
pub(crate) struct Pump {
    incoming: Incoming,
    inspection: Option<Inspection>,
    ready: VecDeque<Bytes>,
    idle: Option<Pin<Box<Sleep>>>,
    growing: Option<Growing>,
    ended: bool,
    /// The status that ends a body of gRPC, once it came; none where nobody waits for one.
    status: Option<HeaderMap>,
    record: BodyRecord,
}

/// A stream of events, whose text may still grow.
#[derive(Default)]
struct Growing {
    head: Head,
    hold: Hold,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Pump {
    /// A body that passes as it is; `gap` says why it is not inspected.
    pub(crate) fn blind(incoming: Incoming, gap: &'static str) -> Self {
        let record = BodyRecord {
            gaps: vec![gap.to_owned()],
            ..BodyRecord::default()
        };
        Self {
            incoming,
            inspection: None,
            ready: VecDeque::new(),
            idle: None,
            growing: None,
            ended: false,
            status: None,
            record,
        }
    }

    /// A document that is inspected under `disclosures`, and under what its owner says of it.
    pub(crate) fn inspecting(
        incoming: Incoming,
        gateway: &Gateway,
        format: Format,
        coding: Coding,
        disclosures: Disclosures,
        pseudonyms: Arc<dyn Pseudonyms>,
        described: Option<(&Arc<Declared>, Place)>,
    ) -> Self {
        let declared = described.map(|(declared, _)| declared);
        let mut body = redaction::Body::new(
            coding,
            format,
            Rules(disclosures.clone()),
            pseudonyms,
            workspace::take(gateway.operator.as_ref(), declared),
        )
        .treating(gateway.uninspected.of_parts());
        if let Some((_, place)) = described {
            body = body.under(place);
        }
        Self {
            incoming,
            inspection: Some(Inspection {
                body,
                disclosures,
                coded: coding != Coding::Identity,
                restoration: None,
            }),
            ready: VecDeque::new(),
            idle: None,
            growing: (format == Format::Document(Media::Sse)).then(Growing::default),
            ended: false,
            status: matches!(format, Format::Protobuf(Framing::Grpc(_))).then(HeaderMap::new),
            record: BodyRecord::default(),
        }
    }

    /// Whose events a stream has.
    pub(crate) fn protocol(&self) -> Protocol {
        let growing = self.growing.as_ref();
        growing.map_or(Protocol::Unknown, |growing| growing.head.protocol())
    }

    /// The same body, of which only what `plan` lets through is looked at: one JSON document.
    pub(crate) fn shaped(mut self, plan: Plan) -> Self {
        if let Some(inspection) = &mut self.inspection {
            inspection.body.shape(plan);
        }
        self
    }

    /// The same body, one JSON document, with tokens turned back in what it releases.
    pub(crate) fn restored(mut self, restoration: Option<Restoration>) -> Self {
        if let Some(inspection) = &mut self.inspection {
            inspection.restoration = restoration;
        }
        self
    }

    /// The same body, whose messages are of this type: of protobuf.
    pub(crate) fn of_messages(mut self, message: Option<MessageType>) -> Self {
        if let (Some(inspection), Some(message)) = (&mut self.inspection, message) {
            inspection.body.of_messages(message);
        }
        self
    }

    /// The status that ends a body of gRPC.
    pub(crate) fn take_status(&mut self) -> Option<HeaderMap> {
        self.status.take().filter(|status| !status.is_empty())
    }

    /// What stayed behind so far.
    pub(crate) fn withheld(&self) -> Withheld {
        self.inspection
            .as_ref()
            .map_or_else(Withheld::default, |inspection| inspection.body.withheld())
    }

    /// Whether the body has been read to its end.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Pieces that may be released and were not yet.
    pub(crate) fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// Their length in bytes.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.ready.iter().map(|piece| piece.len() as u64).sum()
    }

    /// The next piece that may be released.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        let piece = self.ready.pop_front()?;
        self.record.released += piece.len() as u64;
        Some(piece)
    }

    /// Everything that may be released.
    pub(crate) fn take_all(&mut self) -> VecDeque<Bytes> {
        self.record.released += self.waiting_bytes();
        std::mem::take(&mut self.ready)
    }

    /// Whether anything was changed so far.
    pub(crate) fn changed(&self) -> bool {
        self.inspection.as_ref().is_some_and(|inspection| {
            let places = &inspection.body.summary().places;
            let restoration = inspection.restoration.as_ref();
            inspection.coded
                || places.iter().any(|place| place.action != Action::Show)
                || inspection.body.withheld().changed()
                || restoration.is_some_and(|it| !it.restored().classes.is_empty())
        })
    }

    /// What the record says of this body, as far as it came.
    pub(crate) fn record(&mut self) -> BodyRecord {
        let mut record = self.record.clone();
        if let Some(inspection) = &mut self.inspection {
            let gaps = inspection.body.gaps();
            record.gaps.extend(gaps.names().map(str::to_owned));
            record::findings(
                inspection.body.summary(),
                &mut inspection.disclosures,
                &mut record,
            );
            record::withheld(&inspection.body.withheld(), &mut record);
            if let Some(restoration) = &inspection.restoration {
                record::restored(restoration.restored(), &mut record);
            }
        }
        record
    }

    /// Reads until the end, or until more than `bytes` came.
    pub(crate) async fn read_up_to(&mut self, bytes: u64) -> Result<(), Broken> {
        while !self.ended && self.record.received <= bytes {
            poll_fn(|cx| self.poll_read(cx)).await?;
        }
        Ok(())
    }

    /// Whether nothing comes at all.
    pub(crate) async fn is_empty(&mut self) -> Result<bool, Broken> {
        self.read_up_to(0).await?;
        let empty = self.ended && self.record.received == 0;
        if empty {
            self.record.gaps.clear();
        }
        Ok(empty)
    }

    /// Reads one piece; ready when one came or the body ended.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Pending if self.is_flush_due(cx) => return Poll::Ready(self.flush()),
            Poll::Pending => return self.poll_idle(cx),
            Poll::Ready(frame) => frame,
        };
        if let Some(idle) = &mut self.idle {
            idle.as_mut()
                .reset(Instant::now() + limits::BODY_IDLE_DEADLINE);
        }
        Poll::Ready(match frame {
            None => self.finish(),
            Some(Err(_)) => Err(Broken::Source),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => self.push(data),
                Err(trailers) => {
                    self.keep_status(trailers.into_trailers().ok());
                    Ok(())
                }
            },
        })
    }

    /// Keeps the status of gRPC. Other trailers are dropped: nothing in them is inspected.
    fn keep_status(&mut self, trailers: Option<HeaderMap>) {
        let code = trailers.as_ref().and_then(|all| all.get(GRPC_STATUS));
        let is_code = |code: &&HeaderValue| code.as_bytes().iter().all(u8::is_ascii_digit);
        if let (Some(status), Some(code)) = (&mut self.status, code.filter(is_code)) {
            status.insert(GRPC_STATUS, code.clone());
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let idle = self
            .idle
            .get_or_insert_with(|| Box::pin(sleep(limits::BODY_IDLE_DEADLINE)));
        ready!(idle.as_mut().poll(cx));
        Poll::Ready(Err(Broken::Idle))
    }

    /// Whether text that may still grow has waited long enough; if not, `cx` is woken once it has.
    fn is_flush_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(growing) = &mut self.growing else {
            return false;
        };
        let Some(at) = growing.hold.deadline() else {
            return false;
        };
        let timer = growing
            .deadline
            .get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(cx).is_ready()
    }

    /// Releases text as if it had ended.
    fn flush(&mut self) -> Result<(), Broken> {
        if let Some(growing) = &mut self.growing {
            growing.hold.flushed();
        }
        if let Some(inspection) = &mut self.inspection {
            let mut released = Output::new();
            let flushed = inspection.body.flush(&mut released);
            flushed.map_err(|interrupted| self.broken(interrupted))?;
            self.release(released, false);
        }
        Ok(())
    }

    fn push(&mut self, data: Bytes) -> Result<(), Broken> {
        self.record.received += data.len() as u64;
        if let Some(inspection) = &mut self.inspection {
            let mut released = Output::new();
            let pushed = inspection.body.push(&data, &mut released);
            if let Some(growing) = &mut self.growing
                && !inspection.coded
            {
                growing.head.see(&data);
            }
            pushed.map_err(|interrupted| self.broken(interrupted))?;
            self.release(released, false);
            self.note_growth();
        } else if !data.is_empty() {
            self.ready.push_back(data);
        }
        // A body that ends with this piece need not be asked again.
        if self.incoming.is_end_stream() {
            self.finish()
        } else {
            Ok(())
        }
    }

    /// Notes what is held of a stream whose text may grow.
    fn note_growth(&mut self) {
        let (Some(growing), Some(inspection)) = (&mut self.growing, &self.inspection) else {
            return;
        };
        if inspection.coded {
            self.ready.iter().for_each(|piece| growing.head.see(piece));
        }
        growing.hold.came(inspection.body.held(), Instant::now());
    }

    fn finish(&mut self) -> Result<(), Broken> {
        if let Some(inspection) = &mut self.inspection {
            let mut released = Output::new();
            let finished = inspection.body.finish(&mut released);
            finished.map_err(|interrupted| self.broken(interrupted))?;
            self.release(released, true);
        }
        self.ended = true;
        Ok(())
    }

    fn release(&mut self, released: Output, ended: bool) {
        let inspection = self.inspection.as_mut();
        match inspection.and_then(|inspection| inspection.restoration.as_mut()) {
            None => self.ready.extend(released),
            Some(restoration) => self.ready.extend(restoration.restore(released, ended)),
        }
    }

    fn broken(&mut self, interrupted: Interrupted) -> Broken {
        match interrupted {
            Interrupted::Blocked { class, .. } => {
                let policy = self.inspection.as_mut().and_then(|inspection| {
                    inspection.disclosures.of(class).policy.as_deref().cloned()
                });
                Broken::Blocked(class, policy)
            }
            Interrupted::Uninspected(gap) => Broken::Uninspected(gap.name()),
            unreadable => Broken::Unreadable(unreadable.to_string()),
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if let Some(inspection) = self.inspection.take() {
            workspace::give_back(inspection.body.into_parts().1);
        }
    }
}
