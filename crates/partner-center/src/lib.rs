//! partner-center
