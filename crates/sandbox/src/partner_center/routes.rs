//! Which request goes where, and what every answer carries (reference, sections 2 and 2.3).

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, DATE, IF_MATCH, LOCATION},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    State,
    book::{Document, text},
    knobs::{SecondPostBody, Signer},
    refusal::Refusal,
    rules::Step,
    select, signing, stamp,
    visibility::Category,
    wire::{accepts_json, body, prefers_representation, tag},
};
use crate::exchange::{self, query, segments};

/// Longest request body; longer ones are answered with 413.
pub const MAX_BODY_BYTES: usize = 1 << 20;

impl State {
    /// The API's own address.
    pub(super) fn api(&self) -> String {
        format!("{}/v1.0/engagements", self.base)
    }

    pub(super) fn route(&mut self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let path = segments(request);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            [tenant, "oauth2", rest @ ..] => self
                .sign_in(tenant, rest, request, now)
                .unwrap_or_else(|| Refusal::not_found("There is no such resource.").response(&self.knobs)),
            ["devicelogin"] => self.device_login(request, now),
            ["webhooks", "v1", rest @ ..] => self.webhooks(rest, request, now),
            ["cert", rest @ ..] => certificate(rest, request),
            ["v1.0", "engagements", rest @ ..] => match self.throttled(now) {
                Some(response) => response,
                None => match self.referrals(rest, request, now) {
                    Ok(response) => response,
                    Err(refusal) => refusal.response(&self.knobs),
                },
            },
            _ => Refusal::not_found("There is no such resource.").response(&self.knobs),
        }
    }

    fn referrals(
        &mut self,
        path: &[&str],
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Response<Bytes>, Refusal> {
        let who = self.admit(request, now)?;
        if self.knobs.require_client_request_id && !request.headers().contains_key("client-request-id") {
            return Err(Refusal::invalid("client-request-id is required.").on("client-request-id"));
        }
        if request.body().len() > MAX_BODY_BYTES {
            return Err(Refusal::form(StatusCode::PAYLOAD_TOO_LARGE, "The body is longer than 1 MiB."));
        }
        accepts_json(request.headers())?;
        let method = request.method();
        match path {
            ["referrals"] if method == Method::GET => {
                self.list(query(request), who, now).map(|page| exchange::json(StatusCode::OK, &page))
            }
            ["referrals"] if method == Method::POST => {
                let (at, step) = self.create(body(request)?, who, now)?;
                Ok(self.created(at, step))
            }
            ["referrals", id] if method == Method::GET => self.get(id, who, request, now),
            ["referrals", id] if method == Method::PATCH || method == Method::PUT => {
                let body = body(request)?;
                let at = self.visible(id, who)?;
                self.precondition(at, request.headers(), method == Method::PUT)?;
                if method == Method::PUT {
                    self.put(at, body, now)?;
                    return Ok(self.whole(at, StatusCode::OK));
                }
                self.patch(at, &body, now)?;
                if prefers_representation(request.headers()) {
                    let mut response = self.whole(at, StatusCode::OK);
                    let applied = HeaderValue::from_static("return=representation");
                    response.headers_mut().insert("preference-applied", applied);
                    return Ok(response);
                }
                let mut response = exchange::empty(StatusCode::NO_CONTENT);
                tag(&mut response, &self.book.get(at).document);
                Ok(response)
            }
            ["referrals"] => Err(Refusal::method("GET, POST")),
            ["referrals", _] => Err(Refusal::method("GET, PATCH, PUT")),
            _ => Err(Refusal::not_found("There is no such resource.")),
        }
    }

    fn get(
        &self,
        id: &str,
        who: usize,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Response<Bytes>, Refusal> {
        let select = select::of_one(query(request))?;
        let record = self.book.get(self.visible(id, who)?);
        let lag = SignedDuration::from_millis(self.knobs.get_lag_ms.try_into().unwrap_or(i64::MAX));
        let document = if lag.is_zero() {
            &record.document
        } else {
            let seen_at = now.checked_sub(lag).unwrap_or(now);
            record.version_at(seen_at).map_or_else(|| record.oldest(), |(_, document)| document)
        };
        let mut whole = self.entity(document, true);
        if let Some(select) = select {
            select.apply(&mut whole);
        }
        let mut response = exchange::json(StatusCode::OK, &whole);
        tag(&mut response, document);
        Ok(response)
    }

    fn created(&self, at: usize, step: Step) -> Response<Bytes> {
        let status = StatusCode::from_u16(self.knobs.create_status).unwrap_or(StatusCode::OK);
        let mut response = if step == Step::Microsoft && self.knobs.second_post_body == SecondPostBody::Id {
            exchange::json(status, &json!({ "id": self.book.get(at).text("id") }))
        } else {
            self.whole(at, status)
        };
        if status == StatusCode::CREATED {
            let location = format!("{}/referrals/{}", self.api(), self.book.get(at).text("id"));
            if let Ok(location) = HeaderValue::from_str(&location) {
                response.headers_mut().insert(LOCATION, location);
            }
        }
        response
    }

    fn whole(&self, at: usize, status: StatusCode) -> Response<Bytes> {
        let document = &self.book.get(at).document;
        let mut response = exchange::json(status, &self.entity(document, true));
        tag(&mut response, document);
        response
    }

    fn precondition(&self, at: usize, headers: &HeaderMap, required: bool) -> Result<(), Refusal> {
        let given = headers.get(IF_MATCH).map(|value| value.to_str().unwrap_or_default().trim());
        match given {
            None if required => {
                Err(Refusal::invalid("If-Match is required.").on("If-Match").because("missing"))
            }
            None | Some("*") => Ok(()),
            Some(given) => {
                let present = self.book.get(at).text("eTag");
                let fresh = given.split(',').any(|tag| tag.trim() == present);
                if fresh { Ok(()) } else { Err(Refusal::stale(self.knobs.stale_status)) }
            }
        }
    }

    /// A referral as the API gives it.
    pub(super) fn entity(&self, document: &Document, with_context: bool) -> Value {
        let mut whole = document.clone();
        let api = self.api();
        let links =
            if self.knobs.misspell_links { api.replace("engagements", "engagments") } else { api.clone() };
        let (id, engagement) = (text(document, "id"), text(document, "engagementId"));
        let links = json!({
            "relatedReferrals": {
                "uri": format!("{links}/referrals?$filter=engagementId eq '{engagement}'"),
                "method": "GET",
            },
            "self": { "uri": format!("{links}/referrals/{id}"), "method": "GET" },
        });
        whole.insert("links".to_owned(), links);
        self.omit(&mut whole);
        if with_context {
            let context = format!("{api}/referrals/$metadata#Referrals/$entity");
            whole.insert("@odata.context".to_owned(), context.into());
        }
        Value::Object(whole)
    }

    /// Leaves out, or writes otherwise, what the service does not always send in the same way.
    fn omit(&self, document: &mut Document) {
        let empty = |value: Option<&Value>| value.and_then(Value::as_array).is_some_and(Vec::is_empty);
        if self.knobs.omit_empty_registrations && empty(document.get("registrations")) {
            document.remove("registrations");
        }
        // An expired lead hides whom it came from (section 4.1).
        let expired = text(document, "substatus") == "Expired" && self.category(document) != Category::CoSell;
        let Some(customer) = document.get_mut("customerProfile") else { return };
        if expired {
            customer["team"] = json!([]);
        }
        if self.knobs.empty_ids_as_object && empty(customer.get("ids")) {
            customer["ids"] = json!({});
        }
    }

    /// The headers that every answer has (reference, section 2.3).
    pub(super) fn dress(&self, response: &mut Response<Bytes>, asked: &HeaderMap, now: Timestamp) {
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let headers = response.headers_mut();
        for (name, value) in [
            ("request-id", self.world.guid()),
            ("timestamp", stamp::server(now)),
            ("x-ms-ags-diagnostic", r#"{"ServerInfo":{"DataCenter":"Sandbox"}}"#.to_owned()),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        if let Ok(date) = HeaderValue::from_str(&date) {
            headers.insert(DATE, date);
        }
        if let Some(id) = asked.get("client-request-id") {
            headers.insert("client-request-id", id.clone());
        }
    }
}

fn certificate(path: &[&str], request: &Request<Bytes>) -> Response<Bytes> {
    let signer = match path {
        [signing::CERTIFICATE_FILE] => Signer::Genuine,
        ["expired", signing::CERTIFICATE_FILE] => Signer::Expired,
        ["foreign", signing::CERTIFICATE_FILE] => Signer::Foreign,
        ["other-organization", signing::CERTIFICATE_FILE] => Signer::OtherOrganization,
        _ => return exchange::empty(StatusCode::NOT_FOUND),
    };
    let mut response = exchange::empty(StatusCode::OK);
    let chain = query(request).iter().any(|(name, value)| name == "chain" && value == "1");
    let kind = if chain { "application/x-pem-file" } else { "application/x-x509-ca-cert" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    *response.body_mut() =
        if chain { signing::chain_pem(signer).into() } else { signing::leaf_der(signer).into() };
    response
}
