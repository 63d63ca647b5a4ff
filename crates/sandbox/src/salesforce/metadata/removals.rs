//! What a deploy's destructive changes take away (salesforce reference, section 6.3).

use super::{
    customization::{Customization, NewField, NewObject},
    members,
    package::Package,
    plan::{Deed, Plan},
    xml::Place,
};
use crate::salesforce::{
    org::Org,
    schema::{Field, Kind, Schema},
};

impl Org {
    pub(super) fn plan_removals(&mut self, plan: &mut Plan, package: &Package, schema: &Schema) {
        for (kind, names) in &package.removed {
            for name in names {
                let place = Place { file: "destructiveChanges.xml", kind, full_name: name };
                let found = match kind.as_str() {
                    "CustomField" => self.remove_field(&mut plan.customization, schema, name),
                    "CustomObject" => remove_object(&mut plan.customization, schema, name),
                    "PermissionSet" => plan.customization.permission_sets.remove(name).is_some(),
                    "PlatformEventChannelMember" => {
                        let member =
                            plan.channels.members().iter().find(|member| members::full_name(member) == *name);
                        let found = member.map(|member| (member.channel.clone(), member.entity.clone()));
                        found.is_some_and(|(channel, entity)| plan.channels.deselect(&channel, &entity))
                    }
                    _ => {
                        let before = plan.customization.kept.len();
                        plan.customization.kept.retain(|(own, known)| own != kind || known != name);
                        plan.customization.kept.len() < before
                    }
                };
                plan.does(place, if found { Deed::Deleted } else { Deed::Absent });
            }
        }
    }

    fn remove_field(&mut self, customization: &mut Customization, schema: &Schema, name: &str) -> bool {
        let Some((object, field)) = name.split_once('.').filter(|(_, field)| field.ends_with("__c")) else {
            return false;
        };
        let Some(shape) = schema.find(object).map(|at| schema.object(at)) else { return false };
        let Some(present) = shape.position(field).and_then(|at| shape.fields.get(at)) else { return false };
        let same = |known: &&mut NewField| {
            known.object.eq_ignore_ascii_case(object) && known.field.name.eq_ignore_ascii_case(field)
        };
        if let Some(known) = customization.fields.iter_mut().find(same) {
            known.gone = true;
        } else {
            let id = self.new_id("00N");
            let field = present.clone();
            customization.fields.push(NewField { id, object: shape.name, field, gone: true });
        }
        true
    }
}

fn remove_object(customization: &mut Customization, schema: &Schema, name: &str) -> bool {
    let Some(shape) = schema.find(name).map(|at| schema.object(at)).filter(|shape| shape.custom()) else {
        return false;
    };
    match customization.objects.iter_mut().find(|known| known.name == shape.name) {
        Some(known) => known.gone = true,
        None => customization.objects.push(NewObject {
            name: shape.name,
            label: shape.label.clone(),
            plural: shape.plural.clone(),
            prefix: shape.prefix,
            name_field: shape
                .name_position()
                .and_then(|at| shape.fields.get(at).cloned())
                .unwrap_or_else(|| Field::new("Name", Kind::Text { length: 80 })),
            gone: true,
        }),
    }
    true
}
