//! Who the partner is: identifiers, secrets and people, all from the world's seed, and how they are handed out.

use serde_json::{Map, Value, json};

use super::{
    State,
    knobs::Signer,
    signing,
    token::{self, Audience, Person, staff},
};
use crate::world::World;

/// The partner.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) tenant_id: String,
    pub(super) organization_id: String,
    pub(super) organization_name: String,
    /// The PartnerID of its one location.
    pub(super) mpn_id: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) public_client_id: String,
    pub(super) people: Vec<Person>,
    pub(super) subscriber_id: String,
}

impl Identity {
    /// A partner whose identifiers and secrets follow from the world's seed.
    pub(super) fn new(world: &World) -> Self {
        Self {
            tenant_id: world.guid(),
            organization_id: world.guid(),
            organization_name: "Fabrikam".to_owned(),
            mpn_id: (1_000_000 + world.draw() % 9_000_000).to_string(),
            client_id: world.guid(),
            client_secret: format!("sandbox~{}", world.guid()),
            people: staff(world),
            public_client_id: world.guid(),
            subscriber_id: world.guid(),
        }
    }
}

impl State {
    /// Everything a client needs, once the service knows its address.
    pub(super) fn credentials(&mut self) -> Value {
        let born = self.born;
        let tokens: Vec<String> =
            (0..self.identity.people.len()).map(|person| self.ready_token(person, born)).collect();
        let State { identity, base, .. } = &*self;
        let certificate = token::certificate();
        let people: Map<String, Value> = identity
            .people
            .iter()
            .zip(&tokens)
            .map(|(person, token)| {
                let credentials = json!({
                    "username": person.username,
                    "password": person.password,
                    "refresh_token": person.refresh_token,
                    "access_token": token,
                });
                (person.key.to_owned(), credentials)
            })
            .collect();
        json!({
            "api_url": self.api(),
            "webhooks_url": format!("{base}/webhooks/v1"),
            "token_url": format!("{base}/{}/oauth2/v2.0/token", identity.tenant_id),
            "token_url_v1": format!("{base}/{}/oauth2/token", identity.tenant_id),
            "device_code_url": format!("{base}/{}/oauth2/v2.0/devicecode", identity.tenant_id),
            "device_login_url": format!("{base}/devicelogin"),
            "authorize_url": format!("{base}/{}/oauth2/v2.0/authorize", identity.tenant_id),
            "control_url": format!("{base}/_sandbox"),
            "page_url": format!("{base}/_sandbox/page"),
            "certificate_url": self.certificate_url(Signer::Genuine),
            "tenant_id": identity.tenant_id,
            "organization_id": identity.organization_id,
            "organization_name": identity.organization_name,
            "mpn_id": identity.mpn_id,
            "client_id": identity.client_id,
            "client_secret": identity.client_secret,
            "client_certificate_pem": certificate.certificate_pem,
            "client_key_pem": certificate.key_pem,
            "client_certificate_x5t": certificate.sha1,
            "client_certificate_x5t_s256": certificate.sha256,
            "public_client_id": identity.public_client_id,
            "people": people,
            "refresh_token": identity.people[0].refresh_token,
            "referrals_scope": format!("{}/.default", Audience::Referrals.resource()),
            "webhooks_scope": format!("{}/.default", Audience::Webhooks.resource()),
            "portal_user_token": tokens[0],
            "webhook_trust_anchor_pem": signing::root_pem(),
            "webhook_intermediate_pem": signing::intermediate_pem(),
        })
    }
}
