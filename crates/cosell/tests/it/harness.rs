//! Real processes: a sandbox, the program, and the people who use both.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::calm::{self, Place};

/// The program under test.
pub(crate) const COSELL: &str = env!("CARGO_BIN_EXE_cosell");

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How often a test looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A local Partner Center and a local Salesforce, in a process of their own, with a configuration that fits.
pub(crate) struct World {
    process: Child,
    http: Client,
    /// Addresses and credentials, as `cosell sandbox` printed them.
    pub(crate) ready: Value,
    folder: tempfile::TempDir,
    _place: Place,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl World {
    /// Starts the sandbox and writes the configuration.
    pub(crate) fn start() -> Self {
        Self::seeded(0)
    }

    /// The same, with another seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self::started(seed, calm::beside_others(), &[])
    }

    /// The same with further arguments of `cosell sandbox`.
    pub(crate) fn seeded_with(seed: u64, arguments: &[&str]) -> Self {
        Self::started(seed, calm::beside_others(), arguments)
    }

    /// The same, and no other test runs meanwhile: for what measures a pace. A test has no other world then.
    pub(crate) fn alone() -> Self {
        Self::started(0, calm::alone(), &[])
    }

    fn started(seed: u64, place: Place, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(COSELL)
            .args(["sandbox", "--format", "json", "--seed", &seed.to_string(), "--write"])
            .arg(folder.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready =
            serde_json::from_str(&line).expect("the sandbox prints one line of JSON when it is ready");
        // The sandbox closes connections that were idle for 30 s; one that it is just closing must not be taken again.
        let http = Client::builder().pool_idle_timeout(Duration::from_secs(10)).build().unwrap();
        Self { process, http, ready, folder, _place: place }
    }

    /// The folder with the configuration, its secrets, the store and the logs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder().join("cosell.toml")
    }

    /// Changes a line of the configuration.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "the configuration has no {from}");
        fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    fn said(&self, pointer: &str) -> &str {
        self.ready
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {pointer} in what was printed"))
    }

    /// Starts `cosell run`.
    pub(crate) fn run(&self) -> Service {
        self.run_with(&[])
    }

    /// Starts `cosell run` with environment variables; its log goes to `cosell.log`.
    pub(crate) fn run_with(&self, environment: &[(&str, &str)]) -> Service {
        let log =
            fs::OpenOptions::new().create(true).append(true).open(self.folder().join("cosell.log")).unwrap();
        let process = Command::new(COSELL)
            .arg("run")
            .arg("--config")
            .arg(self.config())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Service { process }
    }

    /// Runs a command of the program to its end.
    pub(crate) fn cosell(&self, arguments: &[&str]) -> Output {
        Command::new(COSELL).args(arguments).arg("--config").arg(self.config()).output().unwrap()
    }

    /// Runs a command with `--format json` and parses each line of its answer.
    pub(crate) fn cosell_json(&self, arguments: &[&str]) -> Vec<Value> {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--format", "json"]);
        let output = self.cosell(&arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        lines.unwrap_or_else(|error| {
            panic!("{arguments:?}: {error}\n{text}\n{}", String::from_utf8_lossy(&output.stderr))
        })
    }

    /// One request; anything but success fails the test.
    pub(crate) async fn call(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Value {
        match self.try_call(method.clone(), url, token, body).await {
            (status, answer) if (200..300).contains(&status) => answer,
            (status, answer) => panic!("{method} {url}: {status} {answer}"),
        }
    }

    /// One request, with its status.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        url: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    // ── Salesforce ──────────────────────────────────────────────────────────────────────────────────────────────

    /// A Salesforce REST address.
    pub(crate) fn salesforce(&self, path: &str) -> String {
        format!("{}/services/data/v66.0/{path}", self.said("/salesforce/instance_url"))
    }

    /// A seller's ordinary token.
    pub(crate) fn seller_token(&self) -> &str {
        self.said("/salesforce/seller/access_token")
    }

    /// The seller creates a row; its id.
    pub(crate) async fn seller_creates(&self, object: &str, row: Value) -> String {
        let url = self.salesforce(&format!("sobjects/{object}"));
        let answer = self.call(Method::POST, &url, Some(self.seller_token()), Some(&row)).await;
        answer["id"].as_str().unwrap().to_owned()
    }

    /// The seller edits an opportunity.
    pub(crate) async fn seller_edits(&self, opportunity: &str, changes: Value) {
        let url = self.salesforce(&format!("sobjects/Opportunity/{opportunity}"));
        self.call(Method::PATCH, &url, Some(self.seller_token()), Some(&changes)).await;
    }

    /// The seller looks at an opportunity.
    pub(crate) async fn opportunity(&self, opportunity: &str) -> Value {
        let url = self.salesforce(&format!("sobjects/Opportunity/{opportunity}"));
        self.call(Method::GET, &url, Some(self.seller_token()), None).await
    }

    /// The seller asks a query.
    pub(crate) async fn query(&self, soql: &str) -> Vec<Value> {
        let mut url = reqwest::Url::parse(&self.salesforce("query")).unwrap();
        url.query_pairs_mut().append_pair("q", soql);
        let answer = self.call(Method::GET, url.as_str(), Some(self.seller_token()), None).await;
        answer["records"].as_array().unwrap().clone()
    }

    /// The seller edits any row.
    pub(crate) async fn seller_changes(&self, object: &str, id: &str, changes: Value) {
        let url = self.salesforce(&format!("sobjects/{object}/{id}"));
        self.call(Method::PATCH, &url, Some(self.seller_token()), Some(&changes)).await;
    }

    /// An opportunity with everything that a referral needs, not yet opted in.
    pub(crate) async fn new_opportunity(&self, name: &str, amount: i64) -> String {
        let account = self
            .seller_creates(
                "Account",
                json!({ "Name": format!("{name} customer"), "BillingStreet": "Hafenstr. 9", "BillingCity": "Hamburg",
                    "BillingPostalCode": "20457", "BillingCountry": "DE" }),
            )
            .await;
        let contact = self
            .seller_creates(
                "Contact",
                json!({ "FirstName": "Jo", "LastName": "Kunde", "Email": "jo.kunde@northwind.example",
                    "Phone": "+494055500", "AccountId": account }),
            )
            .await;
        let opportunity = self
            .seller_creates(
                "Opportunity",
                json!({ "Name": name, "StageName": "Qualification", "CloseDate": "2027-03-31", "Amount": amount,
                    "CurrencyIsoCode": "EUR", "AccountId": account, "Description": "Wants a pilot" }),
            )
            .await;
        self.seller_creates(
            "OpportunityContactRole",
            json!({ "OpportunityId": opportunity, "ContactId": contact, "IsPrimary": true }),
        )
        .await;
        self.seller_creates(
            "Microsoft_Solution__c",
            json!({ "Opportunity__c": opportunity, "Name": "Fabrikam Insight", "Solution_Id__c": "SOL-12345-ABC" }),
        )
        .await;
        opportunity
    }

    /// The seller opts the opportunity in, with consent, and asks for help if `help`.
    pub(crate) async fn opt_in(&self, opportunity: &str, help: bool) {
        let mut changes = json!({ "Sync_with_Partner_Center__c": true, "Consent_to_Share__c": true,
            "Share_with_Microsoft__c": true });
        if help {
            changes["How_can_Microsoft_help__c"] = json!("Proof of concept or demo");
            changes["Notes_to_Microsoft__c"] = json!("The customer runs an Azure estate");
        }
        self.seller_edits(opportunity, changes).await;
    }

    /// Waits for the opportunity's referral; its id.
    pub(crate) async fn referral_of(&self, opportunity: &str) -> String {
        let value = self.until_opportunity(opportunity, "Referral_Identifier__c", Value::is_string).await;
        value.as_str().unwrap().to_owned()
    }

    // ── Partner Center ──────────────────────────────────────────────────────────────────────────────────────────

    /// A referral, as a colleague sees it in Partner Center.
    pub(crate) async fn referral(&self, referral: &str) -> Value {
        let url = format!("{}/referrals/{referral}", self.said("/partner_center/api_url"));
        self.call(Method::GET, &url, Some(self.said("/partner_center/portal_user_token")), None).await
    }

    /// Waits for Microsoft's referral beside this one.
    pub(crate) async fn microsofts(&self, referral: &str) -> Value {
        until("Microsoft's referral", || self.microsofts_now(referral)).await
    }

    /// Microsoft's referral in the engagement of this one, if there is one.
    pub(crate) async fn microsofts_now(&self, referral: &str) -> Option<Value> {
        let engagement = self.referral(referral).await["engagementId"].clone();
        let state = self.state(Platform::PartnerCenter).await;
        let mut all = state["referrals"].as_array().unwrap().iter();
        let beside =
            |other: &&Value| other["engagementId"] == engagement && other["organizationName"] == "Microsoft";
        all.find(beside).cloned()
    }

    /// Somebody past the API acts: `microsoft/accept`, `portal/edit`.
    pub(crate) async fn acts(&self, actor: &str, body: Value) -> Value {
        self.control(Platform::PartnerCenter, Method::POST, &format!("actor/{actor}"), Some(&body)).await
    }

    /// Lets Cosell listen for events on a free port, and Partner Center send them there. Before [`World::run`].
    pub(crate) async fn listen_for_events(&self) {
        // Free now; nobody else on this machine asks for a port by number in the moment until it is taken.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        self.configure("[webhook]\nlisten = \"127.0.0.1:0\"", &format!("[webhook]\nlisten = \"{free}\""));
        let registration = json!({
            "WebhookUrl": format!("http://{free}/webhooks/partner-center"),
            "WebhookEvents": ["referral-created", "referral-updated", "related-referral-created",
                "related-referral-updated"],
        });
        let url = format!("{}/registration", self.said("/partner_center/webhooks_url"));
        let token = self.webhooks_token().await;
        self.call(Method::POST, &url, Some(&token), Some(&registration)).await;
    }

    /// A token for the registration of events, as an administrator's own client gets it.
    pub(crate) async fn webhooks_token(&self) -> String {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", self.said("/partner_center/client_id"))
            .append_pair("client_secret", self.said("/partner_center/client_secret"))
            .append_pair("refresh_token", self.said("/partner_center/refresh_token"))
            .append_pair("scope", self.said("/partner_center/webhooks_scope"))
            .finish();
        let request = self.http.post(self.said("/partner_center/token_url"));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    // ── The sandbox's own controls ──────────────────────────────────────────────────────────────────────────────

    /// One call of a platform's control surface.
    pub(crate) async fn control(
        &self,
        platform: Platform,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Value {
        let base = match platform {
            Platform::PartnerCenter => self.said("/partner_center/control_url").to_owned(),
            Platform::Salesforce => format!("{}/_sandbox", self.said("/salesforce/instance_url")),
        };
        self.call(method, &format!("{}/{path}", base.trim_end_matches('/')), None, body).await
    }

    /// All records of a platform, raw.
    pub(crate) async fn state(&self, platform: Platform) -> Value {
        self.control(platform, Method::GET, "state", None).await
    }

    // ── The judges ──────────────────────────────────────────────────────────────────────────────────────────────

    /// What the oracle says of both platforms' raw records.
    pub(crate) async fn verdict(&self) -> oracle::Verdict {
        oracle::judge(&self.state(Platform::Salesforce).await, &self.state(Platform::PartnerCenter).await)
    }

    /// What `cosell verify` says.
    pub(crate) fn verified(&self) -> Value {
        self.cosell_json(&["verify"]).pop().expect("verify answers one line")
    }

    /// Waits until the oracle finds every pair equal, and then demands that `cosell verify` says the same.
    pub(crate) async fn both_judges_agree(&self, pairs: usize) {
        let began = Instant::now();
        loop {
            let verdict = self.verdict().await;
            if verdict.holds() && verdict.pairs.len() == pairs {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "the oracle wants {pairs} equal pairs and sees {verdict:#?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let requests = self.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
        assert_eq!(oracle::irreversible_twice(&requests), [], "nothing irreversible happens twice");
        let verified = self.verified();
        assert_eq!(
            verified,
            json!({ "deals": pairs, "counts": { "equal": pairs }, "findings": [] }),
            "cosell verify agrees with the oracle"
        );
    }

    // ── Waiting ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// Waits until the opportunity's field is `wanted`.
    pub(crate) async fn until_opportunity(
        &self,
        id: &str,
        field: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let wanted = &wanted;
        until(&format!("{field} of opportunity {id}"), || async move {
            self.opportunity(id).await.get(field).filter(|value| wanted(value)).cloned()
        })
        .await
    }

    /// Waits until the referral's member is `wanted`.
    pub(crate) async fn until_referral(
        &self,
        id: &str,
        pointer: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let wanted = &wanted;
        until(&format!("{pointer} of referral {id}"), || async move {
            self.referral(id).await.pointer(pointer).filter(|value| wanted(value)).cloned()
        })
        .await
    }
}

/// Which platform's controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    PartnerCenter,
    Salesforce,
}

/// Looks until `seen` finds something.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, seen: impl Fn() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = seen().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A running `cosell run`.
pub(crate) struct Service {
    process: Child,
}

impl Service {
    /// Kills it at once, without a chance to say goodbye.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to stop.
    pub(crate) fn ask_to_stop(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.ask_to_stop();
        assert!(self.process.wait().unwrap().success(), "the service ends with status 0 when asked to stop");
    }

    /// Whether it still runs.
    pub(crate) fn is_up(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
