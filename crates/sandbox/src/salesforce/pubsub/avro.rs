//! Avro's binary form, as far as change events need it. Written by hand, so that no client decodes with the same code.

/// One value of an event's body. Every field of a body is a union with null first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum {
    Null,
    Boolean(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    Text(String),
    /// A compound, child by child.
    Record(Vec<Datum>),
}

/// A datum under construction.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// An int or a long: zigzag, seven bits a byte, the lowest first.
    pub(crate) fn long(&mut self, number: i64) {
        let mut rest = (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned();
        while rest > 0x7F {
            self.bytes.push(low_byte(rest) | 0x80);
            rest >>= 7;
        }
        self.bytes.push(low_byte(rest));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.long(i64::try_from(text.len()).unwrap_or(i64::MAX));
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// An array of texts: one block, then the empty one.
    pub(crate) fn texts(&mut self, texts: &[String]) {
        if !texts.is_empty() {
            self.long(i64::try_from(texts.len()).unwrap_or(i64::MAX));
            for text in texts {
                self.text(text);
            }
        }
        self.long(0);
    }

    /// A nullable value; null is the first branch of its union, the value's type the second.
    pub(crate) fn nullable(&mut self, datum: &Datum) {
        if *datum == Datum::Null {
            return self.long(0);
        }
        self.long(1);
        match datum {
            Datum::Null => {}
            Datum::Boolean(value) => self.bytes.push(u8::from(*value)),
            Datum::Int(number) => self.long(i64::from(*number)),
            Datum::Long(number) => self.long(*number),
            Datum::Double(number) => self.bytes.extend_from_slice(&number.to_le_bytes()),
            Datum::Text(text) => self.text(text),
            Datum::Record(children) => children.iter().for_each(|child| self.nullable(child)),
        }
    }
}

fn low_byte(number: u64) -> u8 {
    let [low, ..] = (number & 0x7F).to_le_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_7_numbers_and_texts_have_the_bytes_of_avros_specification() {
        for (number, bytes) in [
            (0, vec![0x00]),
            (-1, vec![0x01]),
            (1, vec![0x02]),
            (-64, vec![0x7F]),
            (64, vec![0x80, 0x01]),
            (i64::MAX, vec![0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
            (i64::MIN, vec![0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        ] {
            let mut writer = Writer::default();
            writer.long(number);
            assert_eq!(writer.finish(), bytes, "{number}");
        }
        let mut writer = Writer::default();
        writer.texts(&["foo".to_owned()]);
        writer.nullable(&Datum::Boolean(true));
        writer.nullable(&Datum::Null);
        assert_eq!(writer.finish(), [0x02, 0x06, b'f', b'o', b'o', 0x00, 0x02, 0x01, 0x00]);
    }
}
