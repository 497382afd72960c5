//! Results that outlive the process: what is kept, what damage does, and several processes at once.

mod stub;

use std::fs;
use std::path::Path;
use std::process::Command;

use stub::{Bench, CASCADE, inputs};
use wuerst_core::{CancellationToken, Observer, Value};
use wuerst_graph::{Cache, Folder, Run};

/// Names the folder to the processes that [`several_processes_share_folder`] starts.
const FOLDER: &str = "WUERST_TEST_CACHE_FOLDER";
const BUDGET: u64 = 20_000;

fn bench(folder: &Path) -> Bench {
    // Everything is worth it: the stubs take no time.
    let folder = Folder::new(folder, BUDGET, "test").worth(0.);
    Bench { cache: Cache::with_folder(usize::MAX, folder), ..Bench::new(0) }
}

fn sets(seed: i64) -> [(&'static str, Value); 2] {
    [("prompt", "a red apple".into()), ("seed", seed.into())]
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries =
        fs::read_dir(folder.join("wuerst-results")).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|end| end == "wst")).collect()
}

fn image(bench: &Bench, seed: i64) -> Value {
    bench.output(&bench.load(CASCADE), "image", &sets(seed)).0.unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn results_are_shared_between_processes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/when/needed");
    let want = image(&bench(&path), 1);
    let next = bench(&path);
    let report = next.report(&next.load(CASCADE), "image", &sets(1));
    let why: Vec<String> = report.nodes.iter().map(|node| node.outcome.to_string()).collect();
    assert!(why.len() == 5 && why.iter().all(|why| why == "from the cache folder"), "{why:?}");
    assert_eq!(image(&next, 1), want);
    let salted = Cache::with_folder(0, Folder::new(&path, BUDGET, "another version"));
    let other = Bench { cache: salted, ..Bench::new(0) };
    assert_eq!(other.ran(&other.load(CASCADE), &sets(1)).len(), 5, "other libraries, other results");
}

#[test]
fn only_slow_results_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::with_folder(0, Folder::new(folder.path(), BUDGET, "test").worth(1e12));
    image(&Bench { cache, ..Bench::new(0) }, 1);
    assert_eq!(files(folder.path()).len(), 0);
}

#[test]
fn damaged_files_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let want = image(&bench(folder.path()), 1);
    let damage: [fn(&mut Vec<u8>); 3] =
        [|bytes| bytes.truncate(bytes.len() / 2), |bytes| bytes.clear(), |bytes| bytes[60] ^= 1];
    for damage in damage {
        for file in files(folder.path()) {
            let mut bytes = fs::read(&file).unwrap();
            damage(&mut bytes);
            fs::write(file, bytes).unwrap();
        }
        let bench = bench(folder.path());
        let (value, ran) = bench.output(&bench.load(CASCADE), "image", &sets(1));
        assert_eq!((value.unwrap(), ran.len()), (want.clone(), 5));
    }
    let whole = bench(folder.path());
    assert!(whole.ran(&whole.load(CASCADE), &sets(1)).is_empty(), "and kept again");
}

#[derive(Default)]
struct Warnings(Vec<String>);

impl Observer for Warnings {
    fn warning(&mut self, _: &str, message: &str) {
        self.0.push(message.to_owned());
    }
}

#[test]
fn unwritable_folder_is_a_warning() {
    // A file stands where the folder would be, which stops the superuser too.
    let file = tempfile::NamedTempFile::new().unwrap();
    let bench = bench(&file.path().join("cache"));
    let graph = bench.load(CASCADE);
    let mut warnings = Warnings::default();
    for seed in 0..2 {
        let inputs = inputs(&graph, &sets(seed));
        Run::new(&graph, &inputs, &bench.cache, &CancellationToken::new(), &mut warnings)
            .output("image")
            .unwrap();
    }
    assert_eq!(warnings.0.len(), 1, "{:?}", warnings.0);
    assert!(
        warnings.0[0].contains("cache folder") && warnings.0[0].contains("continues"),
        "{:?}",
        warnings.0
    );
}

/// Process of the test below: makes pictures of several seeds repeatedly, and sometimes damages files.
#[test]
fn shared_folder_worker() {
    let Some(folder) = std::env::var_os(FOLDER).map(std::path::PathBuf::from) else { return };
    let alone = Bench::new(usize::MAX);
    for round in 0..40u32 {
        let seed = i64::from((round + std::process::id()) % 6);
        assert_eq!(image(&bench(&folder), seed), image(&alone, seed));
        if let Some(file) = files(&folder).get((round % 7) as usize).filter(|_| round % 5 == 0) {
            // It may be gone already. A file without the header of results does not count as the cache's.
            let _ = fs::write(file, "wuerst results 1\ndamage");
        }
    }
}

#[test]
fn several_processes_share_folder() {
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let start = || {
        let mut process = Command::new(&program);
        process.args(["--exact", "shared_folder_worker"]).env(FOLDER, folder.path());
        process.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let processes: Vec<_> = (0..5).map(|_| start()).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let sum: u64 = files(folder.path()).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(sum > 0 && sum <= BUDGET, "{sum} bytes");
    let names: Vec<_> = fs::read_dir(folder.path().join("wuerst-results"))
        .unwrap()
        .flatten()
        .map(|e| e.file_name())
        .collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains(".part")), "{names:?}");
}
