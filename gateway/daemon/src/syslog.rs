//! Syslog (RFC 5424) over TLS (RFC 5425), for alerts and for events.

use std::{io, sync::Arc, time::Duration};

use miette::{IntoDiagnostic as _, Result};
use rustls::{ClientConfig, pki_types::ServerName};
use syslog_fmt::{
    Facility, Severity,
    v5424::{Config, Formatter},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::config::Collecting;

/// For a connection to be there.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// For what goes by it.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// For the collector to end the connection too, which says that it has everything.
const END_DEADLINE: Duration = Duration::from_secs(5);
/// What structured data is named by: not registered with IANA, so it has the number of an enterprise, that for
/// documentation (RFC 5612).
const DATA_ID: &str = "tidegate@32473";

/// A collector.
pub(crate) struct Syslog {
    to: Collecting,
    name: ServerName<'static>,
    tls: TlsConnector,
    formatter: Formatter,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The collector ended it too: it read everything.
    Answered,
    /// It did not say so in time.
    Silent,
    /// It did not take everything in time.
    Late,
}

/// What a message says.
pub(crate) struct Message<'a, const N: usize> {
    pub(crate) severity: Severity,
    /// As RFC 3339 has it.
    pub(crate) timestamp: &'a str,
    /// What kind it is (MSGID).
    pub(crate) kind: &'a str,
    pub(crate) data: [(&'a str, &'a str); N],
    pub(crate) text: &'a str,
}

impl Syslog {
    pub(crate) fn new(to: Collecting, tls: &Arc<ClientConfig>) -> Result<Self> {
        let system = rustix::system::uname();
        let hostname = system.nodename().to_string_lossy();
        let process = std::process::id().to_string();
        let config = Config {
            facility: Facility::Authpriv,
            hostname: Some(&*hostname),
            app_name: Some("tidegate"),
            proc_id: Some(&process),
        };
        Ok(Self {
            name: ServerName::try_from(to.host.clone()).into_diagnostic()?,
            to,
            tls: TlsConnector::from(Arc::clone(tls)),
            formatter: config.into_formatter(),
        })
    }

    /// Hands messages over, each as [`counted`](Self::counted) gives it, by one connection.
    pub(crate) async fn send(&self, messages: &[u8]) -> std::result::Result<End, String> {
        let told = |error: io::Error| error.to_string();
        let stream = timeout(CONNECT_DEADLINE, self.connected()).await;
        let stream = stream.map_err(|_| "the collector cannot be reached".to_owned())?;
        let sent = self.sent(stream.map_err(told)?, messages);
        // Whoever is there and does not take it may take less.
        let sent = timeout(SEND_DEADLINE, sent).await;
        sent.unwrap_or(Ok(End::Late)).map_err(told)
    }

    async fn connected(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect((self.to.host.as_str(), self.to.port)).await?;
        self.tls.connect(self.name.clone(), stream).await
    }

    async fn sent(&self, mut stream: TlsStream<TcpStream>, messages: &[u8]) -> io::Result<End> {
        stream.write_all(messages).await?;
        stream.shutdown().await?;
        let mut rest = [0; 64];
        // Nothing is said back; the end is what is waited for.
        match timeout(END_DEADLINE, stream.read(&mut rest)).await {
            Ok(Ok(0)) => Ok(End::Answered),
            // Another service would have refused them so, and taken nothing.
            Ok(Ok(_)) => Err(io::Error::other(
                "it answers, which no collector of syslog does: is that its port?",
            )),
            // It may be a collector that fell over, or somebody on the way.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                if self.to.close_notify {
                    return Err(io::Error::other(
                        "the connection was cut, so it is not known what was read; of a collector that ends every one \
                         so, as rsyslog does, say `close_notify: false`",
                    ));
                }
                Ok(End::Answered)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(End::Silent),
        }
    }

    /// Octets counted (RFC 5425 section 4.3), then the message, added to `out`.
    pub(crate) fn counted<const N: usize>(
        &self,
        message: &Message<'_, N>,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut text = Vec::with_capacity(message.text.len() + 256);
        self.formatter.write_with_data(
            &mut text,
            message.severity,
            message.timestamp,
            message.text,
            Some(message.kind),
            [(DATA_ID, message.data)],
        )?;
        out.extend(format!("{} ", text.len()).into_bytes());
        out.extend(text);
        Ok(())
    }
}
