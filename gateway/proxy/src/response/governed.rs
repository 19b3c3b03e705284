//! A long answer, released as it is judged, and how it ends where it may not go on.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use redaction::ending;

use super::{interruption, told};
use crate::{
    account::{Account, End},
    body::BoxError,
    dialect::Dialect,
    headers,
    leash::Leash,
    media,
    pump::{GRPC_STATUS, Pump},
    refusal::{About, Interruption},
    spending::Spent,
};

/// A long answer, released as it is judged.
pub(crate) struct Governed {
    pub(super) pump: Box<Pump>,
    pub(super) leash: Leash,
    pub(super) state: State,
    /// In whose words a stream breaks off, and what it is told of.
    pub(super) dialect: Dialect,
    pub(super) record: Option<u64>,
    pub(super) trace: Box<str>,
    pub(super) ending: Ending,
    /// Whether a trailer may still say what stayed behind.
    pub(super) trails: bool,
}

/// What of an answer waits for the outcome, and how it ends where it may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The last piece waits; the answer breaks off.
    Piece,
    /// Events would stall, so only the end of the stream waits; it is an event that tells.
    Event,
    /// So would messages of gRPC, whose status ends the answer.
    Status,
    /// The same of gRPC-Web, whose status is a frame.
    Frame(media::Web),
}

impl Ending {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if media::is_event_stream(headers) {
            Self::Event
        } else if media::has_grpc(headers) {
            Self::Status
        } else if let Some(web) = media::has_web(headers) {
            Self::Frame(web)
        } else {
            Self::Piece
        }
    }
}

/// An account, and whether there is room for what it is to spend.
type Leased = (Box<Account>, Result<(), Interruption>);

pub(super) enum State {
    Reading(Box<Account>),
    /// What waits is more than this host has leased of a budget.
    Leasing(Pin<Box<dyn Future<Output = Leased> + Send>>),
    Closing(Pin<Box<dyn Future<Output = Result<(), Interruption>> + Send>>),
    Released,
    Broken,
}

impl Governed {
    /// Ends the account: with everything released, or broken off because of `why`.
    fn close(&mut self, why: Option<Interruption>) {
        let State::Reading(mut account) = std::mem::replace(&mut self.state, State::Broken) else {
            return;
        };
        account.response = self.pump.record();
        // The pieces that wait are released next, and the record says so beforehand.
        if why.is_none() {
            account.response.released += self.pump.waiting_bytes();
        }
        self.state = State::Closing(Box::pin(async move {
            let end = if why.is_some() {
                End::Aborted
            } else {
                End::Released
            };
            account.conclude(end, why.as_ref()).await?;
            why.map_or(Ok(()), Err)
        }));
    }

    /// Debits everything that waits. What waits when the account is closed was debited before.
    fn spend(&mut self) -> Result<Spent, Interruption> {
        match &mut self.state {
            State::Reading(account) => match &mut account.spending {
                None => Ok(Spent::Wholly),
                Some(spending) => spending.spend(&mut self.pump),
            },
            State::Leasing(_) | State::Closing(_) | State::Released | State::Broken => {
                Ok(Spent::Wholly)
            }
        }
    }

    /// Waits for a lease of what waits.
    fn lease(&mut self) {
        let State::Reading(mut account) = std::mem::replace(&mut self.state, State::Broken) else {
            return;
        };
        // For the record, if whoever reads goes away meanwhile.
        account.response = self.pump.record();
        self.state = State::Leasing(Box::pin(async move {
            let room = match &mut account.spending {
                None => Ok(()),
                Some(spending) => spending.room().await,
            };
            (account, room)
        }));
    }

    /// Goes on when there is a lease, or ends.
    fn leased(&mut self, (account, room): Leased) {
        self.state = State::Reading(account);
        if let Err(why) = room {
            self.close(Some(why));
        }
    }

    /// What ends a call of gRPC that was let end, if anything does.
    fn last(&mut self) -> Option<Frame<Bytes>> {
        let status = self.pump.take_status();
        let Ending::Frame(web) = self.ending else {
            return status.map(Frame::trailers);
        };
        let code = status.as_ref().and_then(|status| status.get(GRPC_STATUS));
        let code = code.and_then(|code| code.to_str().ok());
        let frame = code.map(|code| ending(code, None, web == media::Web::Text));
        // It stands in the body's coding, whose end was left open for it.
        let frame = self.pump.last_words(frame.unwrap_or_default());
        frame.filter(|frame| !frame.is_empty()).map(Frame::data)
    }

    /// What ends an answer that broke off because of `why`.
    fn broken_off(&mut self, why: &Interruption) -> Result<Frame<Bytes>, BoxError> {
        match self.ending {
            Ending::Piece => None,
            // Whole events were released, so that one more can follow.
            Ending::Event => self.error_event(why).map(Frame::data),
            Ending::Status => Some(Frame::trailers(refused(why.reason))),
            Ending::Frame(web) => {
                let frame = ending(REFUSED, Some(why.reason), web == media::Web::Text);
                self.pump.last_words(frame).map(Frame::data)
            }
        }
        .ok_or_else(|| why.reason.into())
    }

    /// The event that tells why a stream breaks off.
    fn error_event(&mut self, why: &Interruption) -> Option<Bytes> {
        let about = About {
            record: self.record,
            trace: &self.trace,
        };
        let event = self.dialect.error_event(why, about);
        let event = event.unwrap_or_else(|| self.pump.protocol().error_event(why));
        self.pump.last_words(event)
    }

    fn may_release(&self) -> bool {
        match self.state {
            State::Reading(_) => self.pump.waiting() > usize::from(self.ending == Ending::Piece),
            State::Leasing(_) | State::Closing(_) | State::Broken => false,
            State::Released => self.pump.waiting() > 0,
        }
    }
}

/// `PERMISSION_DENIED`.
const REFUSED: &str = "7";

/// The status of a call that the gateway did not let end.
fn refused(reason: &'static str) -> HeaderMap {
    HeaderMap::from_iter([
        (GRPC_STATUS, HeaderValue::from_static(REFUSED)),
        (
            HeaderName::from_static("grpc-message"),
            HeaderValue::from_static(reason),
        ),
    ])
}

impl Body for Governed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if this.may_release() {
                match this.spend() {
                    Ok(Spent::Wholly) => {}
                    Ok(Spent::NotYet) => {
                        this.lease();
                        continue;
                    }
                    Err(why) => {
                        this.close(Some(why));
                        continue;
                    }
                }
                return Poll::Ready(this.pump.take().map(|piece| Ok(Frame::data(piece))));
            }
            // Asked first, or a stream that is always ready would never hear of it.
            if let State::Reading(_) = this.state
                && let Poll::Ready(why) = this.leash.as_mut().poll(cx)
            {
                this.close(Some(why));
            }
            match &mut this.state {
                State::Reading(_) if this.pump.ended() => match this.spend() {
                    Ok(Spent::Wholly) => this.close(None),
                    Ok(Spent::NotYet) => this.lease(),
                    Err(over) => this.close(Some(over)),
                },
                State::Leasing(leasing) => {
                    let leased = ready!(leasing.as_mut().poll(cx));
                    this.leased(leased);
                }
                State::Reading(_) => {
                    if let Err(broken) = ready!(this.pump.poll_read(cx)) {
                        this.close(Some(interruption(broken)));
                    }
                }
                State::Closing(closing) => match ready!(closing.as_mut().poll(cx)) {
                    Ok(()) => this.state = State::Released,
                    Err(why) => {
                        this.state = State::Broken;
                        return Poll::Ready(Some(this.broken_off(&why)));
                    }
                },
                State::Released if std::mem::take(&mut this.trails) => {
                    if let Some(told) = told(&this.pump.withheld()) {
                        let trailers = HeaderMap::from_iter([(headers::WITHHELD, told)]);
                        return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                    }
                }
                State::Released => {
                    return Poll::Ready(this.last().map(Ok));
                }
                State::Broken => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Governed {
    fn drop(&mut self) {
        if let State::Reading(account) = &mut self.state {
            account.response = self.pump.record();
        }
    }
}
