//! SOAP `login()`, which older clients still begin with (salesforce reference, section 1.6).

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;

use super::{
    super::org::{Org, Person},
    Gate,
    sessions::Origin,
};
use crate::{exchange, html::escape};

/// The first version without `login()`.
const GONE_SINCE: u32 = 65;

fn envelope(status: StatusCode, body: &str) -> Response<Bytes> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>{body}</soapenv:Body>\
         </soapenv:Envelope>"
    );
    let mut response = exchange::empty(status);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    *response.body_mut() = Bytes::from(text);
    response
}

fn fault(code: &str, message: &str) -> Response<Bytes> {
    let body = format!(
        "<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {text}</faultstring><detail>\
         <sf:LoginFault xsi:type=\"sf:LoginFault\"><sf:exceptionCode>{code}</sf:exceptionCode>\
         <sf:exceptionMessage>{text}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>",
        text = escape(message)
    );
    envelope(StatusCode::INTERNAL_SERVER_ERROR, &body)
}

/// User name and password of a `login` call.
fn credentials(body: &[u8]) -> Option<(String, String)> {
    let document = roxmltree::Document::parse(std::str::from_utf8(body).ok()?).ok()?;
    let login = document.descendants().find(|node| node.tag_name().name() == "login")?;
    let text = |name: &str| {
        let node = login.children().find(|node| node.tag_name().name() == name)?;
        Some(node.text().unwrap_or_default().to_owned())
    };
    Some((text("username")?, text("password")?))
}

impl Gate {
    /// `POST /services/Soap/u/{version}`.
    pub(super) fn soap_login(
        &mut self,
        org: &Org,
        version: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Response<Bytes> {
        let Some(number) = version.split('.').next().and_then(|text| text.parse::<u32>().ok()) else {
            return fault("UNSUPPORTED_API_VERSION", "Invalid API version specified on URL");
        };
        let Some((username, password)) = credentials(body) else {
            return fault(
                "UNKNOWN_EXCEPTION",
                "No operation available for request: only login is known here",
            );
        };
        if number >= GONE_SINCE {
            let text = "SOAP API login() is not available in version 65.0 and later";
            return fault("UNSUPPORTED_API_VERSION", text);
        }
        if !org.knobs.sign_in.soap_login {
            return fault("INVALID_LOGIN", "SOAP API login() is disabled by default in this org.");
        }
        match self.by_password(org, &username, &password) {
            Some(person) => self.logged_in(org, &person, number, now),
            None => fault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out."),
        }
    }

    fn logged_in(&mut self, org: &Org, person: &Person, version: u32, now: Timestamp) -> Response<Bytes> {
        let token = self.opaque(org);
        self.sessions.open(token.clone(), person.id, Origin::Grant, "full", now, org.knobs.token_ttl_seconds);
        let who = org.identity(person.id);
        let text = |name: &str| escape(who.get(name).and_then(serde_json::Value::as_str).unwrap_or_default());
        let url = org.instance_url();
        let short = org.id.short();
        let currency = org.knobs.active_currencies.first().map_or("USD", String::as_str);
        // In the order of the published description: some clients count the elements.
        let body = format!(
            "<loginResponse><result><metadataServerUrl>{url}/services/Soap/m/{version}.0/{short}\
             </metadataServerUrl><passwordExpired>false</passwordExpired><sandbox>false</sandbox>\
             <serverUrl>{url}/services/Soap/u/{version}.0/{short}</serverUrl><sessionId>{token}</sessionId>\
             <userId>{user}</userId><userInfo><accessibilityMode>false</accessibilityMode>\
             <chatterExternal>false</chatterExternal><currencySymbol xsi:nil=\"true\"/>\
             <orgAttachmentFileSizeLimit>5242880</orgAttachmentFileSizeLimit>\
             <orgDefaultCurrencyIsoCode>{currency}</orgDefaultCurrencyIsoCode>\
             <orgDefaultCurrencyLocale>en_US</orgDefaultCurrencyLocale>\
             <orgDisallowHtmlAttachments>false</orgDisallowHtmlAttachments>\
             <orgHasPersonAccounts>false</orgHasPersonAccounts><organizationId>{org}</organizationId>\
             <organizationMultiCurrency>{multi}</organizationMultiCurrency>\
             <organizationName>Trey Research</organizationName><profileId>00e000000000001AAA</profileId>\
             <roleId xsi:nil=\"true\"/><sessionSecondsValid>{seconds}</sessionSecondsValid>\
             <userDefaultCurrencyIsoCode>{currency}</userDefaultCurrencyIsoCode><userEmail>{email}</userEmail>\
             <userFullName>{name}</userFullName><userId>{user}</userId><userLanguage>en_US</userLanguage>\
             <userLocale>en_US</userLocale><userName>{username}</userName><userTimeZone>GMT</userTimeZone>\
             <userType>Standard</userType><userUiSkin>Theme3</userUiSkin></userInfo></result></loginResponse>",
            user = person.id,
            org = org.id,
            multi = org.knobs.multi_currency,
            seconds = org.knobs.token_ttl_seconds,
            email = text("email"),
            name = text("name"),
            username = text("username"),
        );
        envelope(StatusCode::OK, &body)
    }
}
