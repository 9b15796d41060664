//! What is known of a call by its path, before its messages are read.

use std::sync::Arc;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::server::NamedService;

use palisade_core::limits::{BATCH_MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX};
use palisade_proto::v1::admin_service_server::AdminServiceServer;
use palisade_proto::v1::authorization_service_server::AuthorizationServiceServer;

use crate::admin::Admin;
use crate::fields::{FieldCount, Shapes};
use crate::service::Service;

/// The methods that are served.
#[derive(Debug)]
pub(crate) struct Methods {
    shapes: Arc<Shapes>,
    /// Those of the contract.
    ours: Vec<(String, Method)>,
}

/// What is known of a method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    /// Bytes of one message of the caller.
    pub(crate) message_bytes_max: usize,
    /// Whether the caller sends any number of messages.
    pub(crate) is_stream: bool,
    /// The shape of these messages.
    shape: Option<usize>,
}

/// A method of health or reflection, or one that is not served: its messages have nothing in them
/// that could be many.
const OTHER: Method =
    Method { message_bytes_max: MESSAGE_BYTES_MAX, is_stream: false, shape: None };

impl Methods {
    /// Reads them from the contract.
    ///
    /// # Errors
    /// The committed file descriptors are unusable.
    pub(crate) fn read() -> Result<Self, prost::DecodeError> {
        let shapes = Shapes::read(palisade_proto::FILE_DESCRIPTOR_SET)?;
        let served = [
            <AuthorizationServiceServer<Service> as NamedService>::NAME,
            <AdminServiceServer<Admin> as NamedService>::NAME,
        ];
        let mut ours = Vec::new();
        for file in FileDescriptorSet::decode(palisade_proto::FILE_DESCRIPTOR_SET)?.file {
            for service in &file.service {
                let service_name = format!("{}.{}", file.package(), service.name());
                if !served.contains(&service_name.as_str()) {
                    continue;
                }
                ours.extend(service.method.iter().map(|method| {
                    let is_batch = method.name() == "AuthorizeBatch";
                    let message_bytes_max =
                        if is_batch { BATCH_MESSAGE_BYTES_MAX } else { MESSAGE_BYTES_MAX };
                    let known = Method {
                        message_bytes_max,
                        is_stream: method.client_streaming(),
                        shape: shapes.index_of(method.input_type()),
                    };
                    (format!("/{service_name}/{}", method.name()), known)
                }));
            }
        }
        Ok(Self { shapes: Arc::new(shapes), ours })
    }

    /// The method with this path.
    pub(crate) fn at(&self, path: &str) -> Method {
        let known = self.ours.iter().find(|(known, _)| known == path);
        known.map_or(OTHER, |(_, method)| *method)
    }

    /// Counts the fields of a message of this length; `None`: they need not be counted.
    pub(crate) fn field_count(&self, method: Method, bytes: usize) -> Option<FieldCount> {
        let shape = method.shape?;
        Some(FieldCount::new(Arc::clone(&self.shapes), shape, bytes))
    }
}

#[cfg(test)]
mod tests;
