//! The org's options, each with what it means here, and what no API tells.

use std::collections::BTreeSet;

use mapping::{Codec, Mapping};

use crate::{
    Finding,
    salesforce::{
        TEAM_MEMBER,
        features::{CLASSIC_NOTE, CONTENT_NOTE, code_field},
        schema::{ACCOUNT, Currencies, OPPORTUNITY, Schema},
    },
};

pub(super) fn told(mapping: &Mapping, schema: &Schema) -> Vec<Finding> {
    vec![
        team_selling(mapping, schema),
        notes(schema),
        currencies(schema),
        country_picklists(mapping, schema),
        person_accounts(schema),
        line_items(schema),
        record_types(mapping, schema),
        opt_in_rules(mapping, schema),
        duplicate_rules(),
    ]
}

fn team_selling(mapping: &Mapping, schema: &Schema) -> Finding {
    let (id, title) = ("salesforce.team_selling", "Team selling");
    let mut groups = mapping.specs().groups.iter();
    let joins = groups.any(|group| group.only_grows() && group.to.crm.flows());
    if schema.features.team_selling {
        let may_add = schema.object(TEAM_MEMBER).is_none_or(|members| members.createable);
        if joins && !may_add {
            return Finding::fail(
                id,
                title,
                format!("on, and the integration user may not create {TEAM_MEMBER}: nobody can join a team."),
                "Give the integration user's permission set the right to create opportunity team members.",
            );
        }
        return Finding::pass(id, title, format!("on: {TEAM_MEMBER} is there"));
    }
    Finding::fail(
        id,
        title,
        format!(
            "{TEAM_MEMBER} is not there: team selling is off, or the user may not see it. Of the people, only the \
             opportunity's owner goes to the portal, and nobody of the portal joins a team."
        ),
        "Setup, Opportunity Team Settings: enable team selling; then give the permission set access to the object.",
    )
}

fn notes(schema: &Schema) -> Finding {
    let (id, title) = ("salesforce.notes", "Notes");
    let classic = schema.features.classic_notes;
    if schema.features.enhanced_notes {
        return Finding::pass(id, title, format!("on: {CONTENT_NOTE} is there"));
    }
    let classic = if classic { format!("; classic notes ({CLASSIC_NOTE}) are") } else { String::new() };
    Finding::fail(
        id,
        title,
        format!("{CONTENT_NOTE} is not there: notes are off, or the user may not see them{classic}."),
        "Setup, Notes Settings: enable notes, and put them on the opportunity's layout.",
    )
}

fn currencies(schema: &Schema) -> Finding {
    let (id, title) = ("salesforce.currencies", "Currencies");
    match &schema.currencies {
        Currencies::Many(active) => {
            let names: Vec<&str> = active.iter().map(String::as_str).collect();
            Finding::pass(id, title, format!("several; active: {}", names.join(", ")))
        }
        Currencies::One(Some(code)) => Finding::unseen(
            id,
            title,
            format!("The org has one currency; the configuration says {code}, and no API tells."),
            "Compare Setup, Company Information, with [salesforce] single_currency.",
        ),
        Currencies::One(None) => Finding::fail(
            id,
            title,
            "The org has one currency, and nothing says which: no amount can be sent.",
            "Set [salesforce] single_currency to the one of Setup, Company Information.",
        ),
    }
}

fn country_picklists(mapping: &Mapping, schema: &Schema) -> Finding {
    let (id, title) = ("salesforce.country_picklists", "State and country picklists");
    if !schema.features.country_picklists {
        return Finding::pass(id, title, "off: states and countries are plain text");
    }
    let country = mapping.bindings().iter().filter(|binding| binding.codec == Codec::Country);
    let field = country.filter_map(|binding| binding.crm.as_ref()).map(mapping::CrmPath::field).next();
    let code = field.zip(schema.object(ACCOUNT)).and_then(|(field, account)| code_field(account, field));
    let code = code.map_or_else(String::new, |code| format!("; {ACCOUNT}.{} holds the code", code.name));
    let states = state_by_name(mapping, schema).map_or_else(String::new, |(path, code)| {
        format!("; {path} goes across by its name: for the code, map {code}")
    });
    Finding::pass(id, title, format!("on{code}{states}"))
}

/// Where a field of the mapping holds the name of a customer's state although the org has its code, and where that is.
fn state_by_name(mapping: &Mapping, schema: &Schema) -> Option<(String, String)> {
    let account = schema.object(ACCOUNT)?;
    let paths = mapping.bindings().iter().filter(|binding| binding.codec != Codec::Country);
    paths.filter_map(|binding| binding.crm.as_ref()).find_map(|path| {
        path.parents().any(|object| object == ACCOUNT).then_some(())?;
        let code = code_field(account, path.field())?;
        let shown = path.to_string();
        let place = shown.strip_suffix(path.field())?;
        Some((shown.clone(), format!("{place}{}", code.name)))
    })
}

fn person_accounts(schema: &Schema) -> Finding {
    let (id, title) = ("salesforce.person_accounts", "Person accounts");
    let on = schema.features.person_accounts;
    let evidence = if on { "on: a person's name is never written" } else { "off or hidden" };
    Finding::pass(id, title, evidence)
}

fn line_items(schema: &Schema) -> Finding {
    let (id, title) = ("salesforce.line_items", "Products on opportunities");
    let on = schema.features.line_items;
    let evidence = if on { "on: where there are some, the amount is their sum" } else { "off or hidden" };
    Finding::pass(id, title, evidence)
}

fn record_types(mapping: &Mapping, schema: &Schema) -> Finding {
    let (id, title) = ("salesforce.record_types", "Record types");
    let described = schema.object(OPPORTUNITY).map(|it| it.record_type_infos.as_slice()).unwrap_or_default();
    let routes = mapping.inbound().routes.iter().filter_map(|rule| rule.route.record_type.as_deref());
    let processes = mapping.record_types().map(|each| each.name.as_str());
    let ruled = mapping.partner_ids().record_types();
    let opted = mapping.opt_in().record_types.iter().map(String::as_str);
    let wanted: BTreeSet<&str> = opted.chain(routes).chain(processes).chain(ruled).collect();
    let known = |name: &&str| {
        described.iter().any(|each| {
            each.developer_name.as_deref().unwrap_or(&each.name).eq_ignore_ascii_case(name)
                || each.record_type_id.as_str() == *name
        })
    };
    let missing: Vec<&str> = wanted.into_iter().filter(|name| !known(name)).collect();
    if missing.is_empty() {
        let names: Vec<&str> = schema.features.record_types.iter().map(String::as_str).collect();
        let evidence = if names.is_empty() { "none to choose".to_owned() } else { names.join(", ") };
        return Finding::pass(id, title, evidence);
    }
    Finding::fail(
        id,
        title,
        format!("The mapping names {}, and the org does not show it to this user.", missing.join(", ")),
        "Correct [opt_in], [record_types], [partner_ids] or [[inbound.route]] of the mapping, or assign the record type \
         in Setup.",
    )
}

/// Whether the fields of `[opt_in] where` can be read.
fn opt_in_rules(mapping: &Mapping, schema: &Schema) -> Finding {
    let (id, title) = ("salesforce.opt_in", "Rules of opting in");
    let conditions = &mapping.opt_in().conditions;
    for condition in conditions {
        let path = condition.subject.soql();
        if schema.described(&path).is_some() {
            continue;
        }
        return Finding::fail(
            id,
            title,
            format!(
                "{OPPORTUNITY}.{path} is not there, or the integration user has no field-level access to it: nothing \
                 would be shared."
            ),
            "Give the permission set read access to the field, or name another under [opt_in] where of the mapping.",
        );
    }
    let evidence = match conditions.len() {
        0 => "none by fields".to_owned(),
        count => format!("{count} by fields, all readable"),
    };
    Finding::pass(id, title, evidence)
}

fn duplicate_rules() -> Finding {
    Finding::unseen(
        "salesforce.duplicate_rules",
        "Duplicate rules",
        "No API that this user needs shows them.",
        "Setup, Duplicate Rules: rules on Account, Contact and Lead that block must let the integration user pass, or \
         a person is asked each time.",
    )
}
