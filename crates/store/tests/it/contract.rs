//! The port's contract, sentence by sentence. Written against `dyn Store`: each implementation runs it whole.

mod brake;
mod commit;
mod decisions;
mod fixed_paths;
mod forgetting;
mod handovers;
mod histories;
mod leases;
mod lending;
mod marks;
mod pauses;
mod proofs;
mod retention;
mod rows;
mod rules;
mod tokens;
mod work;

/// Runs each case of a topic on a fresh store of every implementation.
macro_rules! on_every_store {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    let ground = crate::ground::Ground::new();
                    super::$case(&ground.open_with(crate::contract::sealed())).await;
                }
            )+
        }
        crate::contract::on_postgres!(installed_postgres, installed, $($case),+);
        crate::contract::on_postgres!(other_postgres, other, $($case),+);
    };
}

/// Runs each case on a fresh database of one server.
macro_rules! on_postgres {
    ($name:ident, $server:ident, $($case:ident),+) => {
        mod $name {
            $(
                #[tokio::test]
                async fn $case() {
                    let ground = crate::postgres::Ground::new(crate::postgres::$server()).await;
                    let store = ground.open_with(store::postgres::Access::Own, crate::contract::sealed()).await;
                    super::$case(&store).await;
                    store.close().await;
                    ground.give_back().await;
                }
            )+
        }
    };
}
use on_every_store;
use on_postgres;

/// Every store of the contract has a key: without one no token is kept.
pub(crate) fn sealed() -> store::Options {
    let seal_key = Some(store::SealKey::new([1; store::SealKey::BYTES]));
    store::Options { seal_key, ..store::Options::default() }
}
