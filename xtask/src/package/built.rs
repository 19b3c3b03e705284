//! The programs as they are released: whoever builds the same commit with the same compilers gets the same bytes, wherever
//! that is, whoever they are.
//!
//! Compilers write where they found a file into what they make: for a panic that tells its place, for a debugger. So they are
//! told other names for the folders of this host. That is in their flags, for which cargo builds everything anew: it has a
//! folder of its own here, and leaves what developers build as it is.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    pdf,
    step::{run as command, step},
    workspace::{Workspace, cargo_home},
};

/// Between flags, in `CARGO_ENCODED_RUSTFLAGS`.
const UNIT_SEPARATOR: &str = "\u{1f}";

/// Builds all programs of a release; gives where the first one is, beside which the others are.
pub(super) fn release(workspace: &Workspace, epoch: &str) -> Result<PathBuf> {
    let apart = Workspace {
        root: workspace.root.clone(),
        target: workspace.target.join("released"),
    };
    let names = Names::here(&apart)?;
    step("release build", || {
        let programs = ["build", "--release", "--locked", "--bins"];
        let mut cargo = apart.cargo(&programs);
        cargo
            .args(["--package", "daemon", "--package", "verifier"])
            .env("CARGO_TARGET_DIR", &apart.target);
        command(names.given_to(&mut cargo, epoch))
    })?;
    pdf::build_as(&apart, "release", |cargo| {
        names.given_to(cargo, epoch);
    })?;
    let program = apart.built("release", "tidegate");
    for name in ["tidegate", "tidegate-verify", "tidegate-report-pdf"] {
        names.are_all_in(&program.with_file_name(name))?;
    }
    Ok(program)
}

/// Folders of this host, and what compilers call them.
struct Names(Vec<(String, &'static str)>);

impl Names {
    fn here(workspace: &Workspace) -> Result<Self> {
        let home = cargo_home()?;
        // The last one that fits is taken, and the folder for what is built is in the sources'.
        Self::of(&[
            (&home, "/cargo"),
            (&workspace.root, "/tidegate"),
            (&workspace.target, "/built"),
        ])
    }

    fn of(folders: &[(&Path, &'static str)]) -> Result<Self> {
        let name = |(folder, name): &(&Path, &'static str)| {
            let folder = folder.to_str().filter(|it| !it.contains([' ', '=']));
            let folder = folder.context("a release is built in folders without spaces and `=`")?;
            Ok((folder.to_owned(), *name))
        };
        Ok(Self(folders.iter().map(name).collect::<Result<_>>()?))
    }

    /// For Rust.
    fn rust(&self) -> String {
        let flags = self.0.iter();
        let flags = flags.map(|(folder, name)| format!("--remap-path-prefix={folder}={name}"));
        flags.collect::<Vec<_>>().join(UNIT_SEPARATOR)
    }

    /// For C, whose words are parted by spaces.
    fn c(&self) -> String {
        let flags = self.0.iter();
        let flags = flags.map(|(folder, name)| format!("-ffile-prefix-map={folder}={name}"));
        flags.collect::<Vec<_>>().join(" ")
    }

    /// Fails if a program has a folder of this host in it.
    fn are_all_in(&self, program: &Path) -> Result<()> {
        for (folder, _) in &self.0 {
            let mut search = Command::new("grep");
            search.args(["--quiet", "--fixed-strings", "--binary-files=text"]);
            let found = search.args(["--regexp", folder]).arg(program).status()?;
            if found.success() {
                bail!("{} tells of this host: `{folder}`", program.display());
            }
        }
        Ok(())
    }

    fn given_to<'c>(&self, cargo: &'c mut Command, epoch: &str) -> &'c mut Command {
        for variable in ["CFLAGS", "CXXFLAGS"] {
            let mut flags = env::var_os(variable).unwrap_or_else(OsString::new);
            flags.push(" ");
            flags.push(self.c());
            cargo.env(variable, flags);
        }
        cargo
            .env("CARGO_ENCODED_RUSTFLAGS", self.rust())
            .env("CARGO_INCREMENTAL", "0")
            .env("SOURCE_DATE_EPOCH", epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_host_have_other_names_in_what_is_built() {
        let folders = [
            (Path::new("/u/me/.cargo"), "/cargo"),
            (Path::new("/src/it"), "/tidegate"),
            (Path::new("/src/it/target/released"), "/built"),
        ];
        let names = Names::of(&folders).unwrap();
        assert_eq!(
            names.rust().split(UNIT_SEPARATOR).collect::<Vec<_>>(),
            [
                "--remap-path-prefix=/u/me/.cargo=/cargo",
                "--remap-path-prefix=/src/it=/tidegate",
                "--remap-path-prefix=/src/it/target/released=/built",
            ]
        );
        assert!(
            names
                .c()
                .ends_with(" -ffile-prefix-map=/src/it/target/released=/built")
        );
        let spaced = [(Path::new("/my src"), "/tidegate")];
        assert!(Names::of(&spaced).is_err());
    }
}
