//! What deploys make of the org: custom objects and fields, permission sets, selected entities (reference, section 6).
//!
//! [`deploys`] answers the REST resource and keeps the jobs; a job's zip is read by [`package`], its components by the
//! file of their type, and [`plan`] puts them together into the [`Customization`] that the org would have.

mod customization;
mod deploys;
mod fields;
mod members;
mod multipart;
mod objects;
mod package;
mod permissions;
mod plan;
mod removals;
mod tooling;
mod xml;

pub(crate) use self::{
    customization::{Customization, NewField, Rights},
    deploys::Deploys,
};
