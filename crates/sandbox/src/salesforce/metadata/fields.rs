//! A `CustomField` of a deploy, read and checked (salesforce reference, section 6.2).

use roxmltree::Node;
use serde_json::Value;

use super::xml::{self, Place, Problem};
use crate::salesforce::schema::{Controller, Field, Kind, OnDelete, Reference, lasting};

const ELEMENTS: [&str; 37] = [
    "fullName",
    "label",
    "type",
    "description",
    "inlineHelpText",
    "required",
    "unique",
    "externalId",
    "caseSensitive",
    "defaultValue",
    "length",
    "precision",
    "scale",
    "visibleLines",
    "displayFormat",
    "startingNumber",
    "formula",
    "formulaTreatBlanksAs",
    "valueSet",
    "referenceTo",
    "relationshipName",
    "relationshipLabel",
    "relationshipOrder",
    "deleteConstraint",
    "reparentableMasterDetail",
    "writeRequiresMasterRead",
    "trackHistory",
    "trackFeedHistory",
    "trackTrending",
    "securityClassification",
    "businessStatus",
    "complianceGroup",
    "encryptionScheme",
    "maskChar",
    "maskType",
    "lookupFilter",
    "displayLocationInDecimal",
];
/// The types that exist (salesforce reference, section 6.2).
const TYPES: [&str; 32] = [
    "AutoNumber",
    "Lookup",
    "MasterDetail",
    "Checkbox",
    "Currency",
    "Date",
    "DateTime",
    "Email",
    "Number",
    "Percent",
    "Phone",
    "Picklist",
    "MultiselectPicklist",
    "Text",
    "TextArea",
    "LongTextArea",
    "Html",
    "Url",
    "EncryptedText",
    "Summary",
    "Hierarchy",
    "File",
    "MetadataRelationship",
    "Location",
    "ExternalLookup",
    "IndirectLookup",
    "CustomDataType",
    "Time",
    "Address",
    "Array",
    "Integer",
    "Long",
];
/// Longest long text.
const MAX_LONG: u32 = 131_072;
/// Digits of a number.
const MAX_PRECISION: u32 = 18;
/// Longest field name, without its `__c`.
const MAX_NAME: usize = 40;

/// Whether this can be the name of something custom.
pub(super) fn custom_name(name: &str) -> bool {
    let Some(bare) = name.strip_suffix("__c") else { return false };
    bare.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && bare.len() <= MAX_NAME
        && !bare.ends_with('_')
        && !bare.contains("__")
        && bare.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The field that a `fields` element or a `CustomField` file describes.
pub(super) fn read(place: Place<'_>, node: Node<'_, '_>) -> Result<Field, Problem> {
    xml::elements(place, node, "CustomField", &ELEMENTS)?;
    let name =
        xml::text(node, "fullName").ok_or_else(|| place.at(node, "Required field is missing: fullName"))?;
    if !custom_name(name) {
        let text = format!(
            "The name of a custom field is letters, digits and single underscores and ends in __c: {name}"
        );
        return Err(place.at(node, text));
    }
    let kind = xml::one_of(place, node, "type", "FieldType", &TYPES)?;
    let kind = kind.ok_or_else(|| place.at(node, "Required field is missing: type"))?;
    let label = xml::text(node, "label").ok_or_else(|| place.at(node, "Required field is missing: label"))?;
    let reading = Reading { place, node, kind };
    let mut field = Field::new(lasting(name), reading.shape()?);
    label.clone_into(&mut field.label);
    field.open = false;
    field.help = xml::text(node, "inlineHelpText").map(str::to_owned);
    field.rich = kind == "Html";
    if xml::child(node, "formula").is_some() {
        field.calculated = true;
        field = field.read_only();
    }
    match kind {
        "AutoNumber" => {
            field.auto_number = Some(reading.text("displayFormat")?.to_owned());
            field = field.read_only();
        }
        "Checkbox" if !field.calculated => {
            field.initial = Some(Value::Bool(
                reading.flag("defaultValue")?.ok_or_else(|| reading.missing("defaultValue"))?,
            ));
        }
        "Picklist" | "MultiselectPicklist" => reading.picklist(&mut field)?,
        "MasterDetail" => field = field.required().create_only(),
        _ => {}
    }
    let keyed = matches!(kind, "Text" | "Number" | "Email" | "AutoNumber");
    for element in ["externalId", "unique"] {
        if reading.flag(element)? == Some(true) {
            if !keyed {
                return Err(
                    place.at(node, format!("Can not specify '{element}' for a CustomField of type {kind}"))
                );
            }
            field.external_id |= element == "externalId";
            field.unique |= element == "unique";
        }
    }
    if reading.flag("required")? == Some(true) {
        if matches!(kind, "Checkbox" | "LongTextArea" | "Html" | "AutoNumber" | "MasterDetail") {
            return Err(
                place.at(node, format!("Can not specify 'required' for a CustomField of type {kind}"))
            );
        }
        field = field.required();
    }
    field.tracked = reading.flag("trackHistory")? == Some(true);
    // What must be filled in cannot be hidden.
    field.open = !field.nillable && !matches!(field.kind, Kind::Boolean);
    Ok(field)
}

/// The bare name field of a custom object.
pub(super) fn name_field(place: Place<'_>, node: Node<'_, '_>) -> Result<Field, Problem> {
    xml::elements(
        place,
        node,
        "CustomField",
        &["label", "type", "displayFormat", "startingNumber", "trackHistory"],
    )?;
    let kind = xml::one_of(place, node, "type", "FieldType", &["Text", "AutoNumber"])?;
    let kind = kind.ok_or_else(|| place.at(node, "Required field is missing: type"))?;
    let mut field = Field::new("Name", Kind::Text { length: 80 });
    if let Some(label) = xml::text(node, "label") {
        label.clone_into(&mut field.label);
    }
    if kind == "AutoNumber" {
        let format = xml::text(node, "displayFormat");
        field.auto_number = Some(
            format.ok_or_else(|| place.at(node, "Required field is missing: displayFormat"))?.to_owned(),
        );
        return Ok(field.read_only());
    }
    // A name that is left out is the row's id.
    Ok(field.supplied())
}

struct Reading<'a, 'i, 'p> {
    place: Place<'p>,
    node: Node<'a, 'i>,
    kind: &'a str,
}

impl<'a> Reading<'a, '_, '_> {
    fn missing(&self, element: &str) -> Problem {
        self.place.at(self.node, format!("Must specify '{element}' for a CustomField of type {}", self.kind))
    }

    fn text(&self, element: &str) -> Result<&'a str, Problem> {
        xml::text(self.node, element).ok_or_else(|| self.missing(element))
    }

    fn flag(&self, element: &str) -> Result<Option<bool>, Problem> {
        xml::flag(self.place, self.node, element)
    }

    fn number(&self, element: &str, least: u32, most: u32) -> Result<u32, Problem> {
        let number = xml::number(self.place, self.node, element)?.ok_or_else(|| self.missing(element))?;
        if (least..=most).contains(&number) {
            return Ok(number);
        }
        let text =
            format!("'{element}' of a CustomField of type {} is {least} to {most}, not {number}", self.kind);
        Err(self.place.at(xml::child(self.node, element).unwrap_or(self.node), text))
    }

    fn size(&self, least: u32, most: u32) -> Result<usize, Problem> {
        self.number("length", least, most).map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn decimals(&self) -> Result<(u32, u32), Problem> {
        let precision = self.number("precision", 1, MAX_PRECISION)?;
        Ok((precision, self.number("scale", 0, precision)?))
    }

    fn shape(&self) -> Result<Kind, Problem> {
        if xml::child(self.node, "formula").is_some() && matches!(self.kind, "Text" | "Checkbox") {
            return Ok(if self.kind == "Text" { Kind::Text { length: 1_300 } } else { Kind::Boolean });
        }
        Ok(match self.kind {
            "Text" => Kind::Text { length: self.size(1, 255)? },
            "EncryptedText" => Kind::Text { length: self.size(1, 175)? },
            "AutoNumber" => Kind::Text { length: 30 },
            "TextArea" => Kind::TextArea { length: 255 },
            "LongTextArea" | "Html" => {
                let least = if self.kind == "Html" { 10 } else { 2 };
                self.number("visibleLines", least, 50)?;
                Kind::LongText { length: self.size(256, MAX_LONG)? }
            }
            "Url" => Kind::Url,
            "Email" => Kind::Email,
            "Phone" => Kind::Phone { length: 40 },
            "Checkbox" => Kind::Boolean,
            "Date" => Kind::Date,
            "DateTime" => Kind::DateTime,
            "Number" => {
                let (precision, scale) = self.decimals()?;
                Kind::Double { precision, scale }
            }
            "Currency" => {
                let (precision, scale) = self.decimals()?;
                Kind::Currency { precision, scale }
            }
            "Percent" => {
                let (precision, scale) = self.decimals()?;
                Kind::Percent { precision, scale }
            }
            "Picklist" | "MultiselectPicklist" => self.values()?,
            "Lookup" | "MasterDetail" | "Hierarchy" => Kind::Reference(self.reference()?),
            other => {
                let text = format!("This org has no room for fields of type {other}");
                return Err(self.place.at(self.node, text));
            }
        })
    }

    fn reference(&self) -> Result<Reference, Problem> {
        let master = self.kind == "MasterDetail";
        let to = lasting(self.text("referenceTo")?);
        let children = lasting(&format!("{}__r", self.text("relationshipName")?));
        let delete = ["Cascade", "Restrict", "SetNull"];
        let delete = xml::one_of(self.place, self.node, "deleteConstraint", "DeleteConstraint", &delete)?;
        if master {
            xml::number(self.place, self.node, "relationshipOrder")?;
        }
        let name = xml::text(self.node, "fullName").unwrap_or_default();
        Ok(Reference {
            to: vec![to],
            path: format!("{}__r", name.trim_end_matches("__c")),
            children: Some(children),
            on_delete: if master || delete == Some("Cascade") { OnDelete::Cascade } else { OnDelete::Clear },
            master,
        })
    }

    fn values(&self) -> Result<Kind, Problem> {
        let set = xml::child(self.node, "valueSet").ok_or_else(|| self.missing("valueSet"))?;
        let known = ["controllingField", "restricted", "valueSetDefinition", "valueSetName", "valueSettings"];
        xml::elements(self.place, set, "ValueSet", &known)?;
        let mut values = Vec::new();
        match xml::child(set, "valueSetDefinition") {
            Some(definition) => {
                xml::elements(self.place, definition, "ValueSetValuesDefinition", &["sorted", "value"])?;
                for value in xml::all(definition, "value") {
                    let known = ["fullName", "default", "label", "isActive", "color", "description"];
                    xml::elements(self.place, value, "CustomValue", &known)?;
                    let name = xml::text(value, "fullName");
                    let name =
                        name.ok_or_else(|| self.place.at(value, "Required field is missing: fullName"))?;
                    xml::text(value, "label")
                        .ok_or_else(|| self.place.at(value, "Required field is missing: label"))?;
                    if xml::child(value, "default").is_none() {
                        return Err(self.place.at(value, "Required field is missing: default"));
                    }
                    if name.chars().count() > 255 {
                        return Err(self.place.at(value, "a picklist value has at most 255 characters"));
                    }
                    if xml::flag(self.place, value, "isActive")? != Some(false) {
                        values.push(lasting(name));
                    }
                }
            }
            None if xml::text(set, "valueSetName").is_some() => {}
            None => return Err(self.missing("valueSetDefinition")),
        }
        let restricted = xml::flag(self.place, set, "restricted")? == Some(true);
        if self.kind == "MultiselectPicklist" {
            self.number("visibleLines", 3, 10)?;
            return Ok(Kind::MultiPicklist { values });
        }
        Ok(Kind::Picklist { values, restricted })
    }

    /// Labels, the default, and what the values depend on.
    fn picklist(&self, field: &mut Field) -> Result<(), Problem> {
        let Some(set) = xml::child(self.node, "valueSet") else { return Ok(()) };
        for value in xml::child(set, "valueSetDefinition").into_iter().flat_map(|all| xml::all(all, "value"))
        {
            let (Some(name), Some(label)) = (xml::text(value, "fullName"), xml::text(value, "label")) else {
                continue;
            };
            if name != label {
                field.labels.push((lasting(name), lasting(label)));
            }
            if xml::flag(self.place, value, "default")? == Some(true) {
                field.initial = Some(Value::from(name));
            }
        }
        if let Some(controlling) = xml::text(set, "controllingField") {
            let mut fits = Vec::new();
            for setting in xml::all(set, "valueSettings") {
                xml::elements(self.place, setting, "ValueSettings", &["controllingFieldValue", "valueName"])?;
                let name = xml::text(setting, "valueName").unwrap_or_default();
                let by = xml::all(setting, "controllingFieldValue")
                    .filter_map(|value| Some(lasting(value.text()?.trim())));
                fits.push((lasting(name), by.collect()));
            }
            field.controller = Some(Controller { field: lasting(controlling), fits });
        }
        Ok(())
    }
}
