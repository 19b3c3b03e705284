//! Bars as SVG, inside of the page: no script, and the numbers stand in it as text.

use maud::{Markup, html};

use crate::Chart;

/// User units: a page's width.
const WIDTH: u64 = 720;
/// The most that names take, and what one of their characters does.
const NAMES_MAX: u64 = 280;
const CHAR: u64 = 7;
const NUMBERS: u64 = 80;
const ROW: u64 = 24;
const BAR: u64 = 14;

/// Characters of a name that fit.
const NAME_CHARS: usize = 38;

pub(super) fn svg(chart: &Chart) -> Markup {
    let longest = chart.bars.iter().map(|(_, length)| *length).max();
    let longest = longest.unwrap_or(1).max(1);
    let height = ROW * chart.bars.len() as u64;
    let widest = chart
        .bars
        .iter()
        .map(|(name, _)| name.chars().count() as u64);
    let names = (widest.max().unwrap_or(0) * CHAR + 16).min(NAMES_MAX);
    let room = WIDTH - names - NUMBERS;
    let words: Vec<String> = chart
        .bars
        .iter()
        .map(|(name, length)| format!("{name}: {length}"))
        .collect();
    html! {
        figure {
            figcaption { (chart.title) }
            svg role="img" viewBox={ "0 0 " (WIDTH) " " (height) } width=(WIDTH) height=(height)
                aria-label={ (chart.title) ". " (words.join("; ")) } {
                @for ((name, length), at) in chart.bars.iter().zip(0_u64..) {
                    @let width = scaled(*length, longest, room);
                    text x=(names - 8) y=(at * ROW + 16) text-anchor="end" { (short(name)) title { (name) } }
                    rect x=(names) y=(at * ROW + 5) width=(width) height=(BAR) rx="2" {}
                    text.number x=(names + width + 6) y=(at * ROW + 16) { (length) }
                }
            }
        }
    }
}

/// A bar that is there at all is seen.
fn scaled(length: u64, longest: u64, room: u64) -> u64 {
    let scaled = u128::from(length) * u128::from(room) / u128::from(longest);
    u64::try_from(scaled).unwrap_or(room).clamp(1, room)
}

/// The end of a long name says more than its beginning.
fn short(name: &str) -> String {
    let long = name.chars().count().saturating_sub(NAME_CHARS);
    if long == 0 {
        return name.to_owned();
    }
    let end = name.chars().skip(long + 1);
    std::iter::once('…').chain(end).collect()
}
