//! Operations that only move elements: results are equal, not close.

use anyhow::Result;
use ndarray::{Array, ArrayD, IxDyn, array, s};
use wuerst_model::record::{Extent, Op};

use crate::plain::{four, tokens, two};
use crate::recorded::Case;

#[test]
fn concat_slice_transpose_reshape() -> Result<()> {
    let mut case = Case::new();
    let a = case.input(&[2, 3, 4], &[5, 3, 6]);
    let b = case.input(&[2, 2, 4], &[5, 2, 6]);
    let joined = ndarray::concatenate(ndarray::Axis(1), &[a.view(), b.view()])?;
    assert_eq!(case.run(Op::Concat(1))?.f32()?, joined);

    let mut case = Case::new();
    let x = case.input(&[2, 8, 4], &[5, 8, 6]);
    let part = x.slice(s![.., 3..7, ..]).to_owned().into_dyn();
    assert_eq!(case.run(Op::Slice { axis: 1, start: 3, end: 7 })?.f32()?, part);

    let mut case = Case::new();
    let x = case.input(&[2, 8, 4], &[5, 8, 6]);
    let turned = x.permuted_axes(vec![2, 0, 1]).as_standard_layout().to_owned();
    assert_eq!(case.run(Op::Transpose(vec![2, 0, 1]))?.f32()?, turned);

    let mut case = Case::new();
    let x = case.input(&[2, 8, 4], &[5, 8, 6]);
    let shaped = x.into_shape_with_order(vec![5, 8 * 6 / 4, 4])?;
    let target = vec![Extent::Keep, Extent::Infer, Extent::Fixed(4)];
    assert_eq!(case.run(Op::Reshape(target))?.f32()?, shaped);
    Ok(())
}

#[test]
fn images_and_tokens() -> Result<()> {
    let mut case = Case::new();
    let x = case.input(&[1, 3, 4, 5], &[2, 3, 6, 2]);
    assert_eq!(case.run(Op::ImageToTokens)?.f32()?, tokens(&x));

    // Back: the second argument gives height and width, and has other channels.
    let mut case = Case::new();
    let x = case.input(&[1, 20, 3], &[2, 12, 3]);
    case.input(&[1, 7, 4, 5], &[2, 7, 6, 2]);
    let image = case.run(Op::TokensToImage)?.f32()?;
    assert_eq!(image.shape(), [2, 3, 6, 2]);
    assert_eq!(tokens(&image), x);
    Ok(())
}

#[test]
fn rows_of_table() -> Result<()> {
    let mut case = Case::new();
    let table = case.param("positions", &[9, 4]);
    case.input(&[1, 3, 4], &[2, 7, 4]);
    let rows = table.slice(s![..7, ..]).to_owned().into_dyn();
    assert_eq!(case.run(Op::Prefix)?.f32()?, rows);

    let mut case = Case::new();
    let table = two(&case.param("embedding", &[9, 4]));
    let ids = array![[8i64, 0, 3], [5, 5, 1]];
    case.ids(&[1, 2], ids.clone().into_dyn());
    let rows = Array::from_shape_fn((2, 3, 4), |(i, j, f)| table[[ids[[i, j]] as usize, f]]);
    assert_eq!(case.run(Op::Gather)?.f32()?, rows.into_dyn());
    Ok(())
}

/// PyTorch's PixelUnshuffle: channel c·n² + i·n + j holds the pixels at (i, j) of each block of channel c.
#[test]
fn space_to_depth_and_back() -> Result<()> {
    for (n, channels) in [(2, 3), (3, 2), (2, 1)] {
        let mut case = Case::new();
        let x = case.input(&[1, channels, 2 * n, n], &[2, channels, 3 * n, 4 * n]);
        let image = four(&x);
        let want: ArrayD<f32> = ArrayD::from_shape_fn(IxDyn(&[2, channels * n * n, 3, 4]), |at| {
            let (c, i, j) = (at[1] / (n * n), at[1] / n % n, at[1] % n);
            image[[at[0], c, at[2] * n + i, at[3] * n + j]]
        });
        let deep = case.run(Op::SpaceToDepth(n))?.f32()?;
        assert_eq!(deep, want);

        let mut case = Case::new();
        let deep = case.input(&[1, channels * n * n, 2, 1], &[2, channels * n * n, 3, 4]);
        let deep = four(&deep);
        let flat = case.run(Op::DepthToSpace(n))?.f32()?;
        for ((b, c, y, x), v) in four(&flat).indexed_iter() {
            assert_eq!(*v, deep[[b, c * n * n + y % n * n + x % n, y / n, x / n]]);
        }
    }
    Ok(())
}

#[test]
fn borders_repeat() -> Result<()> {
    let mut case = Case::new();
    let x = four(&case.input(&[1, 2, 3, 4], &[2, 2, 5, 3]));
    let padded = four(&case.run(Op::ReplicationPad(2))?.f32()?);
    assert_eq!(padded.dim(), (2, 2, 9, 7));
    for ((b, c, i, j), v) in padded.indexed_iter() {
        assert_eq!(*v, x[[b, c, i.clamp(2, 6) - 2, j.clamp(2, 4) - 2]]);
    }
    Ok(())
}
