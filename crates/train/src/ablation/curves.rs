//! Curves of a table as SVG.

use super::points::Row;
use crate::data::fetch::write_whole;
use anyhow::{Context, Result};
use plotters::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Width and height in pixels.
const SIZE: (u32, u32) = (720, 440);

/// Colours of the sides, which differ in brightness, too.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 90, 181),
    RGBColor(220, 50, 32),
    RGBColor(20, 130, 60),
    RGBColor(120, 60, 160),
    RGBColor(190, 120, 0),
    RGBColor(70, 70, 70),
];

/// A number of a row for the x axis.
type Place = fn(&Row) -> f64;

/// The kinds of curves: file name, label of the x axis, and its number.
const KINDS: [(&str, &str, Place); 3] = [
    ("training", "training operations", |row| row.operations),
    ("training-all", "training operations, with Stage A and frozen networks", |row| row.operations_all),
    ("inference", "operations for a picture", |row| row.inference),
];

/// Draws each measure over each kind of operations, and returns the names of the files.
///
/// Curves over training show the most steps of inference, those over inference the largest part of the budget.
///
/// # Errors
/// Files that cannot be written.
pub fn draw(rows: &[Row], folder: &Path) -> Result<Vec<String>> {
    let measures: BTreeSet<&str> = rows.iter().map(|row| row.measure.as_str()).collect();
    let steps = rows.iter().map(|row| row.steps).max();
    let part = rows.iter().map(|row| row.part).fold(0., f64::max);
    let mut files = vec![];
    for measure in measures {
        for (kind, label, place) in KINDS {
            let shown = |row: &&Row| {
                let over_training = kind != "inference";
                row.measure == measure
                    && if over_training { Some(row.steps) == steps } else { row.part == part }
            };
            let shown: Vec<&Row> = rows.iter().filter(shown).collect();
            let name = format!("{}-over-{kind}.svg", measure.replace(' ', "-"));
            if let Some(svg) = curve(&shown, (measure, label), place)? {
                write_whole(&folder.join(&name), svg.as_bytes())?;
                files.push(name);
            }
        }
    }
    Ok(files)
}

/// Means over seeds as lines, each seed as a dot with its interval; `None` if there is nothing to show.
fn curve(rows: &[&Row], (measure, label): (&str, &str), place: Place) -> Result<Option<String>> {
    let rows: Vec<&&Row> =
        rows.iter().filter(|row| place(row) > 0. && row.low.is_finite() && row.high.is_finite()).collect();
    let span = |of: &dyn Fn(&Row) -> [f64; 2]| {
        let ends = rows.iter().map(|row| of(row));
        ends.fold([f64::MAX, f64::MIN], |[low, high], [a, b]| [low.min(a), high.max(b)])
    };
    if rows.is_empty() {
        return Ok(None);
    }
    let ([left, right], [low, high]) = (span(&|row| [place(row); 2]), span(&|row| [row.low, row.high]));
    let margin = ((high - low) * 0.05).max(1e-9);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(72)
            .build_cartesian_2d((left * 0.8..right * 1.25).log_scale(), low - margin..high + margin)?;
        let format_x = |x: &f64| format!("{x:.0e}");
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(label).y_desc(measure).x_label_formatter(&format_x).light_line_style(WHITE).draw()?;
        let mut sides: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        rows.iter().for_each(|row| sides.entry(&row.side).or_default().push(row));
        for (at, (side, rows)) in sides.into_iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            for row in &rows {
                let x = place(row);
                chart.draw_series([PathElement::new(vec![(x, row.low), (x, row.high)], colour)])?;
                chart.draw_series([Circle::new((x, row.value), 3, colour.filled())])?;
            }
            let line = chart.draw_series(LineSeries::new(means(&rows, place), colour.stroke_width(2)))?;
            line.label(side)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        let mut legend = chart.configure_series_labels();
        legend.border_style(BLACK).background_style(WHITE).draw()?;
        root.present().context("drawing a curve")?;
    }
    Ok(Some(svg))
}

/// Means over the seeds of each budget and number of steps, from left to right.
fn means(rows: &[&Row], place: Place) -> Vec<(f64, f64)> {
    let mut groups: BTreeMap<(u64, usize), Vec<(f64, f64)>> = BTreeMap::new();
    for row in rows {
        // Bits of positive numbers sort as the numbers do.
        groups.entry((row.part.to_bits(), row.steps)).or_default().push((place(row), row.value));
    }
    let mean = |points: Vec<(f64, f64)>| {
        let n = points.len() as f64;
        points.into_iter().fold((0., 0.), |(x, y), (a, b)| (x + a / n, y + b / n))
    };
    let mut means: Vec<(f64, f64)> = groups.into_values().map(mean).collect();
    means.sort_by(|a, b| a.0.total_cmp(&b.0));
    means
}
