//! Ridge regression from standardised features.

use tch::{Kind, Tensor};

/// Penalty of a map, relative to the number of rows; features have variance 1.
const PENALTY: f64 = 0.1;

/// A linear map with offset.
pub struct Ridge {
    mean: Tensor,
    deviation: Tensor,
    offset: Tensor,
    map: Tensor,
}

impl Ridge {
    /// W = (XᵀX + λ·n·1)⁻¹·XᵀY of rows X `[n,d]` and Y `[n,e]`, both centred.
    pub fn fit(x: &Tensor, y: &Tensor) -> Ridge {
        let (x, y) = (x.to_kind(Kind::Double), y.to_kind(Kind::Double));
        let (mean, offset) = (x.mean_dim(0i64, true, Kind::Double), y.mean_dim(0i64, true, Kind::Double));
        let deviation = x.std_dim(0i64, true, true) + 1e-6;
        let (x, y) = ((x - &mean) / &deviation, y - &offset);
        let penalty = Tensor::eye(x.size()[1], (Kind::Double, x.device())) * (PENALTY * x.size()[0] as f64);
        let map = Tensor::linalg_solve(&(x.tr().matmul(&x) + penalty), &x.tr().matmul(&y), true);
        Ridge { mean, deviation, offset, map }
    }

    /// Predicts Y for rows X, as f32.
    pub fn predict(&self, x: &Tensor) -> Tensor {
        let x = (x.to_kind(Kind::Double) - &self.mean) / &self.deviation;
        (x.matmul(&self.map) + &self.offset).to_kind(Kind::Float)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn linear_relation_is_found() {
        tch::manual_seed(1);
        let x = Tensor::randn([400, 5], (Kind::Float, Device::Cpu)) * 3. + 1.;
        let y = x.matmul(&Tensor::randn([5, 2], (Kind::Float, Device::Cpu))) + 2.;
        let off = (Ridge::fit(&x, &y).predict(&x) - &y).square().mean(Kind::Float) / y.var(true);
        // The penalty of a tenth shrinks the map by a tenth, which leaves a hundredth of the variance.
        assert!(off.double_value(&[]) < 0.02);
    }
}
