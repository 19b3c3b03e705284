//! `tidegate console`: the log for people in browsers, and who they are.

use std::{
    fs,
    io::{self, IsTerminal as _},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use ::console::{Role, Users};
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::tls;
use rustls::ServerConfig;
use serde_json::json;
use vault::KEYRING_FILE;
use zeroize::Zeroizing;

use super::{Configured, block_on, now, run, table};
use crate::{
    config::{self, Console},
    console::House,
    inquiries::{self, Intent},
};

/// For how long a token is taken if nothing else is said, and at most.
const TOKEN_DAYS: u16 = 90;
const TOKEN_DAYS_MAX: i64 = 366;

/// The longest file of a password, in bytes.
const PASSWORD_FILE_BYTES_MAX: u64 = 4096;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Asked {
    #[command(flatten)]
    config: Configured,
    /// The gateway's admin address; else the one that the configuration names.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    #[command(subcommand)]
    instead: Option<Instead>,
}

/// What may be done instead of serving.
#[derive(Debug, Subcommand)]
enum Instead {
    /// Change who may log in.
    #[command(subcommand)]
    User(User),
}

#[derive(Debug, Subcommand)]
enum User {
    /// Add a user; the password is asked for at the terminal.
    Add {
        /// The name.
        name: String,
        /// What they may do: viewer (figures), auditor (reads everything), compliance (also makes reports and
        /// acknowledges findings), operator (also revokes).
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Role,
        /// A file whose first line is the password, instead of asking.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// A program, which asks for records and reports as JSON: its token is printed, once.
        #[arg(long, conflicts_with = "password_file")]
        token: bool,
        /// For how many days the token is taken.
        #[arg(long, value_name = "DAYS", requires = "token", default_value_t = TOKEN_DAYS,
              value_parser = clap::value_parser!(u16).range(1..=TOKEN_DAYS_MAX))]
        days: u16,
        #[command(flatten)]
        config: Configured,
    },
    /// Remove a user; their sessions end at once.
    Remove {
        /// The name.
        name: String,
        #[command(flatten)]
        config: Configured,
    },
    /// List users and roles.
    List {
        #[command(flatten)]
        config: Configured,
    },
}

fn role(name: &str) -> Result<Role, String> {
    Role::named(name).ok_or_else(|| {
        let names = Role::ALL.map(Role::name).join(", ");
        format!("`{name}` is no role; one of {names}")
    })
}

pub(super) fn console(asked: Asked) -> Result<ExitCode> {
    match asked.instead {
        None => serve(asked.config.config, asked.admin),
        Some(Instead::User(command)) => user(&command),
    }
}

fn user(command: &User) -> Result<ExitCode> {
    match command {
        User::Add {
            name,
            role,
            password_file,
            token,
            days,
            config,
        } => {
            let users = users(&config.config)?;
            let by = if *token { "token" } else { "password" };
            noted(
                &config.config,
                "users add",
                &[("name", name), ("role", role.name()), ("by", by)],
            )?;
            if *token {
                let until = now() + SignedDuration::from_hours(24 * i64::from(*days));
                let token = users.add_program(name, *role, until).into_diagnostic()?;
                eprintln!("{name} may ask as {} until {until}, by this:", role.name());
                println!("{token}");
                return Ok(ExitCode::SUCCESS);
            }
            let password = password(password_file.as_deref())?;
            users.add(name, *role, &password).into_diagnostic()?;
            println!("{name} may log in as {}", role.name());
        }
        User::Remove { name, config } => {
            noted(&config.config, "users remove", &[("name", name)])?;
            users(&config.config)?.remove(name).into_diagnostic()?;
            println!("{name} may not log in any more");
        }
        User::List { config } => {
            let users = users(&config.config)?.all().into_diagnostic()?;
            let rows = users.into_iter().map(|it| {
                let until = it.token_until();
                let by = until.map_or("a password".to_owned(), |it| format!("a token until {it}"));
                vec![it.name, it.role.name().to_owned(), by]
            });
            table::print(&["name", "role", "by"], rows);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts a change of who may log in on record, before it is made.
fn noted(config: &Path, command: &'static str, what: &[(&str, &str)]) -> Result<()> {
    let data = config::load(config)?.data;
    if !data.join(KEYRING_FILE).exists() {
        eprintln!("this is not on record: no gateway has begun a log yet");
        return Ok(());
    }
    let criteria = what
        .iter()
        .map(|&(name, it)| (name.to_owned(), it.to_owned()));
    let intent = Intent {
        command: command.into(),
        purpose: None,
        criteria: criteria.collect(),
    };
    block_on(inquiries::record(&data, intent))
}

fn users(config: &Path) -> Result<Users> {
    Ok(Users::at(&configured(&config::load(config)?)?.users))
}

fn configured(config: &config::Config) -> Result<&Console> {
    config.console.as_ref().ok_or_else(|| {
        miette!(
            help = "add `console: { listen: 127.0.0.1:9443, users: console-users.json }`",
            "the configuration has no console"
        )
    })
}

/// A password is never an argument: everybody on the host reads those.
fn password(file: Option<&Path>) -> Result<Zeroizing<String>> {
    if let Some(file) = file {
        let told = || format!("the password in `{}` cannot be read", file.display());
        let size = fs::metadata(file)
            .into_diagnostic()
            .wrap_err_with(told)?
            .len();
        if size > PASSWORD_FILE_BYTES_MAX {
            return Err(miette!("`{}` is no file of a password", file.display()));
        }
        let text = fs::read_to_string(file).into_diagnostic();
        let text = Zeroizing::new(text.wrap_err_with(told)?);
        return Ok(Zeroizing::new(
            text.lines().next().unwrap_or_default().to_owned(),
        ));
    }
    if !io::stdin().is_terminal() {
        return Err(miette!(
            help = "name a file with `--password-file`",
            "there is no terminal to ask for the password"
        ));
    }
    let ask = |prompt: &str| rpassword::prompt_password(prompt).map(Zeroizing::new);
    let first = ask("Password: ").into_diagnostic()?;
    if ask("Once more: ").into_diagnostic()? != first {
        return Err(miette!("these were two passwords"));
    }
    Ok(first)
}

fn serve(path: PathBuf, admin: Option<SocketAddr>) -> Result<ExitCode> {
    run::logs();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // Another part of the process may have installed it first; it is the same one.
    let _installed_before = provider.install_default();
    // Before there is a key in it.
    sandbox::keep_memory_private().into_diagnostic()?;
    let config = config::load(&path)?;
    let console = configured(&config)?;
    let users = Users::at(&console.users);
    if users.all().into_diagnostic()?.is_empty() {
        tracing::warn!("nobody may log in: add a user with `tidegate console user add`");
    }
    let tls = console.tls.as_ref().map(tls_of).transpose()?;
    let listener = TcpListener::bind(console.listen).into_diagnostic();
    let listener = listener.wrap_err_with(|| format!("cannot listen on `{}`", console.listen))?;
    let address = listener.local_addr().into_diagnostic()?;
    let house = House::new(path, &config, admin)?;
    // It reads what browsers send, so it keeps nothing that a stranger could use. One thread so far.
    sandbox::hold_serving().into_diagnostic()?;
    block_on(async {
        let [mut terminate, mut interrupt] = run::signals()?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let ready = json!({ "ready": true, "listen": [address], "admin": null });
        println!("{ready}");
        ::console::serve(listener, tls, users, Arc::new(house), stop)
            .await
            .into_diagnostic()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The console speaks HTTP/1.1 alone.
fn tls_of(files: &tls::Files) -> Result<Arc<ServerConfig>> {
    let config = tls::server(files).into_diagnostic()?;
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
