//! From canonical values to what is sent: the operations of a change, the document of a creation.

use std::collections::BTreeMap;

use deal_model::{Content, ElementChange, ElementKey, FieldId, GroupHeld, Held, Write};
use mapping::{Binding, Codec, Mapping, SetBinding, SetSource, When};
use partner_center::PatchOperation;
use serde_json::{Map, Value as Json, json};

use super::{PortalSettings, TeamMember};

/// Which of the two documents of a co-sell deal is made (partner-center reference, section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Birth {
    /// Our own referral.
    Own {
        /// Whether the other organisation will be invited next.
        asks_help: bool,
    },
    /// The other organisation's.
    Companion,
}

/// Whether these writes can only be made from the document: a list goes back whole.
pub(super) fn needs_document(writes: &[Write], mapping: &Mapping) -> bool {
    let from_list = |field: &FieldId| {
        mapping.set(field).is_some() || mapping.binding(field).is_some_and(|binding| is_entry(&binding.codec))
    };
    writes.iter().any(|write| match &write.content {
        Content::Elements(_) => true,
        Content::Whole(group) => group.keys().any(from_list),
    })
}

/// The operations that make `writes`, on a referral whose document is `current` if that is at hand: one for each place.
/// Members that live in the other organisation's referral are left out: it cannot be written.
pub(super) fn operations(writes: &[Write], current: Option<&Json>, mapping: &Mapping) -> Vec<PatchOperation> {
    let mut draft = Edited { before: current, after: current.cloned(), operations: Vec::new() };
    for write in writes {
        match &write.content {
            Content::Whole(group) => {
                for (field, held) in group {
                    draft.hold(field, held, mapping);
                }
            }
            Content::Elements(changes) => {
                let members = mapping.specs().group(&write.group).map(|spec| spec.members.as_slice());
                let set = members.unwrap_or_default().iter().find_map(|member| mapping.set(&member.id));
                if let Some(set) = set {
                    let array = changed_array(set, draft.after.as_ref(), changes);
                    draft.put(set.portal_array.as_str(), array);
                }
            }
        }
    }
    draft.operations
}

/// A referral while it is edited: two fields may be entries of one list, so each is put into what the ones before it
/// have made of the document.
struct Edited<'d> {
    /// The document as the server has it, if that is at hand.
    before: Option<&'d Json>,
    /// The same with all edits made.
    after: Option<Json>,
    operations: Vec<PatchOperation>,
}

impl Edited<'_> {
    fn hold(&mut self, field: &FieldId, held: &Held, mapping: &Mapping) {
        if let Some(set) = mapping.set(field) {
            let array = replaced_array(set, self.after.as_ref(), held);
            return self.put(set.portal_array.as_str(), array);
        }
        let Some(binding) = mapping.binding(field).filter(|binding| binding.codec.writes_portal()) else {
            return;
        };
        if let Some(path) = &binding.portal {
            let present = self.after.as_ref().and_then(|document| path.read(document));
            let value = member(binding, held, present);
            self.put(path.patch_path(), value);
        }
        if let Some(path) = binding.codec.second_member() {
            let value = binding.codec.write_second(held);
            let present = self.after.as_ref().map(|document| path.read(document).unwrap_or(&Json::Null));
            if present != Some(&value) {
                self.put(path.patch_path(), value);
            }
        }
    }

    /// What the server lacks can only be added, and that with its parent where this is missing too; all else is
    /// replaced.
    fn put(&mut self, path: &str, value: Json) {
        let (Some(before), Some(after)) = (self.before, &mut self.after) else {
            self.operations.push(PatchOperation::replace(path, value));
            return;
        };
        set_at(after, path, value);
        let place = first_missing(before, path);
        let value = after.pointer(place).cloned().unwrap_or_default();
        let operation = match before.pointer(place) {
            None => PatchOperation::add(place, value),
            Some(_) => PatchOperation::replace(place, value),
        };
        match self.operations.iter_mut().find(|made| made.path() == place) {
            Some(made) => *made = operation,
            None => self.operations.push(operation),
        }
    }
}

/// The outermost place on the way to `path` that holds nothing to put a member into; `path` itself, if there is none.
fn first_missing<'p>(document: &Json, path: &'p str) -> &'p str {
    let parents = path.match_indices('/').skip(1).map(|(end, _)| &path[..end]);
    let holds_members = |parent: &&str| document.pointer(parent).is_some_and(|found| !found.is_null());
    parents.into_iter().find(|parent| !holds_members(parent)).unwrap_or(path)
}

/// What goes into a single member. `present` is what stands there.
fn member(binding: &Binding, held: &Held, present: Option<&Json>) -> Json {
    match (&binding.codec, held) {
        // A flag has no third state, and the portal takes no null for one.
        (Codec::Flag, Held::Empty) => Json::Bool(false),
        // One entry among others of other types.
        (Codec::ProfileId { profile_type: kind }, _) => entry(binding, held, present, "profileType", kind),
        (Codec::Attribute { attribute: kind, .. }, _) => entry(binding, held, present, "type", kind),
        _ => binding.codec.write_portal(held),
    }
}

/// Whether the codec's value is one entry of a list, which goes back whole.
fn is_entry(codec: &Codec) -> bool {
    matches!(codec, Codec::ProfileId { .. } | Codec::Attribute { .. })
}

/// The list with our entry in place of the one of its kind; all others stay as they are.
fn entry(binding: &Binding, held: &Held, present: Option<&Json>, member: &str, kind: &str) -> Json {
    let others = present.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let others = others.iter().filter(|entry| entry[member].as_str() != Some(kind));
    let ours = match held {
        Held::Value(_) => binding.codec.write_portal(held),
        Held::Empty => Json::Null,
    };
    Json::Array(others.cloned().chain(ours.as_array().cloned().unwrap_or_default()).collect())
}

/// The portal's own array with our changes made: foreign elements, their order and unknown members stay.
fn changed_array(set: &SetBinding, current: Option<&Json>, changes: &[(ElementKey, ElementChange)]) -> Json {
    let change = |key: &ElementKey, is_put: bool| {
        let is_it = |change: &ElementChange| matches!(change, ElementChange::Put(_)) == is_put;
        changes.iter().find(|(of, change)| of == key && is_it(change)).map(|(_, change)| change)
    };
    // Who comes to a key that another leaves is new there.
    let leaves = |key: &ElementKey| change(key, false);
    let change_of = |key: &ElementKey| leaves(key).or_else(|| change(key, true));
    let mut array = Vec::new();
    let mut present = Vec::new();
    for item in items(set, current) {
        let key = set.member_key(item);
        match key.as_ref().and_then(|key| change_of(key).map(|change| (key, change))) {
            Some((_, ElementChange::Remove)) => {}
            // A key that comes twice is one element, the first, as it was read: the second goes back untouched.
            Some((key, ElementChange::Put(element))) if !present.contains(key) => {
                array.push(set.portal_element(key, Some(item), element));
            }
            Some((key, ElementChange::Rekey { to, element })) if !present.contains(key) => {
                array.push(set.portal_element(to, Some(item), element));
            }
            _ => array.push(item.clone()),
        }
        present.extend(key);
    }
    for (key, change) in changes {
        if let ElementChange::Put(element) = change
            && (!present.contains(key) || leaves(key).is_some())
        {
            array.push(set.portal_element(key, None, element));
        }
    }
    Json::Array(array)
}

/// The portal's own array with exactly `held` as its readable elements.
fn replaced_array(set: &SetBinding, current: Option<&Json>, held: &Held) -> Json {
    let elements = held.elements();
    let mut changes: Vec<(ElementKey, ElementChange)> =
        elements.iter().map(|(key, element)| (key.clone(), ElementChange::Put(element.clone()))).collect();
    for key in items(set, current).iter().filter_map(|item| set.member_key(item)) {
        if !elements.contains_key(&key) {
            changes.push((key, ElementChange::Remove));
        }
    }
    changed_array(set, current, &changes)
}

fn items<'d>(set: &SetBinding, current: Option<&'d Json>) -> &'d [Json] {
    let array = current.and_then(|document| set.portal_array.read(document)).and_then(Json::as_array);
    array.map_or(&[], Vec::as_slice)
}

/// The document of a referral that is to be created from an opportunity (partner-center reference, section 3.9).
pub(super) struct Draft<'a> {
    pub(super) birth: Birth,
    pub(super) writes: &'a [Write],
    /// Whether the customer's consent is recorded.
    pub(super) consent: bool,
    /// The opportunity's identifier in its long form.
    pub(super) reference: String,
    /// The solution that the seller marked as the primary one: what a shared deal targets. Without it, the first.
    pub(super) primary: Option<&'a ElementKey>,
    /// The elements that the seller marked as the primary ones, by set.
    pub(super) marked: Option<&'a BTreeMap<FieldId, Vec<ElementKey>>>,
    /// The engagement of a companion.
    pub(super) engagement: Option<String>,
    /// Our own partner id that the referral belongs to.
    pub(super) partner_id: Option<&'a str>,
}

impl Draft<'_> {
    /// The document to be posted. It has no server-assigned member.
    pub(super) fn document(&self, mapping: &Mapping, settings: &PortalSettings) -> Json {
        let mut document = Json::Object(Map::new());
        for write in self.writes {
            let Content::Whole(group) = &write.content else { continue };
            self.fill(&mut document, group, mapping);
        }
        self.consents(&mut document);
        set_default(&mut document, "/qualification", json!(mapping.creation().qualification));
        match self.birth {
            Birth::Own { asks_help } => self.own(&mut document, asks_help, settings),
            Birth::Companion => self.companion(&mut document, settings),
        }
        document
    }

    fn fill(&self, document: &mut Json, group: &GroupHeld, mapping: &Mapping) {
        for (field, held) in group {
            if let Some(set) = mapping.set(field) {
                if set.when == When::Always || self.sends_contacts() {
                    let mut array = replaced_array(set, None, held);
                    self.put_primary_first(set, &mut array);
                    set_at(document, set.portal_array.as_str(), array);
                }
                continue;
            }
            let Some(binding) = mapping.binding(field).filter(|binding| binding.codec.writes_portal()) else {
                continue;
            };
            let place = match self.birth {
                Birth::Own { .. } => binding.portal.as_ref(),
                Birth::Companion => binding.companion.as_ref().or(binding.portal.as_ref()),
            };
            if let Some(path) = place.filter(|_| *held != Held::Empty) {
                let value = member(binding, held, path.read(document));
                set_at(document, path.as_str(), value);
                let second =
                    binding.codec.second_member().map(|path| (path, binding.codec.write_second(held)));
                if let Some((path, line)) = second.filter(|(_, line)| !line.is_null()) {
                    set_at(document, path.as_str(), line);
                }
            }
        }
    }

    /// The portal has no mark for the customer's primary contact: it is the one that a reader meets first.
    fn put_primary_first(&self, set: &SetBinding, array: &mut Json) {
        let marked = self.marked.and_then(|marked| marked.get(&set.field)?.first());
        if let (SetSource::ContactRoles, Some(primary), Some(array)) =
            (&set.crm, marked, array.as_array_mut())
        {
            // Stable: the others keep their order.
            array.sort_by_key(|item| set.member_key(item).as_ref() != Some(primary));
        }
    }

    /// Contacts leave only where help is asked for (sync rules, section 5).
    fn sends_contacts(&self) -> bool {
        self.birth != Birth::Own { asks_help: false }
    }

    /// What the mapping does not say of the consents follows from the recorded one; it is never asserted without.
    fn consents(&self, document: &mut Json) {
        for consent in ["consentToToShareInfoWithOthers", "consentToContact"] {
            set_default(document, &format!("/consent/{consent}"), json!(self.consent));
        }
        let share = "/consent/consentToShareReferralWithMicrosoftSellers";
        // Asking for help is sharing: the portal has no deal with help that its sellers may not see (section 4.3).
        if self.birth == (Birth::Own { asks_help: false }) {
            set_default(document, share, json!(false));
        } else {
            set_at(document, share, json!(self.consent));
        }
    }

    fn own(&self, document: &mut Json, asks_help: bool, settings: &PortalSettings) {
        set_at(document, "/externalReferenceId", json!(self.reference));
        let first = document.pointer("/details/requirements/solutions/0/id").cloned();
        let target = self.primary.map(|key| json!(key.0)).or(first);
        let (kind, target) = match target.filter(|_| asks_help) {
            Some(id) => ("Shared", json!([{ "type": "SolutionProfile", "id": id }])),
            None => ("Independent", json!([])),
        };
        set_at(document, "/type", json!(kind));
        set_at(document, "/target", target);
        if let Some(partner) = self.partner_id {
            set_default(document, "/mpnId", json!(partner));
        }
        let alone = document.pointer("/team").and_then(Json::as_array).is_none_or(Vec::is_empty);
        if let Some(member) = settings.default_team_member.as_ref().filter(|_| alone) {
            set_at(document, "/team", json!([seller(member)]));
        }
    }

    fn companion(&self, document: &mut Json, settings: &PortalSettings) {
        // What the portal asks a partner about the customer is asked once (partner-center reference, section 3.9).
        if let Some(requirements) =
            document.pointer_mut("/details/requirements").and_then(Json::as_object_mut)
        {
            requirements.remove("additionalRequirements");
        }
        if let Some(members) = document.as_object_mut() {
            // Our own identifiers, sellers and account of the deal are none of the other organisation's.
            for own in ["externalReferenceId", "mpnId", "campaignId", "team"] {
                members.remove(own);
            }
        }
        let target = json!([{
            "type": "BusinessProfileLocation",
            "id": settings.companion_organization.as_str(),
        }]);
        for (path, value) in [
            ("/engagementId", json!(self.engagement)),
            ("/type", json!("Shared")),
            ("/status", json!("New")),
            ("/substatus", json!("Pending")),
            ("/target", target),
            ("/team", json!([])),
        ] {
            set_at(document, path, value);
        }
    }
}

fn seller(member: &TeamMember) -> Json {
    json!({
        "firstName": member.first_name,
        "lastName": member.last_name,
        "email": member.email,
        "phoneNumber": member.phone,
    })
}

fn set_default(document: &mut Json, pointer: &str, value: Json) {
    if document.pointer(pointer).is_none() {
        set_at(document, pointer, value);
    }
}

/// Puts `value` where the pointer leads, making the objects on the way. Something else on the way gives way.
fn set_at(document: &mut Json, pointer: &str, value: Json) {
    let mut place = document;
    for segment in pointer.split('/').skip(1) {
        let name = segment.replace("~1", "/").replace("~0", "~");
        if !place.is_object() {
            *place = Json::Object(Map::new());
        }
        place = place.as_object_mut().expect("it was just made an object").entry(name).or_insert(Json::Null);
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use deal_model::{Value, Why};

    use super::*;

    fn street(text: &str) -> Vec<Write> {
        let held = Held::Value(Value::Text(text.to_owned()));
        let content = Content::Whole([("customer_street".into(), held)].into());
        let group = "customer_address".into();
        vec![Write { group, content, instead_of: GroupHeld::new(), why: Why::Changed, latch: None }]
    }

    fn changed(text: &str, current: &Json) -> Vec<(String, Json)> {
        let operations = operations(&street(text), Some(current), &Mapping::shipped());
        operations.iter().map(|each| (each.path().to_owned(), each.value().clone())).collect()
    }

    #[test]
    fn a_street_of_two_lines_is_two_members_and_one_line_leaves_no_second_behind() {
        let mut document = json!({});
        let draft = Draft {
            birth: Birth::Own { asks_help: false },
            writes: &[],
            consent: true,
            reference: String::new(),
            primary: None,
            marked: None,
            engagement: None,
            partner_id: None,
        };
        for (text, lines) in [
            ("Ring 1\nHof 2", json!({"addressLine1": "Ring 1", "addressLine2": "Hof 2"})),
            ("Ring 1", json!({"addressLine1": "Ring 1"})),
        ] {
            let Content::Whole(group) = &street(text)[0].content.clone() else { panic!("{text}") };
            document["customerProfile"]["address"] = json!({});
            draft.fill(&mut document, group, &Mapping::shipped());
            assert_eq!(document["customerProfile"]["address"], lines);
        }
        let (first, second) =
            ("/customerProfile/address/addressLine1", "/customerProfile/address/addressLine2");
        let current =
            json!({"customerProfile": {"address": {"addressLine1": "Ring 1", "addressLine2": "Hof 2"}}});
        let told = |path: &str, value: Json| (path.to_owned(), value);
        assert_eq!(changed("Ring 3", &current), [told(first, json!("Ring 3")), told(second, Json::Null)]);
        assert_eq!(changed("Ring 3\nHof 2", &current), [told(first, json!("Ring 3"))]);
        assert_eq!(
            changed("Ring 1\nHof 4", &current),
            [told(first, json!("Ring 1")), told(second, json!("Hof 4"))]
        );
    }
}
