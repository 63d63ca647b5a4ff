//! The sandbox over sockets: a listener for each platform.

/// What a started sandbox tells its user.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Ready {}
