//! Adds signatures to what is staged, and says how many are missing.

use std::fmt;

use serde::Serialize;
use tough::schema::{Role, Root, Signed as SignedRole};

use super::error::AuthorError;
use super::folder::{RepositoryFolder, State, add_signature, role_keys};
use super::key::SigningKey;
use crate::repository::metadata::RoleName;

/// Signatures that are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignaturesNeeded {
    /// What has to be signed.
    pub role: RoleName,
    /// By keys of the root that is published, rather than of the staged one.
    pub by_published_root: bool,
    /// Good signatures so far.
    pub valid: u64,
    /// How many there must be.
    pub threshold: u64,
}

impl fmt::Display for SignaturesNeeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, by_published_root, valid, threshold } = self;
        let by = match (role, by_published_root) {
            (RoleName::Root, true) => " by the keys of the published root",
            (RoleName::Root, false) => " by the keys of the staged root",
            _ => "",
        };
        write!(f, "{role} has {valid} of {threshold} signatures{by}")
    }
}

/// What a key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What it signed.
    pub roles: Vec<RoleName>,
    /// What is still missing before it can be published.
    pub needed: Vec<SignaturesNeeded>,
}

impl RepositoryFolder {
    /// Signs whatever is staged that this key may sign.
    ///
    /// # Errors
    /// Nothing is staged, the key may sign nothing of it, or nothing can be written.
    pub fn sign(&self, key: &SigningKey) -> Result<Signed, AuthorError> {
        let mut state = self.state()?;
        if state.staged_root.is_none() && state.staged_targets.is_none() {
            return Err(AuthorError::NothingStaged);
        }
        let mut roles = Vec::new();
        let id = &key.public().id;
        let may_sign = |root: Option<&SignedRole<Root>>, role: RoleName| {
            root.is_some_and(|root| role_keys(&root.signed, role.role_type()).contains(id))
        };
        // A root is signed by the keys of the one before as well.
        let may_sign_root = may_sign(state.root.as_ref(), RoleName::Root)
            || may_sign(state.staged_root.as_ref(), RoleName::Root);
        let may_sign_targets = may_sign(state.next_root(), RoleName::Targets);
        if let Some(root) = &mut state.staged_root
            && may_sign_root
        {
            add_signature(root, key, &self.staged("root.json"))?;
            self.write_staged("root.json", root)?;
            roles.push(RoleName::Root);
        }
        if let Some(targets) = &mut state.staged_targets
            && may_sign_targets
        {
            add_signature(targets, key, &self.staged("targets.json"))?;
            self.write_staged("targets.json", targets)?;
            roles.push(RoleName::Targets);
        }
        if roles.is_empty() {
            let staged = [
                state.staged_root.as_ref().map(|_| "root"),
                state.staged_targets.as_ref().map(|_| "targets"),
            ];
            let staged = staged.into_iter().flatten().collect::<Vec<_>>().join(", ");
            return Err(AuthorError::KeyOfNoRole { key: key.public().id(), staged });
        }
        Ok(Signed { roles, needed: needed(&state) })
    }

    /// What is missing before what is staged can be published.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn signatures_needed(&self) -> Result<Vec<SignaturesNeeded>, AuthorError> {
        Ok(needed(&self.state()?))
    }
}

/// What is missing before publishing.
pub(super) fn needed(state: &State) -> Vec<SignaturesNeeded> {
    let mut needed = Vec::new();
    if let Some(staged) = &state.staged_root {
        if let Some(published) = &state.root {
            needed.extend(missing(&published.signed, staged, true));
        }
        needed.extend(missing(&staged.signed, staged, false));
    }
    // Also of targets that are published already: a new root may have other keys for them.
    if let (Some(root), Some(targets)) = (state.next_root(), state.next_targets()) {
        needed.extend(missing(&root.signed, targets, false));
    }
    needed
}

/// What a role's metadata lacks, by the keys a root gives it.
pub(super) fn missing<T: Role + Serialize>(
    root: &Root,
    signed: &SignedRole<T>,
    by_published_root: bool,
) -> Option<SignaturesNeeded> {
    let role = RoleName::from(T::TYPE);
    let (threshold, valid) = match root.verify_role(signed) {
        Ok(()) => return None,
        Err(tough::schema::Error::SignatureThreshold { threshold, valid, .. }) => {
            (threshold, valid)
        }
        // Not in its form; whatever it has does not count.
        Err(_) => (root.roles.get(&T::TYPE).map_or(1, |keys| keys.threshold.get()), 0),
    };
    Some(SignaturesNeeded { role, by_published_root, valid, threshold })
}
