//! Stable Cascade in single files: under the authors' names, or bundled with encoders by ComfyUI.
//!
//! Names are converted to diffusers', and sizes are derived from names and shapes. Sizes that shapes do not show, such as
//! the number of heads, come from a configuration next to the file if its other sizes match, and otherwise from the
//! published networks.

mod sizes;

pub use sizes::network;

use crate::checkpoint::Checkpoint;

/// Prefixes of the network's names in bundles and fine-tunes.
const PREFIXES: [&str; 3] = ["model.diffusion_model.", "unet.", "prior."];

/// Prefixes of a text encoder's names in bundles.
const TEXT: [&str; 2] = ["text_encoder.clip_g.transformer.", "text_encoder.clip_g."];

/// Suffixes of tensor names that are not read here.
const UNREAD: [&str; 2] = ["logit_scale", "position_ids"];

/// The network in a file, with diffusers' names.
pub fn denoiser(file: Checkpoint) -> Checkpoint {
    let names: Vec<String> = file.tensors().map(|(name, _)| name.to_owned()).collect();
    let begins = |prefix: &&str| names.iter().any(|name| name.starts_with(*prefix));
    let file = match PREFIXES.iter().find(|prefix| begins(prefix)) {
        Some(prefix) => file.below(prefix),
        None => file,
    };
    file.thirds(".attention.attn.in_proj_", [".attention.to_q.", ".attention.to_k.", ".attention.to_v."])
        .named(|name| {
            let name = name.replace(".attention.attn.to_", ".attention.to_");
            let name = name.replace(".attention.attn.out_proj.", ".attention.to_out.0.");
            Some(match name.strip_prefix("clip_mapper.") {
                Some(rest) => format!("clip_txt_pooled_mapper.{rest}"),
                None => name,
            })
        })
}

/// The text encoder in a bundle, if any.
pub fn text(file: &Checkpoint) -> Option<Checkpoint> {
    let own = part(file, &TEXT, |name| Some(name.strip_prefix("text_model.").unwrap_or(name).to_owned()))?;
    // The bundle stores it transposed.
    Some(own.turned("text_projection", "text_projection.weight"))
}

/// The vision tower in a bundle, if any.
pub fn vision(file: &Checkpoint) -> Option<Checkpoint> {
    part(file, &["clip_l_vision."], |name| {
        Some(name.strip_prefix("vision_model.").unwrap_or(name).to_owned())
    })
}

/// The VQGAN in a bundle, if any.
pub fn vqgan(file: &Checkpoint) -> Option<Checkpoint> {
    // Bundles of stage C contain other encoders in its place.
    let others = ["encoder.", "previewer."];
    let own = part(file, &["vae."], |name| {
        let name = name.replace("vquantizer.codebook.", "vquantizer.embedding.");
        others.iter().all(|other| !name.starts_with(other)).then_some(name)
    });
    own.filter(|own| own.tensors().any(|(name, _)| name.starts_with("up_blocks.")))
}

/// The encoder from pictures to embeddings in a bundle, if any.
pub fn compressor(file: &Checkpoint) -> Option<Checkpoint> {
    part(file, &["vae.encoder."], |name| Some(name.to_owned()))
        .filter(|own| own.tensors().any(|(name, _)| name.starts_with("backbone.")))
}

/// The tensors below one of the prefixes, renamed; `None` if there are none.
fn part(file: &Checkpoint, prefixes: &[&str], rename: impl Fn(&str) -> Option<String>) -> Option<Checkpoint> {
    let own = file.clone().named(|name| {
        let name = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?;
        rename(name).filter(|name| UNREAD.iter().all(|end| !name.ends_with(end)))
    });
    if own.tensors().next().is_some() { Some(own) } else { None }
}

#[cfg(test)]
mod tests;
