//! Publishing: makes and changes a repository's folder, which any web server can serve.
//!
//! Changes are staged first (`staged/`), signed by as many people as the roles ask for, one after
//! the other and on different machines if they like, and then published in one step. Whatever is
//! published has passed the client's own checks. Keys are Ed25519, in PKCS#8 PEM files as
//! `openssl genpkey -algorithm ed25519` writes them.

mod change;
mod error;
mod folder;
mod key;
mod overview;
mod pem;
mod publish;
mod sign;
mod verify;

pub use change::{Added, RotateRole};
pub use error::AuthorError;
pub use folder::{Lifetimes, RepositoryFolder, RoleSetup, Setup};
pub use key::{KeyFile, KeyId, PublicKey, SigningKey};
pub use overview::{Overview, RoleOverview};
pub use publish::Published;
pub use sign::{SignaturesNeeded, Signed};
pub use verify::{Verified, verify};

/// Signs whatever a test likes.
#[cfg(test)]
pub(crate) fn sign_for_test<T: tough::schema::Role>(
    signed: &mut tough::schema::Signed<T>,
    key: &SigningKey,
) {
    folder::add_signature(signed, key, std::path::Path::new("test")).unwrap();
}

#[cfg(test)]
mod tests;
