//! Channels and their members: which entities' changes a deploy selects (salesforce reference, section 4.12).

use super::xml::{self, Place, Problem};
use crate::salesforce::pubsub::channels::{Member, STANDARD};

/// A member as a file describes it.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) channel: String,
    /// The object whose changes these are.
    pub(super) object: String,
    pub(super) member: Member,
}

/// The full name of a member: single underscores only.
pub(super) fn full_name(member: &Member) -> String {
    name(&member.channel, &member.entity)
}

fn name(channel: &str, entity: &str) -> String {
    format!("{}_{entity}", channel.replace("__chn", "_chn"))
}

/// The object of an entity's name.
pub(super) fn object_of(entity: &str) -> String {
    match entity.strip_suffix("__ChangeEvent") {
        Some(custom) => format!("{custom}__c"),
        None => entity.strip_suffix("ChangeEvent").unwrap_or(entity).to_owned(),
    }
}

/// Checks a custom channel.
pub(super) fn channel(place: Place<'_>, text: &str) -> Result<(), Problem> {
    let tree = xml::tree(place, text, "PlatformEventChannel")?;
    let root = tree.root_element();
    xml::elements(place, root, "PlatformEventChannel", &["channelType", "label", "eventType"])?;
    if !place.full_name.ends_with("__chn") {
        return Err(place.problem("The name of a channel ends in __chn"));
    }
    xml::one_of(place, root, "channelType", "PlatformEventChannelType", &["data", "event"])?
        .ok_or_else(|| place.at(root, "Required field is missing: channelType"))?;
    xml::text(root, "label").ok_or_else(|| place.at(root, "Required field is missing: label"))?;
    Ok(())
}

/// Reads a member; `known` tells the custom channels.
pub(super) fn read(place: Place<'_>, text: &str, known: &dyn Fn(&str) -> bool) -> Result<Selected, Problem> {
    let tree = xml::tree(place, text, "PlatformEventChannelMember")?;
    let root = tree.root_element();
    let elements = ["eventChannel", "selectedEntity", "enrichedFields", "filterExpression"];
    xml::elements(place, root, "PlatformEventChannelMember", &elements)?;
    let need = |name: &str| {
        xml::text(root, name).ok_or_else(|| place.at(root, format!("Required field is missing: {name}")))
    };
    let (channel, entity) = (need("eventChannel")?, need("selectedEntity")?);
    if channel != STANDARD && !known(channel) {
        return Err(place.at(root, format!("eventChannel: no PlatformEventChannel named {channel} found")));
    }
    let expected = name(channel, entity);
    if place.full_name != expected {
        return Err(
            place.problem(format!("The full name of this member is {expected}, not {}", place.full_name))
        );
    }
    let mut enriched = Vec::new();
    for node in xml::all(root, "enrichedFields") {
        xml::elements(place, node, "EnrichedField", &["name"])?;
        enriched.push(
            xml::text(node, "name")
                .ok_or_else(|| place.at(node, "Required field is missing: name"))?
                .to_owned(),
        );
    }
    if let Some(filter) = xml::child(root, "filterExpression")
        && channel == STANDARD
    {
        return Err(place.at(filter, "filterExpression is for members of custom channels"));
    }
    Ok(Selected {
        channel: channel.to_owned(),
        object: object_of(entity),
        member: Member {
            channel: channel.to_owned(),
            entity: entity.to_owned(),
            enriched,
            filter: xml::text(root, "filterExpression").map(str::to_owned),
        },
    })
}
