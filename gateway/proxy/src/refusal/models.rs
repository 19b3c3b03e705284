//! Why a call of a model cannot be held to a budget, and what mends it.

use http::StatusCode;

use super::Interruption;

impl Interruption {
    /// A budget counts costs, and nobody knows what the model costs.
    pub fn price_unknown() -> Self {
        Self::new(StatusCode::FORBIDDEN, "price_unknown").says(
            "a budget counts costs, and no price is configured for the model that is asked for",
        )
    }

    /// A budget counts what models use, and nothing of this request tells how much that may be.
    pub fn unmetered() -> Self {
        Self::new(StatusCode::FORBIDDEN, "usage_unmetered").says(
            "a budget counts what models use, which is read of requests in JSON without a content \
             coding alone: send it so; if it is for no model, have the budget name the `operations` \
             that are",
        )
    }

    /// The same, of a request that names no model, or more than one.
    pub fn model_unnamed() -> Self {
        Self::new(StatusCode::FORBIDDEN, "usage_unmetered").says(
            "a budget counts costs: name the one model that is asked for, in at most 96 plain characters",
        )
    }

    /// The same, of a limit that is no number of tokens.
    pub fn limit_unreadable() -> Self {
        Self::new(StatusCode::FORBIDDEN, "usage_unmetered").says(
            "a budget counts what models use: limits of tokens, and how many answers there are to \
             be, must be whole numbers, such as `\"max_tokens\": 500`",
        )
    }

    /// The same, of a request without a limit.
    pub fn unlimited() -> Self {
        Self::new(StatusCode::FORBIDDEN, "usage_unmetered").says(
            "a budget counts what models use: set a limit of tokens, such as `\"max_tokens\": 500`, \
             or have `usage.output_ceiling` of the service say how many are held for a call without",
        )
    }
}
