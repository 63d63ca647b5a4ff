//! Change events from the sandbox's Pub/Sub API: TLS, gRPC, Avro and bitmaps of two hands that share no line.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use ports::{SystemClock, SystemRng, Unlimited};
use salesforce::{
    Client, ClientConfig, LoginConfig,
    events::{
        Batch, ChangeKind, Events, EventsConfig, EventsError, ReplayId, Start, Subscription, Topic, Value,
    },
};
use sandbox::{
    faults::Platform,
    serve::{Sandbox, SandboxConfig},
};
use serde_json::{Value as Json, json};

/// Longer than anything here takes; the wait ends when the event comes.
const SOON: Duration = Duration::from_secs(20);

struct Org {
    sandbox: Sandbox,
    events: Events,
}

impl Org {
    async fn start() -> Self {
        let sandbox = Sandbox::start(SandboxConfig { seed: 7, ..SandboxConfig::default() }).await.unwrap();
        let given = &sandbox.ready().salesforce;
        let text = |name: &str| given[name].as_str().unwrap().to_owned();
        let machine = Arc::clone(&sandbox.front(Platform::Salesforce).machine);
        let http = ports::http_service(tower::service_fn(move |request: Request<Bytes>| {
            let answer = machine.handle(request, Timestamp::now());
            async move { Ok::<_, Infallible>(answer) }
        }));
        let login = LoginConfig::ClientCredentials {
            my_domain: text("instance_url").parse().unwrap(),
            client_id: text("consumer_key"),
            client_secret: text("consumer_secret").into(),
        };
        let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
        let client = Client::new(http, clock, rng, Arc::new(Unlimited), ClientConfig::new(login)).unwrap();
        let config = EventsConfig {
            endpoint: format!("https://{}", text("pubsub_endpoint")).parse().unwrap(),
            extra_roots: Some(sandbox.ready().tls.authority_pem.clone()),
            ..EventsConfig::default()
        };
        let events = Events::new(&client, &config).unwrap();
        Self { sandbox, events }
    }

    /// A seller's call.
    fn seller(&self, method: &str, path: &str, body: &Json) -> Json {
        let ready = self.sandbox.ready();
        let (instance, token) =
            (&ready.salesforce["instance_url"], &ready.salesforce["seller"]["access_token"]);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/services/data/v66.0{path}", instance.as_str().unwrap()))
            .header("authorization", format!("Bearer {}", token.as_str().unwrap()))
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.sandbox.front(Platform::Salesforce).machine.handle(request, Timestamp::now());
        assert!(answer.status().is_success(), "{:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap_or(Json::Null)
    }

    async fn open(&self, start: Start) -> Subscription {
        let topic = Topic::new("/data/OpportunityChangeEvent").unwrap();
        self.events.open(&topic, start).await.unwrap()
    }
}

async fn batch(subscription: &mut Subscription) -> Batch {
    subscription.next(SOON).await.unwrap().expect("an event comes soon")
}

#[tokio::test]
async fn a_sellers_changes_come_with_what_changed_and_the_stream_goes_on_behind_any_of_them() {
    let org = Org::start().await;
    let fields = json!({"Name": "Fabrikam", "StageName": "Qualification", "CloseDate": "2027-01-31", "Amount": 1200.5});
    let id = org.seller("POST", "/sobjects/Opportunity", &fields)["id"].as_str().unwrap().to_owned();
    let path = format!("/sobjects/Opportunity/{id}");
    org.seller("PATCH", &path, &json!({"Amount": null, "NextStep": "Call Ada"}));
    org.seller("DELETE", &path, &Json::Null);

    let mut subscription = org.open(Start::Earliest).await;
    let mut events = Vec::new();
    while events.len() < 3 {
        let batch = batch(&mut subscription).await;
        events.extend(batch.events.into_iter().filter(|event| event.records.ids == [id.parse().unwrap()]));
    }
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [ChangeKind::Create, ChangeKind::Update, ChangeKind::Delete]);
    let [created, updated, deleted] = &events[..] else { panic!("three events") };
    assert_eq!(created.value("Name"), Some(&Value::Text("Fabrikam".into())));
    assert_eq!(created.value("Amount"), Some(&Value::Double(1200.5)));
    // Midnight UTC of the day, in milliseconds.
    assert_eq!(created.value("CloseDate"), Some(&Value::Integer(1_801_353_600_000)));
    assert!(updated.touches("Amount") && updated.touches("NextStep") && !updated.touches("Name"));
    assert_eq!(updated.value("Amount"), Some(&Value::Null));
    assert_eq!(updated.value("NextStep"), Some(&Value::Text("Call Ada".into())));
    assert_eq!((updated.value("Name"), deleted.value("Name")), (None, None));
    assert_eq!(updated.entity.as_str(), "Opportunity");
    assert!(updated.committed_at >= created.committed_at);

    let mut behind = org.open(Start::After(updated.replay_id.clone())).await;
    assert_eq!(batch(&mut behind).await.events[0].replay_id, deleted.replay_id);
}

#[tokio::test]
async fn a_position_that_the_org_never_gave_is_lost_and_a_topic_that_it_does_not_have_is_missing() {
    let org = Org::start().await;
    let mut subscription = org.open(Start::After(ReplayId::new([9; 10]).unwrap())).await;
    assert!(matches!(subscription.next(SOON).await, Err(EventsError::PositionLost { .. })));
    let missing = Topic::new("/data/NoSuch__ChangeEvent").unwrap();
    let opened = org.events.open(&missing, Start::Latest).await;
    assert_eq!(opened.err(), Some(EventsError::TopicMissing { topic: missing }));
}
