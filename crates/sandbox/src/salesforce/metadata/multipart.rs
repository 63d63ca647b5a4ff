//! `multipart/form-data`, as clients send a deploy: a JSON part and a file (salesforce reference, section 6.3).

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) name: String,
    pub(super) media: String,
    pub(super) body: &'a [u8],
}

/// Most parts of one form.
const MAX_PARTS: usize = 16;

/// The parts of a form.
///
/// # Errors
/// A sentence saying what is no form.
pub(super) fn parts<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, String> {
    let mut words = content_type.split(';').map(str::trim);
    if !words.next().is_some_and(|media| media.eq_ignore_ascii_case("multipart/form-data")) {
        return Err("Content-Type is multipart/form-data".to_owned());
    }
    let boundary = words
        .find_map(|word| {
            let (name, value) = word.split_once('=')?;
            name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
        })
        .filter(|boundary| !boundary.is_empty())
        .ok_or("the Content-Type names no boundary")?;
    let mark = format!("--{boundary}");
    let mut rest = find(body, mark.as_bytes()).map(|(_, rest)| rest).ok_or("the body has no part")?;
    let next = format!("\r\n{mark}");
    let mut parts = Vec::new();
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        let (part, tail) = find(after, next.as_bytes()).ok_or("a part has no end")?;
        let (head, content) = find(part, b"\r\n\r\n").ok_or("a part has no empty line after its headers")?;
        parts.push(part_of(head, content)?);
        if parts.len() > MAX_PARTS {
            return Err(format!("at most {MAX_PARTS} parts"));
        }
        rest = tail;
    }
    if rest.starts_with(b"--") { Ok(parts) } else { Err("the last boundary is missing".to_owned()) }
}

fn part_of<'a>(head: &[u8], body: &'a [u8]) -> Result<Part<'a>, String> {
    let head = std::str::from_utf8(head).map_err(|_| "the headers of a part are not UTF-8")?;
    let mut part = Part { name: String::new(), media: String::new(), body };
    for line in head.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.trim().eq_ignore_ascii_case("content-type") {
            value.trim().clone_into(&mut part.media);
        }
        if name.trim().eq_ignore_ascii_case("content-disposition") {
            let named = value.split(';').find_map(|word| word.trim().strip_prefix("name="));
            named.unwrap_or_default().trim_matches('"').clone_into(&mut part.name);
        }
    }
    if part.name.is_empty() { Err("a part has no name".to_owned()) } else { Ok(part) }
}

/// What is before and after the first `needle`.
fn find<'a>(hay: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    // Jumps from one candidate for the needle's first byte to the next.
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = hay.get(from..)?.iter().position(|byte| *byte == first).map(|at| from + at) {
        if hay.get(at..)?.starts_with(needle) {
            return Some((hay.get(..at)?, hay.get(at + needle.len()..)?));
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"json\"\r\nContent-Type: application/json\r\n\r\n{}\r\n\
                        --b\r\nContent-Disposition: form-data; name=file; filename=\"a.zip\"\r\n\r\nPK\r\n\r\n\r\n--b--\r\n";

    #[test]
    fn parts_are_read_with_their_names_and_bytes() {
        let parts = parts("multipart/form-data; boundary=\"b\"", FORM.as_bytes()).unwrap();
        let read: Vec<(&str, &str, &[u8])> =
            parts.iter().map(|part| (part.name.as_str(), part.media.as_str(), part.body)).collect();
        assert_eq!(read, [("json", "application/json", &b"{}"[..]), ("file", "", &b"PK\r\n\r\n"[..])]);
    }

    #[test]
    fn every_beginning_of_a_form_is_refused() {
        // All but its last boundary's hyphens and line end.
        for end in 0..FORM.len() - 4 {
            assert!(parts("multipart/form-data; boundary=b", &FORM.as_bytes()[..end]).is_err(), "{end}");
        }
        assert!(parts("application/json", FORM.as_bytes()).is_err());
        assert!(parts("multipart/form-data", FORM.as_bytes()).is_err());
    }
}
