//! Bulk CSV: delimiters, line ends, and what a cell means (salesforce reference, section 3).

use serde::{Deserialize, Serialize};

/// What stands between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Delimiter {
    Backquote,
    Caret,
    #[default]
    Comma,
    Pipe,
    Semicolon,
    Tab,
}

impl Delimiter {
    fn byte(self) -> u8 {
        match self {
            Self::Backquote => b'`',
            Self::Caret => b'^',
            Self::Comma => b',',
            Self::Pipe => b'|',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum LineEnding {
    #[default]
    Lf,
    Crlf,
}

/// A way of writing tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Dialect {
    pub(super) delimiter: Delimiter,
    pub(super) ending: LineEnding,
}

/// A table: its header, and rows of as many cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Dialect {
    /// Reads an upload.
    ///
    /// # Errors
    /// A sentence about what is not a table of this dialect.
    pub(super) fn read(self, bytes: &[u8]) -> Result<Table, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the data is not UTF-8".to_owned())?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let crlf = text
            .lines()
            .next()
            .is_some_and(|_| text.split('\n').next().is_some_and(|line| line.ends_with('\r')));
        if crlf != (self.ending == LineEnding::Crlf) && text.contains('\n') {
            let found = if crlf { "CRLF" } else { "LF" };
            let wanted = if crlf { "LF" } else { "CRLF" };
            return Err(format!(
                "LineEnding is invalid on user data. Current LineEnding setting is {wanted}, found {found}"
            ));
        }
        let mut reader =
            csv::ReaderBuilder::new().delimiter(self.delimiter.byte()).from_reader(text.as_bytes());
        let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
        let header = cells(reader.headers().map_err(|error| error.to_string())?);
        let rows = reader
            .records()
            .map(|record| record.map(|record| cells(&record)).map_err(|error| error.to_string()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Table { header, rows })
    }

    /// Writes a table, every cell in quotes.
    pub(super) fn write<'a>(self, header: &[String], rows: impl Iterator<Item = &'a [String]>) -> String {
        let terminator = match self.ending {
            LineEnding::Lf => csv::Terminator::Any(b'\n'),
            LineEnding::Crlf => csv::Terminator::CRLF,
        };
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.delimiter.byte())
            .terminator(terminator)
            .quote_style(csv::QuoteStyle::Always)
            .from_writer(Vec::new());
        // Writing to memory, with rows as long as the header, has nothing to fail.
        let _ = writer.write_record(header);
        for row in rows {
            let _ = writer.write_record(row);
        }
        writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_reads_what_it_writes() {
        let header = ["Id".to_owned(), "Name".to_owned()];
        let rows = [["1".to_owned(), "a,b|c`d^e;f\tg \"h\"".to_owned()], [String::new(), "#N/A".to_owned()]];
        for delimiter in [
            Delimiter::Backquote,
            Delimiter::Caret,
            Delimiter::Comma,
            Delimiter::Pipe,
            Delimiter::Semicolon,
            Delimiter::Tab,
        ] {
            for ending in [LineEnding::Lf, LineEnding::Crlf] {
                let dialect = Dialect { delimiter, ending };
                let text = dialect.write(&header, rows.iter().map(<[String; 2]>::as_slice));
                let read = dialect.read(text.as_bytes()).unwrap();
                assert_eq!(read.header, header);
                assert_eq!(read.rows, rows, "{text}");
            }
        }
    }

    #[test]
    fn another_line_end_and_a_short_row_are_refused() {
        assert!(Dialect::default().read(b"a,b\r\n1,2\r\n").unwrap_err().contains("LineEnding"));
        assert!(Dialect::default().read(b"a,b\n1\n").is_err());
    }
}
