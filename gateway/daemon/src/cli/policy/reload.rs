//! `policy reload`: the gateway that runs decides by the policies as the files are now.

use std::process::ExitCode;

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};

use super::{Asked, told};
use crate::{
    desk,
    inquiries::nobody,
    policies::{File, InForce, Reply, Request, SOCKET},
};

/// Hands the policies over, and tells what came of it.
pub(super) fn reload(asked: Asked, reason: Option<String>) -> Result<ExitCode> {
    let Asked { config, .. } = asked;
    let files = config.policies.into_iter().map(|file| File {
        name: file.name,
        text: file.text,
    });
    let request = Request {
        files: files.collect(),
        reason,
    };
    let socket = config.data.join(SOCKET);
    match desk::ask(&socket, &request) {
        Ok(Reply::InForce(in_force)) => {
            tell(&in_force, &config.digest);
            Ok(told(true))
        }
        Ok(Reply::Refused(why)) => {
            eprintln!("refused, and nothing changed: {why}");
            Ok(told(false))
        }
        Err(error) if nobody(&error) => Err(miette!(
            help = "`tidegate run` reads them when it starts",
            "no gateway runs on `{}`",
            config.data.display()
        )),
        Err(error) => Err(error)
            .into_diagnostic()
            .wrap_err_with(|| format!("the gateway was asked at `{}`", socket.display())),
    }
}

fn tell(in_force: &InForce, config: &str) {
    let digest = in_force.digest.get(..12).unwrap_or_default();
    match in_force.record {
        Some(record) => println!("in force (digest {digest}), as record {record} says"),
        None => println!("these were in force already (digest {digest})"),
    }
    if in_force.config != config {
        println!(
            "the configuration is not the one that the gateway began with: what else changed there takes a restart"
        );
    }
}
