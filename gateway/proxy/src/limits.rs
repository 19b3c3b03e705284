//! Every bound of the data plane, with its unit.

use std::time::Duration;

/// A body that declares at most this many bytes is judged whole, so that a refusal still has a
/// status line; longer ones are judged as they stream.
pub const WHOLE_BODY_BYTES_MAX: u64 = 64 * 1024;

/// A message whose operation stands in it is read whole before anything is decided; a longer one is
/// refused.
pub const MESSAGE_BYTES_MAX: u64 = 1024 * 1024;

/// For such a message to come whole.
pub const MESSAGE_DEADLINE: Duration = Duration::from_mins(1);
/// So long an answer that declares no length may take to come to its end and be judged whole, if it is
/// a document that nobody reads piece by piece.
pub const WHOLE_BODY_WAIT: Duration = Duration::from_secs(2);

/// An answer of fewer bytes than this is sent plain: encoding it would cost more than it saves.
pub const ENCODED_BYTES_MIN: u64 = 1024;

/// Text of an event stream that still grows waits no longer than this for what comes next.
pub const FLUSH_DEADLINE: Duration = Duration::from_secs(2);

/// Connections that one worker serves at a time; further ones wait in the kernel's queue.
pub const CONNECTIONS_PER_WORKER_MAX: usize = 8_192;

/// Those of one owner: an agent, a user who is none, or an address; further ones are closed.
pub const CONNECTIONS_OF_ONE_MAX: usize = CONNECTIONS_PER_WORKER_MAX / 2;

/// Concurrent HTTP/2 streams of one connection.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 128;

/// hyper's read buffer of one HTTP/1 connection; a request head must fit.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The same of a connection to an upstream: twice as much at the most, as it happens to come.
pub const ANSWER_HEAD_BYTES_MAX: usize = 128 * 1024;
/// The longest question of a proxy about a request that it serves, bytes: a message, and its head.
pub const QUESTION_BYTES_MAX: usize = 1024 * 1024 + HEAD_BYTES_MAX;

/// Connections waiting in the kernel to be accepted.
pub const BACKLOG: i32 = 4_096;

/// Idle upstream connections that one worker keeps for one service.
pub const UPSTREAM_IDLE_PER_HOST_MAX: usize = 512;

/// For the TLS handshake of an agent.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// For the head of an agent's request.
pub const REQUEST_HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// For a connection to an upstream.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// For the head of an upstream's response, from the last byte of the request on.
pub const RESPONSE_HEAD_DEADLINE: Duration = Duration::from_mins(1);

/// Between two pieces of a body, either way.
pub const BODY_IDLE_DEADLINE: Duration = Duration::from_mins(1);

/// Bytes a second, at the least and on average after the first [`BODY_IDLE_DEADLINE`], of a request's
/// body and of an answer that is judged whole. What streams to an agent may be slower.
pub const BODY_RATE_MIN: u64 = 256;

/// How long an idle upstream connection is kept.
pub const UPSTREAM_IDLE_DEADLINE: Duration = Duration::from_mins(1);

/// How long a service may take, where its configuration says otherwise than this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the head of its answer, from the last byte of the request on.
    pub head: Duration,
    /// Between two pieces of a body, either way.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: RESPONSE_HEAD_DEADLINE,
            idle: BODY_IDLE_DEADLINE,
        }
    }
}

/// Upstreams that a call is given to, the first one included.
pub const ATTEMPTS_MAX: usize = 3;

/// For open exchanges to end after the gateway was told to stop.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// How long a connection of HTTP/1 without a request is kept once another process takes new ones. Whoever sends a request on
/// it meanwhile is answered, and told to come anew by that answer.
pub const FAREWELL_IDLE: Duration = Duration::from_secs(3);

/// Before accepting again after `accept` failed, most often for want of descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Between two looks at the first bytes of a connection that may become HTTP/2.
pub const PREFACE_PAUSE: Duration = Duration::from_millis(10);

/// Between two pings of an HTTP/2 connection.
pub const PING_INTERVAL: Duration = Duration::from_secs(30);

/// For the answer to a ping.
pub const PING_DEADLINE: Duration = Duration::from_secs(20);

/// How long an upload may go on after its answer is complete.
pub const EARLY_ANSWER_GRACE: Duration = Duration::from_secs(1);

/// How much of a TLS greeting is looked at for the host that it asks for.
pub const HELLO_BYTES_MAX: usize = 16 * 1024;

/// Tunnels that are open at a time.
pub const TUNNELS_MAX: usize = 1024;

/// How long nothing may go through a tunnel; it is noticed within twice that.
pub const TUNNEL_IDLE_DEADLINE: Duration = Duration::from_mins(5);

/// How long a tunnel may be open.
pub const TUNNEL_LIFETIME_MAX: Duration = Duration::from_hours(1);

/// The longest message of a WebSocket, bytes: it is judged whole.
pub const WEBSOCKET_MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// What is read of a WebSocket's connection at a time, bytes; held for each, both ways.
pub const WEBSOCKET_BUFFER_BYTES: usize = 8 * 1024;
/// How long stand-ins may make such a message, bytes.
pub const WEBSOCKET_RELEASED_BYTES_MAX: usize = 4 * WEBSOCKET_MESSAGE_BYTES_MAX;
/// What waits to be written there, bytes: a message, and control frames.
pub const WEBSOCKET_WRITE_BYTES_MAX: usize = 2 * WEBSOCKET_RELEASED_BYTES_MAX;
/// How long a WebSocket may be open: what was decided at its handshake holds no longer.
pub const WEBSOCKET_LIFETIME_MAX: Duration = Duration::from_hours(1);
/// Pings of one side within [`PING_INTERVAL`], each of which has to be answered.
pub const WEBSOCKET_PINGS_MAX: u32 = 1_000;
/// How long neither side of a WebSocket may say anything. Pings of their own are something.
pub const WEBSOCKET_IDLE_DEADLINE: Duration = Duration::from_mins(5);
/// For why one side takes no more to be read from it.
pub const LAST_WORDS_DEADLINE: Duration = Duration::from_secs(1);
/// For the answer to a close frame (RFC 6455 section 7.1.1).
pub const CLOSE_DEADLINE: Duration = Duration::from_secs(3);

/// Addresses of a host that are tried.
pub const ADDRESSES_MAX: usize = 8;
