//! Why nothing more is spent.

use admission::budget::OverBudget;
use http::StatusCode;

use super::Interruption;

impl Interruption {
    /// A budget does not have what is asked for, or cannot be asked.
    pub fn over_budget(over: &OverBudget) -> Self {
        match over {
            OverBudget::Exhausted(exhausted) => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                let mut refusal = Self::new(status, "budget_exhausted").says(exhausted.to_string());
                refusal.rule = Some(exhausted.budget.to_string());
                refusal.finding = true;
                refusal.retry_after = exhausted.renews_in;
                refusal
            }
            OverBudget::Unleased { budget, .. } => {
                // Why not names hosts and servers, which is for operators.
                let mut refusal = Self::unleased();
                refusal.rule = Some(budget.to_string());
                refusal
            }
            OverBudget::Short => Self::unleased(),
            OverBudget::Unavailable => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let mut refusal = Self::new(status, "budgets_unavailable")
                    .says("what this call spends could not be made durable");
                refusal.retry_after = Some(1);
                refusal
            }
        }
    }

    fn unleased() -> Self {
        let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "budget_unleased")
            .says("hosts share this budget, and this one cannot lease any of it at the moment")
            .passes();
        refusal.retry_after = Some(1);
        refusal
    }
}
