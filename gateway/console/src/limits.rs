//! Every limit of the console, with its unit.

use std::time::Duration;

/// How long a connection may last, whatever goes on.
pub(crate) const CONNECTION_MAX: Duration = Duration::from_mins(10);
/// Connections at a time; more wait to be accepted.
pub(crate) const CONNECTIONS_MAX: usize = 256;
/// How long a client may take to shake hands (TLS).
pub(crate) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How long the head of a request may take, and how long a connection may be without one.
pub(crate) const HEAD_DEADLINE: Duration = Duration::from_secs(30);
/// The longest head of a request, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The longest form, in bytes.
pub(crate) const FORM_BYTES_MAX: usize = 16 * 1024;
/// The longest form of policies that are tried, in bytes.
pub(crate) const POLICY_FORM_BYTES_MAX: usize = 512 * 1024;
/// The longest such policies, in bytes: what is written into a form grows there.
pub(crate) const POLICY_BYTES_MAX: usize = 128 * 1024;
/// Records that they are tried on.
pub(crate) const SIMULATED_MAX: usize = 20_000;
/// How long a form may take to come.
pub(crate) const FORM_DEADLINE: Duration = Duration::from_secs(10);

/// Who did nothing for so long is asked for the password again.
pub(crate) const IDLE_MAX: Duration = Duration::from_mins(15);
/// And whoever logged in so long ago, whatever they did since.
pub(crate) const SESSION_MAX: Duration = Duration::from_hours(8);
/// Sessions at a time; one more ends the one that was idle the longest.
pub(crate) const SESSIONS_MAX: usize = 256;

/// For how long somebody may be at a provider of logins.
pub(crate) const LOGIN_MAX: Duration = Duration::from_mins(10);
/// Logins there that have begun; one more is in place of the oldest.
pub(crate) const LOGINS_MAX: usize = 4096;
/// The longest secret of a client, in bytes.
pub(crate) const SECRET_BYTES_MAX: u64 = 4096;
/// The longest ID token that is kept to log its owner out, in bytes: it goes into an address.
pub(crate) const ID_TOKEN_HINT_BYTES_MAX: usize = 4096;

/// Passwords that are checked at a time: each takes 64 MiB.
pub(crate) const CHECKS_MAX: usize = 2;
/// How many wrong passwords in a row an address may try, and in how many seconds it may try one more.
pub(crate) const ADDRESS_BURST: u32 = 20;
pub(crate) const ADDRESS_SECONDS: u64 = 6;
/// The same for a user's name, from wherever.
pub(crate) const USER_BURST: u32 = 5;
pub(crate) const USER_SECONDS: u64 = 30;
/// How often it goes on record that an address tries too often, in seconds.
pub(crate) const TOLD_SECONDS: u64 = 60;
/// Of how many addresses at once it goes on record that they show no token; then of one each so many seconds.
pub(crate) const SHOWN_BURST: u32 = 32;
/// Addresses that are remembered; beyond that, new ones may not try.
pub(crate) const ADDRESSES_MAX: usize = 16 * 1024;

/// Pages that read the log at a time.
pub(crate) const READERS_MAX: usize = 4;
/// How long a page waits for its turn.
pub(crate) const TURN_DEADLINE: Duration = Duration::from_secs(10);
/// Matters on a page.
pub(crate) const PAGE: usize = 50;
/// Records that one search looks at; it goes on from there when asked.
pub(crate) const SEARCH_ROWS_MAX: u64 = 50_000;
/// Records that figures are made of.
pub(crate) const FIGURES_ROWS_MAX: u64 = 100_000;
/// Records that are looked at for what was acknowledged.
pub(crate) const ACKNOWLEDGED_ROWS_MAX: u64 = 1_000_000;
/// Acknowledgements that are remembered; older ones show as open.
pub(crate) const ACKNOWLEDGED_MAX: usize = 100_000;
/// Rows of a table of figures; what is more is counted.
pub(crate) const ROWS_MAX: usize = 200;

/// Reports that are made at a time.
pub(crate) const REPORTS_AT_ONCE: usize = 2;
/// Reports that are kept to be downloaded, and their bytes together.
pub(crate) const REPORTS_MAX: usize = 32;
pub(crate) const REPORTS_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The longest text of a form that goes on record, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 256;
