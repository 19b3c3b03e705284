//! Questions to a provider of logins. It says itself where its parts are, so that it could have the console ask what only
//! this host can reach: only what the operator wrote may be an address, or this host.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use console::{HttpRequest, HttpResponse};
use flows::Network;
use http::{Response, Uri, uri::Authority};
use proxy::Upstream;
use rustls::ClientConfig;

/// Who may be asked.
pub(crate) struct Outward {
    pub(crate) client: Arc<ClientConfig>,
    /// As it is configured.
    pub(crate) issuer: Uri,
    /// Addresses that are not public, and that its names may stand for.
    pub(crate) networks: Vec<Network>,
}

/// Why somebody is not asked, or does not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutwardFault {
    #[error("`{0}` is not asked: neither where the issuer is, nor of https with a name of its own")]
    Place(Authority),
    #[error("this is no address")]
    NoPlace,
    #[error(transparent)]
    Post(#[from] proxy::post::PostFault),
}

impl Outward {
    /// Asks, follows nobody elsewhere, and reads so much of the answer and no more.
    pub(crate) async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, OutwardFault> {
        let (parts, body) = request.into_parts();
        let uri = parts.uri;
        self.may(&uri)?;
        let place = std::iter::once((&uri, &*self.networks));
        let client = Upstream::guarded_to(&self.client, place);
        let body = Bytes::from(body);
        let asked = client.call(parts.method, uri.clone(), parts.headers, body);
        let (status, body) = asked.await?;
        // An answer that says nothing of its kind is taken for JSON, which it then must be.
        let mut answer = Response::new(body.to_vec());
        *answer.status_mut() = status;
        Ok(answer)
    }

    fn may(&self, uri: &Uri) -> Result<(), OutwardFault> {
        let place = uri.authority().ok_or(OutwardFault::NoPlace)?;
        if uri.scheme() == self.issuer.scheme() && Some(place) == self.issuer.authority() {
            return Ok(());
        }
        let host = place.host().trim_matches(['[', ']']);
        let is_own = host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok();
        if uri.scheme_str() == Some("https") && !is_own {
            return Ok(());
        }
        Err(OutwardFault::Place(place.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(issuer: &str, asked: &str) -> bool {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let client = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let outward = Outward {
            client: Arc::new(client),
            issuer: issuer.parse().unwrap(),
            networks: Vec::new(),
        };
        outward.may(&asked.parse().unwrap()).is_ok()
    }

    #[test]
    fn a_provider_has_nobody_ask_this_host_or_an_address_that_nobody_wrote() {
        let far = "https://login.example/realm";
        for asked in [
            "https://login.example/keys",
            "https://keys.example/keys",
            "https://LOGIN.example/token",
        ] {
            assert!(may(far, asked), "{asked}");
        }
        for asked in [
            "http://login.example/keys",
            "http://keys.example/keys",
            "https://localhost/keys",
            "https://LOCALHOST:8443/keys",
            "https://127.0.0.1/keys",
            "https://[::1]/keys",
            "https://169.254.169.254/latest",
            "https://10.0.0.1/keys",
            "/keys",
        ] {
            assert!(!may(far, asked), "{asked}");
        }
        let home = "http://127.0.0.1:4000";
        assert!(may(home, "http://127.0.0.1:4000/token"));
        for asked in [
            "http://127.0.0.1:4001/token",
            "https://127.0.0.1:4000/token",
            "http://localhost:4000/token",
        ] {
            assert!(!may(home, asked), "{asked}");
        }
    }
}
