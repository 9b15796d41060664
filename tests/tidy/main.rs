//! Holds the repository to its own rules: what is generated is up to date, what is documented is so.

mod docs;
mod edges;
mod lints;
mod proto_drift;
mod sizes;
mod workspace;
