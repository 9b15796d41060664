//! A decision point in this process: the real services without sockets, over a fixture.

use std::sync::Arc;

use palisade_bundle::load_directory;
use palisade_core::{DecisionRecord, DigestKey, FactSources, Unobserved};
use palisade_engine::PolicySnapshot;
use palisade_grpc::{GrpcServer, Limits, Surface};
use palisade_pdp::{Pdp, PdpParts, Shadow, Snapshots};
use palisade_proto::v1;
use palisade_proto::v1::authorization_service_server::AuthorizationService as _;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::bundle::fixture;
use crate::ports::{ManualClock, MemoryLog, SequentialIds, TestPorts};

/// The services, and what they decide with.
pub(super) struct DecisionPoint {
    pub(super) snapshot: Arc<PolicySnapshot>,
    server: GrpcServer,
    log: Arc<MemoryLog>,
    runtime: Runtime,
}

impl DecisionPoint {
    /// Over a bundle of `tests/fixtures/bundles`.
    pub(super) fn over(bundle: &str) -> Self {
        let loaded = load_directory(&fixture(bundle), FactSources::default());
        let (snapshot, _) = loaded.unwrap_or_else(|error| panic!("{bundle}: {error:#?}"));
        let snapshot = Arc::new(snapshot);
        let snapshots = Arc::new(Snapshots::new());
        snapshots.publish(Arc::clone(&snapshot));
        let ports = TestPorts::default();
        let pdp = Pdp::new(PdpParts {
            identity: None,
            attestation: None,
            snapshots,
            shadow: Shadow::new(0.0).0,
            log: Arc::<MemoryLog>::clone(&ports.log),
            clock: Arc::<ManualClock>::clone(&ports.clock),
            ids: Arc::<SequentialIds>::clone(&ports.ids),
            digest_key: DigestKey::new([7; 32]),
            records_arguments: false,
            observer: Arc::new(Unobserved),
        });
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let server = GrpcServer::new(pdp, Limits::default(), CancellationToken::new());
        let server = runtime.block_on(server);
        Self { snapshot, server, log: ports.log, runtime }
    }

    pub(super) fn authorize(
        &self,
        request: v1::AuthorizeRequest,
    ) -> Result<v1::AuthorizeResponse, Status> {
        let service = self.server.local(Surface::Decision);
        let answer = self.runtime.block_on(service.authorize(Request::new(request)));
        answer.map(tonic::Response::into_inner)
    }

    pub(super) fn authorize_batch(
        &self,
        request: v1::AuthorizeBatchRequest,
    ) -> Result<v1::AuthorizeBatchResponse, Status> {
        let service = self.server.local(Surface::Decision);
        let answer = self.runtime.block_on(service.authorize_batch(Request::new(request)));
        answer.map(tonic::Response::into_inner)
    }

    pub(super) fn list_tools(
        &self,
        request: v1::ListToolsRequest,
    ) -> Result<v1::ListToolsResponse, Status> {
        let service = self.server.local(Surface::Decision);
        let answer = self.runtime.block_on(service.list_tools(Request::new(request)));
        answer.map(tonic::Response::into_inner)
    }

    pub(super) fn explain(
        &self,
        request: v1::ExplainRequest,
    ) -> Result<v1::ExplainResponse, Status> {
        let service = self.server.local(Surface::Administration);
        let answer = self.runtime.block_on(service.explain(Request::new(request)));
        answer.map(tonic::Response::into_inner)
    }

    /// What was recorded since this was last asked.
    pub(super) fn take_records(&self) -> Vec<DecisionRecord> {
        let records = self.log.records();
        self.log.clear();
        records
    }
}
