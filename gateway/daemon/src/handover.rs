//! One gateway takes the place of another that runs, and no connection notices.
//!
//! The successor is started as usual, with the same folder of the log (`tidegate run --takeover`). It prepares all that it
//! can, its kernel programs included, gets the sockets that listen (`SCM_RIGHTS`), and asks. The one that runs accepts
//! nothing any more, closes its log and says so; the successor opens it, serves, says so, and is told that this was heard in time.
//! Until then nothing is lost if it fails: the one before opens its log again, and accepts what has waited in the kernel meanwhile. From then on the one
//! before keeps what is open on its connections, and each of its records goes into the successor's log before what it
//! stands for goes on ([`audit::Relay`]). So does what it spends of budgets ([`admission::budget::Heir`]). It ends with its last connection, or when its time is over.
//!
//! Both are of the same user, by the kernel's word (`SO_PEERCRED`); the socket is in the log's folder, which is this user's
//! alone. Each line is one word in JSON, none longer than [`LINE_BYTES_MAX`].

mod link;
mod predecessor;
mod successor;

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use admission::budget::{ITEMS_MAX, OverBudget, Remaining, Spent};
use audit::{Anomaly, Handed};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
};

pub(crate) use self::{
    link::Link,
    predecessor::{Ceding, Leaving, Listening},
    successor::Greeted,
};
use crate::config::Config;

/// The socket in the log's folder.
pub(crate) const SOCKET: &str = "handover.sock";

/// Both must speak the same one.
const PROTOCOL: u32 = 2;

/// The longest word: a record with what is told of it, or what is spent at once.
const LINE_BYTES_MAX: usize = 2 * audit::RECORD_BYTES_MAX + 1024 * 1024;

/// A number of a record or of a person, with what stands between two.
const ITEM_BYTES_MAX: usize = 21;

// Half of it is for the names of accounts.
const _: () = assert!(2 * ITEMS_MAX * ITEM_BYTES_MAX < LINE_BYTES_MAX / 2);

/// Sockets in one message; the kernel takes no more than 253.
const SOCKETS_AT_ONCE: usize = 64;

/// All sockets of a gateway: each address has one for each worker.
const SOCKETS_MAX: usize = 16 * 1024;

/// Between a greeting and what follows, where nobody has anything to do.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Which process, of which version.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Who {
    pub(crate) pid: u32,
    pub(crate) version: String,
}

impl Who {
    /// This one.
    pub(crate) fn here() -> Self {
        Self {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pid {} (version {})", self.pid, self.version)
    }
}

/// What a successor says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Say {
    /// Which protocol it speaks, and who it is.
    Hello(u32, Who),
    /// That it is ready to take over, and for how many seconds the one before may go on.
    Ask(u64),
    /// That it serves.
    Serving,
    /// What became of a record.
    Told(u64, Result<u64, String>),
    /// Whether an alert waits for all its receivers.
    Alerted(u64, bool),
    /// Whether something was spent, and what is left.
    Spent(u64, Result<Option<Remaining>, OverBudget>),
}

/// What the one before says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Word {
    /// Who it is, and the sockets that it hands over, in their order.
    Hello(u32, Who, Sockets),
    /// Why nobody may take over.
    Refused(String),
    /// The log is closed, with so many exchanges open.
    Yours(u64),
    /// That the other one serves from now on: one that is not told so is too late.
    Theirs,
    /// A record to be written.
    Record(Handed),
    /// An alert to be told: its number, its record, whether it is about a write.
    Alert(u64, u64, Box<Anomaly>, bool),
    /// What an exchange spends of budgets: its number, and the accounts.
    Spend(u64, Box<Spent>),
    /// What has one owner is free.
    Released,
    /// There is no more.
    Over,
}

/// What listens.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sockets {
    /// Where it was asked to, and what comes there.
    doors: Vec<(SocketAddr, String)>,
    admin: Option<SocketAddr>,
    exec: Option<PathBuf>,
}

impl Sockets {
    fn count(&self) -> usize {
        self.doors.len() + usize::from(self.admin.is_some()) + usize::from(self.exec.is_some())
    }
}

/// What of this configuration nobody can take over while it is in use; stop and start it instead.
pub(crate) fn obstacle(config: &Config) -> Option<&'static str> {
    let pins = config.egress.pins.as_ref();
    pins.map(|_| "the kernel's part is pinned (`egress.pins`)")
}

/// The next word; none at the end.
async fn hear<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin),
) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    if from.take(most).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

async fn say(to: &mut (impl AsyncWrite + Unpin), line: io::Result<Vec<u8>>) -> io::Result<()> {
    to.write_all(&line?).await
}

fn line(word: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    Ok(line)
}
