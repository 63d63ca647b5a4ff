//! A server that answers what it is told, byte by byte, however wrong that is.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Longest request the server reads.
const MAX_REQUEST: usize = 1 << 20;
/// Longest it goes on writing into a connection that nobody reads.
const MAX_ANSWER: usize = 64 << 20;

/// What the server does next on a connection.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends them again and again, for as long as somebody takes them.
    Flood(Vec<u8>),
    /// Sends one byte after the other, with this wait between them.
    Drip(Vec<u8>, Duration),
    /// Does nothing, with the connection open.
    Hang,
    /// Breaks the connection off, so that the other side sees a reset.
    Reset,
    /// Reads another request on the same connection, and answers it with the rest.
    NextRequest,
}

/// A request, as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    /// The whole head, for tests that search it.
    pub(crate) head: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (each, value) = line.split_once(':')?;
            each.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A listener of its own; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<Mutex<u32>>,
}

impl Server {
    /// Answers every connection with `steps`.
    pub(crate) async fn always(steps: Vec<Step>) -> Self {
        Self::start(VecDeque::new(), steps).await
    }

    /// Answers one connection after the other; those after the last with nothing but a closed connection.
    pub(crate) async fn scripted(answers: impl IntoIterator<Item = Vec<Step>>) -> Self {
        Self::start(answers.into_iter().collect(), Vec::new()).await
    }

    async fn start(answers: VecDeque<Vec<Step>>, then: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
            connections: Arc::default(),
        };
        let (serving, answers) = (server.clone(), Arc::new(Mutex::new(answers)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *serving.connections.lock().unwrap() += 1;
                let steps = answers.lock().unwrap().pop_front().unwrap_or_else(|| then.clone());
                let serving = serving.clone();
                // A client that goes away in the middle is not this server's concern.
                tokio::spawn(async move { serving.serve(stream, steps).await });
            }
        });
        server
    }

    async fn serve(&self, mut stream: TcpStream, steps: Vec<Step>) -> std::io::Result<()> {
        self.read(&mut stream).await?;
        for step in steps {
            match step {
                Step::Send(bytes) => stream.write_all(&bytes).await?,
                Step::Flood(bytes) => {
                    let mut sent = 0;
                    while sent < MAX_ANSWER {
                        stream.write_all(&bytes).await?;
                        sent += bytes.len();
                    }
                }
                Step::Drip(bytes, wait) => {
                    for byte in bytes {
                        stream.write_all(&[byte]).await?;
                        stream.flush().await?;
                        if wait.is_zero() {
                            tokio::task::yield_now().await;
                        } else {
                            tokio::time::sleep(wait).await;
                        }
                    }
                }
                Step::Hang => std::future::pending().await,
                Step::Reset => stream.set_zero_linger()?,
                Step::NextRequest => self.read(&mut stream).await?,
            }
        }
        stream.flush().await
    }

    /// Reads one request, its body by its length.
    async fn read(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(bytes.len() < MAX_REQUEST, "the client's head has no end");
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        let mut words = head.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let asked = Asked { method: word(), target: word(), head };
        let body = asked.header("content-length").map_or(0, |length| length.parse::<usize>().unwrap());
        self.asked.lock().unwrap().push(asked);
        let mut missing = (head_end + body).saturating_sub(bytes.len());
        while missing > 0 {
            let mut more = vec![0; missing];
            let read = stream.read(&mut more).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            missing -= read;
        }
        Ok(())
    }

    /// The requests that arrived, in their order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> u32 {
        *self.connections.lock().unwrap()
    }
}

/// A whole answer: status line, headers, length and body; the connection is closed after it.
pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<Step> {
    let body = body.as_ref();
    let mut bytes = head(status, headers);
    bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    vec![Step::Send(bytes)]
}

/// The beginning of an answer, without an end.
pub(crate) fn head(status: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text =
        format!("HTTP/1.1 {status}\r\nDate: Mon, 02 Nov 2026 09:14:08 GMT\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
    }
    text.into_bytes()
}
