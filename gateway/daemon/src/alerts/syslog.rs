//! Alerts by syslog (RFC 5424) over TLS (RFC 5425).

use std::{io, sync::Arc, time::Duration};

use miette::{IntoDiagnostic as _, Result};
use rustls::{ClientConfig, pki_types::ServerName};
use serde_json::Value;
use syslog_fmt::{
    Facility, Severity,
    v5424::{Config, Formatter},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// For one message, the connection included.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// For the collector to end the connection too, which says that it has everything.
const END_DEADLINE: Duration = Duration::from_secs(5);
/// What kind of message it is.
const MESSAGE_ID: &str = "anomaly";

/// A collector.
pub(super) struct Syslog {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: TlsConnector,
    formatter: Formatter,
}

impl Syslog {
    pub(super) fn new(host: &str, port: u16, tls: &Arc<ClientConfig>) -> Result<Self> {
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
            host: host.to_owned(),
            port,
            name: ServerName::try_from(host.to_owned()).into_diagnostic()?,
            tls: TlsConnector::from(Arc::clone(tls)),
            formatter: config.into_formatter(),
        })
    }

    /// Hands it over: one message on one connection, which the collector must end in good order.
    pub(super) async fn send(&self, text: &[u8]) -> std::result::Result<(), String> {
        let message = self.message(text).map_err(|error| error.to_string())?;
        let sent = timeout(SEND_DEADLINE, self.sent(&message)).await;
        sent.map_err(|_| "the collector takes too long".to_owned())?
            .map_err(|error| error.to_string())
    }

    async fn sent(&self, message: &[u8]) -> io::Result<()> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let mut stream = self.tls.connect(self.name.clone(), stream).await?;
        stream.write_all(message).await?;
        stream.shutdown().await?;
        let mut rest = [0; 64];
        // Nothing is said back; the end is what is waited for.
        match timeout(END_DEADLINE, stream.read(&mut rest)).await {
            Ok(Ok(_)) | Err(_) => Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Ok(Err(error)) => Err(error),
        }
    }

    /// Octets counted (RFC 5425 section 4.3), then the message: the numbers as structured data, the JSON
    /// as text.
    fn message(&self, text: &[u8]) -> io::Result<Vec<u8>> {
        let told: Value = serde_json::from_slice(text)?;
        let field = |name: &str| {
            told.pointer(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let parameters = ["detector", "response", "agent", "session"];
        let parameters = parameters.map(|name| (name, field(&format!("/data/{name}"))));
        let json = String::from_utf8_lossy(text);
        let mut message = Vec::with_capacity(text.len() + 256);
        self.formatter.write_with_data(
            &mut message,
            Severity::Warning,
            field("/timestamp"),
            &*json,
            Some(MESSAGE_ID),
            // Not registered with IANA, so it has the name of an enterprise: that for documentation
            // (RFC 5612).
            [("tidegate@32473", parameters)],
        )?;
        let mut counted = format!("{} ", message.len()).into_bytes();
        counted.extend(message);
        Ok(counted)
    }
}
