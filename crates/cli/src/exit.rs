//! Exit codes: whether the same command may succeed at another time or on another machine.

use std::process::ExitCode;

use wuerst::Error;
use wuerst::core::Unavailable;

/// `EX_TEMPFAIL` of sysexits.h, which schedulers know as "try again".
const TRY_AGAIN: u8 = 75;

/// The exit code of an error.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    if is_temporary(error) { ExitCode::from(TRY_AGAIN) } else { ExitCode::FAILURE }
}

/// Whether memory ran out, or a device or server is gone or refuses: the input is not at fault.
pub(crate) fn is_temporary(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<Unavailable>() || matches!(cause.downcast_ref(), Some(Error::OutOfMemory { .. }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_decide() {
        let temporary = |error: Error| is_temporary(&anyhow::Error::from(error).context("row 1"));
        let lost = || Unavailable::Device("CUDA failure 719".into());
        let model = |source| Error::Model { path: "a.onnx".into(), source };
        assert!(temporary(Error::OutOfMemory { node: "prior".into() }));
        assert!(temporary(model(lost().into()).in_node("prior")));
        assert!(!temporary(model("damaged".into()).in_node("prior")));
        assert!(!temporary(Error::invalid("prompt", "out of memory")));
    }
}
