//! The classifiers beside their peers: the same documents in the same run, by turns, so that what
//! disturbs one disturbs all. Each contender is a process of its own, which tells its processor
//! time; the median of all rounds counts. `xtask/peers` holds the contenders.

mod contender;
mod report;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    setup::{self, Scope},
    step::{answer, run as command, say, step},
    workspace::Workspace,
};

use contender::{Contender, Reading};
use report::Row;

/// How often each contender reads each document; odd, so that one is in the middle.
const ROUNDS: usize = 7;
/// How long it reads each time, in milliseconds of processor time; at least once.
const TURN_MILLISECONDS: u32 = 200;
/// Where the contenders are, from the workspace's root.
const FOLDER: &str = "xtask/peers";
/// The documents, as `xtask/peers` names them.
const DOCUMENTS: [&str; 4] = ["Clean16k", "Dense16k", "Clean256k", "Dense256k"];
/// The contenders that are in Rust. The first is what others are held against.
const IN_RUST: [&str; 8] = [
    "scan",
    "redact",
    "scan-plain",
    "redact-plain",
    "serde_json-skip",
    "serde_json-parse",
    "regex",
    "redact-core",
];

/// Installs and builds the peers, measures, and prints the tables of the classifiers' README.
pub(crate) fn run(workspace: &Workspace, yes: bool) -> Result<()> {
    let scope = Scope {
        yes,
        peers: true,
        ..Scope::default()
    };
    setup::try_all(workspace, scope)?;
    let build = Build::new(workspace)?;
    let documents = build.documents()?;
    let mut contenders = build.contenders();
    let rows = step("measure", || measure(&mut contenders, &documents))?;
    let footprint = answer(&mut Command::new(build.program("footprint")))
        .context("what the tables occupy could not be measured")?;
    report::print(&rows, &footprint)
}

/// What was built, and where.
struct Build<'a> {
    workspace: &'a Workspace,
    /// Where the peers come to be: apart from the workspace, whose builds have other features.
    target: PathBuf,
}

impl<'a> Build<'a> {
    fn new(workspace: &'a Workspace) -> Result<Self> {
        let target = workspace.target.join("peers");
        let mut build = workspace.cargo(&["build", "--release", "--locked"]);
        build
            .current_dir(workspace.root.join(FOLDER))
            .env("CARGO_TARGET_DIR", &target);
        step("build the peers", || command(&mut build))?;
        Ok(Self { workspace, target })
    }

    fn source(&self, name: &str) -> PathBuf {
        self.workspace.root.join(FOLDER).join(name)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    fn documents(&self) -> Result<Vec<PathBuf>> {
        let folder = self.target.join("documents");
        fs::create_dir_all(&folder)?;
        command(
            Command::new(self.program("peers"))
                .arg("documents")
                .arg(&folder),
        )?;
        let document = |name| folder.join(format!("{name}.json"));
        Ok(DOCUMENTS.into_iter().map(document).collect())
    }

    /// All that can be started here; who cannot is named and left out.
    fn contenders(&self) -> Vec<Contender> {
        let rust = IN_RUST.into_iter().map(|name| {
            let mut program = Command::new(self.program("peers"));
            program.arg(name);
            (name, Ok(program))
        });
        let others = [
            ("hyperscan", self.hyperscan()),
            ("presidio", Ok(self.presidio())),
        ];
        let started = rust.chain(others).filter_map(|(name, program)| {
            let started = program.and_then(|mut program| Contender::start(name, &mut program));
            started
                .inspect_err(|error| say(&format!("without {name}: {error:#}")))
                .ok()
        });
        started.collect()
    }

    fn hyperscan(&self) -> Result<Command> {
        let program = self.program("hyperscan");
        command(
            Command::new("cc")
                .args(["-O2", "-o"])
                .arg(&program)
                .arg(self.source("hyperscan.c"))
                .arg("-lhs"),
        )?;
        let mut hyperscan = Command::new(program);
        hyperscan.arg(self.source("patterns.txt"));
        Ok(hyperscan)
    }

    fn presidio(&self) -> Command {
        let mut presidio = Command::new(self.workspace.presidio().join("bin/python"));
        presidio.arg(self.source("presidio.py"));
        presidio
    }
}

/// Every contender reads every document in every round.
fn measure(contenders: &mut [Contender], documents: &[PathBuf]) -> Result<Vec<Row>> {
    let mut readings = vec![vec![Vec::with_capacity(ROUNDS); documents.len()]; contenders.len()];
    // The first round warms up.
    for round in 0..=ROUNDS {
        for (column, document) in documents.iter().enumerate() {
            for (contender, row) in contenders.iter_mut().zip(&mut readings) {
                let reading = contender.read(document, TURN_MILLISECONDS)?;
                if let Some(cell) = row.get_mut(column).filter(|_| round > 0) {
                    cell.push(reading);
                }
            }
        }
    }
    let rows = contenders.iter().zip(readings);
    rows.map(|(contender, cells)| {
        Ok(Row {
            name: contender.name,
            peak_bytes: contender.peak_bytes()?,
            cells: cells.into_iter().filter_map(median).collect(),
        })
    })
    .collect()
}

/// The reading in the middle by speed.
fn median(mut readings: Vec<Reading>) -> Option<Reading> {
    readings.sort_by(|one, other| one.speed().total_cmp(&other.speed()));
    readings.get(readings.len() / 2).copied()
}

/// The value of `VmHWM` and the like in `/proc/PID/status`, in bytes.
fn status_bytes(process: u32, key: &str) -> Result<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| {
        line.trim_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .ok()
    });
    kib.map(|kib: u64| kib * 1024)
        .with_context(|| format!("the kernel does not tell {key} of process {process}"))
}
