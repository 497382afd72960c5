//! The training programs: data, VQGAN, decoder, prior, export, sample, validation, report.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod ablation;
pub mod branch;
pub mod config;
pub mod data;
pub mod eval;
pub mod export;
pub mod frozen;
pub mod grow;
pub mod optim;
pub mod pack;
pub mod plot;
pub mod prepare;
pub mod programs;
mod remove;
pub mod report;
pub mod sample;
pub mod sample_grid;
pub mod sampler;
pub mod session;
pub mod shards;
pub mod stage;
pub mod start;
pub mod stats;
pub mod study;
pub mod trainer;
pub mod validate;
pub mod video;
pub mod votes;
