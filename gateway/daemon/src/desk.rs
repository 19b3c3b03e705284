//! A desk in the log's folder where the command line asks the gateway that writes the log: a socket
//! that only its own user can open. One line of JSON each way.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::Shutdown,
    os::unix::{fs::PermissionsExt as _, net::UnixStream as StdUnixStream},
    path::Path,
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::watch,
    time::timeout,
};

/// The longest request, in bytes, where a clerk has no need of more.
const REQUEST_BYTES_MAX: u64 = 8 * 1024;

/// The longest answer, in bytes: how 16 destinations of events stand, with what failed.
const REPLY_BYTES_MAX: u64 = 128 * 1024;

/// For a request to come whole, and again for its answer to go.
const DEADLINE: Duration = Duration::from_secs(10);

/// Who sits at a desk.
pub(crate) trait Clerk: Send + Sync + 'static {
    /// The longest request, in bytes.
    const REQUEST_BYTES_MAX: u64 = REQUEST_BYTES_MAX;

    /// What is asked.
    type Request: DeserializeOwned + Send;
    /// What is told.
    type Reply: Serialize + Send + Sync;

    /// Answers; `uid` is the kernel's word on who asks.
    fn answer(
        &self,
        request: Self::Request,
        uid: Option<u32>,
    ) -> impl Future<Output = Self::Reply> + Send;

    /// The answer to what is no request.
    fn unreadable(&self) -> Self::Reply;
}

/// Opens the socket `name` in `folder`. One of an earlier run is replaced: who has the log has it.
pub(crate) fn listen(folder: &Path, name: &str) -> io::Result<UnixListener> {
    let path = folder.join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers one after the other until the gateway stops.
pub(crate) async fn serve(
    clerk: impl Clerk,
    listener: UnixListener,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopped| *stopped) => return,
        };
        let answered = match accepted {
            Ok((stream, _)) => answer(&clerk, stream).await,
            Err(error) => Err(error),
        };
        if answered.is_err() {
            tracing::warn!("a question of the command line was not answered");
        }
    }
}

async fn answer<C: Clerk>(clerk: &C, mut stream: UnixStream) -> io::Result<()> {
    let uid = stream.peer_cred().ok().map(|peer| peer.uid());
    let mut text = Vec::new();
    let mut asked = (&mut stream).take(C::REQUEST_BYTES_MAX);
    timeout(DEADLINE, asked.read_to_end(&mut text)).await??;
    // What is begun is done, however long it takes: half an erasure is none.
    let reply = match serde_json::from_slice(&text) {
        Ok(request) => clerk.answer(request, uid).await,
        Err(_) => clerk.unreadable(),
    };
    let reply = serde_json::to_vec(&reply)?;
    timeout(DEADLINE, stream.write_all(&reply)).await??;
    stream.shutdown().await
}

/// Asks at the desk `socket`.
pub(crate) fn ask<R: DeserializeOwned>(socket: &Path, request: &impl Serialize) -> io::Result<R> {
    let mut stream = StdUnixStream::connect(socket)?;
    stream.write_all(&serde_json::to_vec(request)?)?;
    stream.shutdown(Shutdown::Write)?;
    let mut reply = Vec::new();
    stream.take(REPLY_BYTES_MAX).read_to_end(&mut reply)?;
    Ok(serde_json::from_slice(&reply)?)
}
