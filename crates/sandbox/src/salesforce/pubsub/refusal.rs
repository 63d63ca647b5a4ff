//! The refusals of the Pub/Sub API: a status, and the error code in its trailers (salesforce reference, section 4.6).

use tonic::{Code, Status, metadata::MetadataValue};

/// What the platform says no with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    ReplayIdCorrupted,
    ReplayIdInvalid,
    DeliveryLimit,
    Authentication,
    AuthenticationRefresh,
    Unavailable,
    TooManyStreams,
}

impl Refusal {
    /// The `error-code` trailer.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::ReplayIdCorrupted => "sfdc.platform.eventbus.grpc.subscription.fetch.replayid.corrupted",
            Self::ReplayIdInvalid => {
                "sfdc.platform.eventbus.grpc.subscription.fetch.replayid.validation.failed"
            }
            Self::DeliveryLimit => "sfdc.platform.eventbus.grpc.subscription.limit.exceeded",
            Self::Authentication => "sfdc.platform.eventbus.grpc.service.auth.error",
            Self::AuthenticationRefresh => "sfdc.platform.eventbus.grpc.service.auth.refresh.invalid",
            Self::Unavailable => "sfdc.platform.eventbus.grpc.service.unavailable",
            Self::TooManyStreams => "sfdc.platform.eventbus.grpc.service.concurrent.client.limit.exceeded",
        }
    }

    fn status(self) -> Code {
        match self {
            Self::ReplayIdCorrupted | Self::ReplayIdInvalid => Code::InvalidArgument,
            Self::DeliveryLimit | Self::TooManyStreams => Code::ResourceExhausted,
            Self::Authentication | Self::AuthenticationRefresh => Code::Unauthenticated,
            Self::Unavailable => Code::Unavailable,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::ReplayIdCorrupted => "The Replay ID is corrupted. Subscribe with another one.",
            Self::ReplayIdInvalid => {
                "The Replay ID validation failed. Ensure that the Replay ID is valid and within the retention window."
            }
            Self::DeliveryLimit => "You have exceeded the event delivery limit for your org.",
            Self::Authentication => {
                "The access token, instance URL or tenant ID in the call's headers is not valid."
            }
            Self::AuthenticationRefresh => "The refreshed access token is not valid.",
            Self::Unavailable => "The service is temporarily unavailable. Try again later.",
            Self::TooManyStreams => "The maximum number of concurrent clients is reached.",
        }
    }

    /// As the call's end.
    pub(crate) fn end(self, rpc: &str) -> Status {
        coded(Status::new(self.status(), self.text()), Some(self.code()), rpc)
    }
}

/// Puts the error code and the call's id into a status's trailers.
pub(crate) fn coded(mut status: Status, code: Option<&'static str>, rpc: &str) -> Status {
    if let Some(code) = code {
        status.metadata_mut().insert("error-code", MetadataValue::from_static(code));
    }
    if let Ok(rpc) = MetadataValue::try_from(rpc) {
        status.metadata_mut().insert("rpc-id", rpc);
    }
    status
}
