//! What a managed package like Microsoft's connector brings, under a namespace: labels as published, API names invented,
//! since the real ones are not public (salesforce reference, section 7).

use super::parts::{detail, flag, long, pick, text, url};
use crate::salesforce::schema::{Field, Object};

/// How the names of the package begin.
pub(super) const NAMESPACE: &str = "mspc__";

/// Its fields on the opportunity.
pub(super) fn on_opportunity() -> Vec<Field> {
    vec![
        flag("mspc__Sync_with_Partner_Center__c").labelled("Sync with Partner Center"),
        text("mspc__Referral_Identifier__c", 100).key().labelled("Referral Identifier"),
        url("mspc__Referral_Link__c").labelled("Referral Link"),
        pick("mspc__How_can_Microsoft_help__c", &super::deals::HELP).labelled("How can Microsoft help?"),
        long("mspc__Audit__c", 100_000).labelled("Audit"),
        flag("mspc__Visibility__c").labelled("Referral visible to Microsoft sellers?"),
        text("mspc__MSX_Id__c", 100).labelled("Microsoft CRM Identifier"),
        text("mspc__Program__c", 255).labelled("Referral Program"),
    ]
}

/// Its child object of the opportunity.
pub(super) fn solutions() -> Object {
    let mut object = Object::new(
        "mspc__PC_Solution__c",
        "a0M",
        vec![
            detail("mspc__Opportunity__c", &["Opportunity"], "mspc__PC_Solutions__r"),
            text("Name", 80).supplied().names(),
            text("mspc__Solution_Number__c", 255).labelled("Solution ID"),
        ],
    );
    "Microsoft Partner Center Solution".clone_into(&mut object.label);
    "Microsoft Partner Center Solutions".clone_into(&mut object.plural);
    object
}
