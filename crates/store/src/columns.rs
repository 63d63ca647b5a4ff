//! How the model's types lie in columns, in every dialect: moments, words, numbers, JSON.
//!
//! A dialect binds and reads the plain kinds (`i64`, text); what they mean is said here, once.

use std::any::type_name;

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

/// A value that does not parse. Says where and of what kind, never what was there: it may be personal data.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

fn unreadable<T>(reason: &str) -> Unreadable {
    Unreadable(format!("not a {}: {reason}", type_name::<T>()))
}

/// A value of the program's own that no column takes: a mistake of the program.
#[derive(Debug)]
pub(crate) struct Unwritable(pub(crate) String);

/// A moment, as microseconds since 1970 UTC; finer parts are cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Micros(pub(crate) Timestamp);

impl Micros {
    pub(crate) fn number(self) -> i64 {
        self.0.as_microsecond()
    }

    pub(crate) fn of(micros: i64) -> Result<Self, Unreadable> {
        Timestamp::from_microsecond(micros).map(Self).map_err(|_| unreadable::<Timestamp>("out of range"))
    }
}

/// An unsigned number within a column's signed 64 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(pub(crate) u64);

impl Count {
    pub(crate) fn number(self) -> Result<i64, Unwritable> {
        i64::try_from(self.0).map_err(|error| Unwritable(error.to_string()))
    }

    pub(crate) fn of(number: i64) -> Result<Self, Unreadable> {
        u64::try_from(number).map(Self).map_err(|_| unreadable::<u64>("negative"))
    }
}

/// A unit enum by the one word that serde knows it by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<T>(pub(crate) T);

impl<T: Serialize> Word<T> {
    pub(crate) fn text(&self) -> Result<String, Unwritable> {
        match serde_json::to_value(&self.0) {
            Ok(serde_json::Value::String(word)) => Ok(word),
            Ok(_) => Err(Unwritable("not one word".to_owned())),
            Err(error) => Err(Unwritable(error.to_string())),
        }
    }
}

impl<T: DeserializeOwned> Word<T> {
    pub(crate) fn of(word: String) -> Result<Self, Unreadable> {
        let word = serde_json::Value::String(word);
        serde_json::from_value(word).map(Self).map_err(|_| unreadable::<T>("unknown word"))
    }
}

/// Anything else, as JSON text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> Json<T> {
    pub(crate) fn text(&self) -> Result<String, Unwritable> {
        serde_json::to_string(&self.0).map_err(|error| Unwritable(error.to_string()))
    }
}

impl<T: DeserializeOwned> Json<T> {
    pub(crate) fn of(text: &str) -> Result<Self, Unreadable> {
        serde_json::from_str(text).map(Self).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            unreadable::<T>(&place)
        })
    }
}
