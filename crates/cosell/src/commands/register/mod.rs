//! `cosell register`: registers a won deal for incentives, from a file that a person wrote.

mod file;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{anyhow, bail};
use clap::Args;
use connectors::partner_center::{
    NewRegistration, PresentRegistration, Registered, RegistrationError, RegistrationLook,
};
use deal_model::{Deal, Phase};
use ports::Lane;
use serde_json::{Value, json};
use sync_engine::{CallScope, Wanted};

use super::find_deal;
use crate::{
    config::Config,
    output::{self, Format, plain},
    wiring::{Access, Wired, wire},
};

/// Which deal, from which file, and whether it is meant.
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// A deal, an opportunity or a referral. Without --file, prints what is
    /// registered already and a file to fill in.
    #[arg(required_unless_present = "template")]
    deal: Option<String>,
    /// What is registered: the contract, the solutions, and what only your
    /// company can state.
    #[arg(long, value_name = "FILE", requires = "deal")]
    file: Option<PathBuf>,
    /// Sends it. Once: if the answer is lost, the referral is read again.
    #[arg(long, requires = "file")]
    apply: bool,
    /// Prints a commented file to fill in.
    #[arg(long, conflicts_with_all = ["deal", "file", "apply"])]
    template: bool,
}

impl Register {
    pub(crate) async fn run(self, config: &Path, format: Format) -> anyhow::Result<ExitCode> {
        let Some(deal) = self.deal.filter(|_| !self.template) else {
            return template(None, format);
        };
        // A mistake in the file is told before anybody is called.
        let new = self.file.as_deref().map(file::load).transpose()?;
        let wired = wire(Config::load(config)?, Access::Look)?;
        if self.apply {
            refuse_rehearsal(&wired).await?;
        }
        let desk = Desk::at(&wired, &deal).await?;
        match (new, self.file) {
            (Some(new), Some(path)) => desk.register(&new, &path, self.apply, format).await,
            _ => template(Some(&desk), format),
        }
    }
}

/// What the command did.
enum Outcome {
    /// One of the solutions is registered already.
    InTheWay,
    /// Something is lacking.
    Lacking,
    /// It could be sent, and was not asked to be.
    Ready,
    /// It was sent.
    Registered(Registered),
}

/// A deal that may be registered, and its referral as it was just read.
struct Desk<'w> {
    wired: &'w Wired,
    deal: Deal,
    referral: String,
    look: RegistrationLook,
}

impl<'w> Desk<'w> {
    async fn at(wired: &'w Wired, text: &str) -> anyhow::Result<Self> {
        let id = find_deal(wired.store.as_ref(), text).await?;
        let deal = wired.store.deals(std::slice::from_ref(&id)).await?.pop();
        let deal = deal.ok_or_else(|| anyhow!("deal {id} is gone\n  fix: `cosell deals` lists them"))?;
        if deal.phase == Phase::Paused {
            bail!("deal {id} is opted out, so nothing of it is sent\n  fix: opt the opportunity in again");
        }
        let (Some(record), Some(_)) = (&deal.links.portal, &deal.links.crm) else {
            bail!("deal {id} does not link an opportunity with a referral\n  fix: cosell deals show {id}");
        };
        let wanted = Wanted {
            record: record.clone(),
            engagement: deal.links.engagement.clone(),
            companion: deal.links.companion.clone(),
            read_companion: true,
        };
        let look = wired.portal.look_for_registration(&wanted, scope()).await?;
        let referral = record.to_string();
        Ok(Self { wired, deal, referral, look })
    }

    async fn outcome(&self, new: &NewRegistration, apply: bool) -> Result<Outcome, RegistrationError> {
        if self.look.in_the_way(new).is_some() {
            return Ok(Outcome::InTheWay);
        }
        if !self.look.lacks(new).is_empty() {
            return Ok(Outcome::Lacking);
        }
        if !apply {
            return Ok(Outcome::Ready);
        }
        self.wired.portal.register(&self.look, new, scope()).await.map(Outcome::Registered)
    }

    async fn register(
        &self,
        new: &NewRegistration,
        path: &Path,
        apply: bool,
        format: Format,
    ) -> anyhow::Result<ExitCode> {
        if format == Format::Text {
            self.print(new);
        }
        let outcome = self.outcome(new, apply).await;
        match (format, &outcome) {
            (Format::Json, outcome) => output::json(&self.told(new, outcome))?,
            (Format::Text, Ok(outcome)) => self.print_outcome(outcome, path),
            (Format::Text, Err(_)) => {}
        }
        Ok(match outcome? {
            Outcome::Ready | Outcome::Registered(_) => ExitCode::SUCCESS,
            Outcome::Lacking | Outcome::InTheWay => ExitCode::FAILURE,
        })
    }

    /// Everything, for programs; also what failed, because it may have been done.
    fn told(&self, new: &NewRegistration, outcome: &Result<Outcome, RegistrationError>) -> Value {
        let after = match outcome {
            Ok(Outcome::Registered(registered)) => Some(registered),
            _ => None,
        };
        json!({
            "deal": self.deal.id,
            "referral": self.referral,
            "lacks": self.look.lacks(new),
            "in_the_way": self.look.in_the_way(new),
            "notes": self.look.notes(new),
            "patch": self.look.patch(new),
            "outcome": match outcome {
                Ok(Outcome::InTheWay) => "already_registered",
                Ok(Outcome::Lacking) => "lacking",
                Ok(Outcome::Ready) => "ready",
                Ok(Outcome::Registered(_)) => "registered",
                Err(RegistrationError::NotSeen | RegistrationError::Unknown(_)) => "unknown",
                Err(_) => "failed",
            },
            "registrations": after.map_or_else(|| self.look.present(), |after| after.present.clone()),
            "read_again": after.map(|after| after.read_again),
        })
    }

    /// Everything that a person weighs before it is sent.
    fn print(&self, new: &NewRegistration) {
        output::labelled("deal", self.deal.id.as_str());
        output::labelled("referral", &self.referral);
        print_present("registered", &self.look.present());
        output::labelled("would send", &format!("PATCH /referrals/{}, If-Match", self.referral));
        output::line(format!("{:#}", self.look.patch(new)));
        for (number, sentence) in self.look.lacks(new).iter().enumerate() {
            output::labelled(if number == 0 { "lacks" } else { "" }, sentence);
        }
        if let Some(present) = self.look.in_the_way(new) {
            let id = present.id.as_deref().unwrap_or("the one above");
            let sentence =
                format!("a solution of it is registered already and has not failed: {}", plain(id));
            output::labelled("in the way", &sentence);
        }
        for note in self.look.notes(new) {
            output::labelled("note", note);
        }
    }

    fn print_outcome(&self, outcome: &Outcome, path: &Path) {
        match outcome {
            Outcome::InTheWay | Outcome::Lacking => output::labelled("outcome", "nothing was sent"),
            Outcome::Ready => {
                output::labelled("outcome", "nothing was sent yet; nothing is known to be lacking");
                // In one line, however long: it is there to be copied.
                let (deal, file) = (&self.deal.id, path.display());
                output::line(format!("next         cosell register {deal} --file {file} --apply"));
            }
            Outcome::Registered(registered) => {
                if registered.read_again {
                    let lost = "the answer was lost; the referral was read again, and shows it";
                    output::labelled("note", lost);
                }
                output::labelled("outcome", "registered");
                print_present("now", &registered.present);
            }
        }
    }
}

fn print_present(label: &str, present: &[PresentRegistration]) {
    if present.is_empty() {
        output::labelled(label, "nothing yet");
    }
    for (number, one) in present.iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        for (line, text) in describe(one).iter().enumerate() {
            output::labelled(if line == 0 { label } else { "" }, text);
        }
    }
}

/// A registration in lines, the first with its standing.
fn describe(registration: &PresentRegistration) -> Vec<String> {
    let or_unknown = |text: &Option<String>| text.as_deref().map_or_else(|| "?".to_owned(), plain);
    let since = registration.registered.map_or_else(String::new, |at| format!(", made {at:.0}"));
    let mut lines = vec![format!("{}{since}", or_unknown(&registration.status))];
    if let Some(reason) = &registration.reason {
        lines.push(format!("reason: {}", plain(reason)));
    }
    let solutions = plain(&registration.solutions.join(", "));
    let value = registration.value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    lines.push(format!("{value} {} for {solutions}", or_unknown(&registration.currency)));
    lines.push(format!("id: {}", or_unknown(&registration.id)));
    lines
}

/// Prints a file to fill in; of a deal, with what is there already, as comments.
fn template(desk: Option<&Desk<'_>>, format: Format) -> anyhow::Result<ExitCode> {
    let present = desk.map(|desk| desk.look.present());
    let solutions = desk.map(|desk| desk.look.solutions());
    if format == Format::Json {
        let solutions = solutions.iter().flatten().map(|(id, name)| json!({ "id": id, "name": name }));
        output::json(&json!({
            "deal": desk.map(|desk| &desk.deal.id),
            "referral": desk.map(|desk| &desk.referral),
            "registrations": present,
            "solutions": solutions.collect::<Vec<Value>>(),
            "template": file::TEMPLATE,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(desk) = desk {
        output::commented(&format!("deal:     {}", desk.deal.id));
        output::commented(&format!("referral: {}", desk.referral));
        let present = present.unwrap_or_default();
        if present.is_empty() {
            output::commented("Nothing is registered yet.");
        }
        for one in &present {
            for (number, text) in describe(one).iter().enumerate() {
                output::commented(&format!("{}{text}", if number == 0 { "registered: " } else { "" }));
            }
        }
        for (id, name) in solutions.unwrap_or_default() {
            let name = name.map_or_else(String::new, |name| format!(" ({})", plain(&name)));
            output::commented(&format!("solution of the deal: {}{name}", plain(&id)));
        }
        output::line("");
    }
    output::line(file::TEMPLATE.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// A rehearsal must not register production's deals.
async fn refuse_rehearsal(wired: &Wired) -> anyhow::Result<()> {
    let config = &wired.loaded.config;
    let may = config.partner_center.dangerous_writes_from_sandbox_org || !config.is_real_portal();
    if !may && wired.is_sandbox_org().await? {
        bail!(
            "this is a sandbox org, and the deal would be registered at the real Partner Center; nothing was \
             sent\n  fix: register with production's configuration, or point [partner_center] api_url at \
             `cosell sandbox`"
        );
    }
    Ok(())
}

/// A person waits for the answer.
fn scope() -> CallScope {
    CallScope { lane: Lane::Now, send_before: None }
}
