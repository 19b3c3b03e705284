//! One direction of a WebSocket: each message is read, judged, and written before the next is read, so that who
//! reads slowly is written to slowly, and one message is all that is held.

use std::time::Duration;

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::{
    task::coop,
    time::{Instant, Interval, interval_at, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{
    Bytes, Error, Message, Utf8Bytes,
    error::ProtocolError,
    protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
};

use super::judge::Judge;
use crate::{limits, pace::Dialogue, refusal::Interruption};

/// Bytes of the reason in a close frame, at most: a control frame has 125 (RFC 6455 section 5.5).
const REASON_BYTES_MAX: usize = 123;

/// How a direction ended.
#[derive(Debug)]
pub(super) enum Stop {
    /// Its sender closed, with this.
    Closed(Option<CloseFrame>),
    /// Its sender broke off.
    Gone,
    /// Its sender no longer answers.
    Late,
    /// What came is none that may be read, which has this code.
    Unreadable(CloseCode),
    /// A message may not go on.
    Refused(Box<Interruption>),
    /// Its receiver takes no more.
    Unsent,
}

/// Messages from one side to the other. Both are pinged: `to` from here, `from` by the other direction, so that an
/// answer is awaited here.
pub(super) struct Flow<'f, F, T> {
    from: &'f mut F,
    to: &'f mut T,
    /// How long a message may take to be taken.
    patience: Duration,
    ping: Interval,
    /// When `from` was heard, or waited for, last.
    heard: Instant,
    /// How often it has pinged since the gateway did.
    pings: u32,
}

impl<'f, F, T> Flow<'f, F, T>
where
    F: Stream<Item = Result<Message, Error>> + Unpin,
    T: Sink<Message, Error = Error> + Unpin,
{
    pub(super) fn new((from, to): (&'f mut F, &'f mut T), patience: Duration) -> Self {
        let now = Instant::now();
        Self {
            from,
            to,
            patience,
            ping: interval_at(now + limits::PING_INTERVAL, limits::PING_INTERVAL),
            heard: now,
            pings: 0,
        }
    }

    /// Leads messages as far as `judge` lets them, until that ends.
    pub(super) async fn lead(mut self, judge: &mut Judge<'_>, spoken: &Dialogue) -> Stop {
        loop {
            // What is buffered is always ready, and others want their turn.
            coop::consume_budget().await;
            let message = match self.came(spoken).await {
                Ok(Message::Close(frame)) => return Stop::Closed(closing(judge, frame).await),
                Ok(message) => message,
                Err(stop) => return stop,
            };
            let judged = match judge.message(message).await {
                Ok(judged) => judged,
                Err(why) => return Stop::Refused(Box::new(why)),
            };
            if !self.is_sent(judged).await {
                return Stop::Unsent;
            }
            // Only the time that its sender was waited for counts.
            self.heard = Instant::now();
        }
    }

    /// The next message, or the last word.
    async fn came(&mut self, spoken: &Dialogue) -> Result<Message, Stop> {
        loop {
            let late = self.heard + limits::PING_INTERVAL + limits::PING_DEADLINE;
            let came = tokio::select! {
                came = self.from.next() => came,
                _ = self.ping.tick() => {
                    self.pings = 0;
                    if !self.is_sent(Message::Ping(Bytes::new())).await {
                        return Err(Stop::Unsent);
                    }
                    continue;
                }
                () = sleep_until(late) => return Err(Stop::Late),
            };
            let message = came.ok_or(Stop::Gone)?.map_err(|error| stop(&error))?;
            self.heard = Instant::now();
            match message {
                // Answers to the gateway's own pings keep nothing open.
                Message::Pong(_) => {}
                // The library answers; what is in it goes no further. Answers wait for who does not read them.
                Message::Ping(_) => {
                    self.pings += 1;
                    if self.pings > limits::WEBSOCKET_PINGS_MAX {
                        return Err(Stop::Unreadable(CloseCode::Policy));
                    }
                    spoken.spoke();
                }
                Message::Frame(_) => spoken.spoke(),
                message => {
                    spoken.spoke();
                    return Ok(message);
                }
            }
        }
    }

    /// Writes a message, unless its receiver takes too long.
    async fn is_sent(&mut self, message: Message) -> bool {
        let sent = timeout(self.patience, self.to.send(message)).await;
        sent.is_ok_and(|sent| sent.is_ok())
    }
}

/// The limits of what is read and written on a connection.
pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(limits::WEBSOCKET_MESSAGE_BYTES_MAX))
        .max_frame_size(Some(limits::WEBSOCKET_MESSAGE_BYTES_MAX))
        .read_buffer_size(limits::WEBSOCKET_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(limits::WEBSOCKET_WRITE_BYTES_MAX)
}

/// A close frame as it goes on: its reason is text like any other, and left out where it may not go on.
async fn closing(judge: &mut Judge<'_>, frame: Option<CloseFrame>) -> Option<CloseFrame> {
    let frame = frame?;
    let judged = judge.text(frame.reason.into()).await;
    Some(CloseFrame {
        code: frame.code,
        reason: judged.map(|reason| cut(&reason)).unwrap_or_default(),
    })
}

/// As much of a reason as a close frame holds.
pub(super) fn cut(reason: &str) -> Utf8Bytes {
    let end = reason.floor_char_boundary(REASON_BYTES_MAX);
    reason.get(..end).unwrap_or_default().into()
}

/// What an error of the library says of who sent what it read.
fn stop(error: &Error) -> Stop {
    match error {
        Error::Capacity(_) => Stop::Unreadable(CloseCode::Size),
        Error::Utf8(_) => Stop::Unreadable(CloseCode::Invalid),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Stop::Gone,
        Error::Protocol(_) | Error::AttackAttempt => Stop::Unreadable(CloseCode::Protocol),
        _ => Stop::Gone,
    }
}

#[cfg(test)]
mod tests;
