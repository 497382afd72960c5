//! Another program that makes the same picture from the same weights, as a process that waits for requests.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

/// A running peer, which ends when dropped.
pub(super) struct Peer {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Description by the peer: versions, precision, threads, device.
    pub(super) name: String,
}

impl Peer {
    /// Starts diffusers in the folder made by tests/peers/setup, with its networks compiled or as they are.
    pub(super) fn diffusers(
        folder: &Path,
        script: &Path,
        threads: usize,
        precision: &str,
        compiled: bool,
    ) -> Result<Peer> {
        let mut command = python(folder)?;
        command.arg(script).args([folder.join("wuerstchen-prior"), folder.join("wuerstchen")]).args([
            &threads.to_string(),
            precision,
            "cpu",
        ]);
        command.args(compiled.then_some("compile"));
        Peer::start(command)
    }

    /// Starts OpenVINO's runtime on our models, with the Python made by tests/peers/setup.
    pub(super) fn openvino(
        folder: &Path,
        script: &Path,
        models: &Path,
        threads: usize,
        precision: &str,
    ) -> Result<Peer> {
        let mut command = python(folder)?;
        command.arg(script).arg(models).args([&threads.to_string(), precision]);
        Peer::start(command)
    }

    /// Starts candle's networks in the folder made by tests/peers/setup.
    pub(super) fn candle(folder: &Path, threads: usize) -> Result<Peer> {
        let program = folder.join("candle/release/candle-peer");
        if !program.exists() {
            bail!("{} is not there: tests/peers/setup builds it", program.display());
        }
        let mut command = Command::new(&program);
        command
            .args([folder.join("wuerstchen-prior"), folder.join("wuerstchen")])
            .env("RAYON_NUM_THREADS", threads.to_string());
        Peer::start(command)
    }

    fn start(mut command: Command) -> Result<Peer> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} cannot be started", command.get_program().display()))?;
        let requests = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().context("the peer has no output")?);
        let mut peer = Peer { process, requests, answers, name: String::new() };
        peer.name = peer.answer()?["ready"].as_str().context("the peer does not say what it is")?.to_owned();
        Ok(peer)
    }

    /// Runs once; returns milliseconds by stage, and for the whole `run`.
    pub(super) fn run(&mut self, request: &Json) -> Result<BTreeMap<String, f64>> {
        let requests = self.requests.as_mut().context("the peer takes no more requests")?;
        writeln!(requests, "{request}").and_then(|()| requests.flush()).context("the peer has ended")?;
        let answer = self.answer()?;
        let times = answer.as_object().context("the peer gives no times")?;
        Ok(times.iter().filter_map(|(stage, time)| Some((stage.clone(), time.as_f64()?))).collect())
    }

    /// The next line of JSON; the peer's libraries may write other lines.
    fn answer(&mut self) -> Result<Json> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.answers.read_line(&mut line).context("the peer has ended")? == 0 {
                bail!("the peer has ended: run it by hand to see why");
            }
            if let Ok(answer @ Json::Object(_)) = serde_json::from_str(&line) {
                return Ok(answer);
            }
        }
    }
}

/// The Python made by tests/peers/setup.
fn python(folder: &Path) -> Result<Command> {
    let python = folder.join("python/bin/python");
    if !python.exists() {
        bail!("{} is not there: tests/peers/setup makes it; name its folder with --peer", python.display());
    }
    Ok(Command::new(python))
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Closing the pipe makes it end by itself.
        drop(self.requests.take());
        let _ = self.process.wait();
    }
}
