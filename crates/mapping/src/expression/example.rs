//! An example: what a record holds, and what a field is expected to make of it.

use deal_model::{NotComputed, Observed, Side};
use serde_json::Value as Json;

use super::{Expression, Given, Seen};
use crate::{Codec, Fallback};

/// One example of a field's expression. The compiler of the file runs it; a mapping holds only examples that came true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The side that the value goes to.
    pub to: Side,
    /// The documents by name: `referral`, `microsoft_referral`, `opportunity`.
    pub given: Json,
    /// What comes out.
    pub expected: Observed,
}

impl Example {
    /// What comes out of the expression, and of the default where that gives nothing.
    pub(crate) fn run(
        &self,
        computed: Option<&Expression>,
        default: Option<&Fallback>,
        codec: &Codec,
    ) -> Result<Observed, NotComputed> {
        let opportunity = |path: &crate::CrmPath| {
            let found = self.given.get("opportunity").and_then(|record| path.read(record));
            Seen::Value(found.cloned().unwrap_or_default())
        };
        let nothing = Json::Null;
        let given = match self.to {
            Side::Portal => Given::Crm(&opportunity),
            Side::Crm => Given::Portal {
                referral: self.given.get("referral").unwrap_or(&nothing),
                companion: self.given.get("microsoft_referral"),
            },
        };
        let own = computed.map_or(Ok(Observed::Empty), |expression| expression.evaluate(&given, codec))?;
        match (own, default) {
            (Observed::Empty, Some(default)) => default.value(&given, codec),
            (own, _) => Ok(own),
        }
    }
}
