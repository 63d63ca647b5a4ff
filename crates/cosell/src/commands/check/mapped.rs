//! The lines about the mapping: its file, and what it needs of the org and of the portal. `cosell check` and `cosell
//! mapping check` tell the same.

use std::collections::BTreeSet;

use connectors::{Finding, partner_center::undocumented_updates, salesforce::OrgFeatures};
use deal_model::{CodeStanding, Side};
use mapping::{Mapping, MappingError};

use super::{events, here, org};
use crate::{config::Loaded, mapping_files::read_files, wiring::Wired};

const FILE: (&str, &str) = ("cosell.mapping", "Mapping");

/// The lines about the file; and the mapping, if it can be used.
pub(crate) fn file(loaded: &Loaded) -> (Vec<Finding>, Option<Mapping>) {
    let (id, title) = FILE;
    let mapping = match read_files(loaded) {
        Ok(files) => files.try_compile(),
        Err(error) => return (vec![here::broken(id, title, &error)], None),
    };
    let mapping = match mapping {
        Ok(mapping) => mapping,
        Err(errors) => return (errors.iter().enumerate().map(mistake).collect(), None),
    };
    if let Err(error) = mapping.stages().require_on_hold() {
        let mend = "Set on_hold under [stages] of the mapping file; it must not be the stage in which new \
                    opportunities start.";
        return (vec![Finding::fail(id, title, format!("{error}."), mend)], Some(mapping));
    }
    let fields = mapping.bindings().len() + mapping.sets().len();
    let examples: usize = mapping.bindings().iter().map(|binding| binding.examples.len()).sum();
    let examples = match examples {
        0 => String::new(),
        1 => ", one example came true".to_owned(),
        many => format!(", {many} examples came true"),
    };
    let told = format!("{fields} fields, version {}{examples}", mapping.version());
    (vec![Finding::pass(id, title, told), here::code_lists(loaded)], Some(mapping))
}

/// A mistake of the file, with its place in the title.
fn mistake((number, error): (usize, &MappingError)) -> Finding {
    let name = crate::commands::mapping::file_name(&error.file);
    let advice = if error.advice.is_empty() { String::new() } else { format!(". {}", error.advice) };
    Finding::fail(
        if number == 0 { FILE.0.to_owned() } else { format!("{}.{}", FILE.0, number + 1) },
        format!("{name}:{}:{}", error.line, error.column),
        format!("{}{advice}", error.what),
        error.fix.to_string(),
    )
}

/// The lines about what the mapping needs of the org, and the org's options.
pub(crate) async fn org(wired: &Wired) -> (Vec<Finding>, OrgFeatures) {
    let (mut findings, features) = match wired.crm.survey(org::SCOPE).await {
        Ok(survey) => (survey.findings, survey.features),
        Err(error) => (vec![org::undescribed(&error.class, &error.what)], OrgFeatures::default()),
    };
    let about_events = events::look(wired, org::CONTEXT, &features, &findings).await;
    findings.extend(about_events);
    (findings, features)
}

/// The lines about what the mapping needs of the portal, whose interface describes nothing: what can be told from the
/// reference alone.
pub(crate) fn portal(mapping: &Mapping) -> Vec<Finding> {
    vec![members(mapping), demanded(mapping), unverified(mapping)]
}

fn members(mapping: &Mapping) -> Finding {
    let (id, title) = ("partner_center.members", "Members of the referral");
    let doubtful = undocumented_updates(mapping);
    if doubtful.is_empty() {
        return Finding::pass(id, title, "what changes later is documented as changeable");
    }
    let named: Vec<String> = doubtful.iter().map(|it| format!("{} ({})", it.field, it.path)).collect();
    Finding::unseen(
        id,
        title,
        format!(
            "No document says that the portal takes changes of {}; a refusal is learnt and told.",
            named.join(", ")
        ),
        "Change such a field on one referral, see `cosell deals`; or set on.to_partner_center = [\"create\"].",
    )
}

/// Members that no referral is created without (partner-center reference, section 4.5), as pointers.
const DEMANDED: [&str; 8] = [
    "/name",
    "/customerProfile/name",
    "/customerProfile/address/country",
    "/details/dealValue",
    "/details/currency",
    "/details/closingDateTime",
    "/details/requirements/solutions",
    "/team",
];

fn demanded(mapping: &Mapping) -> Finding {
    let (id, title) = ("partner_center.demanded", "What a new referral needs");
    let groups = mapping.specs().groups.iter().filter(|group| group.to.at(Side::Portal).create);
    let members: BTreeSet<&str> = groups
        .flat_map(|group| &group.members)
        .filter_map(|member| {
            let own = mapping.binding(&member.id).and_then(|binding| binding.portal.as_ref());
            own.or_else(|| mapping.set(&member.id).map(|set| &set.portal_array))
                .map(mapping::PortalPath::as_str)
        })
        .collect();
    let lacking: Vec<&str> = DEMANDED.iter().copied().filter(|path| !members.contains(path)).collect();
    if lacking.is_empty() {
        return Finding::pass(id, title, "every member that it needs has a field");
    }
    Finding::fail(
        id,
        title,
        format!("The portal demands {}, and no field is written there at creation.", lacking.join(", ")),
        "Map a field of the opportunity there, or leave the default's field on: cosell mapping diff",
    )
}

fn unverified(mapping: &Mapping) -> Finding {
    let (id, title) = ("partner_center.codes", "Codes that are sent");
    let groups = mapping.specs().groups.iter().filter(|group| group.to.portal.flows());
    let doubtful = groups.flat_map(|group| &group.members).filter_map(|member| {
        let list = member.demands.codes.as_ref()?;
        let count = list.codes.iter().filter(|code| code.standing == CodeStanding::Unverified).count();
        (count > 0).then(|| format!("{} of {} ({})", count, list.name, member.id))
    });
    let doubtful: Vec<String> = doubtful.collect();
    if doubtful.is_empty() {
        return Finding::pass(id, title, "all of them were seen to be taken");
    }
    Finding::unseen(
        id,
        title,
        format!("Nobody has seen the portal take {}: they are not sent.", doubtful.join(", ")),
        "Once your portal takes them: [mapping] unverified_codes = true, or a list of your own under code_lists.",
    )
}
