//! Who may do what: rights on objects, field access by permission set, rights in the org as a whole (sections 1.9, 6.2).

use super::{
    errors::Fault,
    knobs::{Permission, Right},
    metadata::Rights,
    org::{Caller, Org, Role},
    schema::Field,
};

impl Org {
    /// Whether a permission set assigned to a user of this role lets it see the field, and then whether it lets it
    /// write. The rights of a role are those of all its users together.
    pub(crate) fn granted_field(&self, role: Role, object: usize, field: &Field) -> Option<bool> {
        let key = format!("{}.{}", self.schema.object(object).name, field.name).to_lowercase();
        let sets = self.customization.permission_sets.values();
        sets.filter(|set| self.assigned(set.id, role)).filter_map(|set| set.fields.get(&key).copied()).max()
    }

    fn granted_object(&self, role: Role, object: usize) -> Rights {
        let key = self.schema.object(object).name.to_lowercase();
        let mut all = Rights::default();
        for set in self.customization.permission_sets.values() {
            if let Some(rights) = set.objects.get(&key)
                && self.assigned(set.id, role)
            {
                all.create |= rights.create;
                all.read |= rights.read;
                all.edit |= rights.edit;
                all.delete |= rights.delete;
            }
        }
        all
    }

    fn assigned(&self, set: super::id::Id, role: Role) -> bool {
        let Some(assignments) = self.schema.find("PermissionSetAssignment") else { return false };
        let shape = self.schema.object(assignments);
        let (Some(of), Some(to)) = (shape.position("PermissionSetId"), shape.position("AssigneeId")) else {
            return false;
        };
        self.tables.by_parent(assignments, of, set).into_iter().any(|id| {
            self.tables.get(assignments, id).filter(|row| !row.deleted()).is_some_and(|row| {
                let user = row.cell(to).as_id();
                self.people.iter().any(|person| person.role == role && Some(person.id) == user)
            })
        })
    }

    /// What users of this role may do with the object.
    pub(crate) fn rights(&self, role: Role, object: usize) -> Rights {
        let shape = self.schema.object(object);
        let mut rights =
            if shape.open || role == Role::Admin { Rights::FULL } else { self.granted_object(role, object) };
        if role == Role::Integration {
            for denied in &self.knobs.denied {
                if denied.object.eq_ignore_ascii_case(shape.name) {
                    for right in &denied.rights {
                        match right {
                            Right::Create => rights.create = false,
                            // Who cannot read can do nothing.
                            Right::Read => rights = Rights::default(),
                            Right::Edit => rights.edit = false,
                            Right::Delete => rights.delete = false,
                        }
                    }
                }
            }
        }
        rights
    }

    /// The object of this name, if the caller may read it: without the right it is as if it did not exist.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn readable(&self, caller: &Caller, name: &str) -> Result<usize, Fault> {
        let object = self.object(name)?;
        let shown = !self.schema.object(object).tooling && self.rights(caller.role, object).read;
        if shown { Ok(object) } else { Err(Fault::not_found()) }
    }

    /// Refuses a save or delete that the caller has no right to (400 on saves: reference, section 2.3).
    ///
    /// # Errors
    /// `INSUFFICIENT_ACCESS`, or `INSUFFICIENT_ACCESS_OR_READONLY` on a row that is there.
    pub(crate) fn check_right(&self, caller: &Caller, object: usize, right: Right) -> Result<(), Fault> {
        let rights = self.rights(caller.role, object);
        let (held, code) = match right {
            Right::Create => (rights.create, "INSUFFICIENT_ACCESS"),
            Right::Read => (rights.read, "INSUFFICIENT_ACCESS"),
            Right::Edit => (rights.edit, "INSUFFICIENT_ACCESS_OR_READONLY"),
            Right::Delete => (rights.delete, "INSUFFICIENT_ACCESS_OR_READONLY"),
        };
        if held {
            return Ok(());
        }
        Err(Fault::bad(code, "insufficient access rights on object id"))
    }

    /// Whether the field may be written by users of this role.
    pub(crate) fn editable(&self, role: Role, object: usize, field: &Field) -> bool {
        field.open || self.granted_field(role, object, field) == Some(true)
    }

    /// Whether the caller has a right in the org as a whole. Administrators have all; sellers see all rows and
    /// the set-up.
    pub(crate) fn permits(&self, role: Role, permission: Permission) -> bool {
        match role {
            Role::Admin => true,
            Role::Seller => matches!(permission, Permission::ViewAllData | Permission::ViewSetup),
            Role::Integration => self.knobs.permissions.contains(&permission),
        }
    }

    /// Refuses who lacks a right in the org as a whole.
    ///
    /// # Errors
    /// 403 `INSUFFICIENT_ACCESS`.
    pub(crate) fn require(&self, caller: &Caller, permission: Permission) -> Result<(), Fault> {
        if self.permits(caller.role, permission) {
            return Ok(());
        }
        Err(Fault::new(
            http::StatusCode::FORBIDDEN,
            "INSUFFICIENT_ACCESS",
            format!("You do not have access to this resource: {permission:?} is required"),
        ))
    }
}
