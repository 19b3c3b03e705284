//! `tidegate exec`: becomes the command, as an agent's process, sealed off from the network.
//!
//! This process asks the gateway, gives up what it must, and then runs the command in its own place:
//! so there is nobody in between who would have to pass on signals or exit codes, or to clean up.

use std::{
    io::{BufRead as _, BufReader, IoSlice, Write as _},
    mem::MaybeUninit,
    net::TcpListener,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use clap::Args;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::pass::Wanted;
use rustix::{
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
    process::geteuid,
    thread::CapabilitySet,
};
use sandbox::User;

use crate::launch::{Grant, LISTENERS_MAX, Reply, Request};

/// Where a gateway of a package answers.
pub(super) const SOCKET: &str = "/run/tidegate/exec.sock";

/// Exit codes of shells: there is no such command; it cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;

/// What is to be run, and how.
#[derive(Debug, Args)]
pub(super) struct Exec {
    /// In a network namespace that has no devices, with the gateway's listeners inside, at
    /// 127.0.0.1 and the ports that it has outside.
    #[arg(long, required_unless_present = "agent")]
    sealed: bool,
    /// As this agent, if its selectors have `tidegate:exec` with your user id.
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// With a pass for a key, where libraries want one, bound to the command; else with a word that says
    /// nothing.
    #[arg(long, requires = "agent")]
    pass: bool,
    /// A service or operation (`crm/customer.read`) that the pass is good for; all if none is named.
    #[arg(long, value_name = "NAME", requires = "pass")]
    only: Vec<String>,
    /// Seconds that the pass lives; 900 if absent.
    #[arg(long, value_name = "SECONDS", requires = "pass")]
    lifetime: Option<u32>,
    /// As this user, by number; for root to give up being root.
    #[arg(long, value_name = "UID[:GID]", value_parser = user)]
    user: Option<User>,
    /// The running gateway's socket, as `exec.socket` names it.
    #[arg(long, value_name = "FILE", default_value = SOCKET)]
    socket: PathBuf,
    /// The command and its arguments.
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<std::ffi::OsString>,
}

pub(super) fn exec(arguments: &Exec) -> Result<ExitCode> {
    if arguments.sealed && arguments.user.is_none() && geteuid().is_root() {
        return Err(miette!(
            help = "name a user that has nothing else: `--user 65534`; `--user 0` if root is meant",
            "a command that runs as root may write what others run, and leave by that"
        ));
    }
    let request = Request {
        agent: arguments.agent.clone(),
        sealed: arguments.sealed,
        pass: arguments.pass.then(|| Wanted {
            only: arguments.only.iter().map(|it| it.as_str().into()).collect(),
            lifetime_seconds: arguments.lifetime.map(i64::from),
        }),
        instead: None,
    };
    let mut gateway = Gateway::ask(&arguments.socket, &request)?;
    if arguments.sealed {
        let listeners = sandbox::seal(arguments.user, &gateway.grant.listen).into_diagnostic()?;
        gateway.hand_over(&listeners)?;
        sandbox::drop_capabilities(CapabilitySet::empty()).into_diagnostic()?;
        sandbox::hold_in().into_diagnostic()?;
    } else if let Some(user) = arguments.user {
        sandbox::become_user(user).into_diagnostic()?;
    }
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err(miette!("there is no command"));
    };
    let environment = std::mem::take(&mut gateway.grant.environment);
    let error = Command::new(program).args(rest).envs(environment).exec();
    eprintln!("tidegate: `{}`: {error}", program.display());
    Ok(ExitCode::from(
        if error.kind() == std::io::ErrorKind::NotFound {
            NOT_FOUND
        } else {
            NOT_RUN
        },
    ))
}

/// The running gateway, at the other end of its socket.
pub(super) struct Gateway {
    stream: UnixStream,
    /// What it grants.
    pub(super) grant: Grant,
}

impl Gateway {
    /// Asks at the socket.
    pub(super) fn ask(path: &Path, request: &Request) -> Result<Self> {
        let stream = UnixStream::connect(path).map_err(|error| {
            miette!(
                help = "does it run, and does its configuration have `exec: { socket: ... }`?",
                "no gateway at `{}`: {error}",
                path.display()
            )
        })?;
        let mut gateway = Self {
            stream,
            grant: Grant::default(),
        };
        let mut line = serde_json::to_vec(request).into_diagnostic()?;
        line.push(b'\n');
        gateway.stream.write_all(&line).into_diagnostic()?;
        gateway.grant = gateway.answer()?;
        Ok(gateway)
    }

    /// Gives the gateway the sockets that listen inside, and waits till it serves there.
    fn hand_over(&mut self, listeners: &[TcpListener]) -> Result<()> {
        let fds: Vec<BorrowedFd<'_>> = listeners.iter().map(TcpListener::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(LISTENERS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(miette!("the gateway listens at too many addresses"));
        }
        let word = [IoSlice::new(b"\n")];
        sendmsg(&self.stream, &word, &mut control, SendFlags::NOSIGNAL).into_diagnostic()?;
        self.answer().map(drop)
    }

    fn answer(&self) -> Result<Grant> {
        let mut line = String::new();
        BufReader::new(&self.stream)
            .read_line(&mut line)
            .into_diagnostic()?;
        match serde_json::from_str(&line)
            .into_diagnostic()
            .wrap_err("the gateway gave no answer")?
        {
            Reply::Granted(grant) => Ok(grant),
            Reply::Refused(why) => Err(miette!("the gateway refuses: {why}")),
        }
    }
}

/// `1001` or `1001:1001`.
pub(super) fn user(text: &str) -> Result<User, String> {
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    let number = |text: &str| {
        let number = text.parse::<u32>();
        number.map_err(|_| format!("`{text}` is no number; write what `id -u` prints"))
    };
    Ok(User {
        uid: number(uid)?,
        gid: number(gid)?,
    })
}
