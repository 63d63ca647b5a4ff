//! A hostile server of events: real TLS and HTTP/2, gRPC framed by hand, so that it can break every rule.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use futures::{SinkExt as _, channel::mpsc};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ports::{SystemClock, SystemRng, Unlimited};
use prost::Message;
use salesforce::{
    Client, ClientConfig, LoginConfig,
    events::{Events, EventsConfig},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_rustls::{TlsAcceptor, rustls};

use crate::{avro::SCHEMA, stub};

#[allow(missing_docs, dead_code, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub(crate) mod proto {
    tonic::include_proto!("eventbus.v1");
}

use proto::{ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, SchemaInfo, TopicInfo};

type Body = BoxBody<Bytes, io::Error>;
type Chunk = Result<Frame<Bytes>, io::Error>;

/// What the server does with one stream, step by step.
#[derive(Clone)]
pub(crate) enum Step {
    /// Sends an answer.
    Say(FetchResponse),
    /// Sends bytes that are framed already, or not at all.
    Raw(Bytes),
    /// Waits until this stream has brought so many requests.
    Await(usize),
    /// Sends trailers: a status, and a code if it is not empty.
    End(i32, &'static str),
    /// Ends the body without trailers.
    Cut,
    /// Resets the stream.
    Reset,
    /// Says that the connection takes no more streams, and goes on with this one.
    GoAway,
    /// Breaks the connection.
    Break,
    /// The connection stays, and nothing moves on it any more: not even an answer to a ping.
    Freeze,
    /// Says nothing more.
    Hang,
}

/// One stream.
#[derive(Clone)]
pub(crate) enum Scene {
    /// Refused with headers alone.
    Refuse(i32, &'static str),
    /// Accepted.
    Play(Vec<Step>),
}

#[derive(Default)]
pub(crate) struct Script {
    /// One a stream; streams beyond it hang.
    pub(crate) scenes: Mutex<VecDeque<Scene>>,
    /// How the next questions for a topic are refused.
    pub(crate) topic_refusals: Mutex<VecDeque<(i32, &'static str)>>,
    /// How the next questions for a schema are refused.
    pub(crate) schema_refusals: Mutex<VecDeque<(i32, &'static str)>>,
    pub(crate) schemas: Mutex<HashMap<String, String>>,
    /// Whether questions are never answered.
    pub(crate) silent: Mutex<bool>,
    pub(crate) denied: Mutex<bool>,
    /// Paths and headers, in their order.
    pub(crate) seen: Mutex<Vec<(String, HeaderMap)>>,
    /// Requests for events, each with the number of its stream.
    pub(crate) fetches: Mutex<Vec<(usize, FetchRequest)>>,
    fetched: Notify,
    streams: AtomicU64,
    pub(crate) grants: AtomicU64,
}

impl Script {
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|(seen, _)| seen.ends_with(path)).count()
    }

    fn fetches_of(&self, stream: usize) -> usize {
        self.fetches.lock().unwrap().iter().filter(|(of, _)| *of == stream).count()
    }
}

pub(crate) struct Server {
    pub(crate) script: Arc<Script>,
    pub(crate) config: EventsConfig,
}

impl Server {
    pub(crate) async fn start(scenes: impl IntoIterator<Item = Scene>) -> Self {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let script = Arc::new(Script::default());
        script.scenes.lock().unwrap().extend(scenes);
        script.schemas.lock().unwrap().insert("schema-1".into(), SCHEMA.into());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        tokio::spawn({
            let script = Arc::clone(&script);
            async move {
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(connection(acceptor.clone(), socket, Arc::clone(&script)));
                }
            }
        });
        let config = EventsConfig {
            endpoint: format!("https://localhost:{port}").parse().unwrap(),
            extra_roots: Some(certified.cert.pem()),
            ..EventsConfig::default()
        };
        Self { script, config }
    }

    pub(crate) fn events(&self) -> Events {
        self.events_with(&self.config)
    }

    /// What asks with other settings than those that reach this server.
    pub(crate) fn events_with(&self, config: &EventsConfig) -> Events {
        Events::new(&client(&self.script), config).unwrap()
    }
}

/// A client whose login is granted: `token-1`, `token-2` and so on.
fn client(script: &Arc<Script>) -> Client {
    let script = Arc::clone(script);
    let http = ports::http_service(tower::service_fn(move |_: Request<Bytes>| {
        let number = script.grants.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok::<_, Infallible>(stub::grant(number, stub::ORG).unwrap()) }
    }));
    let login = LoginConfig::ClientCredentials {
        my_domain: "https://example.my.salesforce.com".parse().unwrap(),
        client_id: "consumer".into(),
        client_secret: "secret".into(),
    };
    Client::new(
        http,
        Arc::new(SystemClock),
        Arc::new(SystemRng),
        Arc::new(Unlimited),
        ClientConfig::new(login),
    )
    .unwrap()
}

/// What a stream can do to its connection.
#[derive(Clone)]
struct Fates {
    go_away: Arc<Notify>,
    broken: Arc<Notify>,
    frozen: Arc<Notify>,
}

async fn connection(acceptor: TlsAcceptor, socket: TcpStream, script: Arc<Script>) {
    socket.set_nodelay(true).unwrap();
    let Ok(socket) = acceptor.accept(socket).await else { return };
    let [go_away, broken, frozen] = [(); 3].map(|()| Arc::new(Notify::new()));
    let service = hyper::service::service_fn({
        let fates =
            Fates { go_away: Arc::clone(&go_away), broken: Arc::clone(&broken), frozen: Arc::clone(&frozen) };
        move |request| {
            let (script, fates) = (Arc::clone(&script), fates.clone());
            async move { Ok::<_, Infallible>(answer(request, script, fates).await) }
        }
    });
    let mut serving = std::pin::pin!(
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(socket), service)
    );
    loop {
        tokio::select! {
            _ = &mut serving => return,
            () = go_away.notified() => serving.as_mut().graceful_shutdown(),
            () = broken.notified() => return,
            () = frozen.notified() => std::future::pending().await,
        }
    }
}

async fn answer(request: Request<Incoming>, script: Arc<Script>, fates: Fates) -> Response<Body> {
    let path = request.uri().path().to_owned();
    script.seen.lock().unwrap().push((path.clone(), request.headers().clone()));
    if path.ends_with("/Subscribe") {
        let stream = usize::try_from(script.streams.fetch_add(1, Ordering::SeqCst)).unwrap();
        let scene = script.scenes.lock().unwrap().pop_front().unwrap_or(Scene::Play(vec![Step::Hang]));
        return match scene {
            Scene::Refuse(status, code) => refusal(status, code),
            Scene::Play(steps) => {
                tokio::spawn(listen(request.into_body(), Arc::clone(&script), stream));
                let (out, chunks) = mpsc::channel(1);
                tokio::spawn(play(steps, out, script, stream, fates));
                respond(chunks)
            }
        };
    }
    if *script.silent.lock().unwrap() {
        std::future::pending::<()>().await;
    }
    let question = request.into_body().collect().await.unwrap().to_bytes();
    if path.ends_with("/GetTopic") {
        if let Some((status, code)) = script.topic_refusals.lock().unwrap().pop_front() {
            return refusal(status, code);
        }
        let name = proto::TopicRequest::decode(&question[5..]).unwrap().topic_name;
        let can_subscribe = !*script.denied.lock().unwrap();
        let schema_id = "schema-1".to_owned();
        return unary(&TopicInfo { topic_name: name, can_subscribe, schema_id, ..TopicInfo::default() });
    }
    if let Some((status, code)) = script.schema_refusals.lock().unwrap().pop_front() {
        return refusal(status, code);
    }
    let schema_id = proto::SchemaRequest::decode(&question[5..]).unwrap().schema_id;
    match script.schemas.lock().unwrap().get(&schema_id) {
        Some(text) => unary(&SchemaInfo { schema_json: text.clone(), schema_id, ..SchemaInfo::default() }),
        None => refusal(5, ""),
    }
}

/// Reads the requests of a stream.
async fn listen(mut body: Incoming, script: Arc<Script>, stream: usize) {
    let mut read = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        read.extend_from_slice(&data);
        while read.len() >= 5 {
            let length = usize::try_from(u32::from_be_bytes(read[1..5].try_into().unwrap())).unwrap();
            if read.len() < 5 + length {
                break;
            }
            read.advance(5);
            let request = FetchRequest::decode(read.split_to(length)).unwrap();
            script.fetches.lock().unwrap().push((stream, request));
            script.fetched.notify_waiters();
        }
    }
}

async fn play(
    steps: Vec<Step>,
    mut out: mpsc::Sender<Chunk>,
    script: Arc<Script>,
    stream: usize,
    fates: Fates,
) {
    for step in steps {
        let chunk = match step {
            Step::Say(answer) => Ok(Frame::data(framed(&answer))),
            Step::Raw(bytes) => Ok(Frame::data(bytes)),
            Step::Await(requests) => {
                loop {
                    let fetched = script.fetched.notified();
                    if script.fetches_of(stream) >= requests {
                        break;
                    }
                    fetched.await;
                }
                continue;
            }
            Step::End(status, code) => Ok(Frame::trailers(trailers(status, code))),
            Step::Cut => return,
            Step::Reset => Err(io::Error::other("as the script says")),
            Step::GoAway => {
                fates.go_away.notify_one();
                continue;
            }
            Step::Break => {
                fates.broken.notify_one();
                continue;
            }
            Step::Freeze => {
                fates.frozen.notify_one();
                continue;
            }
            Step::Hang => std::future::pending().await,
        };
        if out.send(chunk).await.is_err() {
            return;
        }
    }
}

fn respond(chunks: mpsc::Receiver<Chunk>) -> Response<Body> {
    Response::builder()
        .header("content-type", "application/grpc")
        .body(BoxBody::new(StreamBody::new(chunks)))
        .unwrap()
}

fn unary(message: &impl Message) -> Response<Body> {
    let chunks = [Ok(Frame::data(framed(message))), Ok(Frame::trailers(trailers(0, "")))];
    Response::builder()
        .header("content-type", "application/grpc")
        .body(BoxBody::new(StreamBody::new(futures::stream::iter(chunks))))
        .unwrap()
}

fn refusal(status: i32, code: &str) -> Response<Body> {
    let mut response = Response::new(BoxBody::new(StreamBody::new(futures::stream::empty::<Chunk>())));
    response.headers_mut().extend(trailers(status, code));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn trailers(status: i32, code: &str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(status));
    trailers.insert("grpc-message", HeaderValue::from_static("secret text of the server's"));
    if !code.is_empty() {
        trailers.insert("error-code", HeaderValue::try_from(code).unwrap());
    }
    trailers.insert("rpc-id", HeaderValue::from_static("rpc-1"));
    trailers
}

/// A message with gRPC's prefix: not compressed, its length.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    let body = message.encode_to_vec();
    let mut frame = vec![0];
    frame.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&body);
    frame.into()
}

/// Events with these numbers as their positions, renamed to them.
pub(crate) fn answer_of(numbers: impl IntoIterator<Item = u64>, pending: i32) -> FetchResponse {
    let events: Vec<_> =
        numbers.into_iter().map(|number| event(number, crate::avro::renamed(&number.to_string()))).collect();
    let latest = events.last().map_or_else(Vec::new, |event: &ConsumerEvent| event.replay_id.clone());
    FetchResponse { events, latest_replay_id: latest, pending_num_requested: pending, ..Default::default() }
}

pub(crate) fn event(number: u64, payload: Vec<u8>) -> ConsumerEvent {
    let event = ProducerEvent { schema_id: "schema-1".into(), payload, ..ProducerEvent::default() };
    ConsumerEvent { event: Some(event), replay_id: position(number) }
}

/// Ten bytes, as they were observed.
pub(crate) fn position(number: u64) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend([0, 0]);
    bytes
}

/// Long enough for whatever is about to come; never waited for to its end by a test that passes.
pub(crate) const SOON: Duration = Duration::from_secs(20);
