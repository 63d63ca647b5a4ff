//! The client of the Salesforce platform: login, queries, rows, composite calls, descriptions, limits.
//!
//! It speaks the REST API over a [`ports::HttpService`], takes time, chance and a place in the budget from `ports`,
//! and says of every failure what it means for the next step ([`Error::class`]). It knows no deals.
//!
//! - [`Client`] is the entry; every call takes a [`CallContext`].
//! - [`soql`] builds queries that no value can break.
//! - [`Subrequest`]s go together in one [`Client::composite`] call, each with its own precondition.
//! - A [`Graph`] makes records that stand or fall together; many graphs go in one [`Client::graphs`] call.
//! - [`Meaning`] says what each of the platform's codes is about.
//! - [`events`] tells in seconds what changed, over a stream of its own.
//! - [`Record`] is what is read; the server's own time of an answer comes with it, because only that clock may
//!   decide whether a record is settled.

mod barred;
mod client;
mod codes;
mod collections;
mod composite;
mod config;
mod denial;
mod describe;
mod error;
pub mod events;
mod graph;
mod id;
mod kept;
mod limits;
mod login;
mod name;
mod organization;
mod query;
mod record;
mod refusal;
mod rows;
mod session;
mod sign_in;
pub mod soql;
mod stamp;
mod subrequest;
mod versions;

pub use barred::Barred;
pub use client::{CallContext, Client, Standing};
pub use codes::Meaning;
pub use collections::{MAX_RETRIEVE, MAX_ROWS, RetrievedRows, RowResult};
pub use composite::{CompositeAnswer, MAX_COMPOSITE_QUERIES, MAX_SUBREQUESTS};
pub use config::{ClientConfig, ClientLimits, DEFAULT_API_VERSION, LoginConfig, LoginFlow, SecretPlace};
pub use describe::{
    ChildRelationship, Describe, FieldDescribe, FieldType, GlobalDescribe, ObjectOutline, PicklistValue,
    RecordType,
};
pub use error::{Error, Misuse, Result};
pub use graph::{
    Graph, GraphAnswer, GraphAnswers, MAX_DEPTH, MAX_FAILED_GRAPHS, MAX_GRAPHS, MAX_KINDS, MAX_NODES,
};
pub use id::{InvalidId, OrgId, RecordId, UserId};
pub use limits::{ApiUsage, OrgLimit};
pub use name::{FieldName, FieldPath, InvalidName, ObjectName};
pub use query::{Locator, QueryPage};
pub use record::{Children, Fields, Record};
pub use refusal::{ApiError, DuplicateRule, Refusal};
pub use rows::RetrievedRecord;
pub use sign_in::{Authorization, SignIn, SignInError, SignedIn};
pub use stamp::{http_date, parse_datetime, parse_http_date};
pub use subrequest::{ReferenceId, Subrequest, Subresponse};
pub use versions::ApiVersions;
