//! `wuerst completions`: scripts that let a shell complete commands, options and file names.

use std::process::ExitCode;

use anyhow::Result;
use clap::Command;
use clap_complete::{Shell, generate};

use crate::say::say_bytes;

/// Print the script with which a shell completes this command's words; installed trees include it
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &Args, mut command: Command) -> Result<ExitCode> {
    let mut script = Vec::new();
    generate(args.shell, &mut command, "wuerst", &mut script);
    say_bytes(&script);
    Ok(ExitCode::SUCCESS)
}
