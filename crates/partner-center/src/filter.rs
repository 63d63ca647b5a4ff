//! Conditions on referrals, in OData. Quoting and dates are made here and nowhere else: what can be built is valid.

use std::fmt;

use jiff::Timestamp;

use crate::{
    ids::{EngagementId, OrganizationId},
    open_enums::{Direction, Qualification, ReferralType, Status, Substatus},
};

/// A condition on referrals (reference, section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

/// On which side of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At it or later.
    Since,
    /// Later.
    After,
    /// At it or earlier.
    Until,
    /// Earlier.
    Before,
}

impl When {
    fn operator(self) -> &'static str {
        match self {
            Self::Since => "ge",
            Self::After => "gt",
            Self::Until => "le",
            Self::Before => "lt",
        }
    }
}

impl Filter {
    /// Of this engagement.
    pub fn engagement_is(id: EngagementId) -> Self {
        Self::equals("engagementId", &id.to_string())
    }

    /// Owned by this organisation. Not among the documented filters (reference, section 2.1): expect a 400.
    pub fn organization_is(id: &OrganizationId) -> Self {
        Self::equals("organizationId", id.as_str())
    }

    /// In this status.
    pub fn status_is(status: &Status) -> Self {
        Self::equals("status", status.as_str())
    }

    /// In this substatus.
    pub fn substatus_is(substatus: &Substatus) -> Self {
        Self::equals("substatus", substatus.as_str())
    }

    /// Of this type.
    pub fn type_is(referral_type: &ReferralType) -> Self {
        Self::equals("type", referral_type.as_str())
    }

    /// Of this qualification.
    pub fn qualification_is(qualification: &Qualification) -> Self {
        Self::equals("qualification", qualification.as_str())
    }

    /// In this direction, which is not reliable (reference, section 3.1).
    pub fn direction_is(direction: &Direction) -> Self {
        Self::equals("direction", direction.as_str())
    }

    /// With a customer in this country, two letters.
    pub fn country_is(country: &str) -> Self {
        Self::equals("customerProfile/address/country", country)
    }

    /// With somebody of this address in the team.
    pub fn team_email_is(email: &str) -> Self {
        Self(format!("team/any(t:t/email eq {})", literal(email)))
    }

    /// The plain form of [`Filter::team_email_is`], which only the page of 2022 names.
    pub fn email_is(email: &str) -> Self {
        Self::equals("email", email)
    }

    /// Changed at or after `instant`.
    pub fn updated_since(instant: Timestamp) -> Self {
        Self::updated(When::Since, instant)
    }

    /// Changed on this side of `instant`. That dates can be compared is inferred (reference, section 2.1).
    pub fn updated(when: When, instant: Timestamp) -> Self {
        Self::dated("updatedDateTime", when, instant)
    }

    /// Created on this side of `instant`. That dates can be compared is inferred (reference, section 2.1).
    pub fn created(when: When, instant: Timestamp) -> Self {
        Self::dated("createdDateTime", when, instant)
    }

    /// Both conditions.
    pub fn and(self, other: Self) -> Self {
        Self(format!("{} and {}", self.0, other.0))
    }

    /// Either condition. No page of the platform's shows an `or` (reference, section 2.1).
    pub fn or(self, other: Self) -> Self {
        // `and` binds closer, so that the parentheses are needed once and suffice everywhere.
        Self(format!("({} or {})", self.0, other.0))
    }

    fn equals(member: &str, value: &str) -> Self {
        Self(format!("{member} eq {}", literal(value)))
    }

    fn dated(member: &str, when: When, instant: Timestamp) -> Self {
        // OData knows no years before the first one.
        let first = Timestamp::constant(-62_135_596_800, 0);
        // Seven digits, cut and not rounded: never later than what was asked for.
        Self(format!("{member} {} {:.7}", when.operator(), instant.max(first)))
    }
}

/// A text in OData: in quotes, and a quote inside is doubled.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn every_documented_path_can_be_asked_for() {
        let id = "0f4c0a53-0000-4000-8000-00000000e001".parse().unwrap();
        let table = [
            (Filter::engagement_is(id), "engagementId eq '0f4c0a53-0000-4000-8000-00000000e001'"),
            (Filter::status_is(&Status::Active), "status eq 'Active'"),
            (Filter::substatus_is(&Substatus::Accepted), "substatus eq 'Accepted'"),
            (Filter::qualification_is(&Qualification::SalesQualified), "qualification eq 'SalesQualified'"),
            (Filter::type_is(&ReferralType::Shared), "type eq 'Shared'"),
            (Filter::direction_is(&Direction::Incoming), "direction eq 'Incoming'"),
            (Filter::country_is("DE"), "customerProfile/address/country eq 'DE'"),
            (Filter::team_email_is("x@y.example"), "team/any(t:t/email eq 'x@y.example')"),
            (Filter::email_is("x@y.example"), "email eq 'x@y.example'"),
            (
                Filter::updated(When::After, at("2026-11-02T09:14:07.123456789Z")),
                "updatedDateTime gt 2026-11-02T09:14:07.1234567Z",
            ),
            (
                Filter::created(When::Before, at("2026-11-02T09:14:07Z")),
                "createdDateTime lt 2026-11-02T09:14:07.0000000Z",
            ),
        ];
        for (filter, expected) in table {
            assert_eq!(filter.to_string(), expected);
        }
    }

    #[test]
    fn a_quote_in_a_value_cannot_end_it() {
        let filter = Filter::team_email_is("x') or (status eq 'New");
        assert_eq!(filter.to_string(), "team/any(t:t/email eq 'x'') or (status eq ''New')");
    }

    #[test]
    fn an_instant_before_the_first_year_is_its_beginning() {
        let filter = Filter::updated_since(Timestamp::MIN);
        assert_eq!(filter.to_string(), "updatedDateTime ge 0001-01-01T00:00:00.0000000Z");
    }

    #[test]
    fn either_of_two_conditions_stays_together() {
        let either = Filter::country_is("DE").or(Filter::country_is("AT"));
        let both = Filter::status_is(&Status::New).and(either);
        let expected = "status eq 'New' and (customerProfile/address/country eq 'DE' or \
                        customerProfile/address/country eq 'AT')";
        assert_eq!(both.to_string(), expected);
    }
}
