//! The mapping file: what an admin edits, compiled to field specs for the merge and to codecs for the connectors.
//!
//! A mapping is data. The shipped default is `mappings/default.toml`; a company's own file holds only what differs and
//! is merged over it by name. Start at [`Mapping::compile`].

mod accounts;
mod address_rules;
mod binding;
mod catalogue;
mod codec;
mod company_names;
mod condition;
mod contacts;
mod crm_schema;
mod error;
mod expression;
mod file;
mod fix;
mod inbound;
mod leads;
mod list_overview;
mod lists;
mod mapping;
mod names;
mod opt_in;
mod partner_ids;
mod path;
mod provenance;
mod referral_life;
mod referral_schema;
mod set_binding;
mod stages;

pub use accounts::{AccountOwner, AccountPath, AccountRules, Compare, CustomerColumns, MatchKey, Persons};
pub use address_rules::{AddressPart, AddressRules};
pub use binding::{Absent, Binding, Fallback};
pub use catalogue::Catalogue;
pub use codec::{ChoiceTable, Codec, LinkTemplate, Range, RangeTable};
pub use company_names::{MAX_SPELLINGS, NameForm, Piece, Spelling};
pub use condition::{Condition, Test};
pub use contacts::{ContactKey, ContactRules, ContactScope};
pub use crm_schema::{Column, StandardField};
pub use error::MappingError;
pub use expression::{Example, Expression, Given, MAX_RESULT_CHARS, MAX_SOURCE_BYTES, Seen};
pub use fix::{Fix, KeyPath, Step};
pub use inbound::{AccountRule, Inbound, ReferralField, Route, RouteRule};
pub use leads::{LeadField, Leads};
pub use list_overview::ListOverview;
pub use lists::CodeLists;
pub use mapping::{Creation, Mapping, RecordType, Requirement, Source};
pub use names::Names;
pub use opt_in::{LeftOut, OptIn};
pub use partner_ids::{DealField, PartnerIdRule, PartnerIds};
pub use path::{ApiName, CrmPath, PathError, PortalPath, ROOT_OBJECT};
pub use provenance::{Place, Provenance, Said, Setting};
pub use referral_life::{portal_life, portal_life_ops};
pub use referral_schema::{Holds, Member, Writes};
pub use set_binding::{Attribute, Columns, KeyForm, SetBinding, SetSource, When};
pub use stages::{Ending, ListedStage, Meaning, PresentStage, StageError, StageWrite, Stages};
