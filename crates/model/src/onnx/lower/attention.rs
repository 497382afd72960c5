//! Multi-head attention in standard operators, or fused if allowed.

use super::super::Operators;
use super::super::builder::Builder;
use super::super::proto::{AttributeProto, elem};
use super::super::weights::ExportError;
use crate::record::{Id, NetworkNode};

type Lowered = Result<String, ExportError>;

/// softmax(q·kᵀ/√d + mask)·v, with the heads split off the features and joined again.
pub fn attention(b: &mut Builder<'_>, node: &NetworkNode, heads: usize, causal: bool) -> Lowered {
    let [q, k, v] = [node.args[0], node.args[1], node.args[2]];
    let mask = visible(b, node, causal)?;
    if mask.is_none() && b.operators != Operators::Standard {
        let (q, k, v) = (b.value(q)?, b.value(k)?, b.value(v)?);
        let heads = vec![AttributeProto::int("num_heads", heads as i64)];
        return Ok(b.emit_fused("MultiHeadAttention", &[&q, &k, &v], heads));
    }
    let features = node.shape[2] / heads;
    let scale = b.scalar(1. / (features as f32).sqrt())?;
    let queries = split(b, q, heads, features, [0, 2, 1, 3])?;
    let queries = b.emit("Mul", &[&queries, &scale], vec![]);
    let keys = split(b, k, heads, features, [0, 2, 3, 1])?;
    let values = split(b, v, heads, features, [0, 2, 1, 3])?;
    let mut scores = b.emit("MatMul", &[&queries, &keys], vec![]);
    if let Some(mask) = mask {
        // The lowest finite number: a row without visible keys stays finite.
        let hidden = b.lowest()?;
        scores = b.emit("Where", &[&mask, &scores, &hidden], vec![]);
    }
    let shares = b.emit("Softmax", &[&scores], vec![AttributeProto::int("axis", -1)]);
    let mixed = b.emit("MatMul", &[&shares, &values], vec![]);
    let joined = b.emit("Transpose", &[&mixed], vec![AttributeProto::ints("perm", [0, 2, 1, 3])]);
    let target = b.ints(&[0, 0, node.shape[2] as i64])?;
    Ok(b.emit("Reshape", &[&joined, &target], vec![]))
}

/// `[b,n,c]` to `[b,n,heads,d]`, then axes permuted.
fn split(b: &mut Builder<'_>, x: Id, heads: usize, features: usize, perm: [usize; 4]) -> Lowered {
    let (x, target) = (b.value(x)?, b.ints(&[0, 0, heads as i64, features as i64])?);
    let parts = b.emit("Reshape", &[&x, &target], vec![]);
    Ok(b.emit("Transpose", &[&parts], vec![AttributeProto::ints("perm", perm)]))
}

/// Which keys each query sees, as bools that broadcast to `[b,heads,n,m]`; `None` if it sees all. Shared by layers.
fn visible(b: &mut Builder<'_>, node: &NetworkNode, causal: bool) -> Result<Option<String>, ExportError> {
    let given = match node.args.get(3) {
        Some(mask) => Some(key_mask(b, *mask)?),
        None => None,
    };
    if !causal {
        return Ok(given);
    }
    let order = order(b, node.args[0], node.args[1])?;
    let Some(given) = given else { return Ok(Some(order)) };
    let both =
        b.once(&format!("visible {given} {order}"), |b| Ok(b.emit("And", &[&given, &order], vec![])))?;
    Ok(Some(both))
}

/// i64 `[b,m]` as bools `[b,1,1,m]`.
fn key_mask(b: &mut Builder<'_>, mask: Id) -> Lowered {
    let (mask, axes) = (b.value(mask)?, b.ints(&[1, 2])?);
    b.once_in(&format!("visible.{mask}"), |b| {
        let flags = b.emit("Cast", &[&mask], vec![AttributeProto::int("to", elem::BOOL.into())]);
        Ok(b.emit("Unsqueeze", &[&flags, &axes], vec![]))
    })
}

/// Bools `[n,m]`: whether key j is not after query i.
fn order(b: &mut Builder<'_>, q: Id, k: Id) -> Lowered {
    let (n, m) = (b.extent(q, 1)?, b.extent(k, 1)?);
    b.once_in(&format!("causal.{n}.{m}"), |b| {
        let rows = b.indices(&n)?;
        let columns = b.indices(&m)?;
        let (last, first) = (b.ints(&[1])?, b.ints(&[0])?);
        let rows = b.emit("Unsqueeze", &[&rows, &last], vec![]);
        let columns = b.emit("Unsqueeze", &[&columns, &first], vec![]);
        Ok(b.emit("GreaterOrEqual", &[&rows, &columns], vec![]))
    })
}
