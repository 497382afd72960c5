//! Infers the shapes of results, and describes mismatches of arguments.

use super::op::{Extent, Op};

/// The result's shape for arguments of these shapes.
///
/// # Errors
/// A sentence that describes the mismatch.
pub fn infer(op: &Op, args: &[&[usize]]) -> Result<Vec<usize>, String> {
    let arity = match op {
        Op::Input(_) | Op::Param(_) | Op::Constant(_) => return Err("sources have no inferred shape".into()),
        Op::Add | Op::Sub | Op::Mul | Op::Div | Op::MatMul => 2..=2,
        Op::Prefix | Op::TokensToImage | Op::Gather | Op::CubicResize | Op::LinearResize => 2..=2,
        Op::Linear | Op::Conv { .. } | Op::ConvTranspose { .. } => 2..=3,
        Op::LayerNorm { .. } => 1..=3,
        Op::BatchNorm { .. } => 5..=5,
        Op::Attention { .. } => 3..=4,
        Op::Concat(_) => 1..=usize::MAX,
        _ => 1..=1,
    };
    if !arity.contains(&args.len()) {
        return Err(format!("takes {arity:?} arguments, got {}", args.len()));
    }
    let x = args[0];
    match op {
        Op::Add | Op::Sub | Op::Mul | Op::Div => broadcast(x, args[1]),
        Op::ReduceMean(axes) | Op::ReduceL2(axes) => {
            let mut out = x.to_vec();
            for &axis in axes {
                *out.get_mut(axis).ok_or_else(|| format!("no axis {axis} in {x:?}"))? = 1;
            }
            Ok(out)
        }
        Op::Linear => {
            let [out, inner] = *args[1] else { return Err(format!("weight {:?} is not [out,in]", args[1])) };
            let (last, lead) = x.split_last().ok_or("a scalar has no last axis")?;
            same(*last, inner, "features")?;
            Ok([lead, &[out]].concat())
        }
        Op::MatMul => matmul(x, args[1]),
        Op::Conv { stride, pads, groups } => {
            let ([b, c, h, w], [out, inner, kh, kw]) = (rank4(x)?, rank4(args[1])?);
            same(c, inner * groups, "channels")?;
            let extent = |n: usize, k: usize, pad: usize| {
                (n + pad).checked_sub(k).map(|r| r / stride + 1).ok_or(format!("kernel {k} exceeds {n}"))
            };
            Ok(vec![b, out, extent(h, kh, pads[0] + pads[2])?, extent(w, kw, pads[1] + pads[3])?])
        }
        Op::ConvTranspose { stride, pad } => {
            let ([b, c, h, w], [inner, out, kh, kw]) = (rank4(x)?, rank4(args[1])?);
            same(c, inner, "channels")?;
            let extent = |n: usize, k: usize| {
                let full = n.checked_sub(1).map(|n| n * stride + k);
                full.and_then(|full| full.checked_sub(2 * pad)).ok_or(format!("nothing is left of {n}"))
            };
            Ok(vec![b, out, extent(h, kh)?, extent(w, kw)?])
        }
        Op::BatchNorm { .. } => {
            let channels = *x.get(1).ok_or("batch norm needs a channel axis")?;
            for a in &args[1..] {
                same(a.iter().product(), channels, "channels")?;
            }
            Ok(x.to_vec())
        }
        Op::LayerNorm { .. } => {
            for a in &args[1..] {
                same(a.iter().product(), *x.last().ok_or("layer norm needs an axis")?, "features")?;
            }
            Ok(x.to_vec())
        }
        Op::Attention { heads, .. } => {
            let (q, k) = (rank3(x)?, rank3(args[1])?);
            same(k[2], q[2], "features of q and k")?;
            if q[2] % heads != 0 {
                return Err(format!("{} features do not divide among {heads} heads", q[2]));
            }
            if args[1] != args[2] {
                return Err(format!("k {:?} and v {:?} differ", args[1], args[2]));
            }
            Ok(x.to_vec())
        }
        Op::Concat(axis) => {
            let mut out = x.to_vec();
            for a in &args[1..] {
                let fits = a.len() == x.len() && (0..x.len()).all(|i| i == *axis || a[i] == x[i]);
                if !fits {
                    return Err(format!("cannot join {a:?} to {x:?} along axis {axis}"));
                }
                out[*axis] += a[*axis];
            }
            Ok(out)
        }
        Op::Slice { axis, start, end } => {
            let mut out = x.to_vec();
            if *axis >= x.len() || start >= end || *end > x[*axis] {
                return Err(format!("no elements {start}..{end} on axis {axis} of {x:?}"));
            }
            out[*axis] = end - start;
            Ok(out)
        }
        Op::Prefix => {
            let rows = *args[1].get(1).ok_or("the second argument has no axis 1")?;
            if rows > x[0] {
                return Err(format!("{rows} positions wanted, {} there", x[0]));
            }
            Ok([&[rows], &x[1..]].concat())
        }
        Op::Transpose(perm) => {
            let mut seen: Vec<usize> = perm.clone();
            seen.sort_unstable();
            if seen != (0..x.len()).collect::<Vec<_>>() {
                return Err(format!("{perm:?} does not permute {x:?}"));
            }
            Ok(perm.iter().map(|&p| x[p]).collect())
        }
        Op::Reshape(target) => reshape(x, target),
        Op::ImageToTokens => rank4(x).map(|[b, c, h, w]| vec![b, h * w, c]),
        Op::TokensToImage => {
            let ([b, n, c], [_, _, h, w]) = (rank3(x)?, rank4(args[1])?);
            same(n, h * w, "tokens")?;
            Ok(vec![b, c, h, w])
        }
        Op::Gather => Ok([args[1], &x[1..]].concat()),
        Op::SpaceToDepth(n) => {
            let [b, c, h, w] = rank4(x)?;
            if h % n + w % n != 0 {
                return Err(format!("{h}×{w} is not a multiple of {n}"));
            }
            Ok(vec![b, c * n * n, h / n, w / n])
        }
        Op::DepthToSpace(n) => {
            let [b, c, h, w] = rank4(x)?;
            same(c % (n * n), 0, "channels left over")?;
            Ok(vec![b, c / (n * n), h * n, w * n])
        }
        Op::ReplicationPad(n) => rank4(x).map(|[b, c, h, w]| vec![b, c, h + 2 * n, w + 2 * n]),
        Op::CubicResize | Op::LinearResize => {
            let ([b, c, _, _], [_, _, h, w]) = (rank4(x)?, rank4(args[1])?);
            Ok(vec![b, c, h, w])
        }
        Op::ArgMin => Ok(x[..x.len().saturating_sub(1)].to_vec()),
        _ => Ok(x.to_vec()),
    }
}

fn same(got: usize, want: usize, what: &str) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("{what}: {got} given, {want} wanted")) }
}

fn rank3(x: &[usize]) -> Result<[usize; 3], String> {
    x.try_into().map_err(|_| format!("{x:?} is not [b,tokens,features]"))
}

fn rank4(x: &[usize]) -> Result<[usize; 4], String> {
    x.try_into().map_err(|_| format!("{x:?} is not [b,channels,height,width]"))
}

fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let at = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |j| s[j]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (m, n) if m == n || n == 1 => Ok(m),
            (1, n) => Ok(n),
            _ => Err(format!("{a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

fn matmul(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let ([lead_a @ .., m, k], [lead_b @ .., k2, n]) = (a, b) else {
        return Err(format!("{a:?} or {b:?} is not a matrix"));
    };
    same(*k2, *k, "inner extents")?;
    Ok([broadcast(lead_a, lead_b)?, vec![*m, *n]].concat())
}

fn reshape(x: &[usize], target: &[Extent]) -> Result<Vec<usize>, String> {
    let mut out = Vec::with_capacity(target.len());
    for (i, extent) in target.iter().enumerate() {
        out.push(match extent {
            Extent::Keep => *x.get(i).ok_or(format!("{x:?} has no axis {i} to keep"))?,
            Extent::Infer => 0,
            Extent::Fixed(n) => *n,
        });
    }
    let total: usize = x.iter().product();
    if let Some(rest) = target.iter().position(|e| *e == Extent::Infer) {
        let known: usize = out.iter().enumerate().filter(|(i, _)| *i != rest).map(|(_, n)| n).product();
        out[rest] = total.checked_div(known).unwrap_or(0);
    }
    if out.iter().product::<usize>() != total {
        return Err(format!("{x:?} has not the elements of {target:?}"));
    }
    Ok(out)
}
