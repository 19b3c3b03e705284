//! The witness in a process of its own, so that the one that reads hostile bytes needs no privilege.
//!
//! It is forked while there is one thread, keeps the privileges that the other gives up, and answers
//! over a socket that only the two have. It ends with the other, however that ends.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::process::{
    Pid, Signal, WaitOptions, getppid, kill_process, set_parent_process_death_signal, waitpid,
};

use crate::{
    Flow, FlowsError, Process,
    witness::{Answer, Question, Traced, Witness},
};

/// The longest message, in bytes: the rules of every agent.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A large executable is hashed before it is told of.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Whoever is asked: here, or in a process of its own.
pub struct Keeper(Place);

enum Place {
    Here(Box<Mutex<Witness>>),
    Apart(Apart),
}

struct Apart {
    stream: Mutex<UnixStream>,
    pid: Pid,
    /// After one failure the two may not be at the same message any more.
    broken: AtomicBool,
}

impl Keeper {
    pub(crate) fn here(witness: Witness) -> Self {
        Self(Place::Here(Box::new(Mutex::new(witness))))
    }

    /// Has `witness` answer in a process of its own from now on. There, `begin` is called first; what
    /// it returns lives as long as that process.
    #[expect(unsafe_code, reason = "no wrapper forks")]
    pub(crate) fn apart<T>(
        witness: Witness,
        begin: impl FnOnce() -> Result<T, FlowsError>,
    ) -> Result<Self, FlowsError> {
        let failed = FlowsError::Keeper;
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
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
                ours.set_read_timeout(Some(ANSWER_MAX)).map_err(failed)?;
                let pid =
                    Pid::from_raw(child).ok_or_else(|| failed(io::Error::other("no child")))?;
                Ok(Self(Place::Apart(Apart {
                    stream: Mutex::new(ours),
                    pid,
                    broken: AtomicBool::new(false),
                })))
            }
        }
    }

    /// Whether it answers.
    pub fn is_there(&self) -> bool {
        match &self.0 {
            Place::Here(_) => true,
            Place::Apart(apart) => !apart.broken.load(Ordering::Relaxed),
        }
    }

    /// The process that answers, if it is one of its own.
    pub fn pid(&self) -> Option<u32> {
        match &self.0 {
            Place::Here(_) => None,
            Place::Apart(apart) => u32::try_from(apart.pid.as_raw_nonzero().get()).ok(),
        }
    }

    fn ask(&self, question: Question) -> Option<Answer> {
        match &self.0 {
            Place::Here(witness) => {
                let mut witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
                Some(witness.answer(question))
            }
            Place::Apart(apart) => apart.ask(&question),
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

impl Apart {
    fn ask(&self, question: &Question) -> Option<Answer> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        if self.broken.load(Ordering::Relaxed) {
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

impl Drop for Apart {
    fn drop(&mut self) {
        let stream = self
            .stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        stream.shutdown(std::net::Shutdown::Both).ok();
        if self.broken.load(Ordering::Relaxed) {
            kill_process(self.pid, Signal::KILL).ok();
        }
        // Till it is gone it holds what the next gateway wants.
        waitpid(Some(self.pid), WaitOptions::empty()).ok();
    }
}

/// Answers until nobody can ask any more.
fn keep<T>(
    mut witness: Witness,
    mut stream: UnixStream,
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
    while let Ok(question) = read(&mut stream) {
        if write(&mut stream, &witness.answer(question)).is_err() {
            break;
        }
    }
    drop(held);
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
