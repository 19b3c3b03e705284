//! What the reader sees: plain text, at most 100 columns, colour only on a terminal.

use std::io::{IsTerminal as _, Stdout, Write as _, stdout};

/// The widest line.
pub(crate) const COLUMNS_MAX: usize = 100;

/// Prints the story and remembers what did not hold.
pub(crate) struct Page {
    out: Stdout,
    colour: bool,
    failed: Vec<String>,
    act: u32,
}

/// How a piece of text is meant.
#[derive(Clone, Copy)]
pub(crate) enum Tone {
    Title,
    Good,
    Bad,
    Quiet,
}

impl Page {
    pub(crate) fn new() -> Self {
        Self {
            out: stdout(),
            colour: stdout().is_terminal(),
            failed: Vec::new(),
            act: 0,
        }
    }

    /// The claims that did not hold.
    pub(crate) fn failed(&self) -> &[String] {
        &self.failed
    }

    /// Begins the next act.
    pub(crate) fn act(&mut self, title: &str) {
        self.act += 1;
        let title = format!("{}. {title}", self.act);
        self.put("");
        self.put(&self.tone(Tone::Title, &title));
    }

    pub(crate) fn line(&self, text: &str) {
        self.put(&fit(text, COLUMNS_MAX));
    }

    /// A command to copy: as long as it must be.
    pub(crate) fn command(&self, text: &str) {
        self.put(&format!("   {text}"));
    }

    /// Prose, wrapped.
    pub(crate) fn prose(&self, text: &str) {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if line.chars().count() + word.chars().count() >= COLUMNS_MAX - 2 {
                self.put(&line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.put(&line);
    }

    /// A fact with its name.
    pub(crate) fn fact(&self, name: &str, text: &str) {
        let name = format!("   {name:<9}");
        self.put(&format!(
            "{}{}",
            self.tone(Tone::Quiet, &name),
            fit(text, COLUMNS_MAX - 12)
        ));
    }

    /// A line in a tone of its own.
    pub(crate) fn toned(&self, tone: Tone, text: &str) {
        self.put(&self.tone(tone, &fit(text, COLUMNS_MAX)));
    }

    /// States a claim and whether it held.
    pub(crate) fn expect(&mut self, claim: &str, held: bool) {
        let (mark, tone) = if held {
            ("ok", Tone::Good)
        } else {
            ("FAILED", Tone::Bad)
        };
        self.put(&format!(
            "   {} {}",
            self.tone(tone, mark),
            fit(claim, COLUMNS_MAX - 12)
        ));
        if !held {
            self.failed.push(claim.to_owned());
        }
    }

    fn put(&self, line: &str) {
        // A reader who has seen enough and closed the pipe is no failure.
        writeln!(self.out.lock(), "{line}").ok();
    }

    fn tone(&self, tone: Tone, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Title => "1",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Quiet => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// `text` in at most `width` columns, control characters made visible.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { '·' } else { c })
        .collect();
    if text.chars().count() <= width {
        return text;
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}
