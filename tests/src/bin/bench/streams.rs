//! What a stream of a model's words loses on its way: time to the first word, and to each.
//!
//! Upstream and reader are threads of this process, so that one clock tells when an event was sent and
//! when it came. Ways are interleaved round by round; several streams run at a time, as agents' do.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::header,
    response::{IntoResponse as _, Response},
    routing::get,
};
use tests::{client::Client, peers::Peer};

/// Between two words: fifty a second, as quick as a model that many wait for.
const PAUSE: Duration = Duration::from_millis(20);
/// Words of one stream.
const WORDS: usize = 150;
/// Streams at a time.
const STREAMS: usize = 8;
/// What a model says, over and over: an address in every twenty words, cut as a tokenizer would.
const TALK: [&str; 20] = [
    "The ", "order ", "went ", "out ", "on ", "Tuesday", ", ", "and ", "who ", "asks ", "may ",
    "write ", "to ", "tamsel", ".wren", "fold@", "example", ".org", ". ", "Then ",
];

/// A way from the reader to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// None between.
    Direct,
    /// `tidegate-bare`.
    Bare,
    /// The gateway, which does not look at this media type.
    Unseen,
    /// The gateway, which looks at events that are whole in themselves.
    Whole,
    /// The gateway, which joins the words of a model and redacts them.
    Words,
}

/// Every way, in the order in which they are measured.
pub(crate) const WAYS: [Way; 5] = [Way::Direct, Way::Bare, Way::Unseen, Way::Whole, Way::Words];

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Bare => "bare hyper",
            Self::Unseen => "tidegate, redaction off",
            Self::Whole => "tidegate, redaction on, events whole in themselves",
            Self::Words => "tidegate, redaction on, a model's words",
        }
    }

    /// What the upstream sends on this way.
    fn kind(self) -> &'static str {
        match self {
            Self::Direct | Self::Bare | Self::Words => "words",
            Self::Unseen => "unseen",
            Self::Whole => "whole",
        }
    }
}

/// When the events of every stream were sent.
type Sent = Arc<Mutex<BTreeMap<String, Vec<Instant>>>>;

/// The upstream.
pub(crate) struct Upstream {
    pub(crate) peer: Peer,
    sent: Sent,
}

impl Upstream {
    pub(crate) fn start() -> Result<Self> {
        let sent = Sent::default();
        let router = Router::new()
            .route("/{kind}/{stream}", get(stream))
            .with_state(Arc::clone(&sent));
        let peer = Peer::serve(router, "127.0.0.1:0", None)?;
        Ok(Self { peer, sent })
    }
}

async fn stream(
    Path((kind, stream)): Path<(String, String)>,
    State(sent): State<Sent>,
) -> Response {
    let media = match kind.as_str() {
        // The same to its reader; a charset that the gateway does not read.
        "unseen" => "text/event-stream; charset=x-unseen",
        _ => "text/event-stream",
    };
    let words = kind != "whole";
    let events = futures_util::stream::unfold(0, move |number| {
        let (sent, stream) = (Arc::clone(&sent), stream.clone());
        async move {
            if number > WORDS {
                return None;
            }
            if number > 1 {
                tokio::time::sleep(PAUSE).await;
            }
            let event = event(number, words);
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent.entry(stream).or_default().push(Instant::now());
            Some((Ok::<_, Infallible>(Bytes::from(event)), number + 1))
        }
    });
    ([(header::CONTENT_TYPE, media)], Body::from_stream(events)).into_response()
}

/// The event `number`: the first says who speaks.
fn event(number: usize, words: bool) -> String {
    let word = number
        .checked_sub(1)
        .and_then(|word| TALK.get(word % TALK.len()));
    let delta =
        serde_json::json!({"role": "assistant", "content": word.copied().unwrap_or_default()});
    let event = if words {
        let choice = serde_json::json!({"index": 0, "delta": delta, "finish_reason": null});
        serde_json::json!({"id": "chatcmpl-7", "object": "chat.completion.chunk", "choices": [choice]})
    } else {
        serde_json::json!({"id": number, "state": "running", "word": word})
    };
    format!("data: {event}\n\n")
}

/// What one way took, in microseconds.
#[derive(Clone, Debug, Default)]
struct Took {
    /// From asking to the first word.
    first: Vec<f64>,
    /// From a word's being sent to its being there.
    word: Vec<f64>,
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Streams(BTreeMap<Way, Took>);

impl Streams {
    /// Measures `way`, whose address is `url`, with several streams at a time.
    pub(crate) fn measure(
        &mut self,
        way: Way,
        url: &str,
        token: &str,
        upstream: &Upstream,
    ) -> Result<()> {
        let readers: Vec<_> = (0..STREAMS)
            .map(|number| {
                let (url, token) = (format!("{url}/{}", way.kind()), token.to_owned());
                let sent = Arc::clone(&upstream.sent);
                let stream = format!("{number}");
                thread::spawn(move || read(&url, &stream, &token, &sent))
            })
            .collect();
        for reader in readers {
            let took = reader.join().map_err(|_| anyhow!("a reader panicked"))??;
            let all = self.0.entry(way).or_default();
            all.first.extend(took.first);
            all.word.extend(took.word);
        }
        Ok(())
    }

    /// The table, in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "\n**streams: {STREAMS} at a time, a word every {} ms**\n\n{HEAD}",
            PAUSE.as_millis()
        );
        let bare = self.0.get(&Way::Bare);
        for (way, took) in &self.0 {
            let added = |of: fn(&Took) -> &Vec<f64>| {
                let bare = bare.map_or(f64::NAN, |bare| quantile(of(bare), 0.5));
                quantile(of(took), 0.5) - bare
            };
            let cells = [
                way.name().to_owned(),
                shown(quantile(&took.first, 0.5)),
                shown(added(|took| &took.first)),
                shown(quantile(&took.word, 0.5)),
                shown(quantile(&took.word, 0.99)),
                shown(added(|took| &took.word)),
            ];
            text.extend(["| ", &cells.join(" | "), " |\n"]);
        }
        text
    }
}

const HEAD: &str = "\
| way | first word p50 | added to bare | per word p50 | p99 | added to bare |
|---|---:|---:|---:|---:|---:|
";

/// Microseconds for people.
fn shown(us: f64) -> String {
    if us.abs() < 10_000.0 {
        format!("{us:.0} µs")
    } else {
        format!("{:.1} ms", us / 1000.0)
    }
}

fn quantile(numbers: &[f64], share: f64) -> f64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list of some thousand"
    )]
    let place = ((numbers.len().saturating_sub(1)) as f64 * share).round() as usize;
    numbers.get(place).copied().unwrap_or(f64::NAN)
}

/// Reads one stream, and looks up when its events were sent.
fn read(url: &str, stream: &str, token: &str, sent: &Sent) -> Result<Took> {
    let client = Client::plain()?;
    let headers = [("tidegate-token", token)];
    let mut arrived = Vec::new();
    // The first time opens the connection and fills what is filled once.
    for round in ["warm", "measured"] {
        arrived.clear();
        let (mut bytes, mut events) = (Vec::new(), 0);
        let asked = Instant::now();
        client.pieces(&format!("{url}/{round}-{stream}"), &headers, |piece| {
            let now = Instant::now();
            bytes.extend_from_slice(piece);
            let ends = bytes.windows(2).filter(|two| two == b"\n\n").count();
            arrived.extend(std::iter::repeat_n(now, ends - events));
            events = ends;
            Ok(())
        })?;
        ensure!(arrived.len() == WORDS + 1, "{} events came", arrived.len());
        if round == "measured" {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            let sent = sent.remove(&format!("measured-{stream}"));
            return took(asked, &sent.context("nothing was sent")?, &arrived, &text);
        }
    }
    Err(anyhow!("nothing was measured"))
}

fn took(asked: Instant, sent: &[Instant], arrived: &[Instant], text: &str) -> Result<Took> {
    ensure!(
        !text.is_empty() && sent.len() == arrived.len(),
        "events were lost"
    );
    let us = |duration: Duration| duration.as_secs_f64() * 1e6;
    let first = arrived.get(1).context("no word came")?;
    let words = sent.iter().zip(arrived).skip(1);
    Ok(Took {
        first: vec![us(first.duration_since(asked))],
        word: words
            .map(|(sent, came)| us(came.saturating_duration_since(*sent)))
            .collect(),
    })
}
