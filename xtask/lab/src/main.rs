//! Trains the tagger of names: `cargo run --release -p lab -- train`.

mod train;

use clap::Parser;

#[derive(Parser)]
enum Command {
    /// Trains the tagger of names and addresses from the templates in `xtask/lab/data`.
    Train(train::Options),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Train(options) => train::run(&options),
    }
}
