//! Statistics of votes and of paired measurements.

pub mod agreement;
pub mod binomial;
pub mod davidson;
