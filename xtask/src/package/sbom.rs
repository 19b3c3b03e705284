//! What each program is built of, as `CycloneDX` 1.5 tells it: beside the packages, for whoever looks for what is known of its
//! parts.
//!
//! Cargo says what is linked for this target, kernel programs and the libraries that crates carry in C among it; what only
//! builds or tests is not in it. The same commit gives the same bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Packing;
use crate::{step::answer, workspace::Workspace};

/// The version of `CycloneDX`.
const SPECIFICATION: &str = "1.5";

/// What is told of: the name of the file, where its workspace is, and the packages that it begins with.
const PROGRAMS: [(&str, &str, &[&str]); 2] = [
    (
        "tidegate",
        "Cargo.toml",
        &["daemon", "verifier", "programs"],
    ),
    ("tidegate-report-pdf", "gateway/pdf/Cargo.toml", &["pdf"]),
];

/// Writes them; gives where.
pub(super) fn write(workspace: &Workspace, packing: &Packing) -> Result<Vec<PathBuf>> {
    let (_, architecture) = super::architecture()?;
    let mut date = Command::new("date");
    date.args(["--utc", "+%FT%TZ", "--date"])
        .arg(format!("@{}", packing.epoch));
    let time = answer(&mut date).context("`date` does not say what time a commit is of")?;
    fs::create_dir_all(&packing.out)?;
    let mut made = Vec::new();
    for (name, manifest, roots) in PROGRAMS {
        let graph = Graph::of(workspace, manifest, roots)?;
        let document = graph.document(name, &packing.version, &time);
        let file = format!("{name}-{}-{architecture}.cdx.json", packing.version);
        let path = packing.out.join(file);
        fs::write(&path, serde_json::to_string_pretty(&document)? + "\n")?;
        made.push(path);
    }
    Ok(made)
}

/// What some packages are built of.
struct Graph {
    /// Cargo's words on each, by its id.
    packages: BTreeMap<String, Value>,
    /// What each is linked with.
    uses: BTreeMap<String, BTreeSet<String>>,
    roots: Vec<String>,
}

impl Graph {
    fn of(workspace: &Workspace, manifest: &str, roots: &[&str]) -> Result<Self> {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut ask = workspace.cargo(&["metadata", "--format-version", "1", "--locked"]);
        ask.args(["--filter-platform", &target, "--manifest-path"])
            .arg(workspace.root.join(manifest));
        let told = answer(&mut ask).context("cargo does not tell what there is")?;
        let listed = listed(workspace, manifest, roots)?;
        Self::read(&serde_json::from_str(&told)?, roots, &listed)
    }

    /// From what `cargo metadata` says, as far as it is `listed`: it counts features that only tests ask for.
    fn read(metadata: &Value, roots: &[&str], listed: &Listed) -> Result<Self> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let all: BTreeMap<String, Value> = list(at(metadata, "packages"))
            .into_iter()
            .map(|package| (text(at(&package, "id")), package))
            .collect();
        let mut linked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in list(at(at(metadata, "resolve"), "nodes")) {
            // No kind: it is neither for a build nor for a test.
            let is_linked = |used: &Value| {
                list(at(used, "dep_kinds"))
                    .iter()
                    .any(|it| at(it, "kind").is_null())
            };
            let used = list(at(&node, "deps")).into_iter().filter(is_linked);
            let used = used.map(|used| text(at(&used, "pkg")));
            let is_listed = |id: &String| all.get(id).is_some_and(|it| listed.contains(&named(it)));
            linked.insert(text(at(&node, "id")), used.filter(is_listed).collect());
        }
        let root = |name: &&str| {
            let mut own = all.iter().filter(|(_, package)| is_own(package));
            let found = own.find(|(_, package)| at(package, "name").as_str() == Some(*name));
            let found = found.map(|(id, _)| id.clone());
            found.with_context(|| format!("there is no package `{name}`"))
        };
        let roots = roots.iter().map(root).collect::<Result<Vec<_>>>()?;
        let (mut packages, mut uses) = (BTreeMap::new(), BTreeMap::new());
        let mut next = roots.clone();
        while let Some(id) = next.pop() {
            let package = all
                .get(&id)
                .context("cargo names a package that is not there")?;
            if packages.insert(id.clone(), package.clone()).is_none() {
                let direct = linked.remove(&id).unwrap_or_default();
                next.extend(direct.iter().cloned());
                uses.insert(id, direct);
            }
        }
        Ok(Self {
            packages,
            uses,
            roots,
        })
    }

    fn document(&self, name: &str, version: &str, time: &str) -> Value {
        let place = |id: &String| self.packages.get(id).map(purl).unwrap_or_default();
        let components: Vec<Value> = self.packages.values().map(component).collect();
        let mut dependencies: Vec<Value> = vec![json!({
            "ref": name, "dependsOn": self.roots.iter().map(place).collect::<Vec<_>>(),
        })];
        for (id, used) in &self.uses {
            let used: Vec<String> = used.iter().map(place).collect();
            dependencies.push(json!({ "ref": place(id), "dependsOn": used }));
        }
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": SPECIFICATION,
            "version": 1,
            "metadata": {
                "timestamp": time,
                "tools": [{ "vendor": "Tidegate", "name": "cargo xtask package", "version": super::VERSION }],
                "component": {
                    "type": "application", "bom-ref": name, "name": name, "version": version,
                    "licenses": [{ "expression": "Apache-2.0" }],
                },
            },
            "components": components,
            "dependencies": dependencies,
        })
    }
}

/// Names and versions.
type Listed = BTreeSet<(String, String)>;

/// What cargo lists these packages to be linked with.
fn listed(workspace: &Workspace, manifest: &str, packages: &[&str]) -> Result<Listed> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut tree = workspace.cargo(&["tree", "--locked", "--edges", "normal,no-proc-macro"]);
    tree.args(["--prefix", "none", "--format", "{p}", "--target", &target])
        .arg("--manifest-path")
        .arg(workspace.root.join(manifest));
    for package in packages {
        tree.args(["--package", package]);
    }
    let told = answer(&mut tree).context("cargo does not list what is linked")?;
    let words = told.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some((name.to_owned(), version.to_owned()))
    });
    Ok(words.collect())
}

fn named(package: &Value) -> (String, String) {
    (text(at(package, "name")), text(at(package, "version")))
}

fn component(package: &Value) -> Value {
    let told = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": at(package, "name"),
        "version": at(package, "version"),
        "purl": purl(package),
    });
    let mut told = told.as_object().cloned().unwrap_or_default();
    // As crates wrote it before there were expressions.
    let license = at(package, "license")
        .as_str()
        .map(|it| it.replace('/', " OR "));
    if let Some(license) = license {
        told.insert("licenses".to_owned(), json!([{ "expression": license }]));
    }
    if let Some(about) = at(package, "description").as_str() {
        told.insert("description".to_owned(), about.trim().into());
    }
    if let Some(repository) = at(package, "repository").as_str() {
        told.insert(
            "externalReferences".to_owned(),
            json!([{ "type": "vcs", "url": repository }]),
        );
    }
    told.into()
}

/// Whether it is of this repository, and of no registry.
fn is_own(package: &Value) -> bool {
    at(package, "source").is_null()
}

/// A package as others name it (package URL). Ours must not be taken for what a registry has under its name.
fn purl(package: &Value) -> String {
    // What may stand in a version and not in a URL.
    let version = text(at(package, "version")).replace('+', "%2B");
    let place = if is_own(package) {
        "generic/tidegate"
    } else {
        "cargo"
    };
    format!("pkg:{place}/{}@{version}", text(at(package, "name")))
}

/// The member of that name; null if there is none.
fn at<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `CycloneDX` publishes (Apache-2.0), without what it takes from elsewhere and no document of ours has: ids of
    /// licences and signatures.
    fn schema() -> Value {
        let text = include_str!("../../package/cyclonedx-1.5.schema.json");
        let mut schema: Value = serde_json::from_str(text).unwrap();
        schema["definitions"]["license"]["properties"]["id"] = json!(false);
        schema["definitions"]["signature"] = json!(false);
        assert!(!schema.to_string().contains("spdx.schema.json"));
        schema
    }

    #[test]
    fn everything_a_program_is_linked_with_is_told_with_its_licence() {
        let workspace = Workspace::find().unwrap();
        let (name, manifest, roots) = PROGRAMS[0];
        let graph = Graph::of(&workspace, manifest, roots).unwrap();
        let document = graph.document(name, "0.1.0", "2026-11-27T00:00:00Z");
        let validator = jsonschema::draft7::new(&schema()).unwrap();
        let faults: Vec<String> = validator
            .iter_errors(&document)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{faults:?}");
        let components = document["components"].as_array().unwrap();
        let told: Listed = components
            .iter()
            .map(|it| {
                assert!(it["licenses"].is_array(), "{it} has no licence");
                named(it)
            })
            .collect();
        assert_eq!(told.len(), components.len(), "a package is there twice");
        let listed = listed(&workspace, manifest, roots).unwrap();
        assert!(listed.len() > 300, "{}", listed.len());
        assert_eq!(listed, told);
    }

    #[test]
    fn what_only_builds_or_tests_is_not_told() {
        let package = |name: &str| {
            let source = (name != "a").then_some("registry");
            json!({ "id": name, "name": name, "version": "1.0.0+a", "license": "MIT/Apache-2.0", "source": source })
        };
        let used =
            |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let packages = ["a", "b", "c", "d", "e"].map(package);
        let metadata = json!({
            "packages": packages,
            "resolve": { "nodes": [
                { "id": "a", "deps": [used("b", Value::Null), used("c", Value::Null), used("d", json!("dev"))] },
                { "id": "b", "deps": [used("e", json!("build"))] },
            ] },
        });
        // The third one is asked for by a test's feature, say, or run by the compiler.
        let listed = ["a", "b", "d", "e"].map(|it| (it.to_owned(), "1.0.0+a".to_owned()));
        let listed = Listed::from(listed);
        let graph = Graph::read(&metadata, &["a"], &listed).unwrap();
        let document = graph.document("program", "1", "2026-11-27T00:00:00Z");
        let names: Vec<&Value> = document["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| &it["name"])
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(document["components"][1]["purl"], "pkg:cargo/b@1.0.0%2Ba");
        let license = &document["components"][1]["licenses"][0]["expression"];
        assert_eq!(license, "MIT OR Apache-2.0");
        let edges = json!([
            { "ref": "program", "dependsOn": ["pkg:generic/tidegate/a@1.0.0%2Ba"] },
            { "ref": "pkg:generic/tidegate/a@1.0.0%2Ba", "dependsOn": ["pkg:cargo/b@1.0.0%2Ba"] },
            { "ref": "pkg:cargo/b@1.0.0%2Ba", "dependsOn": [] },
        ]);
        assert_eq!(document["dependencies"], edges);
        assert!(Graph::read(&metadata, &["z"], &listed).is_err());
    }
}
