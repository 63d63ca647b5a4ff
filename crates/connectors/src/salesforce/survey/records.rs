//! What only records can tell: campaigns that routes name, and live deals whose amount is the sum of their products.

use mapping::Mapping;
use salesforce::{
    CallContext, RecordId,
    soql::{Condition, Op, Select},
};
use sync_engine::SideError;

use crate::{
    Finding,
    salesforce::{
        Salesforce, refusal,
        rows::path,
        schema::{AMOUNT, HAS_LINE_ITEMS, OPPORTUNITY, Schema, object_name},
    },
};

const CAMPAIGN: &str = "Campaign";

impl Salesforce {
    /// Lines that replace what the descriptions alone could say.
    pub(super) async fn survey_records(
        &self,
        schema: &Schema,
        context: CallContext,
    ) -> Result<Vec<Finding>, SideError> {
        let mut findings = Vec::new();
        findings.extend(self.survey_campaigns(context).await?);
        findings.extend(self.survey_products(schema, context).await?);
        Ok(findings)
    }

    /// The campaigns of the routes; none where no route names one.
    async fn survey_campaigns(&self, context: CallContext) -> Result<Option<Finding>, SideError> {
        let (id, title) = ("salesforce.campaigns", "Campaigns of routes");
        let wanted = campaigns(&self.mapping);
        if !self.mapping.inbound().create || wanted.is_empty() {
            return Ok(None);
        }
        let ids: Vec<RecordId> = wanted.iter().filter_map(|text| text.parse().ok()).collect();
        let soql = Select::from(&object_name(CAMPAIGN)).fields([&path("Id")]);
        let soql = soql.filter(Condition::one_of(&path("Id"), ids)).build();
        let found = match self.client.query(context, &soql).await {
            Ok(page) => page.records,
            Err(salesforce::Error::Refused(refused)) if refused.status() < 500 => Vec::new(),
            Err(error) => return Err(refusal::of_error(&error)),
        };
        let there = |text: &&&str| {
            let id = text.parse::<RecordId>().ok();
            id.is_some() && found.iter().any(|record| record.id() == id)
        };
        let lacking: Vec<&str> = wanted.iter().filter(|text| !there(text)).copied().collect();
        Ok(Some(if lacking.is_empty() {
            Finding::pass(id, title, format!("{} are there", wanted.len()))
        } else {
            Finding::fail(
                id,
                title,
                format!("{} is no campaign that this user may see.", lacking.join(", ")),
                "Correct `campaign` of [[inbound.route]], or give the permission set access to campaigns.",
            )
        }))
    }

    /// How many live deals take their amount from products; none where it does not matter.
    async fn survey_products(
        &self,
        schema: &Schema,
        context: CallContext,
    ) -> Result<Option<Finding>, SideError> {
        let writes_amount = self.mapping.bindings().iter().any(|binding| {
            let own = binding.crm.as_ref().and_then(mapping::CrmPath::own_field);
            let groups = &self.mapping.specs().groups;
            let group = groups.iter().find(|group| group.members.iter().any(|it| it.id == binding.field));
            own.is_some_and(|name| name.eq_ignore_ascii_case(AMOUNT))
                && group.is_some_and(|it| it.to.crm.flows())
        });
        if !schema.features.line_items || !writes_amount {
            return Ok(None);
        }
        let told = schema.opt_in(&self.mapping, "");
        let Some(opted_in) = told.whole.or(told.asked) else { return Ok(None) };
        let live = opted_in
            .and(Condition::compare(&path("IsClosed"), Op::Eq, false))
            .and(Condition::compare(&path(HAS_LINE_ITEMS), Op::Eq, true));
        let soql = Select::from(&object_name(OPPORTUNITY)).fields([&path("Id")]).filter(live).build();
        let count = match self.client.query(context, &soql).await {
            Ok(page) => page.total,
            Err(salesforce::Error::Refused(_)) => return Ok(None),
            Err(error) => return Err(refusal::of_error(&error)),
        };
        Ok(Some(Finding::pass(
            "salesforce.live_products",
            "Live deals with products",
            match count {
                0 => "none: every amount can be written".to_owned(),
                1 => "1: its amount is the sum of its products; what the portal says of it is not written"
                    .to_owned(),
                count => {
                    format!(
                        "{count}: their amounts are sums of products; what the portal says of them is not written"
                    )
                }
            },
        )))
    }
}

fn campaigns(mapping: &Mapping) -> Vec<&str> {
    let routes = mapping.inbound().routes.iter().filter_map(|rule| rule.route.campaign.as_deref());
    let mut wanted: Vec<&str> = routes.collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}
