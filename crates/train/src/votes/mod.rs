//! Evaluation of a preference study: [`ballot`] reads and checks the votes, [`people`] judges each voter, [`summary`] has
//! the statistics, [`mod@write`] the page of results.

pub mod ballot;
pub mod people;
pub mod summary;
pub mod write;

use crate::data::fetch::write_whole;
use crate::study::key::Key;
use anyhow::Result;
use people::Person;
use serde::Serialize;
use std::path::PathBuf;
use summary::Summary;

/// Arguments of `wuerst-train votes`.
#[derive(Debug, Clone, clap::Args)]
pub struct VotesArgs {
    /// JSON files that voters saved
    #[arg(required = true)]
    pub votes: Vec<PathBuf>,
    /// The key of the study
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Folder for votes.md and votes.json; the page of results goes to standard output in any case
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Results of a study.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// The study.
    pub study: String,
    /// Names of the models.
    pub models: Vec<String>,
    /// Each voter.
    pub people: Vec<Person>,
    /// Statistics of all voters.
    pub all: Summary,
    /// Statistics of the careful ones; `None` if there is none.
    pub careful: Option<Summary>,
}

/// Evaluates files of votes.
///
/// # Errors
/// As [`ballot::read`] and [`Key::read`].
pub fn results(key: &Key, files: &[PathBuf]) -> Result<Results> {
    let ballots = ballot::read(key, files)?;
    let people = people::people(key, &ballots);
    let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<ballot::Vote> {
        ballots.votes.iter().filter(|vote| wanted(vote.voter)).copied().collect()
    };
    let careful = of(&|voter| !people[voter].careless);
    let compared = careful.iter().any(|vote| key.pairs[vote.pair].models().is_some());
    Ok(Results {
        study: key.study.clone(),
        models: key.models.clone(),
        all: summary::summary(key, &ballots.votes),
        careful: compared.then(|| summary::summary(key, &careful)),
        people,
    })
}

/// Evaluates files of votes, and prints and writes the results.
///
/// # Errors
/// As [`results`], and files that cannot be written.
pub fn run(args: &VotesArgs) -> Result<()> {
    let results = results(&Key::read(&args.key)?, &args.votes)?;
    let page = write::markdown(&results);
    print!("{page}");
    if let Some(out) = &args.out {
        write_whole(&out.join("votes.md"), page.as_bytes())?;
        write_whole(&out.join("votes.json"), &serde_json::to_vec_pretty(&results)?)?;
    }
    Ok(())
}
