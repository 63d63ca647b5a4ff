//! The people of the demo: a seller in Salesforce, Microsoft's seller, and a colleague in Partner Center. They use
//! ordinary clients' means; nothing of Cosell.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use http::{Method, Request, header};
use ports::HttpService;
use serde_json::{Value, json};
use tower::{Service as _, ServiceExt as _};

use crate::commands::sandbox::Printed;

/// How long a person waits for a change to show up before the demo is called failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long people pause between two things they do.
const BREATH: Duration = Duration::from_millis(2_500);

/// How often they look.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// The people, and how they reach the platforms.
pub(crate) struct People {
    http: HttpService,
    salesforce: String,
    seller: String,
    api: String,
    portal_token: String,
    control: String,
}

impl People {
    pub(crate) fn new(http: HttpService, printed: &Printed) -> anyhow::Result<Self> {
        let text = |value: &Value, pointer: &str| {
            let found = value.pointer(pointer).and_then(Value::as_str);
            found.map(str::to_owned).with_context(|| format!("the sandbox did not say {pointer}"))
        };
        Ok(Self {
            http,
            salesforce: format!("{}/services/data/v66.0", text(&printed.salesforce, "/instance_url")?),
            seller: text(&printed.salesforce, "/seller/access_token")?,
            api: text(&printed.partner_center, "/api_url")?,
            portal_token: text(&printed.partner_center, "/portal_user_token")?,
            control: text(&printed.partner_center, "/control_url")?,
        })
    }

    async fn call(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = Request::builder()
            .method(method.clone())
            .uri(url)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))?;
        let mut http = self.http.clone();
        let answer = http.ready().await?.call(request).await?;
        if !answer.status().is_success() {
            bail!("{method} {url}: {} {}", answer.status(), String::from_utf8_lossy(answer.body()));
        }
        if answer.body().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(answer.body()).with_context(|| format!("{method} {url} answered no JSON"))
    }

    /// The seller creates a row.
    pub(crate) async fn seller_creates(&self, object: &str, row: Value) -> anyhow::Result<String> {
        let url = format!("{}/sobjects/{object}", self.salesforce);
        let answer = self.call(Method::POST, &url, Some(&self.seller), Some(&row)).await?;
        answer["id"].as_str().map(str::to_owned).ok_or_else(|| anyhow!("no id in the answer"))
    }

    /// The seller edits an opportunity.
    pub(crate) async fn seller_edits(&self, opportunity: &str, changes: Value) -> anyhow::Result<()> {
        let url = format!("{}/sobjects/Opportunity/{opportunity}", self.salesforce);
        self.call(Method::PATCH, &url, Some(&self.seller), Some(&changes)).await.map(drop)
    }

    /// The seller looks at an opportunity.
    pub(crate) async fn opportunity(&self, opportunity: &str) -> anyhow::Result<Value> {
        let url = format!("{}/sobjects/Opportunity/{opportunity}", self.salesforce);
        self.call(Method::GET, &url, Some(&self.seller), None).await
    }

    /// The opportunity of a referral, if there is one by now.
    pub(crate) async fn opportunity_of(&self, referral: &str) -> anyhow::Result<Option<String>> {
        let soql = format!("SELECT Id FROM Opportunity WHERE Referral_Identifier__c = '{referral}'");
        let soql = soql.replace(' ', "+").replace('\'', "%27").replace('=', "%3D");
        let url = format!("{}/query?q={soql}", self.salesforce);
        let answer = self.call(Method::GET, &url, Some(&self.seller), None).await?;
        Ok(answer.pointer("/records/0/Id").and_then(Value::as_str).map(str::to_owned))
    }

    /// A colleague looks at a referral in Partner Center.
    pub(crate) async fn referral(&self, referral: &str) -> anyhow::Result<Value> {
        let url = format!("{}/referrals/{referral}", self.api);
        self.call(Method::GET, &url, Some(&self.portal_token), None).await
    }

    /// A colleague edits a referral in Partner Center.
    pub(crate) async fn colleague_edits(&self, referral: &str, set: Value) -> anyhow::Result<()> {
        self.acts("portal/edit", &json!({ "id": referral, "set": set })).await.map(drop)
    }

    /// Somebody past the API acts: `microsoft/accept`, `microsoft/invite`.
    pub(crate) async fn acts(&self, actor: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/actor/{actor}", self.control.trim_end_matches('/'));
        self.call(Method::POST, &url, None, Some(body)).await
    }

    /// People take a breath between what they do: two saves of one second carry one stamp in Salesforce, and are
    /// told apart only two seconds later.
    pub(crate) async fn breathe(&self) {
        tokio::time::sleep(BREATH).await;
    }

    /// Looks again and again until `seen` finds what it looks for.
    pub(crate) async fn until<T, F>(&self, what: &str, seen: impl Fn() -> F) -> anyhow::Result<(T, Duration)>
    where
        F: Future<Output = anyhow::Result<Option<T>>>,
    {
        let began = Instant::now();
        loop {
            if let Some(found) = seen().await? {
                return Ok((found, began.elapsed()));
            }
            if began.elapsed() > PATIENCE {
                bail!("waited {PATIENCE:?} in vain until {what}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Until the opportunity's field is `wanted`.
    pub(crate) async fn until_opportunity(
        &self,
        id: &str,
        field: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<(Value, Duration)> {
        let wanted = &wanted;
        self.until(&format!("the opportunity's {field} follows"), move || async move {
            let row = self.opportunity(id).await?;
            Ok(row.get(field).filter(|value| wanted(value)).cloned())
        })
        .await
    }

    /// Until the referral's member is `wanted`.
    pub(crate) async fn until_referral(
        &self,
        id: &str,
        pointer: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<(Value, Duration)> {
        let wanted = &wanted;
        self.until(&format!("the referral's {pointer} follows"), move || async move {
            let document = self.referral(id).await?;
            Ok(document.pointer(pointer).filter(|value| wanted(value)).cloned())
        })
        .await
    }
}
