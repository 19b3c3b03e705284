//! `tidegate bundle`: policies for many gateways in one signed file.

mod rollout;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use ::bundle::{Bundle, CLASSIFIERS, Keys, Manifest, POLICIES, Rollout, rollout::Due};
use clap::Subcommand;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde::Serialize;
use vault::LogSigner;

use super::{Configured, FINDING, Format, Output, check, now, table};
use crate::{
    bundles::{self, Asked, Reply, SOCKET, Told},
    config::{self, Config},
    desk, folder,
    inquiries::nobody,
};

#[derive(Debug, Subcommand)]
pub(super) enum Bundles {
    /// Make a key that signs bundles, and print the public one, which gateways trust (`bundle.keys`).
    Keygen {
        /// What the bundles are called, such as `rules.example`.
        #[arg(long)]
        name: String,
        /// Where the key is written to, for its owner alone. No gateway needs it.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Pack the policies and classifiers of a configuration, and sign them.
    Make {
        #[command(flatten)]
        config: Configured,
        /// The key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Which one it is: a number larger than any before.
        #[arg(long)]
        revision: u64,
        /// Which hosts take it when, and what makes one go back, in YAML; every host at once, without.
        #[arg(long, value_name = "FILE")]
        rollout: Option<PathBuf>,
        /// For how long hosts may take it: `30d`; one that has it keeps it.
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<SignedDuration>,
        /// Where it is written to.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Verify a bundle, and tell what it has and which host takes it when.
    Show {
        /// The bundle.
        file: PathBuf,
        /// A public key that is trusted.
        #[arg(long = "key", value_name = "KEY", required_unless_present = "config")]
        keys: Vec<String>,
        /// A configuration whose keys are, and for which the policies are checked.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// A host whose turn is told.
        #[arg(long = "host", value_name = "NAME")]
        hosts: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Tell which bundle is in force at the gateway that runs, and which waits; exit code 1 if none is to be had.
    Status {
        #[command(flatten)]
        config: Configured,
        #[command(flatten)]
        output: Output,
    },
    /// Have the gateway that runs look for a bundle now.
    Look {
        #[command(flatten)]
        config: Configured,
        #[command(flatten)]
        output: Output,
    },
    /// Leave the bundle in force for the one before it, on this host; only a newer one is taken after that.
    Rollback {
        #[command(flatten)]
        config: Configured,
        /// Why; it stands in the record.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        output: Output,
    },
}

pub(super) fn bundle(command: &Bundles) -> Result<ExitCode> {
    match command {
        Bundles::Keygen { name, key } => {
            let signer = LogSigner::create_for_bundles(key, name).into_diagnostic()?;
            println!("{}", signer.verifier_key());
            Ok(ExitCode::SUCCESS)
        }
        Bundles::Make {
            config,
            key,
            revision,
            rollout,
            expires,
            to,
        } => {
            let manifest = Manifest {
                revision: *revision,
                made: now(),
                expires: expires.map(until).transpose()?,
                files: BTreeMap::new(),
                rollout: rollout
                    .as_deref()
                    .map_or_else(|| Ok(Rollout::default()), rollout::load)?,
            };
            make(&config.config, &manifest, (key, to))
        }
        Bundles::Show {
            file,
            keys,
            config,
            hosts,
            output,
        } => show(file, (keys, config.as_deref()), hosts, *output),
        Bundles::Status { config, output } => ask(&config.config, &Asked::Status, *output),
        Bundles::Look { config, output } => ask(&config.config, &Asked::Look, *output),
        Bundles::Rollback {
            config,
            reason,
            output,
        } => {
            let reason = reason.clone();
            ask(&config.config, &Asked::Rollback { reason }, *output)
        }
    }
}

/// A time as people write it: a day has 24 hours.
fn time(typed: &str) -> std::result::Result<SignedDuration, String> {
    let span = typed.parse::<Span>().map_err(|why| why.to_string())?;
    let days = SpanRelativeTo::days_are_24_hours();
    span.to_duration(days).map_err(|why| why.to_string())
}

fn until(span: SignedDuration) -> Result<Timestamp> {
    let is_odd = || miette!("a bundle expires after some time: `--expires 30d`");
    if !span.is_positive() {
        return Err(is_odd());
    }
    now().checked_add(span).map_err(|_| is_odd())
}

fn make(path: &Path, manifest: &Manifest, (key, to): (&Path, &Path)) -> Result<ExitCode> {
    let config = config::load(path)?;
    // What would be refused everywhere is refused here.
    let engine = check::engine(&config)?;
    config::classifiers::load(&config.classifiers)?;
    let files = files(&config)?;
    let signer = LogSigner::open_for_bundles(key).into_diagnostic()?;
    let packed = ::bundle::pack(manifest, &files, &signer).into_diagnostic()?;
    let (parent, name) = (to.parent(), to.file_name());
    let parent = parent.filter(|it| !it.as_os_str().is_empty());
    let name = name.map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| miette!("`{}` names no file", to.display()))?;
    let parent = parent.unwrap_or(Path::new("."));
    let written = write(parent, &name, &packed).into_diagnostic();
    written.wrap_err_with(|| format!("`{}` cannot be written", to.display()))?;
    let classifiers = config.classifiers.len();
    println!(
        "revision {}: {} policies (digest {}), {classifiers} files of classifiers, {} bytes in `{}`",
        manifest.revision,
        engine.policies().len(),
        engine.digest().get(..12).unwrap_or_default(),
        packed.len(),
        to.display(),
    );
    Ok(ExitCode::SUCCESS)
}

/// Nothing of a bundle is secret, and a server of the web may be another user.
fn write(folder: &Path, name: &str, packed: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    folder::replace(folder, name, packed)?;
    std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o644))
}

/// The files of a configuration, by their names in a bundle.
fn files(config: &Config) -> Result<BTreeMap<String, String>> {
    let named = |folder: &str, path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        format!("{folder}{name}")
    };
    let mut files = BTreeMap::new();
    let mut add = |name: String, text: String| match files.insert(name.clone(), text) {
        None => Ok(()),
        Some(_) => Err(miette!(
            help = "rename one: a bundle has no folders beside its two",
            "two files would be `{name}` in the bundle"
        )),
    };
    for policy in &config.policies {
        add(
            named(POLICIES, Path::new(&policy.name)),
            policy.text.clone(),
        )?;
    }
    for path in &config.classifiers {
        let text = std::fs::read_to_string(path).into_diagnostic();
        let text = text.wrap_err_with(|| format!("`{}` cannot be read", path.display()))?;
        let name = named(CLASSIFIERS, &path.with_extension("yaml"));
        add(name, text)?;
    }
    Ok(files)
}

/// A bundle, as it is told.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    revision: u64,
    made: Timestamp,
    expires: Option<Timestamp>,
    digest: String,
    files: BTreeMap<String, String>,
    rollout: Rollout,
    /// When each host that was asked for takes it; never if none.
    hosts: BTreeMap<String, Option<Timestamp>>,
}

impl Shown {
    fn of(bundle: Bundle, hosts: &[String]) -> Self {
        let Manifest {
            revision,
            made,
            expires,
            files,
            rollout,
        } = bundle.manifest;
        let due = |host: &String| {
            let due = match rollout.due(host, made) {
                Due::At(at) => Some(at),
                Due::Never => None,
            };
            (host.clone(), due)
        };
        Self {
            hosts: hosts.iter().map(due).collect(),
            name: bundle.name,
            digest: bundle.digest,
            revision,
            made,
            expires,
            files,
            rollout,
        }
    }

    fn rows(&self) -> Vec<[String; 2]> {
        let mut rows = vec![
            [
                "bundle".to_owned(),
                format!("{} {}", self.name, self.revision),
            ],
            ["made".to_owned(), self.made.to_string()],
            [
                "expires".to_owned(),
                self.expires.map_or("never".to_owned(), |it| it.to_string()),
            ],
            ["digest".to_owned(), self.digest.clone()],
        ];
        let files = self.files.iter();
        rows.extend(files.map(|(path, digest)| {
            [
                path.clone(),
                digest.get(..12).unwrap_or_default().to_owned(),
            ]
        }));
        rows.extend(self.rollout.stages.iter().map(rollout::stage));
        rows.extend(self.rollout.watch.iter().map(rollout::watch));
        rows.extend(self.hosts.iter().map(|(host, due)| {
            let due = due.map_or("never".to_owned(), |it| it.to_string());
            [format!("host {host}"), due]
        }));
        rows
    }
}

fn show(
    file: &Path,
    (keys, config): (&[String], Option<&Path>),
    hosts: &[String],
    output: Output,
) -> Result<ExitCode> {
    let config = config.map(config::load).transpose()?;
    let trusted = Keys::read(keys.iter().map(String::as_str)).into_diagnostic()?;
    let of_config = config.as_ref().and_then(|it| it.bundles.as_ref());
    let keys = match of_config {
        Some(bundles) if keys.is_empty() => Arc::clone(&bundles.keys),
        _ if !keys.is_empty() => Arc::new(trusted),
        _ => {
            return Err(miette!(
                help = "`bundle.keys` of the configuration, or `--key`",
                "no key is trusted"
            ));
        }
    };
    let packed = std::fs::read(file).into_diagnostic();
    let packed = packed.wrap_err_with(|| format!("`{}` cannot be read", file.display()))?;
    let judged = ::bundle::open(&packed, &keys).map_err(|why| why.to_string());
    let judged = judged.and_then(|bundle| {
        if let Some(config) = &config {
            bundles::compile(&bundle, &check::names(config))?;
        }
        Ok(bundle)
    });
    let bundle = match judged {
        Ok(bundle) => bundle,
        Err(why) => {
            eprintln!("`{}` would not be taken: {why}", file.display());
            return Ok(ExitCode::from(FINDING));
        }
    };
    let shown = Shown::of(bundle, hosts);
    match output.output {
        Format::Json => println!("{}", serde_json::to_string(&shown).into_diagnostic()?),
        Format::Table => table::print(&["what", "is"], shown.rows().into_iter().map(Vec::from)),
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(path: &Path, asked: &Asked, output: Output) -> Result<ExitCode> {
    let config = config::load(path)?;
    if config.bundles.is_none() {
        return Err(miette!(
            help = "`bundle` says where they come from, and whose they must be",
            "`{}` names no bundles",
            path.display()
        ));
    }
    let socket = config.data.join(SOCKET);
    let told = match desk::ask(&socket, asked) {
        Ok(Reply::Told(told)) => told,
        Ok(Reply::Refused(why)) => {
            eprintln!("refused: {why}");
            return Ok(ExitCode::from(FINDING));
        }
        Err(error) if nobody(&error) => {
            return Err(miette!(
                help = "`tidegate run` looks for bundles when it starts",
                "no gateway runs on `{}`",
                config.data.display()
            ));
        }
        Err(error) => {
            let asked = Err(error).into_diagnostic();
            return asked
                .wrap_err_with(|| format!("the gateway was asked at `{}`", socket.display()));
        }
    };
    match output.output {
        Format::Json => println!("{}", serde_json::to_string(&told).into_diagnostic()?),
        Format::Table => table::print(&["what", "is"], standing(&told).into_iter().map(Vec::from)),
    }
    Ok(if told.fault.is_some() {
        ExitCode::from(FINDING)
    } else {
        ExitCode::SUCCESS
    })
}

fn standing(told: &Told) -> Vec<[String; 2]> {
    let own = || "the configuration's own policies".to_owned();
    let revision = |it: u64| format!("revision {it}");
    let mut rows = vec![
        ["host".to_owned(), told.host.clone()],
        ["source".to_owned(), told.source.clone()],
        [
            "in force".to_owned(),
            told.in_force.map_or_else(own, revision),
        ],
    ];
    if let Some(since) = told.since {
        rows.push(["since".to_owned(), since.to_string()]);
    }
    if told.in_force.is_some() {
        let before = told.before.map_or_else(own, revision);
        rows.push(["before".to_owned(), before]);
    }
    if let Some(waiting) = &told.waiting {
        let until = waiting
            .due
            .map_or("no stage is for this host".to_owned(), |due| {
                format!("until {due}")
            });
        let waits = format!("revision {}, {until}", waiting.revision);
        rows.push(["waits".to_owned(), waits]);
    }
    if let Some(left) = &told.left {
        let why = left.why.escape_debug();
        let left = format!("revision {} at {}: {why}", left.revision, left.at);
        rows.push(["left".to_owned(), left]);
    }
    if let Some(fault) = &told.fault {
        rows.push(["amiss".to_owned(), fault.escape_debug().to_string()]);
    }
    rows
}
