//! Describe answers: what the caller can see of the schema, and nothing else (salesforce reference, section 2.7).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    metadata::Rights,
    org::{Caller, Org, value_of},
    schema::{Access, Field, Kind, Object, OnDelete, system},
};

/// The members that describe global and describe share.
fn outline(object: &Object, rights: Rights, version: u32) -> Map<String, Value> {
    let full = object.access == Access::Full;
    let base = format!("/services/data/v{version}.0/sobjects/{}", object.name);
    let Value::Object(outline) = json!({
        "activateable": false, "associateEntityType": null, "associateParentEntity": null,
        "createable": full && rights.create, "custom": object.custom(), "customSetting": false, "deepCloneable": false,
        "deletable": full && rights.delete, "deprecatedAndHidden": false, "feedEnabled": false, "hasSubtypes": false,
        "isInterface": false, "isSubtype": false, "keyPrefix": object.prefix, "label": object.label,
        "labelPlural": object.plural, "layoutable": full, "mergeable": false, "mruEnabled": full,
        "name": object.name, "queryable": true, "replicateable": object.replicable, "retrieveable": true, "searchable": full,
        "triggerable": full, "undeletable": full && object.bin, "updateable": full && rights.edit,
        "urls": {"sobject": base, "describe": format!("{base}/describe"), "rowTemplate": format!("{base}/{{ID}}")},
    }) else {
        return Map::new();
    };
    outline
}

fn soap_type(kind: &Kind) -> &'static str {
    match kind {
        Kind::Id | Kind::Reference(_) => "tns:ID",
        Kind::Boolean => "xsd:boolean",
        Kind::Currency { .. } | Kind::Double { .. } | Kind::Percent { .. } => "xsd:double",
        Kind::Int { .. } => "xsd:int",
        Kind::Date => "xsd:date",
        Kind::DateTime => "xsd:dateTime",
        Kind::Base64 => "xsd:base64Binary",
        Kind::Address { .. } => "urn:address",
        _ => "xsd:string",
    }
}

/// Which of the controlling field's values a value fits, as a base64 bitmap, the first value in the highest bit.
fn valid_for(object: &Object, field: &Field, value: &str) -> Value {
    let Some(controller) = &field.controller else { return Value::Null };
    let at = object.position(controller.field);
    let Some(Kind::Picklist { values, .. }) =
        at.and_then(|at| object.fields.get(at)).map(|field| &field.kind)
    else {
        return Value::Null;
    };
    let fits = controller.fits.iter().find(|(own, _)| *own == value).map_or(&[][..], |(_, fits)| fits);
    let mut bits = vec![0_u8; values.len().div_ceil(8)];
    for (at, _) in values.iter().enumerate().filter(|(_, value)| fits.contains(value)) {
        if let Some(byte) = bits.get_mut(at / 8) {
            *byte |= 0x80 >> (at % 8);
        }
    }
    json!(STANDARD.encode(bits))
}

fn field_json(object: &Object, field: &Field) -> Value {
    let kind = &field.kind;
    let (precision, scale) = match kind {
        Kind::Currency { precision, scale }
        | Kind::Double { precision, scale }
        | Kind::Percent { precision, scale } => (*precision, *scale),
        _ => (0, 0),
    };
    let digits = if let Kind::Int { digits } = kind { *digits } else { 0 };
    let (values, restricted): (&[&str], bool) = match kind {
        Kind::Picklist { values, restricted } => (values, *restricted),
        Kind::MultiPicklist { values } => (values, false),
        _ => (&[], false),
    };
    let picklist: Vec<Value> = values
        .iter()
        .map(|value| {
            let label = field.labels.iter().find(|(own, _)| own == value).map_or(*value, |(_, label)| label);
            let initial = field.initial.as_ref().and_then(Value::as_str) == Some(*value);
            json!({"active": true, "defaultValue": initial, "label": label,
                "validFor": valid_for(object, field, value), "value": value})
        })
        .collect();
    let reference = field.reference();
    let master = reference.is_some_and(|reference| reference.master);
    let cascade = reference.is_some_and(|reference| reference.on_delete == OnDelete::Cascade);
    let extra = if matches!(kind, Kind::LongText { .. } | Kind::TextArea { .. }) {
        json!(if field.rich { "richtextarea" } else { "plaintextarea" })
    } else {
        Value::Null
    };
    let filterable = kind.filterable();
    let text = matches!(kind, Kind::Text { .. } | Kind::Email | Kind::Phone { .. } | Kind::Url);
    // In two halves: the macro does not take so many members at once.
    let first = json!({
        "aggregatable": filterable, "aiPredictionField": false, "autoNumber": field.auto_number.is_some(),
        "byteLength": kind.length() * 3, "calculated": field.calculated, "calculatedFormula": null, "cascadeDelete": cascade,
        "caseSensitive": false, "compoundFieldName": null, "controllerName": field.controller.as_ref().map(|controller| controller.field), "createable": field.createable,
        "custom": field.custom(),
        "defaultValue": match (&field.initial, kind) {
            (Some(initial), _) => initial.clone(),
            (None, Kind::Boolean) => json!(false),
            (None, _) => Value::Null,
        },
        "defaultValueFormula": null, "defaultedOnCreate": field.defaulted, "dependentPicklist": field.controller.is_some(),
        "deprecatedAndHidden": false, "digits": digits, "displayLocationInDecimal": false, "encrypted": false,
        "externalId": field.external_id, "extraTypeInfo": extra, "filterable": filterable, "filteredLookupInfo": null,
    });
    let second = json!({
        "formulaTreatNullNumberAsZero": false, "groupable": filterable && precision == 0, "highScaleNumber": false,
        "htmlFormatted": field.rich, "idLookup": matches!(kind, Kind::Id) || field.external_id, "inlineHelpText": field.help,
        "label": field.label, "length": kind.length(), "mask": null, "maskType": null, "name": field.name,
        "nameField": field.is_name, "namePointing": reference.is_some_and(|reference| reference.to.len() > 1),
        "nillable": field.nillable, "permissionable": field.nillable && !master && !field.is_name,
        "picklistValues": picklist,
        "polymorphicForeignKey": reference.is_some_and(|reference| reference.to.len() > 1),
        "precision": precision, "queryByDistance": false, "referenceTargetField": null,
        "referenceTo": reference.map_or_else(Vec::new, |reference| reference.to.clone()),
        "relationshipName": reference.map(|reference| reference.path.clone()),
        "relationshipOrder": if master { json!(0) } else { Value::Null }, "restrictedDelete": false,
        "restrictedPicklist": restricted, "scale": scale, "searchPrefilterable": false, "soapType": soap_type(kind),
        "sortable": filterable, "type": kind.name(), "unique": field.unique && (text || field.external_id),
        "updateable": field.updateable, "writeRequiresMasterRead": false,
    });
    match (first, second) {
        (Value::Object(mut whole), Value::Object(rest)) => {
            whole.extend(rest);
            Value::Object(whole)
        }
        (first, _) => first,
    }
}

impl Org {
    /// `GET /sobjects`.
    pub(crate) fn describe_global(&self, caller: &Caller) -> Value {
        let shown = |(at, object): &(usize, &Object)| {
            object.enabled && !object.tooling && self.rights(caller.role, *at).read
        };
        let objects: Vec<Value> = self
            .schema
            .objects
            .iter()
            .enumerate()
            .filter(shown)
            .map(|(at, object)| Value::Object(outline(object, self.rights(caller.role, at), caller.version)))
            .collect();
        json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})
    }

    /// The outline in `GET /sobjects/X`.
    pub(crate) fn outline(&self, caller: &Caller, object: usize) -> Value {
        let rights = self.rights(caller.role, object);
        Value::Object(outline(self.schema.object(object), rights, caller.version))
    }

    /// `GET /sobjects/X/describe`.
    pub(crate) fn describe(&self, caller: &Caller, index: usize) -> Value {
        let object = self.schema.object(index);
        let mut whole = outline(object, self.rights(caller.role, index), caller.version);
        let fields: Vec<Value> = object
            .in_describe_order()
            .into_iter()
            .filter(|at| self.visible(caller.role, index, *at))
            .filter_map(|at| object.fields.get(at))
            .map(|field| {
                let mut shown = field_json(object, field);
                if !self.editable(caller.role, index, field) {
                    shown["createable"] = json!(false);
                    shown["updateable"] = json!(false);
                }
                shown
            })
            .collect();
        whole.insert("fields".into(), Value::Array(fields));
        let children: Vec<Value> = self
            .schema
            .children(object.name)
            .iter()
            .filter(|link| self.rights(caller.role, link.object).read)
            .map(|link| {
                let child = self.schema.object(link.object);
                json!({
                    "cascadeDelete": link.reference.on_delete == OnDelete::Cascade,
                    "childSObject": child.name, "deprecatedAndHidden": false,
                    "field": child.fields.get(link.field).map(|field| field.name),
                    "junctionIdListNames": [], "junctionReferenceTo": [],
                    "relationshipName": link.reference.children, "restrictedDelete": false,
                })
            })
            .collect();
        whole.insert("childRelationships".into(), Value::Array(children));
        whole.insert("recordTypeInfos".into(), Value::Array(self.record_types(object, caller.version)));
        whole.insert(
            "supportedScopes".into(),
            json!([{"label": "All", "name": "everything"}, {"label": "Mine", "name": "mine"}]),
        );
        whole.insert("namedLayoutInfos".into(), json!([]));
        whole.insert("networkScopeFieldName".into(), Value::Null);
        whole.insert("sobjectDescribeOption".into(), json!("FULL"));
        Value::Object(whole)
    }

    fn record_types(&self, object: &Object, version: u32) -> Vec<Value> {
        let info = |id: &str, name: &str, developer: &str, master: bool, default: bool| {
            json!({
                "active": true, "available": true, "defaultRecordTypeMapping": default, "developerName": developer,
                "master": master, "name": name, "recordTypeId": id,
                "urls": {"layout": format!("/services/data/v{version}.0/sobjects/{}/describe/layouts/{id}", object.name)},
            })
        };
        let mut infos = Vec::new();
        let own_default = self.default_record_type().filter(|_| object.name == "Opportunity");
        let has_types = object.position("RecordTypeId").is_some();
        if let Some(index) = self.schema.find("RecordType").filter(|_| has_types) {
            let types = self.schema.object(index);
            for row in self.tables.all(index) {
                let text = |field: &str| value_of(types, row, field).as_text().unwrap_or_default().to_owned();
                if text("SobjectType") == object.name {
                    let id = row.cell(system::ID).as_id().unwrap_or(row.id).to_string();
                    infos.push(info(
                        &id,
                        &text("Name"),
                        &text("DeveloperName"),
                        false,
                        own_default == Some(&text("DeveloperName")),
                    ));
                }
            }
        }
        infos.push(info("012000000000000AAA", "Master", "Master", true, own_default.is_none()));
        infos
    }
}
