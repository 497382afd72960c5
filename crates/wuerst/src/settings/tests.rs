//! Files of `tests/settings`: those in `right` are read, those in `wrong` refused with the words of the text file next to
//! them. After a change of wording: `UPDATE_GOLDEN=1 cargo test -p wuerst settings`, then read the difference.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value as Json;
use wuerst_stages::{Contract, Device, OpenVino, StageLora, StageOptions};

use super::*;
use crate::Engine;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests/settings").join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    paths.sort();
    paths
}

fn read(text: &str) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wuerst.yaml");
    fs::write(&path, text).unwrap();
    Settings::read(&path).unwrap()
}

#[test]
fn every_key_is_read() {
    let path = root().join("tests/settings/right/all.yaml");
    let at = |name: &str| Some(path.with_file_name("").join(name));
    let all = Settings::read(&path).unwrap();
    assert_eq!((&all.models, &all.files, &all.outputs), (&at("models/icons"), &at("pictures"), &at("out")));
    assert_eq!((&all.cache_folder, &all.runtime), (&at("cache"), &at("lib/libonnxruntime.so")));
    assert_eq!((all.outputs_files, all.outputs_bytes), (Some(10), Some(500 << 20)));
    assert_eq!((all.model_bytes, all.cache_bytes), (Some(8 << 30), Some(256 << 20)));
    assert_eq!((all.cache_folder_bytes, all.threads, all.strict), (Some(4 << 30), Some(4), Some(true)));
    assert_eq!(all.plugins, [at("libacme.so").unwrap(), "/opt/libhouse.so".into()]);
    let subgraphs = [("house.prior", "parts/prior.yaml"), ("acme.part", "part.yaml")];
    assert_eq!(all.subgraphs, subgraphs.map(|(kind, file)| (kind.to_owned(), at(file).unwrap())));
    let engines = at("engines").unwrap().display().to_string();
    let written = Device::list(&format!("cuda:0{{memory_limit=4GiB}},tensorrt:1{{cache={engines}}},cpu"));
    assert_eq!(all.devices, written.unwrap());
    let lora = |file: PathBuf, strength| StageLora { file, strength };
    let loras = vec![lora(at("style.safetensors").unwrap(), 0.8), lora("/loras/b.safetensors".into(), 1.)];
    let prior = StageOptions { devices: Device::list("cuda:1,cpu").unwrap(), threads: Some(2), loras };
    assert_eq!(all.stages[&Contract::Prior], prior);
    assert_eq!(all.stages.len(), 4);
    let OpenVino { library, .. } = match &all.stages[&Contract::VqganDecoder].devices[0] {
        Device::OpenVino(device) => device.clone(),
        other => panic!("{other}"),
    };
    assert_eq!(library, Some("/opt/openvino".into()));
    let qnn = format!("ep:QNN{{library={},htp=1}}", at("libqnn.so").unwrap().display());
    assert_eq!(all.stages[&Contract::VqganDecoder].devices[1].to_string(), qnn);
}

#[test]
fn right_files_are_read() {
    let files = files("right");
    assert!(files.len() >= 3);
    files.iter().for_each(|path| drop(Settings::read(path).unwrap_or_else(|e| panic!("{e}"))));
}

#[test]
fn page_lists_every_limit() {
    let page = fs::read_to_string(root().join("crates/cli/README.md")).unwrap();
    let example = page.split("```yaml\n").find(|part| part.contains("settings: 1")).unwrap();
    let example = read(example.split("```").next().unwrap());
    assert!(example.strict == Some(true) && example.stages.len() == 2 && example.plugins.len() == 1);
}

#[test]
fn wrong_files_are_refused() {
    let files = files("wrong");
    assert!(files.len() >= 20);
    for path in files {
        let error = Settings::read(&path).expect_err(&path.display().to_string());
        assert!(matches!(error, Error::Settings { .. }), "{error:?}");
        let said =
            format!("{}\n", error.to_string().replace(&format!("{}/", path.parent().unwrap().display()), ""));
        let golden = path.with_extension("txt");
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&golden).unwrap_or_default(), "{}", path.display());
    }
}

#[test]
fn options_count_before_files() {
    let text =
        "settings: 1\ndevices: cuda:0\nthreads: 3\nstages: { prior: { devices: [coreml], threads: 2 } }\n";
    let mut options = read(text).into_options();
    assert_eq!((options.stages.threads, options.models.as_path()), (Some(3), Path::new("models")));
    options.set_devices(vec![Device::Cpu]);
    options.set_threads(1);
    let of_prior = &options.stages.each[&Contract::Prior];
    assert_eq!((of_prior, options.stages.devices), (&StageOptions::default(), vec![Device::Cpu]));
}

#[test]
fn other_files_are_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let said = Settings::read(folder.path()).unwrap_err().to_string();
    assert!(said.contains("not a regular file"), "{said}");
    let long = folder.path().join("long.yaml");
    fs::write(&long, vec![b'#'; LONGEST + 1]).unwrap();
    let said = Settings::read(&long).unwrap_err().to_string();
    assert!(said.contains("at most 1 MiB"), "{said}");
    fs::write(&long, [b's', 0xff]).unwrap();
    assert!(matches!(Settings::read(&long), Err(Error::Settings { .. })));
    // Each anchor doubles what the one before stands for.
    let mut bomb = String::from("settings: 1\nplugins: &a0 [x]\n");
    (1..60).for_each(|n| bomb += &format!("a{n}: &a{n} [*a{m}, *a{m}]\n", m = n - 1));
    fs::write(&long, bomb).unwrap();
    assert!(matches!(Settings::read(&long), Err(Error::Settings { .. })));
}

#[test]
fn engines_load_files_of_settings() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("parts")).unwrap();
    let part = "# A part.\nwuerstchen: 1\nnodes:\n  a: { use: text.join, with: { a: x, b: y } }\noutputs: { text: $a.text }\n";
    fs::write(at("parts/part.yaml"), part).unwrap();
    let settings = at("wuerst.yaml");
    fs::write(&settings, "settings: 1\nsubgraphs: { house.part: parts/part.yaml }\n").unwrap();
    let engine = Engine::new(Options::from_settings(&settings).unwrap()).unwrap();
    assert!(engine.registry().get("house.part").is_some());

    fs::write(at("parts/part.yaml"), part.replace("text.join", "text.jion")).unwrap();
    let said = Engine::new(Options::from_settings(&settings).unwrap()).unwrap_err().to_string();
    assert!(said.contains("parts/part.yaml") && said.contains("did you mean `text.join`"), "{said}");
    fs::write(&settings, "settings: 1\nplugins: [none.so]\n").unwrap();
    let said = Engine::new(Options::from_settings(&settings).unwrap()).unwrap_err().to_string();
    assert!(said.contains("none.so"), "{said}");
}

/// `tests/schema` validates the files with jsonschema.
#[test]
fn schema_has_every_key() {
    let text = fs::read_to_string(root().join("graphs/settings.schema.json")).unwrap();
    let schema: Json = serde_json::from_str(&text).unwrap();
    let keys = |place: &str| -> Vec<String> {
        let properties = schema.pointer(place).and_then(Json::as_object).expect(place);
        let mut keys: Vec<String> = properties.keys().cloned().collect();
        keys.sort();
        keys
    };
    for (place, mut known) in document::keys() {
        known.sort_unstable();
        assert_eq!(keys(place), known, "{place}");
    }
}
