//! How the registration that stands relates to the one that is wanted.

use url::Url;

use crate::registration::{Registration, RegistrationRequest};

/// The events about referrals (reference, section 6.2).
pub const REFERRAL_EVENTS: [&str; 4] =
    ["referral-created", "referral-updated", "related-referral-created", "related-referral-updated"];

/// The event that a test sends; without it, a test is refused (reference, section 6.1).
pub const TEST_EVENT: &str = "test-created";

/// How the registration that stands relates to the one that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// There is none: nobody is told of anything.
    Absent,
    /// Events go where they should.
    Ours {
        /// Events that are wanted and not registered for, in the order they are wanted.
        lacking: Vec<String>,
    },
    /// The tenant's one registration leads elsewhere.
    Displaced {
        /// The address it leads to.
        by: Registration,
    },
}

impl RegistrationRequest {
    /// Compares `present`, as it was just read, with this one.
    pub fn standing(&self, present: Option<&Registration>) -> Standing {
        let Some(present) = present else { return Standing::Absent };
        // The server may spell an address in another way than it was told.
        if Url::parse(&present.url).ok().as_ref() != Some(&self.url) {
            return Standing::Displaced { by: present.clone() };
        }
        let lacking = self.events.iter().filter(|event| !present.includes(event)).cloned().collect();
        Standing::Ours { lacking }
    }
}

impl Registration {
    /// Whether `event` is registered for.
    pub fn includes(&self, event: &str) -> bool {
        self.events.iter().any(|known| known.eq_ignore_ascii_case(event))
    }

    /// The address without what follows its path: a flow's address ends in a key that lets anybody call it.
    pub fn shown_url(&self) -> String {
        shown_url(&self.url)
    }
}

/// An address up to the end of its path, without user and password: what may be shown of one that is not ours.
pub fn shown_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return "(an address that cannot be read)".to_owned() };
    let hides = url.query().is_some() || url.fragment().is_some();
    url.set_query(None);
    url.set_fragment(None);
    // Fails only for addresses that cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let more = if hides { "?..." } else { "" };
    format!("{url}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(url: &str, events: &[&str]) -> Registration {
        let events = events.iter().map(ToString::to_string).collect();
        Registration { url: url.to_owned(), events, subscriber_id: None }
    }

    #[test]
    fn a_registration_is_absent_ours_or_somebody_elses() {
        let wanted = RegistrationRequest {
            url: "https://cosell.example/webhooks/partner-center".parse().unwrap(),
            events: vec!["referral-created".to_owned(), "referral-updated".to_owned()],
            signature_in_ms_header: false,
        };
        assert_eq!(wanted.standing(None), Standing::Absent);
        let lacking =
            |events: &[&str]| Standing::Ours { lacking: events.iter().map(ToString::to_string).collect() };
        for (url, events, expected) in [
            (
                "https://cosell.example/webhooks/partner-center",
                &["Referral-Updated", "REFERRAL-CREATED"][..],
                lacking(&[]),
            ),
            (
                "HTTPS://Cosell.Example:443/webhooks/partner-center",
                &["referral-updated"],
                lacking(&["referral-created"]),
            ),
            (
                "https://cosell.example/webhooks/partner-center",
                &[],
                lacking(&["referral-created", "referral-updated"]),
            ),
        ] {
            assert_eq!(wanted.standing(Some(&present(url, events))), expected, "{url}");
        }
        for url in [
            "http://cosell.example/webhooks/partner-center",
            "https://cosell.example/webhooks/partner-center/",
            "https://cosell.example/",
            "https://other.example/webhooks/partner-center",
            "nonsense",
        ] {
            let present = present(url, &["referral-created", "referral-updated"]);
            let expected = Standing::Displaced { by: present.clone() };
            assert_eq!(wanted.standing(Some(&present)), expected, "{url}");
        }
    }

    #[test]
    fn what_is_shown_of_an_address_opens_no_door() {
        for (url, shown_as) in [
            ("https://a.example/hook", "https://a.example/hook"),
            ("https://a.example/flows/1?sig=s3cret", "https://a.example/flows/1?..."),
            ("https://me:s3cret@a.example/hook#s3cret", "https://a.example/hook?..."),
            ("s3cret", "(an address that cannot be read)"),
        ] {
            assert_eq!(present(url, &[]).shown_url(), shown_as);
        }
    }
}
