//! Sealing: what no file of the store may show is AES-256-GCM text, bound to its place.
//!
//! The operator's [`SealKey`] seals tokens and data keys. A data key seals what the archive and the history hold of one
//! deal, or of one referral that became none: destroyed, all of that is unreadable for ever, in every copy of the rows
//! that was made without the key. A sealed text is 12 bytes of nonce, then the text with its tag. What it is bound to
//! (its place) is not stored: moved to another row, or put back from an older one, it does not open.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use secrecy::{ExposeSecret as _, SecretBox, zeroize::Zeroizing};
use sync_engine::StoreError;

use crate::SealKey;

/// Seals `text` for `place`. `None` if the operating system gives no random bytes.
pub(crate) fn seal(key: &[u8; SealKey::BYTES], place: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    // With room for the tag: growing would leave a copy of the text behind.
    let mut sealed = Vec::with_capacity(text.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(text);
    let nonce = key.seal_in_place_append_tag(Aad::from(place), &mut sealed).ok()?;
    Some([nonce.as_ref(), sealed.as_slice()].concat())
}

/// Opens what [`seal`] made. `None` if it was sealed with another key, for another place, or changed since.
pub(crate) fn open(key: &[u8; SealKey::BYTES], place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let length = key.open_in_place(nonce, Aad::from(place), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

/// Opens what the seal key, or one before it, sealed.
pub(crate) fn open_under(master: &SealKey, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut keys = [master.expose()].into_iter().chain(master.former());
    keys.find_map(|key| open(key, place, sealed))
}

/// The key of one deal's values.
pub(crate) struct DataKey(SecretBox<[u8; SealKey::BYTES]>);

/// How a data key lies in the store: in the clear, because the store had no seal key.
const CLEAR: u8 = 0;
/// Sealed by the operator's key.
const SEALED: u8 = 1;

impl DataKey {
    /// Draws a new key.
    pub(crate) fn draw() -> Result<Self, StoreError> {
        let mut bytes = Box::new([0; SealKey::BYTES]);
        rand::fill(&mut *bytes).map_err(|_| no_random())?;
        Ok(Self(SecretBox::new(bytes)))
    }

    /// Seals a text under this key.
    pub(crate) fn seal(&self, place: &[u8], text: &[u8]) -> Result<Vec<u8>, StoreError> {
        seal(self.0.expose_secret(), place, text).ok_or_else(no_random)
    }

    /// Opens a text that was sealed under this key, for this place.
    pub(crate) fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        open(self.0.expose_secret(), place, sealed).ok_or_else(|| {
            StoreError::Damaged(
                "a sealed value does not open: it was changed, or moved from another row".to_owned(),
            )
        })
    }

    /// How the key lies in the store, as the key number `number` of `subject`.
    pub(crate) fn wrap(
        &self,
        master: Option<&SealKey>,
        subject: &str,
        number: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let bytes = self.0.expose_secret();
        let (kind, body) = match master {
            None => (CLEAR, bytes.to_vec()),
            Some(master) => {
                (SEALED, seal(master.expose(), &key_place(subject, number), bytes).ok_or_else(no_random)?)
            }
        };
        Ok([&[kind], body.as_slice()].concat())
    }

    /// How a key that lies in the store is to lie there, if it is not sealed by the present seal key.
    pub(crate) fn wrapped_anew(
        master: &SealKey,
        subject: &str,
        number: u64,
        wrapped: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some((&SEALED, body)) = wrapped.split_first()
            && open(master.expose(), &key_place(subject, number), body).is_some()
        {
            return Ok(None);
        }
        Self::unwrapped(Some(master), subject, number, wrapped)?.wrap(Some(master), subject, number).map(Some)
    }

    /// Takes a key as [`DataKey::wrap`] laid it down.
    pub(crate) fn unwrapped(
        master: Option<&SealKey>,
        subject: &str,
        number: u64,
        wrapped: &[u8],
    ) -> Result<Self, StoreError> {
        let body = Zeroizing::new(match (wrapped.split_first(), master) {
            (Some((&CLEAR, body)), _) => body.to_vec(),
            (Some((&SEALED, _)), None) => return Err(StoreError::Failed(NO_KEY.to_owned())),
            (Some((&SEALED, body)), Some(master)) => open_under(master, &key_place(subject, number), body)
                .ok_or_else(|| StoreError::Failed(WRONG_KEY.to_owned()))?,
            _ => return Err(StoreError::Damaged("data_key.wrapped: unknown kind".to_owned())),
        });
        if body.len() != SealKey::BYTES {
            return Err(StoreError::Damaged("data_key.wrapped: not 256 bits".to_owned()));
        }
        Ok(Self(SecretBox::init_with_mut(|key: &mut [u8; SealKey::BYTES]| key.copy_from_slice(&body))))
    }
}

/// Demands that one of these sealed keys opens, if there are any: subject, number, and how it lies in the store.
pub(crate) fn require_one(
    master: Option<&SealKey>,
    keys: &[(String, u64, Vec<u8>)],
) -> Result<(), StoreError> {
    let mut first = None;
    for (subject, number, wrapped) in keys {
        match DataKey::unwrapped(master, subject, *number, wrapped) {
            Ok(_) => return Ok(()),
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(()), Err)
}

const NO_KEY: &str = "histories and kept values are sealed, and this process was given no seal key\n  fix: give it \
                      the key that [store] seal_key names, as the service has it";
const WRONG_KEY: &str = "histories and kept values do not open with this seal key\n  fix: put the key back that \
                         sealed them where [store] seal_key says, or name it in former_seal_key.\n  If it is lost, so \
                         is what it sealed: cosell forget DEAL --yes lets a deal go on without";

fn key_place(subject: &str, number: u64) -> Vec<u8> {
    format!("cosell data key {number} of {subject}").into_bytes()
}

/// Nothing is sealed anew without a key to do it with.
pub(crate) fn no_key() -> StoreError {
    StoreError::Failed(NO_KEY.to_owned())
}

fn no_random() -> StoreError {
    StoreError::Failed("nothing can be sealed: the operating system gives no random bytes".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &[u8] = b"here";

    fn master(byte: u8) -> SealKey {
        SealKey::new([byte; SealKey::BYTES])
    }

    #[test]
    fn a_text_opens_under_its_key_and_in_its_place_alone() {
        let (key, other) = (DataKey::draw().unwrap(), DataKey::draw().unwrap());
        let sealed = key.seal(PLACE, b"a value").unwrap();
        assert_eq!(key.open(PLACE, &sealed).unwrap(), b"a value");
        assert!(other.open(PLACE, &sealed).is_err());
        assert!(key.open(b"there", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(PLACE, &changed).is_err(), "byte {at} may not be changed");
        }
        assert!(key.open(PLACE, b"short").is_err());
    }

    #[test]
    fn the_same_text_is_never_sealed_alike() {
        let key = DataKey::draw().unwrap();
        assert_ne!(key.seal(PLACE, b"a value").unwrap(), key.seal(PLACE, b"a value").unwrap());
    }

    #[test]
    fn a_data_key_is_bound_to_the_seal_key_its_subject_and_its_number() {
        let key = DataKey::draw().unwrap();
        let wrapped = key.wrap(Some(&master(1)), "deal d1", 1).unwrap();
        let open =
            |master: Option<&SealKey>, subject, number| DataKey::unwrapped(master, subject, number, &wrapped);
        let sealed = key.seal(PLACE, b"a value").unwrap();
        let same = open(Some(&master(1)), "deal d1", 1).unwrap();
        assert_eq!(same.open(PLACE, &sealed).unwrap(), b"a value");
        assert!(open(Some(&master(2)), "deal d1", 1).is_err());
        assert!(open(Some(&master(1)), "deal d2", 1).is_err());
        assert!(open(Some(&master(1)), "deal d1", 2).is_err());
        assert!(matches!(open(None, "deal d1", 1), Err(StoreError::Failed(why)) if why.contains("fix:")));
    }

    #[test]
    fn a_former_seal_key_opens_and_the_present_one_seals_anew() {
        let key = DataKey::draw().unwrap();
        let both = || master(2).after(master(1));
        for old in [key.wrap(Some(&master(1)), "deal d1", 1).unwrap(), key.wrap(None, "deal d1", 1).unwrap()]
        {
            DataKey::unwrapped(Some(&both()), "deal d1", 1, &old).unwrap();
            let anew =
                DataKey::wrapped_anew(&both(), "deal d1", 1, &old).unwrap().expect("it is not sealed so");
            assert_eq!(DataKey::wrapped_anew(&both(), "deal d1", 1, &anew).unwrap(), None);
            let same = DataKey::unwrapped(Some(&master(2)), "deal d1", 1, &anew).unwrap();
            assert_eq!(same.open(PLACE, &key.seal(PLACE, b"a value").unwrap()).unwrap(), b"a value");
            assert!(DataKey::unwrapped(Some(&master(1)), "deal d1", 1, &anew).is_err());
        }
        let other = key.wrap(Some(&master(3)), "deal d1", 1).unwrap();
        assert!(DataKey::wrapped_anew(&both(), "deal d1", 1, &other).is_err(), "neither opens it");
    }

    #[test]
    fn without_a_seal_key_a_data_key_is_kept_all_the_same() {
        let key = DataKey::draw().unwrap();
        let wrapped = key.wrap(None, "deal d1", 1).unwrap();
        let sealed = key.seal(PLACE, b"a value").unwrap();
        for master in [None, Some(&master(1))] {
            let same = DataKey::unwrapped(master, "deal d1", 1, &wrapped).unwrap();
            assert_eq!(same.open(PLACE, &sealed).unwrap(), b"a value");
        }
        assert!(DataKey::unwrapped(None, "deal d1", 1, &wrapped[..9]).is_err());
        assert!(DataKey::unwrapped(None, "deal d1", 1, &[]).is_err());
    }
}
