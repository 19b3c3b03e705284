//! However messages are cut into frames, and frames into pieces of TCP, the same bytes arrive; and what has nothing to
//! hide arrives as it was sent.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::people::Dice;

use super::{
    Talk,
    raw::{Raw, TEXT, frame, part},
};

/// Messages that are sent, each cut anew.
const MESSAGES: u64 = 300;

const PING: u8 = 9;
const PONG: u8 = 10;

/// A place in so many bytes.
fn place(dice: &mut Dice, bytes: usize) -> Result<usize> {
    Ok(usize::try_from(dice.between(0, u64::try_from(bytes)?))?)
}

/// The frames of a message, cut anywhere, with pings between some.
fn frames(dice: &mut Dice, message: &[u8]) -> Result<Vec<u8>> {
    let cuts = place(dice, 4)?;
    let places: Result<Vec<usize>> = (0..cuts).map(|_| place(dice, message.len())).collect();
    let mut places = places?;
    places.sort_unstable();
    places.push(message.len());
    let (mut bytes, mut from) = (Vec::new(), 0);
    for (number, to) in places.into_iter().enumerate() {
        let opcode = if number == 0 { TEXT } else { 0 };
        let last = if number == cuts { 0x80 } else { 0 };
        bytes.extend(part(last | opcode, message.get(from..to).context("a cut")?));
        if last == 0 && dice.between(0, 2) == 0 {
            bytes.extend(frame(PING, b"ping"));
        }
        from = to;
    }
    Ok(bytes)
}

/// A message, and whether it has nothing to hide.
fn message(dice: &mut Dice) -> (String, bool) {
    let number = dice.between(0, 999);
    let word = dice.one_of(&["grün", "heron", "🌊🌊", "a \\u00e9 b", "x"]);
    let spaces = " ".repeat(usize::try_from(dice.between(0, 3)).unwrap_or_default());
    match dice.between(0, 5) {
        0 => (
            format!("{{{spaces}\"n\": {number}, \"w\": \"{word}\"}}"),
            true,
        ),
        1 => (format!("[{number},{spaces}\"{word}\", null, 2.50]"), true),
        2 => (format!("it is {word}, the {number}th"), true),
        3 => (json!({ "w": word.repeat(3000) }).to_string(), true),
        4 => (
            format!("{{\"mail\":{spaces}\"orla.quist@example.org\", \"n\": {number}}}"),
            false,
        ),
        _ => (format!("write to orla.quist@example.org, {number}"), false),
    }
}

#[test]
fn messages_arrive_the_same_however_they_are_cut() -> Result<()> {
    let talk = Talk::start(None, |setup, _| setup)?;
    let address = talk.gateway.listen(0)?;
    let mut dice = Dice::new(6455);
    let mut whole = Raw::open(address, "/talk/talk", "")?;
    let mut cut = Raw::open(address, "/talk/talk", "")?;
    for number in 0..MESSAGES {
        let (text, is_clean) = message(&mut dice);
        whole.text(&text)?;
        let bytes = frames(&mut dice, text.as_bytes())?;
        let mut from = 0;
        while from < bytes.len() {
            let to = from + 1 + place(&mut dice, bytes.len() - from - 1)?;
            cut.send(bytes.get(from..to).context("a piece")?)?;
            from = to;
        }
        let expected = whole.next_text()?;
        let mut frame = cut.next()?;
        while frame.opcode == PONG {
            assert_eq!(frame.payload, b"ping");
            frame = cut.next()?;
        }
        let told = String::from_utf8(frame.payload)?;
        ensure!(told == expected, "{number}: {told} for {expected}");
        ensure!((told == text) == is_clean, "{number}: {told} for {text}");
        ensure!(!told.contains("orla"), "{number}: {told}");
    }
    let heard = talk.heard("message")?;
    assert_eq!(u64::try_from(heard.len())?, 2 * MESSAGES);
    let is_told = |it: &Value| it.as_str().is_some_and(|it| it.contains("orla"));
    ensure!(!heard.iter().any(is_told), "{heard:?}");
    drop((whole, cut));
    let last = talk.last()?;
    assert_eq!(last.text("result"), "client_gone");
    assert_eq!(last.number("messages"), Some(MESSAGES));
    talk.finish()
}
