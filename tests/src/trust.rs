//! Whom a test's server trusts: issuers with keys of their own, the files that name them, and the
//! bundle that reads what they say.

mod evidence;
mod signer;
mod tokens;
mod tpm;

use std::fs;
use std::path::{Path, PathBuf};

use palisade::config::{EventSettings, TrustSettings};
use serde_json::json;
use tempfile::TempDir;

use crate::bundle::WrittenBundle;

pub use evidence::{EAT, Said};
pub use signer::Signer;
pub use tokens::{NOON_SECONDS, access_claims, act, with};
pub use tpm::SoftwareTpm;

/// The issuer of people, and of callers.
pub const IDP: &str = "https://idp.example.com";
/// The token service, which speaks for people and agents.
pub const STS: &str = "https://sts.example.com";
/// The namespace of agents.
pub const AGENTS: &str = "https://agents.example.com";
/// An issuer whose agents prove themselves.
pub const FLEET: &str = "https://fleet.example.com";
/// What tokens call the server.
pub const AUDIENCE: &str = "https://palisade.example.com";

/// Callers with every role and with several rights.
const CALLERS: &str = "
callers:
  - name: gateway
    tokens: [{ issuer: 'https://idp.example.com', subject: gateway }]
    roles: [pep]
    tools: ['*']
    may_vouch_for_possession: true
  - name: other
    tokens: [{ issuer: 'https://idp.example.com', subject: other }]
    roles: [pep]
    tools: [crm.read]
  - name: trusted
    tokens: [{ issuer: 'https://idp.example.com', subject: trusted }]
    roles: [pep]
    tools: ['*']
    may_assert: [{ issuer: 'https://idp.example.com', kinds: [user] }]
    may_set: [source_address]
    may_compose: true
  - name: slow
    tokens: [{ issuer: 'https://idp.example.com', subject: slow }]
    roles: [pep]
    tools: ['*']
    rate: { per_second: 1, burst: 2 }
  - name: operator
    tokens: [{ issuer: 'https://idp.example.com', subject: operator }]
    roles: [operator]
  - name: auditor
    tokens: [{ issuer: 'https://idp.example.com', subject: auditor }]
    roles: [auditor]
";

const ISSUERS: &str = "
issuers:
  - issuer: https://idp.example.com
    keys: { file: idp.json }
    audiences: ['https://palisade.example.com']
  - issuer: https://fleet.example.com
    keys: { file: fleet.json }
    audiences: ['https://palisade.example.com']
    subject_kind: agent
  - issuer: https://sts.example.com
    keys: { file: sts.json }
    audiences: ['https://palisade.example.com']
    subject_issuer: https://idp.example.com
    speaks_for:
      - { issuer: 'https://idp.example.com', kinds: [user] }
      - { issuer: 'https://agents.example.com', kinds: [agent] }
";

const TRANSMITTERS: &str = "
transmitters:
  - issuer: https://idp.example.com
    keys: { file: events.json }
    audiences: ['https://palisade.example.com']
";

const ATTESTATION: &str = "
attestation:
  verifiers:
    - name: cloud
      max_age: 5m
      ear:
        keys: { file: verifier.json }
        measurements: { image: /image }
";

/// What a server trusts, with the keys to all of it.
#[derive(Debug)]
pub struct World {
    /// Signs for people and callers.
    pub idp: Signer,
    /// Signs for chains.
    pub sts: Signer,
    /// Signs for its agents.
    pub fleet: Signer,
    /// Signs security events.
    pub events: Signer,
    /// Signs attestation results.
    pub verifier: Signer,
    directory: TempDir,
}

impl World {
    /// Writes everything that the trust file names, and the file itself.
    ///
    /// # Panics
    /// A file cannot be written.
    #[must_use]
    pub fn new() -> Self {
        let world = Self {
            idp: Signer::new("idp-1"),
            sts: Signer::new("sts-1"),
            fleet: Signer::new("fleet-1"),
            events: Signer::new("events-1"),
            verifier: Signer::new("verifier-1"),
            directory: tempfile::tempdir().expect("a temporary directory"),
        };
        world.publish("idp.json", &[&world.idp]);
        world.publish("sts.json", &[&world.sts]);
        world.publish("fleet.json", &[&world.fleet]);
        world.publish("events.json", &[&world.events]);
        world.publish("verifier.json", &[&world.verifier]);
        world.write("trust.yaml", Self::trust_file());
        world
    }

    /// The whole trust file.
    #[must_use]
    pub fn trust_file() -> String {
        ["format: 1", ISSUERS, CALLERS, TRANSMITTERS, ATTESTATION].concat()
    }

    /// The trust file without transmitters.
    #[must_use]
    pub fn trust_file_without_transmitters() -> String {
        Self::trust_file().replace(TRANSMITTERS, "\n")
    }

    /// Writes a key set, over another if it is there.
    pub fn publish(&self, file: &str, signers: &[&Signer]) {
        let keys: Vec<_> = signers.iter().map(|signer| signer.published()).collect();
        self.write(file, json!({ "keys": keys }).to_string());
    }

    /// Writes a file beside the trust file.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        // A reader sees the old content or the new one.
        let (begun, whole) = (self.path("begun"), self.path(file));
        fs::write(&begun, content).expect("written");
        fs::rename(begun, whole).expect("renamed");
    }

    /// Changes the trust file: every occurrence of a text in it.
    ///
    /// # Panics
    /// The text is not in it.
    pub fn change(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path("trust.yaml")).expect("the trust file");
        assert!(text.contains(from), "`{from}` is not in the trust file");
        self.write("trust.yaml", text.replace(from, to));
    }

    /// A file beside the trust file.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    /// Where all of it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The settings of a server that trusts this, and receives security events.
    #[must_use]
    pub fn settings(&self) -> TrustSettings {
        let address = ([127, 0, 0, 1], 0).into();
        let events = Some(EventSettings { address, tls: None });
        TrustSettings { file: self.path("trust.yaml"), state: self.path("state"), events }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// A bundle whose policies read what credentials and evidence say.
#[must_use]
pub fn bundle() -> WrittenBundle {
    WrittenBundle::new(&[
        ("bundle.yaml", &manifest(1)),
        ("catalog.yaml", CATALOG),
        ("schema/people.cedarschema", "entity User = { \"department\"?: String };\n"),
        ("entities/agents.json", AUTONOMOUS),
        ("policies/trust.cedar", POLICIES),
        ("reference/images.yaml", &reference("sha256:aa")),
    ])
}

/// The manifest of [`bundle`] in a version.
#[must_use]
pub fn manifest(version: u64) -> String {
    format!("format: 1\nname: trust\nversion: {version}\n{MANIFEST_REST}")
}

/// The reference values of [`bundle`]: environments with this image are known.
#[must_use]
pub fn reference(image: &str) -> String {
    format!(
        "format: 1\nreferences:\n  release:\n    verifier: cloud\n    measurements: {{ image: \
         '{image}' }}\n"
    )
}

const MANIFEST_REST: &str = "issuers:
  corp: https://idp.example.com
  agents: https://agents.example.com
  fleet: https://fleet.example.com
claims:
  user:
    attributes:
      department: { claim: department, type: string }
    groups: groups
";

/// Agents that act for nobody but themselves.
const AUTONOMOUS: &str = r#"[
  { "uid": { "type": "Agent", "id": "fleet:bot" }, "attrs": { "autonomous": true }, "parents": [] }
]"#;

const CATALOG: &str = "
format: 1
segments: [office]
services:
  crm: { segment: office }
  bank: { segment: office }
  vault: { segment: office }
tools:
  crm.read: { tier: 1, effect: read, arguments: { type: object }, valid_for: 60s }
  crm.export: &any { tier: 1, effect: read, arguments: { type: object } }
  bank.transfer: { tier: 3, effect: write, arguments: { type: object } }
  vault.open: *any
  vault.office: *any
";

const POLICIES: &str = r#"
@id("everybody-reads") permit (principal, action == Action::"crm.read", resource);
@id("sales-export") permit (principal is User, action == Action::"crm.export", resource)
when { principal has department && principal.department == "sales" };
@id("agents-export") permit (principal is Agent, action == Action::"crm.export", resource);
@id("board-exports") permit (principal in Group::"corp:board", action == Action::"crm.export", resource);
@id("transfer") permit (principal, action == Action::"bank.transfer", resource);
@id("fresh-login") @require("step_up") @acr("phr") @max_age("5m") @reason("transfers need a fresh login")
forbid (principal, action == Action::"bank.transfer", resource) unless { context.stepUp.granted };
@id("open") permit (principal, action == Action::"vault.open", resource);
@id("known-images") @require("attestation") @reason("the vault is for known images")
forbid (principal, action == Action::"vault.open", resource)
unless { context has attestation && context.attestation.references.contains("release") };
@id("office") permit (principal, action == Action::"vault.office", resource)
when { context has sourceIp && context.sourceIp.isInRange(ip("10.0.0.0/8")) };
"#;
