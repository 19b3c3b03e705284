//! Reads one body piece by piece, through an inspection where it can be inspected.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

use admission::Permit;
use audit::BodyRecord;
use bytes::Bytes;
use classifiers::DataClass;
use classifiers::declared::{Declared, Place};
use http::{HeaderMap, HeaderName, HeaderValue};
use policy::{Disclosures, PolicyRef, Towards};
use redaction::{
    Action, Coding, Disclose, Format, Framing, Media, MessageType, Output, Pseudonyms, Restored,
    census::{Counted, Records},
    shape::{Plan, Withheld},
};
use tokio::{
    sync::mpsc::Receiver,
    time::{Instant, Sleep, sleep_until},
};

use crate::{
    body::Source,
    gateway::Gateway,
    governance::Restoration,
    hold::Hold,
    limits,
    mcp::EndpointEvent,
    outgoing::Outgoing,
    pace::{Dialogue, Pace},
    protocol::{Head, Protocol},
    record,
    route::Way,
    usage::Reading,
    veil::Veil,
    workspace,
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

impl Inspection {
    /// What became of tokens, where they are turned back.
    fn restored(&self) -> Option<&Restored> {
        match &self.restoration {
            Some(restoration) => Some(restoration.restored()),
            None => self.body.restored(),
        }
    }
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

/// A body on its way. It is large, and so stays where it was made.
pub(crate) struct Pump<B = Source> {
    source: B,
    endpoint: Option<EndpointEvent>,
    /// What comes for the stream from elsewhere: whole events.
    told: Option<Receiver<Bytes>>,
    inspection: Option<Inspection>,
    veil: Option<Veil>,
    reading: Option<Arc<Mutex<Reading>>>,
    outgoing: Outgoing,
    pace: Pace,
    growing: Option<Growing>,
    ended: bool,
    /// Whether its end is left open for last words.
    has_last_words: bool,
    /// The status that ends a body of gRPC, once it came; none where nobody waits for one.
    status: Option<HeaderMap>,
    record: BodyRecord,
}

/// A stream of events, whose text may still grow.
#[derive(Default)]
struct Growing {
    head: Head,
    hold: Hold,
    /// Until when a word may be held that may become a token to be turned back.
    restoring: Option<Instant>,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Pump {
    /// A body that passes as it is; `gap` says why it is not inspected.
    pub(crate) fn blind(source: Source, gap: &'static str, idle: Duration) -> Box<Self> {
        let mut pump = Self::over(source, None, idle);
        pump.record.gaps.push(gap.to_owned());
        pump
    }

    /// A document that goes `towards` the agent or the service under what policy says, and under what
    /// its owner says of it. Tokens are turned back in what it releases.
    pub(crate) fn governed(
        source: Source,
        gateway: &Gateway,
        permit: &Permit,
        way: &Way,
        towards: Towards,
        (format, coding): (Format, Coding),
        described: Option<(&Arc<Declared>, Place)>,
    ) -> Box<Self> {
        let pseudonyms = way.answers.keys(permit, &gateway.pseudonyms);
        let restores = || way.restores(permit, towards);
        let restoration = match format {
            Format::Document(media) => {
                restores().map(|allowed| Restoration::new(media, allowed, &pseudonyms))
            }
            Format::Multipart(..) | Format::Protobuf(_) => None,
        };
        let disclosures = permit.disclosures(towards);
        let declared = described.map(|(declared, _)| declared);
        let mut body = redaction::Body::new(
            coding,
            format,
            Rules(disclosures.clone()),
            pseudonyms,
            workspace::take(gateway.operator.load().as_ref(), declared),
        )
        .treating(gateway.uninspected.of_parts());
        if restoration.is_none()
            && let Some(allowed) = restores()
        {
            body.restore(Box::new(allowed));
        }
        if let Some((_, place)) = described {
            body.set_place(place);
        }
        let inspection = Inspection {
            body,
            disclosures,
            coded: coding != Coding::Identity,
            restoration,
        };
        let mut pump = Self::over(source, Some(inspection), way.service.timeouts.idle);
        pump.growing = (format == Format::Document(Media::Sse)).then(Growing::default);
        let has_frames = matches!(format, Format::Protobuf(framing) if framing != Framing::Whole);
        pump.status = has_frames.then(HeaderMap::new);
        pump
    }
}

impl<B: http_body::Body<Data = Bytes> + Unpin> Pump<B> {
    /// A body that passes through `inspection`, if any.
    fn over(source: B, inspection: Option<Inspection>, idle: Duration) -> Box<Self> {
        Box::new(Self {
            source,
            endpoint: None,
            told: None,
            inspection,
            veil: None,
            reading: None,
            outgoing: Outgoing::default(),
            pace: Pace::new(idle),
            growing: None,
            ended: false,
            has_last_words: false,
            status: None,
            record: BodyRecord::default(),
        })
    }

    /// From now on everything leaves under `coding`, also what waits.
    pub(crate) fn encode(&mut self, coding: Coding) -> Result<(), Broken> {
        self.outgoing.encode(coding).map_err(release::unencodable)?;
        if self.ended {
            self.outgoing.finish().map_err(release::unencodable)?;
        }
        Ok(())
    }

    /// Last words will end the body, whatever it comes to.
    pub(crate) fn await_last_words(&mut self) {
        self.has_last_words = true;
    }

    /// The end of a body, with its last words; none if it cannot be coded.
    pub(crate) fn last_words(&mut self, plain: Bytes) -> Option<Bytes> {
        self.outgoing.last_words(plain)
    }

    /// The body has to come steadily, until it streams.
    pub(crate) fn demand_steady(&mut self) {
        self.pace.demand_steady();
    }

    /// The body is one side of a dialogue.
    pub(crate) fn share(&mut self, dialogue: Dialogue) {
        self.pace.share(dialogue);
    }

    /// Whose events a stream has.
    pub(crate) fn protocol(&self) -> Protocol {
        let growing = self.growing.as_ref();
        growing.map_or(Protocol::Unknown, |growing| growing.head.protocol())
    }

    /// The same body, of which only what `plan` lets through is looked at: one JSON document.
    pub(crate) fn shaped(mut self: Box<Self>, plan: Plan) -> Box<Self> {
        if let Some(inspection) = &mut self.inspection {
            inspection.body.shape(plan);
        }
        self
    }

    /// The same body, which also says what a model used.
    pub(crate) fn read_by(mut self: Box<Self>, reading: Option<Arc<Mutex<Reading>>>) -> Box<Self> {
        self.reading = reading;
        self
    }

    /// The same body, in which a credential may come back.
    pub(crate) fn veiled(mut self: Box<Self>, veil: Option<Veil>) -> Box<Self> {
        self.veil = veil;
        self
    }

    /// The same body, one JSON document, whose records are counted.
    pub(crate) fn counting(
        mut self: Box<Self>,
        records: Option<Records>,
        service: &Arc<str>,
        keys: &Arc<dyn Pseudonyms>,
    ) -> Box<Self> {
        if let Some(inspection) = &mut self.inspection {
            let (service, keys) = (Arc::clone(service), Arc::clone(keys));
            inspection.body.count(records, service, keys);
        }
        self
    }

    /// The records that came since this was asked last.
    pub(crate) fn counted(&mut self) -> Counted {
        let inspection = self.inspection.as_mut();
        inspection.map_or_else(Counted::default, |inspection| inspection.body.counted())
    }

    /// How many values of each class are shown as they are, so far; of unlisted places it is not known.
    pub(crate) fn shown(&self) -> Vec<(Option<DataClass>, u64)> {
        let Some(inspection) = &self.inspection else {
            return Vec::new();
        };
        let summary = inspection.body.summary();
        let mut shown: Vec<(Option<DataClass>, u64)> = vec![(None, summary.unlisted)];
        let places = summary.places.iter();
        for place in places.filter(|place| place.action == Action::Show) {
            let known = shown
                .iter_mut()
                .find(|(class, _)| *class == Some(place.class));
            match known {
                Some((_, count)) => *count += place.count,
                None => shown.push((Some(place.class), place.count)),
            }
        }
        shown
    }

    /// The bytes that were released or may be.
    pub(crate) fn released_with_waiting(&self) -> u64 {
        self.record.released + self.waiting_bytes()
    }

    /// The same body, a stream whose first event is read so, where it is not coded.
    pub(crate) fn naming(mut self: Box<Self>, endpoint: Option<EndpointEvent>) -> Box<Self> {
        let coded = self
            .inspection
            .as_ref()
            .is_some_and(|inspection| inspection.coded);
        self.endpoint = endpoint.filter(|_| !coded && self.growing.is_some());
        self
    }

    /// The same body, whose messages are of this type: of protobuf.
    pub(crate) fn of_messages(mut self: Box<Self>, message: Option<MessageType>) -> Box<Self> {
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
        self.outgoing.len()
    }

    /// Their length in bytes.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.outgoing.bytes()
    }

    /// The next piece that may be released.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        let piece = self.outgoing.take()?;
        self.record.released += piece.len() as u64;
        Some(piece)
    }

    /// Everything that may be released.
    pub(crate) fn take_all(&mut self) -> VecDeque<Bytes> {
        self.record.released += self.waiting_bytes();
        self.outgoing.take_all()
    }

    /// Whether anything was changed so far, content coding aside.
    pub(crate) fn changed(&self) -> bool {
        self.inspection.as_ref().is_some_and(|inspection| {
            let places = &inspection.body.summary().places;
            let restored = inspection.restored();
            places.iter().any(|place| place.action != Action::Show)
                || inspection.body.withheld().changed()
                || restored.is_some_and(|it| !it.classes.is_empty())
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
            if let Some(restored) = inspection.restored() {
                record::restored(restored, &mut record);
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
        if let Some(event) = self.told(cx) {
            return Poll::Ready(self.pass([event], false));
        }
        let frame = match Pin::new(&mut self.source).poll_frame(cx) {
            Poll::Pending if self.is_flush_due(cx) => return Poll::Ready(self.flush()),
            Poll::Pending if self.outgoing.is_kept() => {
                return Poll::Ready(self.outgoing.flush().map_err(release::unencodable));
            }
            Poll::Pending => {
                ready!(self.pace.poll(self.record.received, cx));
                return Poll::Ready(Err(Broken::Idle));
            }
            Poll::Ready(frame) => frame,
        };
        self.pace.came();
        Poll::Ready(match frame {
            None => self.finish(),
            Some(Err(_)) => Err(Broken::Source),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => self.part(data),
                Err(trailers) => {
                    self.keep_status(trailers.into_trailers().ok());
                    Ok(())
                }
            },
        })
    }

    /// The next event that came for the stream from elsewhere; if there is none, `cx` is woken for it.
    fn told(&mut self, cx: &mut Context<'_>) -> Option<Bytes> {
        let told = self.told.as_mut()?;
        match told.poll_recv(cx) {
            Poll::Ready(Some(event)) => Some(event),
            Poll::Ready(None) => {
                self.told = None;
                None
            }
            Poll::Pending => None,
        }
    }

    /// Whether text that may still grow has waited long enough; if not, `cx` is woken once it has.
    fn is_flush_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(growing) = &mut self.growing else {
            return false;
        };
        let deadlines = [growing.hold.deadline(), growing.restoring];
        let Some(at) = deadlines.into_iter().flatten().min() else {
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
            growing.restoring = None;
        }
        if let Some(inspection) = &mut self.inspection {
            let mut released = Output::new();
            let flushed = inspection.body.flush(&mut released);
            flushed.map_err(|interrupted| self.broken(interrupted))?;
            self.release(released, false)?;
        }
        let inspection = self.inspection.as_mut();
        if let Some(restoration) = inspection.and_then(|it| it.restoration.as_mut()) {
            let restored = restoration.flush();
            self.pass(restored, false)?;
        }
        Ok(())
    }

    /// Parts the event that names an endpoint from what is inspected.
    fn part(&mut self, data: Bytes) -> Result<(), Broken> {
        self.record.received += data.len() as u64;
        let Some(endpoint) = &mut self.endpoint else {
            return self.push(data);
        };
        let parted = endpoint.push(data);
        self.told = endpoint.take_told().or(self.told.take());
        self.pass(parted.event, false)?;
        parted.rest.map_or(Ok(()), |rest| self.push(rest))
    }

    fn push(&mut self, data: Bytes) -> Result<(), Broken> {
        if let Some(inspection) = &mut self.inspection {
            let mut released = Output::new();
            let pushed = inspection.body.push(&data, &mut released);
            release::count(self.reading.as_ref(), inspection.body.decoded());
            if let Some(growing) = &mut self.growing
                && !inspection.coded
            {
                growing.head.see(&data);
            }
            pushed.map_err(|interrupted| self.broken(interrupted))?;
            self.release(released, false)?;
            self.note_growth();
        } else {
            release::count(self.reading.as_ref(), self.record.received);
            self.pass([data], false)?;
        }
        // A body that ends with this piece need not be asked again, unless it could break off there: what
        // was judged goes first, so that its last words follow in the same coding.
        let goes_first = self.outgoing.is_coded() && self.outgoing.len() > 0;
        if self.source.is_end_stream() && !goes_first {
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
        let now = Instant::now();
        let oldest = growing.hold.deadline();
        growing.hold.came(inspection.body.held(), now);
        // What the restorer holds came with or after what was held before it.
        let restoration = inspection.restoration.as_ref();
        growing.restoring = restoration.filter(|it| it.is_growing()).map(|_| {
            let deadline = oldest.unwrap_or(now + limits::FLUSH_DEADLINE);
            growing.restoring.unwrap_or(deadline)
        });
    }

    fn finish(&mut self) -> Result<(), Broken> {
        if let Some(mut endpoint) = self.endpoint.take() {
            let parted = endpoint.finish();
            self.pass(parted.event, false)?;
            // `push` may come back here: the endpoint is gone by then.
            if let Some(rest) = parted.rest {
                return self.push(rest).and_then(|()| self.finish());
            }
        }
        if self.ended {
            return Ok(());
        }
        if let Some(inspection) = &mut self.inspection {
            let mut released = Output::new();
            let finished = inspection.body.finish(&mut released);
            release::count(self.reading.as_ref(), inspection.body.decoded());
            let code = inspection.body.call_status().map(HeaderValue::from_str);
            if let (Some(status), Some(Ok(code))) = (&mut self.status, code) {
                status.insert(GRPC_STATUS, code);
            }
            finished.map_err(|interrupted| self.broken(interrupted))?;
            self.release(released, true)?;
        } else {
            self.pass([], true)?;
        }
        if !self.has_last_words {
            self.outgoing.finish().map_err(release::unencodable)?;
        }
        self.ended = true;
        Ok(())
    }
}

impl<B> Drop for Pump<B> {
    fn drop(&mut self) {
        if let Some(inspection) = self.inspection.take() {
            workspace::give_back(inspection.body.into_parts().1);
        }
    }
}

mod release;
#[cfg(test)]
mod tests;
