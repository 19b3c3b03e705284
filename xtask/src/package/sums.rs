//! What was made, by its digest, in a list that whoever releases it signs.
//!
//! The list is what `sha256sum --check` reads, the signature one of OpenSSH's (`ssh-keygen -Y sign`): everybody has both.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::step::run as command;

/// The list, beside what it lists.
pub(super) const LIST: &str = "SHA256SUMS";

/// What the signature is for, so that it is good for nothing else.
const NAMESPACE: &str = "tidegate-release";

/// As whom the signer is known to those who verify.
const SIGNER: &str = "release@tidegate";

/// Lists what was made; gives the list.
pub(super) fn list(folder: &Path, made: &[PathBuf]) -> Result<PathBuf> {
    let names = made
        .iter()
        .map(|it| it.file_name().context("it has no name"));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.sort_unstable();
    let told = Command::new("sha256sum")
        .args(names)
        .current_dir(folder)
        .output()?;
    if !told.status.success() {
        bail!("sha256sum: {}", String::from_utf8_lossy(&told.stderr));
    }
    let list = folder.join(LIST);
    fs::write(&list, told.stdout)?;
    // An older one is of another list.
    match fs::remove_file(signature(&list)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(list),
    }
}

/// Signs the list by the key in this file, or by the one of an agent whose public half it is; gives the signature.
pub(super) fn sign(list: &Path, key: &Path) -> Result<PathBuf> {
    let signed = command(
        Command::new("ssh-keygen")
            .args(["-Y", "sign", "-q", "-n", NAMESPACE, "-f"])
            .args([key, list]),
    );
    signed.context("the list is not signed; `--sign` takes a key of OpenSSH's, as `ssh-keygen -t ed25519` makes it")?;
    Ok(signature(list))
}

fn signature(list: &Path) -> PathBuf {
    list.with_extension("sig")
}

/// Verifies as the documentation tells people to: the list by the key that they know, then everything by the list.
fn verified(list: &Path, signers: &Path) -> Result<()> {
    let checked = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-q", "-n", NAMESPACE, "-I", SIGNER, "-f"])
        .arg(signers)
        .arg("-s")
        .arg(signature(list))
        .stdin(fs::File::open(list)?)
        .output()?;
    if !checked.status.success() {
        bail!("the signature is not one of the list by this key");
    }
    let folder = list.parent().context("the list is nowhere")?;
    let checked = Command::new("sha256sum")
        .args(["--check", "--quiet", "--strict", LIST])
        .current_dir(folder)
        .output()?;
    if !checked.status.success() {
        bail!("{}", String::from_utf8_lossy(&checked.stdout));
    }
    Ok(())
}

/// Signs what was made by a key for the occasion, and verifies it; and that of two changes each is found.
pub(super) fn check(folder: &Path, made: &[PathBuf]) -> Result<()> {
    let list = list(folder, made)?;
    let work = folder.join("work/signing");
    fs::create_dir_all(&work)?;
    let key = work.join("key");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", SIGNER, "-f"]);
    command(keygen.arg(&key)).context("openssh-client makes keys")?;
    let public = fs::read_to_string(key.with_extension("pub"))?;
    let signers = work.join("signers");
    fs::write(
        &signers,
        format!("{SIGNER} namespaces=\"{NAMESPACE}\" {public}"),
    )?;
    let signature = sign(&list, &key)?;
    verified(&list, &signers)?;
    let text = fs::read_to_string(&list)?;
    fs::write(&list, text.replacen(['0', '1'], "2", 1))?;
    if verified(&list, &signers).is_ok() {
        bail!("a list that was changed is taken for the one that was signed");
    }
    fs::write(&list, &text)?;
    let one = made.first().context("nothing was made")?;
    let aside = work.join("aside");
    fs::rename(one, &aside)?;
    fs::write(one, "something else")?;
    let taken = verified(&list, &signers).is_ok();
    fs::rename(&aside, one)?;
    if taken {
        bail!("a file that was changed is taken for the one that was listed");
    }
    // It is nobody's release.
    Ok(fs::remove_file(signature)?)
}
