//! Checkpoints: kept, branched off, and never lost to a mistake.

use crate::runs::{checkpoint, prior_stage};
use crate::tiny::{self, alone, pace};
use anyhow::Result;
use std::fs;
use std::path::Path;
use tch::Device;
use wuerst_train::branch::{self, BranchArgs};
use wuerst_train::config::RunConfig;
use wuerst_train::eval::Weights;
use wuerst_train::trainer::checkpoint::generations;
use wuerst_train::trainer::{LoopConfig, Trainer};
use wuerst_train::{pack, start};

fn open(folder: &Path) -> Result<Trainer> {
    let weights = Weights::init(prior_stage()?.graph(), 1, Device::Cpu);
    Trainer::open(folder.to_owned(), weights, 1)
}

/// Trains to the end of a pace whose rate falls over the last half, with step 4 kept.
fn train(folder: &Path, steps: u64) -> Result<()> {
    let mut pace = LoopConfig { keep: vec![4], ..pace(steps, 4, 1e-3) };
    pace.optim.fall = 0.5;
    open(folder)?.run(&mut prior_stage()?, &pace)
}

fn told<T>(result: Result<T>) -> String {
    format!("{:#}", result.err().expect("an error"))
}

#[test]
fn kept_generations_stay() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    train(folder.path(), 6)?;
    assert_eq!(generations(folder.path())?, [4, 6]);
    train(folder.path(), 9)?;
    assert_eq!(generations(folder.path())?, [4, 9]);
    Ok(())
}

#[test]
fn branch_equals_shorter_run() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let run = |name: &str| RunConfig { folder: folder.path().join(name), ..tiny::run(folder.path()) };
    let (long, short, branched) = (run("long"), run("short"), run("branched"));
    // Up to step 4 the rate of the long run does not fall either.
    train(&long.folder.join("prior"), 12)?;
    train(&short.folder.join("prior"), 8)?;
    let args = |from| BranchArgs { run: "a".into(), stage: "prior".into(), to: "b".into(), from };
    let wrong = told(branch::run(&long, &branched, &args(5)));
    assert!(wrong.contains("no checkpoint of step 5, only of 4, 12"), "{wrong}");
    branch::run(&long, &branched, &args(4))?;
    train(&branched.folder.join("prior"), 8)?;
    let [wanted, got] = [short, branched].map(|run| {
        let mut files = checkpoint(&run.folder.join("prior")).unwrap();
        // Hours differ.
        files.remove("spent.json");
        files
    });
    assert!(wanted == got);
    let again = told(branch::run(&long, &run("long"), &args(4)));
    assert!(again.contains("have the same folder"), "{again}");
    Ok(())
}

#[test]
fn packed_run_continues_elsewhere() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let run = |name: &str| RunConfig { folder: folder.path().join(name), ..tiny::run(folder.path()) };
    let (old, new, packed) = (run("old"), run("new"), folder.path().join("packed"));
    assert!(told(pack::run(&old, &packed)).contains("no checkpoint yet"));
    train(&old.folder.join("prior"), 6)?;
    pack::run(&old, &packed)?;
    start::run(&new, &packed)?;
    let trainer = open(&new.folder.join("prior"))?;
    assert_eq!((trainer.spent.step, trainer.spent.samples), (6, 24));
    let average = open(&old.folder.join("prior"))?.average;
    for (name, want) in average.all() {
        // f16 keeps eleven bits.
        tiny::close(&trainer.weights.at(&name).detach(), &want, 1e-3);
    }
    drop(trainer);
    train(&new.folder.join("prior"), 8)?;
    assert!(told(start::run(&new, &packed)).contains("has a checkpoint already"));
    Ok(())
}

#[test]
fn failed_save_keeps_one_before() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    train(folder.path(), 4)?;
    let before = checkpoint(folder.path())?;
    fs::write(folder.path().join("step-6"), "no folder")?;
    let failed = told(train(folder.path(), 6));
    assert!(failed.contains("step 6 is not written, the one before is kept"), "{failed}");
    assert!(before == checkpoint(folder.path())?);
    fs::remove_file(folder.path().join("step-6"))?;
    train(folder.path(), 6)?;
    assert_eq!(generations(folder.path())?, [4, 6]);
    Ok(())
}

#[test]
fn changed_data_stops_run() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    open(folder.path())?.learns_from("one")?.save(&[])?;
    let before = checkpoint(folder.path())?;
    open(folder.path())?.learns_from("one")?;
    let refused = told(open(folder.path())?.learns_from("two"));
    assert!(refused.contains("other data") && refused.contains("learned-from"), "{refused}");
    assert!(before == checkpoint(folder.path())?);
    fs::remove_file(folder.path().join("learned-from"))?;
    open(folder.path())?.learns_from("two").map(drop)
}

#[test]
fn second_process_is_refused() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    let first = open(folder.path())?;
    let refused = told(open(folder.path()));
    assert!(refused.contains("another process trains"), "{refused}");
    drop(first);
    open(folder.path()).map(drop)
}

#[test]
fn damaged_checkpoint_is_named() -> Result<()> {
    let _alone = alone();
    let folder = tempfile::tempdir()?;
    train(folder.path(), 4)?;
    fs::write(folder.path().join("step-4/moments.safetensors"), "x")?;
    assert!(told(open(folder.path())).contains("moments.safetensors"));
    fs::write(folder.path().join("spent.json"), "{")?;
    let damaged = told(open(folder.path()));
    assert!(damaged.contains("spent.json is damaged"), "{damaged}");
    Ok(())
}
