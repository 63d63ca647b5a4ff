//! The judge of end states: reads the raw JSON of both sandboxes and compares pairs with a hand-written table.
//!
//! It imports nothing of the rooms it judges, so that a wrong codec cannot make both sides look equal.
