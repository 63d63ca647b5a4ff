//! The sandbox over sockets: a listener for each platform, and a courier for the calls each platform makes itself.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{either::Either, sync::CancellationToken, task::TaskTracker};

use crate::{
    dump::Dump,
    exchange::{self, Machine, Outcome, Outgoing},
    faults::Platform,
    front::{Answer, Front, Stage},
    partner_center::PartnerCenter,
    salesforce::{Salesforce, pubsub::server::Service},
    tls::Identity,
    world::World,
};

/// Most connections open at once on one listener; more wait.
pub const MAX_CONNECTIONS: usize = 1024;
/// Most calls of one platform under way at once.
pub const MAX_COURIER_CALLS: usize = 32;
/// Longest request body read unless the configuration says otherwise, in bytes: the largest upload of a bulk job, and
/// more than the largest deploy with its form (salesforce reference, sections 3 and 6.3).
pub const MAX_BODY_BYTES: usize = 100 << 20;
/// How long the other side of a platform's call may take.
pub const COURIER_DEADLINE: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How long connections get to finish when the sandbox shuts down; then they are dropped.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
/// Longest sleep of a courier with nothing to do.
const COURIER_REST: Duration = Duration::from_mins(1);

/// A connection, in plain or through TLS.
type Socket = Either<TcpStream, TlsStream<TcpStream>>;
/// Serves a connection to its end.
type Serving = Arc<dyn Fn(Socket) -> BoxFuture<'static, ()> + Send + Sync>;

/// How a sandbox is started.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Where Partner Center listens. Port 0: any free one.
    pub partner_center: SocketAddr,
    /// Where Salesforce listens. Port 0: any free one.
    pub salesforce: SocketAddr,
    /// Where Salesforce's Pub/Sub API listens, always with TLS. Port 0: any free one.
    pub pubsub: SocketAddr,
    /// The address under which clients reach Salesforce, where something stands before the listener; the listener's own
    /// if absent.
    pub salesforce_url: Option<String>,
    /// From which every identifier, secret and random choice follows.
    pub seed: u64,
    /// Longest request body read, in bytes; longer ones are answered with 413. A platform's own bound may be lower.
    pub max_body_bytes: usize,
    /// A folder for one file an exchange, without secrets; it is made if it is not there.
    pub dump: Option<PathBuf>,
    /// Both platforms speak TLS, under a certificate that the sandbox makes.
    pub tls: bool,
    /// A folder for the file with what clients of that certificate have to trust; without one, and with `tls`, a
    /// temporary folder.
    pub tls_folder: Option<PathBuf>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            partner_center: any,
            salesforce: any,
            pubsub: any,
            salesforce_url: None,
            seed: 0,
            max_body_bytes: MAX_BODY_BYTES,
            dump: None,
            tls: false,
            tls_folder: None,
        }
    }
}

/// What a started sandbox tells its user: URLs and ready-made credentials of both platforms. Serialises to one JSON
/// object.
#[derive(Debug, Clone, Serialize)]
pub struct Ready {
    /// Partner Center: `api_url`, `webhooks_url`, `token_url`, `device_code_url`, `authorize_url`, `control_url`,
    /// `page_url`, `certificate_url`, `tenant_id`, `organization_id`, `client_id` with `client_secret` or
    /// `client_certificate_pem` and `client_key_pem`, `public_client_id`, `refresh_token`, `portal_user_token`,
    /// `people` (`admin`, `user`, `outsider`), `webhook_trust_anchor_pem`, `webhook_intermediate_pem` and more.
    pub partner_center: Value,
    /// Salesforce, as its machine says, and `pubsub_endpoint`, host and port of its Pub/Sub API.
    pub salesforce: Value,
    /// What clients have to trust where the sandbox speaks TLS.
    pub tls: Trust,
    /// The seed it was started with.
    pub seed: u64,
}

/// What a client has to trust to speak TLS with the sandbox; the names in its certificate are [`NAMES`](crate::tls::NAMES).
#[derive(Debug, Clone, Serialize)]
pub struct Trust {
    /// The authority of the sandbox's certificate.
    pub authority_pem: String,
    /// The file with the same text, if one was written.
    pub authority_file: Option<PathBuf>,
}

/// A running sandbox. Dropping it stops it at once; [`Sandbox::shutdown`] lets exchanges finish.
#[derive(Debug)]
pub struct Sandbox {
    ready: Ready,
    stop: CancellationToken,
    tasks: TaskTracker,
    fronts: [Arc<Front>; 2],
    /// Kept for the file that goes with it.
    _identity: Identity,
}

impl Sandbox {
    /// Starts both platforms.
    ///
    /// # Errors
    /// A listener could not be bound, or a folder could not be made.
    pub async fn start(config: SandboxConfig) -> io::Result<Self> {
        let world = Arc::new(World::new(config.seed));
        let stage = Stage::new(world, Arc::new(Timestamp::now));
        Self::start_on(config, stage).await
    }

    /// Starts both platforms on a stage that the caller made, with its own clock.
    ///
    /// # Errors
    /// A listener could not be bound, or a folder could not be made.
    pub async fn start_on(config: SandboxConfig, mut stage: Stage) -> io::Result<Self> {
        if let Some(folder) = config.dump {
            stage.dump = Some(Arc::new(Dump::new(folder)?));
        }
        let mut identity = Identity::make()?;
        if config.tls || config.tls_folder.is_some() {
            identity.write(config.tls_folder.as_deref())?;
        }
        let acceptor =
            if config.tls { Some(TlsAcceptor::from(identity.server(&["h2", "http/1.1"])?)) } else { None };
        let scheme = if config.tls { "https" } else { "http" };
        let (world, now) = (&stage.world, stage.now());
        let portal: Arc<dyn Machine> = Arc::new(PartnerCenter::new(Arc::clone(world), now));
        let org = Arc::new(Salesforce::new(world));
        let crm: Arc<dyn Machine> = Arc::clone(&org) as Arc<dyn Machine>;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let bus = TcpListener::bind(config.pubsub).await?;
        let bus_endpoint = reachable(bus.local_addr()?).to_string();
        let mut opened = Vec::with_capacity(2);
        for (platform, machine, address) in [
            (Platform::PartnerCenter, portal, config.partner_center),
            (Platform::Salesforce, crm, config.salesforce),
        ] {
            let listener = TcpListener::bind(address).await?;
            let own = format!("{scheme}://{}", reachable(listener.local_addr()?));
            let told = match platform {
                Platform::Salesforce => config.salesforce_url.as_deref().unwrap_or(&own),
                Platform::PartnerCenter => &own,
            };
            let mut credentials = machine.credentials(told);
            if let (Platform::Salesforce, Value::Object(all)) = (platform, &mut credentials) {
                all.insert("pubsub_endpoint".to_owned(), Value::from(bus_endpoint.clone()));
            }
            let front = Front::new(platform, machine, stage.clone());
            let _ = front.credentials.set(credentials.clone());
            opened.push((listener, credentials, Arc::new(front)));
        }
        // Both are bound before either answers: a client that reads `Ready` can call either.
        let [(portal_listener, portal_ready, portal), (crm_listener, crm_ready, crm)] =
            <[_; 2]>::try_from(opened).expect("two platforms were opened");
        for (listener, front) in [(portal_listener, &portal), (crm_listener, &crm)] {
            let (own, ends, max_body_bytes) = (Arc::clone(front), stop.clone(), config.max_body_bytes);
            let serving: Serving = Arc::new(move |socket| {
                Box::pin(connection(socket, Arc::clone(&own), max_body_bytes, ends.clone()))
            });
            tasks.spawn(listen(listener, acceptor.clone(), serving, stop.clone(), tasks.clone()));
            tasks.spawn(courier(Arc::clone(front), stop.clone()));
        }
        let service = Service::new(org, stage, stop.clone());
        let serving: Serving =
            Arc::new(move |socket| Box::pin(service.clone().connection(socket, SHUTDOWN_GRACE)));
        let acceptor = TlsAcceptor::from(identity.server(&["h2"])?);
        tasks.spawn(listen(bus, Some(acceptor), serving, stop.clone(), tasks.clone()));
        let tls = Trust {
            authority_pem: identity.authority_pem().to_owned(),
            authority_file: identity.path().map(Path::to_owned),
        };
        let ready = Ready { partner_center: portal_ready, salesforce: crm_ready, tls, seed: config.seed };
        Ok(Self { ready, stop, tasks, fronts: [portal, crm], _identity: identity })
    }

    /// URLs and credentials.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// A platform's front: the same exchanges without a socket.
    pub fn front(&self, platform: Platform) -> &Arc<Front> {
        &self.fronts[usize::from(platform == Platform::Salesforce)]
    }

    /// Takes no more connections, lets running exchanges finish for [`SHUTDOWN_GRACE`], and ends.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        let finished = tokio::time::timeout(SHUTDOWN_GRACE, self.tasks.wait()).await;
        if finished.is_err() {
            tracing::debug!("connections were still open when the sandbox shut down");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A wildcard address is listened on, but cannot be called.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

async fn listen(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    serving: Serving,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, most likely: they come back as connections end.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (acceptor, serving) = (acceptor.clone(), Arc::clone(&serving));
        tasks.spawn(async move {
            let _ = stream.set_nodelay(true);
            match acceptor {
                None => serving(Either::Left(stream)).await,
                Some(acceptor) => {
                    // Who does not know the certificate hangs up; that is the client's news.
                    let shaken = tokio::time::timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream));
                    if let Ok(Ok(stream)) = shaken.await {
                        serving(Either::Right(stream)).await;
                    }
                }
            }
            drop(slot);
        });
    }
}

async fn connection(stream: Socket, front: Arc<Front>, max_body_bytes: usize, stop: CancellationToken) {
    let service = service_fn(move |request| serve(Arc::clone(&front), request, max_body_bytes));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A broken or deliberately cut connection is not news.
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(SHUTDOWN_GRACE, connection).await;
        }
    }
}

/// One exchange. An error closes the connection with nothing sent.
async fn serve(
    front: Arc<Front>,
    request: Request<Incoming>,
    max_body_bytes: usize,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, max_body_bytes).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let body =
                json!({ "error": { "code": "invalidRequest", "message": "The request body is too long." } });
            return Ok(exchange::json(StatusCode::PAYLOAD_TOO_LARGE, &body).map(Full::new));
        }
        Err(_) => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    match front.answer(Request::from_parts(head, body)).await {
        Answer::Response(response) => Ok(response.map(Full::new)),
        Answer::Cut => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// Makes a platform's own calls when they are due.
async fn courier(front: Arc<Front>, stop: CancellationToken) {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let slots = Arc::new(Semaphore::new(MAX_COURIER_CALLS));
    let mut stirs = front.stage.stirs();
    while !stop.is_cancelled() {
        stirs.mark_unchanged();
        let taken = front.machine.take_due(front.stage.now());
        let idle = taken.is_empty();
        for outgoing in taken {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let (front, client) = (Arc::clone(&front), client.clone());
            tokio::spawn(async move {
                let Outgoing { id, request } = outgoing;
                let outcome = call(&client, request.clone()).await;
                front.delivered(id, &request, &outcome);
                drop(slot);
            });
        }
        if idle {
            let rest = front.machine.next_due().map_or(COURIER_REST, |due| {
                let left = due.duration_since(front.stage.now());
                Duration::try_from(left).unwrap_or_default().clamp(Duration::from_millis(1), COURIER_REST)
            });
            tokio::select! {
                () = stop.cancelled() => return,
                _ = stirs.changed() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }
}

async fn call(client: &Client<HttpConnector, Full<Bytes>>, request: Request<Bytes>) -> Outcome {
    match tokio::time::timeout(COURIER_DEADLINE, client.request(request.map(Full::new))).await {
        Ok(Ok(response)) => Outcome::Answered(response.status()),
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(_) => Outcome::Failed("no answer in time".to_owned()),
    }
}
