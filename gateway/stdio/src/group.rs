//! A process and all that it started, which end as one.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process_group},
};

use crate::child::Program;

/// A process that leads a group, which holds whatever it starts and does not lead out of it.
pub(crate) struct Group {
    leader: Mutex<Leader>,
}

struct Leader {
    process: Child,
    /// Whether it was waited for: from then on its number may be somebody else's.
    is_reaped: bool,
}

impl Group {
    /// Starts a process, with what this one has in its environment.
    pub(crate) fn start(program: &Program) -> io::Result<(Self, ChildStdin, ChildStdout)> {
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
        let pipes = process.stdin.take().zip(process.stdout.take());
        let leader = Mutex::new(Leader {
            process,
            is_reaped: false,
        });
        let group = Self { leader };
        let (stdin, stdout) = pipes.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok((group, stdin, stdout))
    }

    /// Ends all of it, whether its leader has ended or not.
    pub(crate) fn end(&self) {
        let mut leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        if leader.is_reaped {
            return;
        }
        // Till its leader is waited for, the group's number is nobody else's.
        let group = i32::try_from(leader.process.id()).ok();
        let killed = match group.and_then(Pid::from_raw) {
            Some(group) => match kill_process_group(group, Signal::KILL) {
                Err(Errno::SRCH) | Ok(()) => Ok(()),
                Err(error) => Err(io::Error::from(error)),
            },
            None => leader.process.kill(),
        };
        match killed.and_then(|()| leader.process.wait()) {
            Ok(_) => leader.is_reaped = true,
            Err(error) => {
                tracing::warn!(%error, "a process of the server could not be ended");
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}
