//! Those who trust nobody: `tidegate-verify`, and Go's own transparency log.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::env;

/// Where Debian puts Go's packages.
const GO_PATH: &str = "/usr/share/gocode";

/// What a verifier said.
#[derive(Debug)]
pub struct Judgement {
    /// Its exit code.
    pub code: Option<i32>,
    /// In one word; none where it judged nothing.
    pub verdict: String,
    /// All of it.
    pub said: Value,
    /// What it complained of.
    pub complaint: String,
}

impl Judgement {
    /// Of what a verifier with `-o json` printed.
    pub fn of(output: &Output) -> Self {
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Self {
            code: output.status.code(),
            verdict: said
                .get("verdict")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
            said,
        }
    }
}

/// Runs `tidegate-verify` in an empty folder.
pub fn verify(arguments: &[&OsStr]) -> Result<Judgement> {
    let elsewhere = tempfile::tempdir()?;
    let program = env::sibling("tidegate-verify");
    let output = Command::new(program.context("there is no `tidegate-verify`: build all first")?)
        .args(["-o", "json"])
        .args(arguments)
        .current_dir(elsewhere.path())
        .output()?;
    Ok(Judgement::of(&output))
}

/// Go's transparency log, built.
pub struct Go {
    folder: TempDir,
}

impl Go {
    /// Builds it.
    pub fn build() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go/tlog.go");
        let built = Command::new("go")
            .arg("build")
            .arg("-o")
            .arg(folder.path().join("tlog"))
            .arg(source)
            .env("GO111MODULE", "off")
            .env("GOPATH", GO_PATH)
            .env("GOFLAGS", "")
            .env("GOCACHE", folder.path().join("cache"))
            .output()
            .context("no `go`: run `cargo xtask setup`")?;
        let said = String::from_utf8_lossy(&built.stderr);
        ensure!(built.status.success(), "go build: {said}");
        Ok(Self { folder })
    }

    /// Judges a signed note, which must be signed by all of these keys; what it said, or why not.
    pub fn note(&self, file: &Path, keys: &[&str]) -> Result<Result<Value, String>> {
        let mut command = Command::new(self.folder.path().join("tlog"));
        said(command.arg("note").arg(file).args(keys))
    }

    /// Judges a folder of tiles by the log's first key, and by a witness's; what it said, or why not.
    pub fn judge(&self, tiles: &Path, keys: &[&str]) -> Result<Result<Value, String>> {
        let mut command = Command::new(self.folder.path().join("tlog"));
        said(command.arg(tiles).args(keys))
    }
}

fn said(command: &mut Command) -> Result<Result<Value, String>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(Ok(serde_json::from_slice(&output.stdout)?));
    }
    Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Every file below `folder`, by its name there; hidden ones are left out.
pub fn files(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner)? {
            let path = entry?.path();
            let hidden = path
                .file_name()
                .is_some_and(|it| it.as_encoded_bytes().starts_with(b"."));
            if path.is_dir() {
                folders.push(path);
            } else if !hidden {
                found.push((path.strip_prefix(folder)?.to_owned(), fs::read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies all files of a folder, without folders in it, over what is there.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
