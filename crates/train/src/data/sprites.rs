//! Renders emoji sets to sprites once and stores them in one file per set.
//!
//! A cache has two files. `NAME-SIZE.rgba` has a 16-byte header (magic, format version, side, count; little endian) and
//! then the raw premultiplied RGBA sprites, so that one seek finds each of them. `NAME-SIZE.json` is the index from icon
//! names to sprites, with their properties for drawing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use wuerst_read::regular::{self, Links};

use super::archive::{for_each_member, read_member};
use super::fetch::{package_path, staging_path, write_whole};
use super::iconify::IconSet;
use super::packages::{Art, EmojiSet};
use super::palette::{COLOURS, ColourSet, Rgb, lost_on};
use super::raster::{Rect, Sprite, scale_rgba};

/// Maximum length of the index of sprites, in bytes.
const LONGEST: u64 = 64 << 20;

const MAGIC: &[u8; 4] = b"WSPR";
const VERSION: u32 = 1;
const HEADER: usize = 16;
/// Number of sprites rendered between two writes: enough to keep every core busy.
const CHUNK: usize = 256;

/// Properties of a sprite other than its pixels.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SpriteInfo {
    /// Position in the file.
    pub index: usize,
    /// Bounding box of the visible pixels: left, top, right, bottom (exclusive), in pixels.
    pub bounds: [u16; 4],
    /// Background colours on which its outline would be lost.
    pub lost_on: ColourSet,
}

impl SpriteInfo {
    /// Bounding box of the visible pixels.
    pub fn visible(&self) -> Rect {
        let [left, top, right, bottom] = self.bounds.map(f32::from);
        Rect { x: left, y: top, width: right - left, height: bottom - top }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Index {
    /// File name of the package the sprites were rendered from.
    package: String,
    /// The palette that `lost_on` refers to.
    palette: Vec<Rgb>,
    sprites: BTreeMap<String, SpriteInfo>,
}

/// Some or all sprites of one emoji set, in memory.
#[derive(Debug)]
pub struct SpriteSet {
    size: usize,
    bytes: Vec<u8>,
    sprites: BTreeMap<String, SpriteInfo>,
}

impl SpriteSet {
    /// Loads the sprites of a rendered set for which `wanted` holds.
    ///
    /// # Errors
    /// A set that was not rendered at this size (see [`render_set`]), or files that cannot be read.
    pub fn load(
        data_dir: &Path,
        set: &EmojiSet,
        size: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<SpriteSet> {
        let files = CacheFiles::new(data_dir, set, size);
        let Some(index) = files.current_index(set, size)? else {
            bail!(
                "no sprites of set {} at {size} pixels in {}: run `wuerst-train data --sprite-size {size}` first",
                set.name,
                data_dir.display()
            );
        };
        let mut chosen: Vec<_> = index.sprites.into_iter().filter(|(name, _)| wanted(name)).collect();
        chosen.sort_by_key(|(_, info)| info.index);
        let length = size * size * 4;
        let mut bytes = vec![0; chosen.len() * length];
        let name = files.pixels.display();
        let mut file =
            regular::open(&files.pixels, Links::Followed).with_context(|| format!("cannot open {name}"))?;
        let mut sprites = BTreeMap::new();
        for (slot, (icon, info)) in bytes.chunks_exact_mut(length).zip(chosen) {
            file.seek(SeekFrom::Start((HEADER + info.index * length) as u64))?;
            file.read_exact(slot).with_context(|| format!("cannot read {name}"))?;
            sprites.insert(icon, SpriteInfo { index: sprites.len(), ..info });
        }
        Ok(SpriteSet { size, bytes, sprites })
    }

    /// Properties of the sprite of an icon.
    pub fn info(&self, icon: &str) -> Option<SpriteInfo> {
        self.sprites.get(icon).copied()
    }

    /// The pixels of a sprite of this set.
    pub fn sprite(&self, info: SpriteInfo) -> Sprite<'_> {
        let length = self.size * self.size * 4;
        let start = info.index * length;
        Sprite { size: self.size, rgba: &self.bytes[start..start + length] }
    }
}

/// Cache files of a set's sprites at one size.
struct CacheFiles {
    pixels: PathBuf,
    index: PathBuf,
}

impl CacheFiles {
    fn new(data_dir: &Path, set: &EmojiSet, size: usize) -> CacheFiles {
        let folder = data_dir.join("sprites");
        CacheFiles {
            pixels: folder.join(format!("{}-{size}.rgba", set.name)),
            index: folder.join(format!("{}-{size}.json", set.name)),
        }
    }

    /// The index; `None` if there is no cache, or it belongs to another palette, package or format.
    fn current_index(&self, set: &EmojiSet, size: usize) -> Result<Option<Index>> {
        if !self.pixels.exists() || !self.index.exists() {
            return Ok(None);
        }
        let text = regular::read(&self.index, LONGEST)
            .with_context(|| format!("cannot read {}", self.index.display()))?;
        let Ok(index) = serde_json::from_slice::<Index>(&text) else {
            return Ok(None);
        };
        let mut start = [0; HEADER];
        let mut file = regular::open(&self.pixels, Links::Followed)?;
        let length = file.metadata()?.len();
        let count = index.sprites.len();
        let whole = length == (HEADER + count * size * size * 4) as u64
            && file.read_exact(&mut start).is_ok()
            && start == header(size, count);
        let same_inputs =
            index.package == set.file && index.palette.iter().eq(COLOURS.iter().map(|colour| &colour.rgb));
        Ok((whole && same_inputs).then_some(index))
    }
}

fn header(size: usize, count: usize) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..4].copy_from_slice(MAGIC);
    for (slot, number) in bytes[4..].chunks_exact_mut(4).zip([VERSION, size as u32, count as u32]) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// Renders the named icons of a set at `size` × `size` pixels (16 to 1024) into its cache, unless they exist.
///
/// # Errors
/// A missing package, an icon that cannot be rendered, a folder that cannot be written.
pub fn render_set(data_dir: &Path, set: &EmojiSet, icons: &BTreeSet<&str>, size: usize) -> Result<()> {
    if !(16..=1024).contains(&size) {
        bail!("sprite size {size} is out of range: 16 to 1024 pixels");
    }
    let files = CacheFiles::new(data_dir, set, size);
    if let Some(index) = files.current_index(set, size)?
        && icons.iter().all(|icon| index.sprites.contains_key(*icon))
    {
        return Ok(());
    }
    let package = package_path(data_dir, set.file)?;
    let art = ArtSource::open(set, &package).with_context(|| format!("in {}", package.display()))?;
    let folder = data_dir.join("sprites");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create folder {}", folder.display()))?;
    let partial = staging_path(&files.pixels);
    let mut staging = BufWriter::new(
        File::create(&partial).with_context(|| format!("cannot write into {}", folder.display()))?,
    );
    staging.write_all(&header(size, icons.len()))?;
    let bar = progress(set, icons.len());
    let mut sprites = BTreeMap::new();
    let names: Vec<&str> = icons.iter().copied().collect();
    for chunk in names.chunks(CHUNK) {
        let render = |name: &&str| -> Result<(SpriteInfo, Vec<u8>)> {
            let rgba = art
                .render(name, size)
                .with_context(|| format!("icon {name} of set {} does not render", set.name))?;
            let bounds = visible_bounds(&rgba, size)
                .with_context(|| format!("icon {name} of set {} renders to nothing", set.name))?;
            bar.inc(1);
            Ok((SpriteInfo { index: 0, bounds, lost_on: lost_on(&rgba, size) }, rgba))
        };
        let rendered = chunk.par_iter().map(render).collect::<Result<Vec<_>>>()?;
        for (name, (info, rgba)) in chunk.iter().zip(rendered) {
            sprites.insert((*name).to_owned(), SpriteInfo { index: sprites.len(), ..info });
            staging.write_all(&rgba).with_context(|| format!("cannot write into {}", folder.display()))?;
        }
    }
    bar.finish_and_clear();
    staging.flush().with_context(|| format!("cannot write {}", partial.display()))?;
    fs::rename(&partial, &files.pixels)
        .with_context(|| format!("cannot write {}", files.pixels.display()))?;
    let palette = COLOURS.iter().map(|colour| colour.rgb).collect();
    write_whole(&files.index, &serde_json::to_vec(&Index { package: set.file.to_owned(), palette, sprites })?)
}

/// Pictures of a set in its package.
enum ArtSource {
    Iconify(IconSet),
    WebP(BTreeMap<String, Vec<u8>>),
}

impl ArtSource {
    fn open(set: &EmojiSet, package: &Path) -> Result<ArtSource> {
        Ok(match set.art {
            Art::Iconify => ArtSource::Iconify(IconSet::parse(&read_member(package, "package/icons.json")?)?),
            Art::WebP => ArtSource::WebP(webp_files(package)?),
        })
    }

    /// One picture as premultiplied RGBA.
    fn render(&self, name: &str, size: usize) -> Result<Vec<u8>> {
        match self {
            ArtSource::Iconify(icons) => render_svg(&icons.svg(name, size as u32)?, size as u32),
            ArtSource::WebP(files) => {
                decode_webp(files.get(name).context("the package has no such file")?, size)
            }
        }
    }
}

fn progress(set: &EmojiSet, count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    if let Ok(style) =
        indicatif::ProgressStyle::with_template("{msg:22} {bar:30} {pos}/{len} {per_sec} ({eta})")
    {
        bar.set_style(style);
    }
    bar.set_message(format!("rendering {}", set.name));
    bar
}

/// Renders an SVG document into premultiplied RGBA.
fn render_svg(svg: &str, size: u32) -> Result<Vec<u8>> {
    use resvg::{tiny_skia, usvg};
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default())?;
    let mut pixmap = tiny_skia::Pixmap::new(size, size).context("no memory for a picture")?;
    resvg::render(&tree, tiny_skia::Transform::identity(), &mut pixmap.as_mut());
    Ok(pixmap.take())
}

fn webp_files(package: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    const FOLDER: &str = "package/assets/";
    let mut files = BTreeMap::new();
    for_each_member(
        package,
        |path| path.starts_with(FOLDER) && path.ends_with(".webp"),
        |path, bytes| {
            files.insert(path[FOLDER.len()..].to_owned(), bytes);
            Ok(())
        },
    )?;
    Ok(files)
}

/// Decodes a WebP with straight alpha, premultiplies it, and averages it down to `size`.
fn decode_webp(bytes: &[u8], size: usize) -> Result<Vec<u8>> {
    let mut picture = image::load_from_memory_with_format(bytes, image::ImageFormat::WebP)?.into_rgba8();
    for pixel in picture.pixels_mut() {
        let alpha = u16::from(pixel[3]);
        for channel in 0..3 {
            pixel[channel] = ((u16::from(pixel[channel]) * alpha + 127) / 255) as u8;
        }
    }
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Ok(scale_rgba(picture.as_raw(), width, height, size))
}

/// Bounding box of all pixels that are more than faintly visible; `None` for an empty picture.
fn visible_bounds(rgba: &[u8], size: usize) -> Option<[u16; 4]> {
    const FAINT: u8 = 8;
    let (mut left, mut top, mut right, mut bottom) = (size, size, 0, 0);
    for (index, pixel) in rgba.chunks_exact(4).enumerate() {
        if pixel[3] > FAINT {
            let (x, y) = (index % size, index / size);
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
        }
    }
    (left < right).then(|| [left, top, right, bottom].map(|side| side as u16))
}
