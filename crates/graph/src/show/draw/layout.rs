//! Layout of boxes: in layers from left to right, each after those that it uses.

use super::boxes::{Box, Drawing, Sort, Wire};

pub(super) const WIDTH: f64 = 210.;
/// Height of the lines with name and kind.
pub(super) const HEAD: f64 = 40.;
pub(super) const ROW: f64 = 18.;
const ACROSS: f64 = 90.;
const DOWN: f64 = 22.;
const MARGIN: f64 = 20.;

/// Number of passes that order the layers, each by the neighbours on one side.
const SWEEPS: usize = 8;

pub(super) struct Layout {
    /// Left upper corners of the boxes.
    pub(super) corners: Vec<(f64, f64)>,
    pub(super) size: (f64, f64),
}

/// Height of a box; `more` is the height below its ports.
pub(super) fn height(shown: &Box, more: f64) -> f64 {
    match shown.sort {
        Sort::Node => HEAD + ROW * (shown.inputs.len() + shown.outputs.len()) as f64 + 8. + more,
        Sort::Input | Sort::Output => HEAD + more,
    }
}

/// Vertical position of a port's wires, from the upper edge of its box. Inputs are listed before outputs.
pub(super) fn port(shown: &Box, output: bool, row: usize) -> f64 {
    match shown.sort {
        Sort::Input | Sort::Output => HEAD / 2.,
        Sort::Node => {
            let before = if output { shown.inputs.len() } else { 0 };
            HEAD + ROW * (before + row) as f64 + ROW / 2.
        }
    }
}

/// Places the boxes; `more` is the height that each needs below its ports.
pub(super) fn place(drawing: &Drawing, more: &[f64]) -> Layout {
    let layer = layers(drawing);
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
    layer.iter().enumerate().for_each(|(index, &layer)| columns[layer].push(index));
    columns.retain(|column| !column.is_empty());
    let heights: Vec<f64> =
        drawing.boxes.iter().zip(more).map(|(shown, more)| height(shown, *more)).collect();
    let mut top = vec![0.; heights.len()];
    for column in &columns {
        stack(&column.iter().map(|&index| (0., index)).collect::<Vec<_>>(), &heights, &mut top);
    }
    let ends = Ends::of(drawing);
    for sweep in 0..SWEEPS {
        let forwards = sweep % 2 == 0;
        let mut put = |column: &mut Vec<usize>| {
            let mut wanted: Vec<(f64, usize)> =
                column.iter().map(|&index| (ends.wanted(index, &top, forwards), index)).collect();
            wanted.sort_by(|a, b| a.0.total_cmp(&b.0));
            *column = wanted.iter().map(|(_, index)| *index).collect();
            stack(&wanted, &heights, &mut top);
        };
        match forwards {
            true => columns.iter_mut().for_each(&mut put),
            false => columns.iter_mut().rev().for_each(&mut put),
        }
    }
    finish(&columns, &heights, top)
}

/// The wires at each box, on its left and on its right: the box at the other end, and the offset between the upper edges
/// of both boxes that makes the wire straight.
struct Ends {
    left: Vec<Vec<(usize, f64)>>,
    right: Vec<Vec<(usize, f64)>>,
}

impl Ends {
    fn of(drawing: &Drawing) -> Ends {
        let none = || drawing.boxes.iter().map(|_| Vec::new()).collect();
        let mut ends = Ends { left: none(), right: none() };
        for Wire { from, to, .. } in &drawing.wires {
            let out = port(&drawing.boxes[from.0], true, from.1);
            let into = port(&drawing.boxes[to.0], false, to.1);
            ends.left[to.0].push((from.0, out - into));
            ends.right[from.0].push((to.0, into - out));
        }
        ends
    }

    /// Preferred upper edge of a box: where its wires on one side are straight, or its present place.
    fn wanted(&self, index: usize, top: &[f64], forwards: bool) -> f64 {
        let ends = if forwards { &self.left[index] } else { &self.right[index] };
        match ends.len() {
            0 => top[index],
            count => ends.iter().map(|(other, lower)| top[*other] + lower).sum::<f64>() / count as f64,
        }
    }
}

/// Stacks the boxes of a layer, each at its preferred place or as near as the box above allows.
fn stack(column: &[(f64, usize)], heights: &[f64], top: &mut [f64]) {
    let mut free = f64::NEG_INFINITY;
    for &(wanted, index) in column {
        top[index] = wanted.max(free);
        free = top[index] + heights[index] + DOWN;
    }
    // Distributes the shift of overlapping boxes evenly around their preferred places.
    let apart: f64 = column.iter().map(|&(wanted, index)| top[index] - wanted).sum();
    let back = apart / column.len().max(1) as f64;
    column.iter().for_each(|&(_, index)| top[index] -= back);
}

fn finish(columns: &[Vec<usize>], heights: &[f64], top: Vec<f64>) -> Layout {
    let highest = top.iter().copied().fold(f64::INFINITY, f64::min);
    let mut corners = vec![(0., 0.); top.len()];
    let mut lowest = 0.;
    for (layer, column) in columns.iter().enumerate() {
        for &index in column {
            let corner = (MARGIN + layer as f64 * (WIDTH + ACROSS), MARGIN + top[index] - highest);
            lowest = f64::max(lowest, corner.1 + heights[index]);
            corners[index] = corner;
        }
    }
    let across = columns.len() as f64 * (WIDTH + ACROSS) - ACROSS + 2. * MARGIN;
    Layout { corners, size: (across.max(2. * MARGIN), lowest + MARGIN) }
}

/// Layer of each box. Nodes come after those that they use; inputs come directly before their first reader.
fn layers(drawing: &Drawing) -> Vec<usize> {
    let mut layer: Vec<usize> = drawing.boxes.iter().map(|_| 0).collect();
    // Wires are ordered by the boxes that they lead to, and a box comes after those that it uses.
    for wire in &drawing.wires {
        layer[wire.to.0] = layer[wire.to.0].max(layer[wire.from.0] + 1);
    }
    let mut first: Vec<Option<usize>> = vec![None; layer.len()];
    for wire in &drawing.wires {
        let (from, to) = (wire.from.0, layer[wire.to.0]);
        first[from] = Some(first[from].map_or(to, |known| known.min(to)));
    }
    for (index, shown) in drawing.boxes.iter().enumerate() {
        if shown.sort == Sort::Input {
            layer[index] = first[index].map_or(0, |first| first.saturating_sub(1));
        }
    }
    layer
}

#[cfg(test)]
mod tests {
    use super::super::boxes::Row;
    use super::*;

    fn shown(sort: Sort) -> Box {
        let row = || vec![Row { name: "x".into(), value: None, ty: "int".into() }];
        Box { sort, name: "a".into(), about: "b".into(), inputs: row(), outputs: row() }
    }

    #[test]
    fn boxes_follow_sources_without_overlap() {
        let sorts = [Sort::Input, Sort::Input, Sort::Node, Sort::Node, Sort::Node, Sort::Output];
        let wires = [(0, 2), (2, 3), (2, 4), (1, 4), (4, 5)];
        let wire = |(from, to)| Wire { from: (from, 0), to: (to, 0), ty: "int".into() };
        let drawing = Drawing { boxes: sorts.map(shown).into(), wires: wires.map(wire).into() };
        let layout = place(&drawing, &[0.; 6]);
        for (from, to) in wires {
            assert!(layout.corners[from].0 + WIDTH < layout.corners[to].0, "{from} -> {to}");
        }
        // The input that is read late stands late.
        assert_eq!(layout.corners[1].0, layout.corners[2].0);
        for (a, one) in layout.corners.iter().enumerate() {
            assert!(one.0 >= 0. && one.1 >= 0. && one.1 + height(&drawing.boxes[a], 0.) <= layout.size.1);
            for (b, other) in layout.corners.iter().enumerate().skip(a + 1) {
                let clear = (one.1 - other.1).abs()
                    >= height(&drawing.boxes[if one.1 < other.1 { a } else { b }], 0.);
                assert!(one.0 != other.0 || clear, "{a} lies on {b}");
            }
        }
    }
}
