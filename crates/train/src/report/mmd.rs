//! The maximum mean discrepancy between two sets of features (Gretton et al., 2012), as in the kernel inception distance
//! (Bińkowski et al., 2018).
//!
//! Unlike the Fréchet distance it has no bias that depends on the number of pictures: between two independent samples of
//! one distribution it is 0 on average, and may be negative. Published code averages it over random subsets to save
//! memory; here every pair of pictures is used, which has an equal expectation and less variance.

use super::resample::{Estimate, Groups, jackknife};
use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

/// Number of rows whose kernel values are in memory at a time.
const CHUNK: i64 = 512;

/// The unbiased squared discrepancy of features `[m,d]` and `[n,d]` with the kernel (x·y/d + 1)³.
///
/// Both samples use common group numbers; the standard error comes from leaving out each group of both.
///
/// # Errors
/// Fewer than two groups, features of different widths, or a group that contains all but one row.
pub fn squared(one: &Tensor, other: &Tensor, groups: (&Groups, &Groups)) -> Result<Estimate> {
    ensure!(one.size()[1] == other.size()[1], "features of {:?} and {:?}", one.size(), other.size());
    let count = groups.0.count.max(groups.1.count);
    ensure!(count > 1, "a standard error needs two groups of pictures");
    let (one, other) = (one.to_kind(Kind::Double), other.to_kind(Kind::Double));
    let (x, y) = (members(groups.0, count), members(groups.1, count));
    let within = |rows: &Tensor, of: &Tensor| {
        let own = kernel(&rows.square().sum_dim_intlist(1i64, true, Kind::Double), rows.size()[1]);
        // A picture is not compared with itself.
        block_sums((rows, of), (rows, of)) - (of.tr() * own.tr()).matmul(of)
    };
    let sums = [within(&one, &x), within(&other, &y), block_sums((&one, &x), (&other, &y))];
    let sizes = [&x, &y].map(|of| of.sum_dim_intlist(0i64, false, Kind::Double));
    let [m, n] = sizes.each_ref().map(total);
    let discrepancy = |[xx, yy, xy]: [f64; 3], m: f64, n: f64| {
        xx / (m * (m - 1.)) + yy / (n * (n - 1.)) - 2. * xy / (m * n)
    };
    let mut without = vec![];
    for group in 0..count as i64 {
        let left = [0, 1].map(|side| [m, n][side] - sizes[side].double_value(&[group]));
        ensure!(left.iter().all(|rows| *rows > 1.), "one group of pictures holds nearly all of them");
        let sums = sums.each_ref().map(|s| {
            total(s) - total(&s.get(group)) - total(&s.select(1, group)) + s.double_value(&[group, group])
        });
        without.push(discrepancy(sums, left[0], left[1]));
    }
    let value = discrepancy(sums.each_ref().map(total), m, n);
    Ok(Estimate { value, error: jackknife(&without) })
}

/// Kernel values from dot products of features with `width` columns.
fn kernel(products: &Tensor, width: i64) -> Tensor {
    (products / width as f64 + 1.).pow_tensor_scalar(3)
}

/// Membership of rows in groups, as ones in `[rows,groups]`.
fn members(groups: &Groups, count: usize) -> Tensor {
    let of: Vec<i64> = groups.of.iter().map(|group| *group as i64).collect();
    Tensor::from_slice(&of).one_hot(count as i64).to_kind(Kind::Double)
}

/// Kernel values summed over each pair of groups, `[groups,groups]`.
fn block_sums((rows, of): (&Tensor, &Tensor), (columns, to): (&Tensor, &Tensor)) -> Tensor {
    let (columns, width) = (columns.tr(), rows.size()[1]);
    let chunks = rows.split(CHUNK, 0).into_iter().zip(of.split(CHUNK, 0));
    let sums = chunks.map(|(rows, of)| of.tr().matmul(&kernel(&rows.matmul(&columns), width)).matmul(to));
    sums.reduce(|a, b| a + b).unwrap_or_else(|| of.tr().matmul(to))
}

fn total(x: &Tensor) -> f64 {
    x.sum(Kind::Double).double_value(&[])
}
