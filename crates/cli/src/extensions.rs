//! Node kinds beside those that are built in.

use std::path::{Path, PathBuf};

use anyhow::Result;
use wuerst::graph::Misfit;
use wuerst::{Engine, Error, GraphKind};

use crate::find::folder_of;
use crate::pairs::pair;
use crate::recipe::{Kinds, Texts};
use crate::source::Source;

#[derive(clap::Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct Extensions {
    /// Loads a plug-in, a shared library that adds node kinds; its code runs with your rights
    #[arg(long, value_name = "PATH")]
    plugin: Vec<PathBuf>,
    /// Adds a graph as a node kind, as house.prior=my-prior.yaml; graphs may use each other, and name files, and models unless
    /// --models is given, in their own folders
    #[arg(long, value_name = "KIND=FILE", value_parser = pair)]
    subgraph: Vec<(String, String)>,
}

impl Extensions {
    /// Adds the kinds: plug-ins in the order in which they were named, then graphs, with those of a picture that is to
    /// be made again, as far as none is named in their place. Gives the graphs that are kinds now. Their models are looked
    /// for beside them first if `beside`.
    pub(crate) fn add_to(&self, engine: &Engine, before: &Kinds, beside: bool) -> Result<Kinds> {
        self.plugin.iter().try_for_each(|path| engine.load_plugin(path))?;
        let mut sources = Vec::new();
        let mut folders = Texts::new();
        for (kind, path) in &self.subgraph {
            let source = Source::open(Path::new(path))?;
            if let Some(folder) = folder_of(&source.path) {
                folders.insert(kind.clone(), folder.display().to_string());
            }
            sources.push((kind.clone(), source));
        }
        let named = |kind: &str| self.subgraph.iter().any(|(named, _)| named == kind);
        for (kind, text) in before.texts.iter().filter(|(kind, _)| !named(kind)) {
            sources.push((kind.clone(), Source { path: kind.into(), text: text.clone() }));
            // Where it is not there any more, names mean what they mean in the picture's own graph.
            if let Some(folder) = before.folders.get(kind).filter(|folder| Path::new(folder).is_dir()) {
                folders.insert(kind.clone(), folder.clone());
            }
        }
        let graphs: Vec<GraphKind<'_>> = sources
            .iter()
            .map(|(kind, source)| {
                let files = folders.get(kind).map(Path::new);
                GraphKind { files, models: files.filter(|_| beside), ..GraphKind::new(kind, &source.text) }
            })
            .collect();
        match engine.add_graphs(&graphs) {
            Err(Misfit { index, error: Error::Graph(problems) }) => {
                return Err(sources[index].1.problems(problems).into());
            }
            Err(Misfit { index, error }) => {
                return Err(anyhow::Error::from(error).context(sources[index].1.path.display().to_string()));
            }
            Ok(()) => {}
        }
        let texts = sources.into_iter().map(|(kind, source)| (kind, source.text)).collect();
        Ok(Kinds { texts, folders })
    }
}
