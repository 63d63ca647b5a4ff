//! Where a setting comes from, as a person and as a program is told it.

use std::path::Path;

use mapping::{Place, Said, Setting};
use serde_json::{Value, json};

/// The shipped mapping or the company's file.
pub(super) fn owner(said: &Said) -> &'static str {
    if said.layer == 0 { "default" } else { "yours" }
}

/// A place as text has room for it: `mapping.toml:9`.
pub(super) fn short(place: &Place) -> String {
    format!("{}:{}", file_name(&place.file), place.line)
}

/// The last part of a path: what a line has room for.
pub(crate) fn file_name(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// `default` or `yours, mapping.toml:9`.
pub(super) fn told(setting: &Setting) -> String {
    let said = setting.effective();
    if said.layer == 0 { "default".to_owned() } else { format!("yours, {}", short(&said.place)) }
}

pub(super) fn place_json(said: &Said) -> Value {
    json!({ "value": said.value, "file": said.place.file, "line": said.place.line, "column": said.place.column })
}

/// A setting with the file that decides it, and with what the default says if it is another word.
pub(super) fn setting_json(setting: &Setting) -> Value {
    let said = setting.effective();
    let default = setting.default().filter(|_| setting.is_yours());
    json!({
        "name": setting.name(),
        "section": setting.section(),
        "value": said.value,
        "origin": owner(said),
        "file": said.place.file,
        "line": said.place.line,
        "column": said.place.column,
        "default": default.map(place_json),
    })
}
