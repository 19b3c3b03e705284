//! Hostile bytes against whatever parses them, by libFuzzer: so many targets side by side as there are processors.
//!
//! Without a sanitizer: what is fuzzed is safe Rust but for four calls of functions that are compiled for more
//! instructions (`classifiers/src/vector.rs`), and a test of the house holds it so. So plain cargo builds it, by the
//! stable compiler: what `cargo fuzz` would add are the flags below.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    step::{answer, run as command, say, step},
    workspace::Workspace,
};

/// Where the targets are, from the workspace's root: each a workspace of its own.
pub(crate) const FOLDERS: [&str; 3] =
    ["classifiers/fuzz", "gateway/redaction/fuzz", "gateway/fuzz"];

/// The longest input that is tried, in bytes.
const INPUT_BYTES_MAX: u32 = 4096;
/// No input may take longer: usual ones take some microseconds, so that a busy machine is not mistaken for a reader that hangs.
const INPUT_SECONDS_MAX: u32 = 30;
/// No target may hold more memory.
const MEMORY_MB_MAX: u32 = 1024;
/// As much as the threads have that serve: what nests too deep shows here as it would there.
const STACK_KB: u32 = 2048;

/// What libFuzzer goes by: counters of edges, and what is compared with what. What must not happen in a release (wrong
/// arithmetic, a false assertion) ends a run.
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// What is fuzzed, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    /// How long each target runs.
    #[arg(long, value_name = "N", default_value_t = 30 * 60)]
    pub(crate) seconds: u32,
    /// What chance begins with; then a run begins with the seeds alone, not with what earlier ones found.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u32>,
    /// How many targets share a processor.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) at_once: usize,
    /// Try this input alone: the one that a target failed on.
    #[arg(long, value_name = "FILE", requires = "targets")]
    pub(crate) input: Option<PathBuf>,
    /// These targets; all if none is named.
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
}

impl Wanted {
    /// For the gate: all of them, for a minute each, three to a processor or it would take twenty minutes, and as far as that
    /// goes the same each time. A gate that finds something new in an unrelated change helps nobody.
    pub(crate) fn a_minute_each() -> Self {
        Self {
            seconds: 60,
            seed: Some(1),
            at_once: 3,
            input: None,
            targets: Vec::new(),
        }
    }
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) folder: &'static str,
    pub(crate) name: String,
}

/// Builds the targets and runs them.
pub(crate) fn run(workspace: &Workspace, wanted: &Wanted) -> Result<()> {
    let targets = chosen(all(&workspace.root)?, &wanted.targets)?;
    let fuzzing = Fuzzing::new(workspace)?;
    for folder in FOLDERS {
        let names: Vec<&str> = targets
            .iter()
            .filter(|it| it.folder == folder)
            .map(|it| it.name.as_str())
            .collect();
        if !names.is_empty() {
            step(&format!("build {folder}"), || {
                command(&mut fuzzing.build(folder, &names))
            })?;
        }
    }
    if let Some(input) = &wanted.input {
        let input = fs::canonicalize(input).with_context(|| input.display().to_string())?;
        for target in &targets {
            command(fuzzing.target(target).arg(&input))?;
        }
        return Ok(());
    }
    let failed = side_by_side((&targets, wanted.at_once), |target| {
        step(&target.name, || fuzzing.run(target, wanted))
    });
    for error in &failed {
        say(&format!("{error:#}"));
    }
    ensure!(failed.is_empty(), "{} target(s) failed", failed.len());
    Ok(())
}

/// All targets there are.
pub(crate) fn all(root: &Path) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for folder in FOLDERS {
        let files = root.join(folder).join("fuzz_targets");
        for file in fs::read_dir(&files).with_context(|| files.display().to_string())? {
            let path = file?.path();
            let name = path.file_stem().context("a file without a name")?;
            let name = name.to_string_lossy().into_owned();
            targets.push(Target { folder, name });
        }
    }
    targets.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(targets)
}

/// Those that are named; all if none is.
fn chosen(all: Vec<Target>, named: &[String]) -> Result<Vec<Target>> {
    if let Some(unknown) = named
        .iter()
        .find(|name| all.iter().all(|target| target.name != **name))
    {
        let known: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
        bail!("no target is called `{unknown}`: {}", known.join(", "));
    }
    let is_wanted = |target: &Target| named.is_empty() || named.contains(&target.name);
    Ok(all.into_iter().filter(is_wanted).collect())
}

/// Does `work` for each target, so many for each processor at a time; gives what failed.
fn side_by_side(
    (targets, at_once): (&[Target], usize),
    work: impl Fn(&Target) -> Result<()> + Sync,
) -> Vec<anyhow::Error> {
    let (left, failed) = (Mutex::new(targets.iter()), Mutex::new(Vec::new()));
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..processors * at_once.max(1) {
            scope.spawn(|| {
                while let Some(target) = next() {
                    if let Err(error) = work(target) {
                        failed
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(error);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Where things are.
struct Fuzzing<'w> {
    workspace: &'w Workspace,
    /// What is built, found and told.
    home: PathBuf,
    /// What we build for: named, so that the flags are not those of build scripts.
    host: String,
}

impl<'w> Fuzzing<'w> {
    fn new(workspace: &'w Workspace) -> Result<Self> {
        let told = answer(
            Command::new("rustc")
                .arg("-vV")
                .current_dir(&workspace.root),
        );
        let told = told.context("`rustc -vV` does not say what it builds for")?;
        let mut lines = told.lines();
        let host = lines.find_map(|line| line.strip_prefix("host: "));
        Ok(Self {
            workspace,
            home: workspace.target.join("fuzz"),
            host: host.context("`rustc -vV` names no host")?.to_owned(),
        })
    }

    fn build(&self, folder: &str, names: &[&str]) -> Command {
        let manifest = format!("{folder}/Cargo.toml");
        let mut build = self.workspace.cargo(&["build", "--quiet", "--release"]);
        build
            .args(["--locked", "--manifest-path", &manifest])
            .args(["--target", &self.host])
            .args(names.iter().flat_map(|name| ["--bin", name]))
            .env("CARGO_TARGET_DIR", &self.home)
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", FLAGS.join(" "))
            // One for all folders, so that they share what they depend on.
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "2")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
            // Nothing that is fuzzed needs the kernel's part.
            .env("TIDEGATE_EBPF", "skip");
        build
    }

    /// The program of a target, on the stack that it is to have.
    fn target(&self, target: &Target) -> Command {
        let program = self
            .home
            .join(&self.host)
            .join("release")
            .join(&target.name);
        let mut limited = Command::new("sh");
        limited
            .args(["-c", &format!("ulimit -s {STACK_KB} && exec \"$0\" \"$@\"")])
            .arg(program)
            .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
            .arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"))
            .current_dir(&self.workspace.root);
        limited
    }

    /// Runs one for its time.
    fn run(&self, target: &Target, wanted: &Wanted) -> Result<()> {
        let name = &target.name;
        let folder = |what: &str| self.home.join(what).join(name);
        let corpus = if wanted.seed.is_some() {
            let fresh = folder("seeded");
            // It may not be there.
            drop(fs::remove_dir_all(&fresh));
            fresh
        } else {
            folder("corpus")
        };
        let kept = folder("artifacts");
        let log = folder("logs").with_extension("log");
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&kept)?;
        fs::create_dir_all(self.home.join("logs"))?;
        let told = File::create(&log)?;
        let mut fuzzer = self.target(target);
        fuzzer
            .arg(corpus)
            .arg(
                self.workspace
                    .root
                    .join(target.folder)
                    .join("seeds")
                    .join(name),
            )
            .arg(format!("-max_total_time={}", wanted.seconds))
            .arg(format!("-max_len={INPUT_BYTES_MAX}"))
            .arg(format!("-artifact_prefix={}/", kept.display()))
            .arg("-print_final_stats=1")
            .stdout(told.try_clone()?)
            .stderr(told);
        if let Some(seed) = wanted.seed {
            fuzzer.arg(format!("-seed={seed}"));
        }
        let status = fuzzer.status().context("the target does not start")?;
        let told = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if status.success() && tried(&told) > 0 {
            return Ok(());
        }
        bail!(fault(name, status, &told, &log));
    }
}

/// How many inputs were tried, as a log says.
fn tried(log: &str) -> u64 {
    let count = log
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    count.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
}

/// What to say of a target that failed: why, on which input, and how to see it again.
fn fault(name: &str, status: ExitStatus, log: &str, path: &Path) -> String {
    let why = log
        .lines()
        .skip_while(|line| !line.contains("panicked at ") && !line.contains("ERROR: libFuzzer"))
        .take(2);
    let why: Vec<&str> = why.collect();
    let input = log
        .lines()
        .find_map(|line| line.split_once("Test unit written to "));
    let again = match input {
        Some((_, input)) => {
            format!("input: {input}\n  again: cargo xtask fuzz {name} --input {input}")
        }
        None => "no input was kept".to_owned(),
    };
    let (why, log) = (why.join(" "), path.display());
    format!("target `{name}` ended with {status}: {why}\n  {again}\n  log: {log}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn each_target_is_built_has_seeds_and_a_name_of_its_own() {
        let targets = all(root()).unwrap();
        assert!(targets.len() > 30, "{targets:?}");
        for pair in targets.windows(2) {
            assert_ne!(pair[0].name, pair[1].name);
        }
        for Target { folder, name } in targets {
            let folder = root().join(folder);
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            assert!(
                manifest.contains(&format!("\nname = \"{name}\"\n")),
                "{name}"
            );
            let seeds = fs::read_dir(folder.join("seeds").join(&name));
            assert!(seeds.is_ok_and(|mut all| all.next().is_some()), "{name}");
        }
    }

    /// Why no sanitizer is needed.
    #[test]
    fn what_is_fuzzed_is_safe() {
        let fuzzed = [
            "classifiers",
            "gateway/bundle",
            "gateway/identity",
            "gateway/mediator",
            "gateway/names",
            "gateway/proof",
            "gateway/proxy",
            "gateway/redaction",
            "gateway/stdio",
            "gateway/tiles",
        ];
        let mut found = Vec::new();
        let mut folders: Vec<PathBuf> = fuzzed.map(|it| root().join(it).join("src")).into();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let text = fs::read_to_string(&path).unwrap();
                    let blocks = text.matches(concat!("unsa", "fe {")).count();
                    let name = path.strip_prefix(root()).unwrap().display().to_string();
                    found.extend((blocks > 0).then_some((name, blocks)));
                }
            }
        }
        assert_eq!(found, [("classifiers/src/vector.rs".to_owned(), 4)]);
    }

    #[test]
    fn only_targets_there_are_can_be_chosen() {
        let target = |name: &str| Target {
            folder: FOLDERS[0],
            name: name.to_owned(),
        };
        let there = || vec![target("a"), target("b")];
        assert_eq!(chosen(there(), &[]).unwrap(), there());
        assert_eq!(chosen(there(), &["b".to_owned()]).unwrap(), [target("b")]);
        let unknown = chosen(there(), &["c".to_owned()]).unwrap_err();
        assert_eq!(unknown.to_string(), "no target is called `c`: a, b");
    }

    #[test]
    fn every_target_runs_once_whatever_becomes_of_others() {
        let target = |number: usize| Target {
            folder: FOLDERS[0],
            name: number.to_string(),
        };
        let targets: Vec<Target> = (0..20).map(target).collect();
        let ran = Mutex::new(Vec::new());
        let failed = side_by_side((&targets, 1), |target| {
            ran.lock().unwrap().push(target.name.clone());
            ensure!(!target.name.ends_with('7'), "{}", target.name);
            Ok(())
        });
        let mut failed: Vec<String> = failed.iter().map(ToString::to_string).collect();
        failed.sort();
        assert_eq!(failed, ["17", "7"]);
        let mut ran = ran.into_inner().unwrap();
        ran.sort();
        ran.dedup();
        assert_eq!(ran.len(), targets.len());
    }

    #[test]
    fn a_fault_names_its_input_and_how_to_see_it_again() {
        let log = "#2 INITED\n\nthread 'x' panicked at src/lib.rs:8:5:\nit is odd\n\
            ==7== ERROR: libFuzzer: deadly signal\n\
            artifact_prefix='a/'; Test unit written to a/crash-07\n\
            stat::number_of_executed_units: 316778\n";
        assert_eq!(tried(log), 316_778);
        assert_eq!(tried("killed\n"), 0);
        let told = fault(
            "json",
            ExitStatus::from_raw(77 << 8),
            log,
            Path::new("a/json.log"),
        );
        assert_eq!(
            told,
            "target `json` ended with exit status: 77: \
             thread 'x' panicked at src/lib.rs:8:5: it is odd\n  \
             input: a/crash-07\n  again: cargo xtask fuzz json --input a/crash-07\n  log: a/json.log"
        );
    }
}
