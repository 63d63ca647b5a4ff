//! Tokens at rest are sealed, versioned, and useless without their key.

use ports::TokenStore as _;
use secrecy::{ExposeSecret as _, SecretString};
use store::{Options, SealKey, SqliteStore};
use sync_engine::{ConnectionProblem, ConnectionWorked};

use crate::ground::{Ground, at, claimed_deal, ending};

const SECRET: &str = "refresh-token-0123456789-planted";

fn sealed(ground: &Ground, key: u8) -> SqliteStore {
    ground.open_with(Options { seal_key: Some(SealKey::new([key; SealKey::BYTES])), ..Options::default() })
}

fn worked(at: jiff::Timestamp) -> ConnectionWorked {
    ConnectionWorked { key: "portal".to_owned(), at, saw: "it answers".to_owned() }
}

fn secret() -> SecretString {
    SecretString::from(SECRET)
}

#[tokio::test]
async fn a_token_comes_back_and_its_bytes_are_in_no_file() {
    let ground = Ground::new();
    let store = sealed(&ground, 1);
    assert!(store.replace("portal-token-name", 0, secret()).await.unwrap());
    let token = store.load("portal-token-name").await.unwrap().unwrap();
    assert_eq!((token.secret.expose_secret(), token.version), (SECRET, 1));
    assert!(ground.contains(b"portal-token-name"), "the positive control is found, in the log");
    assert!(!ground.contains(SECRET.as_bytes()));
    drop(store);
    assert!(ground.contains(b"portal-token-name"), "the positive control is found, in the file");
    assert!(!ground.contains(SECRET.as_bytes()));
}

#[tokio::test]
async fn without_a_key_no_token_is_stored_or_read() {
    let ground = Ground::new();
    let error = ground.open().replace("portal", 0, secret()).await.unwrap_err();
    assert!(error.to_string().contains("no seal key"), "{error}");
    sealed(&ground, 1).replace("portal", 0, secret()).await.unwrap();
    let error = ground.open().load("portal").await.unwrap_err();
    assert!(error.to_string().contains("no seal key"), "{error}");
}

#[tokio::test]
async fn another_key_opens_nothing_and_the_error_says_no_secret() {
    let ground = Ground::new();
    sealed(&ground, 1).replace("portal", 0, secret()).await.unwrap();
    let error = sealed(&ground, 2).load("portal").await.unwrap_err();
    assert!(error.to_string().contains("does not open with this seal key"), "{error}");
    assert!(!format!("{error:?}").contains(SECRET));
}

#[tokio::test]
async fn a_sealed_text_moved_to_another_row_does_not_open() {
    let ground = Ground::new();
    sealed(&ground, 1).replace("portal", 0, secret()).await.unwrap();
    let raw = rusqlite::Connection::open(ground.path()).unwrap();
    raw.execute("UPDATE token SET name = 'other'", []).unwrap();
    drop(raw);
    sealed(&ground, 1).load("other").await.unwrap_err();
}

#[tokio::test]
async fn a_command_beside_the_owner_writes_tokens_what_worked_and_what_people_decide_and_nothing_else() {
    use sync_engine::Store;
    let ground = Ground::new();
    let owner = sealed(&ground, 1);
    assert!(owner.replace("portal", 0, secret()).await.unwrap());
    let seal_key = Some(SealKey::new([1; SealKey::BYTES]));
    let looker = SqliteStore::open_beside(ground.path(), Options { seal_key, ..Options::default() }).unwrap();
    assert!(looker.replace("portal", 1, SecretString::from("next")).await.unwrap());
    assert!(!looker.replace("portal", 1, SecretString::from("late")).await.unwrap());
    let token = owner.load("portal").await.unwrap().unwrap();
    assert_eq!((token.secret.expose_secret(), token.version), ("next", 2));
    // A command may sign in, note a challenge, and say that a connection works.
    looker.sign_in("portal", SecretString::from("person's"), None).await.unwrap();
    looker.challenge("portal", Some("{}")).await.unwrap();
    assert_eq!(owner.facts("portal").await.unwrap().unwrap().challenge.as_deref(), Some("{}"));
    looker.connection_worked("portal", at(5), "it answers").await.unwrap();
    assert_eq!(owner.connections_worked().await.unwrap(), [worked(at(5))]);

    // A person decides, and lets go of what is held.
    let fixed = sync_engine::FixedPath {
        path: "/Name".to_owned(),
        group: "name".into(),
        mapping: "1".to_owned(),
        since: at(5),
    };
    owner.fix_path(&fixed).await.unwrap();
    let then = sync_engine::Cursor { source: "rules".to_owned(), position: "again".to_owned() };
    assert!(looker.free_path("/Name", "fixed./Name", &then).await.unwrap());
    assert_eq!(owner.cursor("rules").await.unwrap().as_deref(), Some("again"));
    assert!(!looker.release_brake("lost", "somebody", at(6)).await.unwrap(), "nothing is held");
    let (claim, deal) = claimed_deal(&owner, "006A").await;
    owner.commit(&ending(&claim, sync_engine::Disposition::Done, 1)).await.unwrap();
    let push = sync_engine::NewDecision {
        deal: deal.id.clone(),
        verdict: deal_model::Verdict::Push,
        by: "Ada".to_owned(),
        sentence: "Ada decided.".to_owned(),
        mapping: "1".to_owned(),
        instead_of: None,
        now: at(6),
    };
    assert!(matches!(looker.decide(&push).await.unwrap(), sync_engine::Decided::Taken(_)));
    assert_eq!(owner.next_due().await.unwrap(), Some(at(6)), "the owner finds it as any other mark");

    let problem = ConnectionProblem {
        key: "portal".to_owned(),
        sentence: "It ended.".to_owned(),
        next_step: "Sign in.".to_owned(),
        since: at(6),
    };
    for refused in [
        looker.bind("00D", "tenant").await,
        looker.start("looker", at(6)).await.map(drop),
        looker.heartbeat(at(6)).await,
        Store::lease(&looker, "engine", "looker", at(6), at(66)).await.map(drop),
        looker.connection_problem("portal", Some(&problem)).await,
        looker.connection_problem("portal", None).await,
        looker.fix_path(&fixed).await,
    ] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("for reading only"), "{refused}");
    }
    // The permission to write one thing has not opened the door for others after it.
    looker.connection_worked("portal", at(7), "it answers").await.unwrap();
    looker.heartbeat(at(7)).await.unwrap_err();
}

#[tokio::test]
async fn the_right_to_spend_a_token_is_one_processs_and_outlives_the_services_start_in_other_hands() {
    let ground = Ground::new();
    let service = sealed(&ground, 1);
    let beside = || {
        let seal_key = Some(SealKey::new([1; SealKey::BYTES]));
        SqliteStore::open_beside(ground.path(), Options { seal_key, ..Options::default() }).unwrap()
    };
    let (plan, verify) = (beside(), beside());
    let lease = plan.lease("portal", "plan", at(0), at(60)).await.unwrap().unwrap();
    assert_eq!(service.lease("portal", "service", at(1), at(61)).await.unwrap(), None);
    assert_eq!(verify.lease("portal", "verify", at(1), at(61)).await.unwrap(), None);
    // A service that starts ends the leases of services that died, not that of a command beside it.
    sync_engine::Store::start(&service, "engine", at(2)).await.unwrap();
    assert_eq!(service.lease("portal", "service", at(3), at(63)).await.unwrap(), None);
    plan.end_lease(&lease).await.unwrap();
    let next = service.lease("portal", "service", at(4), at(64)).await.unwrap().unwrap();
    assert!(next.number > lease.number);
    plan.end_lease(&lease).await.unwrap();
    assert_eq!(
        verify.lease("portal", "verify", at(5), at(65)).await.unwrap(),
        None,
        "it is not plan's to end"
    );

    sync_engine::Store::start(&service, "restarted", at(6)).await.unwrap();
    verify.lease("portal", "verify", at(7), at(67)).await.unwrap().expect("the dead service's lease is over");
    service.lease("portal", "service", at(67), at(99)).await.unwrap().expect("a lease ends by itself");
}

#[tokio::test]
async fn many_who_write_beside_the_owner_do_not_take_the_permission_from_each_other() {
    let ground = Ground::new();
    let owner = sealed(&ground, 1);
    let seal_key = Some(SealKey::new([1; SealKey::BYTES]));
    let looker = SqliteStore::open_beside(ground.path(), Options { seal_key, ..Options::default() }).unwrap();
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let looker = &looker;
            scope.spawn(move || {
                for version in 0..20 {
                    let replaced = futures::executor::block_on(looker.replace(name, version, secret()));
                    assert!(replaced.unwrap(), "{name} {version}");
                }
            });
        }
    });
    assert_eq!(owner.facts("d").await.unwrap().unwrap().version, 20);
}

#[tokio::test]
async fn a_connection_that_was_seen_to_work_has_no_problem_any_more_whoever_saw_it() {
    use sync_engine::Store as _;
    let ground = Ground::new();
    let owner = ground.open();
    let problem = |key: &str| ConnectionProblem {
        key: key.to_owned(),
        sentence: "The sign-in has expired.".to_owned(),
        next_step: "Sign in.".to_owned(),
        since: at(1),
    };
    for key in ["portal", "crm"] {
        owner.connection_problem(key, Some(&problem(key))).await.unwrap();
    }
    let looker = SqliteStore::open_beside(ground.path(), Options::default()).unwrap();
    looker.connection_worked("portal", at(5), "it answers").await.unwrap();
    looker.connection_worked("portal", at(3), "it answers").await.unwrap();
    assert_eq!(owner.connection_problems().await.unwrap(), [problem("crm")]);
    assert_eq!(owner.connections_worked().await.unwrap(), [worked(at(5))]);
    looker.connection_problem("crm", None).await.unwrap_err();
}
