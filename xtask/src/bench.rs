//! Measurements, and scenarios at the size that is too long for every day.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::{
    demo::pass_through,
    kernels, package,
    setup::{self, Scope},
    step::{answer, run as command, step},
    workspace::{SEED, Workspace},
};

/// Sets up, builds for release, and measures beside nginx and a bare proxy.
pub(crate) fn run(workspace: &Workspace, yes: bool, arguments: &[String]) -> Result<ExitCode> {
    let peers = arguments.iter().any(|argument| argument == "--peers");
    let scope = Scope {
        yes,
        bench: true,
        peers,
        ..Scope::default()
    };
    made_ready(workspace, scope)?;
    pass_through(Command::new(workspace.built("release", "tidegate-bench")).args(arguments))
}

/// What the kernel's part costs a host: by the kernel's own count, and requests beside a host without it.
pub(crate) fn flows(workspace: &Workspace, yes: bool, arguments: &[String]) -> Result<ExitCode> {
    ready(workspace, yes)?;
    let cost = ["test", "--release", "--test", "cost", "--"];
    step("what the programs take", || {
        command(
            workspace
                .cargo(&cost)
                .args(["--ignored", "--nocapture", "--test-threads=1"]),
        )
    })?;
    let mut bench = Command::new(workspace.built("release", "tidegate-bench"));
    pass_through(bench.arg("--flows").args(arguments))
}

/// What TLS that ends at the gateway costs, beside mitmproxy.
pub(crate) fn interception(
    workspace: &Workspace,
    yes: bool,
    arguments: &[String],
) -> Result<ExitCode> {
    ready(workspace, yes)?;
    let mut bench = Command::new(workspace.built("release", "tidegate-bench"));
    pass_through(bench.arg("--interception").args(arguments))
}

/// A bench that is a crate's own: `decisions`, `records`.
pub(crate) fn benched(workspace: &Workspace, yes: bool, name: &str) -> Result<()> {
    let scope = Scope {
        yes,
        ..Scope::default()
    };
    setup::try_all(workspace, scope)?;
    // All packages, as `release_build` has it.
    let bench = ["bench", "--bench", name];
    step(name, || command(&mut workspace.cargo(&bench)))
}

/// Has what is measured, and what it is compared with.
fn ready(workspace: &Workspace, yes: bool) -> Result<()> {
    let bench = Scope {
        yes,
        bench: true,
        ..Scope::default()
    };
    made_ready(workspace, bench)
}

fn made_ready(workspace: &Workspace, scope: Scope) -> Result<()> {
    setup::try_all(workspace, scope)?;
    step("release build", || command(&mut release_build(workspace)))
}

/// How many cases each property gets in its long version.
const PROPERTY_CASES: &str = "100000";

/// A scenario that has a long version.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Long {
    /// Ten thousand processes that live for milliseconds: every one attributed.
    Processes,
    /// Two hundred kills of the daemon under load: every byte on record.
    Kills,
    /// A hundred kills of the daemon while agents call and try to get out: no owner lost, nothing out.
    Restarts,
    /// One gigabyte through the redactor: memory stays bounded.
    Gigabyte,
    /// Fifty agents and a hundred thousand connections: the planted bypasses found, and no other.
    Flows,
    /// Fifty agents of eight kinds, a hundred thousand exchanges: each attributed, every byte counted.
    Hosts,
    /// Every way past the gateway, against every rule: found within a second.
    Techniques,
    /// Ten thousand calls at once against a budget of a thousand: exactly a thousand go.
    Budgets,
    /// Twenty thousand calls at three hosts that share a budget, while their server dies, stalls and forgets; then five
    /// hosts in networks of their own, whose Redis, PostgreSQL and gateways are cut off, slowed and killed for ten minutes.
    Fleet,
    /// Sixty days by the gateway's own clocks, hour by hour: what is due is done, and nothing grows.
    Month,
    /// Two hours at the highest load that the host sustains: memory flat, no descriptor left, the slowest hundredth steady.
    Soak,
    /// A thousand streams while the key and the upstreams change: none fails, none has a revoked key.
    Rotation,
    /// A thousand streams while another gateway takes over: none dropped, all on record.
    Handover,
    /// Debian's kernels 5.10, 6.1 and 6.12 under qemu: the kernel programs and their tests in each.
    Kernels,
    /// Ten million records of a year: each report's figures are those of the generator, with time and memory.
    Year,
    /// Every property test with fresh seeds and many more cases.
    Properties,
    /// The package on a fresh Debian: installed, serving, upgraded, removed, the log kept.
    Install,
    /// The release of this commit, built twice in other places: the same to the byte.
    Reproducible,
}

impl Long {
    /// The tests that it is one of.
    fn binary(self) -> &'static str {
        match self {
            Self::Year => "year",
            _ => "scenarios",
        }
    }

    /// The scenarios by name, and what sets the size of each.
    fn scenarios(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Processes => &[("processes", "TIDEGATE_BURST", "10000")],
            Self::Kills => &[("kills", "TIDEGATE_KILLS", "200")],
            Self::Restarts => &[(
                "a_gateway_that_is_killed_again_and_again",
                "TIDEGATE_RESTARTS",
                "100",
            )],
            Self::Gigabyte => &[("gigabyte", "TIDEGATE_STREAM_MB", "1000")],
            Self::Flows => &[("of_many_agents", "TIDEGATE_FLOWS", "100000")],
            Self::Hosts => &[("agents_of_every_kind", "TIDEGATE_HOSTS", "100000")],
            Self::Techniques => &[("techniques", "TIDEGATE_TECHNIQUES", "1")],
            Self::Budgets => &[("of_many_calls_at_once", "TIDEGATE_CALLS", "10000")],
            Self::Fleet => &[
                ("whatever_happens_to_the_server", "TIDEGATE_FLEET", "5000"),
                (
                    "whatever_happens_to_networks",
                    "TIDEGATE_FLEET_SECONDS",
                    "600",
                ),
            ],
            Self::Month => &[("days_go_by", "TIDEGATE_DAYS", "60")],
            Self::Soak => &[("as_busy_as_its_host_allows", "TIDEGATE_SOAK", "7200")],
            Self::Rotation => &[("keys_and_upstreams", "TIDEGATE_STREAMS", "1000")],
            Self::Handover => &[("another_gateway_takes_over", "TIDEGATE_HANDOVER", "1000")],
            // About 1.7 records a request.
            Self::Year => &[("of_a_year", "TIDEGATE_YEAR", "6000000")],
            Self::Kernels | Self::Properties | Self::Install | Self::Reproducible => &[],
        }
    }
}

/// Runs scenarios at their long size.
pub(crate) fn long(workspace: &Workspace, which: Long) -> Result<()> {
    if matches!(which, Long::Install) {
        return package::long(workspace, None);
    }
    if matches!(which, Long::Reproducible) {
        return package::twice(workspace);
    }
    if matches!(which, Long::Kernels) {
        let ci = Scope {
            ci: true,
            ..Scope::default()
        };
        setup::try_all(workspace, ci)?;
        return kernels::run(workspace, kernels::Size::Full);
    }
    setup::try_all(workspace, Scope::default())?;
    let scenarios = which.scenarios();
    if scenarios.is_empty() {
        return step("properties", || command(&mut properties(workspace)));
    }
    step("release build", || command(&mut release_build(workspace)))?;
    for sized in scenarios {
        scenario(workspace, which.binary(), sized)?;
    }
    Ok(())
}

fn scenario(
    workspace: &Workspace,
    binary: &str,
    (name, variable, size): &(&str, &str, &str),
) -> Result<()> {
    let tests = ["test", "--release", "--test", binary, "--", name];
    // cargo is content when a filter matches nothing; we are not.
    let listed = answer(
        workspace
            .cargo(&tests)
            .args(["--list", "--include-ignored"]),
    )
    .context("the scenarios could not be listed")?;
    if !listed.lines().any(|line| line.ends_with(": test")) {
        bail!("no scenario is named `{name}`");
    }
    step(name, || {
        command(
            workspace
                .cargo(&tests)
                .args(["--include-ignored", "--nocapture", "--test-threads=1"])
                .env(variable, size),
        )
    })
}

/// The crates that have properties, each case new.
fn properties(workspace: &Workspace) -> Command {
    let mut tests = workspace.cargo(&[
        "test",
        "--release",
        "--package",
        "classifiers",
        "--package",
        "redaction",
        "--package",
        "audit",
        "--package",
        "vault",
    ]);
    tests.env("PROPTEST_CASES", PROPERTY_CASES).env_remove(SEED);
    tests.env("TIDEGATE_EVERY_CUT", "1");
    tests
}

/// All packages, always: with another choice cargo unifies features otherwise and builds the
/// heaviest dependencies a second time.
fn release_build(workspace: &Workspace) -> Command {
    workspace.cargo(&["build", "--release"])
}
