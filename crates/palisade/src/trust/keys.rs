//! Keys and trust bundles that are kept fresh: which ones there are, and access to them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use palisade_core::{Clock, parse_duration};
use palisade_identity::{FollowedTrustBundles, TrustBundle, TrustDomain};
use palisade_jose::{Follower, Handle, KeyFollower, KeyHandle, KeySource, KeyUse, Origin, Source};
use url::Url;

use super::raw::{RawKeys, RawTrust, RawTrustDomain, RawVerifierKind};
use super::{Files, LoadTrustError};

/// Everything that is kept fresh, for as long as this lives.
#[derive(Debug)]
pub(super) struct Documents {
    keys: KeyFollower,
    bundles: Follower<TrustBundle>,
    names: Vec<String>,
    domains: Vec<(String, TrustDomain)>,
}

impl Documents {
    /// Begins to follow everything that a trust file names.
    pub(super) fn follow(
        raw: &RawTrust,
        files: &Files,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, LoadTrustError> {
        let mut sources = Vec::new();
        for issuer in &raw.issuers {
            sources.push(source(&of_issuer(&issuer.issuer), &issuer.keys, files)?);
        }
        for transmitter in &raw.transmitters {
            sources.push(source(&of_transmitter(&transmitter.issuer), &transmitter.keys, files)?);
        }
        for verifier in raw.attestation.iter().flat_map(|attestation| &attestation.verifiers) {
            let keys = match &verifier.kind {
                RawVerifierKind::Ear(ear) => &ear.keys,
                RawVerifierKind::Jwt(mapped) => &mapped.keys,
                RawVerifierKind::Nitro(_) | RawVerifierKind::Tpm(_) => continue,
            };
            sources.push(source(&of_verifier(&verifier.name), keys, files)?);
        }
        let names = sources.iter().map(|source| source.name.clone()).collect();
        let mut domains = Vec::new();
        let mut bundles = Vec::new();
        for domain in &raw.trust_domains {
            let name = TrustDomain::parse(&domain.name).map_err(|_no_name| {
                entry(&domain.name, "name", "it is no name of a SPIFFE trust domain")
            })?;
            domains.push((domain.name.clone(), name));
            bundles.push(trust_bundle(domain, files)?);
        }
        Ok(Self {
            keys: KeyFollower::start(sources, Arc::clone(clock))?,
            bundles: Follower::start(bundles, Arc::clone(clock))?,
            names,
            domains,
        })
    }

    /// The keys of that name.
    pub(super) fn keys(&self, name: &str) -> Result<KeyHandle, LoadTrustError> {
        self.keys.handle(name).ok_or_else(|| entry(name, "keys", "they are not followed"))
    }

    /// The trust domains that there are.
    pub(super) fn domains(&self) -> impl Iterator<Item = (&TrustDomain, Handle<TrustBundle>)> {
        let handle = |(written, domain): &'_ (String, TrustDomain)| {
            self.bundles.handle(written).map(|handle| (domain.clone(), handle))
        };
        let found: Vec<_> = self.domains.iter().filter_map(handle).collect();
        self.domains.iter().filter_map(move |(_, domain)| {
            let (_, handle) = found.iter().find(|(known, _)| known == domain)?;
            Some((domain, handle.clone()))
        })
    }

    /// Their authorities, each the one that is current when it is asked for.
    pub(super) fn trust_bundles(&self) -> FollowedTrustBundles {
        let handles: HashMap<_, _> =
            self.domains().map(|(domain, handle)| (domain.clone(), handle)).collect();
        FollowedTrustBundles::new(handles)
    }

    /// Says which of them could not be read yet.
    pub(super) fn announce(&self) {
        for name in &self.names {
            let Some(handle) = self.keys.handle(name) else { continue };
            if handle.current().is_none() {
                let error = handle.status().last_error.unwrap_or("not_fetched_yet");
                tracing::warn!(keys = %name, error, "these keys are not known yet");
            }
        }
    }
}

pub(super) fn of_issuer(issuer: &str) -> String {
    format!("issuer {issuer}")
}

pub(super) fn of_transmitter(issuer: &str) -> String {
    format!("transmitter {issuer}")
}

pub(super) fn of_verifier(name: &str) -> String {
    format!("verifier {name}")
}

pub(super) fn entry(owner: &str, key: &'static str, expected: &'static str) -> LoadTrustError {
    LoadTrustError::Entry { owner: owner.to_owned(), key, expected }
}

/// The duration that is written there, or else.
pub(super) fn duration(
    owner: &str,
    key: &'static str,
    text: Option<&str>,
    fallback: Duration,
) -> Result<Duration, LoadTrustError> {
    let Some(text) = text else { return Ok(fallback) };
    parse_duration(text).ok_or_else(|| entry(owner, key, "write a duration, e.g. `30s` or `15m`"))
}

fn source(name: &str, raw: &RawKeys, files: &Files) -> Result<KeySource, LoadTrustError> {
    let RawKeys { file, url, withdraw_after } = raw;
    let origin = origin(name, "keys", (file.as_deref(), url.as_deref()), files)?;
    let withdraw_after = match withdraw_after {
        None => None,
        Some(text) => Some(duration(name, "keys.withdraw_after", Some(text), Duration::ZERO)?),
    };
    Ok(KeySource { withdraw_after, ..KeySource::keys(name, origin, KeyUse::Signature) })
}

fn trust_bundle(
    domain: &RawTrustDomain,
    files: &Files,
) -> Result<Source<TrustBundle>, LoadTrustError> {
    let name = domain.name.as_str();
    let (file, url) = (domain.bundle.file.as_deref(), domain.bundle.url.as_deref());
    match &domain.bundle.pem {
        Some(pem) if file.is_none() && url.is_none() => {
            Ok(TrustBundle::pem_source(name, Origin::File(files.path(pem))))
        }
        Some(_) => Err(entry(name, "bundle", ONE_PLACE)),
        None => Ok(TrustBundle::source(name, origin(name, "bundle", (file, url), files)?)),
    }
}

const ONE_PLACE: &str = "it stands in one place: `file`, `url` or, for trust domains, `pem`";

fn origin<T>(
    owner: &str,
    key: &'static str,
    places: (Option<&str>, Option<&str>),
    files: &Files,
) -> Result<Origin<T>, LoadTrustError> {
    match places {
        (Some(file), None) => Ok(Origin::File(files.path(file))),
        (None, Some(url)) => {
            let url = Url::parse(url).map_err(|_no_url| entry(owner, key, "`url` is no URL"))?;
            Ok(Origin::Url(url))
        }
        (Some(_), Some(_)) | (None, None) => Err(entry(owner, key, ONE_PLACE)),
    }
}
