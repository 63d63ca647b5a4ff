//! Notes and files: a document, its versions, and where it is attached (salesforce reference, section 5.7).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    errors::Fault,
    id::Id,
    org::{Caller, Org, value_of},
    rows::Draft,
    schema::{Kind, Object},
    tables::Row,
    values::Cell,
};

/// The file type of a note.
const NOTE: &str = "SNOTE";
/// How much of a note its preview shows, in characters.
const PREVIEW: usize = 255;
/// Markup that a note may hold; any other `<` must be escaped.
const TAGS: [&str; 10] = ["p", "b", "i", "u", "ul", "ol", "li", "br", "strong", "em"];

/// The text of a base64 cell.
fn decoded(cell: &Cell) -> Vec<u8> {
    cell.as_text().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default()
}

/// Whether the text holds no markup but a note's own, and no bare ampersand.
fn escaped(text: &str) -> bool {
    let tags = text.split('<').skip(1).all(|rest| {
        let name = rest.trim_start_matches('/').split(|letter: char| !letter.is_ascii_alphanumeric()).next();
        name.is_some_and(|name| TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(name)))
    });
    let entities = text.split('&').skip(1).all(|rest| {
        rest.split_once(';').is_some_and(|(name, _)| {
            !name.is_empty()
                && name.len() < 10
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '#')
        })
    });
    tags && entities
}

impl Org {
    /// Refuses a note whose text is not escaped, and notes about nothing.
    ///
    /// # Errors
    /// 400.
    pub(crate) fn check_content(&self, draft: &Draft) -> Result<(), Fault> {
        let object = self.schema.object(draft.object);
        match object.name {
            "ContentNote" => {
                let text = decoded(value_of(object, &draft.row, "Content"));
                let text = String::from_utf8_lossy(&text);
                if escaped(&text) {
                    return Ok(());
                }
                let text = "Note can't be saved because it contains HTML tags or unescaped characters that are not \
                            allowed in a Note.";
                Err(Fault::bad("FIELD_INTEGRITY_EXCEPTION", text).on("Content"))
            }
            "ContentVersion"
                if draft.before.is_none() && value_of(object, &draft.row, "VersionData").is_null() =>
            {
                let text = "Required fields are missing: [VersionData]";
                Err(Fault::bad("REQUIRED_FIELD_MISSING", text).on("VersionData"))
            }
            "ContentVersion"
                if draft.before.is_none() && value_of(object, &draft.row, "PathOnClient").is_null() =>
            {
                let text = "Required fields are missing: [PathOnClient]";
                Err(Fault::bad("REQUIRED_FIELD_MISSING", text).on("PathOnClient"))
            }
            _ => Ok(()),
        }
    }

    /// The bytes that `/sobjects/X/{id}/{field}` stands for, if it is a file's.
    pub(crate) fn blob(&self, caller: &Caller, path: &[&str]) -> Option<Vec<u8>> {
        let ["sobjects", name, id, field] = path else { return None };
        let object = self.readable(caller, name).ok()?;
        let at = self.position(caller.role, object, field)?;
        let kind = &self.schema.object(object).fields.get(at)?.kind;
        let row =
            self.tables.see(object, Id::parse(id)?, self.lens(caller.now)).filter(|row| !row.deleted())?;
        matches!(kind, Kind::Base64).then(|| decoded(row.cell(at)))
    }

    /// What a stored note, version or document causes in the others.
    pub(crate) fn after_content(&mut self, caller: &Caller, object: &Object, draft: &Draft) {
        match object.name {
            "ContentNote" => self.after_note(caller, object, draft),
            "ContentVersion" if draft.before.is_none() => self.after_version(caller, object, draft),
            _ => {}
        }
    }

    fn after_note(&mut self, caller: &Caller, object: &Object, draft: &Draft) {
        let title = value_of(object, &draft.row, "Title").clone();
        let content = value_of(object, &draft.row, "Content").clone();
        let bytes = decoded(&content);
        let text = String::from_utf8_lossy(&bytes).replace("<br>", " ").replace("&amp;", "&");
        let size = Cell::Number(i64::try_from(bytes.len()).unwrap_or(i64::MAX).into());
        let document = draft.row.id;
        let mut row = draft.row.clone();
        let version = if draft.changes(object, "Content") || draft.before.is_none() {
            let cells = vec![
                ("ContentDocumentId", Cell::Id(document)),
                ("Title", title.clone()),
                ("PathOnClient", Cell::text("note.snote")),
                ("VersionData", content),
                ("FileType", Cell::text(NOTE)),
                ("FileExtension", Cell::text("snote")),
                ("ContentSize", size.clone()),
                ("IsLatest", Cell::Bool(true)),
                ("OwnerId", Cell::Id(caller.user)),
            ];
            self.record(caller, "ContentVersion", None, cells)
        } else {
            value_of(object, &draft.row, "LatestPublishedVersionId").as_id()
        };
        let latest = version.map_or(Cell::Null, Cell::Id);
        let preview: String = text.chars().take(PREVIEW).collect();
        for (field, cell) in [
            ("FileType", Cell::text(NOTE)),
            ("TextPreview", Cell::text(&preview)),
            ("ContentSize", size.clone()),
            ("LatestPublishedVersionId", latest.clone()),
        ] {
            if let Some(at) = object.position(field) {
                row.set(at, cell);
            }
        }
        self.tables.put(draft.object, row, caller.now, None);
        let cells = vec![
            ("Title", title),
            ("FileType", Cell::text(NOTE)),
            ("FileExtension", Cell::text("snote")),
            ("ContentSize", size),
            ("LatestPublishedVersionId", latest),
            ("OwnerId", Cell::Id(caller.user)),
        ];
        self.record(caller, "ContentDocument", Some(document), cells);
        if draft.before.is_none() {
            self.link_owner(caller, document);
        }
    }

    fn after_version(&mut self, caller: &Caller, object: &Object, draft: &Draft) {
        let path = value_of(object, &draft.row, "PathOnClient").as_text().unwrap_or_default().to_owned();
        let file = path.rsplit(['/', '\\']).next().unwrap_or_default();
        let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
        let title = value_of(object, &draft.row, "Title").as_text().unwrap_or(stem).to_owned();
        let size = decoded(value_of(object, &draft.row, "VersionData")).len();
        let size = Cell::Number(i64::try_from(size).unwrap_or(i64::MAX).into());
        let kind = if extension.is_empty() { "UNKNOWN".to_owned() } else { extension.to_uppercase() };
        let known = value_of(object, &draft.row, "ContentDocumentId").as_id();
        let document = known.unwrap_or_else(|| self.new_id("069"));
        let mut row = draft.row.clone();
        for (field, cell) in [
            ("ContentDocumentId", Cell::Id(document)),
            ("Title", Cell::text(&title)),
            ("FileType", Cell::text(&kind)),
            ("FileExtension", Cell::text(extension)),
            ("ContentSize", size.clone()),
            ("IsLatest", Cell::Bool(true)),
        ] {
            if let Some(at) = object.position(field) {
                row.set(at, cell);
            }
        }
        let place = value_of(object, &draft.row, "FirstPublishLocationId").as_id();
        let version = row.id;
        self.tables.put(draft.object, row, caller.now, None);
        let cells = vec![
            ("Title", Cell::text(&title)),
            ("FileType", Cell::text(&kind)),
            ("FileExtension", Cell::text(extension)),
            ("ContentSize", size),
            ("LatestPublishedVersionId", Cell::Id(version)),
            ("OwnerId", Cell::Id(caller.user)),
        ];
        self.record(caller, "ContentDocument", Some(document), cells);
        if known.is_none() {
            self.link_owner(caller, document);
            if let Some(place) = place {
                self.link(caller, document, place, "V");
            }
        }
    }

    /// The owner of a document is linked to it from the start.
    fn link_owner(&mut self, caller: &Caller, document: Id) {
        self.link(caller, document, caller.user, "I");
    }

    fn link(&mut self, caller: &Caller, document: Id, to: Id, share: &str) {
        let cells = vec![
            ("ContentDocumentId", Cell::Id(document)),
            ("LinkedEntityId", Cell::Id(to)),
            ("ShareType", Cell::text(share)),
            ("Visibility", Cell::text("AllUsers")),
        ];
        self.record(caller, "ContentDocumentLink", None, cells);
    }

    /// A note and its document are one thing: they go together.
    pub(crate) fn bin_content(&mut self, caller: &Caller, object: &Object, row: &Row) {
        let other = if object.name == "ContentNote" { "ContentDocument" } else { "ContentNote" };
        if let Some(other) = self.schema.find(other)
            && self.live(other, row.id).is_ok()
        {
            // It is there, so nothing refuses but a lock; then it stays, as an orphan would.
            let _ = self.delete(caller, other, row.id);
        }
    }
}
