//! deal-model
