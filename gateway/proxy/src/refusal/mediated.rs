//! Refusals of calls that are mediated.

use http::StatusCode;

use super::Interruption;

impl Interruption {
    /// Policy says `mediate`, and the mediator cannot.
    pub fn unmediated(why: mediator::Unmediated, rule: &str) -> Self {
        use mediator::Unmediated;
        let (status, reason) = match why {
            Unmediated::PurposeMissing => (StatusCode::FORBIDDEN, "purpose_missing"),
            Unmediated::NoTemplate => (StatusCode::FORBIDDEN, "mediation_unavailable"),
            Unmediated::TemplateUnknown | Unmediated::NoFields | Unmediated::NoRows => {
                (StatusCode::FORBIDDEN, "mediation_refused")
            }
            Unmediated::Unparsable | Unmediated::TooLarge | Unmediated::TooManyGroups => {
                (StatusCode::BAD_GATEWAY, "mediation_failed")
            }
        };
        let mut refusal = Self::new(status, reason).says(why.to_string());
        refusal.rule = (!rule.is_empty()).then(|| rule.to_owned());
        refusal
    }

    /// The model that must choose did not.
    pub fn model_failed(rule: &str) -> Self {
        let mut refusal = Self::new(StatusCode::BAD_GATEWAY, "mediation_failed")
            .says("the model that chooses how this call is answered chose nothing that is offered");
        refusal.rule = Some(rule.to_owned());
        refusal
    }

    /// The mediator's time is over.
    pub fn mediation_late() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "mediation_timeout")
            .says("the mediated answer was not there in time")
    }

    /// The service answered with an error, which a mediated caller hears of by its status alone.
    pub fn mediated_status(status: StatusCode) -> Self {
        let is_error = status.is_client_error() || status.is_server_error();
        let status = if is_error {
            status
        } else {
            StatusCode::BAD_GATEWAY
        };
        let mut refusal = Self::new(status, "mediation_failed")
            .says("the service did not answer with what the mediator reads");
        refusal.passing = is_error;
        refusal
    }
}
