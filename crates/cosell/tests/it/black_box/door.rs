//! A proxy between the program and somebody else, at which a network can be cut, slowed, half-closed or silenced.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// Bytes that pass at once.
const CHUNK: usize = 16 * 1024;

/// What becomes of what passes through a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It passes.
    Open,
    /// Each piece of it passes so much later.
    Slow(Duration),
    /// Nothing passes, nobody is told, and nothing that was sent is lost: it passes when the door opens.
    Silent,
    /// Connections break, and new ones are closed at once.
    Shut,
}

/// One that happens to every connection which is open at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Blows {
    /// How often all were cut.
    cuts: u32,
    /// How often the answers' direction of all was closed.
    half_closes: u32,
}

/// A listener whose connections lead to one address.
#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    way: watch::Sender<Way>,
    blows: watch::Sender<Blows>,
    accepting: JoinHandle<()>,
}

impl Door {
    /// A door to `target`, open.
    pub(super) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, ways) = watch::channel(Way::Open);
        let (blows, felt) = watch::channel(Blows::default());
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                if *ways.borrow() == Way::Shut {
                    continue;
                }
                tokio::spawn(connection(client, target, ways.clone(), felt.clone()));
            }
        });
        Self { address, way, blows, accepting }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this becomes of everything.
    pub(super) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Breaks all connections; new ones pass.
    pub(super) fn cut(&self) {
        self.blows.send_modify(|blows| blows.cuts += 1);
    }

    /// Answers of the connections that are open now do not arrive any more, while requests do.
    pub(super) fn half_close(&self) {
        self.blows.send_modify(|blows| blows.half_closes += 1);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection, to its end.
async fn connection(
    client: TcpStream,
    target: SocketAddr,
    mut ways: watch::Receiver<Way>,
    mut blows: watch::Receiver<Blows>,
) {
    // Nobody knows behind a silent door that there is a listener.
    if ways.wait_for(|way| *way != Way::Silent).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    blows.mark_unchanged();
    let before = *blows.borrow();
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, to_server) = server.into_split();
    let (to_server_ways, to_client_ways) = (ways.clone(), ways.clone());
    let requests = async move {
        let (mut from, mut to) = (from_client, to_server);
        pass(&mut from, &mut to, to_server_ways).await;
    };
    let mut half = blows.clone();
    let answers = async {
        tokio::select! {
            () = pass(&mut from_server, &mut to_client, to_client_ways) => return,
            _ = half.wait_for(|now| now.half_closes != before.half_closes) => {}
        }
        let _ = to_client.shutdown().await;
        // What the server goes on saying is taken from it, as a network would, and reaches nobody.
        let mut lost = vec![0; CHUNK];
        while from_server.read(&mut lost).await.is_ok_and(|read| read > 0) {}
    };
    let mut felt = blows.clone();
    let mut shut = ways.clone();
    tokio::select! {
        _ = async { tokio::join!(requests, answers) } => {}
        _ = felt.wait_for(|now| now.cuts != before.cuts) => {}
        _ = shut.wait_for(|way| *way == Way::Shut) => {}
    }
}

/// Passes on what comes until there is no more, and says so.
async fn pass(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, mut ways: watch::Receiver<Way>) {
    let mut piece = vec![0; CHUNK];
    loop {
        let read = from.read(&mut piece).await.unwrap_or(0);
        if read == 0 {
            break;
        }
        let way = ways.wait_for(|way| *way != Way::Silent).await.map_or(Way::Shut, |way| *way);
        if let Way::Slow(by) = way {
            tokio::time::sleep(by).await;
        }
        if to.write_all(&piece[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A server that answers each piece with itself; what it was told, joined.
    async fn echo() -> (SocketAddr, watch::Receiver<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, heard) = watch::channel(Vec::new());
        let told = Arc::new(told);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let told = Arc::clone(&told);
                tokio::spawn(async move {
                    let mut piece = [0; 64];
                    while let Ok(read @ 1..) = stream.read(&mut piece).await {
                        told.send_modify(|all| all.extend_from_slice(&piece[..read]));
                        if stream.write_all(&piece[..read]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        (address, heard)
    }

    async fn says(stream: &mut TcpStream, word: &[u8]) -> Vec<u8> {
        stream.write_all(word).await.unwrap();
        let mut piece = [0; 64];
        let read = stream.read(&mut piece).await.unwrap_or(0);
        piece[..read].to_vec()
    }

    #[tokio::test]
    async fn what_passes_is_what_was_said_and_a_cut_breaks_it() {
        let (target, _) = echo().await;
        let door = Door::to(target).await;
        let mut stream = TcpStream::connect(door.address()).await.unwrap();
        assert_eq!(says(&mut stream, b"one").await, b"one");
        door.set(Way::Slow(Duration::from_millis(5)));
        assert_eq!(says(&mut stream, b"two").await, b"two");
        door.set(Way::Open);
        door.cut();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0, "it is broken");
        let mut stream = TcpStream::connect(door.address()).await.unwrap();
        assert_eq!(says(&mut stream, b"three").await, b"three", "a new one passes");
        door.set(Way::Shut);
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0, "it is broken");
        let mut stream = TcpStream::connect(door.address()).await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or(0), 0, "a new one is closed");
    }

    #[tokio::test]
    async fn of_a_half_closed_connection_requests_arrive_and_answers_do_not() {
        let (target, mut heard) = echo().await;
        let door = Door::to(target).await;
        let mut stream = TcpStream::connect(door.address()).await.unwrap();
        assert_eq!(says(&mut stream, b"one").await, b"one");
        door.half_close();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "no answer comes any more");
        stream.write_all(b"two").await.unwrap();
        heard.wait_for(|all| all == b"onetwo").await.unwrap();
    }

    #[tokio::test]
    async fn behind_a_silent_door_everything_waits_and_nothing_is_lost() {
        let (target, mut heard) = echo().await;
        let door = Door::to(target).await;
        let mut stream = TcpStream::connect(door.address()).await.unwrap();
        assert_eq!(says(&mut stream, b"one").await, b"one");
        door.set(Way::Silent);
        stream.write_all(b"two").await.unwrap();
        let quiet = tokio::time::timeout(Duration::from_millis(50), heard.wait_for(|all| all.len() > 3));
        assert!(quiet.await.is_err(), "nothing passes");
        door.set(Way::Open);
        heard.wait_for(|all| all == b"onetwo").await.unwrap();
        assert_eq!(says(&mut stream, b"").await, b"two");
    }
}
