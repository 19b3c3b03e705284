//! Probes on functions of the kernel, where it has such: changes of credentials as they happen, packet sockets.

use std::path::Path;

use aya::{
    Ebpf,
    programs::{KProbe, ProgramError, links::FdLink},
};

use crate::{open::causes, pins::Pins};

/// A program, where it is attached, and what its lack means.
const PROBES: [(&str, &str, &str); 2] = [
    (
        "creds_changed",
        "commit_creds",
        "changes of users and capabilities are told late",
    ),
    (
        "packet_socket",
        "packet_create",
        "packet sockets of agents are not found",
    ),
];

/// Whether this kernel has probes (`CONFIG_KPROBES`).
pub(crate) fn are_had() -> bool {
    Path::new("/sys/bus/event_source/devices/kprobe").exists()
}

/// Attaches the probes. Nothing rests on them, so a failure is said and no more.
pub(super) fn start(programs: &mut Ebpf, pins: Option<&Pins>) {
    if !are_had() {
        return;
    }
    for (name, function, lack) in PROBES {
        if let Err(error) = attach(programs, name, function, pins) {
            tracing::warn!(reason = causes(error.as_ref()), "{lack}");
        }
    }
}

fn attach(
    programs: &mut Ebpf,
    name: &str,
    function: &str,
    pins: Option<&Pins>,
) -> Result<(), Box<dyn std::error::Error>> {
    let program = programs.program_mut(name).ok_or("the object lacks it")?;
    let program: &mut KProbe = program.try_into()?;
    program.load()?;
    let link = program.attach(function, 0)?;
    let Some(pins) = pins else { return Ok(()) };
    // Before 5.15 such a link is none that could be pinned: it ends with this process.
    if is_pinned(program, link, name, pins)? {
        return Ok(());
    }
    program.attach(function, 0)?;
    Ok(())
}

/// Pins the link; whether that can be.
fn is_pinned(
    program: &mut KProbe,
    link: aya::programs::kprobe::KProbeLinkId,
    name: &str,
    pins: &Pins,
) -> Result<bool, Box<dyn std::error::Error>> {
    let link = program.take_link(link)?;
    let link: Result<FdLink, ProgramError> = link
        .try_into()
        .map_err(|_| ProgramError::UnexpectedProgramType);
    let Ok(link) = link else { return Ok(false) };
    pins.keep(name, link)?;
    Ok(true)
}
