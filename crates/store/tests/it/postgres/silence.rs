//! A server that says nothing any more, as after a loss of its power: nobody waits for it for ever.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use postgres_server::installed;
use secrecy::{ExposeSecret as _, SecretString};
use store::{Options, PostgresStore, postgres::Access};
use sync_engine::{Store, StoreError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::Ground;
use crate::ground::at;

/// Carries bytes between the store and its server, until the store says `word`: from then on, once, nothing is carried any
/// more of that connection, and nobody is told. Time flies as soon as everybody waits.
async fn fall_silent_at(port: u16, word: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().port();
    let silenced = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        while let Ok((ours, _)) = listener.accept().await {
            let theirs = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let silenced = Arc::clone(&silenced);
            tokio::spawn(async move {
                let ((mut from_us, mut to_us), (mut from_it, mut to_it)) =
                    (ours.into_split(), theirs.into_split());
                let back = tokio::spawn(async move { tokio::io::copy(&mut from_it, &mut to_us).await });
                let mut page = vec![0; 65_536];
                while let Ok(length @ 1..) = from_us.read(&mut page).await {
                    let says = page[..length].windows(word.len()).any(|said| said == word.as_bytes());
                    if says && !silenced.swap(true, Ordering::SeqCst) {
                        tokio::time::pause();
                        std::future::pending::<()>().await;
                    }
                    to_it.write_all(&page[..length]).await.unwrap();
                }
                back.abort();
            });
        }
    });
    here
}

async fn open_beyond(ground: &Ground, word: &'static str) -> PostgresStore {
    let (port, url) = (installed().port(), ground.url());
    let here = fall_silent_at(port, word).await;
    let url = url.expose_secret().replace(&format!(":{port}/"), &format!(":{here}/"));
    PostgresStore::open(&SecretString::from(url), Access::Own, Options::default()).await.unwrap()
}

#[tokio::test]
async fn a_look_a_transaction_and_a_claim_give_a_silent_connection_up_and_the_store_goes_on() {
    for word in ["FROM fixed_path", "INSERT INTO meta", "SET state = 'ready'"] {
        let ground = Ground::new(installed()).await;
        let store = open_beyond(&ground, word).await;
        let ask = async || match word {
            "FROM fixed_path" => store.fixed_paths().await.map(drop),
            "INSERT INTO meta" => store.heartbeat(at(1)).await,
            _ => {
                let (now, lease_until) = (at(1), at(61));
                let owner = "worker".to_owned();
                let request = sync_engine::ClaimRequest {
                    owner,
                    now,
                    lease_until,
                    most: 1,
                    most_of_backlog: 1,
                    rules: None,
                };
                store.claim(&request).await.map(drop)
            }
        };
        let began = tokio::time::Instant::now();
        let silent = ask().await;
        tokio::time::resume();
        assert!(
            matches!(&silent, Err(StoreError::Away(said)) if said.contains("said nothing")),
            "{word}: {silent:?}"
        );
        assert!(began.elapsed().as_secs() >= 60, "{word}");
        ask().await.unwrap();
        ground.end().await;
    }
}

#[tokio::test]
async fn a_reader_gives_a_silent_seat_up_and_takes_another() {
    let ground = Ground::new(installed()).await;
    let store = open_beyond(&ground, "pg_try_advisory_lock").await;
    let silent = store.lease("reader.portal", "first", at(0), at(60)).await;
    tokio::time::resume();
    assert!(matches!(&silent, Err(StoreError::Away(said)) if said.contains("said nothing")), "{silent:?}");
    assert!(store.lease("reader.portal", "first", at(1), at(61)).await.unwrap().is_some());
    ground.end().await;
}
