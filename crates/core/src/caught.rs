//! Panics of other libraries, as messages.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a library's code on an untrusted file and returns a panic of it as a message.
///
/// `work` must leave no half-changed state that is read after a panic.
///
/// # Errors
/// The message of the panic.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panic_message(&*panic).to_owned())
}

/// The text of a panic.
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_messages() {
        assert_eq!(caught(|| 5), Ok(5));
        let none: Vec<i32> = vec![];
        let said = caught(|| none[3]).unwrap_err();
        assert!(said.contains("index is 3"), "{said}");
        assert_eq!(caught(|| panic!("{}", 7)), Err::<(), _>("7".to_owned()));
    }
}
