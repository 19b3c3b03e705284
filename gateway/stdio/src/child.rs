//! One process of a server, and who waits for what it says.
//!
//! A message of the server that answers goes to who asked. What it says or asks unasked goes to whose request is
//! open the longest, or else to the stream of its session: over pipes nobody says what it belongs to.

use std::{
    collections::VecDeque,
    ffi::OsString,
    io::{self, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::mpsc;

use crate::{Envelope, MESSAGES_WAITING_MAX, next_line, on_one_line};

/// Requests of one session that may be open.
const REQUESTS_MAX: usize = 64;

/// What runs, and its arguments.
pub(crate) type Program = [OsString];

/// A session with a process of its own.
pub(crate) struct Session {
    said: mpsc::Sender<Vec<u8>>,
    waiting: Arc<Mutex<Waiting>>,
    process: Mutex<Child>,
}

/// Who waits for what it says.
struct Waiting {
    /// Whose requests are open, oldest first, by their ids as JSON writes them.
    asked: VecDeque<(Box<str>, mpsc::Sender<Bytes>)>,
    /// The stream of what comes unasked.
    stream: Option<mpsc::Sender<Bytes>>,
    used: Instant,
    is_over: bool,
}

/// A session cannot take more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its process has ended.
    Over,
    /// So many requests are open, or one with this id is.
    Busy,
}

impl Session {
    /// Starts a process of the server, with what this one has in its environment.
    pub(crate) fn start(program: &Program) -> io::Result<Self> {
        let (name, arguments) = program
            .split_first()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut process = Command::new(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Servers are often started by others (`npx`), and all of it must end with the session.
            .process_group(0)
            .spawn()?;
        let (said, to_say) = mpsc::channel(MESSAGES_WAITING_MAX);
        let waiting = Arc::new(Mutex::new(Waiting {
            asked: VecDeque::new(),
            stream: None,
            used: Instant::now(),
            is_over: false,
        }));
        if let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) {
            let heard = Arc::clone(&waiting);
            thread::spawn(move || tell(stdin, to_say));
            thread::spawn(move || hear(stdout, &heard));
        }
        Ok(Self {
            said,
            waiting,
            process: Mutex::new(process),
        })
    }

    /// Says a message to the server; gives what comes for whoever asks with it.
    pub(crate) async fn say(
        &self,
        message: &[u8],
        asks: Option<&str>,
    ) -> Result<Option<mpsc::Receiver<Bytes>>, Refused> {
        let answer = {
            let mut waiting = lock(&self.waiting);
            waiting.used = Instant::now();
            if waiting.is_over {
                return Err(Refused::Over);
            }
            // Who hung up waits no more.
            waiting.asked.retain(|(_, told)| !told.is_closed());
            asks.map(|id| waiting.ask(id)).transpose()?
        };
        let said = self.said.send(on_one_line(message)).await;
        said.map_err(|_| Refused::Over)?;
        Ok(answer)
    }

    /// What the server says unasked, from now on.
    pub(crate) fn listen(&self) -> mpsc::Receiver<Bytes> {
        let (told, listened) = mpsc::channel(MESSAGES_WAITING_MAX);
        lock(&self.waiting).stream = Some(told);
        listened
    }

    /// When it was last spoken to; none while somebody waits for it.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let waiting = lock(&self.waiting);
        waiting.asked.is_empty().then_some(waiting.used)
    }

    /// Whether its process has ended.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.waiting).is_over
    }
}

impl Waiting {
    fn ask(&mut self, id: &str) -> Result<mpsc::Receiver<Bytes>, Refused> {
        let is_open = self.asked.iter().any(|(open, _)| **open == *id);
        if is_open || self.asked.len() >= REQUESTS_MAX {
            return Err(Refused::Busy);
        }
        let (told, answer) = mpsc::channel(MESSAGES_WAITING_MAX);
        self.asked.push_back((id.into(), told));
        Ok(answer)
    }

    /// Who a message is for.
    fn whose(&mut self, message: &[u8]) -> Option<mpsc::Sender<Bytes>> {
        let envelope = Envelope::read(message)?;
        if let Some(id) = envelope.answers() {
            let at = self.asked.iter().position(|(open, _)| **open == *id)?;
            return self.asked.remove(at).map(|(_, told)| told);
        }
        let oldest = self.asked.front().map(|(_, told)| told);
        oldest.or(self.stream.as_ref()).cloned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

impl Session {
    /// Ends its process and what that started, and with it whatever waits for them.
    pub(crate) fn end(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was waited for has no group any more that is surely its own.
        if !matches!(process.try_wait(), Ok(None)) {
            return;
        }
        let group = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
        let killed = match group {
            Some(group) => kill_process_group(group, Signal::KILL).map_err(io::Error::from),
            None => process.kill(),
        };
        if let Err(error) = killed.and_then(|()| process.wait()) {
            tracing::warn!(%error, "a process of the server could not be ended");
        }
    }
}

/// Says what is to be said, until nobody says anything any more.
fn tell(mut stdin: ChildStdin, mut to_say: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = to_say.blocking_recv() {
        if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

/// Hears the server until it ends.
fn hear(stdout: ChildStdout, waiting: &Mutex<Waiting>) {
    let mut stdout = BufReader::new(stdout);
    while let Some(line) = next_line(&mut stdout) {
        let whose = lock(waiting).whose(&line);
        match whose {
            // A client that reads slowly lets its own server wait.
            Some(told) => drop(told.blocking_send(Bytes::from(line))),
            None => {
                tracing::debug!("the server says what nobody listens to, or what is no message");
            }
        }
    }
    let mut waiting = lock(waiting);
    waiting.is_over = true;
    waiting.asked.clear();
    waiting.stream = None;
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each request with nothing, and then says that it did.
    fn server() -> Session {
        let edit =
            r#"s/"method":"[a-z]*"/"result":{}/;p;s/.*/{"method":"notifications\/message"}/"#;
        let program = ["sed", "-u", edit].map(OsString::from);
        Session::start(&program).expect("sed")
    }

    #[tokio::test]
    async fn answers_go_to_who_asked_and_the_rest_to_who_listens() {
        let session = server();
        let mut stream = session.listen();
        for id in ["7", "\"a\""] {
            let ask = format!("{{\"id\":{id},\n\"method\":\"ping\"}}");
            let answer = session.say(ask.as_bytes(), Some(id)).await;
            let mut answer = answer.expect("it runs").expect("an answer");
            let told = answer.recv().await.expect("an answer");
            assert_eq!(told, format!("{{\"id\":{id}, \"result\":{{}}}}"));
            assert_eq!(answer.recv().await, None);
            let noted = stream.recv().await.expect("a notification");
            assert_eq!(noted, r#"{"method":"notifications/message"}"#);
        }
        assert!(session.idle_since().is_some());
    }

    #[tokio::test]
    async fn a_session_takes_no_id_twice_and_nothing_once_it_is_over() {
        // What a server starts is a process of its own.
        let program = ["sh", "-c", "cat; true"].map(OsString::from);
        let session = Session::start(&program).expect("sh");
        let ask = br#"{"id":7,"method":"ping"}"#;
        let open = session.say(ask, Some("7")).await;
        let mut open = open.expect("it runs").expect("an answer");
        assert_eq!(session.say(ask, Some("7")).await.err(), Some(Refused::Busy));
        assert!(session.idle_since().is_none());
        // What looks like a request of the server's goes to whose request is open.
        assert_eq!(open.recv().await.as_deref(), Some(&ask[..]));
        session.end();
        assert_eq!(open.recv().await, None);
        assert!(session.is_over());
        assert_eq!(session.say(ask, Some("8")).await.err(), Some(Refused::Over));
        assert!(Session::start(&[]).is_err());
    }
}
