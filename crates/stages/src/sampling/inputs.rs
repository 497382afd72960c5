//! Checks that a node's ports match its model: Würstchen's networks and Stable Cascade's read different texts.

use wuerst_core::{Args, Error, Model, Result};
use wuerst_runtime::{Contract, ModelCache};

/// A port, the corresponding input of the model, and whether the model requires it.
pub(crate) type PortInput = (&'static str, &'static str, bool);

/// Refuses ports that the model does not use, and missing ports that it requires, as far as that is known.
///
/// # Errors
/// Also errors of the model's header.
pub(crate) fn check(
    models: &ModelCache,
    (model, contract): (&Model, Contract),
    known: &Args<'_>,
    ports: &[PortInput],
) -> Result<()> {
    for (port, input, needed) in ports {
        let takes = models.has(model, contract, input)?;
        let path = model.path().display();
        let message = match (known.given(port), takes) {
            (Some(true), false) => format!("{path} takes no `{input}`: leave it out"),
            (Some(false), true) if *needed => {
                format!("is left out, and {path} takes `{input}`: wire what its text encoder gives")
            }
            _ => continue,
        };
        return Err(Error::invalid(*port, message));
    }
    Ok(())
}
