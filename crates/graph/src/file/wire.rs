//! Wires as written in files: `$input`, `$node.port`, and `$$` for a plain dollar.

/// Meaning of a text in the file.
pub(crate) enum Read {
    /// A text, with `$$` unescaped.
    Text(String),
    Wire(Wire),
}

/// The name of an input of the graph or of a node's output.
pub(crate) enum Wire {
    Input(String),
    Output { node: String, port: String },
}

/// Distinguishes wires from texts.
///
/// # Errors
/// If the text begins like a wire but is not valid.
pub(crate) fn read(text: &str) -> Result<Read, String> {
    let Some(wire) = text.strip_prefix('$') else {
        return Ok(Read::Text(text.to_owned()));
    };
    if wire.starts_with('$') {
        return Ok(Read::Text(wire.to_owned()));
    }
    let name = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    match wire.split_once('.') {
        None if name(wire) => Ok(Read::Wire(Wire::Input(wire.to_owned()))),
        Some((node, port)) if name(node) && name(port) => {
            Ok(Read::Wire(Wire::Output { node: node.to_owned(), port: port.to_owned() }))
        }
        _ => {
            let forms = "a wire is `$input` or `$node.port`, and a text that starts with a dollar is `$$…`";
            Err(format!("`{text}` is not a wire: {forms}"))
        }
    }
}

/// The unescaped text, where wires are not allowed.
///
/// # Errors
/// A sentence, if it is a wire.
pub(crate) fn plain(text: &str) -> Result<String, String> {
    match read(text)? {
        Read::Text(text) => Ok(text),
        Read::Wire(_) => {
            Err(format!("`{text}` is a wire, and wires from here cannot lead into a graph: give a value"))
        }
    }
}
