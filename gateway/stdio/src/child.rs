//! One process of a server, and who waits for what it says.
//!
//! A message of the server that answers goes to who asked. What it says or asks unasked goes to whose request is
//! open the longest, or else to the stream of its session: over pipes nobody says what it belongs to.

use std::{
    collections::VecDeque,
    ffi::OsString,
    io::{self, BufReader, Write as _},
    process::{ChildStdin, ChildStdout},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{Envelope, Id, MESSAGES_WAITING_MAX, group::Group, next_line, on_one_line};

/// Requests of one session that may be open.
const REQUESTS_MAX: usize = 64;

/// What runs, and its arguments.
pub(crate) type Program = [OsString];

/// A session with a process of its own.
pub(crate) struct Session {
    said: mpsc::Sender<Vec<u8>>,
    waiting: Arc<Mutex<Waiting>>,
    group: Arc<Group>,
}

/// Who waits for what it says.
struct Waiting {
    /// Whose requests are open, oldest first, by their ids.
    asked: VecDeque<(Id, mpsc::Sender<Bytes>)>,
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
        let (group, stdin, stdout) = Group::start(program)?;
        let (said, to_say) = mpsc::channel(MESSAGES_WAITING_MAX);
        let waiting = Waiting {
            asked: VecDeque::new(),
            stream: None,
            used: Instant::now(),
            is_over: false,
        };
        // From here on the process ends with it, whatever fails.
        let session = Self {
            said,
            waiting: Arc::new(Mutex::new(waiting)),
            group: Arc::new(group),
        };
        let (heard, group) = (Arc::clone(&session.waiting), Arc::clone(&session.group));
        let thread = thread::Builder::new;
        thread().spawn(move || tell(stdin, to_say))?;
        thread().spawn(move || hear(stdout, &heard, &group))?;
        Ok(session)
    }

    /// Says a message to the server; gives what comes for whoever asks with it.
    pub(crate) async fn say(
        &self,
        message: &[u8],
        asks: Option<Id>,
    ) -> Result<Option<mpsc::Receiver<Bytes>>, Refused> {
        let answer = {
            let mut waiting = lock(&self.waiting);
            waiting.used = Instant::now();
            if waiting.is_over {
                return Err(Refused::Over);
            }
            waiting.forget_who_hung_up();
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
        let mut waiting = lock(&self.waiting);
        waiting.forget_who_hung_up();
        waiting.asked.is_empty().then_some(waiting.used)
    }

    /// Whether its process has ended.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.waiting).is_over
    }
}

impl Waiting {
    /// Who hung up waits no more.
    fn forget_who_hung_up(&mut self) {
        self.asked.retain(|(_, told)| !told.is_closed());
    }

    fn end(&mut self) {
        self.is_over = true;
        self.asked.clear();
        self.stream = None;
    }

    fn ask(&mut self, id: Id) -> Result<mpsc::Receiver<Bytes>, Refused> {
        let is_open = self.asked.iter().any(|(open, _)| *open == id);
        if is_open || self.asked.len() >= REQUESTS_MAX {
            return Err(Refused::Busy);
        }
        let (told, answer) = mpsc::channel(MESSAGES_WAITING_MAX);
        self.asked.push_back((id, told));
        Ok(answer)
    }

    /// Who a message is for.
    fn whose(&mut self, message: &[u8]) -> Option<mpsc::Sender<Bytes>> {
        let envelope = Envelope::read(message)?;
        if let Some(id) = envelope.answers() {
            let at = self.asked.iter().position(|(open, _)| *open == id)?;
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
    /// Ends its process and what that started; nobody waits for them any more.
    pub(crate) fn end(&self) {
        lock(&self.waiting).end();
        self.group.end();
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

/// Hears the server until it ends, or says too much at once.
fn hear(stdout: ChildStdout, waiting: &Mutex<Waiting>, group: &Group) {
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
    lock(waiting).end();
    // What it started may go on without an output, where no message reaches it.
    group.end();
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(message: impl AsRef<[u8]>) -> Option<Id> {
        Envelope::read(message.as_ref()).and_then(|it| it.asks())
    }

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
            let answer = session.say(ask.as_bytes(), asks(&ask)).await;
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
        let open = session.say(ask, asks(ask)).await;
        let mut open = open.expect("it runs").expect("an answer");
        assert_eq!(session.say(ask, asks(ask)).await.err(), Some(Refused::Busy));
        assert!(session.idle_since().is_none());
        // What looks like a request of the server's goes to whose request is open.
        assert_eq!(open.recv().await.as_deref(), Some(&ask[..]));
        session.end();
        assert_eq!(open.recv().await, None);
        assert!(session.is_over());
        assert_eq!(session.say(ask, None).await.err(), Some(Refused::Over));
        assert!(Session::start(&[]).is_err());
    }

    #[tokio::test]
    async fn who_hung_up_keeps_no_session_busy() {
        let session = Session::start(&["cat"].map(OsString::from)).expect("cat");
        let ask = br#"{"id":"\u0061","method":"ping"}"#;
        let open = session.say(ask, asks(ask)).await.expect("it runs");
        assert!(session.idle_since().is_none());
        // The same id in another spelling.
        let again = session.say(ask, asks(br#"{"id":"a","method":"ping"}"#));
        assert_eq!(again.await.err(), Some(Refused::Busy));
        drop(open);
        assert!(session.idle_since().is_some());
    }

    #[tokio::test]
    async fn an_answer_is_known_by_its_id_however_that_is_written() {
        let edit = r#"s/.*/{"id":"a","result":{}}/"#;
        let session = Session::start(&["sed", "-u", edit].map(OsString::from)).expect("sed");
        let ask = br#"{"id":"\u0061","method":"ping"}"#;
        let answer = session.say(ask, asks(ask)).await;
        let mut answer = answer.expect("it runs").expect("an answer");
        let told = answer.recv().await;
        assert_eq!(told.as_deref(), Some(&br#"{"id":"a","result":{}}"#[..]));
        assert!(session.idle_since().is_some());
    }
}
