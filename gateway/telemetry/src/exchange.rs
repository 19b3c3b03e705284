//! What one exchange was, as telemetry may know it: names, counts and times, never values.

use std::time::SystemTime;

/// One exchange, told at its end.
///
/// Every text is configured, a code constant or attested by the kernel. A URL's path, a query, a
/// header's value or a body's value has no place in it.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    /// When its head was read.
    pub start: SystemTime,
    /// When its last byte went out, or it was given up.
    pub end: SystemTime,
    /// The upstream's part, if one was called.
    pub upstream: Option<UpstreamCall<'a>>,
    /// The HTTP method; one that RFC 9110 and RFC 5789 do not name is told as `_OTHER`.
    pub method: &'a str,
    /// The operation's path template, or [`UNMATCHED`](crate::names::UNMATCHED).
    pub route: &'a str,
    /// The status that the agent got; none if it was gone.
    pub status: Option<u16>,
    /// The service, or [`UNMATCHED`](crate::names::UNMATCHED).
    pub service: &'a str,
    /// The operation, or [`UNMATCHED`](crate::names::UNMATCHED).
    pub operation: &'a str,
    /// `read`, `write` or `delete`.
    pub effect: &'a str,
    /// The method of a message protocol: `tools/call`.
    pub rpc_method: Option<&'a str>,
    /// The configured name of the tool that was called.
    pub tool: Option<&'a str>,
    /// How it ended: [`RELEASED`](crate::names::RELEASED), `refused`, `aborted`,
    /// `upstream_failed`, `client_gone`.
    pub decision: &'a str,
    /// The agent's SPIFFE id, where one was recognised.
    pub agent: Option<&'a str>,
    /// The session.
    pub session: Option<&'a str>,
    /// The task that its token names.
    pub task: Option<&'a str>,
    /// The purpose that its token names.
    pub purpose: Option<&'a str>,
    /// How well the caller is proven.
    pub evidence: &'a str,
    /// The calling process, where it could be attributed.
    pub process: Option<ProcessAttrs<'a>>,
    /// The port that the agent called from: with `process` it names the connection.
    pub peer_port: Option<u16>,
    /// The index of its opening or refusal record.
    pub record: Option<u64>,
    /// The kernel's name of the flow that it came by.
    pub flow: Option<&'a str>,
    /// The stable reason code, where it was not released.
    pub reason: Option<&'a str>,
    /// The rule behind that reason.
    pub rule: Option<&'a str>,
    /// What was found in both bodies.
    pub findings: &'a [FindingAttrs<'a>],
    /// Body bytes received from the agent.
    pub request_bytes: u64,
    /// Body bytes released to the agent.
    pub response_bytes: u64,
}

/// The upstream's part of an exchange.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamCall<'a> {
    /// When the request went to it.
    pub start: SystemTime,
    /// When its last byte came, or it failed.
    pub end: SystemTime,
    /// Its status; none if it gave none.
    pub status: Option<u16>,
    /// Its configured host.
    pub host: &'a str,
    /// Its configured port.
    pub port: u16,
}

/// The calling process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessAttrs<'a> {
    /// Process id in the host's namespace.
    pub pid: u32,
    /// Real user id.
    pub uid: u32,
    /// Executable.
    pub exe: Option<&'a str>,
    /// SHA-256 of the executable, hexadecimal.
    pub sha256: Option<&'a str>,
}

/// Values of one class at one place, and what was done with them.
#[derive(Clone, Copy, Debug)]
pub struct FindingAttrs<'a> {
    /// The data class.
    pub class: &'a str,
    /// Where: a JSON Pointer with `*` for array positions and unsafe names, as in the record.
    pub path: &'a str,
    /// How many.
    pub count: u64,
    /// `show`, `mask`, ...
    pub action: &'a str,
}

impl Exchange<'_> {
    /// Whether its trace is kept whatever the sampling share: refusals, failures, redactions.
    pub(crate) fn is_notable(&self) -> bool {
        !matches!(
            self.decision,
            crate::names::RELEASED | crate::names::DELEGATED
        ) || self.reason.is_some()
            || self.status.is_none_or(|status| status >= 400)
            || self
                .findings
                .iter()
                .any(|finding| finding.action != crate::names::SHOW)
    }

    /// The method, if it is one that the standards name: any other is the agent's own text.
    pub(crate) fn known_method(&self) -> &'static str {
        const KNOWN: [&str; 9] = [
            "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
        ];
        KNOWN
            .into_iter()
            .find(|known| *known == self.method)
            .unwrap_or(crate::names::OTHER_METHOD)
    }
}
