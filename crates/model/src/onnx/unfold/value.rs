//! A value of a graph, with its size.

use crate::onnx::head::{Extent, Outlet};
use crate::onnx::tensor::{Tensor, bits};

/// Maximum number of elements whose values are followed.
pub const FEW: usize = 64;

/// Known properties of a value.
#[derive(Debug, Clone, Default)]
pub struct Value {
    /// Whether it depends only on constants.
    pub constant: bool,
    /// Code of the element type; 0 if unknown.
    pub element: i32,
    /// Extents, if known.
    pub dims: Option<Vec<u64>>,
    /// Maximum number of elements; meaningless if the value is not constant and has no known extents.
    pub most: u64,
    /// The numbers, if they are few.
    pub numbers: Option<Vec<f64>>,
}

impl Value {
    pub fn of_tensor(tensor: &Tensor, numbers: Option<Vec<f64>>) -> Value {
        let (element, dims) = (tensor.element, Some(tensor.dims.clone()));
        Value { constant: true, element, dims, most: tensor.elements(), numbers }
    }

    pub fn of_input(outlet: &Outlet) -> Value {
        let fixed = |extent: &Extent| match extent {
            Extent::Fixed(length) => Some(*length),
            Extent::Named(_) | Extent::Free => None,
        };
        let dims: Option<Vec<u64>> = outlet.dims.iter().map(fixed).collect();
        let dims = dims.filter(|_| outlet.element > 0);
        let most = dims.as_deref().map_or(0, elements);
        Value { constant: false, element: outlet.element, dims, most, numbers: None }
    }

    pub fn bytes(&self) -> u64 {
        // Texts are objects of their own.
        self.most.saturating_mul(bits(self.element).unwrap_or(256)).div_ceil(8)
    }
}

pub fn elements(dims: &[u64]) -> u64 {
    if dims.contains(&0) { 0 } else { dims.iter().fold(1, |all, n| all.saturating_mul(*n)) }
}
