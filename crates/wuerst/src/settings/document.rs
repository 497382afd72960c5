//! The keys of a settings file.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use wuerst_core::ByteSize;
use wuerst_stages::{Contract, Device, OpenVino, StageLora, StageOptions, TensorRt};

use super::fields::{Table, section};
use super::stated::Settings;
use super::values::{Devices, Plain, Short, Strength, Threads, Version};

section! {
    /// A settings file.
    Document {
        settings: Plain<Version>,
        models: Plain<PathBuf>,
        devices: Devices,
        threads: Plain<Threads>,
        stages: Stages,
        memory: Short<Plain<ByteSize>, Memory>,
        cache: Short<Plain<PathBuf>, Cache>,
        files: Plain<PathBuf>,
        outputs: Short<Plain<PathBuf>, Outputs>,
        plugins: Vec<Plain<PathBuf>>,
        subgraphs: Table<Plain<PathBuf>>,
        strict: bool,
        runtime: Plain<PathBuf>,
    }
    later { remotes }
}

section! {
    /// Settings of single stages.
    Stages {
        text_encoder = "text-encoder": Stage,
        prior: Stage,
        decoder: Stage,
        vqgan_decoder = "vqgan-decoder": Stage,
        vqgan_encoder = "vqgan-encoder": Stage,
        compressor: Stage,
        image_encoder = "image-encoder": Stage,
    }
    later {}
}

section! {
    /// Settings of one stage.
    Stage { devices: Devices, threads: Plain<Threads>, lora: Vec<LoraFile> }
    later {}
}

section! {
    /// A LoRA of a stage.
    LoraFile { file: Plain<PathBuf>, strength: Plain<Strength> }
    later {}
}

section! {
    /// Limits of memory.
    Memory { models: Plain<ByteSize>, results: Plain<ByteSize> }
    later {}
}

section! {
    /// The cache folder.
    Cache { folder: Plain<PathBuf>, size: Plain<ByteSize> }
    later {}
}

section! {
    /// Folder and limits of saved files.
    Outputs { folder: Plain<PathBuf>, count: Plain<NonZeroU64>, size: Plain<ByteSize> }
    later {}
}

impl Document {
    /// The settings; relative paths begin in `folder`.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn settings(self, folder: &Path) -> Result<Settings, String> {
        if self.settings.is_none() {
            return Err("a settings file states its version: begin it with `settings: 1`".to_owned());
        }
        let path = |given: Option<Plain<PathBuf>>| given.map(|Plain(path)| folder.join(path));
        let bytes = |given: Option<Plain<ByteSize>>| given.map(|Plain(ByteSize(bytes))| bytes);
        let memory = match self.memory {
            Some(Short::Short(models)) => Memory { models: Some(models), ..Memory::default() },
            Some(Short::Long(memory)) => memory,
            None => Memory::default(),
        };
        let cache = match self.cache {
            Some(Short::Short(folder)) => Cache { folder: Some(folder), ..Cache::default() },
            Some(Short::Long(cache)) => cache,
            None => Cache::default(),
        };
        let outputs = match self.outputs {
            Some(Short::Short(folder)) => Outputs { folder: Some(folder), ..Outputs::default() },
            Some(Short::Long(outputs)) => outputs,
            None => Outputs::default(),
        };
        let subgraphs = self.subgraphs.map(|Table(entries)| entries).unwrap_or_default();
        Ok(Settings {
            models: path(self.models),
            devices: devices(self.devices, folder),
            threads: self.threads.map(|Plain(Threads(count))| count),
            stages: self.stages.unwrap_or_default().options(folder)?,
            model_bytes: bytes(memory.models),
            cache_bytes: bytes(memory.results),
            cache_folder: path(cache.folder),
            cache_folder_bytes: bytes(cache.size),
            files: path(self.files),
            outputs: path(outputs.folder),
            outputs_files: outputs.count.map(|Plain(count)| count.get()),
            outputs_bytes: bytes(outputs.size),
            plugins: self.plugins.into_iter().flatten().filter_map(|one| path(Some(one))).collect(),
            subgraphs: subgraphs.into_iter().map(|(kind, Plain(file))| (kind, folder.join(file))).collect(),
            strict: self.strict,
            runtime: path(self.runtime),
        })
    }
}

impl Stages {
    fn options(self, folder: &Path) -> Result<BTreeMap<Contract, StageOptions>, String> {
        let stages = [
            (Contract::TextEncoder, self.text_encoder),
            (Contract::Prior, self.prior),
            (Contract::Decoder, self.decoder),
            (Contract::VqganDecoder, self.vqgan_decoder),
            (Contract::VqganEncoder, self.vqgan_encoder),
            (Contract::Compressor, self.compressor),
            (Contract::ImageEncoder, self.image_encoder),
        ];
        let lora = |contract: Contract, LoraFile { file, strength }| {
            let Some(Plain(file)) = file else {
                return Err(format!("stages.{contract}.lora: an entry names no `file`"));
            };
            let strength = strength.map_or(1., |Plain(Strength(strength))| strength);
            Ok(StageLora { file: folder.join(file), strength })
        };
        let own = |(contract, stage): (Contract, Option<Stage>)| {
            let stage = stage?;
            let loras = stage.lora.into_iter().flatten().map(|one| lora(contract, one));
            Some(loras.collect::<Result<_, String>>().map(|loras| {
                let threads = stage.threads.map(|Plain(Threads(count))| count);
                (contract, StageOptions { devices: devices(stage.devices, folder), threads, loras })
            }))
        };
        stages.into_iter().filter_map(own).collect()
    }
}

/// Devices, with paths made relative to the settings file's folder.
fn devices(given: Option<Devices>, folder: &Path) -> Vec<Device> {
    let from = |path: Option<PathBuf>| path.map(|path| folder.join(path));
    let device = |device| match device {
        Device::TensorRt(one) => Device::TensorRt(TensorRt { cache: from(one.cache), ..one }),
        Device::OpenVino(one) => Device::OpenVino(OpenVino { library: from(one.library), ..one }),
        Device::ExecutionProvider(one) => {
            Device::ExecutionProvider(one.with_library(|library| folder.join(library)))
        }
        other => other,
    };
    given.map(|Devices(list)| list.into_iter().map(device).collect()).unwrap_or_default()
}

/// Keys of each mapping, by its place in the schema.
#[cfg(test)]
pub(super) fn keys() -> [(&'static str, Vec<&'static str>); 7] {
    use super::fields::Section;
    [
        ("/properties", Document::KEYS.to_vec()),
        ("/properties/stages/properties", Stages::KEYS.to_vec()),
        ("/definitions/stage/properties", Stage::KEYS.to_vec()),
        ("/definitions/lora/items/properties", LoraFile::KEYS.to_vec()),
        ("/properties/memory/oneOf/1/properties", Memory::KEYS.to_vec()),
        ("/properties/cache/oneOf/1/properties", Cache::KEYS.to_vec()),
        ("/properties/outputs/oneOf/1/properties", Outputs::KEYS.to_vec()),
    ]
}
