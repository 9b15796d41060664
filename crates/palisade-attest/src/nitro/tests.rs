//! A genuine document, and documents of an enclave of our own.

mod cbor;
pub(crate) mod enclave;
mod members;
mod recorded;
mod trust;
