//! The messages of `onnx.proto`, and the fields of each that hold other messages.

/// A message of `onnx.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// ModelProto, the whole file.
    Model,
    /// GraphProto.
    Graph,
    /// NodeProto.
    Node,
    /// AttributeProto.
    Attribute,
    /// TensorProto.
    Tensor,
    /// SparseTensorProto.
    SparseTensor,
    /// ValueInfoProto.
    ValueInfo,
    /// TypeProto.
    Type,
    /// The type of a sequence, map or optional.
    Element,
    /// The type of a tensor.
    TensorType,
    /// TensorShapeProto.
    Shape,
    /// FunctionProto.
    Function,
    /// TrainingInfoProto.
    Training,
    /// TensorAnnotation.
    Annotation,
    /// A pair of texts that locates a tensor's bytes.
    Location,
    /// Any other message, which holds only texts and numbers.
    Leaf,
}

impl Message {
    /// The message type in a field; `None` for texts, numbers and bytes.
    pub fn field(self, number: u64) -> Option<Message> {
        use Message::*;
        Some(match (self, number) {
            (Model, 7) | (Attribute, 6 | 11) | (Training, 1 | 2) => Graph,
            (Model, 20) => Training,
            (Model, 25) => Function,
            (Graph, 1) | (Function, 7) => Node,
            (Node, 5) | (Function, 11) => Attribute,
            (Graph, 5) | (Attribute, 5 | 10) | (SparseTensor, 1 | 2) => Tensor,
            (Graph, 15) | (Attribute, 22 | 23) => SparseTensor,
            (Graph, 11..=13) | (Function, 12) => ValueInfo,
            (Graph, 14) => Annotation,
            (ValueInfo, 2) | (Attribute, 14 | 15) => Type,
            (Type, 4 | 5 | 9) => Element,
            (Element, 1 | 2) => Type,
            (Type, 1 | 8) => TensorType,
            (TensorType, 2) => Shape,
            (Tensor, 13) => Location,
            // Operator sets, pairs of texts, dimensions, devices.
            (Model, 8 | 14 | 26) | (Graph, 16) | (Node, 9 | 10) | (Tensor, 3 | 16) => Leaf,
            (ValueInfo, 4) | (Shape, 1) | (Function, 9 | 14) | (Training, 3 | 4) | (Annotation, 2) => Leaf,
            _ => return None,
        })
    }

    /// Whether it may contain a tensor.
    pub fn may_hold_tensors(self) -> bool {
        use Message::*;
        matches!(self, Model | Graph | Node | Attribute | Tensor | SparseTensor | Function | Training)
    }
}
