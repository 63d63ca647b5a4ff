//! Sections 4.2, 4.3 and 4.5 over a real connection: names, TLS, metadata, trailers, and news at once.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use sandbox::{
    faults::Platform,
    salesforce::pubsub::proto::{
        FetchRequest, FetchResponse, ManagedFetchRequest, ManagedFetchResponse, PublishRequest,
        PublishResponse, SchemaInfo, SchemaRequest, TopicInfo, TopicRequest,
    },
    serve::{Sandbox, SandboxConfig},
};
use serde_json::{Value, json};
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Certificate, Channel, ClientTlsConfig},
};
use tonic_prost::ProstCodec;

use super::desk::{EARLIEST, EVERYTHING, LATEST, OPPORTUNITIES, code, fetch};

struct Line {
    sandbox: Sandbox,
    channel: Channel,
}

impl Line {
    async fn open() -> Self {
        let sandbox = Sandbox::start(SandboxConfig { seed: 5, ..SandboxConfig::default() }).await.unwrap();
        let ready = sandbox.ready();
        let endpoint = ready.salesforce["pubsub_endpoint"].as_str().unwrap().to_owned();
        let trusted = Certificate::from_pem(&ready.tls.authority_pem);
        let channel = Channel::from_shared(format!("https://{endpoint}"))
            .unwrap()
            .tls_config(ClientTlsConfig::new().ca_certificate(trusted))
            .unwrap()
            .connect()
            .await
            .unwrap();
        Self { sandbox, channel }
    }

    fn credential(&self, pointer: &str) -> &str {
        self.sandbox.ready().salesforce.pointer(pointer).and_then(Value::as_str).unwrap()
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for (name, pointer) in [
            ("accesstoken", "/seller/access_token"),
            ("instanceurl", "/instance_url"),
            ("tenantid", "/org_id"),
        ] {
            request.metadata_mut().insert(name, self.credential(pointer).parse().unwrap());
        }
        request
    }

    async fn ask<Q: prost::Message + Default + 'static, A: prost::Message + Default + 'static>(
        &self,
        method: &'static str,
        question: Q,
    ) -> Result<A, Status> {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static(method);
        let answer = client.unary(self.request(question), path, ProstCodec::<Q, A>::default()).await;
        answer.map(tonic::Response::into_inner)
    }

    async fn stream<Q: prost::Message + Default + 'static, A: prost::Message + Default + 'static>(
        &self,
        method: &'static str,
        questions: Vec<Q>,
    ) -> Result<Streaming<A>, Status> {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static(method);
        // The stream of requests stays open.
        let questions = stream::iter(questions).chain(stream::pending());
        let answer = client.streaming(self.request(questions), path, ProstCodec::<Q, A>::default()).await;
        answer.map(tonic::Response::into_inner)
    }

    async fn subscribe(&self, questions: Vec<FetchRequest>) -> Streaming<FetchResponse> {
        self.stream("/eventbus.v1.PubSub/Subscribe", questions).await.unwrap()
    }

    fn knob(&self, events: Value) {
        let front = self.sandbox.front(Platform::Salesforce);
        front.machine.set_knobs(&json!({ "events": events }), front.stage.now()).unwrap();
    }

    async fn create(&self) {
        let body = json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2027-01-31"}).to_string();
        let request = http::Request::post("/services/data/v66.0/sobjects/Opportunity")
            .header("host", self.credential("/instance_url").trim_start_matches("http://"))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.credential("/seller/access_token")))
            .body(bytes::Bytes::from(body));
        let front = std::sync::Arc::clone(self.sandbox.front(Platform::Salesforce));
        let answer = front.answer(request.unwrap()).await;
        assert!(
            matches!(&answer, sandbox::front::Answer::Response(response) if response.status() == 201),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn s4_2_the_service_answers_by_its_documented_names_over_tls() {
    let line = Line::open().await;
    let question = TopicRequest { topic_name: OPPORTUNITIES.to_owned() };
    let topic: TopicInfo = line.ask("/eventbus.v1.PubSub/GetTopic", question).await.unwrap();
    let question = SchemaRequest { schema_id: topic.schema_id.clone() };
    let schema: SchemaInfo = line.ask("/eventbus.v1.PubSub/GetSchema", question).await.unwrap();
    assert_eq!(schema.schema_id, topic.schema_id);
    line.create().await;
    let mut events = line.subscribe(vec![fetch(EVERYTHING, EARLIEST, b"", 5)]).await;
    assert_eq!(events.message().await.unwrap().unwrap().events.len(), 1);
    let refused = line.ask::<_, SchemaInfo>("/eventbus.v1.PubSub/GetNothing", SchemaRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn s4_4_a_waiting_stream_learns_of_a_change_at_once() {
    let line = Line::open().await;
    let mut events = line.subscribe(vec![fetch(OPPORTUNITIES, LATEST, b"", 100)]).await;
    // The stream is open on the server's side when it is counted.
    let front = line.sandbox.front(Platform::Salesforce);
    let begun = Instant::now();
    while front.machine.events(front.stage.now())["counters"]["streams_opened"] != json!(1) {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        let asked = Instant::now();
        line.create().await;
        assert_eq!(events.message().await.unwrap().unwrap().events.len(), 1);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    // The stage's clock, not the wall's, says when silence has lasted long enough.
    front.stage.advance(jiff::SignedDuration::from_secs(270));
    let empty = tokio::time::timeout(Duration::from_secs(10), events.message()).await.unwrap();
    assert!(empty.unwrap().unwrap().events.is_empty());
}

#[tokio::test]
async fn s4_6_refusals_arrive_with_their_codes_in_the_trailers() {
    let line = Line::open().await;
    let mut events = line.subscribe(vec![fetch(OPPORTUNITIES, 2, b"0123456789", 1)]).await;
    let refused = events.message().await.unwrap_err();
    assert_eq!(code(&refused), (Code::InvalidArgument, "subscription.fetch.replayid.corrupted"));
    assert!(refused.metadata().contains_key("rpc-id"));
    let mut events =
        line.subscribe(vec![fetch(OPPORTUNITIES, LATEST, b"", 1), fetch(EVERYTHING, LATEST, b"", 1)]).await;
    assert_eq!(events.message().await.unwrap_err().code(), Code::InvalidArgument);
    line.knob(json!({"kill_every": 1, "kill_by": "reset"}));
    line.create().await;
    let mut events = line.subscribe(vec![fetch(OPPORTUNITIES, EARLIEST, b"", 9)]).await;
    assert_eq!(events.message().await.unwrap().unwrap().events.len(), 1);
    let reset = events.message().await.unwrap_err();
    assert!(
        reset.metadata().get("error-code").is_none() && reset.metadata().get("rpc-id").is_none(),
        "{reset:?}"
    );
}

#[tokio::test]
async fn s4_5_nobody_publishes_and_no_position_is_kept_here() {
    let line = Line::open().await;
    let publish: Result<PublishResponse, Status> =
        line.ask("/eventbus.v1.PubSub/Publish", PublishRequest::default()).await;
    assert_eq!(publish.unwrap_err().code(), Code::PermissionDenied);
    let publish = line
        .stream::<_, PublishResponse>("/eventbus.v1.PubSub/PublishStream", vec![PublishRequest::default()])
        .await;
    assert_eq!(publish.unwrap_err().code(), Code::PermissionDenied);
    let managed = line
        .stream::<_, ManagedFetchResponse>(
            "/eventbus.v1.PubSub/ManagedSubscribe",
            vec![ManagedFetchRequest::default()],
        )
        .await;
    assert_eq!(managed.unwrap_err().code(), Code::Unimplemented);
}
