//! Frames from one end of a pipe, however they are cut, and ends that no longer answer.

use futures_util::{StreamExt as _, stream};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

use super::*;

/// What a flow has on its other side, which takes everything.
fn taken() -> impl Sink<Message, Error = Error> + Unpin {
    Box::pin(futures_util::sink::unfold((), |(), _| async { Ok(()) }))
}

async fn server(end: DuplexStream) -> WebSocketStream<DuplexStream> {
    WebSocketStream::from_raw_socket(end, Role::Server, Some(config())).await
}

/// A frame of a client, masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 0, 99, 255];
    let length = u16::try_from(payload.len()).expect("short");
    let mut bytes = vec![first, 0xfe];
    bytes.extend(length.to_be_bytes());
    bytes.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The messages that came, until the end.
async fn all(mut agent: WebSocketStream<DuplexStream>) -> (Vec<Message>, Stop) {
    let (mut to, spoken) = (taken(), Dialogue::new());
    let mut flow = Flow::new((&mut agent, &mut to), Duration::from_secs(1));
    let mut messages = Vec::new();
    loop {
        match flow.came(&spoken).await {
            Ok(message) => messages.push(message),
            Err(stop) => return (messages, stop),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn messages_are_the_same_however_they_are_cut(
        texts in prop::collection::vec("[a-zé🌊{}\"]{0,60}", 1..6),
        cuts in prop::collection::vec(0..80_usize, 0..5),
        piece in 1..70_usize,
        pings in any::<bool>(),
    ) {
        let mut bytes = Vec::new();
        for text in &texts {
            let text = text.as_bytes();
            let mut places: Vec<usize> = cuts.iter().map(|cut| *cut.min(&text.len())).collect();
            places.sort_unstable();
            places.push(text.len());
            let (last, mut from) = (places.len() - 1, 0);
            for (number, to) in places.into_iter().enumerate() {
                let opcode = u8::from(number == 0) | if number == last { 0x80 } else { 0 };
                bytes.extend(frame(opcode, &text[from..to]));
                if pings {
                    bytes.extend(frame(0x89, b"ping"));
                }
                from = to;
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (messages, stop) = runtime.expect("a runtime").block_on(async {
            let (mut client, end) = duplex(97);
            let writing = async move {
                for piece in bytes.chunks(piece) {
                    client.write_all(piece).await.expect("it is read");
                    tokio::task::yield_now().await;
                }
                client.shutdown().await.expect("it is read");
                // What the gateway says of pings is read by nobody else.
                let mut rest = Vec::new();
                client.read_to_end(&mut rest).await.ok();
            };
            let reading = async { all(server(end).await).await };
            tokio::join!(writing, reading).1
        });
        prop_assert!(matches!(stop, Stop::Gone), "{:?}", stop);
        let expected: Vec<Message> = texts.into_iter().map(Message::text).collect();
        prop_assert_eq!(messages, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn who_answers_no_ping_is_late_and_who_does_is_not() {
    // Nothing ever comes.
    let (mut from, mut to) = (stream::pending(), taken());
    let spoken = Dialogue::new();
    let began = Instant::now();
    let mut flow = Flow::new((&mut from, &mut to), Duration::from_secs(1));
    assert!(matches!(flow.came(&spoken).await, Err(Stop::Late)));
    assert_eq!(
        began.elapsed().as_secs(),
        (limits::PING_INTERVAL + limits::PING_DEADLINE).as_secs()
    );
    // Pongs come for an hour: it is alive, and has said nothing.
    let pongs = stream::unfold(0, |sent| async move {
        tokio::time::sleep(limits::PING_INTERVAL).await;
        (sent < 120).then_some((Ok(Message::Pong(Bytes::new())), sent + 1))
    });
    let (mut from, mut to) = (Box::pin(pongs), taken());
    let before = spoken.last();
    let mut flow = Flow::new((&mut from, &mut to), Duration::from_secs(1));
    assert!(matches!(flow.came(&spoken).await, Err(Stop::Gone)));
    assert_eq!(spoken.last(), before);
}

#[tokio::test(start_paused = true)]
async fn the_other_side_is_pinged_and_one_that_takes_nothing_is_given_up() {
    let (near, far) = duplex(1024);
    let mut near = server(near).await;
    let mut far = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
    let mut from = stream::pending();
    let spoken = Dialogue::new();
    let mut flow = Flow::new((&mut from, &mut near), Duration::from_secs(1));
    tokio::select! {
        stop = flow.came(&spoken) => panic!("{stop:?}"),
        ping = far.next() => assert!(matches!(ping, Some(Ok(Message::Ping(_)))), "{ping:?}"),
    }
    // More than the pipe holds, and nobody reads.
    let long = Message::text("x".repeat(4096));
    assert!(!flow.is_sent(long).await);
}

#[tokio::test]
async fn what_is_no_frame_has_its_code() {
    for (bytes, expected) in [
        (frame(0xc1, b"a"), CloseCode::Protocol),
        (frame(0x83, b"a"), CloseCode::Protocol),
        (frame(0x81, b"\xc3\x28"), CloseCode::Invalid),
        (
            vec![0x81, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0],
            CloseCode::Size,
        ),
    ] {
        let (mut client, end) = duplex(64);
        client.write_all(&bytes).await.expect("it is read");
        let (messages, stop) = all(server(end).await).await;
        assert!(messages.is_empty());
        assert!(
            matches!(stop, Stop::Unreadable(code) if code == expected),
            "{stop:?} for {expected:?}"
        );
    }
}

#[test]
fn a_reason_is_cut_between_characters() {
    assert_eq!(cut("short"), "short");
    let long = cut(&"ä".repeat(100));
    assert_eq!(long.chars().count(), REASON_BYTES_MAX / 2);
}
