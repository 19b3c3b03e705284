//! Markdown as a terminal shows it: lines of a width, tables in columns, code as it stands.

use comfy_table::{ContentArrangement, Table, TableStyle, presets};
use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd};
use textwrap::Options;

use crate::{Target, Topic, events, is_comment};

/// A line is never shorter, however narrow the terminal.
const WIDTH_MIN: usize = 40;

/// How far code and lists stand in.
const INDENT: &str = "  ";

/// How it is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns of a line.
    pub width: usize,
    /// Whether headings may be bold, by the sequences of a terminal.
    pub bold: bool,
}

/// What stands in `markdown`, which is a piece of `topic`.
pub fn plain(topic: &Topic, markdown: &str, style: Style) -> String {
    let mut page = Page {
        topic: *topic,
        style: Style {
            width: style.width.max(WIDTH_MIN),
            ..style
        },
        out: String::new(),
        text: String::new(),
        lists: Vec::new(),
        marker: None,
        quoted: 0,
        code: false,
        links: Vec::new(),
        table: None,
    };
    for event in events(markdown) {
        page.take(event);
    }
    page.flush();
    page.out.trim_end().to_owned() + "\n"
}

/// A page in the making.
struct Page {
    topic: Topic,
    style: Style,
    out: String,
    /// What is in the block that is being read.
    text: String,
    /// The lists that it is in, with the next number of those that count.
    lists: Vec<Option<u64>>,
    /// What stands before the next line, of an item that begins.
    marker: Option<String>,
    quoted: usize,
    code: bool,
    links: Vec<String>,
    table: Option<Rows>,
}

/// A table in the making; the first row is its head.
#[derive(Default)]
struct Rows {
    rows: Vec<Vec<String>>,
    row: Vec<String>,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => {
                for line in text.lines() {
                    let (margin, end) = (self.margin(), line.trim_end());
                    self.out.extend([&*margin, INDENT, end, "\n"]);
                }
            }
            Event::InlineHtml(text) | Event::Html(text) if is_comment(&text) => {}
            Event::Text(text) | Event::InlineHtml(text) | Event::Html(text) => {
                self.text.push_str(&text);
            }
            Event::Code(text) => self.text.extend(["`", &*text, "`"]),
            Event::SoftBreak => self.text.push(' '),
            Event::HardBreak => self.text.push('\n'),
            Event::Rule => self.out.push_str("---\n\n"),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } | Tag::CodeBlock(_) => {
                self.flush();
                self.code = matches!(tag, Tag::CodeBlock(_));
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                self.flush();
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.marker = Some(marker);
            }
            Tag::BlockQuote(_) => {
                self.flush();
                self.quoted += 1;
            }
            Tag::Link { dest_url, .. } => self.links.push(dest_url.to_string()),
            Tag::Table(_) => {
                self.flush();
                self.table = Some(Rows::default());
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.heading(level),
            TagEnd::Paragraph => {
                self.flush();
                self.out.push('\n');
            }
            TagEnd::CodeBlock => {
                self.code = false;
                self.out.push('\n');
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                if self.lists.is_empty() && !self.out.ends_with("\n\n") {
                    self.out.push('\n');
                }
            }
            TagEnd::Item => self.flush(),
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quoted = self.quoted.saturating_sub(1);
            }
            TagEnd::Link => self.leads(),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.text);
                self.rows().row.push(cell);
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                let rows = self.rows();
                let row = std::mem::take(&mut rows.row);
                rows.rows.push(row);
            }
            TagEnd::Table => self.tabulate(),
            _ => {}
        }
    }

    fn rows(&mut self) -> &mut Rows {
        self.table.get_or_insert_default()
    }

    /// What stands before each line of a block.
    fn margin(&self) -> String {
        let lists = INDENT.repeat(self.lists.len());
        lists + &"| ".repeat(self.quoted)
    }

    /// Writes the block that was read.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        let margin = self.margin();
        if text.trim().is_empty() {
            return;
        }
        let first = match self.marker.take() {
            Some(marker) => {
                let outer = INDENT.repeat(self.lists.len().saturating_sub(1));
                format!("{outer}{marker}")
            }
            None => margin.clone(),
        };
        let options = Options::new(self.style.width)
            .initial_indent(&first)
            .subsequent_indent(&margin)
            .break_words(false);
        self.out.push_str(&textwrap::fill(text.trim(), options));
        self.out.push('\n');
    }

    fn heading(&mut self, level: HeadingLevel) {
        let title = std::mem::take(&mut self.text);
        let title = title.trim();
        let below = match level {
            HeadingLevel::H1 => "=",
            HeadingLevel::H2 => "-",
            _ => "",
        };
        if self.style.bold {
            self.out.extend(["\u{1b}[1m", title, "\u{1b}[0m\n\n"]);
        } else if below.is_empty() {
            self.out.extend([title, "\n\n"]);
        } else {
            let line = below.repeat(textwrap::core::display_width(title));
            self.out.extend([title, "\n", &*line, "\n\n"]);
        }
    }

    /// Says where the link that ends here leads, as it is asked for.
    fn leads(&mut self) {
        let Some(link) = self.links.pop() else {
            return;
        };
        let says = match self.topic.target(&link) {
            Target::Site(site) if self.text.ends_with(&site) => return,
            Target::Site(site) => site,
            Target::File(path) if self.text.ends_with(&path) => return,
            Target::File(path) => path,
            Target::Section(topic, None) => topic.name.to_owned(),
            Target::Section(topic, Some(slug)) => format!("{} {slug}", topic.name),
        };
        self.text.extend([" [", &*says, "]"]);
    }

    fn tabulate(&mut self) {
        let Rows { rows, .. } = self.table.take().unwrap_or_default();
        let mut rows = rows.into_iter();
        let mut table = Table::new();
        let style: TableStyle = presets::ASCII_HORIZONTAL_ONLY;
        table
            .load_style(style)
            .set_width(u16::try_from(self.style.width).unwrap_or(u16::MAX))
            .set_content_arrangement(ContentArrangement::Dynamic);
        let head = rows.next().unwrap_or_default();
        if head.iter().any(|cell| !cell.is_empty()) {
            table.set_header(head);
        }
        table.add_rows(rows);
        for line in table.lines() {
            self.out.push_str(line.trim_end());
            self.out.push('\n');
        }
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TOPICS, topic};

    fn shown(markdown: &str) -> String {
        let style = Style {
            width: 44,
            bold: false,
        };
        plain(&topic("evidence").unwrap(), markdown, style)
    }

    #[test]
    fn blocks_are_as_a_terminal_has_them() {
        let text = "# Keys\n\nA *keyring* has [keys](#keys) that `tidegate` and\neverything else need, see \
                    [there](https://example.org/a).\n\n- one\n- two, which goes on for longer than a line has room\n\n1. \
                    first\n2. second\n\n```console\n$ tidegate keys status   \n  as it stands, however long the line may be\n```\n";
        let expected = "\
Keys
====

A keyring has keys [evidence keys] that
`tidegate` and everything else need, see
there [https://example.org/a].

- one
- two, which goes on for longer than a line
  has room

1. first
2. second

  $ tidegate keys status
    as it stands, however long the line may be
";
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn a_table_fits_the_line() {
        let shown = shown(
            "| key | meaning |\n| --- | --- |\n| `listen` | where agents connect; port 0 lets the kernel choose |\n",
        );
        assert!(
            shown.contains("`listen`") && shown.contains("meaning"),
            "{shown}"
        );
        let longest = shown.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(44), "{shown}");
    }

    #[test]
    fn all_of_the_manual_can_be_shown_and_nothing_is_lost() {
        for topic in TOPICS {
            let style = Style {
                width: 100,
                bold: false,
            };
            let shown = plain(&topic, topic.text, style);
            for section in topic.sections() {
                let title = section.title.trim();
                assert!(
                    shown.replace('`', "").contains(title),
                    "{}: `{title}` is not shown",
                    topic.name
                );
            }
            assert!(!shown.contains('\u{1b}'), "{}", topic.name);
            assert!(shown.len() > topic.text.len() / 2, "{}", topic.name);
        }
    }
}
