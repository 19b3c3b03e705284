//! Whether whoever shows a token holds what it is bound to. A token that was copied out of a process
//! is worth nothing without that.

use jiff::Timestamp;

use crate::{
    binding::{Binding, Thumbprint},
    caller::Cause,
    dpop::{self, Used},
};

/// The request that a token is shown with.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET`.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host and port, as the client names them.
    pub authority: &'a str,
    /// Without the query.
    pub path: &'a str,
}

/// How a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// As one that needs no proof: `Authorization: Bearer`.
    Bearer,
    /// As one with a proof: `Authorization: DPoP`.
    Dpop,
    /// In a field that says neither.
    Other,
}

/// What comes with a token.
#[derive(Clone, Copy, Debug)]
pub struct Possession<'a> {
    /// The digest of the certificate that the client showed, and proved to hold, in TLS.
    pub certificate: Option<Thumbprint>,
    /// A proof for this request.
    pub proof: Option<&'a str>,
    /// How it is shown.
    pub scheme: Scheme,
    /// The request.
    pub request: Request<'a>,
}

impl Possession<'_> {
    /// Whether it proves all that `binding` asks for.
    pub(crate) fn proves(
        &self,
        binding: Option<&Binding>,
        token: &str,
        used: &Used,
        now: Timestamp,
    ) -> Result<(), Cause> {
        let Some(binding) = binding else {
            // RFC 9449, 7.1: a proof is of no use to a token that asks for none, and whoever shows
            // one believes that it does.
            let unbound = self.scheme == Scheme::Dpop;
            return if unbound {
                Err(Cause::TokenUnbound)
            } else {
                Ok(())
            };
        };
        if let Some(certificate) = &binding.certificate
            && self.certificate.as_ref() != Some(certificate)
        {
            return Err(Cause::CertificateMismatch);
        }
        let Some(key) = &binding.key else {
            return Ok(());
        };
        // RFC 9449, 7.2: not as if it were a bearer's.
        let proof = self.proof.filter(|_| self.scheme != Scheme::Bearer);
        let proof = proof.ok_or(Cause::ProofRequired)?;
        dpop::verify(proof, token, key, &self.request, used, now).map_err(Cause::ProofInvalid)
    }
}
