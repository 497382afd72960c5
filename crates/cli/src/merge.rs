//! LoRAs to be merged: options shared by `wuerst import` and `wuerst convert`.

use wuerst_model::lora::LoraOption;

/// LoRAs for stages that are written.
#[derive(clap::Args)]
pub(crate) struct Merge {
    /// Merges a LoRA or DoRA into a stage, such as 'prior=style.safetensors{strength=0.8}'; may be repeated
    #[arg(long, value_name = "STAGE=FILE", value_parser = LoraOption::parse)]
    pub(crate) lora: Vec<LoraOption>,
}
