//! One direction of a WebSocket: each message is read, judged, and written before the next is read, so that who
//! reads slowly is written to slowly, and one message is all that is held.

use std::time::Duration;

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::{
    task::coop,
    time::{Instant, interval_at, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{
    Bytes, Error, Message, Utf8Bytes,
    error::ProtocolError,
    protocol::{CloseFrame, frame::coding::CloseCode},
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

/// Leads messages from `from` to `to` until that ends. Both are pinged: `to` from here, `from` by the other
/// direction, so that an answer is awaited here.
pub(super) async fn lead<F, T>(
    judge: &mut Judge<'_>,
    (from, to): (&mut F, &mut T),
    spoken: &Dialogue,
) -> Stop
where
    F: Stream<Item = Result<Message, Error>> + Unpin,
    T: Sink<Message, Error = Error> + Unpin,
{
    let patience = judge.way.service.timeouts.idle;
    let mut ping = interval_at(
        Instant::now() + limits::PING_INTERVAL,
        limits::PING_INTERVAL,
    );
    let mut heard = Instant::now();
    loop {
        // What is buffered is always ready, and others want their turn.
        coop::consume_budget().await;
        let late = heard + limits::PING_INTERVAL + limits::PING_DEADLINE;
        let came = tokio::select! {
            came = from.next() => came,
            _ = ping.tick() => {
                if !is_sent(to, Message::Ping(Bytes::new()), patience).await {
                    return Stop::Unsent;
                }
                continue;
            }
            () = sleep_until(late) => return Stop::Late,
        };
        let message = match came {
            Some(Ok(message)) => message,
            Some(Err(error)) => return stop(&error),
            None => return Stop::Gone,
        };
        let judged = match message {
            // Answers to the gateway's own pings keep nothing open.
            Message::Pong(_) => {
                heard = Instant::now();
                continue;
            }
            // The library answers; what is in it goes no further.
            Message::Ping(_) | Message::Frame(_) => {
                spoken.spoke();
                heard = Instant::now();
                continue;
            }
            Message::Close(frame) => return Stop::Closed(closing(judge, frame).await),
            message => judge.message(message).await,
        };
        spoken.spoke();
        match judged {
            Ok(message) => {
                if !is_sent(to, message, patience).await {
                    return Stop::Unsent;
                }
            }
            Err(why) => return Stop::Refused(Box::new(why)),
        }
        // Only the time that its sender was waited for counts.
        heard = Instant::now();
    }
}

/// Writes a message, unless its receiver takes too long.
async fn is_sent<T>(to: &mut T, message: Message, patience: Duration) -> bool
where
    T: Sink<Message, Error = Error> + Unpin,
{
    timeout(patience, to.send(message))
        .await
        .is_ok_and(|sent| sent.is_ok())
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
