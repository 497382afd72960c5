//! Environment variables for options. An empty one counts as unset, since scripts disable options in this way.

use std::env;

use clap::{Command, Error, Parser};

/// The command line.
pub(crate) fn parsed<C: Parser>() -> Result<C, Error> {
    let mut matches = without_empty(C::command()).try_get_matches()?;
    C::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut C::command()))
}

/// Removes empty variables from the command and its subcommands.
fn without_empty(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| {
        let empty = arg.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
        if empty { arg.env(None::<&'static str>) } else { arg }
    });
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, without_empty))
}
