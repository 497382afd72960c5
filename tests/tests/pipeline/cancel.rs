//! Stopping: at every step, before, and in the middle of a model's run.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use wuerst::core::Error;

use crate::{Watcher, job, published, set_case};

#[test]
fn cancelled_jobs_go_on_as_if_nothing_had_been() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let undisturbed = published(&folder, 1)?;
    set_case(&undisturbed)?;
    let mut watcher = Watcher::default();
    let want = undisturbed.get("image", &mut watcher)?;
    let steps = watcher.steps.len();
    assert!(watcher.steps.contains(&("prior".into(), 6, 6)));
    for at in 1..=steps {
        let job = Arc::new(job(folder.path(), 1, "wuerstchen.yaml")?);
        set_case(&job)?;
        let mut watcher = Watcher { cancel_at: Some((at, Arc::clone(&job))), ..Watcher::default() };
        let got = job.get("image", &mut watcher);
        // The very last step may come too late to stop anything.
        assert!(matches!(got, Err(Error::Cancelled)) || at == steps, "at {at}: {got:?}");
        assert_eq!(watcher.steps.len(), at, "steps after a cancel");
        assert_eq!(job.get("image", &mut ())?, want);
    }
    let job = job(folder.path(), 1, "wuerstchen.yaml")?;
    set_case(&job)?;
    job.cancel();
    assert!(matches!(job.get("image", &mut ()), Err(Error::Cancelled)));
    assert_eq!(job.get("image", &mut ())?, want);
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
            // Too late: it waits for the next run, which only takes note of it.
            other => {
                assert_eq!(other?, want);
                let _ = job.get("image", &mut ());
            }
        }
        assert_eq!(job.get("image", &mut ())?, want);
    }
    assert!(stopped > moments / 4, "only {stopped} of {moments} stopped anything");
    Ok(())
}
