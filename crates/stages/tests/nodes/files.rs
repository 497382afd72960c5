//! Nodes that read and write files.

use std::fs;
use std::path::Path;

use wuerst_core::{CancellationToken, Files, Models, Tensor, Value};
use wuerst_graph::{Cache, Graph, Inputs, Run};

use crate::{floats, node, registry, said, tensor};

fn gradient() -> Tensor {
    Tensor::from_vec(&[16, 16, 3], (0..=255u8).flat_map(|i| [i, 255 - i, 128]).collect()).unwrap()
}

#[test]
fn saved_tensors_are_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (at, picture) = (folder.path(), gradient());
    for name in ["a.png", "a.webp", "a.jpg"] {
        let saved = node(at, "image.save", &format!("image: $a, name: {name}"), "saved", &[&picture]);
        assert_eq!(saved.unwrap(), Value::from(name));
        let back = tensor(node(at, "image.load", &format!("file: {name}"), "image", &[]));
        if name == "a.jpg" {
            let pairs = back.values::<u8>().unwrap().iter().zip(picture.values::<u8>().unwrap());
            assert!(pairs.clone().all(|(a, b)| a.abs_diff(*b) < 24), "JPEG is near");
        } else {
            assert_eq!(back, picture, "{name} loses nothing");
        }
    }
    let low = node(at, "image.save", "image: $a, name: b.jpg, quality: 10", "saved", &[&picture]);
    low.unwrap();
    assert!(fs::metadata(at.join("b.jpg")).unwrap().len() < fs::metadata(at.join("a.jpg")).unwrap().len());

    let numbers = Tensor::from_vec(&[1, 2, 1, 2], vec![1f32, -2., f32::MIN_POSITIVE, 4.]).unwrap();
    node(at, "tensor.save", "tensor: $a, name: t.npy", "saved", &[&numbers]).unwrap();
    assert_eq!(tensor(node(at, "tensor.load", "file: t.npy", "tensor", &[])), numbers);
    let left: Vec<_> = fs::read_dir(at).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

#[test]
fn names_outside_folder_are_refused_early() {
    let folder = tempfile::tempdir().unwrap();
    let at = &folder.path().join("in");
    fs::create_dir(at).unwrap();
    fs::write(folder.path().join("secret.png"), "secret").unwrap();
    let picture = gradient();
    for name in [
        "../x.png",
        "/tmp/x.png",
        "x.exe",
        ".bashrc",
        "no/x.png",
        "''",
        "con.png",
        "-x.png",
        "'a:b.png'",
        "\"a\\e.png\"",
    ] {
        let save = said(node(at, "image.save", &format!("image: $a, name: {name}"), "saved", &[&picture]));
        assert!(save.contains("nodes.n.with.name"), "a problem of the graph: {save}");
    }
    for name in ["../secret.png", "/etc/passwd", "''", "missing.png"] {
        let load = said(node(at, "image.load", &format!("file: {name}"), "image", &[]));
        assert!(load.contains("nodes.n.with.file") && !load.contains("damaged"), "{load}");
    }
    assert_eq!(fs::read_dir(at).unwrap().count(), 0);
    // A text that is made in the graph is not a file.
    let text = "wuerstchen: 1\nnodes:\n  j: { use: text.join, with: { a: ../secret, b: .png } }\n  \
                l: { use: image.load, with: { file: $j.text } }\noutputs: { image: $l.image }\n";
    let refused = Graph::load(text, &registry(at)).unwrap_err().to_string();
    assert!(refused.contains("wants file"), "{refused}");
    // A name that is made in the graph is checked when it is there.
    let text = "wuerstchen: 1\ninputs: { image: 'u8[h,w,3]' }\nnodes:\n  \
                j: { use: text.join, with: { a: .., b: x.png, between: / } }\n  \
                s: { use: image.save, with: { image: $image, name: $j.text } }\noutputs: { saved: $s.saved }\n";
    let graph = Graph::load(text, &registry(at)).unwrap();
    let mut inputs = Inputs::new();
    inputs.set(&graph, "image", picture).unwrap();
    let (cache, cancel) = (Cache::new(0), CancellationToken::new());
    let said = Run::new(&graph, &inputs, &cache, &cancel, &mut ()).output("saved").unwrap_err().to_string();
    assert!(said.contains("leads out") && !folder.path().join("x.png").exists(), "{said}");
}

#[test]
fn runs_save_no_more_than_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str| {
        format!("  {name}: {{ use: image.save, with: {{ image: $image, name: {name}.png }} }}\n")
    };
    let text = format!(
        "wuerstchen: 1\ninputs: {{ image: 'u8[h,w,3]' }}\nnodes:\n{}outputs: {{ a: $a.saved, b: $b.saved, c: $c.saved }}\n",
        ["a", "b", "c"].map(save).concat()
    );
    let mut inputs = Inputs::new();
    let run = |files: u64, bytes: u64, outputs: &[&str], inputs: &mut Inputs| {
        let mut registry = wuerst_core::Registry::new();
        let models =
            std::sync::Arc::new(wuerst_stages::ModelCache::new(wuerst_stages::RuntimeOptions::default()));
        let limited = wuerst_stages::Outputs::new(Some(folder.path().to_owned())).with_limits(files, bytes);
        wuerst_stages::register(&mut registry, &models, limited).unwrap();
        let graph = Graph::load(&text, &registry).unwrap();
        inputs.set(&graph, "image", gradient()).unwrap();
        let (cache, cancel) = (Cache::new(1 << 20), CancellationToken::new());
        let values = Run::new(&graph, inputs, &cache, &cancel, &mut ()).outputs(outputs);
        let count = fs::read_dir(folder.path()).unwrap().count();
        fs::read_dir(folder.path()).unwrap().for_each(|file| fs::remove_file(file.unwrap().path()).unwrap());
        (values.map(|_| ()).map_err(|e| e.to_string()), count)
    };
    let (said, count) = run(2, 1 << 20, &["a", "b", "c"], &mut inputs);
    assert!(count == 2 && said.unwrap_err().contains("`c`: name: this run has saved 2 files"));
    let (said, count) = run(9, 10, &["a"], &mut inputs);
    assert!(count == 0 && said.unwrap_err().contains("the host allows 10"));
    assert_eq!(run(2, 1 << 20, &["a", "b"], &mut inputs), (Ok(()), 2));
}

const LOAD: &str = "wuerstchen: 1\ninputs: { file: 'file = \"a.npy\"' }\nnodes:\n  \
                    l: { use: tensor.load, with: { file: $file } }\noutputs: { tensor: $l.tensor }\n";

#[test]
fn callers_name_any_file() {
    let (graphs, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let write = |folder: &Path, value: f32| {
        let numbers = Tensor::from_vec(&[1, 1, 1, 1], vec![value]).unwrap();
        node(folder, "tensor.save", "tensor: $a, name: a.npy", "saved", &[&numbers]).unwrap();
    };
    write(graphs.path(), 1.);
    write(elsewhere.path(), 2.);
    let graph = Graph::load(LOAD, &registry(graphs.path())).unwrap();
    let (cache, cancel) = (Cache::new(1 << 20), CancellationToken::new());
    let run = |inputs: &Inputs| {
        let (mut observer, graph) = ((), &graph);
        let mut run = Run::new(graph, inputs, &cache, &cancel, &mut observer);
        let value = floats(run.output("tensor"));
        (value[0], run.report().ran().count())
    };
    let mut inputs = Inputs::new();
    assert_eq!(run(&inputs), (1., 1), "the default of the graph");
    assert_eq!(run(&inputs), (1., 0), "remembered");
    inputs.set(&graph, "file", elsewhere.path().join("a.npy").to_str().unwrap()).unwrap();
    assert_eq!(run(&inputs), (2., 1));
    write(elsewhere.path(), 3.);
    assert_eq!(run(&inputs), (3., 1), "a changed file is noticed");
    inputs.unset("file");
    assert_eq!(run(&inputs), (1., 0));

    // Without a folder from the host, this default cannot be resolved.
    let mut bare = registry(graphs.path());
    bare.set_models(Models::default().with_files(Files::default()));
    let graph = Graph::load(LOAD, &bare).unwrap();
    let said = &graph.missing_defaults()[0].message;
    assert!(said.contains("cannot name files"), "{said}");
    let (mut observer, inputs) = ((), Inputs::new());
    let refused = Run::new(&graph, &inputs, &cache, &cancel, &mut observer).output("tensor").unwrap_err();
    assert!(refused.to_string().contains("cannot name files"), "{refused}");
    // Replaced by the caller.
    let path = elsewhere.path().join("a.npy");
    let text = LOAD.replace("{ file: $file }", "{ file: b.npy }").replace(" = \"a.npy\"", "");
    let sets = [("l.file", path.to_str().unwrap())];
    assert!(
        Graph::load_with(&text, &bare, &sets.map(Into::into)).is_ok() && Graph::load(&text, &bare).is_err()
    );
}

#[test]
fn damaged_numbers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let load = |bytes: &[u8]| {
        fs::write(folder.path().join("a.npy"), bytes).unwrap();
        said(node(folder.path(), "tensor.load", "file: a.npy", "tensor", &[]))
    };
    let numbers = Tensor::from_vec(&[1, 1, 4, 4], vec![0f32; 16]).unwrap();
    node(folder.path(), "tensor.save", "tensor: $a, name: a.npy", "saved", &[&numbers]).unwrap();
    let whole = fs::read(folder.path().join("a.npy")).unwrap();
    let edited = |from: &str, to: &str| {
        let text: Vec<u8> = whole.clone();
        let at = text.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        [&text[..at], to.as_bytes(), &text[at + from.len()..]].concat()
    };
    assert!(
        load(b"").contains("not a NumPy file")
            && load(&whole[..whole.len() - 1]).contains("not a NumPy file")
    );
    // 4 GB by the header, which keeps its length; none of it is reserved.
    assert!(load(&edited("1, 1, 4, 4", "9999,99999")).contains("not a NumPy file"));
    assert!(load(&edited("<f4", "<i4")).contains("f32 or f64 is expected"));
    assert!(load(&edited("1, 1, 4, 4", "1, 4,    4")).contains("[b,c,h,w] is expected"));
}
