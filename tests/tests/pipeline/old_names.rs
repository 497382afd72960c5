//! Graphs with old names keep their meaning, with warnings.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use wuerst::{Change, Engine};
use wuerst_tests::bundle;

use crate::{options, set_case, shipped};

/// A graph as it was written before.
fn old(graph: &str) -> String {
    let names = [
        ("use: wuerst.text_encode\n", "use: wuerst.encode\n"),
        (
            "use: wuerst.decoder\n",
            "use: wuerst.decode\n    providers: [cpu, \"cuda:0{memory_limit=1GiB}\"]\n",
        ),
        ("use: wuerst.vqgan_decode\n", "use: wuerst.vqgan\n"),
    ];
    names.into_iter().fold(graph.to_owned(), |text, (new, old)| {
        assert!(text.contains(new), "{new}");
        text.replace(new, old)
    })
}

#[test]
fn old_names_mean_new() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let (mut options, logged) = (options(folder.path(), 1), Arc::new(Mutex::new(Vec::new())));
    let log = Arc::clone(&logged);
    options.stages.log = Some(Arc::new(move |_, message| log.lock().unwrap().push(message.to_owned())));
    let engine = Engine::new(options)?;
    let (new, old) = (shipped("wuerstchen.yaml")?, old(&shipped("wuerstchen.yaml")?));
    let graphs = [engine.graph(&new)?, engine.graph(&old)?];
    assert_eq!(graphs[0].warnings(), []);
    let said: Vec<&str> = graphs[1].warnings().iter().map(|warning| warning.message.as_str()).collect();
    assert!(
        said.contains(&"`wuerst.encode` is now called `wuerst.text_encode`: write `use: wuerst.text_encode`")
    );
    assert!(said.contains(
        &"`providers` is now called `devices`: write `devices: [cpu, \"cuda:0{memory_limit=1GiB}\"]`"
    ));
    assert_eq!(logged.lock().unwrap().len(), said.len());
    let place = graphs[1].warnings().iter().find(|warning| warning.path == "nodes.decoder.providers");
    let line = old.lines().position(|line| line.contains("providers")).map(|at| at as u32 + 1);
    assert_eq!(place.map(|warning| warning.line), line);
    // Remembered results are not computed again; graphs as nodes accept old names too.
    let digests = graphs.each_ref().map(|graph| {
        let job = engine.job(graph);
        set_case(&job).and_then(|()| Ok(job.digest("image")?))
    });
    let [new_digest, old_digest] = digests;
    assert_eq!(new_digest?, old_digest?);
    engine.add_graph("house.old", &old)?;
    assert_eq!(logged.lock().unwrap().len(), 2 * said.len());
    let changed = engine.graph_with(&new, &[Change::Kind("vqgan", "wuerst.vqgan")])?;
    assert_eq!(changed.warnings().len(), 1);
    Ok(())
}
