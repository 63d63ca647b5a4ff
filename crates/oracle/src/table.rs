//! What is compared with what, by hand: one block a field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    Difference,
    pairs::{Pair, list, living},
    values::{day, flag, number, short_id, text},
};

/// Where received referrals wait for an answer in the org that is judged.
const ON_HOLD: &str = "Co-sell: to answer";

/// The page of a referral, before its id.
const LINK: &str = "https://partner.microsoft.com/referrals/v2/inbox?id=";

/// The kinds of help, as the picklist and as the portal name them.
const HELP: [(&str, &str); 7] = [
    ("", "Unknown"),
    ("Workload specific value proposition", "WorkloadSpecificValueProposition"),
    ("Customer technical architecture", "CustomerTechnicalArchitecture"),
    ("Proof of concept or demo", "ProofOfConceptOrDemo"),
    ("Quotes or licensing", "QuotesOrLicensing"),
    ("Post sales customer success", "PostSalesCustomerSuccess"),
    ("General or other", "GeneralOrOther"),
];

/// Whether the portal takes a change later.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Later {
    /// Both platforms can be changed, or Salesforce follows.
    Follows,
    /// The portal fixed it when the referral was created.
    Fixed,
}

struct Sheet<'a> {
    pair: &'a Pair<'a>,
    found: Vec<Difference>,
}

impl Sheet<'_> {
    fn equal(&mut self, field: &'static str, salesforce: String, portal: String, later: Later) {
        if salesforce != portal {
            self.found.push(Difference {
                opportunity: self.pair.opportunity_id().to_owned(),
                referral: self.pair.referral_id().to_owned(),
                field,
                salesforce,
                portal,
                fixed: later == Later::Fixed,
            });
        }
    }
}

/// Everything in which the two differ.
pub(crate) fn compare(pair: &Pair<'_>) -> Vec<Difference> {
    let (row, referral) = (pair.opportunity, pair.referral);
    let mut sheet = Sheet { pair, found: Vec::new() };
    let details = &referral["details"];
    let mut follows = |field, salesforce, portal| sheet.equal(field, salesforce, portal, Later::Follows);
    follows("amount", number(&row["Amount"]), number(&details["dealValue"]));
    follows("currency", text(&row["CurrencyIsoCode"]), text(&details["currency"]));
    follows("closing_date", day(&row["CloseDate"]), day(&details["closingDateTime"]));
    follows("notes", text(&row["Description"]), text(&details["notes"]));
    let shared = flag(&referral["consent"]["consentToShareReferralWithMicrosoftSellers"]);
    follows("share", flag(&row["Share_with_Microsoft__c"]).to_string(), shared.to_string());
    follows("identifier", text(&row["Referral_Identifier__c"]), text(&referral["id"]));
    follows("link", text(&row["Referral_Link__c"]), format!("{LINK}{}", text(&referral["id"])));
    follows("expires", day(&row["Referral_Expires__c"]), day(&referral["expirationDateTime"]));
    follows("program", text(&row["Referral_Program__c"]), text(&referral["referralProgram"]));
    // It is written at creation or at acceptance: a referral that was never accepted does not have it.
    if !referral["acceptedDateTime"].is_null() {
        let reference = short_id(&referral["externalReferenceId"]).to_owned();
        follows("external_reference", short_id(&row["Id"]).to_owned(), reference);
    }
    microsoft(&mut sheet);
    stage(&mut sheet);
    solutions(&mut sheet);
    customer(&mut sheet);
    team(&mut sheet);
    sheet.found
}

/// The opportunity's stage against the referral's state, and why a deal was lost.
fn stage(sheet: &mut Sheet<'_>) {
    let (row, referral) = (sheet.pair.opportunity, sheet.pair.referral);
    let name = text(&row["StageName"]);
    let meaning =
        living(sheet.pair.salesforce, "OpportunityStage").find(|stage| stage["ApiName"] == name.as_str());
    let is = |what: &str| meaning.is_some_and(|stage| flag(&stage[what]));
    let status = text(&referral["status"]);
    let substatus = text(&referral["substatus"]);
    let fits = match (status.as_str(), substatus.as_str()) {
        ("New", "Pending" | "Received") => name == ON_HOLD,
        ("Active", "Accepted") => meaning.is_some() && !is("IsClosed"),
        ("Closed", "Won") => is("IsWon"),
        ("Closed", "Lost" | "Declined" | "Expired" | "Error") => is("IsClosed") && !is("IsWon"),
        _ => false,
    };
    if !fits {
        sheet.equal("stage", name, format!("{status}/{substatus}"), Later::Follows);
    } else if substatus == "Lost" || substatus == "Declined" {
        let (salesforce, portal) = (text(&row["Loss_Reason__c"]), text(&referral["statusReason"]));
        sheet.equal("reason", salesforce, portal, Later::Follows);
    }
}

/// Microsoft's referral in the engagement: its answer, its people, its CRM id, and what it was asked.
fn microsoft(sheet: &mut Sheet<'_>) {
    let row = sheet.pair.opportunity;
    let nothing = Value::Null;
    let theirs = sheet.pair.microsoft.unwrap_or(&nothing);
    let answer = text(&theirs["substatus"]);
    sheet.equal("microsoft_status", text(&row["Microsoft_Status__c"]), answer, Later::Follows);
    let crm = text(&theirs["trackingInfo"]["microsoftMsxId"]);
    sheet.equal("microsoft_crm_id", text(&row["Microsoft_CRM_Identifier__c"]), crm, Later::Follows);
    let reason = text(&theirs["statusReason"]);
    sheet.equal("microsoft_reason", text(&row["Microsoft_Reason__c"]), reason, Later::Follows);
    let due = day(&theirs["expirationDateTime"]);
    sheet.equal("microsoft_expires", day(&row["Microsoft_Expires__c"]), due, Later::Follows);
    // How a person is written as a line of text is the product's choice; that each is there is not.
    let written = text(&row["Microsoft_Sellers__c"]);
    let sellers: Vec<String> = list(&theirs["team"])
        .iter()
        .map(|seller| {
            format!("{} {}", text(&seller["firstName"]), text(&seller["lastName"])).trim().to_owned()
        })
        .collect();
    if written.lines().count() != sellers.len() || !sellers.iter().all(|seller| written.contains(seller)) {
        sheet.equal("microsoft_sellers", written, sellers.join("\n"), Later::Follows);
    }
    if theirs["inviteContext"]["invitedBy"]["organizationId"] == sheet.pair.organization {
        let code = text(&theirs["inviteContext"]["assistanceRequestCode"]);
        let label = HELP.iter().find(|(_, known)| *known == code).map_or(code.as_str(), |(label, _)| label);
        sheet.equal("help", text(&row["How_can_Microsoft_help__c"]), label.to_owned(), Later::Fixed);
        let notes = text(&theirs["inviteContext"]["notes"]);
        sheet.equal("help_notes", text(&row["Notes_to_Microsoft__c"]), notes, Later::Fixed);
        contacts(sheet, theirs);
    } else if sheet.pair.microsoft.is_none() {
        sheet.equal("help", text(&row["How_can_Microsoft_help__c"]), String::new(), Later::Follows);
    }
}

/// The customer's people, who leave only when help is asked, and are read-only from then on (partner-center reference,
/// section 4.5). What was submitted stands in Microsoft's referral. Our own holds the same if it was created with the
/// request; one that was created before, for a deal of our own, was created without them and stays so.
fn contacts(sheet: &mut Sheet<'_>, theirs: &Value) {
    let pair = sheet.pair;
    let emails = |people: &mut dyn Iterator<Item = &Value>, member: &str| -> BTreeSet<String> {
        people.map(|person| text(&person[member]).to_lowercase()).filter(|email| !email.is_empty()).collect()
    };
    let mut people = pair
        .children("OpportunityContactRole", "OpportunityId")
        .filter_map(|role| pair.row("Contact", &role["ContactId"]));
    let in_salesforce = emails(&mut people, "Email");
    let in_referral = |of: &Value| emails(&mut list(&of["customerProfile"]["team"]).iter(), "email");
    let (ours, submitted) = (in_referral(pair.referral), in_referral(theirs));
    let created_with_help = text(&pair.referral["type"]) == "Shared";
    let at_the_portal = if created_with_help && ours != in_salesforce { ours } else { submitted };
    sheet.equal("contacts", joined(in_salesforce), joined(at_the_portal), Later::Fixed);
}

/// Our own people: the owner and every member of the opportunity's team who is active and has the four details that the
/// portal asks for is in the referral's team. The portal's own people may stand there beside them. A closed referral
/// takes nobody any more, and one that waits for its answer nobody yet.
fn team(sheet: &mut Sheet<'_>) {
    let pair = sheet.pair;
    if pair.referral["status"] != "Active" {
        return;
    }
    let members = pair.children("OpportunityTeamMember", "OpportunityId").map(|member| &member["UserId"]);
    let users = members.chain([&pair.opportunity["OwnerId"]]).filter_map(|id| pair.row("User", id));
    let details = ["FirstName", "LastName", "Email", "Phone"];
    let is_complete = |user: &&Value| {
        flag(&user["IsActive"]) && details.iter().all(|detail| !text(&user[*detail]).is_empty())
    };
    let wanted: BTreeSet<String> =
        users.filter(is_complete).map(|user| text(&user["Email"]).to_lowercase()).collect();
    let there: BTreeSet<String> =
        list(&pair.referral["team"]).iter().map(|member| text(&member["email"]).to_lowercase()).collect();
    if !wanted.is_subset(&there) {
        sheet.equal("team", joined(wanted), joined(there), Later::Follows);
    }
}

/// What the deal is about: the ids on both sides, and what both keep of each.
fn solutions(sheet: &mut Sheet<'_>) {
    let rows: BTreeMap<String, &Value> = sheet
        .pair
        .children("Microsoft_Solution__c", "Opportunity__c")
        .map(|row| (text(&row["Solution_Id__c"]), row))
        .collect();
    let elements: BTreeMap<String, &Value> =
        list(&sheet.pair.referral["details"]["requirements"]["solutions"])
            .iter()
            .map(|element| (text(&element["id"]), element))
            .collect();
    sheet.equal("solutions", joined(rows.keys().cloned()), joined(elements.keys().cloned()), Later::Follows);
    for (id, row) in &rows {
        let Some(element) = elements.get(id) else { continue };
        let members: [(&'static str, String, String); 4] = [
            ("solution_name", text(&row["Name"]), text(&element["name"])),
            ("solution_publisher", text(&row["Publisher__c"]), text(&element["publisherName"])),
            ("solution_type", text(&row["Solution_Type__c"]), text(&element["solutionType"])),
            ("solution_quantity", number(&row["Quantity__c"]), number(&element["quantity"])),
        ];
        for (field, salesforce, portal) in members {
            sheet.equal(field, salesforce, portal, Later::Follows);
        }
    }
}

/// The deal's name and the customer, which the portal fixes at creation.
fn customer(sheet: &mut Sheet<'_>) {
    let (row, referral) = (sheet.pair.opportunity, sheet.pair.referral);
    sheet.equal("name", text(&row["Name"]), text(&referral["name"]), Later::Fixed);
    let nothing = Value::Null;
    let account = sheet.pair.row("Account", &row["AccountId"]).unwrap_or(&nothing);
    let profile = &referral["customerProfile"];
    sheet.equal("customer_name", text(&account["Name"]), text(&profile["name"]), Later::Fixed);
    let address = &profile["address"];
    let street = street(&[text(&account["BillingStreet"])]);
    let lines = self::street(&[text(&address["addressLine1"]), text(&address["addressLine2"])]);
    sheet.equal("customer_street", street, lines, Later::Fixed);
    let salesforce = ["BillingCity", "BillingState", "BillingPostalCode", "BillingCountry"];
    let portal = ["city", "state", "postalCode", "country"];
    let place = |of: &Value, members: [&str; 4]| members.map(|member| text(&of[member])).join(", ");
    sheet.equal("customer_address", place(account, salesforce), place(address, portal), Later::Fixed);
}

/// A street as both sides hold it: its first line, and all others as the second.
fn street(parts: &[String]) -> String {
    let lines = parts.iter().flat_map(|part| part.lines()).map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    lines.split_first().map_or_else(String::new, |(first, others)| format!("{first}\n{}", others.join(", ")))
}

fn joined(words: impl IntoIterator<Item = String>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}
