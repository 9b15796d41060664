//! Tokens that were verified before, so that a signature is checked once and not for each request.
//!
//! Found by the whole token: two tokens of one signature never stand for each other. Only what was
//! accepted is kept, so nobody without a token fills it, and a refusal is never served from here.
//! Whoever takes something out still has to ask whether it was revoked and whether its sender has
//! the key that it is bound to.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use equivalent::Equivalent;
use moka::sync::Cache;

use crate::token::VerifiedToken;

/// What the verified tokens may take together, in bytes.
pub const TOKEN_CACHE_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// What one kept token takes beside its text and its claims.
const ENTRY_BYTES: usize = 1024;

/// What claims take in memory, in multiples of the token's text: every one is a small tree.
const CLAIMS_FACTOR: usize = 4;

/// Bytes at a token's end that its place is found by: within its signature, where the tokens of one
/// issuer differ. The whole token is compared in that place. Nobody chooses signatures, and what is
/// not signed is not kept, so that no place can be crowded.
const HASHED_BYTES: usize = 64;

/// The verified tokens.
#[derive(Debug)]
pub(crate) struct VerifiedTokens(Cache<TokenKey, Arc<VerifiedToken>>);

impl VerifiedTokens {
    /// Room for tokens of about this many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let weigh = |key: &TokenKey, _token: &Arc<VerifiedToken>| weight(&key.0);
        Self(Cache::builder().max_capacity(bytes).weigher(weigh).build())
    }

    /// What is known of exactly this token.
    pub(crate) fn get(&self, token: &str) -> Option<Arc<VerifiedToken>> {
        self.0.get(&TokenKeyRef(token))
    }

    pub(crate) fn insert(&self, token: &str, verified: &Arc<VerifiedToken>) {
        self.0.insert(TokenKey(token.into()), Arc::clone(verified));
    }

    pub(crate) fn remove(&self, token: &str) {
        self.0.invalidate(&TokenKeyRef(token));
    }
}

fn weight(token: &str) -> u32 {
    let bytes = token.len().saturating_mul(CLAIMS_FACTOR).saturating_add(ENTRY_BYTES);
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// A whole token; never printed.
#[derive(PartialEq, Eq)]
struct TokenKey(Box<str>);

/// See [`TokenKey`]; both hash and compare alike.
struct TokenKeyRef<'a>(&'a str);

impl Hash for TokenKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        TokenKeyRef(&self.0).hash(state);
    }
}

impl Hash for TokenKeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let bytes = self.0.as_bytes();
        bytes.last_chunk::<HASHED_BYTES>().map_or(bytes, |end| end).hash(state);
    }
}

impl Equivalent<TokenKey> for TokenKeyRef<'_> {
    fn equivalent(&self, key: &TokenKey) -> bool {
        *self.0 == *key.0
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("bytes", &self.0.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
