//! The likeliest repair of a text that is no TOML: tried, not guessed.

use std::ops::Range;

use toml::de::DeTable;

use super::remedy::Remedy;

/// Longest text for which repairs are tried one after another; a longer one loses the line.
const MAX_TRIED_BYTES: usize = 64 * 1024;

/// An edit of the text.
struct Edit {
    span: Range<usize>,
    with: String,
}

/// The edit near `span`, where reading broke off, after which the fewest mistakes are left: something small where that
/// is enough, else the line goes.
pub(super) fn remedy(text: &str, span: Range<usize>, tried: bool) -> Remedy {
    let line = line_of(text, span.start);
    let mut edits = Vec::new();
    if tried && text.len() <= MAX_TRIED_BYTES {
        edits.extend(closing(text, &line));
        edits.extend(in_quotes(text, &line));
    }
    let section = section_of(text, &line);
    edits.push(Edit { span: section.clone().unwrap_or(line.clone()), with: String::new() });
    if !tried {
        let line = section.unwrap_or(line);
        return Remedy::edit(line, String::new());
    }
    let now = mistakes(text);
    let left = |edit: &Edit| {
        mistakes(&format!("{}{}{}", &text[..edit.span.start], edit.with, &text[edit.span.end..]))
    };
    let best = edits.into_iter().map(|edit| (left(&edit), edit)).min_by_key(|(left, _)| *left);
    match best {
        Some((left, edit)) if left < now => Remedy::edit(edit.span, edit.with),
        // Nothing near helps: what follows cannot be read either.
        _ => Remedy::edit(line.start..text.len(), String::new()),
    }
}

fn mistakes(text: &str) -> usize {
    DeTable::parse_recoverable(text).1.len()
}

/// The line that holds `offset`, its end included.
fn line_of(text: &str, offset: usize) -> Range<usize> {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let mut start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    // A mistake at the end of the file is one of its last line.
    if text[start..].trim().is_empty() {
        let before = text[..start].trim_end();
        start = before.rfind('\n').map_or(0, |at| at + 1);
    }
    let end = text[start..].find('\n').map_or(text.len(), |at| start + at + 1);
    start..end
}

/// A section that begins with the line, up to the next: without its heading its lines would be another's.
fn section_of(text: &str, line: &Range<usize>) -> Option<Range<usize>> {
    if !text[line.clone()].trim_start().starts_with('[') {
        return None;
    }
    let mut end = line.end;
    for next in text[line.end..].split_inclusive('\n') {
        if next.trim_start().starts_with('[') {
            break;
        }
        end += next.len();
    }
    Some(line.start..end)
}

/// What may be missing at the line's end.
fn closing(text: &str, line: &Range<usize>) -> Vec<Edit> {
    let end = line.start + text[line.clone()].trim_end().len();
    ["]", "\"", "'", "}", "\"]", "]]", "\" }", " = \"\""]
        .map(|with| Edit { span: end..end, with: with.to_owned() })
        .into()
}

/// A value that may lack its quotes.
fn in_quotes(text: &str, line: &Range<usize>) -> Option<Edit> {
    let (key, value) = text[line.clone()].split_once('=')?;
    let from = line.start + key.len() + 1;
    let value_start = from + (value.len() - value.trim_start().len());
    let value = value.trim();
    let value = value.split_once(" #").map_or(value, |(value, _)| value.trim_end());
    if value.is_empty() {
        return None;
    }
    let bare = value.trim_matches(|each| matches!(each, '"' | '\'' | '`' | '\u{201c}' | '\u{201d}'));
    let span = value_start..value_start + value.len();
    Some(Edit { span, with: super::remedy::quoted(bare) })
}
