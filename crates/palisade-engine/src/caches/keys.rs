//! What cached things are found by.
//!
//! Each key has a borrowed twin that looks it up without allocating; both hash and compare alike.

use std::hash::{Hash, Hasher};

use cedar_policy::EntityUid;
use equivalent::Equivalent;
use palisade_core::{ActorChain, Facts};

use crate::call_scope::{CallScope, FactRead, LinkScope};
use crate::cedar_core::{ContextPart, CoreValues};
use crate::compiled_tool::SeenArguments;
use crate::context;
use crate::key_bytes::{self, KeyBytes};
use crate::values::Values as _;
use crate::verdict::Granted;

/// The bytes of arguments, and the tool they are for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ArgumentsKey {
    tool: usize,
    text: Box<[u8]>,
}

/// See [`ArgumentsKey`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArgumentsKeyRef<'a> {
    pub(crate) tool: usize,
    pub(crate) text: &'a [u8],
}

impl ArgumentsKey {
    pub(super) fn weight(&self) -> usize {
        64 + self.text.len()
    }
}

impl ArgumentsKeyRef<'_> {
    pub(super) fn to_key(self) -> ArgumentsKey {
        ArgumentsKey { tool: self.tool, text: self.text.into() }
    }
}

impl Hash for ArgumentsKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ArgumentsKeyRef { tool: self.tool, text: &self.text }.hash(state);
    }
}

impl Hash for ArgumentsKeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.tool, self.text).hash(state);
    }
}

impl Equivalent<ArgumentsKey> for ArgumentsKeyRef<'_> {
    fn equivalent(&self, key: &ArgumentsKey) -> bool {
        self.tool == key.tool && *self.text == *key.text
    }
}

/// Chain, tool and resource.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScopeKey {
    chain: ActorChain,
    credentials: Box<[u8]>,
    tool: usize,
    resource: EntityUid,
}

/// See [`ScopeKey`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopeKeyRef<'a> {
    pub(crate) chain: &'a ActorChain,
    /// What policies see of the chain's credentials.
    pub(crate) credentials: &'a [u8],
    pub(crate) tool: usize,
    pub(crate) resource: &'a EntityUid,
}

impl ScopeKey {
    pub(super) fn weight(&self) -> usize {
        let link = |link: &palisade_core::Actor| {
            128 + link.issuer.as_str().len() + link.subject.as_str().len()
        };
        let resource = self.resource.id().unescaped().len();
        128 + resource + self.credentials.len() + self.chain.links().iter().map(link).sum::<usize>()
    }
}

impl ScopeKeyRef<'_> {
    pub(super) fn to_key(self) -> ScopeKey {
        let Self { chain, credentials, tool, resource } = self;
        let (chain, credentials) = (chain.clone(), credentials.into());
        ScopeKey { chain, credentials, tool, resource: resource.clone() }
    }
}

impl Hash for ScopeKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { chain, credentials, tool, resource } = self;
        ScopeKeyRef { chain, credentials, tool: *tool, resource }.hash(state);
    }
}

impl Hash for ScopeKeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.chain, self.credentials, self.tool, self.resource).hash(state);
    }
}

impl Equivalent<ScopeKey> for ScopeKeyRef<'_> {
    fn equivalent(&self, key: &ScopeKey) -> bool {
        let ScopeKey { chain, credentials, tool, resource } = key;
        *self.chain == *chain
            && *self.credentials == **credentials
            && self.tool == *tool
            && *self.resource == *resource
    }
}

/// A link, and everything that its candidate policies can read of the call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VerdictKey {
    fingerprint: u64,
    principal: EntityUid,
    tool: usize,
    resource: EntityUid,
    seen: Box<[u8]>,
}

/// See [`VerdictKey`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct VerdictKeyRef<'a> {
    pub(crate) scope: &'a CallScope,
    pub(crate) link: &'a LinkScope,
    pub(crate) seen: &'a [u8],
}

impl VerdictKey {
    pub(super) fn weight(&self) -> usize {
        let names = self.principal.id().unescaped().len() + self.resource.id().unescaped().len();
        256 + names + self.seen.len()
    }
}

impl VerdictKeyRef<'_> {
    pub(super) fn to_key(self) -> VerdictKey {
        let Self { scope, link, seen } = self;
        VerdictKey {
            fingerprint: link.fingerprint,
            principal: link.principal.clone(),
            tool: scope.tool.number,
            resource: scope.resource.clone(),
            seen: seen.into(),
        }
    }
}

impl Hash for VerdictKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.fingerprint, self.seen.as_ref()).hash(state);
    }
}

impl Hash for VerdictKeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.link.fingerprint, self.seen).hash(state);
    }
}

impl Equivalent<VerdictKey> for VerdictKeyRef<'_> {
    fn equivalent(&self, key: &VerdictKey) -> bool {
        let VerdictKey { fingerprint, principal, tool, resource, seen } = key;
        self.link.fingerprint == *fingerprint
            && *self.seen == **seen
            && self.scope.tool.number == *tool
            && self.link.principal == *principal
            && self.scope.resource == *resource
    }
}

/// What a call shows to the candidate policies of a link, beside who asks for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeenByLink<'a> {
    pub(crate) link: &'a LinkScope,
    pub(crate) arguments: &'a SeenArguments,
    pub(crate) source_address: Option<std::net::IpAddr>,
    pub(crate) facts: &'a Facts,
    pub(crate) granted: Granted,
}

impl SeenByLink<'_> {
    /// Writes it as it stands in keys. Two calls on one link are written alike only if the
    /// candidates cannot tell them apart; the time is left to the entry's validity, and what is
    /// the same for all calls of a tool is left out.
    pub(crate) fn write(&self, to: &mut Vec<u8>) -> Result<(), String> {
        let Self { link, arguments, source_address, facts, granted } = self;
        to.extend(&link.credentials_seen);
        let cures = [
            (ContextPart::Approval, granted.approval),
            (ContextPart::Confirmation, granted.confirmation),
            (ContextPart::StepUp, granted.step_up),
        ];
        for (part, granted) in cures {
            // A cure nobody looks at must not split the cache.
            to.push(u8::from(granted && link.parts.has(part)));
        }
        if link.parts.has(ContextPart::SourceIp) {
            match source_address.and_then(|address| KeyBytes::ip(address).ok()) {
                Some(address) => to.extend(address),
                None => to.push(key_bytes::ABSENT),
            }
        }
        to.extend(&link.chain_seen);
        for read in &link.argument_reads {
            to.extend(arguments.of(*read));
        }
        write_facts(link, facts, to)
    }
}

/// Writes what the candidates of a link can read of the sign-in and of the attestation.
fn write_facts(link: &LinkScope, facts: &Facts, to: &mut Vec<u8>) -> Result<(), String> {
    if link.fact_reads.is_empty() {
        return Ok(());
    }
    let Facts { now: _, cures: _, authentication, attestation } = facts;
    let known = authentication.as_deref().map(context::authentication::<CoreValues>).transpose()?;
    let proven = attestation.as_deref().map(context::attestation::<CoreValues>).transpose()?;
    for FactRead { part, path, by } in &link.fact_reads {
        let value = if *part == ContextPart::Auth { &known } else { &proven };
        match value {
            Some(value) => {
                to.push(key_bytes::PRESENT);
                value.encode_read(path, *by, to);
            }
            None => to.push(key_bytes::ABSENT),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
