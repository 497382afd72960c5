//! Node kinds beside those that are built in.

use std::path::{Path, PathBuf};

use anyhow::Result;
use wuerst::graph::{Misfit, warnings};
use wuerst::{Engine, Error, GraphKind, Settings};

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
    /// Adds the kinds: plug-ins, then graphs. Those of the settings come first, but for graphs whose kind an option names
    /// too; those of a picture that is made again last, but for kinds that are named. Gives the graphs that are kinds now.
    /// Models of graphs that options name are looked for next to them first if `beside`, those of other graphs always.
    pub(crate) fn add_to(
        &self,
        engine: &Engine,
        settings: &Settings,
        before: &Kinds,
        beside: bool,
    ) -> Result<Kinds> {
        settings.plugins.iter().chain(&self.plugin).try_for_each(|path| engine.load_plugin(path))?;
        let mut sources = Vec::new();
        let mut folders = Texts::new();
        let is_option = |kind: &str| self.subgraph.iter().any(|(named, _)| named == kind);
        let of_settings = settings.subgraphs.iter().filter(|(kind, _)| !is_option(kind));
        let of_settings = of_settings.map(|(kind, path)| (kind, path.as_path()));
        let of_options = self.subgraph.iter().map(|(kind, path)| (kind, Path::new(path)));
        for (kind, path) in of_settings.chain(of_options) {
            let source = Source::open(path)?;
            if let Some(folder) = folder_of(&source.path) {
                folders.insert(kind.clone(), folder.display().to_string());
            }
            sources.push((kind.clone(), source));
        }
        let in_settings = |kind: &str| settings.subgraphs.iter().any(|(named, _)| named == kind);
        let named = |kind: &str| is_option(kind) || in_settings(kind);
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
                let beside = beside || (in_settings(kind) && !is_option(kind));
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
        let registry = engine.registry();
        for (kind, source) in &sources {
            registry.get(kind).into_iter().for_each(|node| source.warn(warnings(&**node)));
        }
        let texts = sources.into_iter().map(|(kind, source)| (kind, source.text)).collect();
        Ok(Kinds { texts, folders })
    }
}
