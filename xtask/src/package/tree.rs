//! The files as they are installed.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{Packing, UNITS, sources};
use crate::{
    step::{answer, run as command},
    workspace::Workspace,
};

/// What each shell completes by, and where it looks for it.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/tidegate"),
    ("zsh", "usr/share/zsh/vendor-completions/_tidegate"),
    ("fish", "usr/share/fish/vendor_completions.d/tidegate.fish"),
];

/// Puts everything where it is installed.
pub(super) fn put(workspace: &Workspace, packing: &Packing, binary: &Path) -> Result<()> {
    let tree = &packing.tree;
    let program = tree.join("usr/bin/tidegate");
    stripped(binary, &program)?;
    // The auditors' program is built with it.
    let verifier = binary.with_file_name("tidegate-verify");
    stripped(&verifier, &tree.join("usr/bin/tidegate-verify"))?;
    let pdf = binary.with_file_name("tidegate-report-pdf");
    let beside = tree.join("usr/libexec/tidegate/tidegate-report-pdf");
    stripped(&pdf, &beside).context("`cargo xtask pdf` builds it")?;
    let own = sources(workspace);
    for unit in UNITS {
        copy(
            &own.join(unit),
            &tree.join("usr/lib/systemd/system").join(unit),
        )?;
    }
    let users = tree.join("usr/lib/sysusers.d/tidegate.conf");
    copy(&own.join("tidegate.sysusers"), &users)?;
    let manual = tree.join("usr/share/man/man1");
    fs::create_dir_all(&manual)?;
    command(Command::new(&program).arg("manual").arg(&manual))?;
    for page in fs::read_dir(&manual)? {
        zip(&page?.path())?;
    }
    for (shell, place) in COMPLETIONS {
        let said = answer(Command::new(&program).args(["completions", shell]));
        let said = said.with_context(|| format!("the binary has no completions for {shell}"))?;
        let to = tree.join(place);
        into(&to)?;
        fs::write(to, said + "\n")?;
    }
    let documents = tree.join("usr/share/doc/tidegate");
    for (from, name) in [
        ("README.md", "README.md"),
        ("SECURITY.md", "SECURITY.md"),
        ("docs/quickstart.md", "quickstart.md"),
        ("docs/concepts.md", "concepts.md"),
        ("docs/operations.md", "operations.md"),
        ("docs/configuration.md", "configuration.md"),
        ("docs/policies.md", "policies.md"),
        ("docs/cookbook.md", "cookbook.md"),
        ("docs/compliance.md", "compliance.md"),
        ("docs/evidence.md", "evidence.md"),
        ("docs/console.md", "console.md"),
        ("docs/backup.md", "backup.md"),
        ("docs/upgrade.md", "upgrade.md"),
        ("docs/fleet.md", "fleet.md"),
        ("docs/bundles.md", "bundles.md"),
        ("LICENSE", "copyright"),
        ("CHANGELOG.md", "changelog"),
    ] {
        copy(&workspace.root.join(from), &documents.join(name))?;
    }
    zip(&documents.join("changelog"))?;
    let monitoring = tree.join("usr/share/tidegate/monitoring");
    for name in ["rules.yaml", "grafana.json"] {
        copy(&own.join("monitoring").join(name), &monitoring.join(name))?;
    }
    normalise(tree)
}

/// Installs a program without what only debuggers want.
fn stripped(binary: &Path, program: &Path) -> Result<()> {
    into(program)?;
    command(
        Command::new("strip")
            .arg("--strip-debug")
            .arg("-o")
            .args([program, binary]),
    )
    .context("`strip` comes with binutils")?;
    mode(program, 0o755)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    into(to)?;
    fs::copy(from, to).with_context(|| format!("there is no {}", from.display()))?;
    Ok(())
}

/// Makes the folder of a file.
fn into(file: &Path) -> Result<()> {
    let folder = file.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).map_err(Into::into)
}

fn zip(file: &Path) -> Result<()> {
    command(Command::new("gzip").args(["--best", "--no-name"]).arg(file))
}

/// Sets what may be done with a file.
pub(super) fn mode(file: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).map_err(Into::into)
}

/// Gives folders and files the modes that they have wherever they are built.
fn normalise(tree: &Path) -> Result<()> {
    for entry in walk(tree)? {
        let programs = ["usr/bin", "usr/libexec"].map(|folder| tree.join(folder));
        let runs = entry.is_file() && programs.iter().any(|it| entry.starts_with(it));
        mode(&entry, if entry.is_dir() || runs { 0o755 } else { 0o644 })?;
    }
    Ok(())
}

/// How much all files hold.
pub(super) fn bytes(tree: &Path) -> Result<u64> {
    let files = walk(tree)?.into_iter().filter(|entry| entry.is_file());
    files
        .map(|file| Ok(fs::metadata(file)?.len()))
        .sum::<Result<u64>>()
}

/// Everything in a folder, itself included.
fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(folder) = all.get(at).cloned() {
        if folder.is_dir() {
            for entry in fs::read_dir(folder)? {
                all.push(entry?.path());
            }
        }
        at += 1;
    }
    Ok(all)
}
