//! Leads a WebSocket both ways until it ends, puts the end on record, and only then closes it towards the agent.

use std::{pin::pin, sync::Arc};

use admission::Permit;
use audit::BodyRecord;
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use policy::Towards;
use tokio::{
    io::AsyncWriteExt as _,
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use super::{
    flow::{self, Flow, Stop},
    judge::Judge,
};
use crate::{
    account::{Account, End},
    gateway::Gateway,
    leash::leash,
    limits,
    listener::stopped,
    pace::Dialogue,
    refusal::Interruption,
    route::Way,
};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A WebSocket that was agreed on.
pub(crate) struct Relay {
    gateway: Arc<Gateway>,
    permit: Permit,
    way: Way,
    /// Whether the records of its answers are counted.
    counted: bool,
    ledger: Ledger,
    /// The agent's connection and the upstream's, once HTTP has ended there.
    connections: Option<(OnUpgrade, OnUpgrade)>,
}

/// What goes on record, however it ends: none once it did.
struct Ledger {
    account: Option<Box<Account>>,
    request: BodyRecord,
    response: BodyRecord,
}

impl Ledger {
    /// The account, with what both directions came to.
    fn account(&mut self) -> Option<Box<Account>> {
        let mut account = self.account.take()?;
        account.request = std::mem::take(&mut self.request);
        account.response = std::mem::take(&mut self.response);
        Some(account)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // The account closes its record as `client_gone`.
        drop(self.account());
    }
}

/// Whose end it is, and what each side is told.
struct Ending {
    /// None if the agent is gone.
    end: Option<(End, Option<Interruption>)>,
    agent: Option<CloseFrame>,
    upstream: Option<CloseFrame>,
}

impl Ending {
    /// It was let end.
    fn closed(frame: Option<CloseFrame>) -> Self {
        Self {
            end: Some((End::Released, None)),
            agent: frame.clone(),
            upstream: frame,
        }
    }

    /// It breaks off because of `why`; the agent gets this code, and the upstream that.
    fn broken(why: Interruption, agent: CloseCode, upstream: CloseCode) -> Self {
        Self {
            end: Some((End::Aborted, Some(why))),
            agent: Some(bare(agent)),
            upstream: Some(bare(upstream)),
        }
    }

    /// The agent is gone.
    fn gone() -> Self {
        Self {
            end: None,
            agent: None,
            upstream: Some(bare(CloseCode::Away)),
        }
    }

    /// What stopped the way from the agent to the upstream.
    fn of_agent(stop: Stop) -> Self {
        match stop {
            Stop::Closed(frame) => Self::closed(frame),
            Stop::Gone | Stop::Late => Self::gone(),
            Stop::Unreadable(code) => {
                let why = match code {
                    CloseCode::Size => Interruption::message_too_long(),
                    CloseCode::Invalid => Interruption::request_unreadable("it is not UTF-8"),
                    _ => Interruption::frame_invalid(),
                };
                Self::broken(why, code, CloseCode::Away)
            }
            Stop::Refused(why) => Self::broken(*why, CloseCode::Policy, CloseCode::Away),
            Stop::Unsent => Self::failed(Interruption::upstream_failed(), CloseCode::Away),
        }
    }

    /// What stopped the way from the upstream to the agent.
    fn of_upstream(stop: Stop) -> Self {
        match stop {
            Stop::Closed(frame) => Self::closed(frame),
            Stop::Gone => Self::failed(Interruption::upstream_failed(), CloseCode::Away),
            Stop::Late => Self::failed(Interruption::upstream_timeout(), CloseCode::Away),
            Stop::Unreadable(code) => {
                let what = match code {
                    CloseCode::Size => "a message is too long",
                    CloseCode::Invalid => "a message is not UTF-8",
                    _ => "its frames are not those of a WebSocket",
                };
                Self::failed(Interruption::response_unreadable(what), code)
            }
            Stop::Refused(why) => Self::broken(*why, CloseCode::Policy, CloseCode::Away),
            Stop::Unsent => Self::gone(),
        }
    }

    /// It is the upstream that failed.
    fn failed(why: Interruption, upstream: CloseCode) -> Self {
        Self::broken(why, CloseCode::Error, upstream)
    }
}

fn bare(code: CloseCode) -> CloseFrame {
    CloseFrame {
        code,
        reason: Utf8Bytes::default(),
    }
}

impl Relay {
    pub(super) fn new(
        gateway: &Arc<Gateway>,
        (permit, way): (Permit, Way),
        account: Box<Account>,
        counted: bool,
    ) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            permit,
            way,
            counted,
            ledger: Ledger {
                account: Some(account),
                request: BodyRecord::default(),
                response: BodyRecord::default(),
            },
            connections: None,
        }
    }

    /// The same between these.
    pub(super) fn between(mut self, agent: OnUpgrade, upstream: OnUpgrade) -> Self {
        self.connections = Some((agent, upstream));
        self
    }

    /// Leads it from its first message to its last.
    pub(crate) async fn run(mut self, stop: watch::Receiver<bool>) {
        let Some((agent, upstream)) = self.connections.take() else {
            return;
        };
        let both = async { tokio::try_join!(agent, upstream) };
        let Ok(Ok((agent, upstream))) = timeout(limits::HANDSHAKE_DEADLINE, both).await else {
            // The account says `client_gone`: nobody heard of the 101.
            return tracing::debug!("a WebSocket was not begun");
        };
        let mut agent = socket(agent, Role::Server).await.split();
        let mut upstream = socket(upstream, Role::Client).await.split();
        let ending = self.lead(&mut agent, &mut upstream, stop).await;
        let to_upstream = close(upstream, ending.upstream);
        let to_agent = async {
            if let Some((end, why)) = ending.end {
                // Durable before the agent hears of the end.
                let frame = self.conclude(end, why, ending.agent).await;
                close(agent, frame).await;
            }
        };
        tokio::join!(to_upstream, to_agent);
    }

    /// Leads both directions until one ends, or both must.
    async fn lead(
        &mut self,
        agent: &mut (SplitSink<Socket, Message>, SplitStream<Socket>),
        upstream: &mut (SplitSink<Socket, Message>, SplitStream<Socket>),
        mut stop: watch::Receiver<bool>,
    ) -> Ending {
        let (gateway, permit, way) = (&*self.gateway, &self.permit, &self.way);
        let account = self.ledger.account.as_mut();
        let veil = account.as_ref().and_then(|account| account.veil.clone());
        let spending = account.and_then(|account| account.spending.as_deref_mut());
        let mut up = Judge {
            gateway,
            permit,
            way,
            towards: Towards::Service,
            veil: None,
            spending: None,
            counted: false,
            record: &mut self.ledger.request,
        };
        let mut down = Judge {
            gateway,
            permit,
            way,
            towards: Towards::Agent,
            veil,
            spending,
            counted: self.counted,
            record: &mut self.ledger.response,
        };
        let spoken = Dialogue::new();
        let patience = way.service.timeouts.idle;
        let upwards = Flow::new((&mut agent.1, &mut upstream.0), patience);
        let downwards = Flow::new((&mut upstream.1, &mut agent.0), patience);
        let mut upwards = pin!(upwards.lead(&mut up, &spoken));
        let mut downwards = pin!(downwards.lead(&mut down, &spoken));
        let away = CloseCode::Away;
        tokio::select! {
            biased;
            why = leash(permit, gateway) => Ending::broken(why, CloseCode::Policy, away),
            () = stopped(&mut stop) => Ending::broken(Interruption::stopping(), away, away),
            () = sleep(limits::WEBSOCKET_LIFETIME_MAX) => Ending::broken(Interruption::websocket_expired(), away, away),
            () = quiet(&spoken) => Ending::broken(Interruption::websocket_timeout(), away, away),
            stop = &mut upwards => match stop {
                // Why it takes no more is what it said last.
                Stop::Unsent => match timeout(limits::LAST_WORDS_DEADLINE, downwards).await {
                    Ok(last) => Ending::of_upstream(last),
                    Err(_) => Ending::of_agent(Stop::Unsent),
                },
                stop => Ending::of_agent(stop),
            },
            stop = &mut downwards => match stop {
                Stop::Unsent => match timeout(limits::LAST_WORDS_DEADLINE, upwards).await {
                    Ok(last) => Ending::of_agent(last),
                    Err(_) => Ending::of_upstream(Stop::Unsent),
                },
                stop => Ending::of_upstream(stop),
            },
        }
    }

    /// Puts the end on record; what the agent is told then.
    async fn conclude(
        &mut self,
        end: End,
        why: Option<Interruption>,
        frame: Option<CloseFrame>,
    ) -> Option<CloseFrame> {
        let mut account = self.ledger.account()?;
        let record = account.record();
        let concluded = account.conclude(end, why.as_ref()).await;
        let (code, why) = match (concluded, why) {
            (Err(unavailable), _) => (CloseCode::Error, unavailable),
            (Ok(()), Some(why)) => (frame.as_ref().map_or(CloseCode::Policy, |it| it.code), why),
            (Ok(()), None) => return frame,
        };
        tracing::debug!(reason = why.reason, record, "a WebSocket breaks off");
        Some(CloseFrame {
            code,
            reason: flow::cut(&told(&why, record)),
        })
    }
}

/// What a close frame says of a refusal: why, by which rule, and where it is on record.
fn told(why: &Interruption, record: Option<u64>) -> String {
    let rule = why.rule.as_ref().map(|rule| format!(" ({rule})"));
    let record = record.map(|record| format!(", record {record}"));
    let [rule, record] = [rule, record].map(Option::unwrap_or_default);
    format!("{}{rule}{record}", why.reason)
}

/// Frames on a connection, under every limit.
async fn socket(connection: Upgraded, role: Role) -> Socket {
    let config = flow::config();
    let connection = TokioIo::new(connection);
    WebSocketStream::from_raw_socket(connection, role, Some(config)).await
}

/// Says the last word to one side, hears its answer, and ends the connection.
async fn close(
    (mut to, mut from): (SplitSink<Socket, Message>, SplitStream<Socket>),
    frame: Option<CloseFrame>,
) {
    let closing = async {
        // Answers to pings that wait go first: behind the close frame there is nothing (RFC 6455 section 5.5.1).
        to.flush().await.ok();
        // One that closed first is answered instead, and one that is gone hears nothing.
        to.send(Message::Close(frame)).await.ok();
        while let Some(Ok(_)) = from.next().await {}
        if let Ok(mut socket) = to.reunite(from) {
            socket.get_mut().shutdown().await.ok();
        }
    };
    if timeout(limits::CLOSE_DEADLINE, closing).await.is_err() {
        tracing::debug!("a WebSocket was closed without an answer");
    }
}

/// Returns once neither side has said anything for as long as that may be.
async fn quiet(spoken: &Dialogue) {
    loop {
        let at = spoken.last() + limits::WEBSOCKET_IDLE_DEADLINE;
        if at <= Instant::now() {
            return;
        }
        sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_names_why_the_rule_and_the_record() {
        let mut why = Interruption::revoked();
        assert_eq!(told(&why, Some(7)), "revoked, record 7");
        assert_eq!(told(&why, None), "revoked");
        why.rule = Some("ä".repeat(100));
        let reason = flow::cut(&told(&why, Some(7)));
        assert!(reason.len() <= 123 && reason.starts_with("revoked (ää"));
    }

    #[tokio::test(start_paused = true)]
    async fn two_sides_that_say_nothing_are_quiet() {
        let spoken = Dialogue::new();
        let began = Instant::now();
        let speaking = async {
            for _ in 0..3 {
                sleep(limits::WEBSOCKET_IDLE_DEADLINE / 2).await;
                spoken.spoke();
            }
        };
        tokio::join!(quiet(&spoken), speaking);
        assert!(began.elapsed() >= limits::WEBSOCKET_IDLE_DEADLINE * 5 / 2);
    }
}
