//! Generated code of the `palisade.v1` wire contract, `proto/palisade/v1/*.proto`.
//!
//! `src/gen/` is committed so that a build needs neither `protoc` nor a build script; the test
//! `tidy` generates it anew and compares. Nothing here is written by hand but this file.
#![allow(clippy::all, reason = "generated code is as its generator writes it")]

/// The messages, the client and the server of package `palisade.v1`.
pub mod v1 {
    include!("gen/palisade.v1.rs");
}

/// The `.proto` files and what they import, as an encoded `google.protobuf.FileDescriptorSet`,
/// comments included. For gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/palisade_v1_descriptor.bin");
