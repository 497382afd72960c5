"""Pictures between Krita and the library: layers and selections on one side, `wuerst.Tensor` on the other."""

from krita import Krita

# The one that Krita gives new 8-bit images.
_MODEL, _DEPTH, _PROFILE = "RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc"


def document():
    """The open document; None if there is none."""
    return Krita.instance().activeDocument()


def new_document(width, height):
    """A new document, shown in the active window if there is one."""
    made = Krita.instance().createDocument(width, height, "Würstchen", _MODEL, _DEPTH, "", 300.0)
    window = Krita.instance().activeWindow()
    if window is not None:
        window.addView(made)
    return made


def active(shown):
    """The active layer; of a mask, the layer that it belongs to. The topmost one of a document that no view shows."""
    node = shown.activeNode() or [node for node in shown.topLevelNodes() if not node.type().endswith("mask")][-1]
    return node.parentNode() if node.type().endswith("mask") else node


def _is_plain(thing):
    return (thing.colorModel(), thing.colorDepth()) == (_MODEL, _DEPTH)


def _bgra(shown, node):
    """The pixels of a node in the whole document, as 8-bit BGRA; b"" if there are none."""
    width, height = shown.width(), shown.height()
    if node == shown.rootNode():
        copy = None if _is_plain(shown) else shown.clone()
        if copy is not None:
            copy.setColorSpace(_MODEL, _DEPTH, _PROFILE)
        data = bytes((copy or shown).pixelData(0, 0, width, height))
        if copy is not None:
            copy.close()
        return data
    if not _is_plain(node):
        node = node.duplicate()
        node.setColorSpace(_MODEL, _DEPTH, _PROFILE)
    # With what masks and effects make of it; of a layer in a document of another depth these are not 8-bit.
    shown_as = bytes(node.projectionPixelData(0, 0, width, height))
    return shown_as if len(shown_as) == width * height * 4 else bytes(node.pixelData(0, 0, width, height))


def picture_of(shown, node, tensor_type):
    """The pixels of a node in the whole document, u8 (height, width, 3); transparent ones are white."""
    width, height = shown.width(), shown.height()
    bgra = _bgra(shown, node)
    if len(bgra) != width * height * 4:
        raise ValueError(f"the layer {node.name()} has no pixels that can be read: flatten it, or choose another")
    data = bytearray(width * height * 3)
    alpha = bgra[3::4]
    opaque = alpha.count(255) == len(alpha)
    for channel, source in enumerate((2, 1, 0)):
        colours = bgra[source::4]
        if not opaque:
            colours = bytes((colour * over + 255 * (255 - over) + 127) // 255 for colour, over in zip(colours, alpha))
        data[channel::3] = colours
    return tensor_type("u8", (height, width, 3), bytes(data))


def mask_of(shown, tensor_type):
    """The selection as a grey picture, u8 (height, width): white where something is selected."""
    selection = shown.selection()
    if selection is None:
        raise ValueError("nothing is selected: select the part that is to be made anew")
    width, height = shown.width(), shown.height()
    return tensor_type("u8", (height, width), bytes(selection.pixelData(0, 0, width, height)))


def shares_of(mask, tensor_type):
    """A grey picture as numbers from 0 to 1, f32 (height, width)."""
    import array

    return tensor_type("f32", mask.shape, array.array("f", (byte / 255 for byte in bytes(mask))).tobytes())


def add_layer(shown, tensor, name):
    """A new layer with a picture, above the active one. One undo takes it back."""
    height, width, _ = tensor.shape
    node = shown.createNode(name, "paintlayer")
    pixels = bytearray(width * height * 4)
    tensor.copy_to(pixels, layout="bgra8")
    shown.rootNode().addChildNode(node, active(shown))
    if not _is_plain(node):
        node.setColorSpace(_MODEL, _DEPTH, _PROFILE)
    node.setPixelData(bytes(pixels), 0, 0, width, height)
    shown.refreshProjection()
    return node
