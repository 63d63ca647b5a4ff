//! The name of a topic, checked once.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest name accepted, in bytes.
const MAX_TOPIC: usize = 160;

/// A topic of change events, such as `/data/OpportunityChangeEvent` or `/data/My_Channel__chn`. Case matters
/// (salesforce reference, section 4.7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topic(String);

/// Why a text is no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no topic of change events: /data/ first, then letters, digits and underscores")]
pub struct InvalidTopic {
    /// The refused text, cut to a printable length. Topics come from configuration, never from records.
    pub text: String,
}

impl Topic {
    /// All objects that the org selected for change events. Those that this user may not see are left out silently.
    pub fn all() -> Self {
        Self("/data/ChangeEvents".to_owned())
    }

    /// Checks `text`.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidTopic> {
        let text = text.into();
        let fits = text.len() <= MAX_TOPIC
            && text.strip_prefix("/data/").is_some_and(|name| {
                name.starts_with(|first: char| first.is_ascii_alphabetic())
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            });
        if fits { Ok(Self(text)) } else { Err(InvalidTopic { text: text.chars().take(MAX_TOPIC).collect() }) }
    }

    /// The topic of one object: `Opportunity`, `My_Solution__c`, `ns__My_Solution__c`.
    pub fn of_object(object: &crate::ObjectName) -> Self {
        let name = object.as_str();
        match name.strip_suffix("__c") {
            Some(custom) => Self(format!("/data/{custom}__ChangeEvent")),
            None => Self(format!("/data/{name}ChangeEvent")),
        }
    }

    /// The name as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Topic {
    type Error = InvalidTopic;

    fn try_from(text: String) -> Result<Self, InvalidTopic> {
        Self::new(text)
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> String {
        topic.0
    }
}

impl FromStr for Topic {
    type Err = InvalidTopic;

    fn from_str(text: &str) -> Result<Self, InvalidTopic> {
        Self::new(text)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ObjectName;

    #[test]
    fn topics_of_the_reference_are_accepted_and_others_are_not() {
        for text in [
            "/data/ChangeEvents",
            "/data/OpportunityChangeEvent",
            "/data/ns__A__ChangeEvent",
            "/data/My__chn",
        ] {
            assert!(Topic::new(text).is_ok(), "{text}");
        }
        for text in
            ["", "/data/", "/event/Order__e", "data/A", "/data/A/B", "/data/1A", "/data/A B", "/data/Ä"]
        {
            assert!(Topic::new(text).is_err(), "{text}");
        }
        assert!(Topic::new(format!("/data/{}", "A".repeat(MAX_TOPIC))).is_err());
    }

    #[test]
    fn an_object_has_one_topic() {
        let topic = |name| Topic::of_object(&ObjectName::new(name).unwrap()).to_string();
        assert_eq!(topic("Opportunity"), "/data/OpportunityChangeEvent");
        assert_eq!(topic("My_Solution__c"), "/data/My_Solution__ChangeEvent");
        assert_eq!(topic("ns__My_Solution__c"), "/data/ns__My_Solution__ChangeEvent");
    }
}
