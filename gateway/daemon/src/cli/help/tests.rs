//! What the manual says to type is what can be typed.

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

use super::*;

/// What ends a command in a line of a shell.
const ENDS: [&str; 8] = ["|", ">", ">>", "<", "&&", "||", ";", "&"];

/// Blocks in which lines of a shell may stand.
const SHELLS: [&str; 4] = ["console", "sh", "ini", ""];

/// The lines of a shell in the code blocks of `text`, without prompts, and whole where they go on in the next one.
fn lines(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (mut block, mut goes_on): (Option<String>, bool) = (None, false);
    for line in text.lines() {
        let inner = line.trim();
        if let Some(language) = inner.strip_prefix("```") {
            block = match block {
                Some(_) => None,
                None => Some(language.to_owned()),
            };
            continue;
        }
        let is_indented = block.is_none() && line.starts_with("    ");
        let is_shell = block.as_deref().is_some_and(|it| SHELLS.contains(&it));
        if !is_indented && !is_shell {
            continue;
        }
        let plain = ["$ ", "# ", "ExecStart="];
        let plain = plain.iter().find_map(|it| inner.strip_prefix(it));
        let plain = plain.unwrap_or(inner).to_owned();
        match found.last_mut().filter(|_| goes_on) {
            Some(last) => last.push_str(&plain),
            None => found.push(plain),
        }
        goes_on = found.last().is_some_and(|last| last.ends_with('\\'));
        if let Some(last) = found.last_mut().filter(|_| goes_on) {
            last.pop();
        }
    }
    found
}

/// The arguments of each `tidegate` that a line starts, with it.
fn started(line: &str) -> Vec<Vec<String>> {
    let Some(words) = shlex::split(line) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for word in &words {
        // What a shell puts in, or another shell is given.
        for inner in word
            .split("$(")
            .skip(1)
            .filter_map(|it| it.split(')').next())
        {
            found.extend(started(inner));
        }
        if let Some(inner) = word.strip_prefix("exec ") {
            found.extend(started(inner));
        }
    }
    for command in words.split(|word| ENDS.contains(&word.as_str())) {
        let is_before = |word: &&String| *word == "sudo" || *word == "exec" || word.contains('=');
        let before = command.iter().take_while(is_before).count();
        let (_, command) = command.split_at(before);
        let name = command.first().and_then(|it| it.rsplit('/').next());
        if name == Some("tidegate") {
            found.push(command.to_vec());
        }
    }
    found
}

#[test]
fn every_command_in_the_manual_is_one() {
    let mut tried = 0;
    for topic in TOPICS {
        for line in lines(topic.text) {
            for words in started(&line) {
                tried += 1;
                let stands_for =
                    |word: &str| word == "N" || word.contains('…') || word.contains("...");
                let has_some = words.iter().any(|it| stands_for(it));
                let shown = words.join(" ");
                let Err(error) = Arguments::try_parse_from(words) else {
                    continue;
                };
                let is_told = matches!(
                    error.kind(),
                    ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
                );
                let is_stand_in = has_some && error.kind() == ErrorKind::ValueValidation;
                assert!(is_told || is_stand_in, "{}: `{shown}`: {error}", topic.path);
            }
        }
    }
    assert!(tried > 45, "only {tried} commands were found");
}

#[test]
fn every_command_named_in_the_text_is_one() {
    let all = commands();
    let mut named = 0;
    for topic in TOPICS {
        for span in topic.text.split('`').skip(1).step_by(2) {
            let Some(rest) = span.strip_prefix("tidegate ") else {
                continue;
            };
            // A word that begins a title, a type, a code block.
            if span.contains("\n\n") {
                continue;
            }
            named += 1;
            let mut command = &all;
            for word in rest.split_whitespace() {
                let word = word.trim_matches(['[', ']', ',', '(', ')']);
                if let Some(flag) = word.strip_prefix("--") {
                    let flag = flag.split('=').next().unwrap_or_default();
                    let mut flags = command.get_arguments().filter_map(|it| it.get_long());
                    let is = flag.is_empty() || flags.any(|it| it == flag);
                    assert!(is, "{}: `{span}`: there is no `--{flag}`", topic.path);
                    continue;
                }
                let mut each = word.split('|').map(|it| (it, command.find_subcommand(it)));
                let Some((_, Some(next))) = each.next() else {
                    let takes = command.get_positionals().next().is_some()
                        || command
                            .get_arguments()
                            .any(|it| it.get_action().takes_values());
                    assert!(takes, "{}: `{span}`: what is `{word}`?", topic.path);
                    continue;
                };
                for (word, other) in each {
                    assert!(other.is_some(), "{}: `{span}`: {word}", topic.path);
                }
                command = next;
            }
        }
    }
    assert!(named > 40, "only {named}");
}

#[test]
fn lines_of_a_shell_are_taken_apart() {
    let text = "```console\n$ sudo A=1 tidegate run --config x \\\n    -c y | less\noutput tidegate\n```\n\n```text\ntidegate no\n```\n";
    let found: Vec<String> = lines(text)
        .iter()
        .flat_map(|it| started(it))
        .map(|it| it.join(" "))
        .collect();
    assert_eq!(found, ["tidegate run --config x -c y"]);
    let within =
        started("a \"$(tidegate audit key --data d)\" && tidegate check > f # tidegate run");
    let within: Vec<String> = within.iter().map(|it| it.join(" ")).collect();
    assert_eq!(within, ["tidegate audit key --data d", "tidegate check"]);
}

#[test]
fn a_topic_and_a_command_are_found() {
    let words = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
    let found = command(&words("audit verify")).map(|mut it| it.render_long_help().to_string());
    assert!(found.is_some_and(|it| it.contains("Usage: tidegate audit verify")));
    assert!(command(&words("audit nothing")).is_none());
    let listed = topics();
    assert!(
        TOPICS.iter().all(|it| listed.contains(it.about)),
        "{listed}"
    );
    // What is listed as a topic is not hidden by a command that is not told of there.
    assert!(Arguments::command().find_subcommand("help").is_some());
}
