//! An opportunity that was never opted in leaves no byte in the store, the logs or the portal.
//!
//! Every word of it carries one tag, so that a search for the tag, in every way bytes are commonly written, finds all of
//! them; its ids are searched for likewise. What is shared carries another tag: it must be found by the same search in
//! the store and the portal, and in no log.

use std::{
    cell::Cell,
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use base64::Engine as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Platform, Service, World, until};

/// In every word of what was never opted in.
const SECRET: &str = "nevqzxwu";
/// In every word of what is shared.
const SHARED: &str = "sharqzxwu";
/// How often everything is edited.
const ROUNDS: usize = 4;
/// The program says all that it ever says.
const LOUD: [(&str, &str); 1] = [("RUST_LOG", "trace")];

/// The ways in which a text can be written down, and how it looks then.
fn written(text: &str) -> Vec<(&'static str, String)> {
    assert!(text.is_ascii(), "a tag is ASCII, so that it reads the same in UTF-8");
    let each = |form: fn(u8) -> String| text.bytes().map(form).collect::<String>();
    let wide: String = text.chars().flat_map(|letter| [letter, '\0']).collect();
    let mut ways = vec![
        ("plain", text.to_owned()),
        ("capitals", text.to_uppercase()),
        ("json escapes", each(|byte| format!("\\u{byte:04x}"))),
        ("url escapes", each(|byte| format!("%{byte:02X}"))),
        ("url escapes, small", each(|byte| format!("%{byte:02x}"))),
        ("hex", each(|byte| format!("{byte:02x}"))),
        ("hex, capitals", each(|byte| format!("{byte:02X}"))),
        // Without the zero at its end it begins and ends like the other byte order does: both are found.
        ("utf-16", wide.trim_end_matches('\0').to_owned()),
    ];
    for (shift, name) in ["base64", "base64, one off", "base64, two off"].into_iter().enumerate() {
        // What comes before and behind shares letters with the text; those in the middle are its own.
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD
            .encode([&b"xx"[..shift], text.as_bytes()].concat());
        let first = [0, 2, 3][shift];
        let own = (shift + text.len()) * 8 / 6;
        ways.push((name, encoded[first..own].to_owned()));
    }
    ways
}

/// The ways in which `text` stands in `haystack`.
fn found(haystack: &str, text: &str) -> Vec<&'static str> {
    let ways = written(text).into_iter().filter(|(_, form)| haystack.contains(form.as_str()));
    ways.map(|(way, _)| way).collect()
}

/// A file in which a text stands, and how it is written there.
pub(crate) type Tagged = (String, Vec<&'static str>);

/// Every file below the folder in which `text` stands, in whatever way it is written down.
pub(crate) fn in_files(folder: &Path, text: &str) -> Vec<Tagged> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    let tagged = files.into_iter().map(|(name, haystack)| (name, found(&haystack, text)));
    tagged.filter(|(_, ways)| !ways.is_empty()).collect()
}

/// Bytes as they are, as far as they can be a tag.
fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_search_finds_a_text_in_every_way_it_can_be_written() {
    for text in [SECRET, "006Ab00000XyZ12"] {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("\u{e4}{text}!").encode_utf16().flat_map(bytes).collect()
        };
        let base64 = |before: &str| {
            let encoded =
                base64::engine::general_purpose::STANDARD.encode(format!("{before}{text} and more"));
            encoded.into_bytes()
        };
        let percent = text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let escaped =
            text.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect::<Vec<_>>().concat();
        let hex = text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let haystacks: Vec<(&str, Vec<u8>)> = vec![
            ("plain", format!("a \"{text}\" b").into_bytes()),
            ("json", json!({ "x": format!("{text}\n\"\u{fc}") }).to_string().into_bytes()),
            ("json escapes", escaped.into_bytes()),
            ("url", url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().into_bytes()),
            ("url escapes", percent.into_bytes()),
            ("hex", hex.into_bytes()),
            ("utf-16 le", utf16(u16::to_le_bytes)),
            ("utf-16 be", utf16(u16::to_be_bytes)),
            ("base64 0", base64("")),
            ("base64 1", base64("a")),
            ("base64 2", base64("ab")),
            ("base64 3", base64("abc")),
            ("between other bytes", [&[0xff, 0x00, 0xc3][..], text.as_bytes(), &[0xfe, 0x80]].concat()),
        ];
        for (name, haystack) in haystacks {
            assert!(!found(&readable(&haystack), text).is_empty(), "{text} was not found in {name}");
        }
        assert!(found("nothing of it here", text).is_empty());
    }
}

/// What was planted and must never be seen.
#[derive(Default)]
struct Planted {
    /// With 15 characters; those with 18 begin so.
    ids: Vec<String>,
    number: usize,
}

impl Planted {
    /// A word that nobody said before, with letters that every encoding treats in its own way.
    fn word(&mut self) -> String {
        self.number += 1;
        format!("{SECRET}{} \"\u{fc}/\\+&\u{4e16}", self.number)
    }

    fn keep(&mut self, id: &str) -> String {
        assert_eq!(id.len(), 18, "{id}");
        self.ids.push(id[..15].to_owned());
        id.to_owned()
    }

    /// An opportunity with all that hangs on it, and words in every text field. Not opted in.
    async fn opportunity(&mut self, world: &World) -> Secret {
        let account = json!({ "Name": self.word(), "BillingStreet": self.word(), "BillingCity": self.word(),
                "BillingState": self.word(), "BillingPostalCode": format!("{SECRET}7"), "Phone": format!("+49{SECRET}") });
        let account = self.keep(&world.seller_creates("Account", account).await);
        let contact = json!({ "FirstName": self.word(), "LastName": self.word(), "AccountId": account,
            "Email": format!("{SECRET}@{SECRET}.example"), "Title": self.word(), "Phone": format!("+49 30 {SECRET}") });
        let contact = self.keep(&world.seller_creates("Contact", contact).await);
        let mut row = json!({ "StageName": "Qualification", "CloseDate": "2027-03-31", "Amount": 424_242,
            "CurrencyIsoCode": "EUR", "AccountId": account });
        merge(&mut row, self.texts());
        let opportunity = self.keep(&world.seller_creates("Opportunity", row).await);
        let role = json!({ "OpportunityId": opportunity, "ContactId": contact, "IsPrimary": true });
        self.keep(&world.seller_creates("OpportunityContactRole", role).await);
        let solution = json!({ "Opportunity__c": opportunity, "Name": self.word(), "Publisher__c": self.word(),
            "Solution_Id__c": format!("SOL-{SECRET}-{}", self.number) });
        let solution = self.keep(&world.seller_creates("Microsoft_Solution__c", solution).await);
        self.people(world, &opportunity).await;
        Secret { opportunity, account, contact, solution }
    }

    /// A seller of its own, who owns it, and one in its team.
    async fn people(&mut self, world: &World, opportunity: &str) {
        for role in ["owner", "member"] {
            self.number += 1;
            let address = format!("{role}{}.{SECRET}@{SECRET}.example", self.number);
            let fields = json!({ "Username": address, "Email": address, "FirstName": self.word(),
                "LastName": self.word(), "Phone": format!("+49 40 {SECRET}"), "IsActive": true });
            let body = json!({ "fields": fields });
            let user = world.control(Platform::Salesforce, Method::POST, "actor/user", Some(&body)).await;
            let user = self.keep(user["id"].as_str().unwrap());
            if role == "owner" {
                world.seller_edits(opportunity, json!({ "OwnerId": user })).await;
            } else {
                let row =
                    json!({ "OpportunityId": opportunity, "UserId": user, "OpportunityAccessLevel": "Read" });
                self.keep(&world.seller_creates("OpportunityTeamMember", row).await);
            }
        }
    }

    /// All text fields of an opportunity that the default mapping reads.
    fn texts(&mut self) -> Value {
        json!({ "Name": self.word(), "Description": self.word(), "Notes_to_Microsoft__c": self.word(),
            "NextStep": self.word(), "How_can_Microsoft_help__c": "Proof of concept or demo",
            "Consent_to_Share__c": true, "Share_with_Microsoft__c": true })
    }

    /// Everything of it is edited once more.
    async fn edited(&mut self, world: &World, secret: &Secret) {
        let texts = self.texts();
        world.seller_edits(&secret.opportunity, texts).await;
        let solution = json!({ "Name": self.word(), "Publisher__c": self.word() });
        edit(world, "Microsoft_Solution__c", &secret.solution, solution).await;
        let contact = json!({ "LastName": self.word(), "Title": self.word() });
        edit(world, "Contact", &secret.contact, contact).await;
        edit(world, "Account", &secret.account, json!({ "Name": self.word() })).await;
    }
}

/// An opportunity that is nobody's business, and what hangs on it.
struct Secret {
    opportunity: String,
    account: String,
    contact: String,
    solution: String,
}

fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("an object") };
    into.as_object_mut().unwrap().extend(more);
}

async fn edit(world: &World, object: &str, id: &str, changes: Value) {
    let url = world.salesforce(&format!("sobjects/{object}/{id}"));
    world.call(Method::PATCH, &url, Some(world.seller_token()), Some(&changes)).await;
}

/// The search, over every place where something could have been left.
struct Search<'a> {
    world: &'a World,
    planted: &'a Planted,
    /// Where health is told.
    admin: SocketAddr,
    /// How much of the log was searched before: it only grows, and at its loudest it is long.
    searched: Cell<usize>,
}

impl Search<'_> {
    /// Every file of the folder: the store with its log and its lock, the program's log, the configuration.
    fn files(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        collect(self.world.folder(), &mut files);
        assert!(files.iter().any(|(name, _)| name.ends_with("cosell.sqlite3")), "the store was searched");
        let log = files.iter_mut().find(|(name, _)| name.ends_with("cosell.log")).expect("a log");
        assert!(log.1.contains("TRACE"));
        let before = self.searched.replace(log.1.len());
        // What is written across the place where the last search ended is searched again.
        let from = log.1.floor_char_boundary(before.saturating_sub(1_000));
        log.1.drain(..from);
        files
    }

    /// What the commands print, with all that they log; `all` of them, or those that look at deals.
    fn printed(&self, all: bool) -> Vec<(String, String)> {
        let deals = self.world.cosell_json(&["deals", "list"]);
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut commands = ["deals list", "plan --all", "verify"].map(words).to_vec();
        if all {
            let more = [
                "connections",
                "check",
                "mapping check",
                "mapping show",
                "mapping rewrite",
                "release",
                "webhook show",
                "history verify",
                "history verify --heads",
                // What is shared is found in the store by its address, and what was never read is not.
                "forget sharqzxwu@northwind.example",
                "forget nobody@elsewhere.example",
            ];
            commands.extend(more.map(words));
        }
        for deal in deals {
            let id = deal["id"].as_str().unwrap();
            commands.extend(["deals show", "deals history"].map(|line| words(&format!("{line} {id}"))));
            if all {
                let more = ["plan", "restore", "resolve", "forget", "send-now", "withdraw"];
                commands.extend(more.map(|line| words(&format!("{line} {id}"))));
            }
        }
        let mut printed = Vec::new();
        for command in commands {
            for format in ["text", "json"] {
                let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
                arguments.extend(["--format", format]);
                let output = self.world.cosell(&arguments);
                let text = readable(&output.stdout) + &readable(&output.stderr);
                printed.push((arguments.join(" "), text));
            }
        }
        printed
    }

    /// What the service tells of itself while it runs.
    async fn health(&self) -> String {
        let told =
            reqwest::get(format!("http://{}/healthz", self.admin)).await.unwrap().text().await.unwrap();
        assert!(told.contains("\"deals\""), "numbers are told: {told}");
        told
    }

    /// Every request that reached the portal, head and body.
    async fn requests(&self) -> String {
        let report = self.world.control(Platform::PartnerCenter, Method::GET, "requests", None).await;
        assert_eq!(report["evicted"], 0, "every request was kept");
        let log = report["log"].as_array().unwrap().iter();
        let member = |exchange: &Value, name: &str| exchange[name].as_str().unwrap().to_owned();
        log.map(|exchange| member(exchange, "path") + "\n" + &member(exchange, "request") + "\n").collect()
    }

    /// Nothing of what was planted is anywhere; what is shared is where it belongs.
    async fn passes(&self, when: &str, all: bool) {
        let mut places = self.files();
        places.extend(self.printed(all));
        if all {
            places.push(("what health tells".to_owned(), self.health().await));
        }
        places.push(("the portal".to_owned(), self.requests().await));
        for (place, text) in &places {
            for needle in [SECRET].into_iter().chain(self.planted.ids.iter().map(String::as_str)) {
                let ways = found(text, needle);
                assert!(
                    ways.is_empty(),
                    "{when}: {needle} is in {place}, {ways:?}: {}",
                    around(text, needle)
                );
            }
        }
        let store: Vec<&(String, String)> =
            places.iter().filter(|(place, _)| place.contains("cosell.sqlite3")).collect();
        assert!(
            store.iter().any(|(_, text)| text.contains(SHARED)),
            "{when}: the store holds what is shared"
        );
        assert!(places.last().unwrap().1.contains(SHARED), "{when}: the portal was told what is shared");
    }
}

fn collect(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push((path.display().to_string(), readable(&fs::read(&path).unwrap())));
        }
    }
}

/// What stands around the first plain occurrence.
fn around(text: &str, needle: &str) -> String {
    let Some(at) = text.find(needle) else { return String::new() };
    let from = text[..at].char_indices().rev().nth(160).map_or(0, |(at, _)| at);
    text[from..].chars().take(400).collect()
}

/// A deal that is shared, with words of its own, lived through: created, accepted, edited, won.
struct Deal {
    opportunity: String,
    referral: String,
}

impl Deal {
    async fn shared(world: &World) -> Self {
        let opportunity = world.new_opportunity(&format!("{SHARED} rollout"), 5_000).await;
        world
            .seller_edits(&opportunity, json!({ "Description": format!("{SHARED} notes of the deal") }))
            .await;
        let contact = world.query("SELECT Id FROM Contact WHERE LastName = 'Kunde'").await;
        let contact = contact[0]["Id"].as_str().unwrap().to_owned();
        let named = json!({ "FirstName": format!("Jo{SHARED}"), "LastName": format!("Kunde{SHARED}"),
            "Email": format!("{SHARED}@northwind.example") });
        edit(world, "Contact", &contact, named).await;
        world.opt_in(&opportunity, true).await;
        let notes = json!({ "Notes_to_Microsoft__c": format!("{SHARED} for Microsoft") });
        world.seller_edits(&opportunity, notes).await;
        let referral = world.referral_of(&opportunity).await;
        Self { opportunity, referral }
    }

    /// An edit on each side arrives on the other: by then the program has seen all that came before it.
    async fn turn(&self, world: &World, round: usize) {
        let amount = 6_000 + i32::try_from(round).unwrap();
        world.seller_edits(&self.opportunity, json!({ "Amount": amount })).await;
        let wanted = f64::from(amount);
        world
            .until_referral(&self.referral, "/details/dealValue", |value| value.as_f64() == Some(wanted))
            .await;
        let notes = format!("{SHARED} heard in round {round}");
        let set = json!({ "/details/notes": notes });
        world.acts("portal/edit", json!({ "id": self.referral, "set": set })).await;
        world.until_opportunity(&self.opportunity, "Description", |value| *value == notes).await;
    }
}

/// A referral that comes in, waits on hold and is accepted by a seller.
async fn accepted_inbound(world: &World, like: &str) {
    let mut referral = world.referral(like).await;
    for member in ["eTag", "links", "@odata.context", "engagementId", "externalReferenceId", "id"] {
        referral.as_object_mut().unwrap().remove(member);
    }
    merge(
        &mut referral,
        json!({ "name": format!("{SHARED} invitation"), "status": "New", "substatus": "Pending" }),
    );
    let invited = world.acts("microsoft/invite", json!({ "referral": referral })).await;
    let id = invited["id"].as_str().unwrap();
    let soql = format!("SELECT Id FROM Opportunity WHERE Referral_Identifier__c = '{id}'");
    let born = until("the invited opportunity", || async {
        world.query(&soql).await.first().map(|row| row["Id"].as_str().unwrap().to_owned())
    })
    .await;
    // A seller answers an invitation that is there with all that belongs to it.
    world.until_opportunity(&born, "Co_sell_Status__c", Value::is_string).await;
    world.seller_edits(&born, json!({ "StageName": "Qualification" })).await;
    world.until_referral(id, "/status", |status| status == "Active").await;
}

#[tokio::test]
async fn an_opportunity_that_was_never_opted_in_leaves_no_byte_anywhere() {
    let world = World::start();
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.configure("[guard]\n", &format!("[admin]\nlisten = \"{admin}\"\n\n[guard]\n"));
    let mut planted = Planted::default();

    // Switched on by mistake and off again before anybody looked.
    let hasty = planted.opportunity(&world).await;
    world.seller_edits(&hasty.opportunity, json!({ "Sync_with_Partner_Center__c": true })).await;
    world.seller_edits(&hasty.opportunity, json!({ "Sync_with_Partner_Center__c": false })).await;
    let mut service = world.run_with(&LOUD);
    let plain = planted.opportunity(&world).await;
    let private = planted.opportunity(&world).await;
    let marked = json!({ "IsPrivate": true, "Sync_with_Partner_Center__c": true });
    world.seller_edits(&private.opportunity, json!({ "IsPrivate": true })).await;
    world.seller_edits(&private.opportunity, marked).await;
    let deal = Deal::shared(&world).await;
    accepted_inbound(&world, &deal.referral).await;
    // From here on, identifiers can be copied by hand.
    let knobs = json!({ "identifier_unique": false });
    world.control(Platform::Salesforce, Method::PATCH, "knobs", Some(&knobs)).await;
    let copied = planted.opportunity(&world).await;
    world.seller_edits(&copied.opportunity, json!({ "Referral_Identifier__c": deal.referral })).await;
    // Opted in later: allowed from then on, with what it says by then.
    let late = world.new_opportunity(&planted.word(), 7_000).await;

    let secrets = [hasty, plain, private, copied];
    for round in 0..ROUNDS {
        for secret in &secrets {
            planted.edited(&world, secret).await;
        }
        let texts = planted.texts();
        world.seller_edits(&late, texts).await;
        deal.turn(&world, round).await;
    }
    cleaned(&world, &late).await;
    world.opt_in(&late, false).await;
    world.referral_of(&late).await;
    let engagement = world.referral(&deal.referral).await["engagementId"].clone();
    world.acts("microsoft/accept", json!({ "engagementId": engagement })).await;
    for secret in &secrets {
        planted.edited(&world, secret).await;
    }
    world.seller_edits(&deal.opportunity, json!({ "StageName": "Closed Won" })).await;
    world.until_referral(&deal.referral, "/substatus", |substatus| substatus == "Won").await;

    let search = Search { world: &world, planted: &planted, admin, searched: Cell::new(0) };
    search.passes("while it runs", true).await;
    service.kill();
    search.passes("after it was killed", false).await;
    let mut service = world.run_with(&LOUD);
    reads_everything_again(&world).await;
    service.stop();
    search.passes("after an orderly stop", false).await;
    quiet_log(&world, &mut service).await;
}

/// The words of the time before are taken out by the seller, before the opportunity is opted in.
async fn cleaned(world: &World, opportunity: &str) {
    let account = world.opportunity(opportunity).await["AccountId"].as_str().unwrap().to_owned();
    edit(world, "Account", &account, json!({ "Name": "Late Bloomers" })).await;
    let clean = json!({ "Name": "Late but gladly", "Description": format!("{SHARED} from now on"),
        "Notes_to_Microsoft__c": null, "NextStep": null, "How_can_Microsoft_help__c": null });
    world.seller_edits(opportunity, clean).await;
}

/// A new start polls all sources from where they were, with their overlap.
async fn reads_everything_again(world: &World) {
    let opportunity = world.new_opportunity(&format!("{SHARED} after the kill"), 8_000).await;
    world.opt_in(&opportunity, false).await;
    world.referral_of(&opportunity).await;
}

/// Neither secrets nor anything that people wrote is in the log, at the level that says all.
async fn quiet_log(world: &World, service: &mut Service) {
    assert!(!service.is_up());
    let log = fs::read_to_string(world.folder().join("cosell.log")).unwrap();
    let mut secrets = vec![
        ("the client secret", said(world, "/partner_center/client_secret")),
        ("the first refresh token", said(world, "/partner_center/refresh_token")),
    ];
    for name in ["seal.key", "partner-center.secret", "partner-center.token"] {
        secrets.push((name, fs::read_to_string(world.folder().join(name)).unwrap().trim().to_owned()));
    }
    let key = fs::read_to_string(world.folder().join("salesforce.key")).unwrap();
    let key = key.lines().filter(|line| line.len() > 40 && !line.contains("---"));
    secrets.extend(key.map(|line| ("a line of the private key", line.to_owned())));
    let known = secrets.len();
    for platform in [Platform::PartnerCenter, Platform::Salesforce] {
        let report = world.control(platform, Method::GET, "requests", None).await;
        for exchange in
            report["log"].as_array().unwrap().iter().filter(|exchange| exchange["kind"] == "token")
        {
            let answer: Value = serde_json::from_str(exchange["response"].as_str().unwrap()).unwrap();
            for token in ["access_token", "refresh_token"] {
                let token = answer[token].as_str().map(|text| ("a token", text.to_owned()));
                secrets.extend(token);
            }
            let form = exchange["request"].as_str().unwrap().as_bytes();
            let assertion = url::form_urlencoded::parse(form).find(|(name, _)| name == "assertion");
            secrets.extend(assertion.map(|(_, text)| ("an assertion", text.into_owned())));
        }
    }
    assert!(secrets.len() >= known + 4, "tokens of both platforms were collected");
    for (what, secret) in &secrets {
        assert!(secret.len() >= 16, "{what} is too short to be searched for");
        assert!(!log.contains(secret.as_str()), "{what} is in the log");
    }
    let people = [SHARED, "Hafenstr. 9", "+494055500", "ada.berg@", "mika.seller@", "Late but gladly"];
    for words in people {
        let ways = found(&log, words);
        assert!(ways.is_empty(), "{words} is in the log, {ways:?}: {}", around(&log, words));
    }
    assert!(log.contains(" INFO ") && log.contains("TRACE"), "the log says something at all levels");
}

fn said(world: &World, pointer: &str) -> String {
    world.ready.pointer(pointer).and_then(Value::as_str).unwrap().to_owned()
}
