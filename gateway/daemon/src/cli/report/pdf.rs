//! PDF, by a program of its own: what sets type reads fonts and foreign names, and never runs in this one.

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};

/// The program, beside this one or where packages put it.
const PROGRAM: &str = "tidegate-report-pdf";
const FOLDER: &str = "/usr/libexec/tidegate";

/// The report that this JSON is, as PDF.
pub(super) fn set(json: Vec<u8>) -> Result<Vec<u8>> {
    let program = program()?;
    let unusable = || format!("`{}` cannot be run", program.display());
    let started = Command::new(&program)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut running = started.into_diagnostic().wrap_err_with(unusable)?;
    let mut to = running.stdin.take().ok_or_else(|| miette!("no way in"))?;
    let giving = thread::spawn(move || to.write_all(&json));
    let ended = running.wait_with_output().into_diagnostic();
    let ended = ended.wrap_err_with(unusable)?;
    let given = giving.join().map_err(|_| miette!("giving it panicked"))?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        return Err(miette!("{}", said.trim())).wrap_err("the report cannot be set as PDF");
    }
    given.into_diagnostic().wrap_err_with(unusable)?;
    Ok(ended.stdout)
}

fn program() -> Result<PathBuf> {
    let own = env::current_exe().and_then(|own| own.canonicalize());
    let beside = own.into_diagnostic()?;
    let beside = beside.parent().unwrap_or(Path::new(FOLDER));
    let mut places = [beside, Path::new(FOLDER)]
        .into_iter()
        .map(|folder| folder.join(PROGRAM));
    places.find(|place| place.is_file()).ok_or_else(|| {
        miette!(
            help = "packages bring it, `cargo xtask pdf` builds it; `--output html` is one page that browsers print",
            "there is no `{PROGRAM}` in `{}` or `{FOLDER}`",
            beside.display()
        )
    })
}
