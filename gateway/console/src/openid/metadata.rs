//! What a provider publishes of itself, and for how long that is believed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use openidconnect::{
    AdditionalProviderMetadata, ClaimsVerificationError, DiscoveryError, EndSessionUrl, IssuerUrl,
    LogoutProviderMetadata, ProviderMetadata, SignatureVerificationError, TokenUrl, UserInfoUrl,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
        CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    },
    url::Url,
};
use serde::{Deserialize, Serialize};

use super::Carried;
use crate::source::Unavailable;

/// For so long what it publishes is not asked for again.
const HELD: Duration = Duration::from_hours(1);
/// From one question that failed to the next; also from one that an unknown key asked.
const PAUSE: Duration = Duration::from_secs(5);

/// Why an ID token is not taken whose key is not known.
pub(super) const UNKNOWN_KEY: &str = "id_token_key";

/// More of what it publishes than the library reads.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Spoken {
    /// RFC 9207.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Spoken {}

pub(super) type Metadata = ProviderMetadata<
    LogoutProviderMetadata<Spoken>,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What is known of a provider.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What it said last, and when.
    said: Mutex<Option<(Arc<Metadata>, Instant)>>,
    /// Whose turn it is to ask, and when that failed last.
    asking: tokio::sync::Mutex<Option<Instant>>,
}

impl Known {
    /// What it said last, however long ago.
    pub(super) fn last(&self) -> Option<Arc<Metadata>> {
        self.said().map(|(metadata, _)| metadata)
    }

    /// What it says, as long as that is believed. Where it is away, what it said before is.
    pub(super) async fn now(
        &self,
        carried: &Carried<'_>,
        issuer: &str,
        now: Instant,
    ) -> Option<Arc<Metadata>> {
        self.within(HELD, carried, issuer, now).await
    }

    /// What it says now, where a key is not known: of all who come with one, the first asks.
    pub(super) async fn anew(
        &self,
        carried: &Carried<'_>,
        issuer: &str,
        now: Instant,
    ) -> Option<Arc<Metadata>> {
        self.within(PAUSE, carried, issuer, now).await
    }

    async fn within(
        &self,
        held: Duration,
        carried: &Carried<'_>,
        issuer: &str,
        now: Instant,
    ) -> Option<Arc<Metadata>> {
        let fresh = || {
            let said = self.said();
            said.filter(|(_, at)| now.saturating_duration_since(*at) < held)
        };
        if let Some((metadata, _)) = fresh() {
            return Some(metadata);
        }
        let mut failed = self.asking.lock().await;
        if let Some((metadata, _)) = fresh() {
            return Some(metadata);
        }
        if failed.is_some_and(|at| at.elapsed() < PAUSE) {
            return self.last();
        }
        match asked(carried, issuer).await {
            Ok(metadata) => {
                *failed = None;
                let metadata = Arc::new(metadata);
                let said = Some((Arc::clone(&metadata), Instant::now()));
                *self.said.lock().unwrap_or_else(PoisonError::into_inner) = said;
                Some(metadata)
            }
            Err(why) => {
                tracing::warn!(issuer, why, "a provider of logins does not say what it is");
                *failed = Some(Instant::now());
                self.last()
            }
        }
    }

    fn said(&self) -> Option<(Arc<Metadata>, Instant)> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone()
    }
}

async fn asked(carried: &Carried<'_>, issuer: &str) -> Result<Metadata, &'static str> {
    let typed = IssuerUrl::new(issuer.to_owned()).map_err(|_| "its name is no address")?;
    let metadata = Metadata::discover_async(typed, carried).await;
    let metadata = metadata.map_err(|error| discovery_fault(&error))?;
    let issuer = Url::parse(issuer).map_err(|_| "its name is no address")?;
    let more = metadata.additional_metadata();
    let token = metadata.token_endpoint().map(TokenUrl::url);
    let places = [
        Some(metadata.authorization_endpoint().url()),
        Some(token.ok_or("it has no token endpoint")?),
        metadata.userinfo_endpoint().map(UserInfoUrl::url),
        more.end_session_endpoint.as_ref().map(EndSessionUrl::url),
    ];
    if !places.into_iter().flatten().all(|it| is_fit(it, &issuer)) {
        return Err("it names a place that is neither of https nor its own");
    }
    Ok(metadata)
}

/// In the clear only where the provider itself is so, which the configuration allows on this host alone. No browser is
/// sent to what is no page.
fn is_fit(place: &Url, issuer: &Url) -> bool {
    place.scheme() == "https" || place.origin() == issuer.origin()
}

/// What was wrong; what the provider sent, which may be anything, is not told.
fn discovery_fault(error: &DiscoveryError<Unavailable>) -> &'static str {
    match error {
        DiscoveryError::Request(_) => "it cannot be reached, or answers too much",
        DiscoveryError::Response(..) => "it answers with another status or kind of document",
        DiscoveryError::Parse(_) => "what it publishes cannot be read",
        DiscoveryError::Validation(_) => "it says that it is another issuer",
        _ => "its name is no address",
    }
}

/// Why an ID token is not taken.
pub(super) fn fault(error: &ClaimsVerificationError) -> &'static str {
    use ClaimsVerificationError::{
        Expired, InvalidAudience, InvalidIssuer, InvalidNonce, SignatureVerification,
    };
    match error {
        Expired(_) => "id_token_expired",
        InvalidAudience(_) => "id_token_audience",
        InvalidIssuer(_) => "id_token_issuer",
        InvalidNonce(_) => "id_token_nonce",
        SignatureVerification(SignatureVerificationError::NoMatchingKey) => UNKNOWN_KEY,
        SignatureVerification(
            SignatureVerificationError::DisallowedAlg(_) | SignatureVerificationError::NoSignature,
        ) => "id_token_algorithm",
        SignatureVerification(_) => "id_token_signature",
        _ => "id_token_unusable",
    }
}
