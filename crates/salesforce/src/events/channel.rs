//! The wire over gRPC: one connection with TLS and keepalive, a deadline for each question.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures::{
    FutureExt as _, StreamExt as _,
    channel::mpsc::{self, Sender},
    future::BoxFuture,
    select_biased,
};
use ports::Clock;
use rustls_pki_types::{CertificateDer, TrustAnchor, pem::PemObject as _};
use secrecy::ExposeSecret as _;
use tonic::{
    Code, Request, Status, Streaming,
    metadata::MetadataValue,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use super::{
    Credentials, EventStream, EventWire, EventsConfig, EventsLimits, Fetch, Fetched, Interruption, RawEvent,
    Start, Topic, TopicFacts, WireError,
    proto::{
        FetchRequest, FetchResponse, ReplayPreset, SchemaRequest, TopicRequest, pub_sub_client::PubSubClient,
    },
};
use crate::Misuse;

/// Longest headers or trailers accepted, in bytes.
const MAX_HEADERS: u32 = 64 << 10;
/// Longest `error-code` taken over, in bytes.
const MAX_CODE: usize = 120;
/// Requests for credit that may wait to be sent. One is outstanding at a time; a stream that takes none is over.
const MAX_WAITING: usize = 4;
/// How much of a stream may be under way before its reader has taken it, in bytes: one whole answer.
const STREAM_WINDOW: u32 = 4 << 20;
/// The same of the connection: more, so that a stream that nobody reads at the moment keeps no question from being
/// answered, not even the one for the schema that its next event needs.
const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;

/// The connection to the server of events. Made when it is first needed, and again when it broke.
pub(super) struct GrpcWire {
    endpoint: Endpoint,
    channel: OnceLock<Channel>,
    clock: Arc<dyn Clock>,
    limits: EventsLimits,
}

impl GrpcWire {
    pub(super) fn new(config: &EventsConfig, clock: Arc<dyn Clock>) -> Result<Self, Misuse> {
        let url = &config.endpoint;
        if url.scheme() != "https" || url.host().is_none() || !url.username().is_empty() {
            return Err(Misuse::Configuration("the endpoint of change events is no https address"));
        }
        let limits = config.limits;
        let tls = tls(config.extra_roots.as_deref())?;
        let endpoint = Endpoint::from_shared(url.origin().ascii_serialization())
            .and_then(|endpoint| endpoint.tls_config(tls))
            .map_err(|_| Misuse::Configuration("the endpoint of change events is no https address"))?
            .connect_timeout(limits.connect_deadline)
            .http2_keep_alive_interval(limits.keepalive)
            .keep_alive_timeout(limits.keepalive_deadline)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_header_list_size(MAX_HEADERS)
            .tcp_nodelay(true);
        Ok(Self { endpoint, channel: OnceLock::new(), clock, limits })
    }

    fn client(&self) -> PubSubClient<Channel> {
        let channel = self.channel.get_or_init(|| self.endpoint.connect_lazy());
        PubSubClient::new(channel.clone()).max_decoding_message_size(self.limits.max_response_bytes)
    }

    async fn within<T>(
        &self,
        answer: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, WireError> {
        let deadline = self.limits.deadline;
        select_biased! {
            answer = Box::pin(answer).fuse() => answer.map(tonic::Response::into_inner).map_err(|status| read(&status)),
            () = self.clock.sleep(deadline).fuse() => Err(WireError::Interrupted(Interruption::Deadline(deadline))),
        }
    }
}

/// Trusts the public roots, and those that are given.
fn tls(extra: Option<&str>) -> Result<ClientTlsConfig, Misuse> {
    const NO_ROOT: Misuse =
        Misuse::Configuration("the extra roots for change events hold no certificates in PEM");
    let mut config = ClientTlsConfig::new()
        .trust_anchors(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(anchor));
    if let Some(pem) = extra {
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(|_| NO_ROOT)?;
        if certificates.is_empty() {
            return Err(NO_ROOT);
        }
        for certificate in &certificates {
            config = config.trust_anchor(anchor(certificate).ok_or(NO_ROOT)?);
        }
    }
    Ok(config)
}

fn anchor(certificate: &CertificateDer<'_>) -> Option<TrustAnchor<'static>> {
    webpki::anchor_from_trusted_cert(certificate).ok().map(|anchor| anchor.to_owned())
}

#[async_trait]
impl EventWire for GrpcWire {
    async fn topic(&self, credentials: &Credentials, topic: &Topic) -> Result<TopicFacts, WireError> {
        let question = TopicRequest { topic_name: topic.as_str().to_owned() };
        let request = request(credentials, question)?;
        let facts = self.within(async { self.client().get_topic(request).await }).await?;
        Ok(TopicFacts { schema_id: facts.schema_id, can_subscribe: facts.can_subscribe })
    }

    async fn schema(&self, credentials: &Credentials, schema_id: &str) -> Result<String, WireError> {
        let request = request(credentials, SchemaRequest { schema_id: schema_id.to_owned() })?;
        let info = self.within(async { self.client().get_schema(request).await }).await?;
        if !info.schema_id.is_empty() && info.schema_id != schema_id {
            return Err(WireError::Unreadable("another schema than the one that was asked for"));
        }
        Ok(info.schema_json)
    }

    fn subscribe(self: Arc<Self>, credentials: Credentials, first: Fetch) -> Box<dyn EventStream> {
        let (mut requests, outgoing) = mpsc::channel(MAX_WAITING);
        let topic = first.topic.clone();
        // The channel is new: there is room for the first one.
        let _ = requests.try_send(fetch_request(first));
        let mut client = self.client();
        let opening: Opening = match request(&credentials, outgoing) {
            Ok(request) => {
                async move { client.subscribe(request).await.map(tonic::Response::into_inner) }.boxed()
            }
            Err(error) => return Box::new(Refused(Some(error))),
        };
        Box::new(GrpcStream { topic, requests, incoming: Incoming::Opening(opening) })
    }
}

type Opening = BoxFuture<'static, Result<Streaming<FetchResponse>, Status>>;

/// A server may send no headers before the first event: the opening is part of the waiting.
enum Incoming {
    Opening(Opening),
    Open(Box<Streaming<FetchResponse>>),
    Over,
}

struct GrpcStream {
    topic: Topic,
    requests: Sender<FetchRequest>,
    incoming: Incoming,
}

#[async_trait]
impl EventStream for GrpcStream {
    fn fetch(&mut self, credit: u32) {
        let request = FetchRequest {
            topic_name: self.topic.as_str().to_owned(),
            num_requested: i32::try_from(credit).unwrap_or(i32::MAX),
            ..FetchRequest::default()
        };
        // A stream that is over says so when it is listened to.
        let _ = self.requests.try_send(request);
    }

    async fn receive(&mut self) -> Option<Result<Fetched, WireError>> {
        loop {
            match &mut self.incoming {
                Incoming::Opening(opening) => match opening.await {
                    Ok(stream) => self.incoming = Incoming::Open(Box::new(stream)),
                    Err(status) => {
                        self.incoming = Incoming::Over;
                        return Some(Err(read(&status)));
                    }
                },
                Incoming::Open(stream) => {
                    let answer = stream.next().await?;
                    return Some(answer.map_err(|status| read(&status)).and_then(fetched));
                }
                Incoming::Over => return None,
            }
        }
    }
}

/// A stream that could not be asked for.
struct Refused(Option<WireError>);

#[async_trait]
impl EventStream for Refused {
    fn fetch(&mut self, _: u32) {}

    async fn receive(&mut self) -> Option<Result<Fetched, WireError>> {
        self.0.take().map(Err)
    }
}

/// A request with what every request carries (salesforce reference, section 4.3).
fn request<T>(credentials: &Credentials, message: T) -> Result<Request<T>, WireError> {
    let text = |text: &str| {
        MetadataValue::try_from(text).map_err(|_| WireError::Unreadable("the session is no header text"))
    };
    let mut token = text(credentials.token.expose_secret())?;
    token.set_sensitive(true);
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("accesstoken", token);
    metadata.insert("instanceurl", text(&credentials.instance)?);
    metadata.insert("tenantid", text(credentials.org_id.as_str())?);
    Ok(request)
}

fn fetch_request(fetch: Fetch) -> FetchRequest {
    let (preset, replay_id) = match fetch.start {
        Start::Latest => (ReplayPreset::Latest, Vec::new()),
        Start::Earliest => (ReplayPreset::Earliest, Vec::new()),
        Start::After(id) => (ReplayPreset::Custom, id.as_bytes().to_vec()),
    };
    FetchRequest {
        topic_name: fetch.topic.as_str().to_owned(),
        replay_preset: preset.into(),
        replay_id,
        num_requested: i32::try_from(fetch.credit).unwrap_or(i32::MAX),
        auth_refresh: String::new(),
    }
}

fn fetched(response: FetchResponse) -> Result<Fetched, WireError> {
    let events = response.events.into_iter().map(|consumer| {
        let event =
            consumer.event.ok_or(WireError::Unreadable("an answer holds an event without content"))?;
        Ok(RawEvent { replay_id: consumer.replay_id, schema_id: event.schema_id, payload: event.payload })
    });
    Ok(Fetched {
        events: events.collect::<Result<_, WireError>>()?,
        latest: response.latest_replay_id,
        pending: response.pending_num_requested,
    })
}

/// Reads a status. Its text is the server's and stays unread: it may repeat what it was asked.
fn read(status: &Status) -> WireError {
    use std::error::Error as _;
    let code = status.metadata().get("error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
    if code.is_empty() {
        // Made here, not sent: the connection broke, or the answer is too long.
        if status.code() == Code::OutOfRange {
            return WireError::Unreadable("an answer is longer than allowed");
        }
        if status.source().is_some() {
            return WireError::Interrupted(Interruption::Connection);
        }
    }
    let code = code.chars().filter(char::is_ascii_graphic).take(MAX_CODE).collect();
    WireError::Refused { status: status.code().into(), code }
}
