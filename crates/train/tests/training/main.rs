//! The trainer as a whole: what the evaluator computes, its gradients, the loop, and what is exported.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

mod ablation;
mod checkpoints;
mod distances;
mod export;
mod frozen;
mod gradients;
mod grow;
mod operations;
mod reference;
mod runs;
mod shards;
mod tiny;
