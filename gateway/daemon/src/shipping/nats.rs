//! Events to a stream of NATS `JetStream` (<https://docs.nats.io/nats-concepts/jetstream>).
//!
//! Each is published under its own id, so that a stream keeps what comes again within its window once, and has gone
//! when the stream said that it has it. A connection that failed is never gone on with: the next one is made as at a
//! start, so that a server says itself what it does not like, and the login is what its file has by then.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, HeaderValue,
    connection::State,
    header,
    jetstream::{
        Context,
        context::{ContextBuilder, PublishAckFuture, PublishError, PublishErrorKind},
        message::PublishMessage,
    },
};
use miette::{IntoDiagnostic as _, Report, Result, WrapErr as _, miette};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::time::timeout;

use super::events::{Batch, Shipped};
use crate::config::{Destination, Login, StreamPlace, To};

/// For one address of a server to take a connection,
const ADDRESS_DEADLINE: Duration = Duration::from_secs(5);
/// and for one of all servers to.
const CONNECT_DEADLINE: Duration = Duration::from_secs(20);
/// For the stream to say that it has an event.
const TAKEN_DEADLINE: Duration = Duration::from_secs(10);
/// So many events are under way at the most.
const IN_FLIGHT_MAX: usize = 256;
/// The longest token, or name with password, in bytes.
const LINE_BYTES_MAX: usize = 4096;
/// The most that is told of what a server said, in characters.
const SAID_CHARS_MAX: usize = 512;
/// What servers show this client as.
const NAME: &str = "tidegate";

/// Fails if a file of a stream's login or roots cannot be used.
pub(crate) fn examine(destinations: &[Destination]) -> Result<()> {
    for destination in destinations {
        let To::Nats(place) = &destination.to else {
            continue;
        };
        let usable = options(place.login.as_ref()).map(drop);
        let usable = usable.and_then(|()| place.ca.as_deref().map_or(Ok(()), roots));
        usable.wrap_err_with(|| format!("`{}` cannot be reached", destination.name))?;
    }
    Ok(())
}

/// A stream.
pub(super) struct Nats {
    place: StreamPlace,
    tls: Arc<ClientConfig>,
    /// What last took everything.
    connected: Option<Connected>,
}

/// A connection to a server of its.
struct Connected {
    client: Client,
    stream: Context,
    said: Arc<Said>,
}

/// What a server said last that answers no event: that something is not permitted, for one.
#[derive(Default)]
struct Said(Mutex<Option<String>>);

impl Nats {
    pub(super) fn new(place: StreamPlace, tls: &Arc<ClientConfig>) -> Self {
        Self {
            place,
            tls: Arc::clone(tls),
            connected: None,
        }
    }

    /// Publishes them; when this returns the stream has said of each that it has it.
    pub(super) async fn send(&mut self, batch: Batch) -> Result<()> {
        let before = self.connected.take();
        let connected = match before.filter(Connected::stands) {
            Some(connected) => connected,
            None => self.connect().await?,
        };
        connected.publish(&self.place, batch).await?;
        self.connected = Some(connected);
        Ok(())
    }

    async fn connect(&self) -> Result<Connected> {
        let place = &self.place;
        let said = Arc::<Said>::default();
        let hears = Arc::clone(&said);
        let options = options(place.login.as_ref())?
            .name(NAME)
            .connection_timeout(ADDRESS_DEADLINE)
            // What a server names beside those that are configured is not shown the login.
            .ignore_discovered_servers()
            // Once round, when a connection ends; then it is for us to begin anew.
            .max_reconnects(place.servers.len())
            .client_capacity(IN_FLIGHT_MAX)
            .event_callback(move |event| {
                hears.hear(&event);
                std::future::ready(())
            });
        let options = match &place.ca {
            Some(roots) => options.add_root_certificates(roots.clone()),
            None => options.tls_client_config(ClientConfig::clone(&self.tls)),
        };
        let connecting = options.connect(place.servers.clone());
        let client = timeout(CONNECT_DEADLINE, connecting).await;
        let client = client.map_err(|_| miette!("no server is reached in time"))?;
        let client = client.map_err(|error| unreached(place, &error))?;
        let stream = ContextBuilder::new()
            .timeout(TAKEN_DEADLINE)
            .ack_timeout(TAKEN_DEADLINE)
            .max_ack_inflight(IN_FLIGHT_MAX)
            .build(client.clone());
        Ok(Connected {
            client,
            stream,
            said,
        })
    }
}

impl Connected {
    fn stands(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    async fn publish(&self, place: &StreamPlace, batch: Batch) -> Result<()> {
        let mut under_way = VecDeque::with_capacity(batch.0.len().min(IN_FLIGHT_MAX));
        for event in batch.0 {
            if under_way.len() == IN_FLIGHT_MAX
                && let Some(first) = under_way.pop_front()
            {
                self.taken(place, first).await?;
            }
            let (record, class) = (event.sequence, event.class);
            let subject = format!("{}.{class}", place.subject);
            let sent = self.stream.send_publish(subject, message(place, event)?);
            let sent = sent.await;
            let sent = sent.map_err(|error| self.untaken(place, record, &error))?;
            under_way.push_back((record, sent));
        }
        for event in under_way {
            self.taken(place, event).await?;
        }
        Ok(())
    }

    /// Waits until the stream has it.
    async fn taken(
        &self,
        place: &StreamPlace,
        (record, sent): (u64, PublishAckFuture),
    ) -> Result<()> {
        let taken = sent.await.map(drop);
        taken.map_err(|error| self.untaken(place, record, &error))
    }

    fn untaken(&self, place: &StreamPlace, record: u64, error: &PublishError) -> Report {
        let subject = &place.subject;
        match error.kind() {
            PublishErrorKind::StreamNotFound => miette!(
                "no stream takes `{subject}.>`: make one whose subjects that is, in the account of this login"
            ),
            PublishErrorKind::MaxPayloadExceeded => miette!(
                "what record {record} tells is longer than the servers take: raise their `max_payload`"
            ),
            _ => {
                let said = self.said.what();
                let said =
                    said.map_or_else(String::new, |said| format!("; the server says: {said}"));
                miette!(
                    "the stream does not say that it has what record {record} tells: {error}{said}"
                )
            }
        }
    }
}

impl Said {
    fn hear(&self, event: &Event) {
        if let Event::ServerError(error) = event {
            let said = error.to_string().chars().take(SAID_CHARS_MAX).collect();
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
        }
    }

    fn what(&self) -> Option<String> {
        let said = self.0.lock();
        said.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The event as it is published.
fn message(place: &StreamPlace, event: Shipped) -> Result<PublishMessage> {
    let value = |text: &str| text.parse::<HeaderValue>().into_diagnostic();
    Ok(PublishMessage::build()
        .header(header::NATS_MESSAGE_ID, value(&event.uid)?)
        // Another stream of the same subject would have another window, and other readers.
        .header(header::NATS_EXPECTED_STREAM, value(&place.stream)?)
        .payload(event.json.into()))
}

fn unreached(place: &StreamPlace, error: &ConnectError) -> Report {
    let is_login = matches!(
        error.kind(),
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication
    );
    match &place.login {
        Some(login) if is_login => miette!(
            "the server does not take the login in `{}`, which is read again at the next try: {error}",
            login.file().display()
        ),
        None if is_login => miette!(
            "the server wants a login, a file that `credentials`, `login` or `token` names: {error}"
        ),
        _ => miette!("no server is reached: {error}"),
    }
}

/// How a connection begins for whoever has this login, as its file has it now.
fn options(login: Option<&Login>) -> Result<ConnectOptions> {
    let Some(login) = login else {
        return Ok(ConnectOptions::new());
    };
    let file = login.file();
    let text = vault::private(file).into_diagnostic()?;
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let line = Some(text.trim_end_matches(['\r', '\n'])).filter(|line| {
        (1..=LINE_BYTES_MAX).contains(&line.len()) && !line.contains(char::is_control)
    });
    let (options, help) = match login {
        Login::Credentials(_) => (
            ConnectOptions::with_credentials(text).ok(),
            "a file of credentials as `nsc generate creds` writes it",
        ),
        Login::User(_) => (
            line.and_then(|line| line.split_once(':'))
                .filter(|(user, _)| !user.is_empty())
                .map(|(user, password)| {
                    ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
                }),
            "one line, `USER:PASSWORD`",
        ),
        Login::Token(_) => (
            line.map(|line| ConnectOptions::with_token(line.to_owned())),
            "one line, the token",
        ),
    };
    options.ok_or_else(|| miette!(help = help, "`{}` holds no login", file.display()))
}

/// Fails if the file holds no roots of trust.
fn roots(file: &Path) -> Result<()> {
    let read = || {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).into_diagnostic()? {
            roots
                .add(certificate.into_diagnostic()?)
                .into_diagnostic()?;
        }
        if roots.is_empty() {
            return Err(miette!("it holds no certificate in PEM"));
        }
        Ok(())
    };
    read().wrap_err_with(|| format!("the roots of trust in `{}` cannot be used", file.display()))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    /// What is wrong with a file that says this, if something is.
    fn wrong(kind: fn(std::path::PathBuf) -> Login, text: &str, mode: u32) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nats.login");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let error = options(Some(&kind(file))).err()?;
        Some(format!("{error:?}"))
    }

    #[test]
    fn a_login_is_what_its_file_has() {
        for (kind, text) in [
            (Login::User as fn(_) -> _, "tidegate:a b:c\n"),
            (Login::User, "tidegate:\r\n"),
            (Login::Token, "token"),
        ] {
            assert_eq!(wrong(kind, text, 0o600), None, "{text:?}");
        }
        for (kind, text, told) in [
            (Login::User as fn(_) -> _, "tidegate\n", "USER:PASSWORD"),
            (Login::User, ":word\n", "USER:PASSWORD"),
            (Login::User, "a:b\nc:d\n", "USER:PASSWORD"),
            (Login::Token, "\n", "the token"),
            (Login::Token, "one\ntwo\n", "the token"),
            (Login::Credentials, "nothing\n", "nsc generate creds"),
        ] {
            let why = wrong(kind, text, 0o600).unwrap_or_default();
            assert!(why.contains(told), "{text:?}: {why}");
            // What may be a secret is not repeated.
            assert!(
                text.trim().is_empty() || !why.contains(text.trim()),
                "{why}"
            );
        }
        let exposed = wrong(Login::Token, "token", 0o644).unwrap_or_default();
        assert!(exposed.contains("644"), "{exposed}");
    }

    #[test]
    fn roots_are_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let why = || format!("{:?}", roots(&file).unwrap_err());
        assert!(why().contains("ca.pem"), "{}", why());
        fs::write(&file, "no certificate").unwrap();
        assert!(why().contains("no certificate in PEM"), "{}", why());
    }

    #[test]
    fn why_nothing_is_reached_is_told_with_its_mend() {
        let mut place = StreamPlace {
            servers: vec!["tls://nats.example".parse().unwrap()],
            stream: "AUDIT".to_owned(),
            subject: "audit.ocsf".to_owned(),
            login: None,
            ca: None,
        };
        let refused = ConnectError::new(ConnectErrorKind::AuthorizationViolation);
        let why = unreached(&place, &refused).to_string();
        assert!(why.contains("wants a login"), "{why}");
        place.login = Some(Login::Token("nats.token".into()));
        let why = unreached(&place, &refused).to_string();
        assert!(why.contains("the login in `nats.token`"), "{why}");
        let away = ConnectError::with_source(ConnectErrorKind::Dns, "no such name");
        let why = unreached(&place, &away).to_string();
        assert_eq!(why, "no server is reached: DNS error: no such name");
    }
}
