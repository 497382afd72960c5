//! Sizes that a run will meet, as far as they follow from what is known before it: a picture that no model takes is
//! refused before minutes of work, and not after them.

mod advice;
mod arguments;
mod known;
mod look;
mod numbers;
mod pictures;
mod trial;

pub(crate) use known::{Fault, Given, Sizes};
