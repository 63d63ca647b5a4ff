//! `objects/X.object`: a custom object, and the custom fields of any (salesforce reference, section 6.2).

use roxmltree::Node;

use super::{
    customization::NewObject,
    fields,
    xml::{self, Place, Problem},
};
use crate::salesforce::schema::{Field, Kind, lasting};

/// What an object file may hold. All but fields and the object's own settings is only known to be there.
const ELEMENTS: [&str; 40] = [
    "fields",
    "label",
    "pluralLabel",
    "nameField",
    "deploymentStatus",
    "sharingModel",
    "externalSharingModel",
    "description",
    "enableHistory",
    "enableReports",
    "enableActivities",
    "enableBulkApi",
    "enableSharing",
    "enableStreamingApi",
    "enableSearch",
    "enableFeeds",
    "enableLicensing",
    "enableChangeDataCapture",
    "compactLayouts",
    "compactLayoutAssignment",
    "listViews",
    "validationRules",
    "recordTypes",
    "webLinks",
    "fieldSets",
    "searchLayouts",
    "actionOverrides",
    "businessProcesses",
    "sharingReasons",
    "sharingRecalculations",
    "startsWith",
    "gender",
    "household",
    "historyRetentionPolicy",
    "recordTypeTrackHistory",
    "recordTypeTrackFeedHistory",
    "visibility",
    "allowInChatterGroups",
    "indexes",
    "fullName",
];
/// Master-detail fields of one object, and the characters of all its long texts.
const MAX_MASTERS: usize = 2;
const MAX_LONG_TEXTS: usize = 1_600_000;

/// The parts of an object file that are components by themselves, with their type.
const PARTS: [(&str, &str); 6] = [
    ("compactLayouts", "CompactLayout"),
    ("listViews", "ListView"),
    ("validationRules", "ValidationRule"),
    ("recordTypes", "RecordType"),
    ("webLinks", "WebLink"),
    ("fieldSets", "FieldSet"),
];

/// What an object file holds.
#[derive(Debug, Default)]
pub(super) struct ObjectFile {
    /// The object's own settings, when the file describes a custom object as a whole.
    pub(super) own: Option<NewObject>,
    /// Each with its full name, or what is wrong with it.
    pub(super) fields: Vec<(String, Result<Field, Problem>)>,
    /// Other parts, by type and full name.
    pub(super) parts: Vec<(&'static str, String)>,
}

/// Reads an object file.
pub(super) fn read(file: &str, object: &str, text: &str) -> Result<ObjectFile, Problem> {
    let place = Place { file, kind: "CustomObject", full_name: object };
    let tree = xml::tree(place, text, "CustomObject")?;
    let root = tree.root_element();
    xml::elements(place, root, "CustomObject", &ELEMENTS)?;
    let mut read = ObjectFile::default();
    for node in xml::all(root, "fields") {
        let name = format!("{object}.{}", xml::text(node, "fullName").unwrap_or_default());
        let place = Place { file, kind: "CustomField", full_name: &name };
        let field = fields::read(place, node);
        read.fields.push((name.clone(), field));
    }
    for (element, kind) in PARTS {
        for node in xml::all(root, element) {
            let name = xml::text(node, "fullName")
                .ok_or_else(|| place.at(node, "Required field is missing: fullName"))?;
            read.parts.push((kind, format!("{object}.{name}")));
        }
    }
    if object.ends_with("__c") && xml::child(root, "label").is_some() {
        read.own = Some(settings(place, object, root, &read.fields)?);
    }
    let lengths = read.fields.iter().filter_map(|(_, field)| match field.as_ref().ok()?.kind {
        Kind::LongText { length } => Some(length),
        _ => None,
    });
    if lengths.sum::<usize>() > MAX_LONG_TEXTS {
        let text = format!("the long texts of an object have at most {MAX_LONG_TEXTS} characters together");
        return Err(place.at(root, text));
    }
    Ok(read)
}

fn settings(
    place: Place<'_>,
    object: &str,
    root: Node<'_, '_>,
    fields: &[(String, Result<Field, Problem>)],
) -> Result<NewObject, Problem> {
    if !fields::custom_name(object) {
        return Err(place.at(root, format!("The name of a custom object ends in __c: {object}")));
    }
    let need =
        |name: &str| xml::text(root, name).ok_or_else(|| place.at(root, format!("Must specify {name}")));
    let status = ["Deployed", "InDevelopment"];
    xml::one_of(place, root, "deploymentStatus", "DeploymentStatus", &status)?
        .ok_or_else(|| place.at(root, "Must specify deploymentStatus"))?;
    let models = [
        "Private",
        "Read",
        "ReadSelect",
        "ReadWrite",
        "ReadWriteTransfer",
        "FullAccess",
        "ControlledByParent",
    ];
    let model = xml::one_of(place, root, "sharingModel", "SharingModel", &models)?
        .ok_or_else(|| place.at(root, "Must specify sharingModel"))?;
    let masters = fields.iter().filter(|(_, field)| {
        field.as_ref().is_ok_and(|field| field.reference().is_some_and(|reference| reference.master))
    });
    let masters = masters.count();
    if masters > MAX_MASTERS {
        return Err(place.at(root, format!("an object has at most {MAX_MASTERS} master-detail fields")));
    }
    if (masters > 0) != (model == "ControlledByParent") {
        let text =
            "sharingModel is ControlledByParent for an object with a master-detail field, and only for one";
        return Err(place.at(root, text));
    }
    let switches = ["enableBulkApi", "enableSharing", "enableStreamingApi"]
        .map(|name| xml::flag(place, root, name))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    if switches.windows(2).any(|pair| pair.first() != pair.last()) {
        return Err(place.at(root, "enableBulkApi, enableSharing and enableStreamingApi are equal"));
    }
    let name = xml::child(root, "nameField").ok_or_else(|| place.at(root, "Must specify nameField"))?;
    Ok(NewObject {
        name: lasting(object),
        label: need("label")?.to_owned(),
        plural: need("pluralLabel")?.to_owned(),
        // Given when it is added to the org.
        prefix: "",
        name_field: fields::name_field(place, name)?,
        gone: false,
    })
}
