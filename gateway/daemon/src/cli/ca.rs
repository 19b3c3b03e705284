//! `tidegate ca`: the root that clients of intercepted services trust.

use std::{path::Path, process::ExitCode};

use authority::{About, Root};
use miette::{IntoDiagnostic as _, Result, miette};
use vault::{KeyringHold, SignerFile};

use super::{Ca, Configured, Format, now, table};
use crate::{
    authority::{BUNDLE, FILE, Kept, ROOT, install},
    config, private_folder,
};

pub(crate) fn ca(command: &Ca) -> Result<ExitCode> {
    match command {
        Ca::Show { data, output } => show(&about(&data.data)?, output.output)?,
        Ca::Install { data, to } => {
            install(&about(&data.data)?, to)?;
            println!("{}", to.join(ROOT).display());
            println!("{}", to.join(BUNDLE).display());
        }
        Ca::Rotate(Configured { config }) => rotate(config)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn about(data: &Path) -> Result<About> {
    let file = SignerFile::<About>::open(&data.join(FILE)).into_diagnostic()?;
    file.map(|file| file.about).ok_or_else(|| {
        miette!(
            help = "a gateway that has a `forward` listener or redirects agents makes one when it starts, \
                    and so does `tidegate ca rotate`",
            "there is no certificate authority in `{}`",
            data.display()
        )
    })
}

fn show(about: &About, format: Format) -> Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string(about).into_diagnostic()?);
        return Ok(());
    }
    let rows = [
        ("hosts", about.names.join(" ")),
        ("not before", about.not_before.to_string()),
        ("not after", about.not_after.to_string()),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    table::print(&["root", ""], rows);
    print!("{}", about.certificate);
    Ok(())
}

fn rotate(path: &Path) -> Result<()> {
    let config = config::load(path)?;
    private_folder(&config.data)?;
    let _hold = KeyringHold::wait(&config.data).into_diagnostic()?;
    let kept = Kept::of(&config.data)?;
    let hosts = config.hosts();
    let next = match kept.read()? {
        Some(root) => root.succeed(&hosts, now()),
        None => Root::generate(&hosts, now()),
    };
    let next = next.into_diagnostic()?;
    kept.write(&next)?;
    println!(
        "a new root vouches for {}; who trusts the one before believes it until {}",
        hosts.join(", "),
        next.about.not_after
    );
    println!("`tidegate ca install` gives it to clients");
    Ok(())
}
