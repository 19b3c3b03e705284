//! The manual as pages: files that any web server has, without a script, in light and in dark.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use pulldown_cmark::{Alignment, CowStr, Event, Tag, TagEnd, html::push_html};

use crate::{Section, Slugs, TOPICS, Target, Topic, events, is_comment};

/// The first page: a topic, under the name that servers look for.
const INDEX: &str = "index.html";

/// Nothing is loaded but the style, and nothing runs.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'";

/// All files of the site, by name.
pub fn files() -> Vec<(String, String)> {
    let pages = TOPICS
        .iter()
        .map(|topic| (name(topic), page(topic).into_string()));
    let style = ("style.css".to_owned(), include_str!("style.css").to_owned());
    pages.chain([style]).collect()
}

/// The file of a topic.
fn name(topic: &Topic) -> String {
    match topic.name {
        "start" => INDEX.to_owned(),
        name => format!("{name}.html"),
    }
}

fn page(topic: &Topic) -> Markup {
    let sections = topic.sections();
    let title = sections.first().map_or(topic.name, |it| it.title.as_str());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="description" content=(topic.about);
                title { (title) @if title != "Tidegate" { " · Tidegate" } }
                link rel="stylesheet" href="style.css";
            }
            body {
                a.skip href="#content" { "To the content" }
                div.page {
                    nav aria-label="Manual" { (contents(topic, &sections)) }
                    main id="content" {
                        (PreEscaped(body(topic)))
                        footer {
                            "Also at a terminal: " code { "tidegate help " (topic.name) }
                        }
                    }
                }
            }
        }
    }
}

/// All topics, and the sections of this one.
fn contents(current: &Topic, sections: &[Section]) -> Markup {
    html! {
        ul {
            @for topic in TOPICS {
                li {
                    @if topic == *current {
                        a href=(name(&topic)) aria-current="page" title=(topic.about) { (topic.name) }
                        ul {
                            @for section in sections.iter().filter(|it| it.level == 2) {
                                li { a href=(format!("#{}", section.slug)) { (section.title) } }
                            }
                        }
                    } @else {
                        a href=(name(&topic)) title=(topic.about) { (topic.name) }
                    }
                }
            }
        }
    }
}

/// The file as HTML, its links as they are on the site.
fn body(topic: &Topic) -> String {
    let mut slugs = Slugs::default();
    let mut written: Vec<Event<'_>> = Vec::new();
    let (mut heading, mut title) = (None, String::new());
    // Whether the links that it is in are links on the site.
    let mut links: Vec<bool> = Vec::new();
    for event in events(topic.text) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                heading = Some(written.len());
                title.clear();
                written.push(event);
            }
            Event::End(TagEnd::Heading(_)) => {
                let at = heading.take().and_then(|at| written.get_mut(at));
                if let Some(Event::Start(Tag::Heading { id, .. })) = at {
                    *id = Some(slugs.next(&title).into());
                }
                written.push(event);
            }
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let to = link(topic, &dest_url);
                links.push(to.is_some());
                if let Some(to) = to {
                    let dest_url: CowStr<'_> = to.into();
                    written.push(Event::Start(Tag::Link {
                        link_type,
                        dest_url,
                        title,
                        id,
                    }));
                }
            }
            Event::End(TagEnd::Link) => {
                if links.pop() == Some(true) {
                    written.push(event);
                }
            }
            // Wide ones scroll by themselves, also by the keyboard.
            Event::Start(Tag::Table(columns)) => {
                // Where they stand would be a style of its own in each cell.
                let columns = vec![Alignment::None; columns.len()];
                let open =
                    "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table\">\n";
                written.push(Event::Html(open.into()));
                written.push(Event::Start(Tag::Table(columns)));
            }
            Event::End(TagEnd::Table) => {
                written.push(event);
                written.push(Event::Html("</div>\n".into()));
            }
            Event::Html(text) | Event::InlineHtml(text) if is_comment(&text) => {}
            // There is none in the manual, and none comes in.
            Event::Html(text) | Event::InlineHtml(text) => written.push(Event::Text(text)),
            other => {
                if let Event::Text(text) | Event::Code(text) = &other {
                    title.push_str(text);
                }
                written.push(other);
            }
        }
    }
    let mut out = String::new();
    push_html(&mut out, written.into_iter());
    out
}

/// Where a link leads on the site; none if what it leads to is not there.
fn link(topic: &Topic, link: &str) -> Option<String> {
    match topic.target(link) {
        Target::Site(site) => Some(site),
        Target::Section(to, None) => Some(name(&to)),
        Target::Section(to, Some(slug)) if to == *topic => Some(format!("#{slug}")),
        Target::Section(to, Some(slug)) => Some(format!("{}#{slug}", name(&to))),
        Target::File(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// What stands between `begin` and a quotation mark, each time.
    fn attributes(page: &str, begin: &str) -> Vec<String> {
        let parts = page.split(begin).skip(1);
        let values = parts.filter_map(|part| part.split('"').next());
        values.map(ToOwned::to_owned).collect()
    }

    #[test]
    fn every_link_within_the_site_is_to_something_that_is_there() {
        let pages: BTreeMap<String, String> = files().into_iter().collect();
        let ids: BTreeMap<&String, BTreeSet<String>> = pages
            .iter()
            .map(|(name, page)| (name, attributes(page, " id=\"").into_iter().collect()))
            .collect();
        let mut within = 0;
        for (name, page) in &pages {
            for href in attributes(page, " href=\"") {
                if href.contains("://") {
                    continue;
                }
                within += 1;
                let (file, id) = href.split_once('#').unwrap_or((&href, ""));
                let file = if file.is_empty() {
                    name
                } else {
                    &file.to_owned()
                };
                let there = ids.get(file);
                let is_there = there.is_some_and(|ids| id.is_empty() || ids.contains(id));
                assert!(is_there, "{name}: {href}");
            }
        }
        assert!(within > 200, "{within}");
    }

    #[test]
    fn a_page_runs_nothing_and_loads_nothing_but_its_style() {
        for (name, page) in files() {
            if name == "style.css" {
                assert!(!page.contains("url(") && !page.contains("@import"));
                assert!(page.contains("prefers-color-scheme: dark"));
                continue;
            }
            for foreign in ["<script", "<img", "<iframe", " style=\"", " onclick"] {
                assert!(!page.contains(foreign), "{name}: {foreign}");
            }
            assert_eq!(page.matches("<h1").count(), 1, "{name}");
            assert_eq!(page.matches("rel=\"stylesheet\"").count(), 1, "{name}");
        }
    }

    #[test]
    fn no_two_places_of_a_page_have_one_name() {
        for (name, page) in files() {
            let ids = attributes(&page, " id=\"");
            let once: BTreeSet<&String> = ids.iter().collect();
            assert_eq!(once.len(), ids.len(), "{name}");
        }
    }
}
