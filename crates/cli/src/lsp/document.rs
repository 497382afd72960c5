//! An open graph file: its text by positions, and its names.

use std::ops::Range;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use wuerst::graph::{Outline, OutlineNode, outline};

/// An open file.
pub(super) struct Document {
    pub(super) text: String,
    pub(super) outline: Outline,
    /// The models folder, if there is one.
    pub(super) models: Option<PathBuf>,
}

/// A name in the file that others refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol<'a> {
    Input(&'a str),
    Node(&'a str),
}

/// A wire as written: `$name` or `$name.port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wire<'a> {
    pub(super) name: &'a str,
    /// Place of the name, in bytes.
    pub(super) place: Range<usize>,
    pub(super) port: Option<&'a str>,
}

/// Line and column of the outline, in characters from 1.
pub(super) type Position = (u32, u32);

/// Whether a position is in a name at `place`, or at its end.
pub(super) fn touches_name((line, column): Position, place: Position, name: &str) -> bool {
    let from = column.checked_sub(place.1).and_then(|from| usize::try_from(from).ok());
    line == place.0 && from.is_some_and(|from| from <= name.chars().count())
}

pub(super) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

impl Document {
    pub(super) fn new(text: &str, models: Option<PathBuf>) -> Document {
        Document { text: text.to_owned(), outline: outline(text), models }
    }

    /// The byte of a position of the protocol, whose columns count UTF-16 units.
    pub(super) fn offset(&self, line: usize, character: usize) -> usize {
        let start = self.line(line);
        let mut units = 0;
        for (at, c) in self.text[start..].char_indices() {
            if units >= character || c == '\n' {
                return start + at;
            }
            units += c.len_utf16();
        }
        self.text.len()
    }

    /// The byte at which a line begins.
    fn line(&self, line: usize) -> usize {
        let ends = self.text.match_indices('\n').map(|(at, _)| at + 1);
        std::iter::once(0).chain(ends).nth(line).unwrap_or(self.text.len())
    }

    /// The byte of a line and column of the outline, which count characters from 1.
    fn place(&self, (line, column): Position) -> usize {
        let start = self.line(line.max(1) as usize - 1);
        let chars = self.text[start..].char_indices().nth(column.max(1) as usize - 1);
        chars.map_or(self.text.len(), |(at, _)| start + at)
    }

    /// The line and column of a byte, as in the outline: the inverse of [`Document::place`].
    pub(super) fn position(&self, at: usize) -> Position {
        let (line, column) = (self.text[..at].matches('\n').count(), self.before(at).chars().count());
        [line, column].map(|n| u32::try_from(n + 1).unwrap_or(u32::MAX)).into()
    }

    /// A range of bytes in the protocol's form.
    pub(super) fn range(&self, range: &Range<usize>) -> Json {
        let position = |at: usize| {
            let before = &self.text[..at];
            let start = before.rfind('\n').map_or(0, |end| end + 1);
            let character: usize = before[start..].chars().map(char::len_utf16).sum();
            json!({ "line": before.matches('\n').count(), "character": character })
        };
        json!({ "start": position(range.start), "end": position(range.end) })
    }

    /// The part of a line before a byte.
    pub(super) fn before(&self, at: usize) -> &str {
        let start = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        &self.text[start..at]
    }

    /// The node in whose declaration a byte lies.
    pub(super) fn node_at(&self, at: usize) -> Option<&OutlineNode> {
        let position = self.position(at);
        self.outline.nodes.iter().filter(|node| node.place <= position).max_by_key(|node| node.place)
    }

    pub(super) fn node(&self, name: &str) -> Option<&OutlineNode> {
        self.outline.nodes.iter().find(|node| node.name == name)
    }

    /// All wires outside of comments.
    pub(super) fn wires(&self) -> Vec<Wire<'_>> {
        let (mut wires, mut begin) = (Vec::new(), 0);
        for line in self.text.split_inclusive('\n') {
            let comment =
                line.find(" #").or_else(|| line.starts_with('#').then_some(0)).unwrap_or(line.len());
            let mut from = 0;
            while let Some(at) = line[from..comment].find('$').map(|at| from + at) {
                let name = line[at + 1..].find(|c| !is_name(c)).map_or(line.len(), |end| at + 1 + end);
                let port = line[name..]
                    .strip_prefix('.')
                    .map(|rest| &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())]);
                let escaped = line[..at].ends_with('$');
                if !escaped && name > at + 1 {
                    let place = begin + at + 1..begin + name;
                    wires.push(Wire { name: &line[at + 1..name], place, port });
                }
                from = name.max(at + 1);
            }
            begin += line.len();
        }
        wires
    }

    /// The declared name that stands at a byte, or that a wire there refers to.
    pub(super) fn symbol_at(&self, at: usize) -> Option<Symbol<'_>> {
        let touches = |place: &Range<usize>| place.start <= at && at <= place.end;
        let wires = self.wires();
        if let Some(wire) = wires.iter().find(|wire| touches(&(wire.place.start - 1..wire.place.end))) {
            return match wire.port {
                Some(_) => self.node(wire.name).map(|node| Symbol::Node(&node.name)),
                None => {
                    self.outline.inputs.iter().find(|i| i.name == wire.name).map(|i| Symbol::Input(&i.name))
                }
            };
        }
        let position = self.position(at);
        let input = self.outline.inputs.iter().find(|input| touches_name(position, input.place, &input.name));
        let node = self.outline.nodes.iter().find(|node| touches_name(position, node.place, &node.name));
        input.map(|input| Symbol::Input(&input.name)).or(node.map(|node| Symbol::Node(&node.name)))
    }

    /// Place of a name's declaration, in bytes.
    pub(super) fn declaration(&self, symbol: Symbol<'_>) -> Option<Range<usize>> {
        let (name, place) = match symbol {
            Symbol::Input(name) => (name, self.outline.inputs.iter().find(|i| i.name == name)?.place),
            Symbol::Node(name) => (name, self.node(name)?.place),
        };
        let start = self.place(place);
        // A key may stand in quotes.
        let start = start + self.text[start..].find(name)?;
        Some(start..start + name.len())
    }

    /// The word at a byte.
    pub(super) fn word_at(&self, at: usize) -> &str {
        let part = |c: char| is_name(c) || c == '.';
        let start = self.text[..at].rfind(|c| !part(c)).map_or(0, |end| end + 1);
        // The byte before a word may be of a longer character.
        let start = (start..=at).find(|start| self.text.is_char_boundary(*start)).unwrap_or(at);
        let end = self.text[at..].find(|c| !part(c)).map_or(self.text.len(), |end| at + end);
        &self.text[start..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wires_and_positions_are_found() {
        let text = "inputs: { é: text, p: text }\nnodes:\n  a: { use: x.y, with: { t: $p, u: $$p, v: $a-b.c } } # $p\n";
        let document = Document::new(text, None);
        let wires = document.wires();
        let names: Vec<(&str, Option<&str>)> = wires.iter().map(|wire| (wire.name, wire.port)).collect();
        assert_eq!(names, [("p", None), ("a-b", Some("c"))]);
        assert_eq!(&text[document.offset(0, 11)..][..1], ":");
        assert_eq!(document.offset(99, 0), text.len());
        assert_eq!(document.symbol_at(wires[0].place.start), Some(Symbol::Input("p")));
        let at = text.find("p: text").unwrap();
        assert_eq!((document.position(at), document.place(document.position(at))), ((1, 20), at));
        assert_eq!(document.symbol_at(at + 1), Some(Symbol::Input("p")));
        assert_eq!(document.symbol_at(at + 2), None);
        assert_eq!(document.word_at(text.find("x.y").unwrap() + 1), "x.y");
    }
}
