//! The loss curve of a stage as a PNG.

use crate::trainer::log::LONGEST;
use anyhow::{Context, Result};
use plotters::prelude::*;
use resvg::{tiny_skia, usvg};
use std::path::Path;
use wuerst_read::regular;

/// Width and height in pixels.
const SIZE: (u32, u32) = (800, 400);

/// Draws the loss over the number of samples, from a stage's `log.csv`, with a logarithmic loss axis.
pub fn loss_curve(log: &Path, png: &Path) -> Result<()> {
    let text = regular::read_text(log, LONGEST).with_context(|| format!("reading {}", log.display()))?;
    let points: Vec<(f64, f64)> = text.lines().filter_map(point).collect();
    let (Some(last), false) = (points.last(), points.len() < 2) else { return Ok(()) };
    let low = points.iter().map(|p| p.1).fold(f64::MAX, f64::min);
    let high = points.iter().map(|p| p.1).fold(low * 1.01, f64::max);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin(8)
            .build_cartesian_2d(0f64..last.0, (low * 0.95..high * 1.05).log_scale())?;
        chart.draw_series(LineSeries::new(points, &BLUE))?;
        root.present()?;
    }
    let tree = usvg::Tree::from_str(&svg, &usvg::Options::default())?;
    let mut pixmap = tiny_skia::Pixmap::new(SIZE.0, SIZE.1).context("an empty picture")?;
    resvg::render(&tree, tiny_skia::Transform::identity(), &mut pixmap.as_mut());
    pixmap.save_png(png).with_context(|| format!("writing {}", png.display()))
}

/// `step,samples,hours,loss,…` to (samples, loss).
fn point(line: &str) -> Option<(f64, f64)> {
    let mut cells = line.split(',').skip(1);
    let samples = cells.next()?.parse().ok()?;
    Some((samples, cells.nth(1)?.parse().ok().filter(|loss| *loss > 0.)?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn draws_falling_line() {
        let folder = tempfile::tempdir().unwrap();
        let (log, png) = (folder.path().join("log.csv"), folder.path().join("loss.png"));
        std::fs::write(&log, "step,samples,hours,loss\n1,0,0,1.0\n2,100,0,0.1\n3,200,0,0.01\n").unwrap();
        super::loss_curve(&log, &png).unwrap();
        let picture = image::open(&png).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), super::SIZE);
        // Edges are smooth, so that a thin line has no pixel that is wholly blue.
        let is_blue = |[red, _, blue]: [u8; 3]| blue > red.saturating_add(60);
        let blue = |x: u32| (0..400).find(|y| is_blue(picture.get_pixel(x, *y).0));
        let ends = (blue(12).unwrap(), blue(788).unwrap());
        assert!(ends.0 < 60 && ends.1 > 340, "{ends:?}");
        assert_eq!(picture.get_pixel(400, 20).0, [255; 3]);
    }

    #[test]
    fn log_line_is_point() {
        assert_eq!(super::point("50,3200,0.01,0.75,1.2,mse=0.9"), Some((3200., 0.75)));
        assert_eq!(super::point("step,samples"), None);
    }
}
