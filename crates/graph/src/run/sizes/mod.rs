//! Determines sizes before a run, as far as they follow from known values, so that a picture that no model accepts is
//! refused before minutes of work.

mod advice;
mod arguments;
mod known;
mod look;
mod numbers;
mod pictures;
mod trial;

pub(crate) use known::{Fault, Given, Sizes};
