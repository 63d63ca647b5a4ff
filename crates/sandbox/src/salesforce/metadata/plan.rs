//! From a package to the customization that the org would have, component by component (salesforce reference, 6.3).

use std::collections::BTreeSet;

use super::{
    customization::{Customization, NewField, NewObject, PermissionSet},
    members,
    objects::{self, ObjectFile},
    package::Package,
    permissions,
    xml::{self, Place, Problem},
};
use crate::salesforce::{
    id::digit,
    org::Org,
    pubsub::channels::Channels,
    schema::{Field, Kind, Schema, lasting},
    schema_tables,
};

/// Folder, suffix and type of components that are looked into.
const OBJECT: (&str, &str, &str) = ("objects", "object", "CustomObject");
const PERMISSION_SET: (&str, &str, &str) = ("permissionsets", "permissionset", "PermissionSet");
const CHANNEL: (&str, &str, &str) = ("platformEventChannels", "platformEventChannel", "PlatformEventChannel");
const MEMBER: (&str, &str, &str) =
    ("platformEventChannelMembers", "platformEventChannelMember", "PlatformEventChannelMember");
/// And of those that are only known to be there: well-formed, and with the right root.
const KEPT: [(&str, &str, &str); 15] = [
    ("tabs", "tab", "CustomTab"),
    ("layouts", "layout", "Layout"),
    ("flexipages", "flexipage", "FlexiPage"),
    ("applications", "app", "CustomApplication"),
    ("quickActions", "quickAction", "QuickAction"),
    ("permissionsetgroups", "permissionsetgroup", "PermissionSetGroup"),
    ("labels", "labels", "CustomLabels"),
    ("globalValueSets", "globalValueSet", "GlobalValueSet"),
    ("remoteSiteSettings", "remoteSite", "RemoteSiteSetting"),
    ("connectedApps", "connectedApp", "ConnectedApp"),
    ("externalClientApps", "eca", "ExternalClientApplication"),
    ("extlClntAppOauthSettings", "ecaOauth", "ExtlClntAppOauthSettings"),
    ("extlClntAppGlobalOauthSets", "ecaGlblOauth", "ExtlClntAppGlobalOauthSettings"),
    ("extlClntAppOauthPolicies", "ecaOauthPlcy", "ExtlClntAppOauthConfigurablePolicies"),
    ("extlClntAppPolicies", "ecaPlcy", "ExtlClntAppConfigurablePolicies"),
];
/// A folder a bundle.
const BUNDLES: (&str, &str) = ("lwc", "LightningComponentBundle");

/// What became of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Created,
    Changed,
    Deleted,
    /// There was nothing to delete: a warning.
    Absent,
}

/// One component that is fine.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) file: String,
    pub(super) kind: String,
    pub(super) full_name: String,
    pub(super) deed: Deed,
}

/// What a deploy comes to.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) done: Vec<Done>,
    pub(super) problems: Vec<Problem>,
    pub(super) customization: Customization,
    pub(super) channels: Channels,
    /// What the manifest names and no file has answered for yet.
    wanted: BTreeSet<(String, String)>,
    /// Types of which the manifest takes all there are.
    all_of: BTreeSet<String>,
}

impl Plan {
    /// Whether the manifest takes this component; it is answered for then.
    fn takes(&mut self, kind: &str, full_name: &str) -> bool {
        self.wanted.remove(&(kind.to_owned(), full_name.to_owned())) || self.all_of.contains(kind)
    }

    pub(super) fn does(&mut self, place: Place<'_>, deed: Deed) {
        self.done.push(Done {
            file: place.file.to_owned(),
            kind: place.kind.to_owned(),
            full_name: place.full_name.to_owned(),
            deed,
        });
    }

    fn ends(&mut self, place: Place<'_>, outcome: Result<Deed, Problem>) {
        match outcome {
            Ok(deed) => self.does(place, deed),
            Err(problem) => self.problems.push(problem),
        }
    }

    fn keep(&mut self, kind: &'static str, full_name: &str) -> Deed {
        let new = self.customization.kept.insert((kind, full_name.to_owned()));
        if new { Deed::Created } else { Deed::Changed }
    }
}

/// The full name of the component in a file below `folder`, if it is one.
fn named<'a>(file: &'a str, (folder, suffix, _): (&str, &str, &str)) -> Option<&'a str> {
    file.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(suffix)?.strip_suffix('.')
}

impl Org {
    /// What deploying `package` would come to. Nothing of it is done yet.
    pub(super) fn plan(&mut self, package: &Package) -> Plan {
        let mut plan = Plan {
            done: Vec::new(),
            problems: Vec::new(),
            customization: self.customization.clone(),
            channels: self.events.channels.clone(),
            wanted: BTreeSet::new(),
            all_of: BTreeSet::new(),
        };
        for (kind, names) in &package.members {
            for name in names {
                if name == "*" {
                    plan.all_of.insert(kind.clone());
                } else {
                    plan.wanted.insert((kind.clone(), name.clone()));
                }
            }
        }
        self.plan_objects(&mut plan, package);
        let schema = schema_tables::build(&self.knobs, &plan.customization);
        for (file, text) in &package.files {
            if let Some(name) = named(file, PERMISSION_SET) {
                self.plan_permission_set(
                    &mut plan,
                    Place { file, kind: PERMISSION_SET.2, full_name: name },
                    text,
                    &schema,
                );
            }
        }
        plan_channels(&mut plan, package, &schema);
        plan_kept(&mut plan, package);
        self.plan_removals(&mut plan, package, &schema);
        for (kind, name) in std::mem::take(&mut plan.wanted) {
            let place = Place { file: "package.xml", kind: &kind, full_name: &name };
            plan.problems
                .push(place.problem(format!("Entity of type '{kind}' named '{name}' cannot be found")));
        }
        plan
    }

    fn plan_objects(&mut self, plan: &mut Plan, package: &Package) {
        let mut files: Vec<(&str, &str, ObjectFile)> = Vec::new();
        for (file, text) in &package.files {
            let Some(object) = named(file, OBJECT) else { continue };
            match objects::read(file, object, text) {
                Ok(read) => files.push((file, object, read)),
                Err(problem) => {
                    plan.wanted
                        .retain(|(_, name)| name != object && !name.starts_with(&format!("{object}.")));
                    plan.problems.push(problem);
                }
            }
        }
        // Objects first: fields of other files may point to them.
        let mut whole = BTreeSet::new();
        for (file, object, read) in &mut files {
            if !plan.takes(OBJECT.2, object) {
                continue;
            }
            whole.insert(*object);
            let place = Place { file, kind: OBJECT.2, full_name: object };
            let known = self.schema.find(object).is_some();
            match read.own.take() {
                Some(own) => {
                    self.add_object(&mut plan.customization, own);
                    plan.does(place, if known { Deed::Changed } else { Deed::Created });
                }
                None if known => plan.does(place, Deed::Changed),
                None => plan.problems.push(place.problem("Must specify label")),
            }
        }
        for (file, object, read) in files {
            let mut named = whole.contains(object);
            for (full_name, field) in read.fields {
                let listed = plan.takes("CustomField", &full_name);
                if !listed && !whole.contains(object) {
                    continue;
                }
                named = true;
                let place = Place { file, kind: "CustomField", full_name: &full_name };
                let outcome = field.and_then(|field| self.add_field(plan, place, object, field));
                plan.ends(place, outcome);
            }
            for (kind, full_name) in read.parts {
                if plan.takes(kind, &full_name) || whole.contains(object) {
                    named = true;
                    let deed = plan.keep(kind, &full_name);
                    plan.does(Place { file, kind, full_name: &full_name }, deed);
                }
            }
            if !named {
                plan.problems
                    .push(Place { file, kind: OBJECT.2, full_name: object }.problem("Not in package.xml"));
            }
        }
    }

    fn add_object(&mut self, customization: &mut Customization, mut own: NewObject) {
        let same = |name: &str| name.eq_ignore_ascii_case(own.name);
        if let Some(known) = customization.objects.iter_mut().find(|known| same(known.name)) {
            own.prefix = known.prefix;
            *known = own;
            return;
        }
        own.prefix = self.schema.objects.iter().find(|object| same(object.name)).map_or_else(
            || {
                // The product's own object has a00.
                let number = u64::try_from(customization.objects.len()).unwrap_or_default() + 1;
                let places = [number / 62, number].map(|place| char::from(digit(place)));
                lasting(&format!("a{}{}", places[0], places[1]))
            },
            |object| object.prefix,
        );
        customization.objects.push(own);
    }

    fn add_field(
        &mut self,
        plan: &mut Plan,
        place: Place<'_>,
        object: &str,
        mut field: Field,
    ) -> Result<Deed, Problem> {
        let customization = &mut plan.customization;
        let of_org = |name: &str| {
            self.schema.find(name).map(|at| self.schema.object(at).name).or_else(|| {
                let new =
                    customization.objects.iter().find(|new| !new.gone && new.name.eq_ignore_ascii_case(name));
                new.map(|new| new.name)
            })
        };
        let home = of_org(object).ok_or_else(|| {
            place.problem(format!("Entity of type 'CustomObject' named '{object}' cannot be found"))
        })?;
        if let Kind::Reference(reference) = &mut field.kind {
            for to in &mut reference.to {
                *to = of_org(to).ok_or_else(|| {
                    place.problem(format!(
                        "referenceTo value of '{to}' does not resolve to a valid sObject type"
                    ))
                })?;
            }
        }
        let at = self.schema.find(home);
        let present = at.and_then(|at| {
            let shape = self.schema.object(at);
            shape.fields.get(shape.position(field.name)?)
        });
        if let Some(present) = present {
            if present.kind.name() != field.kind.name() {
                let text = format!(
                    "Cannot update the type of {} from {} to {}",
                    place.full_name,
                    present.kind.name(),
                    field.kind.name()
                );
                return Err(place.problem(text));
            }
            // Who could see it goes on seeing it.
            field.open |= present.open;
        }
        let deed = if present.is_some() { Deed::Changed } else { Deed::Created };
        let known = customization.fields.iter_mut().find(|known| {
            known.object.eq_ignore_ascii_case(home) && known.field.name.eq_ignore_ascii_case(field.name)
        });
        if let Some(known) = known {
            known.field = field;
            known.gone = false;
        } else {
            let id = self.new_id("00N");
            plan.customization.fields.push(NewField { id, object: home, field, gone: false });
        }
        Ok(deed)
    }

    fn plan_permission_set(&mut self, plan: &mut Plan, place: Place<'_>, text: &str, schema: &Schema) {
        if !plan.takes(place.kind, place.full_name) {
            plan.problems.push(place.problem("Not in package.xml"));
            return;
        }
        let outcome = permissions::read(place, text, schema).map(|granted| {
            let known = plan.customization.permission_sets.get(place.full_name);
            let deed = if known.is_some() { Deed::Changed } else { Deed::Created };
            let id = known.map_or_else(|| self.new_id("0PS"), |set| set.id);
            let set = PermissionSet {
                id,
                name: place.full_name.to_owned(),
                label: granted.label,
                fields: granted.fields,
                objects: granted.objects,
            };
            plan.customization.permission_sets.insert(place.full_name.to_owned(), set);
            deed
        });
        plan.ends(place, outcome);
    }
}

fn plan_channels(plan: &mut Plan, package: &Package, schema: &Schema) {
    for (file, text) in &package.files {
        let Some(name) = named(file, CHANNEL) else { continue };
        let place = Place { file, kind: CHANNEL.2, full_name: name };
        if plan.takes(CHANNEL.2, name) {
            let outcome = members::channel(place, text).map(|()| plan.keep(CHANNEL.2, name));
            plan.ends(place, outcome);
        } else {
            plan.problems.push(place.problem("Not in package.xml"));
        }
    }
    for (file, text) in &package.files {
        let Some(name) = named(file, MEMBER) else { continue };
        let place = Place { file, kind: MEMBER.2, full_name: name };
        if !plan.takes(MEMBER.2, name) {
            plan.problems.push(place.problem("Not in package.xml"));
            continue;
        }
        let kept = &plan.customization.kept;
        let known = |channel: &str| kept.contains(&(CHANNEL.2, channel.to_owned()));
        let outcome = members::read(place, text, &known).and_then(|member| {
            let present = plan.channels.member(&member.channel, &member.object).is_some();
            plan.channels.select(schema, member.member).map_err(|text| place.problem(text))?;
            Ok(if present { Deed::Changed } else { Deed::Created })
        });
        plan.ends(place, outcome);
    }
}

fn plan_kept(plan: &mut Plan, package: &Package) {
    let mut bundles = BTreeSet::new();
    for (file, text) in &package.files {
        let looked_into = [OBJECT, PERMISSION_SET, CHANNEL, MEMBER];
        if looked_into.into_iter().any(|kind| named(file, kind).is_some()) {
            continue;
        }
        if let Some(bundle) = file.strip_prefix(BUNDLES.0).and_then(|rest| rest.strip_prefix('/')) {
            let bundle = bundle.split('/').next().unwrap_or_default();
            if bundles.insert(bundle.to_owned()) {
                let place = Place { file, kind: BUNDLES.1, full_name: bundle };
                let outcome = plan_bundle(plan, package, place);
                plan.ends(place, outcome);
            }
            continue;
        }
        let kind = KEPT.into_iter().find_map(|kind| named(file, kind).map(|name| (kind.2, name)));
        let Some((kind, name)) = kind else {
            let place = Place { file, kind: "", full_name: file };
            plan.problems.push(place.problem("The file is in no folder, or has no suffix, of a component"));
            continue;
        };
        let place = Place { file, kind, full_name: name };
        let outcome = if plan.takes(kind, name) {
            xml::tree(place, text, kind).map(|_| ()).map(|()| plan.keep(kind, name))
        } else {
            Err(place.problem("Not in package.xml"))
        };
        plan.ends(place, outcome);
    }
}

fn plan_bundle(plan: &mut Plan, package: &Package, place: Place<'_>) -> Result<Deed, Problem> {
    let name = place.full_name;
    if !plan.takes(BUNDLES.1, name) {
        return Err(place.problem("Not in package.xml"));
    }
    let meta = format!("{}/{name}/{name}.js-meta.xml", BUNDLES.0);
    let text = package.files.get(&meta).ok_or_else(|| place.problem(format!("{meta} is missing")))?;
    xml::tree(Place { file: &meta, ..place }, text, BUNDLES.1)?;
    Ok(plan.keep(BUNDLES.1, name))
}
