//! A connection to the server, with the scripts that it runs.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, Pipeline, RedisConnectionInfo, RedisError,
    aio::MultiplexedConnection,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use crate::FleetError;

/// What a server says when the login is not what it should be.
const LOGIN_CODES: [&str; 3] = ["WRONGPASS", "NOAUTH", "NOPERM"];

/// Where the server is.
#[derive(Clone)]
pub struct Place {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its database.
    pub database: i64,
    /// By what it is known; none: it is spoken to in the clear.
    pub tls: Option<Arc<ClientConfig>>,
    /// For a connection, and for each answer.
    pub timeout: Duration,
}

/// Who we are for it.
pub struct Login {
    /// The name; none: it knows one password.
    pub user: Option<String>,
    /// The password.
    pub password: Zeroizing<String>,
}

/// Tells the login, as it is when a connection begins; or what is wrong.
pub type LoginSource = Box<dyn Fn() -> Result<Option<Login>, String> + Send + Sync>;

/// A connection. It is gone when this is dropped, with whatever waits in it.
pub(crate) struct Connection {
    commands: MultiplexedConnection,
    driver: JoinHandle<()>,
    timeout: Duration,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// A new one.
    pub(crate) async fn open(place: &Place, login: &LoginSource) -> Result<Self, FleetError> {
        let opened = timeout(place.timeout, Self::reach(place, login)).await;
        opened.map_err(|_| FleetError("the server is not reached in time".to_owned()))?
    }

    async fn reach(place: &Place, login: &LoginSource) -> Result<Self, FleetError> {
        let unreached = |error: std::io::Error| {
            FleetError(format!(
                "the server at {}:{} is not reached: {error}",
                place.host, place.port
            ))
        };
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await;
        let stream = stream.map_err(unreached)?;
        stream.set_nodelay(true).map_err(unreached)?;
        let mut info = RedisConnectionInfo::default()
            .set_db(place.database)
            .set_skip_set_lib_name();
        if let Some(login) = login().map_err(FleetError)? {
            if let Some(user) = &login.user {
                info = info.set_username(user);
            }
            info = info.set_password(&*login.password);
        }
        let (commands, driver) = match &place.tls {
            None => begin(&info, stream).await?,
            Some(tls) => {
                let name = ServerName::try_from(place.host.clone());
                let name = name.map_err(|error| FleetError(error.to_string()))?;
                let tls = TlsConnector::from(Arc::clone(tls));
                let stream = tls.connect(name, stream).await.map_err(unreached)?;
                begin(&info, stream).await?
            }
        };
        Ok(Self {
            commands,
            driver,
            timeout: place.timeout,
        })
    }

    /// Has the server know a script; by what it is called from then on.
    pub(crate) async fn load(&mut self, script: &str) -> Result<String, FleetError> {
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(script);
        self.ask(&load).await
    }

    pub(crate) async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, FleetError> {
        let asked = timeout(self.timeout, command.query_async(&mut self.commands)).await;
        asked.map_err(|_| late())?.map_err(|error| failed(&error))
    }

    pub(crate) async fn ask_all<T: FromRedisValue>(
        &mut self,
        commands: &Pipeline,
    ) -> Result<T, FleetError> {
        let asked = timeout(self.timeout, commands.query_async(&mut self.commands)).await;
        asked.map_err(|_| late())?.map_err(|error| failed(&error))
    }
}

async fn begin<S>(
    info: &RedisConnectionInfo,
    stream: S,
) -> Result<(MultiplexedConnection, JoinHandle<()>), FleetError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Who asks sets the time for all of it.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let begun = MultiplexedConnection::new_with_config(info, stream, config).await;
    let (commands, driver) = begun.map_err(|error| failed(&error))?;
    Ok((commands, tokio::spawn(driver)))
}

fn late() -> FleetError {
    FleetError("the server does not answer in time".to_owned())
}

fn failed(error: &RedisError) -> FleetError {
    let code = error.code().unwrap_or_default();
    FleetError(if LOGIN_CODES.contains(&code) {
        format!("the server does not take the login, which is read again at the next try: {error}")
    } else {
        format!("the server refuses: {error}")
    })
}
