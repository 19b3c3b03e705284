//! An agent's process that has called, and waits to be looked at.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use tests::{gateway, peers::vendor::twilio, sdks::Language};

use super::{AGENT, Vendors, Way, search::Search};

/// The deepest folder of an agent that is searched.
const DEPTH_MAX: usize = 32;

/// What an agent's process has: its memory and environment, a disk of its own, and what it told.
pub(super) struct Looked {
    child: Child,
    folder: PathBuf,
    /// What it told of its calls.
    pub(super) line: String,
}

impl Looked {
    /// Starts the agent as `tidegate exec` does, with folders of its own, and waits for what it tells.
    pub(super) fn start(vendors: &Vendors, sdk: &str, language: Language) -> Result<Self> {
        let folder = vendors
            .gateway
            .folder()
            .join(format!("agent-{sdk}-{language:?}"));
        let [work, home, tmp] = ["work", "home", "tmp"].map(|name| folder.join(name));
        for folder in [&work, &home, &tmp] {
            fs::create_dir_all(folder)?;
        }
        let script = language.command("keyless")?;
        let mut exec = Command::new(gateway::binary()?);
        exec.args(["exec", "--pass", "--agent", AGENT, "--socket"])
            .arg(vendors.gateway.folder().join("run/exec.sock"))
            .arg("--")
            .arg(script.get_program())
            .args(script.get_args())
            .arg(sdk);
        for (name, value) in script.get_envs().filter(|(name, _)| *name != "NO_PROXY") {
            exec.env(name, value.unwrap_or_default());
        }
        exec.env_remove("NO_PROXY")
            .env("HOME", &home)
            .env("TMPDIR", &tmp)
            .env("TWILIO_ACCOUNT_SID", twilio::account())
            .current_dir(&work);
        if let Some(address) = vendors.address(sdk)? {
            exec.env("SDK_URL", address);
        }
        if vendors.way == Way::Redirect {
            exec.env("RESOLVED", "1");
        }
        let errors = folder.join("errors");
        let mut child = exec
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors)?)
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
        if line.is_empty() {
            child.kill().ok();
            child.wait()?;
            let errors = fs::read_to_string(errors)?;
            bail!("it told nothing: {errors}\n{}", vendors.gateway.stderr());
        }
        Ok(Self {
            child,
            folder,
            line,
        })
    }

    /// Where it has what is searched for, if it has it.
    pub(super) fn has(&self, search: &Search) -> Result<Option<String>> {
        if search.is_in(self.line.as_bytes()) {
            return Ok(Some("what it told".to_owned()));
        }
        if let Some(place) = search.in_start(self.child.id())? {
            return Ok(Some(place));
        }
        if let Some(place) = search.in_memory(self.child.id())? {
            return Ok(Some(place));
        }
        // Its output that is no answer is in the same folder.
        Ok(in_folder(search, &self.folder, 0)?.map(|path| path.display().to_string()))
    }

    /// What it is known to have is found where it is: in what it told, its environment, its memory and its files.
    pub(super) fn is_searched(&self, own: &Search) -> Result<()> {
        ensure!(
            own.is_in(self.line.as_bytes()),
            "what it told is not searched"
        );
        ensure!(
            own.in_start(self.child.id())?.is_some(),
            "its environment is not searched"
        );
        ensure!(
            own.in_memory(self.child.id())?.is_some(),
            "its memory is not searched"
        );
        let told = self.folder.join("home/told");
        fs::write(&told, &self.line)?;
        ensure!(
            in_folder(own, &self.folder, 0)?.is_some(),
            "its files are not searched"
        );
        fs::remove_file(told).map_err(Into::into)
    }

    /// Lets it end, in good order.
    pub(super) fn end(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        ensure!(self.child.wait()?.success(), "the agent failed");
        Ok(())
    }
}

impl Drop for Looked {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The first file in a folder that has what is searched for.
fn in_folder(search: &Search, folder: &Path, depth: usize) -> Result<Option<PathBuf>> {
    ensure!(depth <= DEPTH_MAX, "too deep: {}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() && !path.is_symlink() {
            in_folder(search, &path, depth + 1)?
        } else if path.is_file() {
            search.is_in(&fs::read(&path)?).then_some(path)
        } else {
            None
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
