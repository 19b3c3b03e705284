//! What the guests boot into: the tests of `ebpf/flows`, what those need, and a script.

use std::{
    fs::{self, File},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    step::{answer, run},
    workspace::Workspace,
};

/// Tests that need nothing but a kernel, and the program that they start.
pub(super) const TESTS: [&str; 7] = [
    "live", "held", "exempt", "sockets", "table", "turns", "inferred",
];
const CALLER: &str = "flows-test-caller";
/// What the tests, and the script, call by name.
const APPLETS: [&str; 21] = [
    "cat",
    "chmod",
    "cp",
    "dmesg",
    "echo",
    "false",
    "id",
    "ifconfig",
    "ip",
    "ln",
    "ls",
    "mkdir",
    "mount",
    "poweroff",
    "printf",
    "rm",
    "sh",
    "sha256sum",
    "sleep",
    "true",
    "uname",
];

/// `test=NAME` on the kernel's command line is one that is run; a line that begins with `GUEST` is
/// for whoever reads the console. One test at a time: two that attach programs for one process would
/// get each other's answers.
const SCRIPT: &str = r#"#!/bin/sh
export PATH=/bin:/usr/bin RUST_BACKTRACE=0
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
ip link set lo up
for module in inet_diag tcp_diag; do
    insmod "/modules/$(uname -r)/$module.ko"
done
echo "GUEST began $(uname -r)"
for name in $(echo "$tests" | sed 's/,/ /g'); do
    "/tests/$name" --test-threads=1 --nocapture 2>&1
    echo "GUEST ended $name $?"
done
dmesg | sed -n 's/.*WARNING: CPU/GUEST warned &/p'
poweroff -f
"#;

/// Puts it together; an archive that a kernel unpacks.
pub(super) fn build(workspace: &Workspace, folder: &Path, packages: &[PathBuf]) -> Result<PathBuf> {
    let root = folder.join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for part in ["bin", "usr/bin", "proc", "sys", "dev", "tmp", "tests"] {
        fs::create_dir_all(root.join(part))?;
    }
    busybox(&root)?;
    let built = executables(workspace)?;
    for name in TESTS {
        let test = place(&root, find(&built, name)?)?;
        symlink(test, root.join("tests").join(name))?;
    }
    // Where the tests were told, when they were built, that it is.
    place(&root, find(&built, CALLER)?)?;
    for package in packages {
        modules(&root, package)?;
    }
    let init = root.join("init");
    fs::write(&init, SCRIPT)?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
    archive(&root, &folder.join("initrd"))
}

fn busybox(root: &Path) -> Result<()> {
    let found = answer(Command::new("sh").args(["-c", "command -v busybox"]));
    let found = found.context("no busybox")?;
    if answer(Command::new("ldd").arg(&found)).is_some() {
        bail!("`{found}` is not static: install busybox-static");
    }
    fs::copy(found, root.join("bin/busybox"))?;
    for applet in APPLETS.iter().chain(&["insmod", "sed"]) {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    Ok(())
}

/// What cargo has built, by the target's name.
fn executables(workspace: &Workspace) -> Result<Vec<(String, PathBuf)>> {
    // Of all packages, always, for their features: see `bench::release_build`.
    let build = ["test", "--no-run", "--message-format=json", "--quiet"];
    let wanted = TESTS.into_iter().flat_map(|name| ["--test", name]);
    let mut build = workspace.cargo(&build);
    let lines = answer(build.args(wanted).stderr(Stdio::inherit()));
    let lines = lines.context("the tests cannot be built")?;
    let all = lines.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let text = |place| message.pointer(place).and_then(serde_json::Value::as_str);
        let ours = text("/package_id")?.contains("ebpf/flows");
        let path = text("/executable").filter(|_| ours)?;
        Some((text("/target/name")?.to_owned(), PathBuf::from(path)))
    });
    Ok(all.collect())
}

/// What a kernel has apart from itself that the tests need: asking for sockets.
fn modules(root: &Path, package: &Path) -> Result<()> {
    let releases = fs::read_dir(package.join("lib/modules"))?.flatten();
    for release in releases {
        let to = root.join("modules").join(release.file_name());
        fs::create_dir_all(&to)?;
        for name in ["inet_diag.ko", "tcp_diag.ko"] {
            let from = release.path().join("kernel/net/ipv4").join(name);
            if from.exists() {
                fs::copy(from, to.join(name))?;
                continue;
            }
            let packed = from.with_extension("ko.xz");
            let unpacked = File::create(to.join(name))?;
            run(Command::new("xz").arg("-dc").arg(packed).stdout(unpacked))?;
        }
    }
    Ok(())
}

fn find<'a>(built: &'a [(String, PathBuf)], name: &str) -> Result<&'a Path> {
    let found = built.iter().find(|(known, _)| known == name);
    let (_, path) = found.with_context(|| format!("cargo has built no `{name}`"))?;
    Ok(path)
}

/// Copies a program to where it is here, without what a debugger needs, and the libraries with it.
fn place(root: &Path, program: &Path) -> Result<PathBuf> {
    let at = inside(root, program)?;
    run(Command::new("strip").arg("-o").args([&at, program]))?;
    let libraries = answer(Command::new("ldd").arg(program)).context("ldd")?;
    for word in libraries
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        let library = Path::new(word);
        fs::copy(library, inside(root, library)?)?;
    }
    Ok(program.to_owned())
}

fn inside(root: &Path, path: &Path) -> Result<PathBuf> {
    let at = root.join(path.strip_prefix("/")?);
    fs::create_dir_all(at.parent().context("no folder")?)?;
    Ok(at)
}

fn archive(root: &Path, to: &Path) -> Result<PathBuf> {
    let mut find = Command::new("find")
        .arg(".")
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()?;
    let names = find.stdout.take().context("no names")?;
    run(Command::new("busybox")
        .args(["cpio", "-o", "-H", "newc"])
        .current_dir(root)
        .stdin(names)
        .stderr(Stdio::null())
        .stdout(File::create(to)?))?;
    find.wait()?;
    Ok(to.to_owned())
}
