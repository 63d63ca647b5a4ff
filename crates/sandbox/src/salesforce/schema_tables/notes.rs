//! Notes of both kinds, files and tasks (salesforce reference, section 5.7).

use super::parts::{
    area, bytes, currency, date, detail, flag, long, lookup, owner, pick, strict_pick, text, whole,
};
use crate::salesforce::schema::Object;

/// What a note, file or task can be about.
const SUBJECTS: [&str; 5] = ["Opportunity", "Account", "Contact", "Lead", "Campaign"];

pub(super) fn notes_and_tasks() -> Vec<Object> {
    vec![
        Object::new(
            "Note",
            "002",
            vec![
                detail("ParentId", &["Opportunity", "Account", "Contact", "Lead"], "Notes"),
                text("Title", 80).required().names(),
                long("Body", 32_000),
                flag("IsPrivate"),
                owner(None),
            ],
        ),
        // Before the note, which has its document's id.
        content_document(),
        content_note(),
        Object::new(
            "ContentVersion",
            "068",
            vec![
                lookup("ContentDocumentId", &["ContentDocument"], Some("ContentVersions")).create_only(),
                text("Title", 255).names(),
                text("PathOnClient", 500),
                bytes("VersionData"),
                text("FileType", 20).read_only(),
                text("FileExtension", 40).read_only(),
                text("VersionNumber", 20).read_only(),
                flag("IsLatest").read_only(),
                whole("ContentSize").read_only(),
                lookup("FirstPublishLocationId", &SUBJECTS, None).create_only(),
                owner(None),
            ],
        )
        .without_bin(),
        Object::new(
            "ContentDocumentLink",
            "06A",
            vec![
                detail("ContentDocumentId", &["ContentDocument"], "ContentDocumentLinks"),
                detail(
                    "LinkedEntityId",
                    &["Opportunity", "Account", "Contact", "Lead", "Campaign", "User"],
                    "ContentDocumentLinks",
                ),
                strict_pick("ShareType", &["V", "C", "I"]).required(),
                strict_pick("Visibility", &["AllUsers", "InternalUsers", "SharedUsers"])
                    .starts_as("AllUsers"),
            ],
        )
        .without_bin(),
        task(),
    ]
}

fn content_document() -> Object {
    let mut object = Object::new(
        "ContentDocument",
        "069",
        vec![
            text("Title", 255).required().names(),
            text("FileType", 20).read_only(),
            text("FileExtension", 40).read_only(),
            lookup("LatestPublishedVersionId", &["ContentVersion"], None).read_only(),
            whole("ContentSize").read_only(),
            area("Description", 255),
            owner(None),
        ],
    );
    // A document comes into being with its first version.
    for field in &mut object.fields {
        field.createable = false;
    }
    object
}

fn content_note() -> Object {
    let mut object = Object::new(
        "ContentNote",
        "069",
        vec![
            text("Title", 255).required().names(),
            bytes("Content"),
            text("TextPreview", 255).read_only(),
            text("FileType", 20).read_only(),
            lookup("LatestPublishedVersionId", &["ContentVersion"], None).read_only(),
            whole("ContentSize").read_only(),
            owner(None),
        ],
    );
    object.replicable = false;
    object
}

fn task() -> Object {
    Object::new(
        "Task",
        "00T",
        vec![
            lookup("WhoId", &["Contact", "Lead"], Some("Tasks")),
            lookup("WhatId", &["Opportunity", "Account", "Campaign"], Some("Tasks")),
            text("Subject", 255).names(),
            date("ActivityDate"),
            pick(
                "Status",
                &["Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"],
            )
            .starts_as("Not Started"),
            pick("Priority", &["High", "Normal", "Low"]).starts_as("Normal"),
            flag("IsClosed").read_only(),
            long("Description", 32_000),
            currency(),
            owner(None),
        ],
    )
}
