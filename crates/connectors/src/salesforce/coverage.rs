//! Of which polled sources the channel tells nothing: objects that are not selected on it, or that this user may not see
//! whole (salesforce reference, sections 4.11 and 4.12).

use jiff::{SignedDuration, Timestamp};
use salesforce::{
    CallContext, ObjectName, Record,
    events::{EventsError, Topic},
    soql::Select,
};

use sync_engine::SideError;

use super::{Salesforce, events::Listener, refusal, rows::path};

/// How long an answer is believed: an admin may select an object, or take it away.
const BELIEVED: SignedDuration = SignedDuration::from_hours(1);
/// The channel of everything that is selected.
const STANDARD: &str = "ChangeEvents";
/// How the name of a company's own channel ends.
const OWN: &str = "__chn";
const PREFIX: &str = "/data/";

/// What was found out last.
pub(super) struct Coverage {
    at: Timestamp,
    untold: Vec<&'static str>,
}

impl Salesforce {
    /// The polled sources of whose changes the listener's channel does not tell. What cannot be found out is taken for
    /// told: the polls beside reconcile it.
    pub(super) async fn untold(&self, listener: &Listener, context: CallContext) -> Vec<&'static str> {
        let now = listener.clock.now();
        let mut known = listener.coverage.lock().await;
        if let Some(known) = known.as_ref()
            && now.duration_since(known.at).abs() < BELIEVED
        {
            return known.untold.clone();
        }
        let before = known.take().map(|known| known.untold);
        let untold = match self.look_at_coverage(listener, context).await {
            Ok(untold) => untold,
            Err(error) => {
                tracing::info!(error = %error.what, "which objects the channel carries is not told to this user");
                before.unwrap_or_default()
            }
        };
        *known = Some(Coverage { at: now, untold: untold.clone() });
        untold
    }

    async fn look_at_coverage(
        &self,
        listener: &Listener,
        context: CallContext,
    ) -> Result<Vec<&'static str>, SideError> {
        let schema = self.schema(context).await?;
        let channel = listener.settings.channel.as_str().trim_start_matches(PREFIX);
        let is_channel = channel == STANDARD || channel.ends_with(OWN);
        let selected = if is_channel { Some(self.selected(channel, context).await?) } else { None };
        let mut untold = Vec::new();
        for source in self.polled() {
            // What is hidden from reading altogether is told elsewhere.
            let Ok(Some(walk)) = self.walk(source, &schema) else { continue };
            let Ok(object) = walk.object.parse::<ObjectName>() else { continue };
            let topic = Topic::of_object(&object);
            let entity = topic.as_str().trim_start_matches(PREFIX);
            let carried = match &selected {
                Some(selected) => selected.iter().any(|name| name.eq_ignore_ascii_case(entity)),
                None => entity == channel,
            };
            // Objects without View All are left out of a channel silently.
            let denied = carried
                && matches!(listener.events.may_open(&topic).await, Err(EventsError::TopicDenied { .. }));
            if !carried || denied {
                untold.push(source);
            }
        }
        Ok(untold)
    }

    /// The entities that are selected on a channel.
    async fn selected(&self, channel: &str, context: CallContext) -> Result<Vec<String>, SideError> {
        let object = ObjectName::new("PlatformEventChannelMember").expect("a constant that is a name");
        let columns = [path("EventChannel"), path("SelectedEntity")];
        let soql = Select::from(&object).fields(&columns).build();
        let members = self.client.tooling_query(context, &soql).await;
        let members = members.map_err(|error| refusal::of_error(&error))?;
        let is_on = |member: &&Record| {
            let on = member.text("EventChannel").unwrap_or_default();
            // A channel of the company's own may be named by its id.
            on == channel || channel != STANDARD && on != STANDARD && !on.ends_with(OWN)
        };
        let entity = |member: &Record| Some(member.text("SelectedEntity")?.to_owned());
        Ok(members.records.iter().filter(is_on).filter_map(entity).collect())
    }
}
