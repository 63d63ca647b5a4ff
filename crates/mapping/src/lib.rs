//! The mapping file: what an admin edits, compiled to field specs for the merge and to codecs for the connectors.
//!
//! A mapping is data. The shipped default is `mappings/default.toml`; a company's own file holds only what differs and
//! is merged over it by name. Start at [`Mapping::compile`].

mod binding;
mod codec;
mod error;
mod file;
mod fix;
mod inbound;
mod leads;
mod lists;
mod mapping;
mod names;
mod path;
mod referral_life;
mod set_binding;
mod stages;

pub use binding::{Absent, Binding};
pub use codec::{ChoiceTable, Codec, LinkTemplate, Range, RangeTable};
pub use error::MappingError;
pub use fix::{Fix, KeyPath, Step};
pub use inbound::{AccountRule, Condition, ConditionField, Inbound, OptIn, Route, RouteRule};
pub use leads::{LeadField, Leads};
pub use lists::CodeLists;
pub use mapping::{Creation, LocationRule, Mapping, Requirement, Source};
pub use names::Names;
pub use path::{ApiName, CrmPath, PathError, PortalPath, ROOT_OBJECT};
pub use referral_life::{portal_life, portal_life_ops};
pub use set_binding::{Attribute, Columns, KeyForm, SetBinding, SetSource, When};
pub use stages::{Ending, ListedStage, Meaning, StageError, StageWrite, Stages};
