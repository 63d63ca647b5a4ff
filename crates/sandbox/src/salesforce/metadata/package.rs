//! A deploy's zip: its files, its manifest, and what it takes away (salesforce reference, section 6.3).

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Cursor, Read as _},
};

use super::xml::{self, Place, Problem};

/// Largest zip, most files, and most bytes when unzipped.
pub(super) const MAX_ZIP: usize = 39 * 1024 * 1024;
const MAX_FILES: usize = 10_000;
const MAX_UNZIPPED: u64 = 600 * 1024 * 1024;

/// What a manifest names: full names by type.
pub(super) type Members = BTreeMap<String, BTreeSet<String>>;

/// A package, unzipped.
#[derive(Debug, Default)]
pub(super) struct Package {
    /// By path below the package's root, manifests left out.
    pub(super) files: BTreeMap<String, String>,
    pub(super) members: Members,
    pub(super) removed: Members,
}

fn manifest_place(file: &str) -> Place<'_> {
    Place { file, kind: "", full_name: "package.xml" }
}

/// The package in a zip.
///
/// # Errors
/// What is wrong with the zip or a manifest.
pub(super) fn read(zip: &[u8], single: bool) -> Result<Package, Problem> {
    let whole = manifest_place("package.xml");
    let mut archive = zip::ZipArchive::new(Cursor::new(zip))
        .map_err(|error| whole.problem(format!("the file is no zip: {error}")))?;
    if archive.len() > MAX_FILES {
        return Err(whole.problem(format!("at most {MAX_FILES} files in a deploy, {} given", archive.len())));
    }
    let mut files = BTreeMap::new();
    let mut unzipped = 0_u64;
    for at in 0..archive.len() {
        let entry =
            archive.by_index(at).map_err(|error| whole.problem(format!("the zip is damaged: {error}")))?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name().map_err(|error| whole.problem(format!("the zip is damaged: {error}")))?;
        let name = name.trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        let room = MAX_UNZIPPED - unzipped;
        entry
            .take(room + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| whole.problem(format!("{name}: the zip is damaged: {error}")))?;
        unzipped += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if unzipped > MAX_UNZIPPED {
            return Err(whole.problem(format!("at most {MAX_UNZIPPED} bytes when unzipped")));
        }
        let name = if single {
            name
        } else {
            name.split_once('/').map_or(name.clone(), |(_, rest)| rest.to_owned())
        };
        // What is no text is only known to be there.
        files.insert(name, String::from_utf8(bytes).unwrap_or_default());
    }
    let manifest = files.remove("package.xml");
    let manifest = manifest.ok_or_else(|| whole.problem("No package.xml found"))?;
    let members = members("package.xml", &manifest)?;
    let mut removed = Members::new();
    for name in ["destructiveChanges.xml", "destructiveChangesPre.xml", "destructiveChangesPost.xml"] {
        if let Some(text) = files.remove(name) {
            removed.extend(self::members(name, &text)?);
        }
    }
    Ok(Package { files, members, removed })
}

/// What a manifest names.
fn members(file: &str, text: &str) -> Result<Members, Problem> {
    let place = manifest_place(file);
    let tree = xml::tree(place, text, "Package")?;
    let known = ["types", "version", "fullName", "description", "namespacePrefix", "apiAccessLevel"];
    let mut members = Members::new();
    for node in xml::elements(place, tree.root_element(), "Package", &known)? {
        if node.tag_name().name() != "types" {
            continue;
        }
        xml::elements(place, node, "PackageTypeMembers", &["members", "name"])?;
        let name = xml::text(node, "name").ok_or_else(|| place.at(node, "types needs a name"))?;
        let names = xml::all(node, "members").filter_map(|member| Some(member.text()?.trim().to_owned()));
        members.entry(name.to_owned()).or_default().extend(names);
    }
    Ok(members)
}
