//! `tidegate console`: the log for people in browsers, and who they are.

use std::{
    fs,
    io::{self, IsTerminal as _},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use ::console::{CertificateName, Logins, Role, Users};
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::tls;
use serde_json::json;
use vault::KEYRING_FILE;
use zeroize::Zeroizing;

use super::{Configured, block_on, now, run, table, unheard::unheard};
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
        /// Somebody who shows a certificate of this name: `email:eva@acme.example`, `uri:spiffe://acme.example/eva` or
        /// `dns:eva.acme.example`.
        #[arg(long, value_name = "NAME", conflicts_with_all = ["password_file", "token"])]
        certificate: Option<CertificateName>,
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
            certificate,
            days,
            config,
        } => {
            let by = match (certificate, token) {
                (Some(certificate), _) => Proof::Certificate(certificate),
                (None, true) => Proof::Token(*days),
                (None, false) => Proof::Password(password_file.as_deref()),
            };
            add(&config.config, name, *role, &by)?;
        }
        User::Remove { name, config } => {
            noted(&config.config, "users remove", &[("name", name)])?;
            users(&config.config)?.remove(name).into_diagnostic()?;
            println!("{name} may not log in any more");
        }
        User::List { config } => {
            let users = users(&config.config)?.all().into_diagnostic()?;
            let rows = users.into_iter().map(|it| {
                let by = match (it.token_until(), it.certificate()) {
                    (Some(until), _) => format!("a token until {until}"),
                    (None, Some(name)) => format!("a certificate of {name}"),
                    (None, None) => "a password".to_owned(),
                };
                vec![it.name, it.role.name().to_owned(), by]
            });
            table::print(&["name", "role", "by"], rows);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// By what a user is to be known.
enum Proof<'a> {
    Password(Option<&'a Path>),
    /// For so many days.
    Token(u16),
    Certificate(&'a CertificateName),
}

fn add(config: &Path, name: &str, role: Role, by: &Proof<'_>) -> Result<()> {
    let loaded = config::load(config)?;
    let console = configured(&loaded)?;
    let users = Users::at(&console.users);
    let told = match by {
        Proof::Password(_) => "password",
        Proof::Token(_) => "token",
        Proof::Certificate(name) => name.as_str(),
    };
    let what = [("name", name), ("role", role.name()), ("by", told)];
    noted(config, "users add", &what)?;
    match by {
        Proof::Token(days) => {
            let until = now() + SignedDuration::from_hours(24 * i64::from(*days));
            let token = users.add_program(name, role, until).into_diagnostic()?;
            eprintln!("{name} may ask as {} until {until}, by this:", role.name());
            println!("{token}");
        }
        Proof::Certificate(certificate) => {
            let certificate = CertificateName::clone(certificate);
            let added = users.add_certified(name, role, certificate);
            added.into_diagnostic()?;
            println!("{name} may log in as {}", role.name());
            if console.people.is_none() {
                eprintln!(
                    "the console asks for no certificate yet: name an authority in `console.certificates`"
                );
            }
        }
        Proof::Password(file) => {
            let password = password(*file)?;
            users.add(name, role, &password).into_diagnostic()?;
            println!("{name} may log in as {}", role.name());
        }
    }
    Ok(())
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
    if users.all().into_diagnostic()?.is_empty() && console.openid.is_none() {
        tracing::warn!("nobody may log in: add a user with `tidegate console user add`");
    }
    let people = console.people.as_ref();
    let tls = console.tls.as_ref();
    let tls = tls.map(|files| tls::server_for(files, people));
    let tls = tls.transpose().into_diagnostic()?;
    let logins = Logins {
        certificates: people.is_some(),
        openid: console.openid.as_ref().map(|it| it.typed.clone()),
    };
    let listener = TcpListener::bind(console.listen);
    let listener = listener.map_err(|why| unheard(console.listen, &why))?;
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
        ::console::serve(listener, tls, users, logins, Arc::new(house), stop)
            .await
            .into_diagnostic()
    })?;
    Ok(ExitCode::SUCCESS)
}
