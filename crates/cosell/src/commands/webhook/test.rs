//! `cosell webhook test`: has a test event sent, and shows what became of each delivery.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail};
use clap::Args;
use http::StatusCode;
use partner_center::{Attempt, CorrelationId, Standing, TEST_EVENT, TestResult, shown_url};
use ports::RetryClass;
use serde_json::json;

use super::{now, plain, registered};
use crate::{
    output::{self, Format},
    wanted_registration::demanded,
    wiring::Wired,
};

/// Longest wait for a result, in seconds.
const MAX_WAIT: u64 = 600;
/// The first wait between two looks; it doubles up to the last.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(2);

/// Which test event, and how long to follow it.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// How long to wait for the result, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=MAX_WAIT))]
    wait: u64,
    /// Sends nothing; looks at the test event of this id again.
    #[arg(long, value_name = "ID")]
    result: Option<String>,
}

impl Test {
    pub(super) async fn run(self, wired: &Wired, format: Format) -> anyhow::Result<ExitCode> {
        let id = match &self.result {
            Some(id) => {
                id.parse().map_err(|_| anyhow!("{id} is no id of a test event\n  fix: it is a GUID"))?
            }
            None => send(wired, format).await?,
        };
        let followed = self.follow(wired, &id, format).await?;
        tell(&id, &followed, self.wait, format)
    }

    /// Looks until the platform has finished, or the wait is over; prints deliveries as they come. A look that fails
    /// for a while ends nothing.
    async fn follow(&self, wired: &Wired, id: &CorrelationId, format: Format) -> anyhow::Result<Followed> {
        let end = Instant::now() + Duration::from_secs(self.wait);
        let (mut followed, mut shown, mut pause) = (Followed::default(), 0, FIRST_LOOK);
        loop {
            let look = wired.partner_center.test_result(now(), id).await;
            followed.unseen = None;
            match look {
                Ok(None) => {}
                Ok(Some(result)) => {
                    for (number, attempt) in result.attempts.iter().enumerate().skip(shown) {
                        if format == Format::Text {
                            output::labelled(&format!("delivery {}", number + 1), &sentence(attempt));
                        }
                    }
                    shown = result.attempts.len();
                    followed.result = Some(result);
                }
                Err(error) if matches!(error.class(), RetryClass::Later { .. }) => {
                    followed.unseen = Some(error);
                }
                Err(error) => bail!("{error}\n  fix: then look again: {}", look_again(id)),
            }
            let left = end.saturating_duration_since(Instant::now());
            if followed.is_finished() || left.is_zero() {
                return Ok(followed);
            }
            wired.clock.sleep(pause.min(left)).await;
            pause = (pause * 2).min(LAST_LOOK);
        }
    }
}

/// What looking led to.
#[derive(Default)]
struct Followed {
    /// The newest result that was seen.
    result: Option<TestResult>,
    /// Why the last look saw nothing.
    unseen: Option<partner_center::Error>,
}

impl Followed {
    fn is_finished(&self) -> bool {
        self.result.as_ref().is_some_and(|result| is_finished(&result.status))
    }
}

/// The command that looks at a test event that was sent.
fn look_again(id: &CorrelationId) -> String {
    format!("cosell webhook test --result {id}")
}

/// Makes sure that the test reaches this service and nobody else, and asks for it.
async fn send(wired: &Wired, format: Format) -> anyhow::Result<CorrelationId> {
    let wanted = demanded(&wired.loaded.config)?;
    let Some(present) = registered(&wired.partner_center).await? else {
        bail!("nobody is registered: a test event would go nowhere\n  fix: cosell webhook register");
    };
    if let Standing::Displaced { by } = wanted.standing(Some(&present)) {
        bail!(
            "the registration is not this service's: a test event would go to {}\n  fix: cosell webhook show",
            by.shown_url()
        );
    }
    if !present.includes(TEST_EVENT) {
        bail!("the registration does not include {TEST_EVENT}\n  fix: cosell webhook register adds it");
    }
    let id = wired.partner_center.send_test_event(now()).await.map_err(|error| match error.api() {
        Some(api) if api.status() == StatusCode::TOO_MANY_REQUESTS => {
            let wait = api.retry_after().map_or(60, |wait| wait.as_secs().max(1));
            anyhow!("Partner Center allows two test events a minute\n  fix: try again in {wait} s")
        }
        _ => anyhow!("{error}"),
    })?;
    if format == Format::Text {
        output::labelled("test event", &id.to_string());
        output::labelled("goes to", &plain(&present.url));
    }
    Ok(id)
}

fn tell(id: &CorrelationId, followed: &Followed, waited: u64, format: Format) -> anyhow::Result<ExitCode> {
    let result = followed.result.as_ref();
    let delivered = result.is_some_and(|result| result.attempts.iter().any(is_success));
    let (finished, later) = (followed.is_finished(), look_again(id));
    let unseen = followed.unseen.as_ref().filter(|_| !finished);
    let next_step = match result {
        _ if delivered => None,
        _ if unseen.is_some() => Some(format!("what became of it cannot be seen now; look again: {later}")),
        None => Some(format!("Partner Center knows nothing of it yet; look again: {later}")),
        Some(result) if result.attempts.is_empty() && !finished => {
            Some(format!("it was not delivered within {waited} s; look again: {later}"))
        }
        Some(result) if result.attempts.iter().all(|attempt| attempt.response_code.is_none()) => Some(
            "the address could not be reached: is the service running, and does the internet reach it there?"
                .to_owned(),
        ),
        Some(_) => Some(
            "the address answered, but not with success: GET /healthz of the service counts what it refused by \
             reason; a proxy in front may have answered instead"
                .to_owned(),
        ),
    };
    match format {
        Format::Json => output::json(&json!({
            "correlation_id": id.to_string(),
            "status": result.map(|result| &result.status),
            "callback_url": result.and_then(|result| result.callback_url.as_deref()).map(shown_url),
            "attempts": result.map_or(&[][..], |result| &result.attempts).iter().map(|attempt| json!({
                "at": attempt.at,
                "response_code": attempt.response_code,
                "response_message": attempt.response_message,
                "system_error": attempt.system_error,
            })).collect::<Vec<_>>(),
            "delivered": delivered,
            "unseen": unseen.map(ToString::to_string),
            "next_step": next_step,
        }))?,
        Format::Text => {
            let status = result.map_or("unknown", |result| &result.status);
            let word = if delivered { "arrived" } else { "has not arrived" };
            output::labelled("result", &format!("{word} (status: {})", plain(status)));
            if let Some(error) = unseen {
                output::labelled("unseen", &plain(&error.to_string()));
            }
            if let Some(next_step) = &next_step {
                output::labelled("next", next_step);
            }
        }
    }
    Ok(if delivered { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether no more deliveries follow. Only `completed` is documented; whatever does not sound unfinished is an end.
fn is_finished(status: &str) -> bool {
    let waiting = ["pending", "inprogress", "in progress", "started", "queued", "running", "unknown"];
    !waiting.iter().any(|word| status.eq_ignore_ascii_case(word))
}

/// Success is 2xx, by its name or its number.
fn is_success(attempt: &Attempt) -> bool {
    let code = attempt.response_code.as_deref().unwrap_or_default();
    let names = ["OK", "Created", "Accepted", "NoContent"];
    let named = names.iter().any(|name| code.eq_ignore_ascii_case(name));
    let numbered = code.parse::<u16>().is_ok_and(|code| (200..300).contains(&code));
    !attempt.system_error && (named || numbered)
}

/// One delivery in a line.
fn sentence(attempt: &Attempt) -> String {
    let at = attempt.at.map_or_else(|| "at an unknown time".to_owned(), |at| format!("{at:.0}"));
    let code = attempt.response_code.as_deref().map_or_else(|| "no answer".to_owned(), plain);
    let failed = if attempt.system_error { " (Partner Center's side failed)" } else { "" };
    let message = attempt.response_message.as_deref().map(plain).filter(|text| !text.is_empty());
    let message = message.map_or(String::new(), |text| format!(": {text}"));
    format!("{at}  {code}{failed}{message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(code: Option<&str>, message: Option<&str>, system_error: bool) -> Attempt {
        let at = Some("2026-11-02T09:14:07.5Z".parse().unwrap());
        let text = |text: &str| text.to_owned();
        Attempt { response_code: code.map(text), response_message: message.map(text), system_error, at }
    }

    #[test]
    fn a_delivery_reads_as_one_line() {
        for (given, line, success) in [
            (attempt(Some("OK"), Some(""), false), "2026-11-02T09:14:07Z  OK", true),
            (attempt(Some("202"), None, false), "2026-11-02T09:14:07Z  202", true),
            (
                attempt(Some("Unauthorized"), Some("no\u{1b}[2J entry"), false),
                "2026-11-02T09:14:07Z  Unauthorized: no?[2J entry",
                false,
            ),
            (
                attempt(None, None, true),
                "2026-11-02T09:14:07Z  no answer (Partner Center's side failed)",
                false,
            ),
        ] {
            assert_eq!((sentence(&given).as_str(), is_success(&given)), (line, success));
        }
    }

    #[test]
    fn an_unknown_status_is_an_end() {
        for (status, end) in
            [("completed", true), ("Pending", false), ("InProgress", false), ("failed", true)]
        {
            assert_eq!(is_finished(status), end, "{status}");
        }
    }
}
