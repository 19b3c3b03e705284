//! What models cost.

use super::Counts;

/// Tokens that a price is for.
const TOKENS_OF_PRICE: u128 = 1_000_000;

/// Which models a price is of: `gpt-4o`, or with a star at its end all that begin so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Box<str>);

/// The prices of a million tokens of a model, in millionths of a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The models.
    pub model: Pattern,
    /// Of tokens that are read.
    pub input: u64,
    /// Of tokens that come from a cache.
    pub cache_read: u64,
    /// Of tokens that go to a cache.
    pub cache_write: u64,
    /// Of tokens that are written.
    pub output: u64,
}

/// All of them; the first that fits a model is its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(pub Vec<Price>);

impl Pattern {
    /// A pattern; none if a star stands elsewhere than at its end, or nothing stands there.
    pub fn new(text: &str) -> Option<Self> {
        let name = text.strip_suffix('*').unwrap_or(text);
        (!text.is_empty() && !name.contains('*')).then(|| Self(text.into()))
    }

    fn fits(&self, model: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => *self.0 == *model,
        }
    }
}

impl Price {
    /// What these tokens cost, in millionths, rounded up.
    pub(super) fn cost(&self, counts: Counts) -> u64 {
        let parts = [
            (counts.input, self.input),
            (counts.cache_read, self.cache_read),
            (counts.cache_write, self.cache_write),
            (counts.output, self.output),
        ];
        let whole = parts
            .into_iter()
            .map(|(tokens, price)| u128::from(tokens) * u128::from(price))
            .fold(0_u128, u128::saturating_add);
        u64::try_from(whole.div_ceil(TOKENS_OF_PRICE)).unwrap_or(u64::MAX)
    }
}

impl Prices {
    /// The price of a model, by its name.
    pub(super) fn of(&self, model: &str) -> Option<&Price> {
        self.0.iter().find(|price| price.model.fits(model))
    }

    /// What these tokens cost at most, of whichever model they are; none if nothing has a price.
    pub(super) fn dearest(&self, counts: Counts) -> Option<u64> {
        self.0.iter().map(|price| price.cost(counts)).max()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
