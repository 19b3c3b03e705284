//! What it is asked.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Judge a log of Tidegate by its public key: exports, tiles, single records, checkpoints.
///
/// The exit code tells what is wrong: 0 nothing, 2 it was used wrongly or cannot read, 9 and more as
/// `docs/evidence.md` lists. Nothing is asked of a network.
#[derive(Debug, Parser)]
#[command(name = "tidegate-verify", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// The form of the answer.
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A whole log in one file, as `tidegate audit export` writes it.
    Export {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        long: Long,
    },
    /// A whole log in a folder of tiles (C2SP tlog-tiles).
    Tiles {
        /// The folder, with `checkpoint` in it.
        folder: PathBuf,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        long: Long,
    },
    /// That one record is in a log, from a few of its tiles (RFC 6962, 2.1.1).
    Record {
        /// The folder.
        folder: PathBuf,
        /// The record, as the `tidegate-record` header of its answer told.
        index: u64,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        later: Later,
    },
    /// That a log continues what a checkpoint was about, from a few of its tiles (RFC 6962, 2.1.2).
    Consistency {
        /// The folder.
        folder: PathBuf,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        later: Later,
    },
    /// That a checkpoint is signed, and by which witnesses.
    Checkpoint {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        later: Later,
    },
}

/// What a log is judged by.
#[derive(Debug, Args)]
pub(crate) struct By {
    /// The log's public key: the line that `tidegate audit key` prints, or a file that holds it.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: String,
    /// A checkpoint that was kept elsewhere, which the log must continue; may be given again.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// The public key of a witness that is trusted, or a file that holds it; may be given again.
    #[arg(long, value_name = "KEY")]
    pub(crate) witness: Vec<String>,
    /// How many of the witnesses must have signed the end of the log; all, if absent.
    #[arg(long, value_name = "N", requires = "witness")]
    pub(crate) quorum: Option<usize>,
}

/// Which keys came after that one: few tiles do not show it.
#[derive(Debug, Args)]
pub(crate) struct Later {
    /// A public key that succeeded it, as `export` or `tiles` tells, or a file that holds it; may be given again.
    #[arg(long, value_name = "KEY")]
    pub(crate) successor: Vec<String>,
}

/// How something long is done.
#[derive(Debug, Args)]
pub(crate) struct Long {
    /// Threads; as many as there are processors, if absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// A file in which is kept how far it came, so that the same command goes on from there. It vouches for what
    /// was judged before: keep it where the log's owner cannot write.
    #[arg(long, value_name = "FILE")]
    pub(crate) bookmark: Option<PathBuf>,
    /// Leave aside what is in that file, and begin anew.
    #[arg(long, requires = "bookmark")]
    pub(crate) afresh: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use proof::Verdict;

    use super::*;

    #[test]
    fn its_options_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn its_help_is_what_it_was() {
        insta::assert_snapshot!(Arguments::command().term_width(100).render_long_help());
    }

    /// The table of exit codes is a promise to programs.
    #[test]
    fn the_documents_have_every_verdict_with_its_code() {
        let documented = include_str!("../../../docs/evidence.md");
        for verdict in Verdict::ALL {
            let name = serde_json::to_value(verdict).unwrap();
            let (code, meaning) = (verdict.code(), verdict.meaning());
            let row = format!("| {code} | `{}` | {meaning} |", name.as_str().unwrap());
            assert!(documented.contains(&row), "docs/evidence.md lacks: {row}");
        }
    }
}
