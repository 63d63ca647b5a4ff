//! Every code of the platform that means something to us, once: what it says, and what follows from that.

use ports::RetryClass;

/// What a refusal is about (salesforce reference, section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// The session is dead.
    Session,
    /// The org's calls of this day, or of this moment, are spent.
    Allowance,
    /// The edition or the user has no API.
    NoApi,
    /// The user may not touch the record, the object, or what the record points to.
    NoAccess,
    /// Nothing is there, or nothing that this user may see.
    NotFound,
    /// The record is in the recycle bin.
    Deleted,
    /// A query or a path names what is not there, or what this user may not see.
    Hidden,
    /// A query, a path or a body that only we can have built wrongly.
    Ours,
    /// The place in a list that was being read is gone.
    LostPlace,
    /// A field that must be filled is empty.
    Required,
    /// A text is longer than its field.
    TooLong,
    /// A restricted picklist does not have the value.
    Picklist,
    /// The customer's validation rule.
    Rule,
    /// The customer's flow, trigger or other code failed.
    Automation,
    /// Fields that do not fit together.
    Integrity,
    /// A field that is read only, or may be written at creation only.
    ReadOnly,
    /// A record that is pointed to is not there, or of another kind.
    Reference,
    /// A unique value is held by another record already.
    UniqueValue,
    /// The customer's duplicate rule.
    DuplicateRule,
    /// One identifier stands for several records.
    Ambiguous,
    /// Somebody else holds the row, or its parent, for a moment.
    RowLock,
    /// An approval process holds the record.
    ApprovalLock,
    /// The owner may not own it.
    Owner,
    /// The org does not use the currency.
    Currency,
    /// The org is full.
    Storage,
    /// The lead was converted.
    ConvertedLead,
    /// The record is not as it was read.
    Precondition,
    /// The platform took too long.
    Timeout,
    /// The platform is not there, or under repair.
    Unavailable,
    /// The platform failed, and says no more.
    Failed,
    /// Nothing was wrong with it: it fell with another of the same transaction.
    Bystander,
    /// A code that nobody has classified; its status decides.
    Unknown,
}

/// The codes by name. The names are verified against the platform's published types; the meanings are the reference's.
const CODES: [(&str, Meaning); 54] = [
    ("INVALID_SESSION_ID", Meaning::Session),
    ("REQUEST_LIMIT_EXCEEDED", Meaning::Allowance),
    ("API_DISABLED_FOR_ORG", Meaning::NoApi),
    ("API_CURRENTLY_DISABLED", Meaning::NoApi),
    ("INSUFFICIENT_ACCESS", Meaning::NoAccess),
    ("INSUFFICIENT_ACCESS_OR_READONLY", Meaning::NoAccess),
    ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", Meaning::NoAccess),
    ("NOT_FOUND", Meaning::NotFound),
    ("ENTITY_IS_DELETED", Meaning::Deleted),
    ("INVALID_TYPE", Meaning::Hidden),
    ("INVALID_FIELD", Meaning::Hidden),
    ("MALFORMED_QUERY", Meaning::Ours),
    ("MALFORMED_ID", Meaning::Ours),
    ("QUERY_TOO_COMPLICATED", Meaning::Ours),
    ("INVALID_QUERY_FILTER_OPERATOR", Meaning::Ours),
    ("NUMBER_OUTSIDE_VALID_RANGE", Meaning::Ours),
    ("INVALID_QUERY_LOCATOR", Meaning::LostPlace),
    ("JSON_PARSER_ERROR", Meaning::Ours),
    ("REQUIRED_FIELD_MISSING", Meaning::Required),
    ("STRING_TOO_LONG", Meaning::TooLong),
    ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", Meaning::Picklist),
    ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Meaning::Rule),
    ("FIELD_INTEGRITY_EXCEPTION", Meaning::Integrity),
    ("INVALID_FIELD_FOR_INSERT_UPDATE", Meaning::ReadOnly),
    ("INVALID_CROSS_REFERENCE_KEY", Meaning::Reference),
    ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Meaning::Automation),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", Meaning::Automation),
    ("APEX_ERROR", Meaning::Automation),
    ("DUPLICATE_VALUE", Meaning::UniqueValue),
    ("DUPLICATES_DETECTED", Meaning::DuplicateRule),
    ("DUPLICATE_EXTERNAL_ID", Meaning::Ambiguous),
    ("UNABLE_TO_LOCK_ROW", Meaning::RowLock),
    ("ENTITY_IS_LOCKED", Meaning::ApprovalLock),
    ("INACTIVE_OWNER_OR_USER", Meaning::Owner),
    ("TRANSFER_REQUIRES_READ", Meaning::Owner),
    ("INVALID_CURRENCY_ISO", Meaning::Currency),
    ("STORAGE_LIMIT_EXCEEDED", Meaning::Storage),
    ("CANNOT_UPDATE_CONVERTED_LEAD", Meaning::ConvertedLead),
    ("ALL_OR_NONE_OPERATION_ROLLED_BACK", Meaning::Bystander),
    ("PROCESSING_HALTED", Meaning::Bystander),
    ("EXCEEDED_ID_LIMIT", Meaning::Ours),
    ("INVALID_REPLICATION_DATE", Meaning::Ours),
    ("NOT_MODIFIED", Meaning::Ours),
    ("MATCH_PRECONDITION_FAILED", Meaning::Precondition),
    ("MATCH_PRECONDITION_REQUIRED", Meaning::Ours),
    ("ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", Meaning::Precondition),
    ("ENTITY_FAILED_IFLASTMODIFIED_ON_UNDELETE", Meaning::Precondition),
    ("QUERY_TIMEOUT", Meaning::Timeout),
    ("REQUEST_RUNNING_TOO_LONG", Meaning::Timeout),
    ("SERVER_UNAVAILABLE", Meaning::Unavailable),
    ("ORG_IN_MAINTENANCE", Meaning::Unavailable),
    ("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", Meaning::Unavailable),
    ("CIRCUIT_BREAKER_OPEN_EXCEPTION", Meaning::Unavailable),
    ("UNKNOWN_EXCEPTION", Meaning::Failed),
];

impl Meaning {
    /// What a code says.
    pub fn of(code: &str) -> Self {
        CODES.iter().find(|(name, _)| *name == code).map_or(Self::Unknown, |(_, meaning)| *meaning)
    }

    /// What a status says when no code is there that is known.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            300 => Self::Ambiguous,
            401 => Self::Session,
            403 => Self::NoAccess,
            404 => Self::NotFound,
            412 => Self::Precondition,
            408 | 504 => Self::Timeout,
            405 | 414 | 415 | 428 | 431 => Self::Ours,
            // 409 is a conflict with the state of something, such as another call under way.
            409 | 420 | 429 | 502 | 503 => Self::Unavailable,
            500..=599 => Self::Failed,
            _ => Self::Unknown,
        }
    }

    /// What follows for the next step. A code that nobody has classified is for a person, who reads its text.
    pub fn class(self) -> RetryClass {
        match self {
            Self::Session => RetryClass::Authenticate,
            Self::Allowance
            | Self::LostPlace
            | Self::RowLock
            | Self::ApprovalLock
            | Self::Timeout
            | Self::Unavailable
            | Self::Failed
            | Self::Bystander => RetryClass::LATER,
            Self::Deleted | Self::Precondition => RetryClass::Changed,
            Self::Ours => RetryClass::Bug,
            Self::NoApi
            | Self::NoAccess
            | Self::NotFound
            | Self::Hidden
            | Self::Required
            | Self::TooLong
            | Self::Picklist
            | Self::Rule
            | Self::Automation
            | Self::Integrity
            | Self::ReadOnly
            | Self::Reference
            | Self::UniqueValue
            | Self::DuplicateRule
            | Self::Ambiguous
            | Self::Owner
            | Self::Currency
            | Self::Storage
            | Self::ConvertedLead
            | Self::Unknown => RetryClass::Person,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_has_two_meanings() {
        let mut names: Vec<&str> = CODES.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CODES.len());
    }
}
