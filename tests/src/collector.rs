//! A real OpenTelemetry collector (rotel), and what it received.
//!
//! rotel prints every span that arrives; [`Collector::spans`] reads that. It is found at
//! `$TIDEGATE_ROTEL` or where `cargo xtask setup` puts it.

use std::{
    collections::BTreeMap,
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::env;

/// How long the collector may take to listen.
const START_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long spans may take to come through the gateway's queue and the collector's.
const SPANS_WAIT_MAX: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);
/// Somebody else may take a port between our picking and rotel's binding it.
const START_ATTEMPTS_MAX: usize = 5;
/// Where `cargo xtask setup` puts rotel, among the workspace's tools.
const INSTALLED: &str = "venv/bin/rotel-agent";

/// A running collector; it ends with this value.
pub struct Collector {
    child: Child,
    directory: TempDir,
    address: SocketAddr,
}

/// One span, as the collector got it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// 16 hexadecimal digits; empty for a root.
    pub parent_id: String,
    /// Its name.
    pub name: String,
    /// `SERVER`, `CLIENT`, `INTERNAL`.
    pub kind: String,
    /// `UNSET`, `OK`, `ERROR`.
    pub status: String,
    /// Nanoseconds since the epoch.
    pub start_ns: u64,
    /// Nanoseconds since the epoch.
    pub end_ns: u64,
    /// All values as text.
    pub attributes: BTreeMap<String, String>,
    /// In the order of the wire.
    pub events: Vec<SpanEvent>,
    /// What the sender says of itself.
    pub resource: BTreeMap<String, String>,
}

/// One event of a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanEvent {
    /// Its name.
    pub name: String,
    /// Nanoseconds since the epoch.
    pub at_ns: u64,
    /// All values as text.
    pub attributes: BTreeMap<String, String>,
}

impl Collector {
    /// Starts rotel on ports of the kernel's choice and waits until it listens.
    pub fn start() -> Result<Self> {
        let program = env::tool("TIDEGATE_ROTEL", INSTALLED)?;
        for _ in 1..START_ATTEMPTS_MAX {
            if let Ok(collector) = Self::attempt(&program) {
                return Ok(collector);
            }
        }
        Self::attempt(&program)
    }

    /// Where the gateway sends its spans: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived by now.
    pub fn spans(&self) -> Result<Vec<Span>> {
        Ok(parse(&self.output()?))
    }

    /// Waits until what arrived satisfies `enough`, and returns it.
    pub fn wait_for(&self, enough: impl Fn(&[Span]) -> bool) -> Result<Vec<Span>> {
        let deadline = Instant::now() + SPANS_WAIT_MAX;
        let mut before = self.output()?;
        loop {
            thread::sleep(POLL);
            let output = self.output()?;
            let spans = parse(&output);
            // While the output grows, its last span may be half printed.
            if output == before && enough(&spans) {
                return Ok(spans);
            }
            if Instant::now() > deadline {
                bail!("the collector never got the expected spans; it has: {spans:#?}");
            }
            before = output;
        }
    }

    /// Waits for all spans of one exchange: `count` of the trace `trace_id`.
    pub fn trace(&self, trace_id: &str, count: usize) -> Result<Vec<Span>> {
        let ours = |span: &&Span| span.trace_id == trace_id;
        let all = self.wait_for(|spans| spans.iter().filter(ours).count() >= count)?;
        Ok(all
            .into_iter()
            .filter(|span| span.trace_id == trace_id)
            .collect())
    }

    /// Everything that the collector printed: to search for what must not be there.
    pub fn output(&self) -> Result<String> {
        let path = self.directory.path().join("output");
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn attempt(program: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let output = File::create(directory.path().join("output"))?;
        let [grpc, http] = free_addresses()?;
        let mut child = Command::new(program)
            .args([
                "start",
                "--exporter",
                "blackhole",
                "--batch-timeout",
                "10ms",
            ])
            .args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .args(["--otlp-grpc-endpoint", &grpc.to_string()])
            .args(["--otlp-http-endpoint", &http.to_string()])
            .arg("--pid-file")
            .arg(directory.path().join("pid"))
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;

        let deadline = Instant::now() + START_WAIT_MAX;
        while TcpStream::connect(grpc).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("rotel ended with {status}");
            }
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("rotel does not listen on {grpc}");
            }
            thread::sleep(POLL);
        }
        Ok(Self {
            child,
            directory,
            address: grpc,
        })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// rotel cannot bind port 0, so the kernel picks for us: two at once, so that they differ.
fn free_addresses() -> Result<[SocketAddr; 2]> {
    let [one, other] = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    Ok([one?.local_addr()?, other?.local_addr()?])
}

/// Where in rotel's print-out we are.
#[derive(Clone, Copy)]
enum Section {
    Resource,
    Span,
    Event,
}

/// Reads rotel's detailed print-out of traces.
///
/// Only lines of known shape count; a value with line breaks would be cut at the first.
fn parse(output: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut resource = BTreeMap::new();
    let mut section = Section::Resource;
    for line in output.lines() {
        let text = line.trim_start();
        if text.starts_with("ResourceSpans #") {
            resource = BTreeMap::new();
            section = Section::Resource;
        } else if text.starts_with("Span #") {
            spans.push(Span {
                resource: resource.clone(),
                ..Span::default()
            });
            section = Section::Span;
        } else if text.starts_with("SpanEvent #") {
            if let Some(span) = spans.last_mut() {
                span.events.push(SpanEvent::default());
            }
            section = Section::Event;
        } else {
            match (section, spans.last_mut()) {
                (Section::Resource, _) => attribute(text, &mut resource),
                (Section::Span, Some(span)) => span_line(text, span),
                (Section::Event, Some(span)) => event_line(text, span),
                (_, None) => {}
            }
        }
    }
    spans
}

fn span_line(text: &str, span: &mut Span) {
    if text.starts_with("-> ") {
        return attribute(text, &mut span.attributes);
    }
    let Some((label, value)) = text.split_once(':') else {
        return;
    };
    let value = value.trim();
    match label.trim_end() {
        "Trace ID" => value.clone_into(&mut span.trace_id),
        "Parent ID" => value.clone_into(&mut span.parent_id),
        "ID" => value.clone_into(&mut span.span_id),
        "Name" => value.clone_into(&mut span.name),
        "Kind" => value
            .trim_start_matches("SPAN_KIND_")
            .clone_into(&mut span.kind),
        "Status code" => value
            .trim_start_matches("STATUS_CODE_")
            .clone_into(&mut span.status),
        "Start time" => span.start_ns = value.parse().unwrap_or(0),
        "End time" => span.end_ns = value.parse().unwrap_or(0),
        _ => {}
    }
}

fn event_line(text: &str, span: &mut Span) {
    let Some(event) = span.events.last_mut() else {
        return;
    };
    if let Some(name) = text.strip_prefix("-> Name: ") {
        name.clone_into(&mut event.name);
    } else if let Some(at) = text.strip_prefix("-> Timestamp: ") {
        event.at_ns = at.parse().unwrap_or(0);
    } else {
        attribute(text, &mut event.attributes);
    }
}

/// `-> key: Kind(value)`; a line of another shape is none.
fn attribute(text: &str, into: &mut BTreeMap<String, String>) {
    let Some((key, value)) = text
        .strip_prefix("-> ")
        .and_then(|pair| pair.split_once(": "))
    else {
        return;
    };
    if let Some((_, value)) = value.split_once('(')
        && let Some(value) = value.strip_suffix(')')
    {
        into.insert(key.to_owned(), value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by rotel 0.0.1a15.
    const PRINTED: &str = "\
ResourceSpans #0
Resource SchemaURL: 
Resource attributes:
     -> service.name: Str(tidegate)
ScopeSpans #0
ScopeSpans SchemaURL: 
InstrumentationScope tidegate 
Span #0
    Trace ID       : 5b8efff798038103d269b633813fc60c
    Parent ID      : eee19b7ec3c1b173
    ID             : eee19b7ec3c1b174
    Name           : GET /customers/{customer}
    Kind           : SPAN_KIND_SERVER
Start time: 1544712660000000000
End time: 1544712661000000000
    Status code    : STATUS_CODE_ERROR
    Status message : 
Attributes:
     -> tidegate.rule: Str(some: value (odd))
     -> audit.record.id: Int(5)
Events:
SpanEvent #0
     -> Name: tidegate.finding
     -> Timestamp: 1544712660000000001
     -> DroppedAttributesCount: 0
     -> Attributes::
          -> tidegate.finding.path: Str(/a/b)
Span #1
    Trace ID       : 5b8efff798038103d269b633813fc60c
    Parent ID      : 
    ID             : 00e19b7ec3c1b174
    Name           : GET /x
    Kind           : SPAN_KIND_CLIENT
";

    #[test]
    fn what_the_collector_prints_is_read_back() {
        let pairs = |all: &[(&str, &str)]| {
            all.iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let spans = parse(PRINTED);

        assert_eq!(
            spans[0],
            Span {
                trace_id: "5b8efff798038103d269b633813fc60c".to_owned(),
                span_id: "eee19b7ec3c1b174".to_owned(),
                parent_id: "eee19b7ec3c1b173".to_owned(),
                name: "GET /customers/{customer}".to_owned(),
                kind: "SERVER".to_owned(),
                status: "ERROR".to_owned(),
                start_ns: 1_544_712_660_000_000_000,
                end_ns: 1_544_712_661_000_000_000,
                attributes: pairs(&[
                    ("tidegate.rule", "some: value (odd)"),
                    ("audit.record.id", "5")
                ]),
                events: vec![SpanEvent {
                    name: "tidegate.finding".to_owned(),
                    at_ns: 1_544_712_660_000_000_001,
                    attributes: pairs(&[("tidegate.finding.path", "/a/b")]),
                }],
                resource: pairs(&[("service.name", "tidegate")]),
            }
        );
        assert_eq!(
            (
                spans.len(),
                spans[1].parent_id.as_str(),
                spans[1].kind.as_str()
            ),
            (2, "", "CLIENT")
        );
        assert_eq!(spans[1].resource, spans[0].resource);
    }
}
