//! `tidegate policy`: policies at work, without a gateway: checked, tested, explained, tried on the past.

mod cases;
mod explain;
mod prove;
mod question;
mod reload;
mod simulate;
mod unused;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use ::console::{Other, Place};
use audit::{Archive, Entry, Filter};
use clap::Subcommand;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use policy::{Arguments, Engine, PACKS, PolicyFile};
use reports::{Grants, Kind, Proofs};

use super::{Configured, FINDING, Format, audit::archive, block_on, check};
use crate::{
    bundles,
    config::{self, Config},
};

/// Records that are read at a time.
const PAGE: usize = 1_000;
/// What policies are called that are tried at the console.
const TRIED: &str = "tried.cedar";
/// For so long they may decide there.
const SIMULATION_MAX: Duration = Duration::from_secs(20);

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check the policies against everything that the configuration names.
    Check {
        #[command(flatten)]
        config: Configured,
        /// A folder of policies (`*.cedar`) in place of those of the configuration.
        #[arg(long, value_name = "DIR")]
        policies: Option<PathBuf>,
    },
    /// Ask the policies what a file of cases says, and tell where the answer is another.
    Test {
        /// The cases, YAML.
        cases: PathBuf,
        #[command(flatten)]
        config: Configured,
        /// A folder of policies in place of those of the configuration.
        #[arg(long, value_name = "DIR")]
        policies: Option<PathBuf>,
    },
    /// Prove what the policies must never allow, for every question, or tell a case against it.
    ///
    /// An invariant is written as a policy is: a `forbid`. The solver cvc5 must be installed.
    Prove {
        /// Files of invariants; else those that ship: residency, minimum necessary, no secret leaves.
        #[arg(value_name = "INVARIANTS")]
        invariants: Vec<PathBuf>,
        #[command(flatten)]
        config: Configured,
        /// A folder of policies in place of those of the configuration.
        #[arg(long, value_name = "DIR")]
        policies: Option<PathBuf>,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t = Format::Table)]
        output: Format,
    },
    /// Print a ready set of policies, to be saved beside your own; without a name, tell which there are.
    Pack {
        /// Its name: baseline, gdpr, hipaa, ccpa, pci.
        name: Option<String>,
    },
    /// Tell why a record's call was allowed or denied, and what would have changed that.
    Explain {
        /// Its index, as the `tidegate-record` header tells it.
        record: u64,
        #[command(flatten)]
        config: Configured,
    },
    /// Decide everything that is on record again, by other policies, and tell the differences.
    Simulate {
        #[command(flatten)]
        config: Configured,
        /// The folder of the other policies.
        #[arg(long, value_name = "DIR")]
        policies: PathBuf,
    },
    /// Have the gateway that runs decide by the policies as the files are now.
    ///
    /// What does not hold changes nothing. The change is on record before anything is decided by them; calls
    /// that are under way end under the policies that admitted them.
    Reload {
        #[command(flatten)]
        config: Configured,
        /// Why; it stands in the record.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Tell which grants nobody used, as far as the record goes.
    Unused {
        #[command(flatten)]
        config: Configured,
    },
}

pub(crate) fn policy(command: &Policy) -> Result<ExitCode> {
    match command {
        Policy::Check { config, policies } => {
            let asked = Asked::load(&config.config, policies.as_deref())?;
            let (count, digest) = (asked.engine.policies().len(), asked.engine.digest());
            let digest = digest.get(..12).unwrap_or_default();
            println!("{count} policies hold (digest {digest})");
            Ok(ExitCode::SUCCESS)
        }
        Policy::Test {
            cases,
            config,
            policies,
        } => {
            let asked = Asked::load(&config.config, policies.as_deref())?;
            let cases = cases::load(cases)?;
            let report = cases::run(&cases, &asked)?;
            print!("{report}");
            Ok(told(report.failed == 0))
        }
        Policy::Prove {
            invariants,
            config,
            policies,
            output,
        } => {
            let asked = Asked::load(&config.config, policies.as_deref())?;
            let proven = prove::prove(&asked, invariants)?;
            match output {
                Format::Table => print!("{}", proven.table()),
                Format::Json => println!("{:#}", proven.json()),
            }
            Ok(told(proven.holds()))
        }
        Policy::Pack { name } => {
            print!("{}", pack(name.as_deref())?);
            Ok(ExitCode::SUCCESS)
        }
        Policy::Explain { record, config } => {
            let asked = Asked::in_force(&config.config)?;
            let shown = asked.show(*record)?;
            print!("{}", explain::explain(&shown, &asked));
            Ok(ExitCode::SUCCESS)
        }
        Policy::Simulate { config, policies } => {
            let asked = Asked::load(&config.config, Some(policies))?;
            let mut simulation = simulate::Simulation::new(&asked);
            asked.each(|entry| simulation.take(&entry))?;
            let report = simulation.report();
            print!("{report}");
            Ok(told(report.is_same()))
        }
        Policy::Reload { config, reason } => {
            reload::reload(Asked::load(&config.config, None)?, reason.clone())
        }
        Policy::Unused { config } => {
            let asked = Asked::in_force(&config.config)?;
            let document = block_on(unused::unused(&asked))?;
            print!("{}", unused::lines(&document));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What a report tells of the policies of a configuration, and whose log it is about.
pub(super) struct Told {
    pub(super) data: PathBuf,
    pub(super) grants: Option<Grants>,
    pub(super) proofs: Option<Proofs>,
}

impl Told {
    /// What this kind of report wants of them.
    pub(super) fn of(config: &Path, kind: Kind) -> Result<Self> {
        let asked = Asked::in_force(config)?;
        Ok(Self {
            grants: kind.wants_grants().then(|| unused::grants(&asked)),
            proofs: kind
                .wants_proofs()
                .then(|| prove::prove(&asked, &[]).map(|proven| proven.evidence()))
                .transpose()?,
            data: asked.config.data,
        })
    }
}

fn told(fine: bool) -> ExitCode {
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FINDING)
    }
}

/// The configuration at `path`, and its policies as their files are.
pub(crate) fn engine_of(path: &Path) -> Result<(Config, Arc<Engine>)> {
    let Asked { config, engine, .. } = Asked::in_force(path)?;
    Ok((config, engine))
}

/// Why the call of a record was allowed or denied, for people.
pub(crate) fn explained(path: &Path, record: u64) -> Result<String> {
    let asked = Asked::in_force(path)?;
    Ok(explain::explain(&asked.show(record)?, &asked))
}

/// What other policies would have decided of the last records, for people; or what is wrong with them.
pub(crate) fn simulated(path: &Path, other: &Other) -> Result<Result<String, String>> {
    let mut config = in_force(path)?;
    let tried = PolicyFile {
        name: TRIED.to_owned(),
        text: other.text.clone(),
    };
    match &other.place {
        Place::All => config.policies = vec![tried],
        Place::Beside => config.policies.push(tried),
        Place::File(name) => match config.policies.iter_mut().find(|it| it.name == *name) {
            Some(file) => *file = tried,
            None => return Ok(Err("There is no such file of policies.".to_owned())),
        },
    }
    let asked = match Asked::of(config) {
        Ok(asked) => asked,
        Err(wrong) => return Ok(Err(plainly(&wrong))),
    };
    let filter = Filter {
        limit: other.records,
        ..Filter::default()
    };
    let last = block_on(async {
        let mut archive = archive(&asked.config.data).await?;
        archive.list(filter, |_| true).await.into_diagnostic()
    })?;
    let mut simulation = simulate::Simulation::new(&asked);
    let begun = Instant::now();
    for entry in &last {
        if begun.elapsed() > SIMULATION_MAX {
            simulation.leave(entry.index);
            break;
        }
        simulation.take(entry);
    }
    Ok(Ok(simulation.report().to_string()))
}

/// Everything that is wrong, without colours.
fn plainly(report: &miette::Report) -> String {
    let mut text = String::new();
    let handler = miette::NarratableReportHandler::new();
    let written = handler.render_report(&mut text, report.as_ref());
    written.map_or_else(|_| report.to_string(), |()| text)
}

/// Whom to ask: a configuration, and policies.
struct Asked {
    config: Config,
    engine: Arc<Engine>,
    /// What is declared of arguments.
    arguments: Arguments,
}

/// The configuration, with the policies that decide on this host.
fn in_force(path: &Path) -> Result<Config> {
    let mut config = config::load(path)?;
    if let Some(policies) = bundles::policies(&config)? {
        config.policies = policies;
    }
    Ok(config)
}

impl Asked {
    fn load(config: &Path, policies: Option<&Path>) -> Result<Self> {
        let mut config = config::load(config)?;
        if let Some(folder) = policies {
            config.policies = folder_of_policies(folder)?;
        }
        Self::of(config)
    }

    /// By the policies that decide on this host: those of the bundle in force, if there is one.
    fn in_force(path: &Path) -> Result<Self> {
        Self::of(in_force(path)?)
    }

    fn of(config: Config) -> Result<Self> {
        let engine = check::engine(&config)?;
        let arguments = check::names(&config).arguments;
        Ok(Self {
            config,
            engine,
            arguments,
        })
    }

    /// One record with what belongs to it.
    fn show(&self, record: u64) -> Result<audit::Shown> {
        let shown = block_on(async {
            let mut archive = archive(&self.config.data).await?;
            archive.show(record).await.into_diagnostic()
        })?;
        shown.ok_or_else(|| miette!("there is no record {record}"))
    }

    /// Every record, oldest first.
    fn each(&self, mut take: impl FnMut(Entry)) -> Result<()> {
        block_on(async {
            let mut archive: Archive = archive(&self.config.data).await?;
            let mut from = 0;
            loop {
                let filter = Filter {
                    from: Some(from),
                    limit: PAGE,
                    ..Filter::default()
                };
                let page = archive.list(filter, |_| true).await.into_diagnostic()?;
                let Some(last) = page.last() else {
                    return Ok(());
                };
                from = last.index + 1;
                page.into_iter().for_each(&mut take);
            }
        })
    }
}

fn folder_of_policies(folder: &Path) -> Result<Vec<PolicyFile>> {
    let entries = std::fs::read_dir(folder).into_diagnostic();
    let entries = entries.wrap_err_with(|| format!("`{}` cannot be read", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "cedar"))
        .collect();
    paths.sort();
    if paths.is_empty() {
        return Err(miette!(
            "`{}` holds no policies (`*.cedar`)",
            folder.display()
        ));
    }
    paths.iter().map(file_of_policies).collect()
}

fn file_of_policies(path: &PathBuf) -> Result<PolicyFile> {
    let text = std::fs::read_to_string(path).into_diagnostic();
    let name = path.display().to_string();
    let text = text.wrap_err_with(|| format!("`{name}` cannot be read"))?;
    Ok(PolicyFile { name, text })
}

/// A pack's text, or what packs there are.
fn pack(name: Option<&str>) -> Result<String> {
    let Some(name) = name else {
        let each = PACKS
            .iter()
            .map(|pack| format!("{:10}{}\n", pack.name, pack.about));
        return Ok(each.collect());
    };
    let found = PACKS.iter().find(|pack| pack.name == name);
    found.map(|pack| pack.text.to_owned()).ok_or_else(|| {
        let names: Vec<&str> = PACKS.iter().map(|pack| pack.name).collect();
        miette!(
            help = format!("one of {}", names.join(", ")),
            "there is no pack `{name}`"
        )
    })
}

#[cfg(test)]
mod cookbook;
#[cfg(test)]
mod tests;
