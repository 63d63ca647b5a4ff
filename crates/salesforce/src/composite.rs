//! Several calls in one, each with its own headers: up to 25 subrequests, counted as one call by the org.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    CallContext, Client, Error, Misuse, ReferenceId, Result, Subrequest, Subresponse,
    client::Call,
    subrequest::{Kind, RawPart, in_order, names},
};

/// Most subrequests of one call (salesforce reference, section 2.9).
pub const MAX_SUBREQUESTS: usize = 25;
/// Most of them that may be queries.
pub const MAX_COMPOSITE_QUERIES: usize = 5;
/// The answers of a composite call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompositeAnswer {
    /// One for each subrequest, in their order.
    pub parts: Vec<Subresponse>,
    /// The server's own time of the whole answer.
    pub server_date: Timestamp,
}

impl CompositeAnswer {
    /// The answer to the subrequest of that name.
    pub fn part(&self, reference_id: &ReferenceId) -> Option<&Subresponse> {
        self.parts.iter().find(|part| part.reference_id == *reference_id)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAnswer {
    composite_response: Vec<RawPart>,
}

impl Client {
    /// Sends the subrequests in one call; they run in their order.
    ///
    /// `all_or_none`: one failure undoes all, and the others answer `PROCESSING_HALTED`
    /// ([`crate::Refusal::is_bystander`]). Otherwise each stands for itself, and a caller must look at each part.
    /// A call whose answer was lost is [`ports::RetryClass::Doubtful`] if any subrequest writes.
    pub async fn composite(
        &self,
        context: CallContext,
        subrequests: Vec<Subrequest>,
        all_or_none: bool,
    ) -> Result<CompositeAnswer> {
        let asked = check(&subrequests)?;
        let write = asked.iter().any(|(_, kind)| *kind == Kind::Write);
        let parts: Vec<Value> =
            subrequests.into_iter().map(|subrequest| self.part(subrequest)).collect::<Result<_, Misuse>>()?;
        let body =
            json!({ "allOrNone": all_or_none, "collateSubrequests": false, "compositeRequest": parts });
        let call = Call::new(Method::POST, format!("{}/composite", self.version_root())).json(&body);
        let answer = self.call(context, if write { call.writing() } else { call.reading() }).await?;

        let unreadable = |reason| Error::Unreadable { status: answer.status, reason, write };
        let raw = RawAnswer::deserialize(answer.json()?)
            .map_err(|_| unreadable("not the shape of a composite answer"))?;
        let parts = in_order(asked, raw.composite_response).map_err(unreadable)?;
        Ok(CompositeAnswer { parts, server_date: answer.server_date()? })
    }
}

/// Checks the bounds of a call, and gives back what was asked.
fn check(subrequests: &[Subrequest]) -> Result<Vec<(ReferenceId, Kind)>, Misuse> {
    let too_many = |what, given, most| Err(Misuse::TooMany { what, given, most });
    if subrequests.len() > MAX_SUBREQUESTS {
        return too_many("subrequests", subrequests.len(), MAX_SUBREQUESTS);
    }
    let queries = subrequests.iter().filter(|subrequest| subrequest.kind == Kind::Query).count();
    if queries > MAX_COMPOSITE_QUERIES {
        return too_many("queries among the subrequests", queries, MAX_COMPOSITE_QUERIES);
    }
    names(subrequests)
}
