//! What tests of this crate sign, and what they verify it with. The product never signs.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_core::{Actor, EpochMillis, Revocation, RevocationStore, Sha256Digest, StateError};
use palisade_jose::{KeySet, PublicKey};
use serde_json::{Map, Value, json};

use crate::issuers::{TokenKind, TrustedIssuer};
use crate::keys::IssuerKeys;
use crate::presented::{PresentedLink, PresentedToken, Rights};
use crate::revocation::RevocationIndex;
use crate::verifier::{IdentityConfig, IdentityVerifier};

/// 2026-11-22T12:00:00Z, in seconds.
pub(crate) const NOW: i64 = 1_795_348_800;

pub(crate) const IDP: &str = "https://idp.example";
pub(crate) const STS: &str = "https://sts.example";
pub(crate) const DOMAIN: &str = "spiffe://prod.example";
pub(crate) const US: &str = "https://palisade.example";

pub(crate) fn now() -> EpochMillis {
    at(0)
}

/// So many seconds after [`NOW`].
pub(crate) fn at(seconds: i64) -> EpochMillis {
    EpochMillis::new((NOW + seconds) * 1000)
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn digest_of(text: &str) -> String {
    base64url(Sha256Digest::of(text.as_bytes()).as_bytes())
}

/// A key pair and the id of its public half.
pub(crate) enum Signer {
    Ec(EcdsaKeyPair, &'static str),
    Ed(Ed25519KeyPair, &'static str),
}

impl Signer {
    /// ES256.
    pub(crate) fn new(key_id: &'static str) -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), key_id)
    }

    /// `EdDSA`.
    pub(crate) fn ed25519(key_id: &'static str) -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap(), key_id)
    }

    pub(crate) fn key_id(&self) -> &'static str {
        match self {
            Self::Ec(_, key_id) | Self::Ed(_, key_id) => key_id,
        }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Ec(..) => "ES256",
            Self::Ed(..) => "EdDSA",
        }
    }

    /// The public half, without `kid`.
    pub(crate) fn jwk(&self) -> Map<String, Value> {
        let jwk = match self {
            Self::Ec(pair, _) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y)})
            }
            Self::Ed(pair, _) => {
                let x = base64url(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x})
            }
        };
        object(jwk)
    }

    pub(crate) fn public(&self) -> PublicKey {
        let mut jwk = self.jwk();
        jwk.insert("kid".to_owned(), json!(self.key_id()));
        PublicKey::from_jwk(&jwk).unwrap()
    }

    pub(crate) fn thumbprint(&self) -> [u8; 32] {
        *self.public().thumbprint()
    }

    pub(crate) fn jkt(&self) -> String {
        base64url(&self.thumbprint())
    }

    /// A token with `typ`, `alg` and `kid`.
    pub(crate) fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({"typ": typ, "alg": self.algorithm(), "kid": self.key_id()});
        self.sign_with(&header, claims)
    }

    /// A token with exactly this header.
    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// A token with exactly these texts.
    pub(crate) fn sign_text(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        let signature = match self {
            Self::Ec(pair, _) => {
                pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec()
            }
            Self::Ed(pair, _) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
        };
        format!("{signed}.{}", base64url(&signature))
    }
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("no object: {value}") };
    object
}

/// Replaces members; `null` removes one.
pub(crate) fn with(mut claims: Value, changes: Value) -> Value {
    for (name, value) in object(changes) {
        let members = claims.as_object_mut().unwrap();
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    claims
}

/// Keys that a test replaces.
#[derive(Debug, Default)]
pub(crate) struct TestKeys {
    keys: Mutex<Option<Arc<KeySet>>>,
    generation: AtomicU64,
    pub(crate) wanted: AtomicUsize,
}

impl TestKeys {
    pub(crate) fn of(signers: &[&Signer]) -> Arc<Self> {
        let keys = Arc::new(Self::default());
        keys.publish(signers);
        keys
    }

    pub(crate) fn publish(&self, signers: &[&Signer]) {
        let keys = KeySet::new(signers.iter().map(|signer| signer.public()).collect()).unwrap();
        *self.keys.lock().unwrap() = Some(Arc::new(keys));
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

impl IssuerKeys for TestKeys {
    fn current(&self) -> Option<Arc<KeySet>> {
        self.keys.lock().unwrap().clone()
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn wants(&self, _key_id: Option<&str>) {
        self.wanted.fetch_add(1, Ordering::SeqCst);
    }
}

/// A store in memory that can be told to fail.
#[derive(Debug, Default)]
pub(crate) struct TestStore {
    pub(crate) stored: Mutex<Vec<Revocation>>,
    pub(crate) fails: AtomicBool,
}

impl TestStore {
    fn check(&self) -> Result<(), StateError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StateError::Unavailable(std::io::Error::other("as told")));
        }
        Ok(())
    }
}

impl RevocationStore for TestStore {
    fn is_durable(&self) -> bool {
        false
    }

    fn load(&self) -> Result<Vec<Revocation>, StateError> {
        self.check()?;
        Ok(self.stored.lock().unwrap().clone())
    }

    fn append(&self, revocation: &Revocation) -> Result<(), StateError> {
        self.check()?;
        self.stored.lock().unwrap().push(revocation.clone());
        Ok(())
    }

    fn prune(&self, now: EpochMillis) -> Result<usize, StateError> {
        self.check()?;
        let mut stored = self.stored.lock().unwrap();
        let before = stored.len();
        stored.retain(|revocation| !revocation.is_over(now));
        Ok(before - stored.len())
    }
}

/// Rights, one by one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TestRights {
    pub(crate) assert: bool,
    pub(crate) compose: bool,
    pub(crate) certificates: bool,
    pub(crate) possession: bool,
}

impl Rights for TestRights {
    fn may_assert(&self, _actor: &Actor) -> bool {
        self.assert
    }

    fn may_compose(&self) -> bool {
        self.compose
    }

    fn may_pass_certificates(&self) -> bool {
        self.certificates
    }

    fn may_vouch_for_possession(&self) -> bool {
        self.possession
    }
}

pub(crate) const ASSERT: TestRights =
    TestRights { assert: true, compose: false, certificates: false, possession: false };
pub(crate) const COMPOSE: TestRights =
    TestRights { assert: false, compose: true, certificates: false, possession: false };
pub(crate) const CERTIFICATES: TestRights =
    TestRights { assert: false, compose: false, certificates: true, possession: false };
pub(crate) const POSSESSION: TestRights =
    TestRights { assert: false, compose: false, certificates: false, possession: true };

/// Three issuers: an identity provider of users, a token service that may speak for them and for
/// the workloads of a trust domain, and that trust domain.
pub(crate) struct World {
    pub(crate) idp: Signer,
    pub(crate) sts: Signer,
    pub(crate) domain: Signer,
    pub(crate) idp_keys: Arc<TestKeys>,
    pub(crate) revocations: Arc<RevocationIndex>,
    pub(crate) verifier: IdentityVerifier,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::changed(|_config| {})
    }

    pub(crate) fn changed(change: impl FnOnce(&mut IdentityConfig)) -> Self {
        let (idp, sts, domain) =
            (Signer::new("idp-1"), Signer::ed25519("sts-1"), Signer::new("domain-1"));
        let idp_keys = TestKeys::of(&[&idp]);
        let mut config = config(&idp_keys, &sts, &domain);
        change(&mut config);
        let revocations = Arc::new(
            RevocationIndex::load(Arc::new(TestStore::default()), config.longest_life()).unwrap(),
        );
        let verifier = IdentityVerifier::new(config, None, Arc::clone(&revocations)).unwrap();
        Self { idp, sts, domain, idp_keys, revocations, verifier }
    }

    /// An access token of the identity provider about alice, with changes.
    pub(crate) fn alice(&self, changes: Value) -> String {
        self.idp.sign("at+jwt", &with(access_claims(IDP, "alice"), changes))
    }

    /// A token of the token service about alice, with changes.
    pub(crate) fn exchanged(&self, changes: Value) -> String {
        self.sts.sign("at+jwt", &with(access_claims(STS, "alice"), changes))
    }

    /// A JWT-SVID.
    pub(crate) fn svid(&self, path: &str, changes: Value) -> String {
        let claims = json!({
            "sub": format!("{DOMAIN}/{path}"), "aud": [US], "exp": NOW + 300, "iat": NOW - 5,
        });
        self.domain.sign("JWT", &with(claims, changes))
    }
}

fn config(idp_keys: &Arc<TestKeys>, sts: &Signer, domain: &Signer) -> IdentityConfig {
    let idp = TrustedIssuer {
        audiences: vec![US.to_owned()],
        ..TrustedIssuer::new(IDP, Arc::<TestKeys>::clone(idp_keys))
    };
    let mut token_service = TrustedIssuer {
        audiences: vec![US.to_owned()],
        tokens: vec![TokenKind::AccessToken, TokenKind::TransactionToken],
        subject_issuer: Some(IDP.to_owned()),
        ..TrustedIssuer::new(STS, TestKeys::of(&[sts]))
    };
    for issuer in [IDP, DOMAIN] {
        let kinds = palisade_core::ActorKind::ALL.to_vec();
        token_service.namespaces.push(crate::Namespace { issuer: issuer.to_owned(), kinds });
    }
    let trust_domain = crate::TrustDomain::parse_id(DOMAIN).unwrap();
    let domain = TrustedIssuer {
        audiences: vec![US.to_owned()],
        subject_kind: palisade_core::ActorKind::Agent,
        ..TrustedIssuer::of_trust_domain(&trust_domain, TestKeys::of(&[domain]))
    };
    IdentityConfig::new(vec![idp, token_service, domain])
}

pub(crate) fn access_claims(issuer: &str, subject: &str) -> Value {
    json!({
        "iss": issuer, "sub": subject, "aud": US, "client_id": "app", "jti": "t-1",
        "iat": NOW - 10, "exp": NOW + 600,
    })
}

/// An `act` object of a workload of the trust domain.
pub(crate) fn workload(path: &str) -> Value {
    json!({"iss": DOMAIN, "sub": format!("{DOMAIN}/{path}")})
}

/// `act` objects nested so that the first name is the earliest actor.
pub(crate) fn nested(paths: &[&str]) -> Value {
    let mut act: Option<Value> = None;
    for path in paths {
        let mut next = workload(path);
        if let Some(earlier) = act {
            next["act"] = earlier;
        }
        act = Some(next);
    }
    act.unwrap()
}

pub(crate) fn link(token: String) -> PresentedLink {
    PresentedLink::Token(PresentedToken { token, possession: None })
}

pub(crate) fn actor(text: &str) -> Actor {
    let (kind, rest) = text.split_once(' ').unwrap();
    let (issuer, subject) = rest.rsplit_once(' ').unwrap();
    Actor {
        kind: match kind {
            "user" => palisade_core::ActorKind::User,
            "agent" => palisade_core::ActorKind::Agent,
            _ => palisade_core::ActorKind::Service,
        },
        issuer: palisade_core::IssuerName::new(issuer).unwrap(),
        subject: palisade_core::Subject::new(subject).unwrap(),
    }
}
