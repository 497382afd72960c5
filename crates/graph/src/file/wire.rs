//! Wires as the file writes them: `$input`, `$node.port`, and `$$` for a plain dollar.

/// What a text in the file is.
pub(crate) enum Read {
    /// A text, its `$$` undone.
    Text(String),
    Wire(Wire),
}

/// Names that lead to an input of the graph or to an output of a node.
pub(crate) enum Wire {
    Input(String),
    Output { node: String, port: String },
}

/// Tells wires from texts.
///
/// # Errors
/// When it starts as a wire does, but is none.
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
            Err(format!("`{text}` is no wire: {forms}"))
        }
    }
}

/// The text that is meant where there can be no wire.
///
/// # Errors
/// A sentence, when it is one.
pub(crate) fn plain(text: &str) -> Result<String, String> {
    match read(text)? {
        Read::Text(text) => Ok(text),
        Read::Wire(_) => {
            Err(format!("`{text}` is a wire, and from here none leads into a graph: give a value"))
        }
    }
}
