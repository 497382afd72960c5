//! The operations a network is made of.

/// One axis of a [`Op::Reshape`] target, with the meaning of 0, −1 and n in ONNX `Reshape`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The input's extent at this position.
    Keep,
    /// Inferred from the other extents; at most one per shape.
    Infer,
    /// Exactly this extent.
    Fixed(usize),
}

/// The operation that computes a recorded value.
///
/// Each has the meaning of the ONNX operator with its name (opset 20), for f32 unless stated otherwise. The composites
/// ([`Linear`](Op::Linear), [`Attention`](Op::Attention), [`CubicResize`](Op::CubicResize), the token shuffles) exist
/// because both readers have a better implementation of the whole than of its parts.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The graph's input number n.
    Input(usize),
    /// The graph's parameter number n.
    Param(usize),
    /// The graph's constant number n.
    Constant(usize),

    /// a + b, broadcast.
    Add,
    /// a − b, broadcast.
    Sub,
    /// a · b, broadcast.
    Mul,
    /// a / b, broadcast.
    Div,
    /// |x|.
    Abs,
    /// 1 / (1 + e^−x).
    Sigmoid,
    /// max(x, 0).
    Relu,
    /// x if positive, otherwise slope · x.
    LeakyRelu(f32),
    /// x · Φ(x), with the error function and not its tanh approximation.
    Gelu,
    /// Limits to min..max.
    Clip {
        /// Lower limit.
        min: f32,
        /// Upper limit.
        max: f32,
    },

    /// Mean over the axes, which keep extent 1.
    ReduceMean(Vec<usize>),
    /// Square root of the sum of squares over the axes, which keep extent 1.
    ReduceL2(Vec<usize>),

    /// `x·Wᵀ (+ b)` on the last axis; arguments x, W `[out,in]`, optional b `[out]`.
    Linear,
    /// Matrix product of the last two axes, batch axes broadcast.
    MatMul,
    /// 2-D convolution; arguments x, W `[out,in/groups,kh,kw]`, optional b `[out]`.
    Conv {
        /// Equal for both axes.
        stride: usize,
        /// Zeros added at top, left, bottom, right.
        pads: [usize; 4],
        /// 1 is dense; the number of channels is depthwise.
        groups: usize,
    },
    /// Transposed 2-D convolution; arguments x, W `[in,out,kh,kw]`, optional b `[out]`.
    ConvTranspose {
        /// Equal for both axes.
        stride: usize,
        /// Cut from each side of the result.
        pad: usize,
    },
    /// Layer norm over the last axis; arguments x, and optionally scale and bias.
    LayerNorm {
        /// Added to the variance.
        eps: f32,
    },
    /// Batch norm over axis 1; arguments x, scale, bias, running mean, running variance.
    ///
    /// Training uses the batch's statistics and updates the running ones by `momentum`.
    BatchNorm {
        /// Added to the variance.
        eps: f32,
        /// Weight of the new statistics in the running ones (PyTorch's convention; ONNX's is 1 − this).
        momentum: f32,
    },
    /// Multi-head scaled dot-product attention; arguments q `[b,n,c]`, k `[b,m,c]`, v `[b,m,c]` and optionally a
    /// key mask i64 `[b,m]` (1 = attend).
    Attention {
        /// c is divided among them.
        heads: usize,
        /// Position i sees only positions ≤ i.
        causal: bool,
    },

    /// Joins along the axis.
    Concat(usize),
    /// Elements start..end of one axis.
    Slice {
        /// Index of the axis.
        axis: usize,
        /// First element.
        start: usize,
        /// One past the last element.
        end: usize,
    },
    /// The first rows of argument 0, as many as the extent of axis 1 of argument 1: position embeddings for l tokens.
    Prefix,
    /// Permutes axes.
    Transpose(Vec<usize>),
    /// Reshapes without moving elements.
    Reshape(Vec<Extent>),
    /// `[b,c,h,w]` to `[b,h·w,c]`.
    ImageToTokens,
    /// `[b,h·w,c]` to `[b,c,h,w]`; h and w are those of argument 1 `[b,_,h,w]`.
    TokensToImage,
    /// Rows of argument 0 (f32) chosen by argument 1 (i64).
    Gather,
    /// `[b,c,n·h,n·w]` to `[b,c·n²,h,w]`, channels outermost: PyTorch's PixelUnshuffle.
    SpaceToDepth(usize),
    /// `[b,c·n²,h,w]` to `[b,c,n·h,n·w]`, channels outermost: PyTorch's PixelShuffle, ONNX's CRD mode.
    DepthToSpace(usize),
    /// Repeats the border of an image n times on each side.
    ReplicationPad(usize),
    /// Resizes `[b,c,_,_]` to the height and width of argument 1 `[b,_,h,w]`: bicubic (a = −0.5), antialiased,
    /// corners aligned, as PyTorch's `interpolate(mode="bicubic", antialias=True, align_corners=True)`.
    CubicResize,
    /// Resizes `[b,c,_,_]` to the height and width of argument 1 `[b,_,h,w]`: bilinear, corners aligned, as PyTorch's
    /// `interpolate(mode="bilinear", align_corners=True)`.
    LinearResize,

    /// Index (i64) of the smallest element along the last axis, which is removed.
    ArgMin,
    /// The value itself; gradients are blocked.
    StopGradient,
    /// Sets a fraction of the elements to zero in training; otherwise the identity.
    Dropout(f32),
}
