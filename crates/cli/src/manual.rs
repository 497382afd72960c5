//! `wuerst manual`: manual pages, made from the text of `--help`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Command;

/// Write manual pages into a folder: wuerst.1 and one for each command, such as wuerst-run.1; installed trees include them
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder, which must exist
    folder: PathBuf,
}

/// Writes the pages.
pub(crate) fn run(args: &Args, command: Command) -> Result<ExitCode> {
    let done = clap_mangen::generate_to(command, &args.folder);
    let folder = args.folder.display();
    done.map_err(|e| {
        anyhow!("the manual's pages cannot be written into {folder}: {e}; name a folder that is there")
    })?;
    Ok(ExitCode::SUCCESS)
}
