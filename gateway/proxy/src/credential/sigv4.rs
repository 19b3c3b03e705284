//! AWS Signature Version 4: the request is signed as it is sent, by AWS's own signer.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::{HeaderName, Request, header};
use vault::Credential;
use zeroize::Zeroizing;

use crate::{
    body::Outbound, headers::SESSION_TOKEN, refusal::Interruption, upstream::authority, veil::Veil,
};

/// What the agent's own signature said, beside [`SESSION_TOKEN`]: it was of another request, by no key.
static OF_ANOTHER: [HeaderName; 5] = [
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-content-sha256"),
    HeaderName::from_static("x-amz-decoded-content-length"),
    HeaderName::from_static("x-amz-trailer"),
    header::DATE,
];

/// Fields that a signature covers, beside `host` and `content-type`.
const COVERED: &str = "x-amz-";

/// Names by which requests to Amazon S3 are signed; others that begin alike (`s3tables`) sign as all services do.
const S3: [&str; 3] = ["s3", "s3-object-lambda", "s3-outposts"];

/// For what requests are signed.
#[derive(Clone, Debug)]
pub struct SigV4 {
    /// The region that the service is in: `eu-central-1`.
    pub region: String,
    /// By which name the service signs: `s3`, `dynamodb`, `bedrock`.
    pub service: String,
}

/// A pair of keys, or the three parts of a session.
struct Keys<'c> {
    id: &'c str,
    secret: &'c str,
    session: Option<&'c str>,
}

impl<'c> Keys<'c> {
    /// `ID:SECRET` or `ID:SECRET:TOKEN`: AWS changes them together, so they stand together.
    fn of(credential: &'c Credential) -> Option<Self> {
        let text = str::from_utf8(credential.expose()).ok()?;
        let mut parts = text.split(':');
        let (id, secret, session) = (parts.next()?, parts.next()?, parts.next());
        let whole = [id, secret].iter().chain(&session).all(|it| !it.is_empty());
        (whole && parts.next().is_none()).then_some(Self {
            id,
            secret,
            session,
        })
    }
}

impl SigV4 {
    /// Signs a request whose body is whole, as it is from now on.
    pub(super) fn sign(
        &self,
        credential: &Credential,
        now: SystemTime,
        request: &mut Request<Outbound>,
        veil: &mut Veil,
    ) -> Result<(), Interruption> {
        let keys = Keys::of(credential).ok_or_else(Interruption::credential_unavailable)?;
        for name in &OF_ANOTHER {
            request.headers_mut().remove(name);
        }
        let signature = self.signed(&keys, now, request);
        let signature = signature.ok_or_else(Interruption::unsignable)?;
        // Whoever has it can send the same request again, past the gateway, for minutes.
        let known = [Some(keys.secret), Some(&**signature), keys.session];
        for known in known.into_iter().flatten() {
            veil.and(known.as_bytes());
        }
        Ok(())
    }

    /// Signs a request of the gateway's own; none if it cannot be signed.
    pub(crate) fn sign_own(
        &self,
        credential: &Credential,
        now: SystemTime,
        request: &mut Request<Outbound>,
    ) -> Option<()> {
        self.signed(&Keys::of(credential)?, now, request).map(drop)
    }

    /// Signs it, and gives the signature; none if it cannot be signed.
    fn signed(
        &self,
        keys: &Keys<'_>,
        now: SystemTime,
        request: &mut Request<Outbound>,
    ) -> Option<Zeroizing<String>> {
        // What still comes was refused before.
        let Outbound::Whole(pieces) = request.body() else {
            return None;
        };
        let body = pieces.iter().flatten().copied().collect::<Vec<u8>>();
        let session = keys.session.map(str::to_owned);
        let identity = Credentials::new(keys.id, keys.secret, session, None, "vault").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(now)
            .settings(self.settings())
            .build()
            .ok()?
            .into();
        let uri = request.uri().to_string();
        let host = authority(request.uri());
        let fields = request.headers().iter().filter(|(name, _)| {
            name.as_str().starts_with(COVERED) || **name == header::CONTENT_TYPE
        });
        let fields = fields.map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let mut fields = fields.collect::<Option<Vec<_>>>()?;
        fields.push((header::HOST.as_str(), &host));
        let signable = SignableRequest::new(
            request.method().as_str(),
            uri,
            fields.into_iter(),
            SignableBody::Bytes(&body),
        );
        let (instructions, signature) = sign(signable.ok()?, &params).ok()?.into_parts();
        instructions.apply_to_request_http1x(request);
        for name in [&header::AUTHORIZATION, &SESSION_TOKEN] {
            if let Some(value) = request.headers_mut().get_mut(name) {
                value.set_sensitive(true);
            }
        }
        Some(Zeroizing::new(signature))
    }

    /// Amazon S3 reads a path as it stands and wants the body's digest in a field of its own.
    fn settings(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if S3.contains(&&*self.service) {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }
}
