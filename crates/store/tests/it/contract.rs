//! The port's contract, sentence by sentence. Written against `dyn Store`: each implementation runs it whole.

mod brake;
mod commit;
mod decisions;
mod fixed_paths;
mod forgetting;
mod histories;
mod handovers;
mod leases;
mod marks;
mod pauses;
mod proofs;
mod retention;
mod rows;
mod work;

/// Runs each case of a topic on a fresh store of every implementation.
macro_rules! on_every_store {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    let ground = crate::ground::Ground::new();
                    super::$case(&ground.open()).await;
                }
            )+
        }
    };
}
use on_every_store;
