//! Private sharing: which rows of an object a user without "View All" sees (salesforce reference, section 1.9; how access
//! reaches an account through its opportunities is inferred).

use super::{
    errors::Fault,
    id::Id,
    org::{Caller, Org, Role},
    tables::Row,
};

impl Org {
    /// Whether the row is shared with the caller. Only the integration user is held to private sharing: sellers of this
    /// org see everything.
    pub(crate) fn shares(&self, caller: &Caller, object: usize, row: &Row) -> bool {
        let shape = self.schema.object(object);
        let private = self.knobs.private.iter().any(|name| name.eq_ignore_ascii_case(shape.name));
        if caller.role != Role::Integration || !private {
            return true;
        }
        let owner = shape.position("OwnerId").and_then(|at| row.cell(at).as_id());
        owner.is_none_or(|owner| owner == caller.user)
            || match shape.name {
                "Opportunity" => self.on_team(caller.user, row.id),
                "Account" => self.leads_to_a_shared_opportunity(caller, row.id),
                _ => false,
            }
    }

    /// Refuses who the row is not shared with: it is as if it were not there.
    ///
    /// # Errors
    /// 404 `NOT_FOUND`.
    pub(crate) fn check_shared(&self, caller: &Caller, object: usize, row: &Row) -> Result<(), Fault> {
        if self.shares(caller, object, row) { Ok(()) } else { Err(Fault::not_found()) }
    }

    fn on_team(&self, user: Id, opportunity: Id) -> bool {
        self.children_of(opportunity, "OpportunityTeamMember", "OpportunityId").any(|(object, row)| {
            let member = self.schema.object(object).position("UserId");
            member.and_then(|at| row.cell(at).as_id()) == Some(user)
        })
    }

    fn leads_to_a_shared_opportunity(&self, caller: &Caller, account: Id) -> bool {
        self.children_of(account, "Opportunity", "AccountId")
            .any(|(object, row)| self.shares(caller, object, row))
    }

    fn children_of<'o>(
        &'o self,
        parent: Id,
        object: &str,
        reference: &str,
    ) -> impl Iterator<Item = (usize, &'o Row)> + use<'o> {
        let found = self.schema.find(object);
        let field = found.and_then(|at| self.schema.object(at).position(reference));
        let ids = found.zip(field).map(|(at, field)| (at, self.tables.by_parent(at, field, parent)));
        ids.into_iter().flat_map(|(at, ids)| ids.into_iter().map(move |id| (at, id))).filter_map(
            |(at, id)| {
                let row = self.tables.get(at, id).filter(|row| !row.deleted())?;
                Some((at, row.as_ref()))
            },
        )
    }
}
