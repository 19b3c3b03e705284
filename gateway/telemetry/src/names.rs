//! Every span, attribute, event and metric name, once.
//!
//! HTTP, process and server names are OpenTelemetry's semantic conventions; `tidegate.*` and
//! `audit.*` are ours. A name here is a contract with whoever queries it: add, do not change.

pub use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, HTTP_REQUEST_BODY_SIZE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_BODY_SIZE,
    HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, NETWORK_LOCAL_ADDRESS, NETWORK_LOCAL_PORT,
    NETWORK_PEER_ADDRESS, NETWORK_PEER_PORT, NETWORK_TRANSPORT, NETWORK_TYPE,
    PROCESS_EXECUTABLE_PATH, PROCESS_PID, PROCESS_REAL_USER_ID, SERVER_ADDRESS, SERVER_PORT,
    SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, URL_TEMPLATE,
};

/// The span of a flow.
pub const FLOW: &str = "flow";
/// The service and the instrumentation scope that our spans name.
pub const TIDEGATE: &str = "tidegate";

// Attributes.

/// The agent's SPIFFE id.
pub const AGENT_ID: &str = "tidegate.agent.id";
/// One agent instance.
pub const SESSION_ID: &str = "tidegate.session.id";
/// The task that the token names.
pub const TASK_ID: &str = "tidegate.task.id";
/// The purpose that the token names.
pub const PURPOSE: &str = "tidegate.purpose";
/// How well the caller is proven.
pub const EVIDENCE: &str = "tidegate.evidence";
/// The API that was called.
pub const SERVICE: &str = "tidegate.service";
/// The operation that was called.
pub const OPERATION: &str = "tidegate.operation";
/// `read`, `write` or `delete`.
pub const EFFECT: &str = "tidegate.effect";
/// The method of a message of MCP (OpenTelemetry's conventions for generative AI).
pub const MCP_METHOD_NAME: &str = "mcp.method.name";
/// The tool that a message of MCP calls (OpenTelemetry's conventions for generative AI).
pub const GEN_AI_TOOL_NAME: &str = "gen_ai.tool.name";
/// How the exchange ended: `released`, `refused`, `aborted`, `upstream_failed`, `client_gone`.
pub const DECISION: &str = "tidegate.decision";
/// The stable reason code of what was not released.
pub const REASON: &str = "tidegate.reason";
/// The rule behind the reason.
pub const RULE: &str = "tidegate.rule";
/// SHA-256 of the caller's executable, hexadecimal.
pub const PROCESS_EXECUTABLE_SHA256: &str = "tidegate.process.executable.sha256";
/// The index of the opening or refusal record: from the trace to the log.
pub const AUDIT_RECORD_ID: &str = "audit.record.id";
/// The kernel's name of a flow: from the span of an exchange to that of its flow.
pub const FLOW_ID: &str = "tidegate.flow.id";
/// What the kernel decided about a flow.
pub const FLOW_VERDICT: &str = "tidegate.flow.verdict";
/// Payload that a flow sent, bytes.
pub const FLOW_SENT: &str = "tidegate.flow.sent_bytes";
/// Payload that a flow received, bytes.
pub const FLOW_RECEIVED: &str = "tidegate.flow.received_bytes";
/// Segments that a flow sent again.
pub const FLOW_RETRANSMITS: &str = "tidegate.flow.retransmits";
/// The data class of a finding.
pub const FINDING_CLASS: &str = "tidegate.finding.class";
/// Where a finding sits: a JSON Pointer without positions and unsafe names.
pub const FINDING_PATH: &str = "tidegate.finding.path";
/// How many values a finding stands for.
pub const FINDING_COUNT: &str = "tidegate.finding.count";
/// What was done with a finding's values.
pub const FINDING_ACTION: &str = "tidegate.finding.action";
/// Findings that the limit on events left out.
pub const FINDINGS_UNLISTED: &str = "tidegate.findings.unlisted";

// Events: the stages of an exchange, and its findings.

/// Values of one class at one place.
pub const EVENT_FINDING: &str = "tidegate.finding";
/// The kernel named the connection's owner.
pub const ATTRIBUTED: &str = "attributed";
/// Process and token agreed on a caller.
pub const AUTHENTICATED: &str = "authenticated";
/// The rules admitted the call.
pub const ADMITTED: &str = "admitted";
/// The opening record is durable.
pub const INTENT_DURABLE: &str = "intent_durable";
/// The request's body was screened.
pub const REQUEST_SCREENED: &str = "request_screened";
/// The upstream's response head came.
pub const UPSTREAM_HEAD: &str = "upstream_head";
/// The response's body was screened.
pub const RESPONSE_SCREENED: &str = "response_screened";
/// The outcome record is durable.
pub const OUTCOME_DURABLE: &str = "outcome_durable";

// Values.

/// What stands for a route, service or operation that no configuration names.
pub const UNMATCHED: &str = "unmatched";
/// What stands for a method that no standard names.
pub const OTHER_METHOD: &str = "_OTHER";
/// What stands for a label value beyond the limit on distinct ones.
pub const OTHER: &str = "other";
/// What stands for a label without a value.
pub const NONE: &str = "none";
/// The decision of an exchange that went as it should.
pub const RELEASED: &str = "released";
/// A decision: the exchange was admitted, and another proxy serves it.
pub const DELEGATED: &str = "delegated";
/// The action of a finding that went out as it came.
pub const SHOW: &str = "show";
/// The error type of an upstream that gave no status.
pub const UPSTREAM_FAILED: &str = "upstream_failed";

// Metrics.

/// Exchanges by service, operation, status class and reason.
pub const REQUESTS_TOTAL: &str = "tidegate_requests_total";
/// How long exchanges took, by service and operation.
pub const REQUEST_SECONDS: &str = "tidegate_request_duration_seconds";
/// How long upstreams took, by service.
pub const UPSTREAM_SECONDS: &str = "tidegate_upstream_duration_seconds";
/// Calls by the upstream that they were given to, of services that have several, and by what came of them.
pub const UPSTREAM_CALLS_TOTAL: &str = "tidegate_upstream_calls_total";
/// Whether an upstream is given calls, of services that have several.
pub const UPSTREAM_FIT: &str = "tidegate_upstream_fit";
/// Calls that failed and were to go elsewhere, by service and whether they did.
pub const FAILOVERS_TOTAL: &str = "tidegate_failovers_total";
/// Body bytes by service and direction.
pub const BODY_BYTES_TOTAL: &str = "tidegate_body_bytes_total";
/// Classified values by class and action.
pub const FINDINGS_TOTAL: &str = "tidegate_findings_total";
/// Connections by the source that attributed them.
pub const ATTRIBUTIONS_TOTAL: &str = "tidegate_attributions_total";
/// Open connections from agents.
pub const CONNECTIONS_ACTIVE: &str = "tidegate_connections_active";
/// Records that are durable.
pub const RECORDS_TOTAL: &str = "tidegate_audit_records_total";
/// Records in the log's copy.
pub const RECORDS_COPIED: &str = "tidegate_audit_records_copied";
/// Records that wait to be written.
pub const TRAIL_QUEUE: &str = "tidegate_audit_queue_depth";
/// Credentials that were asked for, to be presented to a service.
pub const CREDENTIAL_READS_TOTAL: &str = "tidegate_credential_reads_total";
/// Versions of credentials that are in memory: those in use, and those that calls end with.
pub const CREDENTIAL_VERSIONS: &str = "tidegate_credential_versions";
/// Credentials that cannot be presented.
pub const CREDENTIALS_MISSING: &str = "tidegate_credentials_missing";
/// Records that the destination which is furthest behind has not taken.
pub const SHIPPING_LAG_RECORDS: &str = "tidegate_shipping_lag_records";
/// For how long the destination that was away longest has taken nothing, in seconds.
pub const SHIPPING_LAG_SECONDS: &str = "tidegate_shipping_lag_seconds";
/// Leases of budgets that a fleet shares, taken by this host.
pub const LEASES_TAKEN_TOTAL: &str = "tidegate_budget_leases_taken_total";
/// Those of which the rest was given back.
pub const LEASES_RETURNED_TOTAL: &str = "tidegate_budget_leases_returned_total";
/// Calls and answers that were refused for want of a lease.
pub const LEASES_REFUSED_TOTAL: &str = "tidegate_budget_leases_refused_total";
/// Times that the ledger of these budgets may have lost something.
pub const LEDGERS_LOST_TOTAL: &str = "tidegate_budget_ledgers_lost_total";
/// Whether no lease is to be had.
pub const LEASES_CLOSED: &str = "tidegate_budget_leases_closed";
/// The revision of the bundle of policies in force; 0 if none is.
pub const BUNDLE_REVISION: &str = "tidegate_bundle_revision";
/// Whether no bundle is to be had, or none that may be taken.
pub const BUNDLE_WITHHELD: &str = "tidegate_bundle_withheld";
/// Kernel events that could not be handed over.
pub const EVENTS_LOST_TOTAL: &str = "tidegate_kernel_events_lost_total";
/// Flow events that found the kernel's ring full.
pub const FLOW_EVENTS_LOST_TOTAL: &str = "tidegate_flow_events_lost_total";
/// Flows that found the kernel's table full.
pub const FLOWS_UNTRACKED_TOTAL: &str = "tidegate_flows_untracked_total";
/// Flows that began.
pub const FLOWS_OPENED_TOTAL: &str = "tidegate_flows_opened_total";
/// Flows that ended.
pub const FLOWS_CLOSED_TOTAL: &str = "tidegate_flows_closed_total";
/// Attempts of agents to go out that the kernel refused.
pub const FLOWS_DENIED_TOTAL: &str = "tidegate_flows_denied_total";
/// Connections of agents that the kernel led to the gateway.
pub const FLOWS_REDIRECTED_TOTAL: &str = "tidegate_flows_redirected_total";
/// Flows of agents that went past the gateway, or tried to.
pub const BYPASSES_TOTAL: &str = "tidegate_bypasses_total";
/// Messages of DNS of agents that could not be read.
pub const NAMES_UNREAD_TOTAL: &str = "tidegate_names_unread_total";
/// Spans that were not exported: the queue was full or the collector refused.
pub const SPANS_DROPPED_TOTAL: &str = "tidegate_spans_dropped_total";
