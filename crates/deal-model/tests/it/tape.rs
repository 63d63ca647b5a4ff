//! Choices from a tape of bytes: what a random case is drawn from, and shrunk with.

/// A source of choices. It never runs dry.
pub(crate) struct Tape {
    bytes: Vec<u8>,
    next: usize,
}

impl Tape {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, next: 0 }
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let byte = self.bytes.get(self.next % self.bytes.len().max(1)).copied().unwrap_or_default();
        // A tape that is read again says something else.
        let turn = self.next / self.bytes.len().max(1);
        self.next += 1;
        (usize::from(byte) + turn * 31) % bound
    }

    /// True in about `percent` of a hundred cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}
