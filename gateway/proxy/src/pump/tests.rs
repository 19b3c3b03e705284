//! How long a stream's words are held back, on a clock that the test drives.

use std::io::Write as _;

use classifiers::document::HELD_BYTES_MAX;
use flate2::write::MultiGzDecoder;
use http_body::{Body, Frame};
use policy::{DisclosureContext, Effect, Engine, Evidence, PolicyFile, Principal};
use redaction::{Pseudonyms, Workspace};
use tokio::sync::mpsc;

use super::*;
use crate::{
    limits::FLUSH_DEADLINE,
    usage::{Metering, Places},
};

const POLICY: &str = r#"
@id("shown") permit (principal, action == Action::"disclose", resource);
@id("masked") @obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email");
@id("stays")
forbid (principal, action == Action::"disclose", resource in DataClass::"pci.pan");
"#;

/// Pieces that were sent and not yet read.
const SENT_MAX: usize = 16;
/// Timers go off at the next millisecond.
const GRAIN: Duration = Duration::from_millis(1);

/// A body whose pieces the test sends.
struct Sent(Receiver<Bytes>);

impl Body for Sent {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

struct Keys;

impl Pseudonyms for Keys {
    fn pseudonym(&self, _: DataClass, _: &[u8]) -> [u8; 16] {
        [7; 16]
    }
}

fn disclosures() -> Disclosures {
    let file = PolicyFile {
        name: "tests.cedar".to_owned(),
        text: POLICY.to_owned(),
    };
    let engine = Engine::load(&[file]).expect("policies");
    let country = policy::Country::parse("DE").expect("a country");
    Arc::new(engine).disclosures(DisclosureContext {
        principal: Arc::new(Principal {
            session: "5f0c".into(),
            agent: "spiffe://tests.example/agent".into(),
            evidence: Evidence::named("kernel"),
            purpose: "".into(),
            scope: Arc::default(),
            country,
            delegation: None,
            declared: None,
        }),
        service: "model".into(),
        operation: "chat".into(),
        effect: Effect::Write,
        origin: country,
        recipient: country,
        training: policy::Training::Unknown,
    })
}

/// A stream of events that is inspected, or passes as it is.
fn pump(inspected: bool) -> (mpsc::Sender<Bytes>, Box<Pump<Sent>>) {
    let (sender, receiver) = mpsc::channel(SENT_MAX);
    let inspection = inspected.then(|| Inspection {
        body: redaction::Body::new(
            Coding::Identity,
            Format::Document(Media::Sse),
            Rules(disclosures()),
            Arc::new(Keys),
            Box::new(Workspace::new()),
        ),
        disclosures: disclosures(),
        coded: false,
        restoration: None,
    });
    let mut pump = Pump::over(Sent(receiver), inspection, Duration::from_hours(1));
    pump.growing = inspected.then(Growing::default);
    (sender, pump)
}

fn event(text: &str) -> String {
    let delta = serde_json::json!({"object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {delta}\n\n")
}

/// What a reader saw of a stream that was not changed.
#[derive(Debug, Default)]
struct Seen {
    /// The longest that a byte was in the pump.
    longest: Duration,
    /// The most bytes that were in it, and of those beside the last event.
    most: u64,
    text: Vec<u8>,
}

/// Streams `events` with a pause before each, and holds every byte against the clock.
async fn stream(events: Vec<(Duration, String)>, inspected: bool, coding: Coding) -> Seen {
    let (sender, mut pump) = pump(inspected);
    assert!(pump.encode(coding).is_ok());
    let mut arrivals: Vec<(u64, Instant)> = Vec::new();
    let (mut seen, mut decoder) = (Seen::default(), MultiGzDecoder::new(Vec::new()));
    let mut events = events.into_iter().peekable();
    let mut next = events.peek().map(|(pause, _)| Instant::now() + *pause);
    let (mut sender, mut sent) = (Some(sender), 0);
    while !pump.ended() {
        tokio::select! {
            biased;
            read = poll_fn(|cx| pump.poll_read(cx)) => assert_eq!(read, Ok(())),
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                if let (Some((_, event)), Some(to)) = (events.next(), &sender) {
                    sent += event.len() as u64;
                    arrivals.push((sent, Instant::now()));
                    assert!(to.try_send(event.into()).is_ok());
                }
                next = events.peek().map(|(pause, _)| Instant::now() + *pause);
                if next.is_none() {
                    sender = None;
                }
                continue;
            }
        }
        let had = seen.text.len() as u64;
        for piece in pump.take_all() {
            match coding {
                Coding::Gzip => {
                    assert!(decoder.write_all(&piece).is_ok() && decoder.flush().is_ok());
                    seen.text.append(decoder.get_mut());
                }
                _ => seen.text.extend_from_slice(&piece),
            }
        }
        let has = seen.text.len() as u64;
        let oldest = arrivals.iter().find(|(end, _)| *end > had);
        if let Some((_, came)) = oldest.filter(|_| has > had) {
            seen.longest = seen.longest.max(came.elapsed());
        }
        seen.most = seen.most.max(sent - has);
    }
    seen
}

/// Words that may be the beginning of something, with pauses as a model makes them.
fn talk(words: usize) -> Vec<(Duration, String)> {
    let parts = [
        " Ann", "a", " went", " to", " the", " 47", "11", " 0", "8", " gate", ", and", " wrote",
        " 12", "-", "3", ".",
    ];
    let mut state = 7_u64;
    let talk = (0..words).map(|word| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let pause = match state >> 60 {
            0 => 2_600,
            1..4 => 700,
            fast => fast,
        };
        let part = parts.get(word % parts.len()).copied().unwrap_or_default();
        (Duration::from_millis(pause), event(part))
    });
    talk.collect()
}

#[tokio::test(start_paused = true)]
async fn no_word_waits_longer_than_is_said() {
    for coding in [Coding::Identity, Coding::Gzip] {
        let events = talk(3_000);
        let all: String = events.iter().map(|(_, event)| event.as_str()).collect();
        let longest_event = events.iter().map(|(_, event)| event.len()).max();
        let seen = stream(events, true, coding).await;
        assert_eq!(String::from_utf8_lossy(&seen.text), all, "{coding:?}");
        assert!(
            seen.longest <= FLUSH_DEADLINE + GRAIN,
            "{coding:?}: {:?}",
            seen.longest
        );
        let bound = HELD_BYTES_MAX + longest_event.unwrap_or(0) as u64;
        assert!(seen.most <= bound, "{coding:?}: {}", seen.most);
        // Something did wait, or this would show nothing.
        assert!(
            seen.longest > FLUSH_DEADLINE / 2,
            "{coding:?}: {:?}",
            seen.longest
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_inspects_does_not_wait_at_all() {
    for coding in [Coding::Identity, Coding::Gzip] {
        let seen = stream(talk(500), false, coding).await;
        assert_eq!(seen.longest, Duration::ZERO, "{coding:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_word_that_never_ends_is_held_to_its_bound() {
    // Letters and digits without a space, faster than the deadline.
    let events: Vec<_> = (0..20_000)
        .map(|n| (Duration::from_micros(50), event(&format!("a{n}"))))
        .collect();
    let longest_event = events.iter().map(|(_, event)| event.len()).max();
    let seen = stream(events, true, Coding::Identity).await;
    let bound = HELD_BYTES_MAX + longest_event.unwrap_or(0) as u64;
    assert!(seen.most <= bound, "{} of {bound}", seen.most);
    assert!(seen.most > HELD_BYTES_MAX / 8, "{}", seen.most);
    assert!(seen.longest <= FLUSH_DEADLINE + GRAIN, "{:?}", seen.longest);
}

#[tokio::test]
async fn what_came_is_counted_though_none_of_it_is_released() {
    let (sender, pump) = pump(true);
    let metering = Metering {
        places: Places::openai(),
        prices: Arc::default(),
        output_ceiling: None,
    };
    let reading = Arc::new(Mutex::new(Reading::new(Arc::new(metering), true)));
    let mut pump = pump.read_by(Some(Arc::clone(&reading)));
    assert!(pump.encode(Coding::Gzip).is_ok());
    let long = "word".repeat(2000);
    let cut = event(&long).into_bytes();
    let (cut, _) = cut.split_at(7000);
    assert!(sender.try_send(Bytes::copy_from_slice(cut)).is_ok());
    let read = poll_fn(|cx| pump.poll_read(cx)).await;
    assert_eq!(read, Ok(()));
    assert_eq!(reading.lock().expect("a lock").bytes(), 7000);
    assert_eq!(pump.record().released, 0);
}
