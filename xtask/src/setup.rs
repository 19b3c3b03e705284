//! Installs what is missing on Debian and Ubuntu, after asking, and says why.
//!
//! Everything that is there is found without running much, so that `test` and `demo` can call
//! this every time.

mod install;
mod needs;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Result, bail};

use crate::{
    step::{say, step},
    workspace::{Workspace, in_ci},
};

use needs::Need;

/// What for.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether one more part is wanted"
)]
pub(crate) struct Scope {
    /// Do not ask.
    pub(crate) yes: bool,
    /// With what the bench compares with.
    pub(crate) bench: bool,
    /// With what the classifiers are measured beside.
    pub(crate) peers: bool,
    /// With what makes packages.
    pub(crate) package: bool,
    /// With the tools of the gate.
    pub(crate) ci: bool,
}

/// Sets up as far as possible; what is still missing is named, and the caller goes on without.
pub(crate) fn try_all(workspace: &Workspace, scope: Scope) -> Result<Vec<&'static str>> {
    let missing = missing(workspace, scope);
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    say("this is missing here:");
    for need in &missing {
        say(&format!("  {:<24} {}", need.what, need.why));
    }
    if !consent(scope.yes)? {
        say("nothing installed; what needs it will say so");
        return Ok(missing.iter().map(|need| need.what).collect());
    }
    step("set-up", || {
        install::packages(&missing)?;
        // Looked for anew, one by one: a folder that is made anew takes along what is in it.
        for need in needs::of(scope).filter(|need| !need.is_present(workspace)) {
            if let Err(error) = install::one(workspace, &need.cure) {
                say(&format!("could not install {}: {error:#}", need.what));
            }
        }
        Ok(())
    })?;
    let left: Vec<_> = self::missing(workspace, scope)
        .iter()
        .map(|need| need.what)
        .collect();
    for what in &left {
        say(&format!("still missing: {what}"));
    }
    Ok(left)
}

/// Sets up; what is still missing afterwards is an error.
pub(crate) fn complete(workspace: &Workspace, scope: Scope) -> Result<()> {
    let left = try_all(workspace, scope)?;
    if !left.is_empty() {
        bail!("the set-up is not complete: {}", left.join(", "));
    }
    say("set-up complete");
    Ok(())
}

fn missing(workspace: &Workspace, scope: Scope) -> Vec<&'static Need> {
    needs::of(scope)
        .filter(|need| !need.is_present(workspace))
        .collect()
}

/// Asks, if there is somebody to ask.
fn consent(yes: bool) -> Result<bool> {
    if yes || in_ci() {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        say("nobody is here to be asked: installing it");
        return Ok(true);
    }
    write!(io::stdout(), "xtask: install it now? [y/N] ")?;
    io::stdout().flush()?;
    let mut reply = String::new();
    io::stdin().lock().read_line(&mut reply)?;
    Ok(matches!(reply.trim(), "y" | "Y" | "yes"))
}
