//! What commands print: text that reads well at 80 columns without colour, or JSON.

use std::io::Write as _;

use clap::ValueEnum;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde::Serialize;

/// Widest output, in columns.
const WIDTH: u16 = 80;

/// How a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For a person.
    #[default]
    Text,
    /// For a program: JSON.
    Json,
}

/// Prints one line. A reader that went away (a closed pipe) is no failure of ours.
pub(crate) fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref());
    let _ = out.flush();
}

/// Prints one value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string(value)?);
    Ok(())
}

/// Columns of a table that are left for what may be folded, at least.
const FOLDABLE: usize = 24;
/// Blanks of a column beside its content.
const PADDING: usize = 2;

/// A table without frames, no wider than 80 columns. A column of single words, such as ids, is not folded, as far as there
/// is room: they can be copied.
pub(crate) fn table<R>(header: &[&str], rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = String>,
{
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(header.iter().map(ToString::to_string).collect::<Vec<_>>());
    let mut room = usize::from(WIDTH) - FOLDABLE;
    let mut whole = Vec::new();
    for place in 0..header.len() {
        let cells = || rows.iter().filter_map(|row| row.get(place));
        let longest = cells().map(|cell| cell.chars().count()).max().unwrap_or_default() + PADDING;
        if longest <= room && !cells().any(|cell| cell.contains(char::is_whitespace)) {
            room -= longest;
            whole.push(place);
        }
    }
    for row in rows {
        table.add_row(row);
    }
    for place in whole {
        if let Some(column) = table.column_mut(place) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Columns that a label takes, with the blanks behind it.
const LABEL: usize = 13;

/// Prints a text behind a label, wrapped at 80 columns.
pub(crate) fn labelled(label: &str, text: &str) {
    aligned(label, LABEL, text);
}

/// Prints a text that begins at `column`, behind its head, wrapped at 80 columns. A head that is too long for that
/// stands on a line of its own.
pub(crate) fn aligned(head: &str, column: usize, text: &str) {
    let fits = head.chars().count() < column;
    if !fits {
        line(head);
    }
    for (number, text) in wrapped(text, column).iter().enumerate() {
        let head = if number == 0 && fits { head } else { "" };
        line(format!("{head:column$}{text}").trim_end());
    }
}

/// Prints a text behind this many blanks, wrapped at 80 columns.
pub(crate) fn indented(blanks: usize, text: &str) {
    for text in wrapped(text, blanks) {
        line(format!("{:blanks$}{text}", ""));
    }
}

/// Prints a command that can be copied: a line that would be too long goes on behind a backslash.
pub(crate) fn command(blanks: usize, text: &str) {
    let lines = wrapped(text, blanks + 4);
    for (number, line_of) in lines.iter().enumerate() {
        let more = if number + 1 < lines.len() { " \\" } else { "" };
        let indent = blanks + if number == 0 { 0 } else { 2 };
        line(format!("{:indent$}{line_of}{more}", ""));
    }
}

/// Longest text of somebody else's that is shown, in characters.
const MAX_SHOWN: usize = 4096;

/// A text that nobody vouches for, made fit for a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { '?' } else { c }).take(MAX_SHOWN).collect()
}

/// Prints a text as a comment of a TOML file, wrapped at 80 columns.
pub(crate) fn commented(text: &str) {
    for text in wrapped(text, 2) {
        line(format!("# {text}").trim_end());
    }
}

/// The lines of a text that begin at column `from` and end between words. A word that is longer, such as an address,
/// stays whole, so that it can be copied.
fn wrapped(text: &str, from: usize) -> Vec<String> {
    let room = usize::from(WIDTH) - from;
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last_mut().expect("there is a line from the start");
        let fits = line.is_empty() || line.chars().count() + 1 + word.chars().count() <= room;
        if !fits {
            lines.push(word.to_owned());
        } else if line.is_empty() {
            word.clone_into(line);
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words_and_long_words_stay_whole() {
        let address = "x".repeat(90);
        let text = format!("{} {address}  end", "word ".repeat(20));
        let lines = wrapped(&text, 60);
        assert_eq!(lines.len(), 7, "{lines:?}");
        assert_eq!(lines[0], "word word word word");
        assert_eq!((lines[5].as_str(), lines[6].as_str()), (address.as_str(), "end"));
        assert_eq!(wrapped("", 0), [""]);
    }

    #[test]
    fn ids_in_a_table_stay_whole_beside_long_sentences() {
        let id = "6f1c0b7e-9d57-4c3a-8f8e-2f9f6f0f3d11".to_owned();
        let sentence = "needs you: ".to_owned() + &"word ".repeat(30);
        let expires = "2026-12-05 (13 days left)".to_owned();
        let rows = [
            [id.clone(), expires.clone(), sentence.clone()],
            ["006000000000000AAA".to_owned(), expires, sentence],
        ];
        let text = table(&["deal", "expires", "standing"], rows);
        assert!(text.contains(&id), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(WIDTH)), "{text}");
    }
}
