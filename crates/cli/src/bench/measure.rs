//! Runs of each kind: in a new process, warm, and with everything remembered.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use wuerst::{Engine, Job};

use super::figures::{Figures, Median, StageFigures};

/// Runs the job's output `runs` times in each way.
pub(super) fn measure(engine: &Engine, job: &Job, output: &str, runs: usize) -> Result<Figures> {
    let cold = (0..runs).map(|_| process()).collect::<Result<Vec<_>>>()?;
    job.get(output, &mut ())?;
    let load = job.report().usage().loading;
    let (mut warm, mut cached) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        engine.cache().clear();
        job.get(output, &mut ())?;
        warm.push(job.report());
        job.get(output, &mut ())?;
        let report = job.report();
        ensure!(
            report.ran().next().is_none() || volatile(&report),
            "a run of what is remembered ran something"
        );
        cached.push(report.duration);
    }
    let peak = peak();
    let devices = warm.first().map(|report| report.usage().devices).unwrap_or_default();
    let nodes = warm.first().map(|report| report.nodes.clone()).unwrap_or_default();
    let of_node = |at: usize, time: fn(&wuerst::graph::NodeReport) -> Duration| {
        Median::of(warm.iter().filter_map(|report| report.nodes.get(at)).map(time))
    };
    let stages = nodes.iter().enumerate().map(|(at, node)| StageFigures {
        node: node.node.clone(),
        whole: of_node(at, |node| node.duration),
        models: of_node(at, |node| node.usage.inference),
        macs: node.usage.macs,
        memory: node.usage.memory,
        predicted_memory: node.usage.predicted_memory,
    });
    Ok(Figures {
        peak_throughput: wuerst::stages::peak_throughput(engine.model_cache(), runs.max(3))?,
        runs,
        devices,
        stages: stages.collect(),
        run: Median::of(warm.iter().map(|report| report.duration)),
        overhead: Median::of_numbers(warm.iter().map(|report| {
            let usage = report.usage();
            let whole = report.duration.saturating_sub(usage.loading).as_secs_f64();
            1. - usage.inference.as_secs_f64() / whole.max(f64::MIN_POSITIVE)
        })),
        cached: Median::of(cached),
        cold: Median::of(cold),
        load,
        peak,
    })
}

/// Nodes with side effects run every time, and possibly the nodes after them.
fn volatile(report: &wuerst::Report) -> bool {
    use wuerst::graph::{Outcome, RunReason};
    report.nodes.iter().any(|node| node.outcome == Outcome::Ran(RunReason::Volatile))
}

/// Duration of a whole process with one run.
fn process() -> Result<Duration> {
    let begun = Instant::now();
    let status = Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .arg("--once")
        .stdout(Stdio::null())
        .status()
        .context("a process for a cold start")?;
    ensure!(status.success(), "the process for a cold start ended with {status}");
    Ok(begun.elapsed())
}

/// Peak memory of this process in bytes, if the system reports it.
#[expect(clippy::disallowed_methods, reason = "the system's own file")]
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}
