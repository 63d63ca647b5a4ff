// What any Salesforce programmer would write: an independent client creates an opportunity, opts it in, and waits for
// the identifier of its referral. Prints one line of JSON.
import jsforce from "jsforce";

const [instanceUrl, accessToken] = [process.env.INSTANCE_URL, process.env.ACCESS_TOKEN];
const connection = new jsforce.Connection({ instanceUrl, accessToken, version: "66.0" });
const PATIENCE_MS = 60_000;

async function create(object, row) {
  const answer = await connection.sobject(object).create(row);
  if (!answer.success) throw new Error(`${object}: ${JSON.stringify(answer.errors)}`);
  return answer.id;
}

const account = await create("Account", {
  Name: "Wide World Importers", BillingStreet: "Kade 3", BillingCity: "Rotterdam", BillingPostalCode: "3011",
  BillingCountry: "NL",
});
const contact = await create("Contact", {
  FirstName: "Ana", LastName: "de Vries", Email: "ana@wide-world.example", Phone: "+31101234567", AccountId: account,
});
const opportunity = await create("Opportunity", {
  Name: "Wide World warehouse", StageName: "Qualification", CloseDate: "2027-02-28", Amount: 64000,
  CurrencyIsoCode: "EUR", AccountId: account, Description: "Created by an independent client",
  Consent_to_Share__c: true, Share_with_Microsoft__c: true,
});
await create("OpportunityContactRole", { OpportunityId: opportunity, ContactId: contact, IsPrimary: true });
await create("Microsoft_Solution__c", {
  Opportunity__c: opportunity, Name: "Fabrikam Insight", Solution_Id__c: "SOL-12345-ABC",
});
await connection.sobject("Opportunity").update({ Id: opportunity, Sync_with_Partner_Center__c: true });

const until = Date.now() + PATIENCE_MS;
let referral = null;
while (referral === null && Date.now() < until) {
  await new Promise((look) => setTimeout(look, 50));
  const found = await connection.query(
    `SELECT Referral_Identifier__c, (SELECT Solution_Id__c FROM Microsoft_Solutions__r) ` +
      `FROM Opportunity WHERE Id = '${opportunity}'`,
  );
  referral = found.records[0].Referral_Identifier__c;
}
console.log(JSON.stringify({ opportunity, referral }));
