//! Debian's kernels, from the archive that this host installs from, without installing them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::step::{answer, run};

/// Where kernels of these series are: of this release, of the one before, of the next.
const SUITES: [&str; 2] = ["bullseye", "bookworm-backports"];
const SECURITY: [&str; 2] = ["bullseye-security", "bookworm-security"];

/// The newest package of `series`, unpacked, and kept for the next time.
pub(super) fn kernel(folder: &Path, series: &str) -> Result<PathBuf> {
    let unpacked = folder.join(series);
    if vmlinuz(&unpacked).is_ok() {
        return Ok(unpacked);
    }
    let lists = folder.join("lists");
    fs::create_dir_all(lists.join("partial"))?;
    let sources = folder.join("sources.list");
    fs::write(&sources, self::sources()?)?;
    let options = options(&sources, &lists);
    run(apt("apt-get", &options).arg("--quiet=2").arg("update"))?;
    for name in names(&options, series)? {
        // The index may be older than the archive: then the one before.
        let download = apt("apt-get", &options)
            .args(["--quiet=2", "download", &name])
            .current_dir(folder)
            .status()?;
        let package = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
        let package = package
            .filter(|path| path.extension().is_some_and(|end| end == "deb"))
            .find(|path| path.to_string_lossy().contains(&format!("{name}_")));
        if let (true, Some(package)) = (download.success(), package) {
            run(Command::new("dpkg-deb")
                .arg("-x")
                .args([&package, &unpacked]))?;
            fs::remove_file(package)?;
            return Ok(unpacked);
        }
    }
    bail!("the archive has none")
}

/// The kernel in a package.
pub(super) fn vmlinuz(unpacked: &Path) -> Result<PathBuf> {
    let boot = fs::read_dir(unpacked.join("boot"))?.flatten();
    let mut found = boot.filter(|entry| entry.file_name().to_string_lossy().starts_with("vmlinuz"));
    Ok(found.next().context("no kernel in the package")?.path())
}

/// The archives that this host has, for other suites.
fn sources() -> Result<String> {
    let format = ["indextargets", "--format", "$(REPO_URI) $(CODENAME)"];
    let known = answer(Command::new("apt-get").args(format)).unwrap_or_default();
    let of = |codename: &str| {
        let mut lines = known.lines().filter_map(|line| line.split_once(' '));
        lines.find_map(|(uri, name)| (name == codename).then(|| uri.to_owned()))
    };
    let (main, security) = (of("bookworm"), of("bookworm-security"));
    let main = main.context("this host installs from no archive of Debian 12")?;
    let mut text = String::new();
    let mut add = |uri: &str, suite: &str| {
        let line = format!("deb [signed-by={KEYS}] {uri} {suite} main\n");
        text.push_str(&line);
    };
    for suite in SUITES {
        add(&main, suite);
    }
    if let Some(security) = security {
        for suite in SECURITY {
            add(&security, suite);
        }
    }
    Ok(text)
}

const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

fn options(sources: &Path, lists: &Path) -> Vec<String> {
    vec![
        format!("Dir::Etc::sourcelist={}", sources.display()),
        "Dir::Etc::sourceparts=/nonexistent".to_owned(),
        format!("Dir::State::lists={}", lists.display()),
        "APT::Sandbox::User=root".to_owned(),
    ]
}

fn apt(program: &str, options: &[String]) -> Command {
    let mut command = Command::new(program);
    for option in options {
        command.args(["-o", option]);
    }
    command
}

/// Packages of the series, the newest first.
fn names(options: &[String], series: &str) -> Result<Vec<String>> {
    let pattern = format!(
        r"^linux-image-{}[.].*-cloud-amd64$",
        series.replace('.', "[.]")
    );
    let found = answer(apt("apt-cache", options).args(["--names-only", "search", &pattern]));
    let found = found.context("the index cannot be searched")?;
    let mut names: Vec<String> = found
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse(numbers(name)));
    Ok(names)
}

/// The numbers in a name: `6.12.95` is newer than `6.12.9`.
fn numbers(name: &str) -> Vec<u64> {
    let digits = name.split(|letter: char| !letter.is_ascii_digit());
    digits.filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn a_later_release_is_newer() {
        assert!(
            numbers("linux-image-6.12.95+deb12-cloud") > numbers("linux-image-6.12.9+deb12-cloud")
        );
        assert!(numbers("linux-image-5.10.0-46-cloud") > numbers("linux-image-5.10.0-9-cloud"));
    }
}
