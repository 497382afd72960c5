//! Node kinds beside those that are built in.

use std::path::{Path, PathBuf};

use anyhow::Result;
use wuerst::graph::Misfit;
use wuerst::{Engine, Error};

use crate::recipe::Texts;
use crate::run::pair;
use crate::source::Source;

#[derive(clap::Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct Extensions {
    /// Loads a plug-in, a shared library that adds node kinds; its code runs with your rights
    #[arg(long, value_name = "PATH")]
    plugin: Vec<PathBuf>,
    /// Adds a graph as a node kind, as house.prior=my-prior.yaml; graphs may use each other
    #[arg(long, value_name = "KIND=FILE", value_parser = pair)]
    subgraph: Vec<(String, String)>,
}

impl Extensions {
    /// Adds the kinds: plug-ins in the order in which they were named, then graphs, with those of a picture that is to
    /// be made again, as far as none is named in their place. Gives the graphs' texts by their kinds.
    pub(crate) fn add_to(&self, engine: &Engine, before: &Texts) -> Result<Texts> {
        self.plugin.iter().try_for_each(|path| engine.load_plugin(path))?;
        let mut graphs = Vec::new();
        for (kind, path) in &self.subgraph {
            graphs.push((kind.clone(), Source::open(Path::new(path))?));
        }
        for (kind, text) in
            before.iter().filter(|(kind, _)| !self.subgraph.iter().any(|(named, _)| named == *kind))
        {
            graphs.push((kind.clone(), Source { path: kind.into(), text: text.clone() }));
        }
        let pairs: Vec<(&str, &str)> = graphs.iter().map(|(kind, source)| (&**kind, &*source.text)).collect();
        match engine.add_graphs(&pairs) {
            Err(Misfit { index, error: Error::Graph(problems) }) => {
                return Err(graphs[index].1.problems(problems).into());
            }
            Err(Misfit { index, error }) => {
                return Err(anyhow::Error::from(error).context(graphs[index].1.path.display().to_string()));
            }
            Ok(()) => {}
        }
        Ok(graphs.into_iter().map(|(kind, source)| (kind, source.text)).collect())
    }
}
