//! The command line. Exit code 0: fine; 1: there is a finding; 2: it was used wrongly. `audit verify` has a code for
//! each verdict.

mod api;
mod audit;
mod backup;
mod budgets;
mod bundle;
mod ca;
mod check;
mod classify;
mod classify_test;
mod console;
mod copy;
mod credentials;
mod doctor;
mod erase;
mod exec;
mod expire;
mod export;
mod fleet;
mod flows;
mod help;
mod hold;
mod init;
mod keys;
mod live;
mod manual;
mod mcp;
pub(crate) mod pace;
mod policy;
pub(crate) mod report;
mod restore;
mod revoke;
mod risk;
mod rows;
mod run;
mod search;
mod shipping;
mod static_key;
mod table;
mod tokens;
mod unheard;
mod upgrade;
mod verify;
mod waiting;
mod witness;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use miette::{IntoDiagnostic as _, Result};
use rustix::{
    process::{Pid, geteuid},
    thread::CapabilitySet,
};

pub(crate) use audit::archive;
pub(crate) use policy::{engine_of, explained, simulated};
pub(crate) use run::now;
pub(crate) use waiting::block_on;

/// Exit code for wrong usage, an unreadable file, a broken configuration.
pub(crate) const USAGE: u8 = 2;
/// Exit code for a finding.
pub(crate) const FINDING: u8 = 1;

/// A data governance gateway for AI agents.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a configuration and policies that work, from a few answers.
    Init(init::Init),
    /// Serve: attribute, decide, redact and record every call.
    Run(upgrade::Run),
    /// Have this program take the place of the gateway that runs, without a connection noticing.
    Upgrade(upgrade::Asked),
    /// Check a configuration with its policies, keys and certificates, and do nothing else.
    Check(Configured),
    /// Tell what personal, health, payment and secret data a file holds.
    Classify(Classify),
    /// Read and prove the record.
    #[command(subcommand)]
    Audit(Audit),
    /// Copy the log, and its keys apart from it, while the gateway serves; each with a manifest that the log's key signs.
    Backup(backup::Asked),
    /// Put a log back from its backup into an empty folder, judged before it is there.
    Restore(restore::Asked),
    /// Sign the checkpoints of other hosts' logs, if they only grew (C2SP tlog-witness).
    #[command(subcommand)]
    Witness(witness::Asked),
    /// Make a report of the log for a regulator, a data subject or a review, with its evidence.
    Report(report::Asked),
    /// Make a service of the configuration from the document of its API.
    #[command(subcommand)]
    Api(api::Api),
    /// Test policies, explain what they decided, try others on the record.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Make keys of tokens, and tell people what a token stands for.
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// Write a fresh static key for an agent that cannot have tokens yet, and print its digest for
    /// `agents[].keys`.
    StaticKey {
        /// Where to; there must be no such file.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Keep what services want for a key, so that agents need not have it.
    #[command(subcommand)]
    Credentials(Credential),
    /// Tell and change who keeps the root of the log's keyring: a passphrase, systemd, a token, a key service.
    #[command(subcommand)]
    Keys(keys::Command),
    /// The root of this host's own, by which agents believe the gateway in the names of services.
    #[command(subcommand)]
    Ca(Ca),
    /// Tell how far events are on their way to other systems.
    #[command(subcommand)]
    Shipping(shipping::Shipping),
    /// Tell which hosts share budgets with this one.
    #[command(subcommand)]
    Fleet(fleet::Fleet),
    /// Policies for many gateways in one signed file: make, look into, follow, leave.
    #[command(subcommand)]
    Bundle(bundle::Bundles),
    /// Stop an agent, a session, a token or everything, within a second, streams included.
    #[command(subcommand)]
    Revoke(Revoke),
    /// See what servers of MCP say of their tools, and approve what they say.
    #[command(subcommand)]
    Mcp(mcp::Mcp),
    /// Serve the log for people with browsers, and tell who they are.
    Console(console::Asked),
    /// Show what is used of the budgets of a running gateway, by whoever spent since it started, the latest first.
    Budgets(live::Asked),
    /// Show which sessions are at risk at a running gateway, and what their calls meet, the latest that called first.
    Risk(live::Asked),
    /// Show the flows of a running gateway's host, as its kernel has them.
    Flows(Flows),
    /// Run a command as an agent's process, or where the gateway is the only way out.
    Exec(exec::Exec),
    /// Tell what this host lacks for attribution and enforcement by the kernel, and for its fleet, and how to mend it.
    Doctor(Doctor),
    /// Explain a topic of the manual, or a command.
    Help(help::Asked),
    /// Print what makes a shell complete this command.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write a page of the manual for every command, for packages.
    #[command(hide = true)]
    Manual {
        /// The folder that they are written to.
        to: PathBuf,
    },
}

/// What this host is examined for.
#[derive(Debug, Args)]
struct Doctor {
    /// Where programs are to be pinned, as `egress.pins` names it.
    #[arg(long, value_name = "DIR")]
    pins: Option<PathBuf>,
    /// The configuration, for what it needs: keys, room, certificates, agents, upstreams, a fleet, bundles.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[expect(clippy::struct_excessive_bools, reason = "options of the command line")]
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
struct Flows {
    #[command(flatten)]
    config: Configured,
    /// The gateway's admin address; else the one that the configuration names.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<std::net::SocketAddr>,
    /// Go on showing what ends, and what goes past the gateway, until interrupted.
    #[arg(long, short)]
    follow: bool,
    /// Only those of this agent.
    #[arg(long, value_name = "AGENT")]
    workload: Option<String>,
    /// Only those that went past the gateway, or tried to; exit code 1 if there are any.
    #[arg(long)]
    bypass: bool,
    /// What agents' processes did instead: forks, executables, users, namespaces, ends.
    #[arg(long, conflicts_with = "bypass")]
    processes: bool,
    /// What the flows of each agent came to instead, that have ended since the gateway started.
    #[arg(long, conflicts_with_all = ["bypass", "processes", "follow"])]
    totals: bool,
    /// As events of OCSF 1.8 (Network Activity 4001), one a line.
    #[arg(long, conflicts_with_all = ["processes", "totals", "output"])]
    ocsf: bool,
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    instead: Option<FlowsCommand>,
}

/// What may be done with flows instead of showing them.
#[derive(Debug, Subcommand)]
enum FlowsCommand {
    /// Take the pinned programs and maps of a stopped gateway out of the kernel.
    Detach {
        #[command(flatten)]
        config: Configured,
        /// The directory of pins; else the one that the configuration names.
        #[arg(long, value_name = "DIR")]
        pins: Option<PathBuf>,
    },
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct Configured {
    /// The configuration file.
    #[arg(
        long,
        short,
        value_name = "FILE",
        default_value = "/etc/tidegate/tidegate.yaml"
    )]
    config: PathBuf,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Classify {
    /// The file; `-` reads standard input.
    #[arg(required_unless_present = "list_classes")]
    file: Option<PathBuf>,
    /// Its media type, if neither its name nor its content tells it.
    #[arg(long, value_name = "TYPE")]
    media: Option<String>,
    /// Say of every finding which rule, which name and which check made it.
    #[arg(long)]
    explain: bool,
    /// List the classes and the laws that name them.
    #[arg(long, conflicts_with_all = ["file", "media", "explain"])]
    list_classes: bool,
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    instead: Option<Classifiers>,
}

/// What may be done with classifiers instead of classifying a file.
#[derive(Debug, Subcommand)]
enum Classifiers {
    /// Compile an operator's classifiers, and try them on the examples in their file.
    Test {
        /// The file.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Audit {
    /// List the newest records, oldest of them first.
    List {
        #[command(flatten)]
        data: Data,
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u64,
        /// Only records of this kind: start, stop, open, close, refuse, reveal, bypass, gap,
        /// revoke, query, anomaly, erase, process, policies, expire, hold.
        #[arg(long, value_parser = search::kind)]
        kind: Option<::audit::Kind>,
        #[command(flatten)]
        reason: Purpose,
        #[command(flatten)]
        output: Output,
    },
    /// Find exchanges, refusals and other records by who, what, when and how they ended.
    Search {
        #[command(flatten)]
        sought: Box<search::Sought>,
        #[command(flatten)]
        period: search::Period,
        /// How many at most: the newest that fit.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        reason: Purpose,
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        output: Output,
    },
    /// Show one record with its outcome.
    Show {
        /// Its index, as the `tidegate-record` header tells it.
        record: u64,
        #[command(flatten)]
        reason: Purpose,
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        output: Output,
    },
    /// Prove that no record was changed, removed, moved or cut off.
    Verify {
        #[command(flatten)]
        what: Box<verify::Verified>,
        #[command(flatten)]
        output: Output,
    },
    /// Write the whole log to one file that anybody can verify with the public key, or what it says
    /// as events for other systems.
    Export(export::Asked),
    /// Copy the log from or to a PostgreSQL, as it is; goes on where it was.
    Copy(copy::Copied),
    /// Destroy the keys of what identifies a data subject in the record, in it and in all copies of it
    /// (GDPR Art. 17); every proof still holds.
    Erase(erase::Erased),
    /// Keep records beyond their time, and whoever they are about from being erased.
    #[command(subcommand)]
    Hold(hold::Asked),
    /// Destroy the data keys of records whose time is over, and with them the records, in the log and in all copies of it;
    /// every proof still holds. A gateway that runs does it once a day.
    Expire(expire::Asked),
    /// Print the public key that checkpoints are signed with.
    Key {
        /// The log's first one instead, which others may have succeeded: by it the whole log is judged.
        #[arg(long)]
        first: bool,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Subcommand)]
enum Credential {
    /// Seal what standard input holds, one line, under a name. A running gateway uses it at once.
    Set {
        /// The name that `services[].credential` has.
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// Seal a new version of a credential, and leave the one before live for a while: calls that begin use
    /// the new one, and should that be revoked, the one before is in use again.
    Rotate {
        /// Its name.
        name: String,
        /// After how long the version before is destroyed: `10m`, `24h`.
        #[arg(long, default_value = "1h")]
        retire_after: SignedDuration,
        #[command(flatten)]
        data: Data,
    },
    /// Destroy one version of a credential. No call that begins from then on uses it; if it was in use, the
    /// version before is.
    Revoke {
        /// Its name.
        name: String,
        /// Its number, as `list` tells it.
        #[arg(long)]
        version: u32,
        #[command(flatten)]
        data: Data,
    },
    /// Seal the variables of an environment file (`OPENAI_API_KEY=…`), each under its name: all of them, or none.
    Import {
        /// The file.
        #[arg(long, value_name = "FILE")]
        env: PathBuf,
        /// A variable to take; all if none is named.
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        #[command(flatten)]
        data: Data,
    },
    /// List names and versions.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Destroy a credential. A running gateway stops presenting it at once.
    Remove {
        /// Its name.
        name: String,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Debug, Subcommand)]
enum Ca {
    /// Show the root: what it vouches for, and its certificate.
    Show {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        output: Output,
    },
    /// Write `ca.pem`, the root, and `ca-bundle.pem`, the system's roots with it, for clients to trust.
    Install {
        #[command(flatten)]
        data: Data,
        /// The folder; everybody may read what is written there.
        #[arg(long, value_name = "DIR", default_value = "/etc/tidegate/ca")]
        to: PathBuf,
    },
    /// Make another root for the hosts that the configuration has now. A running gateway uses it at once;
    /// who trusts the one before believes it as far as that one vouched.
    Rotate(Configured),
}

#[derive(Debug, Subcommand)]
enum Revoke {
    /// Every agent: nobody calls anything any more.
    Everything {
        #[command(flatten)]
        why: Why,
    },
    /// An agent.
    Agent {
        /// Its SPIFFE id.
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// One session.
    Session {
        /// Its id, as records and `flows` tell it.
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// One token.
    Token {
        /// Its `jti`.
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// List what is revoked.
    List {
        #[command(flatten)]
        data: Data,
    },
}

/// Why, or no longer.
#[derive(Debug, Args)]
struct Why {
    /// Why; it stands in the record.
    #[arg(long, required_unless_present = "lift")]
    reason: Option<String>,
    /// Take a revocation back.
    #[arg(long, conflicts_with = "reason")]
    lift: bool,
    #[command(flatten)]
    data: Data,
}

/// What the log is read for.
#[derive(Debug, Args)]
struct Purpose {
    /// What for; it stands in the record that reading makes.
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
}

/// Which log.
#[derive(Debug, Args)]
struct Data {
    /// The folder of the log, as `audit.directory` names it.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/tidegate")]
    data: PathBuf,
}

#[derive(Debug, Clone, Copy, Args)]
struct Output {
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Whoever reads what a command prints may have seen enough (`tidegate flows | head -1`): then it ends there, as other
/// programs do. Rust has the signal ignored, and a print that fails panics. The gateway goes on without it.
#[expect(
    unsafe_code,
    reason = "no wrapper sets a signal to what it does by default"
)]
fn end_with_the_reader() {
    // SAFETY: no handler runs, so none can be wrong.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

impl Command {
    /// Whether what it does may take a capability that the program's file or its unit gives.
    const fn may_need_capabilities(&self) -> bool {
        matches!(
            self,
            Self::Run(_)
                | Self::Upgrade(_)
                | Self::Check(_)
                | Self::Exec(_)
                | Self::Flows(_)
                | Self::Doctor(_)
        )
    }
}

/// Where the program's file has capabilities, everybody who starts it does: with `CAP_DAC_READ_SEARCH` they would
/// have it read what is not theirs. Root may anyhow, and needs to, for the files of the gateway's user.
fn give_up_capabilities() -> Result<()> {
    let held = rustix::thread::capabilities(None::<Pid>).into_diagnostic()?;
    if held.permitted.is_empty() || geteuid().is_root() {
        return Ok(());
    }
    sandbox::drop_capabilities(CapabilitySet::empty()).into_diagnostic()
}

/// Runs the command.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    if !arguments.command.may_need_capabilities() {
        give_up_capabilities()?;
    }
    if !matches!(arguments.command, Command::Run(_)) {
        end_with_the_reader();
    }
    // Nearly all of them open the log's keys; those two become what somebody else may look at.
    if !matches!(arguments.command, Command::Exec(_) | Command::Mcp(_)) {
        sandbox::keep_memory_private().into_diagnostic()?;
    }
    match arguments.command {
        Command::Init(arguments) => init::init(&arguments),
        Command::Run(asked) => upgrade::run(&asked),
        Command::Upgrade(asked) => upgrade::upgrade(&asked),
        Command::Check(Configured { config }) => check::check(&config),
        Command::Classify(Classify {
            instead: Some(Classifiers::Test { file }),
            ..
        }) => classify_test::test(&file),
        Command::Classify(arguments) => classify::classify(&arguments),
        Command::Audit(audit) => audit::audit(audit),
        Command::Backup(asked) => backup::backup(asked),
        Command::Restore(asked) => restore::restore(asked),
        Command::Witness(asked) => witness::witness(asked),
        Command::Report(asked) => report::report(asked),
        Command::Api(command) => api::api(&command),
        Command::Policy(command) => policy::policy(&command),
        Command::Tokens(command) => tokens::tokens(command),
        Command::StaticKey { to } => static_key::static_key(&to),
        Command::Revoke(command) => revoke::revoke(&command),
        Command::Ca(command) => ca::ca(&command),
        Command::Keys(command) => keys::keys(command),
        Command::Shipping(command) => shipping::shipping(&command),
        Command::Fleet(command) => fleet::fleet(&command),
        Command::Bundle(command) => bundle::bundle(&command),
        Command::Mcp(command) => mcp::mcp(&command),
        Command::Credentials(command) => credentials::credentials(&command),
        Command::Flows(Flows {
            instead: Some(FlowsCommand::Detach { config, pins }),
            ..
        }) => flows::detach(&config.config, pins),
        Command::Flows(arguments) => flows::run(&arguments),
        Command::Budgets(asked) => budgets::budgets(&asked),
        Command::Risk(asked) => risk::risk(&asked),
        Command::Console(asked) => console::console(asked),
        Command::Exec(arguments) => exec::exec(&arguments),
        Command::Doctor(Doctor { pins, config }) => {
            doctor::doctor(pins.as_deref(), config.as_deref())
        }
        Command::Help(asked) => help::help(&asked),
        Command::Completions { shell } => Ok(manual::completions(shell)),
        Command::Manual { to } => manual::write(&to),
    }
}
