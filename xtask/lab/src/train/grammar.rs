//! Templates, and the texts made from them.
//!
//! A line of a template file is a template, or, with `<name> = ` before it, a rule. In both,
//! `[one|two]` is a choice, `<name>` a rule, `{slot}` a name or number, and `@P(` … `)@` an entity:
//! P, A, L, D or O for person, address, location, date, organization. A rule's alternatives are
//! parted by `|`; `3*` before an alternative makes it three times as likely.

mod slot;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use classifiers::prose::Entity;

use super::Text;
use super::names::List;
use super::random::Random;
use slot::Slots;

/// All templates and rules.
#[derive(Debug)]
pub(crate) struct Grammar {
    files: Vec<File>,
    rules: BTreeMap<String, Vec<Sequence>>,
    slots: Slots,
}

/// The templates of one file, and the language of the names in them.
#[derive(Debug)]
struct File {
    language: String,
    share: usize,
    templates: Vec<Sequence>,
}

type Sequence = Vec<Part>;

#[derive(Debug)]
enum Part {
    Literal(String),
    Choice(Vec<Sequence>),
    Rule(String),
    Slot(String),
    Entity(Entity, Sequence),
}

/// Template files, the language of their names, and how many of a hundred texts each makes.
const FILES: [(&str, &str, usize); 11] = [
    ("templates/letters.txt", "en", 20),
    ("templates/news.txt", "en", 17),
    ("templates/care.txt", "en", 8),
    ("templates/addresses.txt", "en", 11),
    ("templates/plain.txt", "en", 34),
    ("templates/de.txt", "de", 5),
    ("templates/fr.txt", "fr", 4),
    ("templates/es.txt", "es", 4),
    ("templates/it.txt", "it", 3),
    ("templates/nl.txt", "nl", 2),
    ("templates/pt.txt", "pt", 2),
];
/// How many of so many more texts are sentences of our own documentation.
const OWN_PROSE_SHARE: usize = 8;
/// How deep rules may stand in rules.
const DEPTH_MAX: usize = 24;

impl Grammar {
    /// Reads the templates and lists below this folder.
    pub(crate) fn read(data: &Path) -> Result<Self> {
        let mut grammar = Self {
            files: Vec::new(),
            rules: BTreeMap::new(),
            slots: Slots::read(data)?,
        };
        grammar.add(&data.join("templates/rules.txt"))?;
        for (path, language, share) in FILES {
            let templates = grammar.add(&data.join(path))?;
            grammar.files.push(File {
                language: language.to_owned(),
                share,
                templates,
            });
        }
        let own = List::read(&data.join("own-prose.txt"))?;
        grammar.files.push(File {
            language: "en".to_owned(),
            share: OWN_PROSE_SHARE,
            templates: own
                .iter()
                .map(|line| vec![Part::Literal(line.to_owned())])
                .collect(),
        });
        Ok(grammar)
    }

    /// Takes in the rules of a file, and returns its templates.
    fn add(&mut self, path: &Path) -> Result<Vec<Sequence>> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut templates = Vec::new();
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let rule = line
                .strip_prefix('<')
                .and_then(|line| line.split_once("> = "));
            match rule {
                Some((name, alternatives)) => {
                    let (parsed, rest) = alternatives_of(alternatives).context(line.to_owned())?;
                    if !rest.is_empty() {
                        bail!("`{line}` does not end");
                    }
                    self.rules
                        .entry(name.to_owned())
                        .or_default()
                        .extend(parsed);
                }
                None => templates.push(sequence(line, "").context(line.to_owned())?.0),
            }
        }
        Ok(templates)
    }

    /// A text of one to four templates of one file.
    pub(crate) fn text(&self, random: &mut Random) -> Result<Text> {
        let total: usize = self.files.iter().map(|file| file.share).sum();
        let mut at = random.below(total);
        let file = self.files.iter().find(|file| {
            let here = at < file.share;
            at = at.saturating_sub(file.share);
            here
        });
        let file = file.context("no templates")?;
        let mut text = Text::default();
        let count = [1, 1, 1, 2, 3].get(random.below(5)).copied().unwrap_or(1);
        for index in 0..count {
            if index > 0 {
                text.text
                    .push_str(if random.percent(70) { " " } else { "\n" });
            }
            let template = random.one_of(&file.templates).context("no templates")?;
            self.expand(template, &file.language, random, &mut text, 0)?;
        }
        Ok(recased(text, random))
    }

    fn expand(
        &self,
        parts: &[Part],
        language: &str,
        random: &mut Random,
        text: &mut Text,
        depth: usize,
    ) -> Result<()> {
        if depth > DEPTH_MAX {
            bail!("rules stand in rules without end");
        }
        for part in parts {
            match part {
                Part::Literal(literal) => text.text.push_str(literal),
                Part::Choice(choices) => {
                    let chosen = random.one_of(choices).context("no choice")?;
                    self.expand(chosen, language, random, text, depth + 1)?;
                }
                Part::Rule(name) => {
                    let rule = self
                        .rules
                        .get(name)
                        .with_context(|| format!("no rule `{name}`"))?;
                    let chosen = random.one_of(rule).context("no choice")?;
                    self.expand(chosen, language, random, text, depth + 1)?;
                }
                Part::Slot(name) => {
                    text.text
                        .push_str(&self.slots.fill(name, language, random)?);
                }
                Part::Entity(entity, inner) => {
                    let start = text.text.len();
                    self.expand(inner, language, random, text, depth + 1)?;
                    text.entities.push((start, text.text.len(), *entity));
                }
            }
        }
        Ok(())
    }
}

/// The text as careless people write it: all in small letters, now and then. Places and names in
/// capitals are as frequent in forms.
fn recased(mut text: Text, random: &mut Random) -> Text {
    if random.percent(7) {
        let small = text.text.to_lowercase();
        if small.len() == text.text.len() {
            text.text = small;
        }
        return text;
    }
    for (start, end, entity) in &text.entities {
        let share = match entity {
            Entity::Location => 6,
            Entity::Person => 2,
            _ => 0,
        };
        let capitals = text.text.get(*start..*end).map(str::to_uppercase);
        if let Some(capitals) = capitals
            && random.percent(share)
            && capitals.len() == end - start
        {
            text.text.replace_range(*start..*end, &capitals);
        }
    }
    text
}

/// Alternatives up to the end or to a closing bracket, and what follows them.
fn alternatives_of(mut rest: &str) -> Result<(Vec<Sequence>, &str)> {
    let mut alternatives = Vec::new();
    loop {
        let mut weight = 1;
        if let Some((number, after)) = rest.split_once('*')
            && let Ok(number) = number.parse::<usize>()
        {
            weight = number;
            rest = after;
        }
        let mut after = rest;
        for _ in 0..weight {
            let (parts, end) = sequence(rest, "|]")?;
            alternatives.push(parts);
            after = end;
        }
        match after.strip_prefix('|') {
            Some(next) => rest = next,
            None => return Ok((alternatives, after)),
        }
    }
}

/// Parts up to the end, to one of these bytes or to the end of an entity, and what follows them.
fn sequence<'a>(mut rest: &'a str, ends: &str) -> Result<(Sequence, &'a str)> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    while let Some(first) = rest.chars().next() {
        if ends.contains(first) || rest.starts_with(")@") {
            break;
        }
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        let part;
        (part, rest) = match first {
            '\\' => {
                let escaped = after.chars().next().context("a backslash ends the line")?;
                literal.push(if escaped == 'n' { '\n' } else { escaped });
                rest = after.get(escaped.len_utf8()..).unwrap_or_default();
                continue;
            }
            '[' => {
                let (choices, after) = alternatives_of(after)?;
                (
                    Part::Choice(choices),
                    after.strip_prefix(']').context("a choice does not end")?,
                )
            }
            '<' => named(after, '>', Part::Rule)?,
            '{' => named(after, '}', Part::Slot)?,
            '@' if after.get(1..).is_some_and(|after| after.starts_with('(')) => entity(after)?,
            _ => {
                literal.push(first);
                rest = after;
                continue;
            }
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.push(part);
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok((parts, rest))
}

fn named(rest: &str, end: char, part: impl Fn(String) -> Part) -> Result<(Part, &str)> {
    let (name, after) = rest.split_once(end).context("a name does not end")?;
    Ok((part(name.to_owned()), after))
}

fn entity(rest: &str) -> Result<(Part, &str)> {
    let (letter, inner) = rest
        .split_once('(')
        .context("an entity without a bracket")?;
    let entity = match letter {
        "P" => Entity::Person,
        "A" => Entity::Address,
        "L" => Entity::Location,
        "D" => Entity::Date,
        "O" => Entity::Organization,
        other => bail!("no entity `{other}`"),
    };
    let (parts, after) = sequence(inner, "")?;
    let after = after.strip_prefix(")@").context("an entity does not end")?;
    Ok((Part::Entity(entity, parts), after))
}
