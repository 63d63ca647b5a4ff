//! Which versions of the API the org's instance speaks.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;

use crate::{CallContext, Client, Result, client::Call};

/// The versions of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersions {
    /// Such as `66.0`, in the server's order: oldest first.
    pub versions: Vec<String>,
    /// The server's own time of the answer.
    pub server_date: Timestamp,
}

#[derive(Deserialize)]
struct RawVersion {
    version: String,
}

impl Client {
    /// Lists the versions; not counted against the org's allowance (salesforce reference, section 2.1).
    pub async fn versions(&self, context: CallContext) -> Result<ApiVersions> {
        let answer = self.call(context, Call::new(Method::GET, "/services/data".to_owned())).await?;
        let raw = Vec::<RawVersion>::deserialize(answer.json()?)
            .map_err(|_| answer.unreadable("not a list of versions"))?;
        let versions = raw.into_iter().map(|each| each.version).collect();
        Ok(ApiVersions { versions, server_date: answer.server_date()? })
    }

    /// The version that this client speaks, such as `66.0`.
    pub fn api_version(&self) -> &str {
        self.version_root().trim_start_matches("/services/data/v")
    }
}
