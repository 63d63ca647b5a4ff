//! Randomness, as something that is handed in.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// Draws random numbers: jitter and request identifiers. Never used for keys or secrets.
pub trait Rng: Send + Sync + 'static {
    /// A uniformly drawn number.
    fn next_u64(&self) -> u64;

    /// A random version 4 GUID in its lower-case, hyphenated form.
    fn guid(&self) -> String {
        let (high, low) = (self.next_u64(), self.next_u64());
        let bits = (u128::from(high) << 64) | u128::from(low);
        let bits = (bits & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
        let hex = format!("{bits:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// A number in `0.0..1.0`, for full jitter.
    fn fraction(&self) -> f64 {
        // 53 bits are what an f64 can hold exactly.
        #[allow(clippy::cast_precision_loss)]
        let fraction = (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        fraction
    }
}

/// Seeds itself from the operating system, anew at each draw.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn next_u64(&self) -> u64 {
        RandomState::new().build_hasher().finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_version_4() {
        let guid = SystemRng.guid();
        assert_eq!(guid.len(), 36);
        assert_eq!(&guid[14..15], "4");
        assert!(matches!(&guid[19..20], "8" | "9" | "a" | "b"));
    }
}
