//! Which kernel runs: for what cannot be asked for by itself.

/// The first two numbers of its release; zeroes if it has none.
pub(crate) fn running() -> (u32, u32) {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
    (next(), next())
}
