//! The witness in a process of its own, so that the one that reads hostile bytes needs no privilege.
//!
//! It is forked while there is one thread, keeps the privileges that the other gives up, and answers
//! over a socket that only the two have. It ends with the other, however that ends.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{
    Pid, Signal, WaitOptions, getppid, kill_process, set_parent_process_death_signal, waitpid,
};

use crate::{
    Flow, FlowsError, Process,
    enforce::Enforcer,
    witness::{self, Answer, Looks, Question, Traced, Witness},
};

/// The longest message, in bytes: the rules of every agent.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A large executable is hashed before it is told of.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Looks under way at a time: one may be hashing a large file.
const LOOKS_MAX: usize = 4;

/// Whoever is asked: here, or in a process of its own.
pub struct Keeper(Place);

enum Place {
    Here {
        looks: Box<Looks>,
        enforcer: Box<Mutex<Option<Enforcer>>>,
    },
    Apart(Apart),
}

struct Apart {
    looks: Vec<Channel>,
    acts: Channel,
    pid: Pid,
}

/// One question at a time.
struct Channel {
    stream: Mutex<UnixStream>,
    /// After one failure the two may not be at the same message any more.
    broken: AtomicBool,
}

impl Keeper {
    pub(crate) fn here(witness: Witness) -> Self {
        Self(Place::Here {
            looks: Box::new(witness.looks),
            enforcer: Box::new(Mutex::new(witness.enforcer)),
        })
    }

    /// Has `witness` answer in a process of its own from now on. There, `begin` is called first; what
    /// it returns lives as long as that process.
    #[expect(unsafe_code, reason = "no wrapper forks")]
    pub(crate) fn apart<T>(
        witness: Witness,
        begin: impl FnOnce() -> Result<T, FlowsError>,
    ) -> Result<Self, FlowsError> {
        let failed = FlowsError::Keeper;
        let pairs: io::Result<Vec<_>> = (0..=LOOKS_MAX).map(|_| UnixStream::pair()).collect();
        let (ours, theirs): (Vec<_>, Vec<_>) = pairs.map_err(failed)?.into_iter().unzip();
        let threads = procfs::process::Process::myself()
            .and_then(|own| own.stat())
            .map_or(0, |stat| stat.num_threads);
        if threads != 1 {
            return Err(failed(io::Error::other("there is more than one thread")));
        }
        let parent = rustix::process::getpid();
        // SAFETY: there is one thread, so no lock is held and nothing is half done.
        let forked = unsafe { libc::fork() };
        match forked {
            -1 => Err(failed(io::Error::last_os_error())),
            0 => {
                drop(ours);
                keep(witness, theirs, parent, begin);
                // SAFETY: ends this process without what the other one has yet to do at its end.
                unsafe { libc::_exit(0) }
            }
            child => {
                drop(theirs);
                let pid =
                    Pid::from_raw(child).ok_or_else(|| failed(io::Error::other("no child")))?;
                let mut looks = Vec::new();
                for stream in ours {
                    looks.push(Channel::over(stream).map_err(failed)?);
                }
                let acts = looks
                    .pop()
                    .ok_or_else(|| failed(io::Error::other("no channel")))?;
                Ok(Self(Place::Apart(Apart { looks, acts, pid })))
            }
        }
    }

    /// Whether it answers.
    pub fn is_there(&self) -> bool {
        match &self.0 {
            Place::Here { .. } => true,
            Place::Apart(apart) => apart.channels().all(|channel| !channel.is_broken()),
        }
    }

    fn ask(&self, question: Question) -> Option<Answer> {
        match &self.0 {
            Place::Here { enforcer, .. } if question.acts() => {
                let mut enforcer = enforcer.lock().unwrap_or_else(PoisonError::into_inner);
                Some(witness::act(enforcer.as_mut(), question))
            }
            Place::Here { looks, .. } => looks.answer(question),
            Place::Apart(apart) if question.acts() => apart.acts.ask(&question, None),
            Place::Apart(apart) => {
                let mut free = apart.looks.iter().filter_map(|channel| {
                    let stream = channel.stream.try_lock().ok()?;
                    Some((channel, stream))
                });
                match free.next() {
                    Some((channel, stream)) => channel.ask(&question, Some(stream)),
                    None => apart.looks.first()?.ask(&question, None),
                }
            }
        }
    }

    pub(crate) fn trace(&self, process: abi::ProcessKey, cgroup: u64) -> Traced {
        let process = process.into();
        match self.ask(Question::Trace { process, cgroup }) {
            Some(Answer::Traced(traced)) => *traced,
            _ => Traced::default(),
        }
    }

    pub(crate) fn cgroup(&self, id: u64) -> Option<String> {
        match self.ask(Question::Cgroup(id)) {
            Some(Answer::Cgroup(path)) => path,
            _ => None,
        }
    }

    pub(crate) fn infer(&self, flow: Flow) -> Option<Process> {
        let Flow { peer, local } = flow;
        match self.ask(Question::Infer { peer, local }) {
            Some(Answer::Process(process)) => process.map(|process| *process),
            _ => None,
        }
    }

    pub(crate) fn cookie(&self, flow: Flow) -> Option<u64> {
        let Flow { peer, local } = flow;
        match self.ask(Question::Cookie { peer, local }) {
            Some(Answer::Cookie(cookie)) => cookie,
            _ => None,
        }
    }

    /// The process `pid` as it is now.
    pub fn describe(&self, pid: u32) -> Option<Process> {
        match self.ask(Question::Describe(pid)) {
            Some(Answer::Process(process)) => process.map(|process| *process),
            _ => None,
        }
    }

    pub(crate) fn act(&self, question: Question) -> Result<(), FlowsError> {
        match self.ask(question) {
            Some(Answer::Done(Ok(()))) => Ok(()),
            Some(Answer::Done(Err(why))) => Err(FlowsError::Refused(why)),
            _ => Err(FlowsError::Keeper(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl Channel {
    fn over(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Self {
            stream: Mutex::new(stream),
            broken: AtomicBool::new(false),
        })
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn ask(
        &self,
        question: &Question,
        stream: Option<MutexGuard<'_, UnixStream>>,
    ) -> Option<Answer> {
        let wait = || self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stream = stream.unwrap_or_else(wait);
        if self.is_broken() {
            return None;
        }
        let asked = write(&mut stream, question).and_then(|()| read(&mut stream));
        if let Err(error) = &asked {
            tracing::error!(%error, "the process with the kernel's part does not answer");
            self.broken.store(true, Ordering::Relaxed);
        }
        asked.ok()
    }
}

impl Apart {
    fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.looks.iter().chain([&self.acts])
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        for channel in self.channels() {
            let stream = channel
                .stream
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            stream.shutdown(std::net::Shutdown::Both).ok();
        }
        if self.channels().any(Channel::is_broken) {
            kill_process(self.pid, Signal::KILL).ok();
        }
        // Till it is gone it holds what the next gateway wants.
        waitpid(Some(self.pid), WaitOptions::empty()).ok();
    }
}

/// Answers until nobody can ask any more.
fn keep<T>(
    witness: Witness,
    mut streams: Vec<UnixStream>,
    parent: Pid,
    begin: impl FnOnce() -> Result<T, FlowsError>,
) {
    // The signals that end the gateway are for the other process, which may still have questions.
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        ignore(signal);
    }
    let bound = set_parent_process_death_signal(Some(Signal::KILL));
    if bound.is_err() || getppid() != Some(parent) {
        return;
    }
    let held = match begin() {
        Ok(held) => held,
        Err(error) => {
            tracing::error!(%error, "the kernel's part has no process of its own");
            return;
        }
    };
    let Witness {
        looks,
        mut enforcer,
    } = witness;
    let Some(acts) = streams.pop() else { return };
    thread::scope(|threads| {
        for stream in streams {
            threads.spawn(|| converse(stream, |question| looks.answer(question)));
        }
        converse(acts, |question| {
            Some(witness::act(enforcer.as_mut(), question))
        });
    });
    drop(held);
}

fn converse(mut stream: UnixStream, mut answer: impl FnMut(Question) -> Option<Answer>) {
    while let Ok(question) = read(&mut stream) {
        let Some(answer) = answer(question) else {
            return;
        };
        if write(&mut stream, &answer).is_err() {
            return;
        }
    }
}

#[expect(unsafe_code, reason = "no wrapper ignores a signal")]
fn ignore(signal: libc::c_int) {
    // SAFETY: no handler runs, so none can be wrong.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

fn write<T: serde::Serialize>(stream: &mut UnixStream, message: &T) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_ne_bytes())?;
    stream.write_all(&text)
}

fn read<T: serde::de::DeserializeOwned>(stream: &mut UnixStream) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_ne_bytes(length)).map_err(io::Error::other)?;
    if length > MESSAGE_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length];
    stream.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
