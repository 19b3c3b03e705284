//! `tidegate credentials import`: an environment file, whose variables are sealed once and for all.

use std::{fs, path::Path, process::ExitCode};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use vault::{CREDENTIAL_BYTES_MAX, is_credential, is_credential_name};
use zeroize::Zeroizing;

use super::{change, provider};
use crate::private_folder;

/// The longest file, bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A variable, and what it holds.
type Variable = (String, Zeroizing<String>);

pub(super) fn import(file: &Path, only: &[String], data: &Path) -> Result<ExitCode> {
    let mut variables = read(file)?;
    if let Some(name) = only
        .iter()
        .find(|name| variables.iter().all(|(known, _)| known != *name))
    {
        return Err(miette!("`{}` has no variable `{name}`", file.display()));
    }
    variables.retain(|(name, _)| only.is_empty() || only.contains(name));
    if variables.is_empty() {
        return Err(miette!("`{}` has no variable", file.display()));
    }
    for (name, value) in &variables {
        if !is_credential_name(name) || !is_credential(value.as_bytes()) {
            let help = "name the variables that are credentials, each by `--only NAME`";
            return Err(miette!(
                help = help,
                "`{name}` is no credential: 8 to {CREDENTIAL_BYTES_MAX} bytes of visible ASCII, under a \
                 name of letters, digits, `-`, `_` and `.`; nothing was imported"
            ));
        }
    }
    private_folder(data)?;
    let (_hold, provider) = provider(data)?;
    let versions = change(data, |kept| {
        let sealed = variables.iter().map(|(name, value)| {
            let version = kept.put(name, value.as_bytes(), &provider)?;
            Ok((name.as_str(), version))
        });
        sealed.collect::<std::result::Result<Vec<_>, _>>()
    })?;
    for (name, version) in versions {
        println!("{name}, version {version}");
    }
    eprintln!("`{}` still holds them: delete it", file.display());
    Ok(ExitCode::SUCCESS)
}

/// The variables of a file, the last of each name.
fn read(file: &Path) -> Result<Vec<Variable>> {
    let cannot = || format!("`{}` cannot be read", file.display());
    let length = fs::metadata(file)
        .into_diagnostic()
        .wrap_err_with(cannot)?
        .len();
    if length > FILE_BYTES_MAX {
        return Err(miette!(
            "`{}` is longer than {FILE_BYTES_MAX} bytes",
            file.display()
        ));
    }
    let text = fs::read_to_string(file)
        .into_diagnostic()
        .wrap_err_with(cannot)?;
    let text = Zeroizing::new(text);
    if let Some(line) = text.lines().position(substitutes) {
        return Err(miette!(
            help = "write the value in single quotes",
            "line {} of `{}` has a `$`, which readers of such files understand in different ways",
            line + 1,
            file.display()
        ));
    }
    let mut variables: Vec<Variable> = Vec::new();
    for variable in dotenvy::from_read_iter(text.as_bytes()) {
        // The library's own words repeat the line.
        let (name, value) = variable.map_err(|_| {
            let help = "`NAME=VALUE`, one a line; a value with spaces in quotes";
            let after = variables
                .last()
                .map_or("at its beginning", |(name, _)| name.as_str());
            miette!(
                help = help,
                "`{}` has a line that is no variable, after: {after}",
                file.display()
            )
        })?;
        variables.retain(|(known, _)| *known != name);
        variables.push((name, Zeroizing::new(value)));
    }
    Ok(variables)
}

/// Whether a line has a `$` outside of single quotes. Within double ones a single quote is none.
fn substitutes(line: &str) -> bool {
    let is_comment = line.trim_start().starts_with('#');
    let quoted = !line.contains('"');
    let mut parts = line.split('\'').step_by(if quoted { 2 } else { 1 });
    !is_comment && parts.any(|part| part.contains('$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dollar_stands_for_itself_in_single_quotes_alone() {
        for line in [
            "A=x$B",
            "A=\"x$B\"",
            "A=\"it's$B's-key\"",
            "A='x'$B",
            "A='\"'$B'\"'",
        ] {
            assert!(substitutes(line), "{line}");
        }
        for line in ["A='x$B'", "# $B", "A=x", "A=\"it's\""] {
            assert!(!substitutes(line), "{line}");
        }
    }
}
