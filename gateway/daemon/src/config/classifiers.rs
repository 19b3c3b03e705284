//! An operator's own classifiers: their files, read and compiled.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use classifiers::operator::{self, Fault, File, Operator, Rule};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_saphyr::Spanned;

/// The longest file of classifiers, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Classifiers as they are typed, and where each begins.
#[derive(Default)]
pub(crate) struct Typed {
    pub(crate) rules: Vec<Rule>,
    places: Vec<(String, u64)>,
}

impl Typed {
    /// Reads the files at `paths`, one after the other.
    pub(crate) fn read<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Self> {
        let mut typed = Self::default();
        for path in paths {
            typed.add(path)?;
        }
        Ok(typed)
    }

    /// The file and line where a rule begins.
    pub(crate) fn place(&self, rule: usize) -> String {
        let place = self.places.get(rule);
        place.map_or_else(String::new, |(name, line)| format!("{name}:{line}"))
    }

    /// A fault with its place and its mend.
    pub(crate) fn told(&self, fault: &Fault) -> String {
        format!(
            "{}: {fault}\n  help: {}",
            self.place(fault.rule),
            fault.mend
        )
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        let name = path.display().to_string();
        let unreadable = || format!("`{name}` cannot be read");
        let size = std::fs::metadata(path)
            .into_diagnostic()
            .wrap_err_with(unreadable)?
            .len();
        if size > FILE_BYTES_MAX {
            return Err(miette!("`{name}` is longer than {FILE_BYTES_MAX} bytes"));
        }
        let text = std::fs::read_to_string(path)
            .into_diagnostic()
            .wrap_err_with(unreadable)?;
        self.add_text(name, &text)
    }

    fn add_text(&mut self, name: String, text: &str) -> Result<()> {
        let options = serde_saphyr::options! { with_snippet: false };
        let file: File<Spanned<Rule>> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| serde_saphyr::miette::to_miette_report(&error, text, &name))?;
        for rule in file.classifiers {
            self.places.push((name.clone(), rule.referenced.line()));
            self.rules.push(rule.value);
        }
        Ok(())
    }
}

/// The detectors in the files at `paths`; none without files.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Option<Arc<Operator>>> {
    if paths.is_empty() {
        return Ok(None);
    }
    compiled(&Typed::read(paths.iter().map(PathBuf::as_path))?)
}

/// The detectors in these texts, each with its name; none without.
pub(crate) fn load_texts<'a>(
    texts: impl IntoIterator<Item = (String, &'a str)>,
) -> Result<Option<Arc<Operator>>> {
    let mut typed = Typed::default();
    for (name, text) in texts {
        typed.add_text(name, text)?;
    }
    if typed.rules.is_empty() {
        return Ok(None);
    }
    compiled(&typed)
}

fn compiled(typed: &Typed) -> Result<Option<Arc<Operator>>> {
    match operator::compile(&typed.rules) {
        Ok(operator) => Ok(Some(Arc::new(operator))),
        Err(faults) => {
            let told: Vec<String> = faults.iter().map(|fault| typed.told(fault)).collect();
            Err(miette!(
                help = "`tidegate classify test FILE` tries a file by itself",
                "the classifiers cannot be used:\n{}",
                told.join("\n")
            ))
        }
    }
}
