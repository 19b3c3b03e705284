//! A stand-in for the SPIFFE Workload API: no SPIRE server comes as a package. It speaks the published protocol
//! over a Unix socket and issues real, short-lived SVIDs that it renews at half of their life; what it leaves
//! out is to attest who asks. Each stand-in is for one workload.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use futures_util::{Stream, StreamExt as _, stream};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::UnixListener, runtime::Runtime, sync::watch, time::sleep};
use tonic::{Request, Response, Status, transport::Server};

use crate::{clock, tokens};

#[expect(
    unreachable_pub,
    unused_qualifications,
    clippy::pedantic,
    clippy::clone_on_ref_ptr,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "made from the description of the protocol"
)]
mod wire {
    tonic::include_proto!("_");
}

use wire::{
    JwtBundlesRequest, JwtBundlesResponse, Jwtsvid, JwtsvidRequest, JwtsvidResponse,
    ValidateJwtsvidRequest, ValidateJwtsvidResponse, X509BundlesRequest, X509BundlesResponse,
    X509svid, X509svidRequest, X509svidResponse,
    spiffe_workload_api_server::{SpiffeWorkloadApi, SpiffeWorkloadApiServer},
};

/// Who vouches for a trust domain.
#[derive(Clone)]
pub struct TrustDomain(Arc<Domain>);

struct Domain {
    name: String,
    issuer: Issuer<'static, KeyPair>,
    root: Vec<u8>,
    /// Signs JWT-SVIDs, and may be another any time.
    signer: watch::Sender<Arc<tokens::Issuer>>,
    /// Names the signer's key.
    key: Mutex<u32>,
}

impl TrustDomain {
    /// The trust domain `name`, with keys of its own.
    pub fn new(name: &str) -> Result<Self> {
        let mut root = CertificateParams::new(Vec::<String>::new())?;
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let domain = format!("spiffe://{name}");
        root.subject_alt_names = vec![SanType::URI(domain.as_str().try_into()?)];
        let told = &mut root.distinguished_name;
        told.push(DnType::CommonName, format!("the trust domain {name}"));
        let key = KeyPair::generate()?;
        let certificate = root.self_signed(&key)?;
        let (signer, _) = watch::channel(Arc::new(tokens::Issuer::named("1")?));
        Ok(Self(Arc::new(Domain {
            name: domain,
            root: certificate.der().to_vec(),
            issuer: Issuer::new(root, key),
            signer,
            key: Mutex::new(1),
        })))
    }

    /// Signs JWT-SVIDs by another key from now on; the one before is in no bundle any more.
    pub fn rotate_signer(&self) -> Result<()> {
        let mut key = self.0.key.lock().unwrap_or_else(PoisonError::into_inner);
        *key += 1;
        let fresh = tokens::Issuer::named(&key.to_string())?;
        self.0.signer.send_replace(Arc::new(fresh));
        Ok(())
    }

    /// A JWT-SVID of the workload at `path`, by the key of today.
    pub fn jwt_svid(&self, path: &str, audience: &str, lifetime: Duration) -> Result<String> {
        let signer = self.0.signer.borrow().clone();
        let id = format!("{}{path}", self.0.name);
        signer.svid(&id, &[audience.to_owned()], lifetime)
    }

    /// A certificate and its key, DER, for the workload at `path`.
    fn certify(&self, path: &str, lifetime: Duration) -> Result<(Vec<u8>, Vec<u8>)> {
        let id = format!("{}{path}", self.0.name);
        let mut leaf = CertificateParams::new(Vec::<String>::new())?;
        leaf.subject_alt_names = vec![SanType::URI(id.as_str().try_into()?)];
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let seconds = i64::try_from(clock::unix_seconds())?;
        let moment = |seconds| {
            time::OffsetDateTime::from_unix_timestamp(seconds).context("a moment in time")
        };
        // As SPIRE does, for clocks that are behind.
        leaf.not_before = moment(seconds - 10)?;
        leaf.not_after = moment(seconds + i64::try_from(lifetime.as_secs())?)?;
        let key = KeyPair::generate()?;
        let signed = leaf.signed_by(&key, &self.0.issuer)?;
        Ok((signed.der().to_vec(), key.serialize_der()))
    }

    fn jwt_bundle(&self) -> Vec<u8> {
        let signer = self.0.signer.borrow().clone();
        let mut keys: Value = serde_json::from_str(&signer.jwks()).unwrap_or_default();
        for key in keys
            .get_mut("keys")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(key) = key.as_object_mut() {
                key.insert("use".to_owned(), json!("jwt-svid"));
            }
        }
        keys.to_string().into_bytes()
    }
}

/// One workload's Workload API; it ends with this value.
pub struct WorkloadApi {
    folder: TempDir,
    _runtime: Runtime,
}

impl WorkloadApi {
    /// For the workload at `path` of `domain`, whose SVIDs live for `lifetime`; `federated` are the other
    /// trust domains that it is told the bundles of.
    pub fn serve(
        domain: &TrustDomain,
        path: &str,
        lifetime: Duration,
        federated: &[TrustDomain],
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let workload = Workload {
            domain: domain.clone(),
            path: path.to_owned(),
            lifetime,
            federated: federated.to_vec(),
        };
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(folder.path().join("api.sock"))?
        };
        let accepted = stream::unfold(listener, async |listener| {
            let stream = listener.accept().await.map(|(stream, _)| stream);
            Some((stream, listener))
        });
        runtime.spawn(
            Server::builder()
                .add_service(SpiffeWorkloadApiServer::new(workload))
                .serve_with_incoming(accepted),
        );
        Ok(Self {
            folder,
            _runtime: runtime,
        })
    }

    /// Where it is asked.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    /// The same, as clients name it.
    pub fn endpoint(&self) -> String {
        endpoint(&self.socket())
    }
}

/// A socket as clients name it.
pub fn endpoint(socket: &Path) -> String {
    format!("unix:{}", socket.display())
}

#[derive(Clone)]
struct Workload {
    domain: TrustDomain,
    path: String,
    lifetime: Duration,
    federated: Vec<TrustDomain>,
}

impl Workload {
    fn id(&self) -> String {
        format!("{}{}", self.domain.0.name, self.path)
    }

    fn others(&self) -> HashMap<String, Vec<u8>> {
        let others = self.federated.iter();
        others
            .map(|it| (it.0.name.clone(), it.0.root.clone()))
            .collect()
    }

    fn svids(&self) -> Result<X509svidResponse, Status> {
        let failed = |error: anyhow::Error| Status::internal(error.to_string());
        let made = self.domain.certify(&self.path, self.lifetime);
        let (x509_svid, x509_svid_key) = made.map_err(failed)?;
        Ok(X509svidResponse {
            svids: vec![X509svid {
                spiffe_id: self.id(),
                x509_svid,
                x509_svid_key,
                bundle: self.domain.0.root.clone(),
                hint: String::new(),
            }],
            crl: Vec::new(),
            federated_bundles: self.others(),
        })
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Whoever asks says so, lest another program be led here by HTTP (Workload Endpoint, section 6).
fn is_meant<T>(request: &Request<T>) -> Result<(), Status> {
    let meant = request.metadata().get("workload.spiffe.io");
    let is_meant = meant.is_some_and(|meant| meant == "true");
    is_meant
        .then_some(())
        .ok_or_else(|| Status::invalid_argument("no `workload.spiffe.io: true`"))
}

#[tonic::async_trait]
impl SpiffeWorkloadApi for Workload {
    type FetchX509SVIDStream = Answers<X509svidResponse>;
    type FetchX509BundlesStream = Answers<X509BundlesResponse>;
    type FetchJWTBundlesStream = Answers<JwtBundlesResponse>;

    async fn fetch_x509svid(
        &self,
        request: Request<X509svidRequest>,
    ) -> Result<Response<Self::FetchX509SVIDStream>, Status> {
        is_meant(&request)?;
        let renewed = stream::unfold((self.clone(), false), async |(workload, waits)| {
            if waits {
                sleep(workload.lifetime / 2).await;
            }
            Some((workload.svids(), (workload, true)))
        });
        Ok(Response::new(renewed.boxed()))
    }

    async fn fetch_x509_bundles(
        &self,
        request: Request<X509BundlesRequest>,
    ) -> Result<Response<Self::FetchX509BundlesStream>, Status> {
        is_meant(&request)?;
        let mut bundles = self.others();
        bundles.insert(self.domain.0.name.clone(), self.domain.0.root.clone());
        let answer = X509BundlesResponse {
            crl: Vec::new(),
            bundles,
        };
        let once = stream::iter([Ok(answer)]).chain(stream::pending());
        Ok(Response::new(once.boxed()))
    }

    async fn fetch_jwtsvid(
        &self,
        request: Request<JwtsvidRequest>,
    ) -> Result<Response<JwtsvidResponse>, Status> {
        is_meant(&request)?;
        let signer = self.domain.0.signer.borrow().clone();
        let audience = &request.get_ref().audience;
        let made = signer.svid(&self.id(), audience, self.lifetime);
        let svid = made.map_err(|error| Status::internal(error.to_string()))?;
        let svids = vec![Jwtsvid {
            spiffe_id: self.id(),
            svid,
            hint: String::new(),
        }];
        Ok(Response::new(JwtsvidResponse { svids }))
    }

    async fn fetch_jwt_bundles(
        &self,
        request: Request<JwtBundlesRequest>,
    ) -> Result<Response<Self::FetchJWTBundlesStream>, Status> {
        is_meant(&request)?;
        let changes = self.domain.0.signer.subscribe();
        let first = (self.domain.clone(), changes, false);
        let told = stream::unfold(first, async |(domain, mut changes, waits)| {
            if waits && changes.changed().await.is_err() {
                return None;
            }
            changes.borrow_and_update();
            let bundles = HashMap::from([(domain.0.name.clone(), domain.jwt_bundle())]);
            Some((Ok(JwtBundlesResponse { bundles }), (domain, changes, true)))
        });
        Ok(Response::new(told.boxed()))
    }

    async fn validate_jwtsvid(
        &self,
        _: Request<ValidateJwtsvidRequest>,
    ) -> Result<Response<ValidateJwtsvidResponse>, Status> {
        Err(Status::unimplemented("nobody here asks for that"))
    }
}
