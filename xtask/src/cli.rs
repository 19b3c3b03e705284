//! The subcommands of `cargo xtask`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;

use crate::{
    bench, ci, demo, eval, fuzz, instructions, package, pdf, peers, profiles, setup, site, test,
    workspace::Workspace,
};

/// Everything a developer runs.
#[derive(Debug, clap::Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) enum Command {
    /// Install what is missing to build, test and show Tidegate on Debian or Ubuntu.
    Setup {
        #[command(flatten)]
        consent: Consent,
        /// Also what `cargo xtask bench` compares with.
        #[arg(long)]
        bench: bool,
        /// Also the tools of `cargo xtask ci`.
        #[arg(long)]
        ci: bool,
    },
    /// Run all tests, with the kernel programs where this host can load them.
    Test {
        #[command(flatten)]
        consent: Consent,
    },
    /// Show a gateway between real agents and made-up services.
    Demo {
        #[command(flatten)]
        consent: Consent,
        /// Tell the story, then end: exit 0 if all of it came true.
        #[arg(long)]
        once: bool,
    },
    /// Measure the gateway beside nginx and a bare proxy, or the classifiers beside their peers.
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        #[command(subcommand)]
        part: Option<Part>,
        #[command(flatten)]
        consent: Consent,
        /// Passed on to the bench.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Score the classifiers on a labelled corpus, and compare with `classifiers/evaluation.md`.
    Eval {
        /// Score the detectors of behaviour on scripted sessions instead, and compare with
        /// `docs/behaviour.md`.
        #[arg(long)]
        sessions: bool,
        /// Passed on: `--corpus DIR`, `--predictions FILE`, `--subset NAMES`, `--errors N`, `--write`;
        /// of sessions, `--write`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run one scenario at the size that is too long for every day.
    Long {
        /// Which.
        scenario: bench::Long,
    },
    /// Run hostile bytes against whatever parses them, a target for each processor at a time.
    Fuzz(fuzz::Wanted),
    /// Build a release, and of it the packages that people install, in `target/package`.
    Package {
        #[command(flatten)]
        consent: Consent,
        /// Pack this binary, built before, and check what comes out.
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
        /// Try it on a fresh Debian, too; as `cargo xtask long install` does with a release.
        #[arg(long, requires = "binary")]
        fresh: bool,
        /// Sign the list of what was made with this key of OpenSSH's.
        #[arg(long, value_name = "KEY", conflicts_with = "binary")]
        sign: Option<PathBuf>,
    },
    /// Build the program that sets reports as PDF, beside the `tidegate` that `cargo build` makes.
    Pdf {
        /// As it is released, beside a release.
        #[arg(long)]
        release: bool,
    },
    /// Write the manual as pages for any web server: no script, light and dark.
    Site {
        /// The folder for them.
        out: PathBuf,
    },
    /// Count the instructions that looking at a byte takes, and compare them with those known.
    Instructions,
    /// Hold the profiles of providers against the descriptions that packages carry.
    Profiles {
        /// Take over methods and paths that are others there.
        #[arg(long)]
        write: bool,
    },
    /// Check the rules of the house: layers, owners, sizes.
    Tidy,
    /// Everything that must hold before a change goes in.
    Ci,
}

/// What can be measured apart.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Part {
    /// The classifiers beside Presidio, redact-core, Hyperscan, regex and `serde_json`.
    Classifiers {
        #[command(flatten)]
        consent: Consent,
    },
    /// Decisions with 10, 100 and 1,000 policies beside plain Cedar, and the whole step of admission.
    Decisions {
        #[command(flatten)]
        consent: Consent,
    },
    /// Durable records a second, on SQLite and PostgreSQL, beside a plain file.
    Records {
        #[command(flatten)]
        consent: Consent,
    },
    /// TLS that ends at the gateway, beside mitmproxy: throughput, latency, CPU, memory.
    Interception {
        #[command(flatten)]
        consent: Consent,
        /// Passed on to the bench: `--rounds N`, `--seconds N`, `--quick`, `--tidegate FILE`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// A host with the kernel's part attached beside the same host without: CPU, requests, memory.
    Flows {
        #[command(flatten)]
        consent: Consent,
        /// Passed on to the bench: `--rounds N`, `--seconds N`, `--quick`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

impl Part {
    fn run(self, workspace: &Workspace) -> Result<ExitCode> {
        match self {
            Self::Classifiers { consent } => peers::run(workspace, consent.yes)?,
            Self::Decisions { consent } => bench::benched(workspace, consent.yes, "decisions")?,
            Self::Records { consent } => bench::benched(workspace, consent.yes, "records")?,
            Self::Flows { consent, arguments } => {
                return bench::flows(workspace, consent.yes, &arguments);
            }
            Self::Interception { consent, arguments } => {
                return bench::interception(workspace, consent.yes, &arguments);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether to ask before installing.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Consent {
    /// Install without asking.
    #[arg(long)]
    pub(crate) yes: bool,
}

impl Command {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let workspace = Workspace::find()?;
        match self {
            Self::Setup { consent, bench, ci } => {
                setup::complete(
                    &workspace,
                    setup::Scope {
                        yes: consent.yes,
                        bench,
                        ci,
                        ..setup::Scope::default()
                    },
                )?;
            }
            Self::Test { consent } => test::run(&workspace, consent.yes)?,
            Self::Demo { consent, once } => return demo::run(&workspace, consent.yes, once),
            Self::Bench {
                part: Some(part), ..
            } => return part.run(&workspace),
            Self::Bench {
                part: None,
                consent,
                arguments,
            } => return bench::run(&workspace, consent.yes, &arguments),
            Self::Eval {
                sessions: true,
                arguments,
            } => return eval::sessions(&workspace, &arguments),
            Self::Eval { arguments, .. } => return eval::run(&workspace, &arguments),
            Self::Long { scenario } => bench::long(&workspace, scenario)?,
            Self::Fuzz(wanted) => fuzz::run(&workspace, &wanted)?,
            Self::Package {
                binary: Some(binary),
                fresh,
                ..
            } => {
                package::check(&workspace, &binary)?;
                if fresh {
                    package::long(&workspace, Some(&binary))?;
                }
            }
            Self::Package { consent, sign, .. } => {
                package::run(&workspace, consent.yes, sign.as_deref())?;
            }
            Self::Site { out } => site::write(&out)?,
            Self::Instructions => {
                setup::complete(
                    &workspace,
                    setup::Scope {
                        ci: true,
                        ..setup::Scope::default()
                    },
                )?;
                instructions::run(&workspace)?;
            }
            Self::Pdf { release } => {
                pdf::build(&workspace, if release { "release" } else { "debug" })?;
            }
            Self::Profiles { write } => profiles::run_all(&workspace, write)?,
            Self::Tidy => ci::tidy(&workspace)?,
            Self::Ci => ci::run(&workspace)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
