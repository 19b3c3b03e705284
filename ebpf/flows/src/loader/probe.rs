//! The probe that tells of changes of credentials as they happen, where the kernel has probes.

use std::path::Path;

use aya::{
    Ebpf,
    programs::{KProbe, ProgramError, links::FdLink},
};

use crate::{open::causes, pins::Pins};

const NAME: &str = "creds_changed";
const FUNCTION: &str = "commit_creds";

/// Whether this kernel has probes (`CONFIG_KPROBES`).
pub(crate) fn are_had() -> bool {
    Path::new("/sys/bus/event_source/devices/kprobe").exists()
}

/// Attaches the probe. Without it changes are found when the process next forks or calls somebody, so a failure is
/// said and no more.
pub(super) fn start(programs: &mut Ebpf, pins: Option<&Pins>) {
    if !are_had() {
        return;
    }
    if let Err(error) = attach(programs, pins) {
        tracing::warn!(
            reason = causes(error.as_ref()),
            "changes of users and capabilities are told late"
        );
    }
}

fn attach(programs: &mut Ebpf, pins: Option<&Pins>) -> Result<(), Box<dyn std::error::Error>> {
    let program = programs.program_mut(NAME).ok_or("the object lacks it")?;
    let program: &mut KProbe = program.try_into()?;
    program.load()?;
    let link = program.attach(FUNCTION, 0)?;
    let Some(pins) = pins else { return Ok(()) };
    // Before 5.15 such a link is none that could be pinned: it ends with this process.
    if is_pinned_where(program, link, pins)? {
        return Ok(());
    }
    program.attach(FUNCTION, 0)?;
    Ok(())
}

/// Pins the link; whether that can be.
fn is_pinned_where(
    program: &mut KProbe,
    link: aya::programs::kprobe::KProbeLinkId,
    pins: &Pins,
) -> Result<bool, Box<dyn std::error::Error>> {
    let link = program.take_link(link)?;
    let link: Result<FdLink, ProgramError> = link
        .try_into()
        .map_err(|_| ProgramError::UnexpectedProgramType);
    let Ok(link) = link else { return Ok(false) };
    pins.keep(NAME, link)?;
    Ok(true)
}
