//! Node kinds from plug-ins and graphs.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use wuerst::graph::{AddGraphError, warnings};
use wuerst::{Engine, Error, GraphKind, Settings};

use crate::find::folder_of;
use crate::graph_file::GraphFile;
use crate::pairs::Texts;
use crate::paths;

#[derive(clap::Args)]
#[command(next_help_heading = "Engine")]
pub(crate) struct Extensions {
    /// Loads a plug-in, a shared library with node kinds; its code runs with your rights
    #[arg(long, value_name = "PATH")]
    plugin: Vec<PathBuf>,
    /// Adds a graph as a node kind, such as house.prior=my-prior.yaml. Graphs may use each other; names of files in a
    /// graph resolve in its own folder, and so do names of models unless --models is given
    #[arg(long, value_name = "KIND=FILE", value_parser = paths::of_kind())]
    subgraph: Vec<paths::Named>,
}

impl Extensions {
    /// Adds the kinds: plug-ins, then graphs. The order is: settings, except graphs whose kind an option names too;
    /// options; a picture to be reproduced, except kinds named before. Returns the graphs that are kinds now. Names of models
    /// in graphs from the settings resolve in the folder of their graph first; `own_models` tells whether those in graphs
    /// from options do so too.
    pub(crate) fn add_to(
        &self,
        engine: &Engine,
        settings: &Settings,
        before: &Texts,
        own_models: bool,
    ) -> Result<Texts> {
        settings.plugins.iter().chain(&self.plugin).try_for_each(|path| engine.load_plugin(path))?;
        let is_option = |kind: &str| self.subgraph.iter().any(|(named, _)| named == kind);
        let of_settings = settings.subgraphs.iter().filter(|(kind, _)| !is_option(kind));
        let of_settings = of_settings.map(|(kind, path)| (kind, path.as_path()));
        let of_options = self.subgraph.iter().map(|(kind, path)| (kind, Path::new(path)));
        let mut sources = Vec::new();
        for (kind, path) in of_settings.chain(of_options) {
            let source = GraphFile::open(path)?;
            sources.push((kind.clone(), folder_of(&source.path), source));
        }
        let named = sources.len();
        let in_settings = |kind: &str| settings.subgraphs.iter().any(|(named, _)| named == kind);
        for (kind, text) in before.iter().filter(|(kind, _)| !is_option(kind) && !in_settings(kind)) {
            // A picture does not record the folder of a graph: names in it resolve as in the picture's own graph.
            sources.push((kind.clone(), None, GraphFile { path: kind.into(), text: text.clone() }));
        }
        let graphs: Vec<GraphKind<'_>> = sources
            .iter()
            .map(|(kind, folder, source)| {
                let files = folder.as_deref();
                let own_models = own_models || (in_settings(kind) && !is_option(kind));
                GraphKind {
                    files,
                    models: files.filter(|_| own_models),
                    ..GraphKind::new(kind, &source.text)
                }
            })
            .collect();
        match engine.add_graphs(&graphs) {
            Err(AddGraphError { index, error }) => {
                let (kind, _, source) = &sources[index];
                let error = match error {
                    Error::Graph(problems) => anyhow!(source.problems(problems)),
                    error => anyhow!("{}: {error}", source.path.display()),
                };
                if index < named {
                    return Err(error);
                }
                Err(anyhow!(
                    "{error}\nthe picture holds the graph `{kind}`: if that names files or models of its own folder, say \
                     where it lies with --subgraph {kind}=FILE"
                ))
            }
            Ok(()) => {
                let registry = engine.registry();
                for (kind, _, source) in &sources {
                    registry.get(kind).into_iter().for_each(|node| source.warn(warnings(&**node)));
                }
                Ok(sources.into_iter().map(|(kind, _, source)| (kind, source.text)).collect())
            }
        }
    }
}
