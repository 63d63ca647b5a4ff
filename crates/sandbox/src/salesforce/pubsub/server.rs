//! The Pub/Sub API over gRPC: carries calls to the event bus and its answers back, waking when there is news.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};
use tower::ServiceExt as _;

use super::{
    Access, Salesforce, Step, Stream,
    proto::{
        FetchRequest, FetchResponse, ManagedFetchRequest, ManagedFetchResponse, PublishRequest,
        PublishResponse, SchemaInfo, SchemaRequest, TopicInfo, TopicRequest,
        pub_sub_server::{PubSub, PubSubServer},
    },
};
use crate::front::Stage;

/// Streams on one connection (salesforce reference, section 4.3).
const MAX_STREAMS: u32 = 1_000;
/// Responses under way to one client; a client that reads slowly is not run ahead of further.
const MAX_UNREAD: usize = 4;
/// How long the last response gets to leave before its stream is reset.
const RESET_PAUSE: Duration = Duration::from_millis(50);
/// The trailer by which a stream asks to be reset instead of ended.
const RESET: &str = "sandbox-reset";

/// The Pub/Sub API of one org.
#[derive(Clone)]
pub struct Service {
    crm: Arc<Salesforce>,
    stage: Stage,
    stop: CancellationToken,
}

impl Service {
    /// The API of `crm`, by the stage's clock, until `stop`.
    pub fn new(crm: Arc<Salesforce>, stage: Stage, stop: CancellationToken) -> Self {
        Self { crm, stage, stop }
    }

    /// Serves one connection to its end.
    pub async fn connection(
        self,
        socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        grace: Duration,
    ) {
        let stop = self.stop.clone();
        let api = PubSubServer::new(self);
        let service = service_fn(move |request: http::Request<Incoming>| {
            let api = api.clone();
            async move { api.oneshot(request).await.map(|response| response.map(Breakable)) }
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
        let connection = builder.serve_connection(TokioIo::new(socket), service);
        tokio::pin!(connection);
        tokio::select! {
            // Clients come and go.
            _ = connection.as_mut() => {}
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(grace, connection).await;
            }
        }
    }

    /// Carries one subscription from its first request to its end.
    async fn carry(
        self,
        access: Access,
        mut requests: Streaming<FetchRequest>,
        responses: mpsc::Sender<Result<FetchResponse, Status>>,
    ) {
        let first = tokio::select! {
            () = self.stop.cancelled() => return,
            first = requests.message() => first,
        };
        let Ok(Some(first)) = first else { return };
        let end = match self.crm.subscribe(&access, &first, self.stage.now()) {
            Ok(stream) => self.go_on(stream, requests, &responses).await,
            Err(refused) => Some(refused),
        };
        if let Some(status) = end {
            let _ = responses.send(Err(status)).await;
        }
    }

    /// Runs an open subscription; gives the status that it ends with, if not in order.
    async fn go_on(
        &self,
        mut stream: Stream,
        mut requests: Streaming<FetchRequest>,
        responses: &mpsc::Sender<Result<FetchResponse, Status>>,
    ) -> Option<Status> {
        let (mut news, mut stirs) = (self.crm.news(), self.stage.stirs());
        loop {
            news.mark_unchanged();
            stirs.mark_unchanged();
            let until = match self.crm.step(&mut stream, self.stage.now()) {
                Step::Response(response) => {
                    if responses.send(Ok(response)).await.is_err() {
                        return None;
                    }
                    continue;
                }
                Step::End(status) => return status,
                Step::Reset => {
                    // A reset overtakes what is still on its way out.
                    tokio::time::sleep(RESET_PAUSE).await;
                    let mut reset = MetadataMap::new();
                    reset.insert(RESET, tonic::metadata::MetadataValue::from_static("1"));
                    return Some(Status::with_metadata(tonic::Code::Internal, "reset", reset));
                }
                Step::Wait(until) => until,
            };
            tokio::select! {
                () = self.stop.cancelled() => return Some(Status::unavailable("The sandbox shuts down.")),
                () = responses.closed() => return None,
                request = requests.message() => match request {
                    Ok(Some(request)) => {
                        if let Err(refused) = self.crm.credit(&mut stream, &request, self.stage.now()) {
                            return Some(refused);
                        }
                    }
                    // The client has nothing more to ask, or is gone.
                    Ok(None) | Err(_) => return None,
                },
                _ = news.changed() => {}
                _ = stirs.changed() => {}
                () = sleep_until(until, self.stage.now()) => {}
            }
        }
    }
}

/// Sleeps until an instant of the stage's clock; for ever without one.
async fn sleep_until(until: Option<Timestamp>, now: Timestamp) {
    match until {
        Some(until) => {
            let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
            // Stage instants are finer than the timer: never wake a moment too early and spin.
            tokio::time::sleep(left.max(Duration::from_millis(1))).await;
        }
        None => std::future::pending().await,
    }
}

/// Who calls, by a call's metadata.
fn access(metadata: &MetadataMap) -> Access {
    let text =
        |name: &str| metadata.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    Access { token: text("accesstoken"), instance_url: text("instanceurl"), tenant_id: text("tenantid") }
}

/// What this API never lets anybody do: nobody but the platform publishes change events.
fn nobody_publishes() -> Status {
    Status::permission_denied("Change events can't be published: the topic can only be subscribed to.")
}

#[tonic::async_trait]
impl PubSub for Service {
    type SubscribeStream = BoxStream<'static, Result<FetchResponse, Status>>;
    type PublishStreamStream = BoxStream<'static, Result<PublishResponse, Status>>;
    type ManagedSubscribeStream = BoxStream<'static, Result<ManagedFetchResponse, Status>>;

    async fn subscribe(
        &self,
        request: Request<Streaming<FetchRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let access = access(request.metadata());
        let (responses, taken) = mpsc::channel(MAX_UNREAD);
        tokio::spawn(self.clone().carry(access, request.into_inner(), responses));
        let taken = stream::unfold(taken, |mut taken| async { Some((taken.recv().await?, taken)) });
        Ok(Response::new(taken.boxed()))
    }

    async fn get_schema(&self, request: Request<SchemaRequest>) -> Result<Response<SchemaInfo>, Status> {
        let access = access(request.metadata());
        self.crm.schema(&access, &request.get_ref().schema_id, self.stage.now()).map(Response::new)
    }

    async fn get_topic(&self, request: Request<TopicRequest>) -> Result<Response<TopicInfo>, Status> {
        let access = access(request.metadata());
        self.crm.topic(&access, &request.get_ref().topic_name, self.stage.now()).map(Response::new)
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        Err(self.crm.refuse(&access(request.metadata()), nobody_publishes(), self.stage.now()))
    }

    async fn publish_stream(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        Err(self.crm.refuse(&access(request.metadata()), nobody_publishes(), self.stage.now()))
    }

    async fn managed_subscribe(
        &self,
        request: Request<Streaming<ManagedFetchRequest>>,
    ) -> Result<Response<Self::ManagedSubscribeStream>, Status> {
        let status = Status::unimplemented("This org has no managed event subscriptions.");
        Err(self.crm.refuse(&access(request.metadata()), status, self.stage.now()))
    }
}

/// A response's body that can break: trailers with [`RESET`] become an error, which resets the HTTP/2 stream.
struct Breakable(tonic::body::Body);

impl Body for Breakable {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(context).map(|frame| match frame? {
            Ok(frame) if frame.trailers_ref().is_some_and(|trailers| trailers.contains_key(RESET)) => {
                Some(Err("the stream is reset on purpose".into()))
            }
            Ok(frame) => Some(Ok(frame)),
            Err(status) => Some(Err(status.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
