//! Finds fields that an org already has, by label, name and type: for companies that come from Microsoft's packaged
//! fields, whose namespace and API names are not public (salesforce reference, section 7; partner-center reference,
//! section 7.4).

use mapping::Mapping;
use salesforce::{CallContext, Client, Describe, Error, FieldDescribe, FieldType, GlobalDescribe};

use super::schema::{OPPORTUNITY, object_name};

/// What is looked for: a setting of the mapping, and how the field that it names is known to be called.
#[derive(Debug, Clone, Copy)]
struct Quarry {
    /// The setting, from the top: `names`, `sync`.
    path: &'static [&'static str],
    labels: &'static [&'static str],
    /// API names without namespace and suffix.
    names: &'static [&'static str],
    kinds: &'static [FieldType],
    /// Fewest characters that it must hold.
    length: u32,
    /// Whether the setting names the object too: `Opportunity.Name`.
    whole_path: bool,
}

/// A field that may be what is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What to write into the mapping.
    pub value: String,
    /// What people see.
    pub label: String,
    /// From 0 to 100: how surely it is the one.
    pub score: u32,
    /// What speaks for it and against it, as a person reads it.
    pub because: String,
}

/// A setting, and the fields that may be meant, the likeliest first.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The setting's path.
    pub path: Vec<String>,
    /// What may stand there; never empty.
    pub candidates: Vec<Candidate>,
}

/// From this score on, a candidate is taken for the one that is meant.
const SURE: u32 = 60;
/// By how much it must be ahead of the next.
const AHEAD: u32 = 10;
/// Below this, a field is not worth naming.
const WORTH: u32 = 35;
/// Most candidates that are named.
const MOST: usize = 5;
/// Most objects that are described in search of the child object of solutions.
const MOST_OBJECTS: usize = 10;

impl Proposal {
    /// The one that is meant, if it is beyond doubt.
    pub fn sure(&self) -> Option<&Candidate> {
        let (first, next) = (self.candidates.first()?, self.candidates.get(1).map_or(0, |next| next.score));
        (first.score >= SURE && first.score >= next + AHEAD).then_some(first)
    }
}

const CHECKBOX: &[FieldType] = &[FieldType::Boolean];
const TEXT: &[FieldType] = &[FieldType::String];
const LINK: &[FieldType] = &[FieldType::Url, FieldType::String];
const LONG: &[FieldType] = &[FieldType::Textarea];
const CHOICE: &[FieldType] = &[FieldType::Picklist];
const TEXT_OR_CHOICE: &[FieldType] = &[FieldType::String, FieldType::Picklist];

const ON_OPPORTUNITY: &[Quarry] = &[
    quarry(&["names", "sync"], &["Sync with Partner Center"], &["Sync_with_Partner_Center"], CHECKBOX, 0),
    quarry(
        &["names", "identifier"],
        &["Referral Identifier"],
        &["Referral_Identifier", "Referral_Identfier"],
        TEXT,
        36,
    ),
    quarry(&["names", "unique_key"], &["Referral Identifier"], &["Referral_Identifier"], TEXT, 36),
    field(
        &["fields", "referral_identifier", "salesforce"],
        &["Referral Identifier"],
        &["Referral_Identifier", "Referral_Identfier"],
        TEXT,
        36,
    ),
    quarry(&["names", "audit"], &["Audit"], &["Audit"], LONG, 1_000),
    field(&["fields", "referral_link", "salesforce"], &["Referral Link"], &["Referral_Link"], LINK, 100),
    field(
        &["fields", "help", "salesforce"],
        &["How can Microsoft help?"],
        &["How_can_Microsoft_help"],
        CHOICE,
        0,
    ),
    field(
        &["fields", "share", "salesforce"],
        &[
            "Referral visible to Microsoft sellers?",
            "Microsoft Partner Center Referral Visibility",
            "Share with Microsoft",
        ],
        &[
            "Referral_visible_to_Microsoft_sellers",
            "Microsoft_Partner_Center_Referral_Visibility",
            "Share_with_Microsoft",
        ],
        CHECKBOX,
        0,
    ),
    field(
        &["fields", "microsoft_crm_id", "salesforce"],
        &["Microsoft CRM Identifier"],
        &["Microsoft_CRM_Identifier"],
        TEXT,
        20,
    ),
    field(
        &["fields", "referral_program", "salesforce"],
        &["Referral Program"],
        &["Referral_Program"],
        TEXT_OR_CHOICE,
        0,
    ),
];

const fn quarry(
    path: &'static [&'static str],
    labels: &'static [&'static str],
    names: &'static [&'static str],
    kinds: &'static [FieldType],
    length: u32,
) -> Quarry {
    Quarry { path, labels, names, kinds, length, whole_path: false }
}

const fn field(
    path: &'static [&'static str],
    labels: &'static [&'static str],
    names: &'static [&'static str],
    kinds: &'static [FieldType],
    length: u32,
) -> Quarry {
    Quarry { path, labels, names, kinds, length, whole_path: true }
}

/// What the child object of solutions is called.
const SOLUTION_LABELS: &[&str] = &[
    "Microsoft Partner Center Solution",
    "Microsoft Partner Center Solutions",
    "Microsoft Solution",
    "Microsoft Solutions",
];
const SOLUTION_ID: Quarry = quarry(
    &["fields", "solutions", "rows", "key"],
    &["Solution ID", "Solution Identifier", "Microsoft Solution ID", "Partner Center Solution ID"],
    &["Solution_Id", "Solution_Identifier", "Microsoft_Solution_Id", "SolutionId"],
    TEXT,
    10,
);

/// Looks at the opportunity and at child objects of solutions, as this user may see them.
pub async fn discover(client: &Client, context: CallContext) -> Result<Vec<Proposal>, Error> {
    let global = client.objects_anew(context).await?;
    let opportunity = client.describe_anew(context, &object_name(OPPORTUNITY)).await?;
    let mut proposals: Vec<Proposal> =
        ON_OPPORTUNITY.iter().filter_map(|quarry| proposal(quarry, &opportunity)).collect();
    let mut children = Vec::new();
    for name in solution_objects(&global, &opportunity).into_iter().take(MOST_OBJECTS) {
        if let Ok(object) = name.parse() {
            children.push(client.describe_anew(context, &object).await?);
        }
    }
    let children: Vec<&Describe> = children.iter().map(AsRef::as_ref).collect();
    proposals.extend(solutions(&global, &opportunity, &children));
    Ok(proposals)
}

/// The fields of `described` that may be the one, the likeliest first; none if there is no such field.
fn proposal(quarry: &Quarry, described: &Describe) -> Option<Proposal> {
    let mut candidates: Vec<Candidate> =
        described.fields.iter().filter_map(|field| candidate(quarry, &described.name, field)).collect();
    candidates.sort_by(|one, other| other.score.cmp(&one.score).then_with(|| one.value.cmp(&other.value)));
    candidates.truncate(MOST);
    let path = quarry.path.iter().map(|key| (*key).to_owned()).collect();
    (!candidates.is_empty()).then_some(Proposal { path, candidates })
}

fn candidate(quarry: &Quarry, object: &str, field: &FieldDescribe) -> Option<Candidate> {
    if !field.name.ends_with("__c") || !quarry.kinds.contains(&field.kind) {
        return None;
    }
    if quarry.path.last() == Some(&"unique_key") && !(field.unique && field.external_id) {
        return None;
    }
    let (mut score, mut because) = alike(quarry, field)?;
    if quarry.length > 0 && field.length > 0 && field.length < quarry.length {
        score = score.saturating_sub(30);
        because.push(format!("holds only {} characters", field.length));
    }
    if field.external_id && quarry.path.last() == Some(&"identifier") {
        score += 5;
        because.push("external id".to_owned());
    }
    let value = if quarry.whole_path { format!("{object}.{}", field.name) } else { field.name.clone() };
    let (label, score) = (field.label.clone(), score.min(100));
    (score >= WORTH).then(|| Candidate { value, label, score, because: because.join(", ") })
}

/// How alike the field's label and name are to what is looked for.
fn alike(quarry: &Quarry, field: &FieldDescribe) -> Option<(u32, Vec<String>)> {
    let label = plain(&field.label);
    let name = plain(bare(&field.name));
    let is_label = quarry.labels.iter().any(|wanted| plain(wanted) == label);
    let in_label = quarry.labels.iter().any(|wanted| {
        let wanted = plain(wanted);
        label.len() > 4 && (label.contains(&wanted) || wanted.contains(&label))
    });
    let is_name = quarry.names.iter().any(|wanted| plain(wanted) == name);
    let mut because = Vec::new();
    let mut score = 15;
    if is_label {
        score += 55;
        because.push("the label is Microsoft's".to_owned());
    } else if in_label {
        score += 25;
        because.push("the label is alike".to_owned());
    }
    if is_name {
        score += 30;
        because.push("so is the name".to_owned());
        if !is_label {
            "the name is Microsoft's".clone_into(because.last_mut().expect("a reason was just added"));
        }
    }
    (!because.is_empty()).then_some((score, because))
}

/// Child objects of the opportunity that are called like solutions.
fn solution_objects(global: &GlobalDescribe, opportunity: &Describe) -> Vec<String> {
    let children = opportunity.child_relationships.iter().filter(|link| link.relationship_name.is_some());
    let mut names: Vec<String> = Vec::new();
    for link in children.filter(|link| link.child_object.ends_with("__c")) {
        if is_solution(global, &link.child_object) && !names.contains(&link.child_object) {
            names.push(link.child_object.clone());
        }
    }
    names
}

fn is_solution(global: &GlobalDescribe, object: &str) -> bool {
    let label = global.object(object).map(|it| plain(&it.label)).unwrap_or_default();
    let name = plain(bare(object));
    SOLUTION_LABELS.iter().map(|wanted| plain(wanted)).any(|wanted| wanted == label || wanted == name)
}

/// The keys of `[fields.solutions.rows]`, which name one object together: a proposal each, with a candidate an object.
fn solutions(global: &GlobalDescribe, opportunity: &Describe, children: &[&Describe]) -> Vec<Proposal> {
    let mut rows: [(&str, Vec<Candidate>); 4] =
        [("relationship", vec![]), ("object", vec![]), ("parent", vec![]), ("key", vec![])];
    for child in children {
        let link = opportunity.child_relationships.iter().find(|link| link.child_object == child.name);
        let Some((link, relationship)) = link.and_then(|link| Some((link, link.relationship_name.clone()?)))
        else {
            continue;
        };
        let label = global.object(&child.name).map(|it| it.label.clone()).unwrap_or_default();
        let because = format!("child object \"{label}\" of the opportunity");
        let of =
            |value: String| Candidate { value, label: label.clone(), score: 70, because: because.clone() };
        rows[0].1.push(of(relationship));
        rows[1].1.push(of(child.name.clone()));
        rows[2].1.push(of(link.field.clone()));
        if let Some(key) = proposal(&SOLUTION_ID, child) {
            rows[3].1.extend(key.candidates);
        }
    }
    let path = |key: &str| ["fields", "solutions", "rows", key].map(str::to_owned).to_vec();
    let found = rows.into_iter().filter(|(_, candidates)| !candidates.is_empty());
    found.map(|(key, candidates)| Proposal { path: path(key), candidates }).collect()
}

/// Whether the mapping says it already.
pub fn is_said(mapping: &Mapping, proposal: &Proposal, candidate: &Candidate) -> bool {
    let path: Vec<&str> = proposal.path.iter().map(String::as_str).collect();
    let said =
        mapping.provenance().get(&path).map(|setting| setting.effective().value.trim_matches('"').to_owned());
    said.is_some_and(|said| said.eq_ignore_ascii_case(&candidate.value))
}

/// The name without its namespace and its suffix: `Audit` of `acme__Audit__c`.
fn bare(name: &str) -> &str {
    let name = name.strip_suffix("__c").unwrap_or(name);
    name.split_once("__").map_or(name, |(_, name)| name)
}

/// Small letters and digits alone.
fn plain(text: &str) -> String {
    text.chars().filter(|each| each.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn opportunity(fields: &serde_json::Value) -> Describe {
        serde_json::from_value(json!({ "name": "Opportunity", "fields": fields })).unwrap()
    }

    fn found(path: &[&str], described: &Describe) -> Option<Proposal> {
        ON_OPPORTUNITY
            .iter()
            .find(|quarry| quarry.path == path)
            .and_then(|quarry| proposal(quarry, described))
    }

    #[test]
    fn a_label_and_a_type_find_a_field_in_any_namespace() {
        let described = opportunity(&json!([
            { "name": "msp__Visible__c", "label": "Referral visible to Microsoft sellers?", "type": "boolean" },
            { "name": "Visible_Text__c", "label": "Referral visible to Microsoft sellers?", "type": "string" },
            { "name": "Referral_Identfier__c", "label": "Partner id", "type": "string", "length": 100 },
        ]));
        let share = found(&["fields", "share", "salesforce"], &described).unwrap();
        assert_eq!(share.candidates.len(), 1, "another type is another field: {share:?}");
        assert_eq!(share.sure().unwrap().value, "Opportunity.msp__Visible__c");
        let identifier = found(&["names", "identifier"], &described).unwrap();
        assert!(identifier.sure().is_none(), "a misprinted name alone is no proof: {identifier:?}");
        assert_eq!(identifier.candidates[0].value, "Referral_Identfier__c");
    }

    #[test]
    fn two_that_are_equally_likely_are_left_to_a_person() {
        let described = opportunity(&json!([
            { "name": "one__Audit__c", "label": "Audit", "type": "textarea", "length": 32000 },
            { "name": "two__Audit__c", "label": "Audit", "type": "textarea", "length": 32000 },
            { "name": "Small_Audit__c", "label": "Audit", "type": "textarea", "length": 255 },
        ]));
        let audit = found(&["names", "audit"], &described).unwrap();
        assert!(audit.sure().is_none());
        let names: Vec<&str> = audit.candidates.iter().map(|it| it.value.as_str()).collect();
        assert_eq!(names, ["one__Audit__c", "two__Audit__c", "Small_Audit__c"]);
    }

    #[test]
    fn a_namespace_is_no_part_of_a_name() {
        assert_eq!(bare("msp__Referral_Link__c"), "Referral_Link");
        assert_eq!(bare("Referral_Link__c"), "Referral_Link");
        assert_eq!(plain("How can Microsoft help?"), "howcanmicrosofthelp");
    }
}
