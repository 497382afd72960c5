//! Node kinds beside those that are built in.

use std::path::PathBuf;

use anyhow::Result;
use wuerst::Engine;

#[derive(clap::Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct Extensions {
    /// Loads a plug-in, a shared library that adds node kinds; its code runs with your rights
    #[arg(long, value_name = "PATH")]
    plugin: Vec<PathBuf>,
}

impl Extensions {
    /// Adds the kinds, in the order in which they were named.
    pub(crate) fn add_to(&self, engine: &Engine) -> Result<()> {
        self.plugin.iter().try_for_each(|path| engine.load_plugin(path))?;
        Ok(())
    }
}
