//! A local Partner Center and a local Salesforce: real HTTP servers, seeded, scriptable and hard to please.
//!
//! Written from the two reference documents alone. It imports none of the product's other rooms and shares no wire
//! type with its clients: a mistake in a client must not be mirrored by the server that judges it.
//!
//! Each platform is a [`Machine`](exchange::Machine): a state machine behind a router, `handle(request, now) ->
//! response`. The same machine answers over sockets ([`serve`]) and inside a simulation. Before it stands a
//! [`Front`](front::Front), where a test makes things go wrong ([`faults`]), stops them ([`holds`]), counts them
//! ([`traffic`]) and has them written down ([`dump`]); beside it the [`control`] surface, which shows every record and
//! moves the clock, the knobs and the scripted people.

pub mod control;
pub mod dump;
pub mod exchange;
pub mod faults;
pub mod front;
pub mod holds;
mod html;
pub mod partner_center;
pub mod picture;
pub mod salesforce;
pub mod serve;
pub mod tls;
pub mod traffic;
pub mod world;
