//! The loss curve of a stage as a PNG.

use crate::trainer::log::LONGEST;
use anyhow::{Context, Result};
use plotters::prelude::*;
use std::path::Path;
use wuerst_read::regular;

/// Draws the loss over the samples seen, from a stage's `log.csv`, with a logarithmic loss axis.
pub fn loss_curve(log: &Path, png: &Path) -> Result<()> {
    let text = regular::read_text(log, LONGEST).with_context(|| format!("reading {}", log.display()))?;
    let points: Vec<(f64, f64)> = text.lines().filter_map(point).collect();
    let (Some(last), false) = (points.last(), points.len() < 2) else { return Ok(()) };
    let low = points.iter().map(|p| p.1).fold(f64::MAX, f64::min);
    let high = points.iter().map(|p| p.1).fold(low * 1.01, f64::max);
    let root = BitMapBackend::new(png, (800, 400)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(8)
        .build_cartesian_2d(0f64..last.0, (low * 0.95..high * 1.05).log_scale())?;

    chart.draw_series(LineSeries::new(points, &BLUE))?;
    root.present().with_context(|| format!("writing {}", png.display()))
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
    fn a_log_line_is_a_point() {
        assert_eq!(super::point("50,3200,0.01,0.75,1.2,mse=0.9"), Some((3200., 0.75)));
        assert_eq!(super::point("step,samples"), None);
    }
}
