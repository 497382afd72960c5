//! Stopping: at every step, before, and in the middle of a model's run.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use wuerst::core::{CancellationToken, Ctx, Error, Model};
use wuerst::stages::Contract;
use wuerst::{Engine, Observer, Tensor};
use wuerst_tests::bundle;

use crate::{Recorder, job, options, published, set_case, shipped};

#[test]
fn cancelled_jobs_remain_usable() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let undisturbed = published(&folder, 1)?;
    set_case(&undisturbed)?;
    let mut observer = Recorder::default();
    let want = undisturbed.get("image", &mut observer)?;
    let steps = observer.steps.len();
    assert!(observer.steps.contains(&("prior".into(), 6, 6)));
    for at in 1..=steps {
        let job = Arc::new(job(folder.path(), 1, "wuerstchen.yaml")?);
        set_case(&job)?;
        let mut observer = Recorder { cancel_at: Some((at, Arc::clone(&job))), ..Recorder::default() };
        let got = job.get("image", &mut observer);
        // The very last step may come too late to stop anything.
        assert!(matches!(got, Err(Error::Cancelled)) || at == steps, "at {at}: {got:?}");
        assert_eq!(observer.steps.len(), at, "steps after a cancel");
        assert_eq!(job.get("image", &mut ())?, want);
    }
    let job = job(folder.path(), 1, "wuerstchen.yaml")?;
    set_case(&job)?;
    job.cancel();
    assert_eq!(job.get("image", &mut ())?, want, "a cancellation without a run is nothing to the next one");
    Ok(())
}

/// From another thread, spread over the length of a run, so that some fall into a model's loading or running.
#[test]
fn cancels_at_any_moment_leave_nothing_behind() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let undisturbed = published(&folder, 2)?;
    set_case(&undisturbed)?;
    let begun = Instant::now();
    let want = undisturbed.get("image", &mut ())?;
    let length = begun.elapsed();
    let moments = 24;
    let mut stopped = 0;
    for moment in 0..moments {
        let job = Arc::new(job(folder.path(), 2, "wuerstchen.yaml")?);
        set_case(&job)?;
        let other = Arc::clone(&job);
        let wait: Duration = length * moment / moments;
        let canceller = thread::spawn(move || {
            thread::sleep(wait);
            other.cancel();
        });
        let got = job.get("image", &mut ());
        assert!(canceller.join().is_ok());
        match got {
            Err(Error::Cancelled) => stopped += 1,
            // Too late.
            other => assert_eq!(other?, want),
        }
        assert_eq!(job.get("image", &mut ())?, want);
    }
    assert!(stopped > moments / 4, "only {stopped} of {moments} stopped anything");
    Ok(())
}

/// Not after a model's evaluation, but in the middle of it: the evaluation itself ends with the cancellation.
#[test]
fn evaluation_is_stopped_in_middle() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let engine = Engine::new(options(folder.path(), 2))?;
    let model = Model::open("vqgan-decoder", &folder.path().join("vqgan-decoder.onnx"))?;
    let latents = Tensor::from(ndarray::Array4::<f32>::zeros((1, 4, 192, 192)));
    let evaluate = |cancel: &CancellationToken| {
        let mut observer = ();
        let mut ctx = Ctx::new("vqgan", cancel, &mut observer);
        let loaded = engine.model_cache().get(&mut ctx, &model, Contract::VqganDecoder)?;
        loaded.run(&ctx, &[("latents", &latents)], "image")
    };
    evaluate(&CancellationToken::new())?;
    let begun = Instant::now();
    let want = evaluate(&CancellationToken::new())?;
    let length = begun.elapsed();
    let moments = 12;
    let mut stopped = 0;
    for moment in 1..=moments {
        let cancel = CancellationToken::new();
        let thrown = cancel.clone();
        let canceller = thread::spawn(move || {
            thread::sleep(length * moment / (2 * moments));
            thrown.cancel();
        });
        let got = evaluate(&cancel);
        assert!(canceller.join().is_ok());
        match got {
            Err(Error::Cancelled) => stopped += 1,
            other => assert_eq!(other?, want),
        }
        assert_eq!(evaluate(&CancellationToken::new())?, want, "the next one is as if nothing had been");
    }
    assert!(stopped > moments / 2, "only {stopped} of {moments} stopped an evaluation");
    Ok(())
}

/// Two jobs want the same model. The one that waits for the other is stopped while it waits.
#[test]
fn waiting_job_is_cancelled_at_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    bundle::write(folder.path())?;
    let engine = Engine::new(options(folder.path(), 1))?;
    let graph = engine.graph(&shipped("wuerstchen.yaml")?)?;
    let (first, second) = (engine.job(&graph), engine.job(&graph));
    set_case(&first)?;
    set_case(&second)?;
    // The first stands still in the middle of a node until the second has been cancelled.
    let mut gate =
        Still { cancelled: Arc::new(Barrier::new(2)), begun: Arc::new(Barrier::new(2)), stood: false };
    let (begun, cancelled) = (Arc::clone(&gate.begun), Arc::clone(&gate.cancelled));
    thread::scope(|scope| {
        let first = scope.spawn(move || first.get("embedding", &mut gate));
        begun.wait();
        let waiting = scope.spawn(|| second.get("embedding", &mut ()));
        thread::sleep(Duration::from_millis(50));
        second.cancel();
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Cancelled)));
        cancelled.wait();
        assert_eq!(first.join().expect("no panic")?, second.get("embedding", &mut ())?);
        Ok(())
    })
}

/// Stands still at the first step of the prior.
struct Still {
    begun: Arc<Barrier>,
    cancelled: Arc<Barrier>,
    stood: bool,
}

impl Observer for Still {
    fn progress(&mut self, node: &str, _: usize, _: usize) {
        if node == "prior" && !std::mem::replace(&mut self.stood, true) {
            self.begun.wait();
            self.cancelled.wait();
        }
    }
}
