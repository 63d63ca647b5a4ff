//! A test's way to stop the program at a hold-point: inert unless `COSELL_TEST_HOLD` is set.

use std::{path::PathBuf, sync::Arc};

use ports::{EffectKind, HoldPoint, HoldPoints, NoHolds};

/// `POINT:KIND:FILE`, for example `in-commit:create:/tmp/held`: at that point the file is written and the thread
/// stops for ever. Tests kill the process there.
const VARIABLE: &str = "COSELL_TEST_HOLD";

struct HoldFor {
    point: String,
    kind: String,
    file: PathBuf,
}

impl HoldPoints for HoldFor {
    fn reach(&self, point: HoldPoint, kind: EffectKind) {
        if point.name() != self.point || kind.name() != self.kind {
            return;
        }
        if let Err(error) = std::fs::write(&self.file, "held") {
            tracing::error!(%error, "the hold could not be told");
        }
        loop {
            std::thread::park();
        }
    }
}

pub(crate) fn holds_from_environment() -> Arc<dyn HoldPoints> {
    let Ok(text) = std::env::var(VARIABLE) else { return Arc::new(NoHolds) };
    let mut parts = text.splitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(point), Some(kind), Some(file)) => {
            Arc::new(HoldFor { point: point.to_owned(), kind: kind.to_owned(), file: file.into() })
        }
        _ => Arc::new(NoHolds),
    }
}
