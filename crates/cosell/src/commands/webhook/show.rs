//! `cosell webhook show`: what stands, whether it is ours, and what is missing.

use std::process::ExitCode;

use partner_center::{Standing, TEST_EVENT};
use serde_json::json;

use super::{available, document, list, print, registered};
use crate::{
    output::{self, Format},
    wanted_registration::wanted,
    wiring::Wired,
};

pub(super) async fn run(wired: &Wired, format: Format) -> anyhow::Result<ExitCode> {
    let wanted = wanted(&wired.loaded.config)?;
    let present = registered(&wired.partner_center).await?;
    let available = available(wired).await?;
    let standing = wanted.as_ref().map(|wanted| wanted.standing(present.as_ref()));
    let (word, sentence, next_step) = told(standing.as_ref());
    let lacking = match &standing {
        Some(Standing::Ours { lacking }) => lacking.clone(),
        _ => Vec::new(),
    };
    if format == Format::Json {
        output::json(&json!({
            "registration": document(present.as_ref()),
            "standing": word,
            "wanted": wanted.as_ref().map(|wanted| json!({ "url": wanted.url.as_str(), "events": wanted.events })),
            "lacking": lacking,
            "available_events": available,
            "next_step": next_step,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    print("registered", present.as_ref());
    if let Some(wanted) = &wanted {
        output::labelled("this service", wanted.url.as_str());
    }
    output::labelled("standing", sentence);
    if !lacking.is_empty() {
        output::labelled("lacking", &list(&lacking));
        if lacking.iter().any(|event| event == TEST_EVENT) {
            output::labelled("", "without test-created, `cosell webhook test` is refused");
        }
    }
    output::labelled("available", &list(&available));
    if let Some(next_step) = next_step {
        output::labelled("next", next_step);
    }
    Ok(ExitCode::SUCCESS)
}

/// A word for programs, a sentence for people, and the next step.
fn told(standing: Option<&Standing>) -> (&'static str, &'static str, Option<&'static str>) {
    match standing {
        None => (
            "unknown",
            "[webhook] public_url is not set, so that nobody knows which address is ours",
            Some("set [webhook] public_url, then: cosell webhook register"),
        ),
        Some(Standing::Absent) => {
            ("absent", "nobody is told of changes; polling alone finds them", Some("cosell webhook register"))
        }
        Some(Standing::Ours { lacking }) if lacking.is_empty() => {
            ("ours", "events come to this service", None)
        }
        Some(Standing::Ours { .. }) => {
            ("ours", "events come to this service, but some are missing", Some("cosell webhook register"))
        }
        Some(Standing::Displaced { .. }) => (
            "displaced",
            "events go to somebody else, and not to this service",
            Some("find out whose address it is; to take its place: cosell webhook register --replace"),
        ),
    }
}
