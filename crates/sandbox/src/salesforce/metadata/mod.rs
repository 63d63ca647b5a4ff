//! What deploys make of the org: custom objects and fields, permission sets, selected entities (reference, section 6).

mod customization;

pub(crate) use self::customization::{
    ChannelMember, Customization, NewField, NewObject, PermissionSet, Rights,
};
