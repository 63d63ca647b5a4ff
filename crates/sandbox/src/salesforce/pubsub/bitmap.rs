//! The bitmaps of an event's header: which fields of the record are meant (salesforce reference, section 4.8).

use std::collections::{BTreeMap, BTreeSet};

/// Fields of one event, by their place in its schema; 0 is the header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) whole: BTreeSet<usize>,
    /// Children of compounds, by the compound's place.
    pub(crate) children: BTreeMap<usize, BTreeSet<usize>>,
}

impl Fields {
    /// The elements of the header's array: the top level first, then each compound.
    pub(crate) fn elements(&self) -> Vec<String> {
        let top = (!self.whole.is_empty()).then(|| hex(&self.whole));
        let nested = self.children.iter().filter(|(_, children)| !children.is_empty());
        top.into_iter().chain(nested.map(|(at, children)| format!("{at}-{}", hex(children)))).collect()
    }
}

/// `0x` and one big number in upper-case hexadecimal, whole bytes, the lowest bit for the first field.
fn hex(places: &BTreeSet<usize>) -> String {
    let length = places.last().map_or(1, |last| last / 8 + 1);
    let mut bytes = vec![0_u8; length];
    for place in places {
        if let Some(byte) = bytes.get_mut(length - 1 - place / 8) {
            *byte |= 1 << (place % 8);
        }
    }
    bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02X}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_8_the_guides_example_is_written_as_it_stands_there() {
        let fields = Fields {
            whole: [5, 6, 7, 10, 24, 26, 29, 30].into(),
            children: [(4, [4].into()), (7, [1, 2].into())].into(),
        };
        assert_eq!(fields.elements(), ["0x650004E0", "4-0x10", "7-0x06"]);
        let seen = Fields { whole: [6, 8, 17, 18, 29, 31].into(), children: BTreeMap::new() };
        assert_eq!(seen.elements(), ["0xA0060140"]);
        assert_eq!(Fields { whole: [71].into(), ..Fields::default() }.elements(), ["0x800000000000000000"]);
        assert!(Fields::default().elements().is_empty());
    }
}
