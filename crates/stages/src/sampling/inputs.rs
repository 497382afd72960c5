//! Whether a node's ports are those that its model takes: Würstchen's networks and Stable Cascade's read different texts.

use wuerst_core::{Args, Error, Model, Result};
use wuerst_runtime::{Contract, ModelCache};

/// A port, the model's input that it is for, and whether the model cannot do without.
pub(crate) type PortInput = (&'static str, &'static str, bool);

/// Refuses ports that the model has no use for, and ports that it needs and that are left out, as far as that is known.
///
/// # Errors
/// Also those of the model's head.
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
