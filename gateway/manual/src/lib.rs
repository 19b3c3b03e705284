//! The manual, for a terminal ([`plain`]) and as pages ([`site`]), from the files of the repository.
//!
//! A topic is one of those files, and a section is what stands under one of its headings; both are named as their links
//! name them.

pub mod plain;
pub mod site;

use std::collections::BTreeMap;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// One file of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub about: &'static str,
    /// Where it is in the repository.
    pub path: &'static str,
    /// The file, Markdown.
    pub text: &'static str,
}

/// All of them, in the order in which one reads them.
pub const TOPICS: [Topic; 18] = [
    Topic {
        name: "start",
        about: "what Tidegate is, and a first policy in five minutes",
        path: "README.md",
        text: include_str!("../../../README.md"),
    },
    Topic {
        name: "quickstart",
        about: "an API, a policy and a report of your own, in twenty minutes",
        path: "docs/quickstart.md",
        text: include_str!("../../../docs/quickstart.md"),
    },
    Topic {
        name: "concepts",
        about: "the terms, each in a sentence or two",
        path: "docs/concepts.md",
        text: include_str!("../../../docs/concepts.md"),
    },
    Topic {
        name: "configuration",
        about: "every key of the configuration",
        path: "docs/configuration.md",
        text: include_str!("../../../docs/configuration.md"),
    },
    Topic {
        name: "policies",
        about: "what policies may speak of",
        path: "docs/policies.md",
        text: include_str!("../../../docs/policies.md"),
    },
    Topic {
        name: "cookbook",
        about: "policies to copy",
        path: "docs/cookbook.md",
        text: include_str!("../../../docs/cookbook.md"),
    },
    Topic {
        name: "mediator",
        about: "what stands between an agent and a service where policy says `mediate`",
        path: "docs/mediator.md",
        text: include_str!("../../../docs/mediator.md"),
    },
    Topic {
        name: "fleet",
        about: "how several hosts share budgets",
        path: "docs/fleet.md",
        text: include_str!("../../../docs/fleet.md"),
    },
    Topic {
        name: "bundles",
        about: "policies for many hosts in one signed file",
        path: "docs/bundles.md",
        text: include_str!("../../../docs/bundles.md"),
    },
    Topic {
        name: "behaviour",
        about: "how attacks are told from work",
        path: "docs/behaviour.md",
        text: include_str!("../../../docs/behaviour.md"),
    },
    Topic {
        name: "console",
        about: "the log in a browser, and for programs",
        path: "docs/console.md",
        text: include_str!("../../../docs/console.md"),
    },
    Topic {
        name: "evidence",
        about: "the log: reports, proofs, keys, retention, erasure, other systems",
        path: "docs/evidence.md",
        text: include_str!("../../../docs/evidence.md"),
    },
    Topic {
        name: "operations",
        about: "what to watch while it runs, and what to do when",
        path: "docs/operations.md",
        text: include_str!("../../../docs/operations.md"),
    },
    Topic {
        name: "backup",
        about: "what to do before a disk is lost, and after",
        path: "docs/backup.md",
        text: include_str!("../../../docs/backup.md"),
    },
    Topic {
        name: "upgrade",
        about: "another version or configuration, without a pause",
        path: "docs/upgrade.md",
        text: include_str!("../../../docs/upgrade.md"),
    },
    Topic {
        name: "compliance",
        about: "which duty is helped by what, and which test shows it",
        path: "docs/compliance.md",
        text: include_str!("../../../docs/compliance.md"),
    },
    Topic {
        name: "security",
        about: "what each attacker can and cannot do, and what is weak",
        path: "SECURITY.md",
        text: include_str!("../../../SECURITY.md"),
    },
    Topic {
        name: "architecture",
        about: "how it is built, and why",
        path: "ARCHITECTURE.md",
        text: include_str!("../../../ARCHITECTURE.md"),
    },
];

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To another site.
    Site(String),
    /// Into the manual: a topic, and a section if one is named.
    Section(Topic, Option<String>),
    /// To a file of the repository that is not in the manual.
    File(String),
}

/// A heading, and what stands under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// How deep it is; 1 is the file's own.
    pub level: u8,
    /// The heading.
    pub title: String,
    /// What links name it by.
    pub slug: String,
    /// Where it begins in the file, and where it ends, the sections in it included.
    pub span: (usize, usize),
}

/// The topic of that name.
pub fn topic(name: &str) -> Option<Topic> {
    TOPICS.into_iter().find(|topic| topic.name == name)
}

/// What of Markdown there is in the files.
fn events(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

/// Whether it is for whoever writes the file, and not for who reads it.
fn is_comment(html: &str) -> bool {
    html.trim_start().starts_with("<!--")
}

impl Topic {
    /// Its sections, in their order.
    pub fn sections(&self) -> Vec<Section> {
        let (mut found, mut slugs): (Vec<Section>, Slugs) = (Vec::new(), Slugs::default());
        let mut title: Option<String> = None;
        for (event, span) in events(self.text).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => title = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(title) = &mut title {
                        title.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(level)) => {
                    let title = title.take().unwrap_or_default();
                    found.push(Section {
                        level: depth(level),
                        slug: slugs.next(&title),
                        title,
                        span: (span.start, self.text.len()),
                    });
                }
                _ => {}
            }
        }
        let begin: Vec<(u8, usize)> = found.iter().map(|it| (it.level, it.span.0)).collect();
        for (at, section) in found.iter_mut().enumerate() {
            let mut behind = begin.iter().skip(at + 1);
            let next = behind.find(|(level, _)| *level <= section.level);
            section.span.1 = next.map_or(self.text.len(), |(_, start)| *start);
        }
        found
    }

    /// The section that links, or people, name so: `bound-tokens`, `Bound tokens`, `tokens`.
    pub fn section(&self, asked: &str) -> Option<Section> {
        let (slug, sections) = (slug(asked), self.sections());
        let is = sections.iter().find(|it| it.slug == slug);
        is.or_else(|| sections.iter().find(|it| it.slug.contains(&slug)))
            .cloned()
    }

    /// What stands in a section, its heading included.
    pub fn within(&self, section: &Section) -> &'static str {
        let (from, to) = section.span;
        self.text.get(from..to).unwrap_or_default()
    }

    /// Where a link in it leads.
    pub fn target(&self, link: &str) -> Target {
        if link.contains("://") || link.starts_with("mailto:") {
            return Target::Site(link.to_owned());
        }
        let (file, slug) = match link.split_once('#') {
            Some((file, slug)) => (file, Some(slug.to_owned())),
            None => (link, None),
        };
        if file.is_empty() {
            return Target::Section(*self, slug);
        }
        let mut folders: Vec<&str> = self.path.split('/').collect();
        folders.pop();
        for part in file.split('/') {
            match part {
                "." => {}
                ".." => drop(folders.pop()),
                name => folders.push(name),
            }
        }
        let path = folders.join("/");
        match TOPICS.into_iter().find(|topic| topic.path == path) {
            Some(topic) => Target::Section(topic, slug),
            None => Target::File(path),
        }
    }
}

const fn depth(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// The name of a heading, as forges make it for links.
fn slug(title: &str) -> String {
    let plain = title.trim().chars().filter_map(|it| match it {
        ' ' => Some('-'),
        '-' | '_' => Some(it),
        it if it.is_alphanumeric() => Some(it),
        _ => None,
    });
    plain.flat_map(char::to_lowercase).collect()
}

/// Names of the headings of one file: one that comes again has a number.
#[derive(Default)]
struct Slugs(BTreeMap<String, usize>);

impl Slugs {
    fn next(&mut self, title: &str) -> String {
        let slug = slug(title);
        let before = self.0.entry(slug.clone()).or_default();
        *before += 1;
        match *before {
            1 => slug,
            again => format!("{slug}-{}", again - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_named_as_forges_name_it() {
        for (title, expected) in [
            ("How strong is the proof", "how-strong-is-the-proof"),
            (
                "Tools of MCP, fields of GraphQL",
                "tools-of-mcp-fields-of-graphql",
            ),
            ("What `tidegate` costs", "what-tidegate-costs"),
            ("45 CFR 164.312(b)", "45-cfr-164312b"),
        ] {
            assert_eq!(slug(title), expected);
        }
        let mut slugs = Slugs::default();
        let twice = [(); 2].map(|()| slugs.next("Shipping"));
        assert_eq!(twice, ["shipping", "shipping-1"]);
    }

    #[test]
    fn a_section_ends_where_the_next_of_its_rank_begins() {
        const TEXT: &str = "# A\n\na\n\n## B `c`\n\nb\n\n### D\n\nd\n\n## E\n\ne\n";
        let topic = Topic {
            name: "a",
            about: "",
            path: "docs/a.md",
            text: TEXT,
        };
        let slugs: Vec<String> = topic.sections().into_iter().map(|it| it.slug).collect();
        assert_eq!(slugs, ["a", "b-c", "d", "e"]);
        let found = topic.section("B c").unwrap();
        assert_eq!(topic.within(&found), "## B `c`\n\nb\n\n### D\n\nd\n\n");
        assert_eq!(
            topic.section("e").map(|it| topic.within(&it)),
            Some("## E\n\ne\n")
        );
        assert_eq!(topic.section("z"), None);
    }

    #[test]
    fn a_link_leads_where_the_repository_has_it() {
        let from = |name: &str, link: &str| topic(name).unwrap().target(link);
        let section = |name: &str, slug: Option<&str>| {
            Target::Section(topic(name).unwrap(), slug.map(ToOwned::to_owned))
        };
        let keys = section("evidence", Some("keys"));
        assert_eq!(from("start", "docs/evidence.md#keys"), keys);
        assert_eq!(from("backup", "evidence.md#keys"), keys);
        assert_eq!(from("evidence", "#keys"), keys);
        assert_eq!(
            from("evidence", "../SECURITY.md"),
            section("security", None)
        );
        assert_eq!(from("start", "LICENSE"), Target::File("LICENSE".to_owned()));
        let site = "https://schema.ocsf.io";
        assert_eq!(from("evidence", site), Target::Site(site.to_owned()));
    }

    #[test]
    fn every_link_of_the_manual_leads_somewhere() {
        let mut links = 0;
        for topic in TOPICS {
            for event in events(topic.text) {
                let Event::Start(Tag::Link { dest_url, .. }) = event else {
                    continue;
                };
                links += 1;
                let there = match topic.target(&dest_url) {
                    Target::Site(_) | Target::Section(_, None) => true,
                    Target::Section(to, Some(slug)) => {
                        to.sections().iter().any(|it| it.slug == slug)
                    }
                    Target::File(path) => {
                        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
                        std::path::Path::new(root).join(path).exists()
                    }
                };
                assert!(there, "{}: {dest_url} leads nowhere", topic.path);
            }
        }
        assert!(links > 100, "{links} links");
    }

    #[test]
    fn every_document_is_in_the_manual() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
        for entry in std::fs::read_dir(docs).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let Some(name) = name.strip_suffix(".md") else {
                continue;
            };
            assert!(topic(name).is_some(), "docs/{name}.md is no topic");
        }
    }
}
