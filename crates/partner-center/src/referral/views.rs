//! The parts of a referral's document, each as a view with typed access (reference, sections 3.1 to 3.6).
//!
//! A view borrows what was read and changes nothing. An accessor answers nothing when the member is missing, `null`,
//! empty or not of its documented form: one wrong member never spoils its neighbours. What no page describes is still
//! there, under `document`.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::open_enums::TargetType;

/// How one member is read.
pub(super) mod read {
    use super::{Decimal, Timestamp, Value};

    pub(in super::super) fn text<'a>(part: &'a Value, member: &str) -> Option<&'a str> {
        part.get(member)?.as_str().filter(|text| !text.is_empty())
    }

    pub(in super::super) fn flag(part: &Value, member: &str) -> Option<bool> {
        part.get(member)?.as_bool()
    }

    /// Up to nine fractional digits are kept; the platform writes seven.
    pub(in super::super) fn instant(part: &Value, member: &str) -> Option<Timestamp> {
        part.get(member)?.as_str()?.parse().ok()
    }

    /// A number or a text, exactly as written; nothing if it has more digits than a decimal can hold.
    pub(in super::super) fn amount(part: &Value, member: &str) -> Option<Decimal> {
        let text = match part.get(member)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
    }

    /// What stands at `member`, or `null`.
    pub(in super::super) fn part<'a>(part: &'a Value, member: &str) -> &'a Value {
        part.get(member).unwrap_or(&Value::Null)
    }

    /// The objects of an array; anything that is none is left out, and anything but an array is an empty one.
    pub(in super::super) fn parts<'a>(
        part: &'a Value,
        member: &str,
    ) -> impl Iterator<Item = &'a Value> + use<'a> {
        let entries = part.get(member).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        entries.iter().filter(|entry| entry.is_object())
    }
}

macro_rules! view {
    (@type text) => { Option<&'a str> };
    (@type flag) => { Option<bool> };
    (@type instant) => { Option<Timestamp> };
    (@type amount) => { Option<Decimal> };
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $method:ident: $kind:ident $member:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name<'a>(pub(super) &'a Value);

        impl<'a> $name<'a> {
            /// The part as it was read, unknown members included; `null` if there is none.
            pub fn document(self) -> &'a Value {
                self.0
            }

            $($(#[$member_doc])*
            pub fn $method(self) -> view!(@type $kind) {
                read::$kind(self.0, $member)
            })+
        }
    };
}

pub(super) use view;

view!(
    /// The customer (reference, section 3.2).
    Customer {
        /// Its name.
        name: text "name",
        /// How many people it has, as one of the platform's ranges.
        size: text "size",
        /// Whether Microsoft has matched it.
        is_matching_complete: flag "isMatchingComplete",
    }
);

impl<'a> Customer<'a> {
    /// Where it is.
    pub fn address(self) -> Address<'a> {
        Address(read::part(self.0, "address"))
    }

    /// Its people.
    pub fn team(self) -> impl Iterator<Item = Person<'a>> {
        read::parts(self.0, "team").map(Person)
    }

    /// What others call it. The platform writes none of them as `[]` or as `{}`.
    pub fn ids(self) -> impl Iterator<Item = CustomerId<'a>> {
        read::parts(self.0, "ids").map(CustomerId)
    }

    /// Its DUNS number.
    pub fn duns(self) -> Option<&'a str> {
        self.ids().find(|id| id.profile_type().is_some_and(|kind| kind.eq_ignore_ascii_case("Duns")))?.id()
    }
}

view!(
    /// An address (reference, section 3.2).
    Address {
        /// First line.
        line1: text "addressLine1",
        /// Second line.
        line2: text "addressLine2",
        /// City.
        city: text "city",
        /// State or province.
        state: text "state",
        /// Postal code.
        postal_code: text "postalCode",
        /// Country, two letters.
        country: text "country",
        /// Region.
        region: text "region",
    }
);

view!(
    /// What somebody else calls the customer (reference, section 3.2).
    CustomerId {
        /// `Duns` or `External`, or what is not known yet.
        profile_type: text "profileType",
        /// The identifier.
        id: text "id",
    }
);

view!(
    /// Somebody of the customer's, of the partner's or of Microsoft's (reference, section 3.2).
    Person {
        /// First name.
        first_name: text "firstName",
        /// Last name.
        last_name: text "lastName",
        /// E-mail address.
        email: text "email",
        /// Phone number.
        phone_number: text "phoneNumber",
        /// Title.
        title: text "title",
        /// What the platform found out about the e-mail address.
        email_validation_status: text "emailValidationStatus",
        /// What the platform found out about the phone number.
        phone_validation_status: text "phoneValidationStatus",
    }
);

view!(
    /// What was consented to (reference, section 3.3).
    Consent {
        /// The customer's details may be shared. The platform doubles the "To".
        to_share_info_with_others: flag "consentToToShareInfoWithOthers",
        /// The customer may be contacted.
        to_contact: flag "consentToContact",
        /// Microsoft's sellers see the deal. Once true, for ever.
        to_share_with_microsoft_sellers: flag "consentToShareReferralWithMicrosoftSellers",
        /// Microsoft may contact certain partners.
        to_contact_specific_partners: flag "consentToMicrosoftToContactSpecificPartners",
    }
);

view!(
    /// What the deal is about (reference, section 3.4).
    Details {
        /// Notes.
        notes: text "notes",
        /// Its value, exactly; written as a number or as a text.
        deal_value: amount "dealValue",
        /// The value's currency, ISO 4217.
        currency: text "currency",
        /// When it is thought to close.
        closing: instant "closingDateTime",
        /// Whether the customer asked to be contacted.
        customer_requested_contact: flag "customerRequestedContact",
        /// What the customer did.
        customer_action: text "customerAction",
        /// The level of incentive.
        incentive_level: text "incentiveLevel",
    }
);

impl<'a> Details<'a> {
    fn requirements(self) -> &'a Value {
        read::part(self.0, "requirements")
    }

    /// The solutions asked for.
    pub fn solutions(self) -> impl Iterator<Item = Solution<'a>> {
        read::parts(self.requirements(), "solutions").map(Solution)
    }

    /// Industries, as identifiers.
    pub fn industries(self) -> impl Iterator<Item = &'a str> {
        ids(self.requirements(), "industries")
    }

    /// Products, as identifiers.
    pub fn products(self) -> impl Iterator<Item = &'a str> {
        ids(self.requirements(), "products")
    }

    /// Services, as identifiers.
    pub fn services(self) -> impl Iterator<Item = &'a str> {
        ids(self.requirements(), "services")
    }

    /// Offers, as they are: their members are not documented.
    pub fn offers(self) -> impl Iterator<Item = &'a Value> {
        read::parts(self.requirements(), "offers")
    }

    /// Sales plays, as they are: their members are not documented.
    pub fn sales_plays(self) -> impl Iterator<Item = &'a Value> {
        read::parts(self.requirements(), "salesPlays")
    }

    /// Further attributes, such as the customer's intent to buy in the marketplace.
    pub fn attributes(self) -> impl Iterator<Item = Attribute<'a>> {
        read::parts(read::part(self.requirements(), "additionalRequirements"), "attributes").map(Attribute)
    }

    /// The device's part of the requirements.
    pub fn iot(self) -> Iot<'a> {
        Iot(read::part(read::part(self.requirements(), "additionalRequirements"), "iot"))
    }
}

fn ids<'a>(part: &'a Value, member: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    read::parts(part, member).filter_map(|entry| read::text(entry, "id"))
}

view!(
    /// A solution of the deal (reference, section 3.4).
    Solution {
        /// `SOL-<number>-<letters>`, or a GUID.
        id: text "id",
        /// Its name.
        name: text "name",
        /// `None`, `Category` or `Name`, or what is not known yet.
        kind: text "type",
        /// Price.
        price: amount "price",
        /// Quantity.
        quantity: amount "quantity",
        /// The price's currency.
        currency: text "currency",
        /// Who publishes it.
        publisher_name: text "publisherName",
        /// `3P` or another.
        solution_type: text "solutionType",
        /// When it is thought to close.
        closing: instant "closingDateTime",
    }
);

view!(
    /// One further attribute. Of all pairs only one is confirmed (reference, section 3.4).
    Attribute {
        /// What it says, such as `CustomerMarketplaceIntent`.
        kind: text "type",
        /// Its value's identifier.
        id: text "id",
    }
);

view!(
    /// What is asked of a device (reference, section 3.4).
    Iot {
        /// The customer's license agreement.
        customer_license_agreement_number: text "customerLicenseAgreementNumber",
        /// The device's category.
        device_category: text "deviceCategory",
        /// Its silicon.
        silicon_type: text "siliconType",
        /// The certified device.
        azure_certified_device: text "azureCertifiedDevice",
        /// Services attached.
        attach_services: text "attachServices",
    }
);

view!(
    /// What was said when somebody was invited (reference, section 3.5).
    Invitation {
        /// Notes to whom was invited.
        notes: text "notes",
        /// The help asked for.
        assistance_request_code: text "assistanceRequestCode",
        /// The invited partner's location.
        invited_mpn_id: text "invitedMpnId",
    }
);

impl<'a> Invitation<'a> {
    /// Who invited.
    pub fn invited_by(self) -> Inviter<'a> {
        Inviter(read::part(self.0, "invitedBy"))
    }
}

view!(
    /// Who invited (reference, section 3.5).
    Inviter {
        /// An organisation's identifier; `msft` when Microsoft did.
        organization_id: text "organizationId",
        /// Its name.
        organization_name: text "organizationName",
    }
);

view!(
    /// What others' systems call the deal (reference, section 3.6).
    Tracking {
        /// Microsoft's own record, after Microsoft accepted.
        microsoft_msx_id: text "microsoftMsxId",
        /// Microsoft's opportunity for the federal government.
        us_fed_opportunity_id: text "microsoftUSFedOpportunityId",
        /// Microsoft's lead for the federal government.
        us_fed_lead_id: text "microsoftUSFedLeadId",
        /// The deal in the system before this one.
        migrated_deal_id: text "migratedPSCDealId",
        /// The partner's deal in the system before this one.
        migrated_partner_deal_id: text "migratedPSCPartnerDealId",
    }
);

view!(
    /// Whom or what a referral is addressed to (reference, section 3.1).
    Target {
        /// A location's or a solution's identifier; `msft` for Microsoft.
        id: text "id",
    }
);

impl Target<'_> {
    /// What kind of thing that is.
    pub fn kind(self) -> Option<TargetType> {
        read::text(self.0, "type").map(TargetType::from)
    }
}
