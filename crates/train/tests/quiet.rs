//! `.ci/quiet`: training stands still while a command runs, and goes on however it ends.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is how a test fails")]
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

/// Its state as the system gives it: T is stopped.
fn state(process: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

/// A process of the trainer's name, until it is dropped.
struct Training(Child);

impl Training {
    fn start(folder: &Path) -> Training {
        let program = folder.join("wuerst-train");
        fs::copy("/bin/sleep", &program).unwrap();
        let training = Training(Command::new(program).arg("600").spawn().unwrap());
        // Until the new program has its name.
        while fs::read_to_string(format!("/proc/{}/comm", training.0.id())).unwrap().trim() != "wuerst-train"
        {
            sleep(Duration::from_millis(5));
        }
        training
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn training_stands_still_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let training = Training::start(folder.path());
    let process = training.0.id();
    let quiet = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/quiet");
    let script = format!("cut -d' ' -f3 /proc/{process}/stat; exit 3");
    let run = Command::new(&quiet).args(["sh", "-c", &script]).output().unwrap();
    assert_eq!((run.stdout.as_slice(), run.status.code()), (&b"T\n"[..], Some(3)));
    assert_ne!(state(process), 'T');

    // One within another must not let training go on before the outer one ends.
    let script = format!("'{}' true; cut -d' ' -f3 /proc/{process}/stat", quiet.display());
    let run = Command::new(&quiet).args(["sh", "-c", &script]).output().unwrap();
    assert_eq!(run.stdout, b"T\n");
    assert_ne!(state(process), 'T');
    assert_eq!(Command::new(quiet).status().unwrap().code(), Some(2));
}
