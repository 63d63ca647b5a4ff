//! Metadata files as trees: what an element holds, and what is wrong with it, by line and column.

use roxmltree::{Document, Node};

/// The namespace of every metadata element.
pub(super) const NAMESPACE: &str = "http://soap.sforce.com/2006/04/metadata";
/// Longest metadata file that is read, in bytes.
const MAX_FILE: usize = 10 * 1024 * 1024;

/// What is wrong with a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) file: String,
    pub(super) kind: String,
    pub(super) full_name: String,
    pub(super) text: String,
    /// From 1; 0 when it is about no place.
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Which component of which file is being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) kind: &'a str,
    pub(super) full_name: &'a str,
}

impl Place<'_> {
    pub(super) fn problem(self, text: impl Into<String>) -> Problem {
        Problem {
            file: self.file.to_owned(),
            kind: self.kind.to_owned(),
            full_name: self.full_name.to_owned(),
            text: text.into(),
            line: 0,
            column: 0,
        }
    }

    pub(super) fn at(self, node: Node<'_, '_>, text: impl Into<String>) -> Problem {
        let place = node.document().text_pos_at(node.range().start);
        Problem { line: place.row, column: place.col, ..self.problem(text) }
    }
}

/// The tree of a file whose root is this type's element.
pub(super) fn tree<'a>(place: Place<'_>, text: &'a str, root: &str) -> Result<Document<'a>, Problem> {
    if text.len() > MAX_FILE {
        return Err(place.problem(format!("the file is longer than {MAX_FILE} bytes")));
    }
    let document = Document::parse(text).map_err(|error| {
        let at = error.pos();
        Problem { line: at.row, column: at.col, ..place.problem(format!("Error parsing file: {error}")) }
    })?;
    let name = document.root_element().tag_name();
    if name.name() != root || name.namespace() != Some(NAMESPACE) {
        let node = document.root_element();
        return Err(place.at(node, format!("the root element is {{{NAMESPACE}}}{root}, not {}", name.name())));
    }
    Ok(document)
}

/// The element children, all of which must be among `known`.
pub(super) fn elements<'a, 'i>(
    place: Place<'_>,
    node: Node<'a, 'i>,
    kind: &str,
    known: &[&str],
) -> Result<Vec<Node<'a, 'i>>, Problem> {
    let children: Vec<Node<'a, 'i>> = node.children().filter(Node::is_element).collect();
    for child in &children {
        let name = child.tag_name();
        if !known.contains(&name.name()) || name.namespace() != Some(NAMESPACE) {
            let text =
                format!("Element {{{NAMESPACE}}}{} invalid at this location in type {kind}", name.name());
            return Err(place.at(*child, text));
        }
    }
    Ok(children)
}

/// The child of this name.
pub(super) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

/// The children of this name.
pub(super) fn all<'a, 'i>(node: Node<'a, 'i>, name: &str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

/// The text of the child of this name, without the blanks around it.
pub(super) fn text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name).and_then(|child| child.text()).map(str::trim).filter(|text| !text.is_empty())
}

/// The boolean in the child of this name.
pub(super) fn flag(place: Place<'_>, node: Node<'_, '_>, name: &str) -> Result<Option<bool>, Problem> {
    let Some(found) = child(node, name) else { return Ok(None) };
    match found.text().map(str::trim) {
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        other => Err(place.at(
            found,
            format!("'{}' is not a valid value for the type xsd:boolean", other.unwrap_or_default()),
        )),
    }
}

/// The whole number in the child of this name.
pub(super) fn number(place: Place<'_>, node: Node<'_, '_>, name: &str) -> Result<Option<u32>, Problem> {
    let Some(found) = child(node, name) else { return Ok(None) };
    let text = found.text().map(str::trim).unwrap_or_default();
    let number = text
        .parse()
        .map_err(|_| place.at(found, format!("'{text}' is not a valid value for the type xsd:int")))?;
    Ok(Some(number))
}

/// A text out of a fixed list.
pub(super) fn one_of<'a>(
    place: Place<'_>,
    node: Node<'a, '_>,
    name: &str,
    kind: &str,
    values: &[&str],
) -> Result<Option<&'a str>, Problem> {
    let Some(found) = child(node, name) else { return Ok(None) };
    let text = found.text().map(str::trim).unwrap_or_default();
    if values.contains(&text) {
        return Ok(Some(text));
    }
    Err(place.at(found, format!("'{text}' is not a valid value for the enum '{kind}'")))
}
