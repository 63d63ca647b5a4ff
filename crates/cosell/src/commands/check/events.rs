//! The lines about change events: which objects are selected, and which fields come with each change.

use connectors::{Finding, Verdict, salesforce::OrgFeatures};
use mapping::{Mapping, SetSource};
use salesforce::{CallContext, Error, ObjectName, Record, events::EventsError, soql::Select};

use super::org::name;
use crate::wiring::Wired;

/// One object whose changes matter.
struct Wanted {
    object: String,
    /// As events call it: `OpportunityChangeEvent`, `My_Object__ChangeEvent`.
    entity: String,
    /// What every change should carry, so that a delete can be attributed.
    enriched: Vec<String>,
}

const VIEW_ALL: (&str, &str) = ("salesforce.view_all", "View All Records");

/// A line for each object: whether its changes become events; and whether this user may see them all.
///
/// What `told` says already of an object that cannot be seen at all is not said again.
pub(super) async fn look(
    wired: &Wired,
    context: CallContext,
    features: &OrgFeatures,
    told: &[Finding],
) -> Vec<Finding> {
    let wanted = wanted(&wired.mapping, features);
    let mut findings = selection(wired, context, &wanted).await;
    let fails = |id: String| told.iter().any(|line| line.id == id && line.verdict == Verdict::Fail);
    let seen = wanted.iter().map(|wanted| wanted.object.as_str());
    let seen: Vec<&str> = seen.filter(|object| !fails(format!("salesforce.object.{object}"))).collect();
    findings.push(view_all(wired, &seen).await);
    findings
}

async fn selection(wired: &Wired, context: CallContext, wanted: &[Wanted]) -> Vec<Finding> {
    let by_hand = "Setup, Change Data Capture: select the objects below [salesforce] of the documentation; without it \
                   polling finds changes.";
    let unseen =
        |why: String| vec![Finding::unseen("salesforce.change_events", "Change events", why, by_hand)];
    let members = match selected(wired, context).await {
        Ok(members) => members,
        Err(error) => {
            return unseen(format!("The org does not tell this user what is selected: {error}."));
        }
    };
    wanted.iter().map(|wanted| told(wanted, &members)).collect()
}

/// No interface tells of the right itself: the right to listen to one object's changes takes it (salesforce reference,
/// section 4.11).
async fn view_all(wired: &Wired, objects: &[&str]) -> Finding {
    let (id, title) = VIEW_ALL;
    let by_hand = "Give the integration user's permission set View All Records on Opportunity, the solutions object, \
                   contact roles and team members.";
    let unseen = |why: String| Finding::unseen(id, title, why, by_hand);
    let (mut granted, mut denied, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for &object in objects {
        match wired.crm.may_hear(object).await {
            None => {
                return unseen(
                    "Only the right to change events shows it, and they are switched off.".to_owned(),
                );
            }
            Some(Ok(())) => granted.push(object),
            Some(Err(EventsError::TopicDenied { .. })) => denied.push(object),
            Some(Err(EventsError::TopicMissing { .. })) => missing.push(object),
            Some(Err(error)) => return unseen(format!("The change events could not be asked: {error}.")),
        }
    }
    if !denied.is_empty() {
        let evidence = format!("The user may not listen to the changes of {}.", denied.join(", "));
        return Finding::fail(id, title, evidence, by_hand);
    }
    if !missing.is_empty() {
        return unseen(format!("{} have no change events that would show it.", missing.join(", ")));
    }
    Finding::pass(id, title, format!("the user may listen to {}", granted.join(", ")))
}

/// What is selected on any channel, and the further fields of each.
async fn selected(wired: &Wired, context: CallContext) -> Result<Vec<(String, Vec<String>)>, Error> {
    let ask = async |object: &str, columns: &[&'static str]| {
        let object = ObjectName::new(object).expect("a constant that is a name");
        let columns: Vec<_> = columns.iter().copied().map(name).collect();
        let soql = Select::from(&object).fields(&columns).build();
        wired.salesforce.tooling_query(context, &soql).await
    };
    let members = ask("PlatformEventChannelMember", &["Id", "EventChannel", "SelectedEntity"]).await?;
    let fields = ask("EnrichedField", &["ChannelMemberId", "Field"]).await?;
    let enriched = |member: &Record| {
        let of =
            |field: &&Record| field.text("ChannelMemberId").is_some_and(|id| member.text("Id") == Some(id));
        fields.records.iter().filter(of).filter_map(|field| Some(field.text("Field")?.to_owned())).collect()
    };
    let read = |member: &Record| Some((member.text("SelectedEntity")?.to_owned(), enriched(member)));
    Ok(members.records.iter().filter_map(read).collect())
}

fn wanted(mapping: &Mapping, features: &OrgFeatures) -> Vec<Wanted> {
    let names = mapping.names();
    let of = |object: &str, enriched: &[&str]| Wanted {
        object: object.to_owned(),
        entity: entity(object),
        enriched: enriched.iter().map(|name| (*name).to_owned()).collect(),
    };
    // With these, no question is needed to know whether an opportunity is opted in.
    let mut told_by = vec![names.identifier.as_str(), names.sync.as_str()];
    if !mapping.opt_in().private {
        told_by.push("IsPrivate");
    }
    let mut wanted = vec![of("Opportunity", &told_by)];
    for set in mapping.sets() {
        wanted.extend(match &set.crm {
            SetSource::Children { object, parent_field, .. } => {
                Some(of(object.as_str(), &[parent_field.as_str()]))
            }
            SetSource::ContactRoles => Some(of("OpportunityContactRole", &["OpportunityId"])),
            SetSource::Team { .. } => {
                features.team_selling.then(|| of(connectors::salesforce::TEAM_MEMBER, &["OpportunityId"]))
            }
        });
    }
    wanted
}

/// The name of an object's change events (salesforce reference, section 4.7).
fn entity(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(bare) => format!("{bare}__ChangeEvent"),
        None => format!("{object}ChangeEvent"),
    }
}

fn told(wanted: &Wanted, members: &[(String, Vec<String>)]) -> Finding {
    let id = format!("salesforce.change_event.{}", wanted.object);
    let title = format!("Events of {}", wanted.object);
    let mut selected = members.iter().filter(|(entity, _)| *entity == wanted.entity).peekable();
    if selected.peek().is_none() {
        return Finding::fail(
            id,
            title,
            format!("{} is not selected: its changes are found by polling.", wanted.entity),
            "Select the object in Setup, Change Data Capture. An org may select five; the add-on lifts that.",
        );
    }
    let fields: Vec<&str> = selected.flat_map(|(_, fields)| fields).map(String::as_str).collect();
    let has = |name: &&String| !fields.iter().any(|field| field.eq_ignore_ascii_case(name));
    let lacking: Vec<&str> = wanted.enriched.iter().filter(has).map(String::as_str).collect();
    if lacking.is_empty() {
        return Finding::pass(id, title, format!("selected; enriched with {}", wanted.enriched.join(", ")));
    }
    Finding::fail(
        id,
        title,
        format!(
            "Selected, but not enriched with {}: each event costs a read to know whose it is.",
            lacking.join(", ")
        ),
        "Add the fields to the channel member (PlatformEventChannelMember, enrichedFields), by a metadata deploy.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_passes_only_if_it_is_selected_and_carries_what_attributes_its_deletes() {
        assert_eq!(entity("Opportunity"), "OpportunityChangeEvent");
        assert_eq!(entity("ns__My_Object__c"), "ns__My_Object__ChangeEvent");
        let wanted = Wanted {
            object: "Opportunity".to_owned(),
            entity: entity("Opportunity"),
            enriched: vec!["Key__c".to_owned()],
        };
        let verdict = |members: &[(&str, &[&str])]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let members: Vec<_> =
                members.iter().map(|(it, names)| ((*it).to_owned(), owned(names))).collect();
            told(&wanted, &members).verdict
        };
        assert_eq!(verdict(&[("OpportunityChangeEvent", &["key__c"])]), Verdict::Pass);
        assert_eq!(verdict(&[("OpportunityChangeEvent", &[])]), Verdict::Fail);
        assert_eq!(verdict(&[("AccountChangeEvent", &["Key__c"])]), Verdict::Fail);
    }
}
