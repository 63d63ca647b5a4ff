//! Salesforce names that the program uses outside the merge. Another product or a namespace may own them.

use crate::ApiName;

macro_rules! names {
    ($($(#[$doc:meta])* $key:ident = $default:literal,)*) => {
        /// Fields that are no part of the merge, by what they are for. Of the opportunity unless said otherwise.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Names {
            $($(#[$doc])* pub $key: ApiName,)*
        }

        impl Default for Names {
            fn default() -> Self {
                Self { $($key: ApiName::fixed($default),)* }
            }
        }

        impl Names {
            /// The keys of `[names]`.
            pub(crate) const KEYS: &[&str] = &[$(stringify!($key)),*];

            pub(crate) fn slot(&mut self, key: &str) -> Option<&mut ApiName> {
                match key {
                    $(stringify!($key) => Some(&mut self.$key),)*
                    _ => None,
                }
            }

            /// Key and name, in order.
            pub fn entries(&self) -> Vec<(&'static str, &ApiName)> {
                vec![$((stringify!($key), &self.$key)),*]
            }
        }
    };
}

names! {
    /// The checkbox that opts an opportunity in.
    sync = "Sync_with_Partner_Center__c",
    /// The referral's identifier.
    identifier = "Referral_Identifier__c",
    /// The unique external id that an insert carries; `Co_sell_Key__c` where the identifier is not unique.
    unique_key = "Referral_Identifier__c",
    /// The opportunity's own identifier, written at birth: a clone carries another's.
    origin = "Co_sell_Origin__c",
    /// The audit lines.
    audit = "Audit__c",
    /// The sync status.
    status = "Co_sell_Status__c",
    /// The problem's sentence.
    problem = "Co_sell_Problem__c",
    /// When it was last in step.
    synced_at = "Co_sell_Synced_At__c",
    /// The checkbox by which the seller records the customer's consent.
    consent = "Consent_to_Share__c",
    /// The seller's answer to a received referral.
    response = "Co_sell_Response__c",
    /// Where Microsoft's connector kept solutions before it had an object for them: looked for, never written.
    products = "Products__c",
    /// The account's unique key.
    account_key = "Co_sell_Key__c",
}
