//! Commands, and the time and memory that each took.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use wuerst_tests::built::{command, root};

/// Runs commands in turn, and tells of each how it ended, how long it took and the most memory that it had. A command that
/// hangs is killed after a time in which any is done, however slow the machine is.
const RUNNER: &str = r#"
import json, os, subprocess, sys, tempfile, threading, time
for args in json.load(sys.stdin):
    with tempfile.TemporaryFile() as said:
        begun = time.monotonic()
        child = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        guard = threading.Timer(120, child.kill)
        guard.start()
        _, status, usage = os.wait4(child.pid, 0)
        guard.cancel()
        seconds = time.monotonic() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
        print(json.dumps({"args": args[1:], "code": child.returncode, "kib": usage.ru_maxrss, "seconds": seconds, "processor": usage.ru_utime + usage.ru_stime, "said": text}))
"#;

/// How a command ended.
#[derive(Debug, Deserialize)]
pub struct Ended {
    pub args: Vec<String>,
    /// Its exit code, or a signal as a negative number.
    pub code: i32,
    /// The most memory that it had.
    pub kib: u64,
    /// From its start to its end.
    pub seconds: f64,
    /// Of these the processor's, which a busy machine does not change.
    pub processor: f64,
    /// Its stderr.
    pub said: String,
}

/// Runs `wuerst` with each of these arguments.
pub fn run(commands: &[Vec<String>]) -> Result<Vec<Ended>> {
    let program = command()?.get_program().to_string_lossy().into_owned();
    let commands: Vec<Vec<String>> =
        commands.iter().map(|args| [std::slice::from_ref(&program), args].concat()).collect();
    let mut child = Command::new("python3")
        .args(["-c", RUNNER])
        .current_dir(root())
        .env_remove("WUERST_MODELS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("python3")?;
    child.stdin.take().context("stdin")?.write_all(&serde_json::to_vec(&commands)?)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the runner failed");
    let lines = std::str::from_utf8(&output.stdout)?.lines();
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Of each command how often it ran, and the slowest; times depend on the machine, so they are printed and no test asks for
/// them.
#[derive(Default)]
pub struct Times(BTreeMap<String, (usize, Slowest, Slowest)>);

/// Seconds, and the file that took them.
type Slowest = (f64, String);

impl Times {
    /// Adds what was done with one file.
    pub fn add(&mut self, file: &str, ended: &[Ended]) {
        for Ended { args, seconds, processor, .. } in ended {
            let (count, slowest, busiest) = self.0.entry(args[0].clone()).or_default();
            *count += 1;
            for (most, took) in [(slowest, seconds), (busiest, processor)] {
                if *took > most.0 {
                    *most = (*took, file.to_owned());
                }
            }
        }
    }

    /// Prints them.
    pub fn print(&self) {
        for (command, (count, (seconds, slowest), (processor, busiest))) in &self.0 {
            println!(
                "{command}: {count} files, at most {seconds:.3} s ({slowest}), {processor:.3} s of the processor ({busiest})"
            );
        }
    }
}
