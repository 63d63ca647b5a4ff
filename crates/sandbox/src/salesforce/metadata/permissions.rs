//! `permissionsets/X.permissionset`: who may see the fields that a deploy brings (salesforce reference, section 6.2).

use std::collections::BTreeMap;

use super::{
    customization::Rights,
    xml::{self, Place, Problem},
};
use crate::salesforce::schema::Schema;

const ELEMENTS: [&str; 17] = [
    "label",
    "description",
    "hasActivationRequired",
    "license",
    "fieldPermissions",
    "objectPermissions",
    "userPermissions",
    "classAccesses",
    "tabSettings",
    "recordTypeVisibilities",
    "applicationVisibilities",
    "customPermissions",
    "customMetadataTypeAccesses",
    "pageAccesses",
    "externalDataSourceAccesses",
    "flowAccesses",
    "externalCredentialPrincipalAccesses",
];
const OBJECT_ELEMENTS: [&str; 8] = [
    "object",
    "allowCreate",
    "allowRead",
    "allowEdit",
    "allowDelete",
    "viewAllRecords",
    "modifyAllRecords",
    "viewAllFields",
];

/// A permission set as a file describes it.
#[derive(Debug, Default)]
pub(super) struct Granted {
    pub(super) label: String,
    pub(super) fields: BTreeMap<String, bool>,
    pub(super) objects: BTreeMap<String, Rights>,
}

/// Reads a permission set and holds it against the schema that the deploy would leave.
pub(super) fn read(place: Place<'_>, text: &str, schema: &Schema) -> Result<Granted, Problem> {
    let tree = xml::tree(place, text, "PermissionSet")?;
    let root = tree.root_element();
    xml::elements(place, root, "PermissionSet", &ELEMENTS)?;
    let label = xml::text(root, "label").ok_or_else(|| place.at(root, "Required field is missing: label"))?;
    let mut granted = Granted { label: label.to_owned(), ..Granted::default() };
    for node in xml::all(root, "objectPermissions") {
        xml::elements(place, node, "PermissionSetObjectPermissions", &OBJECT_ELEMENTS)?;
        let object = xml::text(node, "object").unwrap_or_default();
        if schema.find(object).is_none() {
            return Err(place.at(node, format!("In field: field - no CustomObject named {object} found")));
        }
        let flag = |name: &str| Ok::<_, Problem>(xml::flag(place, node, name)? == Some(true));
        let rights = Rights {
            create: flag("allowCreate")?,
            read: flag("allowRead")?,
            edit: flag("allowEdit")?,
            delete: flag("allowDelete")?,
        };
        let all = flag("viewAllRecords")? | flag("modifyAllRecords")?;
        let needs = [
            (rights.create || rights.edit || rights.delete || all, rights.read, "Read"),
            (rights.delete, rights.edit, "Edit"),
        ];
        if let Some((_, _, missing)) = needs.iter().find(|(wants, has, _)| *wants && !has) {
            let text = format!("Permissions on {object} depend on permission(s): {missing} {object}");
            return Err(place.at(node, text));
        }
        granted.objects.insert(object.to_lowercase(), rights);
    }
    for node in xml::all(root, "fieldPermissions") {
        xml::elements(place, node, "PermissionSetFieldPermissions", &["field", "readable", "editable"])?;
        let name = xml::text(node, "field").unwrap_or_default();
        let found = name.split_once('.').and_then(|(object, field)| {
            let object = schema.object(schema.find(object)?);
            object.fields.get(object.position(field)?)
        });
        let field = found
            .ok_or_else(|| place.at(node, format!("In field: field - no CustomField named {name} found")))?;
        let master = field.reference().is_some_and(|reference| reference.master);
        if master || (!field.nillable && !field.defaulted) {
            return Err(place.at(node, format!("You cannot deploy to a required field: {name}")));
        }
        let (readable, editable) = (xml::flag(place, node, "readable")?, xml::flag(place, node, "editable")?);
        if editable == Some(true) && readable != Some(true) {
            return Err(place.at(node, format!("{name}: what is editable is readable")));
        }
        if readable == Some(true) {
            granted.fields.insert(name.to_lowercase(), editable == Some(true));
        }
    }
    for node in xml::all(root, "userPermissions") {
        xml::elements(place, node, "PermissionSetUserPermission", &["name", "enabled"])?;
    }
    Ok(granted)
}
