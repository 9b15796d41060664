//! Asks the administration of a decision point, on its administration socket.

use std::time::Duration;

use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use palisade_proto::v1;
use palisade_proto::v1::admin_service_client::AdminServiceClient;

use crate::client::{connect, within};
use crate::endpoint::Endpoint;
use crate::error::ClientError;

/// How long a call may take: a large bundle takes a while to come into force.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A connection to the administration socket of a decision point.
#[derive(Clone, Debug)]
pub struct AdminClient {
    endpoint: Endpoint,
    service: AdminServiceClient<Channel>,
}

impl AdminClient {
    /// Connects, within one second.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, ClientError> {
        let service = AdminServiceClient::new(connect(endpoint).await?);
        Ok(Self { endpoint: endpoint.clone(), service })
    }

    /// Asks which bundle decides, which could, and what went wrong last.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn bundle_status(&self) -> Result<v1::BundleStatus, ClientError> {
        let mut service = self.service.clone();
        let request = v1::GetBundleStatusRequest {};
        let answer = self.within(request, |request| service.get_bundle_status(request)).await?;
        Ok(answer.status.unwrap_or_default())
    }

    /// Looks for a new revision; the state afterwards says what came of it.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn reload_bundle(&self) -> Result<v1::BundleStatus, ClientError> {
        let mut service = self.service.clone();
        let request = v1::ReloadBundleRequest {};
        let answer = self.within(request, |request| service.reload_bundle(request)).await?;
        Ok(answer.status.unwrap_or_default())
    }

    /// Goes back to a kept version and pins it; 0: the one before.
    ///
    /// # Errors
    /// Nothing has changed.
    pub async fn roll_back_bundle(
        &self,
        version: u64,
        reason: String,
    ) -> Result<v1::BundleStatus, ClientError> {
        let mut service = self.service.clone();
        let request = v1::RollBackBundleRequest { version, reason };
        let answer = self.within(request, |request| service.roll_back_bundle(request)).await?;
        Ok(answer.status.unwrap_or_default())
    }

    /// Pins the revision in force.
    ///
    /// # Errors
    /// Nothing has changed.
    pub async fn pin_bundle(&self, reason: String) -> Result<v1::BundleStatus, ClientError> {
        let mut service = self.service.clone();
        let request = v1::PinBundleRequest { reason };
        let answer = self.within(request, |request| service.pin_bundle(request)).await?;
        Ok(answer.status.unwrap_or_default())
    }

    /// Takes the pin away and looks for a new revision.
    ///
    /// # Errors
    /// Nothing has changed, or it is not known.
    pub async fn unpin_bundle(&self, reason: String) -> Result<v1::BundleStatus, ClientError> {
        let mut service = self.service.clone();
        let request = v1::UnpinBundleRequest { reason };
        let answer = self.within(request, |request| service.unpin_bundle(request)).await?;
        Ok(answer.status.unwrap_or_default())
    }

    async fn within<Q, A, F>(
        &self,
        message: Q,
        call: impl FnOnce(Request<Q>) -> F,
    ) -> Result<A, ClientError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        within(&self.endpoint, TIMEOUT, message, call).await
    }
}
