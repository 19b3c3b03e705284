//! `cargo xtask package`: what people install, as a package of Debian's, one of RPM's and an archive.
//!
//! All three hold one tree of files; beside them stands what each program is built of. They are built by the distributions' own programs, and the same
//! commit with the same binary gives the same bytes.

mod again;
mod built;
mod installed;
mod sbom;
mod sums;
mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    setup::{self, Scope},
    step::{answer, run as command, say, step},
    workspace::{Workspace, program},
};

/// What the metadata of a package says.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a release is compressed with.
const EFFORT: u8 = 6;

/// Where everything of a package is, under cargo's folder.
struct Packing {
    /// How much effort goes into making packages small, from 0 to 9.
    effort: u8,
    /// What is put together on the way.
    work: PathBuf,
    /// The version that the packages get.
    version: String,
    /// The files as they are installed.
    tree: PathBuf,
    /// What comes out.
    out: PathBuf,
    /// The time that every file gets, seconds since 1970: the commit's.
    epoch: String,
}

/// Builds a release and packs it; the list of what was made is signed by `key`, if there is one.
pub(crate) fn run(workspace: &Workspace, yes: bool, key: Option<&Path>) -> Result<()> {
    let scope = Scope {
        yes,
        package: true,
        ..Scope::default()
    };
    setup::try_all(workspace, scope)?;
    let mut made = pack(workspace, &release(workspace)?, EFFORT)?;
    let list = sums::list(&workspace.target.join("package"), &made)?;
    if let Some(key) = key {
        made.push(step("signature", || sums::sign(&list, key))?);
    }
    made.push(list);
    for made in made {
        say(&format!("made {}", made.display()));
    }
    Ok(())
}

/// Builds and packs a release twice, elsewhere each time: it must be the same.
pub(crate) fn twice(workspace: &Workspace) -> Result<()> {
    let scope = Scope {
        package: true,
        ..Scope::default()
    };
    setup::try_all(workspace, scope)?;
    again::run(workspace)
}

/// The binary as it is released.
fn release(workspace: &Workspace) -> Result<PathBuf> {
    built::release(workspace, &epoch(workspace)?)
}

/// Installs, upgrades and removes the package on a fresh Debian: of a binary, or of a release.
pub(crate) fn long(workspace: &Workspace, binary: Option<&Path>) -> Result<()> {
    let scope = Scope {
        package: true,
        ..Scope::default()
    };
    setup::try_all(workspace, scope)?;
    let binary = match binary {
        Some(binary) => binary.to_owned(),
        None => release(workspace)?,
    };
    let mut packing = Packing::begin(workspace, 1)?;
    tree::put(workspace, &packing, &binary)?;
    let old = packing.deb(workspace)?;
    packing.version.push_str("+next");
    let new = packing.deb(workspace)?;
    let done = installed::run(workspace, &packing, &old, &new);
    // It is nobody's update.
    fs::remove_file(new)?;
    done
}

/// Packs a binary; gives what was made.
fn pack(workspace: &Workspace, binary: &Path, effort: u8) -> Result<Vec<PathBuf>> {
    let packing = Packing::begin(workspace, effort)?;
    let mut made = Vec::new();
    step("tree of files", || tree::put(workspace, &packing, binary))?;
    made.push(step("archive", || packing.archive())?);
    made.extend(step("parts (SBOM)", || sbom::write(workspace, &packing))?);
    match program("dpkg-deb").and(program("dpkg-shlibdeps")) {
        Some(_) => made.push(step("Debian package", || packing.deb(workspace))?),
        None => say("NOT MADE: the package of Debian's, for want of dpkg-dev"),
    }
    match program("rpmbuild") {
        Some(_) => made.push(step("RPM package", || packing.rpm(workspace))?),
        None => say("NOT MADE: the package of RPM's, for want of rpmbuild (apt-get install rpm)"),
    }
    Ok(made)
}

/// The units of systemd.
const UNITS: [&str; 2] = ["tidegate.service", "tidegate-console.service"];

/// What `systemd-analyze security` may say that a unit exposes, from 0 to 10.
const EXPOSURE_MAX: f64 = 2.0;

/// Packs a binary that is built already, and checks what came out.
pub(crate) fn check(workspace: &Workspace, binary: &Path) -> Result<()> {
    let made = pack(workspace, binary, 1)?;
    let out = workspace.target.join("package");
    let digests =
        |made: &[PathBuf]| -> Result<String> { Ok(fs::read_to_string(sums::list(&out, made)?)?) };
    let first = digests(&made)?;
    let again = digests(&pack(workspace, binary, 1)?)?;
    if first != again {
        bail!("the same binary makes other packages each time:\n{first}{again}");
    }
    step("signature", || sums::check(&out, &made))?;
    let deb = made
        .iter()
        .find(|made| made.extension() == Some("deb".as_ref()));
    let deb = deb.context("there is no package of Debian's")?;
    let listed = answer(Command::new("dpkg-deb").arg("--contents").arg(deb));
    let listed = listed.context("dpkg-deb does not read its own package")?;
    for file in [
        "./usr/bin/tidegate",
        "./usr/bin/tidegate-verify",
        "./usr/libexec/tidegate/tidegate-report-pdf",
        "./usr/lib/systemd/system/tidegate-console.service",
        "./usr/share/man/man1/tidegate-run.1.gz",
    ] {
        if !listed.lines().any(|line| line.ends_with(file)) {
            bail!("{} lacks {file}", deb.display());
        }
    }
    UNITS
        .into_iter()
        .try_for_each(|name| step(name, || unit(workspace, name)))
}

/// Verifies a unit as systemd reads it, and what it exposes.
fn unit(workspace: &Workspace, name: &str) -> Result<()> {
    let unit = sources(workspace).join(name);
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&unit)
        .output()?;
    let said = String::from_utf8_lossy(&verified.stderr);
    // Other units of this host are not ours, and the program is not installed where we build.
    let mut faults = said
        .lines()
        .filter(|line| line.contains(name) && !line.contains("not executable"));
    if let Some(fault) = faults.next() {
        bail!("systemd-analyze verify: {fault}");
    }
    let weighed = answer(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .arg(&unit),
    );
    let weighed = weighed.context("systemd-analyze does not weigh the unit")?;
    let (_, exposure) = weighed
        .rsplit_once(&format!("{name}: "))
        .context("systemd-analyze says something else")?;
    let exposure: f64 = exposure.split(' ').next().unwrap_or_default().parse()?;
    if exposure > EXPOSURE_MAX {
        bail!(
            "{name} exposes {exposure}, more than {EXPOSURE_MAX}: `systemd-analyze security --offline=true {}`",
            unit.display()
        );
    }
    Ok(())
}

/// The commit's time; without a repository now, which gives other bytes each time.
fn epoch(workspace: &Workspace) -> Result<String> {
    if let Some(told) = std::env::var_os("SOURCE_DATE_EPOCH") {
        return Ok(told.to_string_lossy().into_owned());
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"])
        .current_dir(&workspace.root);
    answer(&mut git)
        .or_else(|| answer(Command::new("date").arg("+%s")))
        .context("neither git nor date says what time it is")
}

/// The architecture as Debian and RPM call it.
fn architecture() -> Result<(&'static str, &'static str)> {
    Ok(match std::env::consts::ARCH {
        "x86_64" => ("amd64", "x86_64"),
        "aarch64" => ("arm64", "aarch64"),
        other => bail!("nobody has named packages for {other} here: add it to `architecture`"),
    })
}

impl Packing {
    /// Begins with nothing of what was put together before.
    fn begin(workspace: &Workspace, effort: u8) -> Result<Self> {
        let out = workspace.target.join("package");
        let work = out.join("work");
        if work.exists() {
            fs::remove_dir_all(&work)?;
        }
        Ok(Self {
            effort,
            version: VERSION.to_owned(),
            tree: work.join("tree"),
            work,
            out,
            epoch: epoch(workspace)?,
        })
    }

    fn archive(&self) -> Result<PathBuf> {
        let (_, architecture) = architecture()?;
        let archive = format!("tidegate-{}-{architecture}-linux.tar.gz", self.version);
        let archive = self.out.join(archive);
        command(
            Command::new("tar")
                .args(["--create", "--sort=name", "--owner=0", "--group=0"])
                .arg("--numeric-owner")
                .arg(format!(
                    "--use-compress-program=gzip -{}n",
                    self.effort.max(1)
                ))
                .arg(format!("--mtime=@{}", self.epoch))
                .arg("--file")
                .arg(&archive)
                .arg("--directory")
                .arg(&self.tree)
                .arg("."),
        )?;
        Ok(archive)
    }

    fn deb(&self, workspace: &Workspace) -> Result<PathBuf> {
        let (architecture, _) = architecture()?;
        let version = &self.version;
        let tree = self.work.join(format!("deb-{version}"));
        command(
            Command::new("cp")
                .arg("--archive")
                .args([&self.tree, &tree]),
        )?;
        let control = tree.join("DEBIAN");
        fs::create_dir_all(&control)?;
        let size = tree::bytes(&self.tree)?.div_ceil(1024);
        let depends = self.depends()?;
        fs::write(
            control.join("control"),
            format!(
                "Package: tidegate\nVersion: {version}\nArchitecture: {architecture}\n\
                 Maintainer: Tidegate maintainers <maintainers@tidegate.invalid>\nSection: net\nPriority: optional\n\
                 Installed-Size: {size}\nDepends: {depends}, passwd\n\
                 Recommends: ca-certificates, systemd, tzdata\n\
                 Description: data governance gateway for AI agents\n \
                 Sits on the host between agents and the APIs they call: attributes every call\n \
                 to a process, decides it by policy, redacts what leaves, and keeps a record\n \
                 that anybody can verify.\n"
            ),
        )?;
        for script in ["postinst", "prerm", "postrm"] {
            let to = control.join(script);
            fs::copy(sources(workspace).join(script), &to)?;
            tree::mode(&to, 0o755)?;
        }
        let deb = self
            .out
            .join(format!("tidegate_{version}_{architecture}.deb"));
        command(
            Command::new("dpkg-deb")
                .arg(format!("-z{}", self.effort))
                .args(["--root-owner-group", "--build"])
                .args([&tree, &deb])
                .env("SOURCE_DATE_EPOCH", &self.epoch),
        )?;
        Ok(deb)
    }

    /// The libraries that the binary is linked with, as Debian names them.
    fn depends(&self) -> Result<String> {
        let source = self.work.join("shlibdeps");
        fs::create_dir_all(source.join("debian"))?;
        let control = "Source: tidegate\n\nPackage: tidegate\nArchitecture: any\n";
        fs::write(source.join("debian/control"), control)?;
        let mut ask = Command::new("dpkg-shlibdeps");
        ask.arg("-O")
            .arg(self.tree.join("usr/bin/tidegate"))
            .current_dir(&source);
        let told = answer(&mut ask).context("dpkg-shlibdeps does not know the libraries")?;
        let depends = told.strip_prefix("shlibs:Depends=");
        Ok(depends
            .context("dpkg-shlibdeps says something else")?
            .to_owned())
    }

    fn rpm(&self, workspace: &Workspace) -> Result<PathBuf> {
        let (_, architecture) = architecture()?;
        let top = self.work.join("rpm");
        fs::create_dir_all(&top)?;
        // RPM's scripts are told other words than Debian's for the same.
        let post = fs::read_to_string(sources(workspace).join("postinst"))?;
        let preun = fs::read_to_string(sources(workspace).join("prerm"))?;
        fs::write(
            top.join("post"),
            post.replace("[ \"$1\" = configure ]", "true"),
        )?;
        fs::write(
            top.join("preun"),
            preun.replace("[ \"$1\" = remove ]", "[ \"$1\" = 0 ]"),
        )?;
        let spec = fs::read_to_string(sources(workspace).join("tidegate.spec"))?
            .replace("@VERSION@", VERSION)
            .replace("@TREE@", &self.tree.display().to_string())
            .replace("@SCRIPTS@", &top.display().to_string());
        let written = top.join("tidegate.spec");
        fs::write(&written, spec)?;
        command(
            Command::new("rpmbuild")
                .args(["-bb", "--quiet", "--define"])
                .arg(format!("_topdir {}", top.display()))
                .args(["--define", "_build_id_links none", "--define"])
                .arg(format!("_binary_payload w{}.gzdio", self.effort))
                .args(["--define", "clamp_mtime_to_source_date_epoch 1"])
                .args(["--define", "use_source_date_epoch_as_buildtime 1"])
                .args(["--define", "_buildhost localhost"])
                .arg(&written)
                .env("SOURCE_DATE_EPOCH", &self.epoch),
        )?;
        let name = format!("tidegate-{VERSION}-1.{architecture}.rpm");
        let made = top.join("RPMS").join(architecture).join(&name);
        let rpm = self.out.join(name);
        fs::copy(&made, &rpm).with_context(|| format!("rpmbuild made no {}", made.display()))?;
        Ok(rpm)
    }
}

/// Where the parts of packages are that nobody builds.
fn sources(workspace: &Workspace) -> PathBuf {
    workspace.root.join("xtask/package")
}
