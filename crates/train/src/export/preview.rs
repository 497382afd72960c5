//! Fits the linear maps of previews, from embedding and latents to colours, to real pictures.
//!
//! The pictures go through the exported compressor and VQGAN encoder, as in a host. Each resulting cell should map to the
//! mean colour of its pixels; least squares finds the best map.

use super::metadata;
use crate::config::RunConfig;
use crate::data::dataset::Dataset;
use crate::data::manifest::DatasetSplit;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use tch::{Device, Kind, Tensor};
use wuerst::{Engine, Options, Value};
use wuerst_model::metadata::{Metadata, Preview};

/// Number of pictures for the fit: tens of thousands of cells, for 17 and 5 unknowns per colour.
const PICTURES: usize = 512;

/// Both encoders, side by side.
const GRAPH: &str = "wuerstchen: 1
inputs: { image: 'u8[h,w,3]' }
nodes:
  shown: { use: wuerst.compress, with: { image: $image, model: compressor } }
  looks: { use: wuerst.vqgan_encode, with: { image: $image, model: vqgan-encoder } }
outputs: { embedding: $shown.embedding, latents: $looks.latents }
";

/// Fits the maps of a model folder to pictures of a run, and writes them into its prior and decoder.
///
/// # Errors
/// Pictures that were not rendered, models that are missing or cannot be written.
pub fn run(config: &RunConfig, folder: &Path) -> Result<()> {
    let dataset = Dataset::open(&config.cache, &config.data, DatasetSplit::Train)?;
    let side = config.data.size;
    let order = dataset.epoch(0);
    let pictures = order.iter().take(PICTURES).map(|index| {
        let picture = dataset.picture(*index as usize);
        Ok(wuerst::Tensor::from_vec(&[side, side, 3], picture.rgb)?)
    });
    let [embedding, latents] = fit(folder, pictures)?;
    println!(
        "previews: the embedding explains {:.0} % of the colours' variance, the latents {:.0} %",
        100. * embedding,
        100. * latents
    );
    Ok(())
}

/// Fits the maps of a model folder to `pictures`, `u8[h,w,3]` of sizes that the models accept.
///
/// Returns the fractions of the colours' variance that the embedding and the latents explain.
///
/// # Errors
/// As [`run`], and if there are no pictures.
pub fn fit(folder: &Path, pictures: impl IntoIterator<Item = Result<wuerst::Tensor>>) -> Result<[f64; 2]> {
    let engine = Engine::new(Options { models: folder.to_owned(), ..Options::default() })?;
    let job = engine.job(&engine.graph(GRAPH)?);
    let mut cells: [Cells; 2] = Default::default();
    for picture in pictures {
        let picture = picture?;
        job.set("image", picture.clone())?;
        for (cells, value) in cells.iter_mut().zip(job.get_all(&["embedding", "latents"], &mut ())?) {
            cells.add(&value, &picture)?;
        }
    }
    let [embedding, latents] = cells;
    let prior = metadata::path(folder, "prior");
    let Metadata::Prior(mut own) = metadata::read(&prior)? else {
        bail!("{} is not a prior", prior.display());
    };
    // Previews are made while the prior still works on its own scale.
    let (map, of_embedding) = embedding.map(|e| (e - own.embedding_shift) / own.embedding_scale)?;
    own.sampling.preview = Some(map);
    metadata::write(&prior, &Metadata::Prior(own))?;
    let decoder = metadata::path(folder, "decoder");
    let Metadata::Decoder(mut own) = metadata::read(&decoder)? else {
        bail!("{} is not a decoder", decoder.display());
    };
    let (map, of_latents) = latents.map(|z| z)?;
    own.sampling.preview = Some(map);
    metadata::write(&decoder, &Metadata::Decoder(own))?;
    Ok([of_embedding, of_latents])
}

/// Cells of latents, and their mean colours.
#[derive(Default)]
struct Cells {
    /// `[cells, channels]`, in row-major order.
    values: Vec<f64>,
    /// `[cells, 3]`, in 0..1.
    colours: Vec<f64>,
}

impl Cells {
    /// Adds the cells of one picture: `f32[1,c,h,w]` with `u8[y,x,3]`.
    fn add(&mut self, latents: &Value, picture: &wuerst::Tensor) -> Result<()> {
        let Value::Tensor(latents) = latents else { bail!("{latents} is not a tensor") };
        let (&[1, channels, height, width], &[y, x, 3]) = (latents.shape(), picture.shape()) else {
            bail!("latents of shape {:?}, a picture of shape {:?}", latents.shape(), picture.shape());
        };
        let latents = latents.values::<f32>().context("latents of another type")?;
        let cells = Tensor::from_slice(latents).reshape([channels as i64, (height * width) as i64]);
        self.values.extend(numbers(&cells.tr())?);
        let bytes = picture.values::<u8>().context("a picture of another type")?;
        let pixels = Tensor::from_slice(bytes).reshape([1, y as i64, x as i64, 3]).permute([0, 3, 1, 2]);
        let means = (pixels.to_kind(Kind::Double) / 255.).adaptive_avg_pool2d([height as i64, width as i64]);
        self.colours.extend(numbers(&means.reshape([3, -1]).tr())?);
        Ok(())
    }

    /// The least-squares map from values, changed by `scale`, to colours, and the fraction of the colours' variance that
    /// it explains.
    fn map(&self, scale: impl Fn(f64) -> f64) -> Result<(Preview, f64)> {
        let count = self.colours.len() / 3;
        ensure!(count > 0, "no pictures to fit previews to");
        let channels = self.values.len() / count;
        let scaled: Vec<f64> = self.values.iter().map(|x| scale(*x)).collect();
        let values = Tensor::from_slice(&scaled).reshape([count as i64, channels as i64]);
        let ones = Tensor::ones([count as i64, 1], (Kind::Double, Device::Cpu));
        let values = Tensor::cat(&[values, ones], 1);
        let colours = Tensor::from_slice(&self.colours).reshape([count as i64, 3]);
        // Negligible in relation to the cells, but prevents an overflow for a channel that never varies.
        let unknowns = channels as i64 + 1;
        let ridge = Tensor::eye(unknowns, (Kind::Double, Device::Cpu)) * 1e-6 * count as f64;
        let solution =
            Tensor::linalg_solve(&(values.tr().matmul(&values) + ridge), &values.tr().matmul(&colours), true);
        let rest = (&colours - values.matmul(&solution)).square().sum(Kind::Double);
        let all = (&colours - colours.mean_dim(0i64, true, Kind::Double)).square().sum(Kind::Double);
        let explained = 1. - rest.double_value(&[]) / all.double_value(&[]).max(f64::MIN_POSITIVE);
        let rows: Vec<[f64; 3]> = numbers(&solution)?.as_chunks().0.to_vec();
        let (bias, weight) = rows.split_last().context("a map without rows")?;
        Ok((Preview { weight: weight.to_vec(), bias: *bias }, explained))
    }
}

fn numbers(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(Vec::<f64>::try_from(tensor.to_kind(Kind::Double).contiguous().view(-1i64))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preview_map_is_recovered() -> Result<()> {
        let want = Preview { weight: vec![[0.1, 0.2, -0.3], [0., 0.5, 0.25]], bias: [0.5, 0.4, 0.3] };
        let values: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101) / 50. - 1.).collect();
        let colour = |cell: &[f64], c: usize| {
            want.bias[c] + cell.iter().zip(&want.weight).map(|(x, w)| x * w[c]).sum::<f64>()
        };
        let colours = values.chunks(2).flat_map(|cell| [0, 1, 2].map(|c| colour(cell, c))).collect();
        // As stored: twice the values and three more, which the scale takes back.
        let stored = values.iter().map(|x| 2. * x + 3.).collect();
        let (map, explained) = Cells { values: stored, colours }.map(|x| (x - 3.) / 2.)?;
        assert!(explained > 0.999_999, "{explained}");
        for (got, want) in map.weight.iter().chain([&map.bias]).zip(want.weight.iter().chain([&want.bias])) {
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-4), "{map:?}");
        }
        Ok(())
    }

    #[test]
    fn cells_are_pixel_means() -> Result<()> {
        let mut cells = Cells::default();
        let latents = wuerst::Tensor::from_vec(&[1, 2, 1, 2], vec![1f32, 2., 3., 4.])?;
        let picture: Vec<u8> = [[0u8; 3], [255; 3], [51, 0, 0], [51, 0, 0]].concat();
        cells.add(&latents.into(), &wuerst::Tensor::from_vec(&[1, 4, 3], picture)?)?;
        assert_eq!(cells.values, [1., 3., 2., 4.]);
        assert_eq!(cells.colours, [0.5, 0.5, 0.5, 0.2, 0., 0.]);
        Ok(())
    }
}
