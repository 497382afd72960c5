//! Models that are kept as they were optimised: the same bytes, whatever happens to the folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use wuerst::Engine;
use wuerst_tests::bundle;

use crate::{bytes, options, set_case, shipped};

/// The embedding of the case, by a new engine.
fn run(models: &Path, prepared: Option<&Path>) -> Result<Vec<u8>> {
    let mut options = options(models, 1);
    options.stages.prepared = prepared.map(Path::to_owned);
    let engine = Engine::new(options)?;
    let job = engine.job(&engine.graph(&shipped("wuerstchen.yaml")?)?);
    set_case(&job)?;
    Ok(bytes(&job.get("embedding", &mut ())?))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    Ok(entries)
}

#[test]
fn prepared_models_give_the_same_bytes() -> Result<()> {
    let tree = tempfile::tempdir()?;
    bundle::write(tree.path())?;
    let folder = tree.path().join("prepared");
    let want = run(tree.path(), None)?;
    assert!(run(tree.path(), Some(&folder))? == want, "as they are written");
    let made = entries(&folder)?;
    assert_eq!(made.len(), 3, "a text encoder and both parts of the prior");
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    for entry in &made {
        File::options().append(true).open(entry.join("seal"))?.set_modified(long_ago)?;
    }
    assert!(run(tree.path(), Some(&folder))? == want, "as they are read");
    assert_eq!(entries(&folder)?, made);
    for entry in &made {
        let used = fs::metadata(entry.join("seal"))?.modified()?;
        ensure!(used > long_ago + Duration::from_secs(60), "{} was not used", entry.display());
    }
    // Another file of the same name is another model.
    let prior = tree.path().join("prior.onnx");
    File::options().append(true).open(&prior)?.set_modified(long_ago)?;
    assert!(run(tree.path(), Some(&folder))? == want);
    assert_eq!(entries(&folder)?.len(), 5);
    Ok(())
}

#[test]
fn damage_is_repaired() -> Result<()> {
    let tree = tempfile::tempdir()?;
    bundle::write(tree.path())?;
    let folder = tree.path().join("prepared");
    let want = run(tree.path(), Some(&folder))?;
    for name in ["model.onnx", "model.onnx.data", "seal"] {
        let made = entries(&folder)?;
        for entry in &made {
            File::options().write(true).open(entry.join(name))?.set_len(5)?;
        }
        assert!(run(tree.path(), Some(&folder))? == want, "{name} was cut off");
        assert_eq!(entries(&folder)?, made);
        for entry in &made {
            ensure!(fs::metadata(entry.join(name))?.len() > 5, "{name} was not made again");
        }
    }
    Ok(())
}

#[test]
fn writers_do_not_disturb_each_other() -> Result<()> {
    let tree = tempfile::tempdir()?;
    bundle::write(tree.path())?;
    let folder = tree.path().join("prepared");
    let want = run(tree.path(), None)?;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(|| run(tree.path(), Some(&folder)))).collect();
        writers.into_iter().try_for_each(|writer| {
            let got = writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
            ensure!(got == want, "a writer got other bytes");
            Ok(())
        })
    })?;
    let made = entries(&folder)?;
    assert_eq!(made.len(), 3, "{made:?}");
    // A folder that cannot be made is no reason to fail.
    let file = tree.path().join("a file");
    fs::write(&file, "")?;
    assert!(run(tree.path(), Some(&file))? == want);
    Ok(())
}
