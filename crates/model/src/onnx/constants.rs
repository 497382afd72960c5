//! Fixed values and run-time extents, each added once even if several operations use it.

use half::f16;

use super::axes::Dim;
use super::builder::Builder;
use super::proto::{AttributeProto, elem};
use super::weights::{ExportError, Weight};
use crate::record::{Id, Op};

impl Builder<'_> {
    /// A fixed vector of integers: axes, extents, offsets.
    pub fn ints(&mut self, values: &[i64]) -> Result<String, ExportError> {
        let list: Vec<String> = values.iter().map(i64::to_string).collect();
        let name = format!("i64:[{}]", list.join(","));
        self.once(&name, |b| {
            let name = b.fresh(&name);
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            b.store.add(&name, elem::INT64, &[values.len()], bytes)?;
            Ok(name)
        })
    }

    /// A fixed number, in the width of the current operation.
    pub fn scalar(&mut self, value: f32) -> Result<String, ExportError> {
        let name = format!("{}:{value}", self.width_name());
        self.once(&name, |b| b.tensor(&name, &[], &[value]))
    }

    /// The lowest finite number.
    pub fn lowest(&mut self) -> Result<String, ExportError> {
        let lowest = if self.half { f16::MIN.to_f32() } else { f32::MIN };
        self.scalar(lowest)
    }

    /// A fixed tensor, in the width of the current operation.
    pub fn tensor(&mut self, name: &str, shape: &[usize], data: &[f32]) -> Result<String, ExportError> {
        let name = self.fresh(name);
        self.keep(&name, Weight { shape: shape.to_vec(), data: data.to_vec() }, false)?;
        Ok(name)
    }

    fn width_name(&self) -> &'static str {
        if self.half { "f16" } else { "f32" }
    }

    fn filled(&mut self, what: &str, n: usize, value: f32) -> Result<String, ExportError> {
        let name = if self.half { format!("{what}:f16:{n}") } else { format!("{what}:{n}") };
        self.once(&name, |b| b.tensor(&name, &[n], &vec![value; n]))
    }

    /// A fixed vector of ones, for operators that require a scale.
    pub fn ones(&mut self, n: usize) -> Result<String, ExportError> {
        self.filled("ones", n, 1.)
    }

    /// A fixed vector of zeros.
    pub fn zeros(&mut self, n: usize) -> Result<String, ExportError> {
        self.filled("zeros", n, 0.)
    }

    /// Number of axes of a recorded value.
    pub fn rank(&self, id: Id) -> usize {
        self.dims[id.0].len()
    }

    /// One extent of a recorded value as an i64 `[1]`: a constant, or read at run time, once for all values with the same
    /// extent.
    pub fn extent(&mut self, id: Id, axis: usize) -> Result<String, ExportError> {
        let dim = self.dims[id.0][axis].clone();
        let value = self.value(id)?;
        match dim {
            Dim::Fixed(n) => self.ints(&[n as i64]),
            Dim::Unknown => self.once(&format!("extent {axis} of {value}"), |b| Ok(b.measure(&value, axis))),
            Dim::Axis { .. } => {
                // Read from the input that has the axis, if any, so that it does not wait for the value itself.
                let (value, axis) = self.input_with(&dim).unwrap_or((value, axis));
                self.once_in(&format!("extent.{dim}"), |b| Ok(b.measure(&value, axis)))
            }
        }
    }

    /// Like `extent`, for a value that halves and doubles an input's extent without remainder: computed from the input,
    /// so that it neither waits for the value nor changes from step to step.
    pub fn extent_of_input(&mut self, id: Id, axis: usize) -> Result<String, ExportError> {
        let Dim::Axis { name, times, over } = self.dims[id.0][axis].clone() else {
            return self.extent(id, axis);
        };
        let Some((input, at)) = self.input_with(&Dim::Axis { name: name.clone(), times: 1, over: 1 }) else {
            return self.extent(id, axis);
        };
        let mut extent = self.once_in(&format!("extent.{name}"), |b| Ok(b.measure(&input, at)))?;
        for (operator, number) in [("Mul", times), ("Div", over)].into_iter().filter(|(_, n)| *n > 1) {
            let key = format!("extent.{name}.{operator}.{times}.{over}");
            let number = self.ints(&[number as i64])?;
            extent = self.once_in(&key, |b| Ok(b.emit(operator, &[&extent, &number], vec![])))?;
        }
        Ok(extent)
    }

    fn input_with(&self, dim: &Dim) -> Option<(String, usize)> {
        self.graph.nodes.iter().zip(&self.dims).find_map(|(node, dims)| match node.op {
            Op::Input(n) => {
                let axis = dims.iter().position(|d| d == dim)?;
                Some((self.graph.inputs[n].name.clone(), axis))
            }
            _ => None,
        })
    }

    fn measure(&mut self, value: &str, axis: usize) -> String {
        let part = [("start", axis), ("end", axis + 1)];
        let attributes = part.map(|(name, at)| AttributeProto::int(name, at as i64)).to_vec();
        self.emit("Shape", &[value], attributes)
    }

    /// 0, 1, … below an extent (i64 `[1]`), as an i64 vector.
    pub fn indices(&mut self, extent: &str) -> Result<String, ExportError> {
        let end = self.emit("Squeeze", &[extent], vec![]);
        let (start, step) = (self.integer(0)?, self.integer(1)?);
        Ok(self.emit("Range", &[&start, &end, &step], vec![]))
    }

    fn integer(&mut self, value: i64) -> Result<String, ExportError> {
        let name = format!("i64:{value}");
        self.once(&name, |b| {
            let name = b.fresh(&name);
            b.store.add(&name, elem::INT64, &[], value.to_le_bytes().to_vec())?;
            Ok(name)
        })
    }
}
