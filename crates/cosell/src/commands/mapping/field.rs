//! One field of the mapping with all that belongs to it: its group, its places, its settings.

use anyhow::bail;
use deal_model::{FieldId, FieldSpec, GroupSpec, Route, Side};
use mapping::{Binding, Mapping, SetBinding, SetSource, Setting};
use serde_json::{Value, json};

use super::origin::{owner, setting_json};

/// A field as the files name it; one that is off has settings, and nothing else.
pub(super) struct FieldView<'m> {
    pub(super) id: &'m str,
    pub(super) group: Option<&'m GroupSpec>,
    pub(super) spec: Option<&'m FieldSpec>,
    pub(super) binding: Option<&'m Binding>,
    pub(super) set: Option<&'m SetBinding>,
    pub(super) settings: Vec<&'m Setting>,
}

/// All fields in the files' order.
pub(super) fn all(mapping: &Mapping) -> Vec<FieldView<'_>> {
    mapping.provenance().fields().into_iter().map(|id| view(mapping, id)).collect()
}

/// The field of this name.
pub(super) fn find<'m>(mapping: &'m Mapping, name: &str) -> anyhow::Result<FieldView<'m>> {
    match mapping.provenance().fields().into_iter().find(|id| *id == name) {
        Some(id) => Ok(view(mapping, id)),
        None => {
            bail!(
                "the mapping has no field `{name}`\n  fix: `cosell mapping show --section fields` lists them"
            )
        }
    }
}

fn view<'m>(mapping: &'m Mapping, id: &'m str) -> FieldView<'m> {
    let field = FieldId::new(id);
    let groups = &mapping.specs().groups;
    let group = groups.iter().find(|group| group.members.iter().any(|member| member.id == field));
    let spec = group.and_then(|group| group.members.iter().find(|member| member.id == field));
    let below = mapping.provenance().settings().iter();
    let settings =
        below.filter(|it| it.section() == "fields" && it.path().get(1).is_some_and(|key| key == id));
    FieldView {
        id,
        group,
        spec,
        binding: mapping.binding(&field),
        set: mapping.set(&field),
        settings: settings.collect(),
    }
}

impl<'m> FieldView<'m> {
    /// The setting of this key of the field.
    pub(super) fn setting(&self, key: &str) -> Option<&'m Setting> {
        self.settings.iter().copied().find(|setting| setting.path().len() == 3 && setting.path()[2] == key)
    }

    /// A setting whose value is a text.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let value = &self.setting(key)?.effective().value;
        Some(value.trim_matches('"').to_owned())
    }

    pub(super) fn type_name(&self) -> String {
        self.text("type").unwrap_or_default()
    }

    pub(super) fn label(&self) -> String {
        self.spec.map_or_else(|| self.id.replace('_', " "), |spec| spec.label.clone())
    }

    /// Its place in our referral, or in Microsoft's.
    pub(super) fn portal_place(&self) -> String {
        match (self.text("partner_center"), self.text("microsoft_referral")) {
            (Some(path), _) => match self.text("attribute").or_else(|| self.text("profile")) {
                Some(kind) => format!("{path} ({kind})"),
                None => path,
            },
            (None, Some(path)) => format!("Microsoft's {path}"),
            (None, None) => "-".to_owned(),
        }
    }

    /// Its place in Salesforce.
    pub(super) fn crm_place(&self) -> String {
        match self.set.map(|set| &set.crm) {
            Some(SetSource::Children { object, .. }) => format!("rows of {object}"),
            Some(SetSource::ContactRoles) => "contact roles".to_owned(),
            Some(SetSource::Team { .. }) => "owner and team".to_owned(),
            None => self.text("salesforce").unwrap_or_else(|| "-".to_owned()),
        }
    }

    /// When it is written towards a side; never, if it is off.
    pub(super) fn route(&self, side: Side) -> Route {
        self.group.map(|group| *group.to.at(side)).unwrap_or_default()
    }

    /// Which ways it goes, Salesforce on the left.
    pub(super) fn way(&self) -> &'static str {
        match (self.route(Side::Portal).flows(), self.route(Side::Crm).flows()) {
            (true, true) => "<->",
            (true, false) => "->",
            (false, true) => "<-",
            (false, false) => "off",
        }
    }

    /// The keys that the company's file says.
    pub(super) fn yours(&self) -> Vec<String> {
        let yours = self.settings.iter().filter(|setting| setting.is_yours());
        yours.map(|setting| setting.path()[2..].join(".")).collect()
    }

    /// Who says it: `default`, `yours`, or `default, yours: conflict`.
    pub(super) fn origin(&self) -> String {
        let yours = self.yours();
        if yours.is_empty() {
            "default".to_owned()
        } else if self.settings.iter().all(|setting| setting.default().is_none()) {
            "yours".to_owned()
        } else {
            format!("yours: {}", yours.join(", "))
        }
    }

    pub(super) fn json(&self) -> Value {
        let moments = |side: Side| {
            let route = self.route(side);
            let moments = [("create", route.create), ("update", route.update)];
            moments.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect::<Vec<_>>()
        };
        let mut owners: Vec<&str> = self.settings.iter().map(|setting| owner(setting.effective())).collect();
        owners.sort_unstable();
        owners.dedup();
        json!({
            "field": self.id,
            "label": self.label(),
            "type": self.type_name(),
            "group": self.group.map(|group| group.id.to_string()),
            "salesforce": self.crm_place(),
            "partner_center": self.portal_place(),
            "to_salesforce": moments(Side::Crm),
            "to_partner_center": moments(Side::Portal),
            "fills_only": self.route(Side::Crm).fill_only,
            "off": self.group.is_none(),
            "origin": owners,
            "yours": self.yours(),
            "settings": self.settings.iter().map(|setting| setting_json(setting)).collect::<Vec<_>>(),
        })
    }
}
