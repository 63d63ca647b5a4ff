//! Sections 4.12, 6.2 and 6.3: packages that are deployed, and packages that are refused.

mod components;
mod jobs;
mod package;
mod setting_up;
