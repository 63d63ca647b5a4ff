//! The device code: a client asks, a person answers on a page of the service or past it (reference, section 1.3).

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    super::{State, knobs::SignInAnswer, page, refusal::Refusal},
    Bearer, MAX_PENDING,
    client::App,
    denied::{
        DECLINED, Denied, NO_CLIENT, NO_DEVICE, OLD_DEVICE, OTHER_CLIENT, PENDING, SLOW_DOWN, UNREADABLE,
    },
    form,
    grant::{Granted, Scopes, scopes},
    later, make_room, pairs,
};
use crate::exchange;

/// Letters of a user code: none that are taken for another.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How much longer a client that polls too fast must wait, in seconds (RFC 8628, section 3.5).
const SLOWER_SECONDS: i64 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Waiting,
    /// By this person.
    Approved(usize),
    Declined,
}

/// A device code that was given out.
#[derive(Debug)]
pub(super) struct Device {
    user_code: String,
    app: App,
    scopes: Scopes,
    expires: Timestamp,
    interval: SignedDuration,
    polled: Option<Timestamp>,
    answer: Answer,
}

impl State {
    /// A client asks for a device code.
    pub(super) fn device_code(
        &mut self,
        tenant: &str,
        v2: bool,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Response<Bytes> {
        match self.device(tenant, v2, request, now) {
            Ok(body) => exchange::json(StatusCode::OK, &body),
            Err(denied) => self.denied(&denied, now),
        }
    }

    fn device(
        &mut self,
        tenant: &str,
        v2: bool,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Value, Denied> {
        self.tenant(tenant)?;
        let form = form(request).ok_or(UNREADABLE)?;
        let app = self.app(form.get("client_id").ok_or(UNREADABLE)?).ok_or(NO_CLIENT)?;
        let scopes = scopes(v2, &form)?.ok_or(UNREADABLE)?;
        let code = self.secret();
        let letters = (0..9).map(|_| {
            let drawn = usize::try_from(self.world.draw() % 20).unwrap_or_default();
            char::from(LETTERS[drawn])
        });
        let user_code: String = letters.collect();
        let life = 60 * i64::from(self.knobs.device_code_minutes);
        let interval = i64::from(self.knobs.device_code_interval_seconds);
        let answer = match self.knobs.sign_in_answer {
            SignInAnswer::Waits => Answer::Waiting,
            SignInAnswer::Approves => Answer::Approved(0),
            SignInAnswer::Declines => Answer::Declined,
        };
        let device = Device {
            user_code: user_code.clone(),
            app,
            scopes,
            expires: later(now, life),
            interval: SignedDuration::from_secs(interval),
            polled: None,
            answer,
        };
        make_room(&mut self.tokens.devices, MAX_PENDING, |device| device.expires);
        self.tokens.devices.insert(code.clone(), device);
        let page = format!("{}/devicelogin", self.base);
        let message = format!("To sign in, open the page {page} and enter the code {user_code}.");
        Ok(if v2 {
            json!({
                "device_code": code, "user_code": user_code, "verification_uri": page,
                "expires_in": life, "interval": interval, "message": message,
            })
        } else {
            json!({
                "device_code": code, "user_code": user_code, "verification_url": page,
                "expires_in": life.to_string(), "interval": interval.to_string(), "message": message,
            })
        })
    }

    /// A client polls with its device code.
    pub(super) fn device_answer(
        &mut self,
        app: App,
        code: &str,
        asked: Option<Scopes>,
        now: Timestamp,
    ) -> Result<Granted, Denied> {
        let device = self.tokens.devices.get_mut(code).ok_or(NO_DEVICE)?;
        if device.app != app {
            return Err(OTHER_CLIENT);
        }
        if device.expires <= now {
            return Err(OLD_DEVICE);
        }
        let early = device.polled.is_some_and(|before| now.duration_since(before) < device.interval);
        device.polled = Some(now);
        let person = match device.answer {
            Answer::Approved(person) => person,
            Answer::Declined => return Err(DECLINED),
            Answer::Waiting if early => {
                device.interval += SignedDuration::from_secs(SLOWER_SECONDS);
                return Err(SLOW_DOWN);
            }
            Answer::Waiting => return Err(PENDING),
        };
        let first = device.scopes.clone();
        self.tokens.devices.remove(code);
        let scopes = match asked {
            Some(asked) => Scopes {
                offline: first.offline || asked.offline,
                openid: first.openid || asked.openid,
                ..asked
            },
            None => first,
        };
        let bearer = Bearer::User { person, session: self.tokens.session() };
        Ok(Granted { bearer, app, scopes, nonce: None })
    }

    /// A person answers: `person` approves, or, `None`, somebody declines.
    pub(in super::super) fn answer_device(
        &mut self,
        user_code: &str,
        person: Option<usize>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let typed: String = user_code.chars().filter(char::is_ascii_alphabetic).collect();
        let device = self.tokens.devices.values_mut().find(|device| {
            device.user_code.eq_ignore_ascii_case(&typed)
                && device.expires > now
                && device.answer == Answer::Waiting
        });
        let device = device.ok_or_else(|| Refusal::invalid("No device waits with this code."))?;
        device.answer = person.map_or(Answer::Declined, Answer::Approved);
        Ok(())
    }

    /// The user codes that wait for somebody, oldest first.
    pub(in super::super) fn waiting_devices(&self, now: Timestamp) -> Vec<(Timestamp, String)> {
        let mut waiting: Vec<_> = self
            .tokens
            .devices
            .values()
            .filter(|device| device.answer == Answer::Waiting && device.expires > now)
            .map(|device| (device.expires, device.user_code.clone()))
            .collect();
        waiting.sort();
        waiting
    }

    /// The page where a person types the code that a device shows.
    pub(in super::super) fn device_login(
        &mut self,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Response<Bytes> {
        let typed = pairs(request.uri().query().unwrap_or_default().as_bytes()).unwrap_or_default();
        if *request.method() != Method::POST {
            let code = typed.get("user_code").map(String::as_str).unwrap_or_default();
            return page::sign_in::device(StatusCode::OK, code, &self.identity.people, None);
        }
        let form = form(request).unwrap_or_default();
        let code = form.get("user_code").map(String::as_str).unwrap_or_default();
        let answered = match (form.get("decision").map(String::as_str), self.person(form.get("person"))) {
            (Some("approve"), Some(person)) => self.answer_device(code, Some(person), now),
            (Some("decline"), _) => self.answer_device(code, None, now),
            _ => Err(Refusal::invalid("Choose who you are, and approve or decline.")),
        };
        match answered {
            Ok(()) => page::sign_in::done("You can close this page and go back to your device."),
            Err(refusal) => page::sign_in::device(
                StatusCode::BAD_REQUEST,
                code,
                &self.identity.people,
                Some(refusal.message()),
            ),
        }
    }

    /// The person with this key or this username.
    pub(in super::super) fn person(&self, named: Option<&String>) -> Option<usize> {
        let named = named?;
        let people = &self.identity.people;
        people.iter().position(|one| one.key == *named || one.username.eq_ignore_ascii_case(named))
    }
}
