//! Makes provenance, keys and envelopes for the tests.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::envelope::pre_authentication_encoding;
use super::{CodePins, CodePolicy, ProvenanceKey, WorkflowIdentity};

pub(crate) const BUILDER: &str = "https://github.com/actions/runner/github-hosted";
pub(crate) const REPOSITORY: &str = "https://github.com/example/agent";
pub(crate) const SUBJECT: [u8; 32] = [0xa7; 32];

/// A key pair that signs envelopes.
pub(crate) enum Signer {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn ecdsa() -> Self {
        Self::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn key(&self) -> ProvenanceKey {
        let der = match self {
            Self::Ecdsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
        };
        ProvenanceKey::from_spki_der(&der).unwrap()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ecdsa(pair) => {
                pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A statement in an envelope, signed.
    pub(crate) fn envelope(&self, statement: &Value) -> Value {
        self.envelope_of_bytes(statement.to_string().as_bytes())
    }

    pub(crate) fn envelope_of_bytes(&self, payload: &[u8]) -> Value {
        let signature = self.sign(&pre_authentication_encoding(payload));
        json!({
            "payload": STANDARD.encode(payload),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{ "keyid": "", "sig": STANDARD.encode(signature) }],
        })
    }
}

/// Provenance of [`SUBJECT`] as GitHub's workflows write it.
pub(crate) fn statement() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "agent", "digest": { "sha256": hex::encode(SUBJECT) } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {
                    "workflow": {
                        "ref": "refs/heads/main",
                        "repository": REPOSITORY,
                        "path": ".github/workflows/release.yml",
                    },
                },
                "resolvedDependencies": [{
                    "uri": format!("git+{REPOSITORY}@refs/heads/main"),
                    "digest": { "gitCommit": "ebff8dfbd609b7b22237c7719ce07f2dc7934f5f" },
                }],
            },
            "runDetails": { "builder": { "id": BUILDER } },
        },
    })
}

/// Accepts [`statement`].
pub(crate) fn policy() -> CodePolicy {
    CodePolicy::new(&pins()).unwrap()
}

pub(crate) fn pins() -> CodePins {
    CodePins {
        builders: vec![BUILDER.to_owned()],
        sources: vec![REPOSITORY.to_owned()],
        workflows: vec![WorkflowIdentity {
            identity: format!("{REPOSITORY}/.github/workflows/release.yml@refs/heads/main"),
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
        }],
    }
}
