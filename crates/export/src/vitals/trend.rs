//! trends
