//! `palisade.v1.AdminService`: shows and changes which bundle decides.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use palisade_core::limits::ROLLOUT_REASON_BYTES_MAX;
use palisade_core::{
    BundleControl, BundleFailure, BundleStatus, CandidateRevision, Clock, EpochMillis, HeldRevision,
};
use palisade_proto::v1;
use palisade_proto::v1::admin_service_server::AdminService;

use crate::access::Task;
use crate::answer::{revision, timestamp};
use crate::error::RequestError;
use crate::service::Service;

/// The port through which the bundle is seen and changed, and the time it is seen at.
#[derive(Clone)]
pub struct Administration {
    /// The port.
    pub bundle: Arc<dyn BundleControl>,
    /// Tells whether metadata has expired.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Administration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Administration").finish_non_exhaustive()
    }
}

/// The service; it shares surface, panics and refusals with the one that decides.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    pub(crate) service: Service,
    pub(crate) administration: Administration,
}

/// What an operator asks for.
enum Act {
    Pin(String),
    Reload,
    RollBack { version: u64, reason: String },
    Status,
    Unpin(String),
}

impl Admin {
    async fn answer<T>(
        &self,
        method: &'static str,
        request: &Request<T>,
        act: Act,
    ) -> Result<v1::BundleStatus, Status> {
        let Administration { bundle, clock } = &self.administration;
        let task = match act {
            Act::Status => Task::Look,
            Act::Pin(_) | Act::Reload | Act::RollBack { .. } | Act::Unpin(_) => Task::Change,
        };
        let allowed = self.service.require(task, method, request);
        let answered = self.service.handle("", async {
            allowed?;
            let status = match act {
                Act::Pin(reason) => bundle.pin(checked(reason)?).await?,
                Act::Reload => bundle.reload().await?,
                Act::RollBack { version, reason } => {
                    bundle.roll_back(version, checked(reason)?).await?
                }
                Act::Status => bundle.status(),
                Act::Unpin(reason) => bundle.unpin(checked(reason)?).await?,
            };
            Ok(bundle_status(status, clock.now()))
        });
        Ok(answered.await?.into_inner())
    }
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn get_bundle_status(
        &self,
        request: Request<v1::GetBundleStatusRequest>,
    ) -> Result<Response<v1::GetBundleStatusResponse>, Status> {
        let status = Some(self.answer("GetBundleStatus", &request, Act::Status).await?);
        Ok(Response::new(v1::GetBundleStatusResponse { status }))
    }

    async fn reload_bundle(
        &self,
        request: Request<v1::ReloadBundleRequest>,
    ) -> Result<Response<v1::ReloadBundleResponse>, Status> {
        let status = Some(self.answer("ReloadBundle", &request, Act::Reload).await?);
        Ok(Response::new(v1::ReloadBundleResponse { status }))
    }

    async fn roll_back_bundle(
        &self,
        request: Request<v1::RollBackBundleRequest>,
    ) -> Result<Response<v1::RollBackBundleResponse>, Status> {
        let v1::RollBackBundleRequest { version, reason } = request.get_ref().clone();
        let act = Act::RollBack { version, reason };
        let status = Some(self.answer("RollBackBundle", &request, act).await?);
        Ok(Response::new(v1::RollBackBundleResponse { status }))
    }

    async fn pin_bundle(
        &self,
        request: Request<v1::PinBundleRequest>,
    ) -> Result<Response<v1::PinBundleResponse>, Status> {
        let v1::PinBundleRequest { reason } = request.get_ref().clone();
        let status = Some(self.answer("PinBundle", &request, Act::Pin(reason)).await?);
        Ok(Response::new(v1::PinBundleResponse { status }))
    }

    async fn unpin_bundle(
        &self,
        request: Request<v1::UnpinBundleRequest>,
    ) -> Result<Response<v1::UnpinBundleResponse>, Status> {
        let v1::UnpinBundleRequest { reason } = request.get_ref().clone();
        let status = Some(self.answer("UnpinBundle", &request, Act::Unpin(reason)).await?);
        Ok(Response::new(v1::UnpinBundleResponse { status }))
    }
}

fn checked(reason: String) -> Result<String, RequestError> {
    if reason.len() > ROLLOUT_REASON_BYTES_MAX || reason.chars().any(char::is_control) {
        return Err(RequestError::RolloutReason);
    }
    Ok(reason)
}

fn bundle_status(status: BundleStatus, now: EpochMillis) -> v1::BundleStatus {
    // Destructured whole, so that a new field cannot be forgotten here.
    let BundleStatus {
        source,
        signed,
        active,
        candidate,
        shadow,
        pinned,
        last_failure,
        checked,
        metadata_expires,
        decides_until,
        kept,
    } = status;
    v1::BundleStatus {
        source,
        signed,
        active: active.map(held),
        candidate: candidate.map(|CandidateRevision { revision: of, stage, since }| {
            v1::CandidateRevision {
                revision: of.as_deref().map(revision),
                stage: stage.as_str().to_owned(),
                since: Some(timestamp(since)),
            }
        }),
        shadow: shadow.map(held),
        pinned,
        last_failure: last_failure.map(|BundleFailure { code, message, since }| {
            v1::BundleFailure { code: code.to_owned(), message, since: Some(timestamp(since)) }
        }),
        checked: checked.map(timestamp),
        metadata_expires: metadata_expires.map(timestamp),
        stale: metadata_expires.is_some_and(|expires| expires <= now),
        decides_until: decides_until.map(timestamp),
        kept: kept.iter().map(|kept| revision(kept)).collect(),
    }
}

fn held(HeldRevision { revision: of, since }: HeldRevision) -> v1::HeldRevision {
    v1::HeldRevision { revision: Some(revision(&of)), since: Some(timestamp(since)) }
}
