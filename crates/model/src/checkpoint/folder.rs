//! Locates the weights in a model folder of diffusers or transformers.

use std::path::{Path, PathBuf};

use super::CheckpointError;

/// File names before the variant: those of diffusers and of transformers.
const STEMS: [&str; 2] = ["diffusion_pytorch_model", "model"];

/// Variants in order of preference: full, then half precision.
const VARIANTS: [&str; 3] = ["", ".fp16", ".bf16"];

/// The weights file of a folder, or the index of its shards.
pub fn weights(folder: &Path) -> Result<PathBuf, CheckpointError> {
    let found = names().map(|name| folder.join(name)).find(|file| file.exists());
    found.ok_or_else(|| {
        let mut pickles = ["diffusion_pytorch_model.bin", "pytorch_model.bin"].into_iter();
        let message = match pickles.find(|name| folder.join(name).is_file()) {
            Some(name) => format!("its weights are a pickle ({name}); save them as safetensors"),
            None => {
                let looked: Vec<String> = names().collect();
                format!("no weights in this folder; looked for {}", looked.join(", "))
            }
        };
        CheckpointError::Format { path: folder.into(), message }
    })
}

/// All possible names of weights. Both libraries have used two positions for the variant in an index's name.
fn names() -> impl Iterator<Item = String> {
    VARIANTS.iter().flat_map(|variant| {
        STEMS.iter().flat_map(move |stem| {
            let mut names = vec![
                format!("{stem}{variant}.safetensors"),
                format!("{stem}{variant}.safetensors.index.json"),
            ];
            if !variant.is_empty() {
                names.push(format!("{stem}.safetensors.index{variant}.json"));
            }
            names
        })
    })
}
