//! The operations a network is made of.

/// One axis of a [`Op::Reshape`] target, with the meaning ONNX `Reshape` gives to 0, −1 and n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The input's extent at this position.
    Keep,
    /// Inferred from the other extents; at most one per shape.
    Infer,
    /// Exactly this many.
    Fixed(usize),
}

/// What a recorded value is computed by.
///
/// Each means what the ONNX operator of that name means (opset 20), for f32 unless said otherwise. The composites
/// ([`Linear`](Op::Linear), [`Attention`](Op::Attention), [`CubicResize`](Op::CubicResize), the token shuffles)
/// exist because both readers have something better for the whole than for its parts.
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
    /// x where positive, else slope · x.
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

    /// Mean over the axes, which stay as 1.
    ReduceMean(Vec<usize>),
    /// Square root of the sum of squares over the axes, which stay as 1.
    ReduceL2(Vec<usize>),

    /// `x·Wᵀ (+ b)` on the last axis; arguments x, W `[out,in]`, optional b `[out]`.
    Linear,
    /// Matrix product of the last two axes, batch axes broadcast.
    MatMul,
    /// 2-D convolution; arguments x, W `[out,in/groups,kh,kw]`, optional b `[out]`.
    Conv {
        /// The same for both axes.
        stride: usize,
        /// Zeros added at top, left, bottom, right.
        pads: [usize; 4],
        /// 1 is dense; the number of channels is depthwise.
        groups: usize,
    },
    /// Transposed 2-D convolution; arguments x, W `[in,out,kh,kw]`, optional b `[out]`.
    ConvTranspose {
        /// The same for both axes.
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
    /// Training uses the batch's statistics and moves the running ones by `momentum`.
    BatchNorm {
        /// Added to the variance.
        eps: f32,
        /// Share of the new statistics in the running ones (PyTorch's meaning; ONNX's is 1 − this).
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
        /// Which axis.
        axis: usize,
        /// First element.
        start: usize,
        /// One past the last element.
        end: usize,
    },
    /// The first rows of argument 0, as many as axis 1 of argument 1 has: position embeddings for l tokens.
    Prefix,
    /// Permutes axes.
    Transpose(Vec<usize>),
    /// Gives another shape to the same elements.
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

    /// Index (i64) of the least element of the last axis, which disappears.
    ArgMin,
    /// The value; gradients do not pass.
    StopGradient,
    /// Zeroes a share of the elements while training; elsewhere nothing.
    Dropout(f32),
}
