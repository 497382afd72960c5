//! Studies of preferences: pages, votes of scripted voters, and statistics against other programs' numbers.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]

mod ballots;
mod compare;
mod reference;
mod refused;
mod video;
mod voters;
