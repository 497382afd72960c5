//! Limits of a long run: a second for an input, and 512 MiB in total.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

/// The time that one input may take, in seconds.
const LONGEST: f64 = 1.;

/// An input that takes as long will not end.
const NEVER: Duration = Duration::from_secs(20);

/// The memory of the process at its peak, in bytes.
const MOST: u64 = 512 << 20;

/// Watches over the inputs, if that is asked for.
pub struct Limits {
    current: Option<Arc<Mutex<(Instant, String)>>>,
}

impl Limits {
    /// Starts to watch. Without `strict` all limits are off: on a busy machine the clock proves nothing.
    pub fn new(strict: bool) -> Limits {
        let current = strict.then(|| Arc::new(Mutex::new((Instant::now(), String::new()))));
        if let Some(watched) = current.clone() {
            thread::spawn(move || {
                loop {
                    thread::sleep(Duration::from_millis(500));
                    let now = watched.lock().unwrap();
                    if now.0.elapsed() > NEVER {
                        eprintln!("an input does not end: {}", keep(&now.1));
                        process::abort();
                    }
                }
            });
        }
        Limits { current }
    }

    /// Notes what is about to be examined.
    pub fn begin(&self, text: &str) {
        if let Some(current) = &self.current {
            *current.lock().unwrap() = (Instant::now(), text.to_owned());
        }
    }

    /// Holds what it took against the limits.
    pub fn end(&self, text: &str, seconds: f64) {
        if self.current.is_none() {
            return;
        }
        assert!(seconds <= LONGEST, "an input took {seconds:.2} s: {}", keep(text));
        let peak = peak().unwrap_or(0);
        assert!(peak <= MOST, "an input took the memory to {} MiB: {}", peak >> 20, keep(text));
    }
}

/// The memory that this process has taken at most; `None` where the system does not say.
pub fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok().map(|kibibytes: u64| kibibytes << 10)
}

/// Writes an input that fails to a file, and gives its path.
pub fn keep(text: &str) -> String {
    let path: PathBuf = env::temp_dir().join(format!("wuerst-mutation-{}.yaml", process::id()));
    match fs::write(&path, text) {
        Ok(()) => path.display().to_string(),
        Err(error) => format!("(not kept: {error})"),
    }
}
