//! Parses text to a tree. Reports syntax errors and continues after them.

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};
use wuerst_core::byte_order;

use super::quotes::in_quotes;
use super::scalar;
use super::tree::{Data, Entry, Mark, Tree};

/// Maximum nesting of mappings and lists; a graph needs four.
const DEEPEST: usize = 16;

/// Maximum number of reported syntax errors; parsing restarts after each.
const MOST_ERRORS: usize = 20;

/// The readable parts of a file.
pub(crate) struct Read {
    pub(crate) tree: Tree,
    /// YAML syntax errors and unsupported constructs.
    pub(crate) problems: Vec<Problem>,
    /// Whether parts of the file are missing from the tree.
    pub(crate) cut: bool,
}

/// A construct that graphs do not allow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    pub(crate) mark: Mark,
    /// Keys that lead to it, separated by dots.
    pub(crate) path: String,
    pub(crate) message: String,
}

/// Parses YAML. After a syntax error it continues at the next key at the beginning of a line.
pub(crate) fn read(text: &str) -> Read {
    let text = byte_order::unmarked(text);
    let mut builder = Builder::default();
    builder.problems.extend(unprintable(text));
    let mut whole: Option<Tree> = None;
    let (mut rest, mut lines) = (text, 0);
    let mut errors = 0;
    loop {
        builder.lines = lines;
        let stopped = builder.part(rest);
        let last = builder.last_key();
        let part = builder.close();
        whole = Some(match whole {
            None => part,
            Some(whole) => joined(whole, part),
        });
        let Some(error) = stopped else { break };
        errors += 1;
        // Restarts after the last recognised section: an open bracket or quote may have swallowed the next one.
        let skip = last.saturating_sub(lines).max(1) as usize;
        // A part may begin with the line at which the previous one stopped.
        if builder.problems.iter().all(|known| known.mark != error.mark) {
            builder.problems.push(error);
        }
        match section(rest, skip) {
            Some((at, skipped)) if errors < MOST_ERRORS => {
                rest = &rest[at..];
                lines += skipped;
            }
            _ => break,
        }
    }
    let tree = whole.unwrap_or_else(|| Tree::new(Mark::START, Data::Null));
    Read { tree, problems: builder.problems, cut: errors > 0 }
}

/// The first character that YAML does not allow. Editors do not show such characters.
fn unprintable(text: &str) -> Option<Problem> {
    let odd = |c: char| {
        c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}') || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    let (at, found) = text.char_indices().find(|(_, c)| odd(*c))?;
    let before = &text[..at];
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let line = count(before.matches('\n').count() + 1);
    let column = count(before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
    let code = u32::from(found);
    let message = format!(
        "not YAML: the character U+{code:04X} cannot be seen; in double quotes it is written `\\u{code:04X}`"
    );
    Some(Problem { mark: Mark { line, column }, path: String::new(), message })
}

/// The first line from line `skip` on that begins with a key: its offset, and its number from 0.
fn section(text: &str, skip: usize) -> Option<(usize, u32)> {
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let key = line.split(':').next().filter(|key| key.len() < line.len());
        let word = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if number >= skip && key.is_some_and(word) {
            return Some((at, u32::try_from(number).ok()?));
        }
        at += line.len();
    }
    None
}

/// The sections of both.
fn joined(mut whole: Tree, part: Tree) -> Tree {
    match (&mut whole.data, part.data) {
        (Data::Map(sections), Data::Map(more)) => sections.extend(more),
        (Data::Map(_), _) => {}
        (_, data) => whole = Tree::new(part.mark, data),
    }
    whole
}

/// An unfinished mapping or list.
enum Open {
    List(Mark, Vec<Tree>),
    /// The pending key is `None` if it is not a name, which is reported.
    Map(Mark, Vec<Entry>, Option<(Mark, Option<String>)>),
}

/// Builds a tree from parser events.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    /// Current depth below the maximum nesting, where everything is skipped.
    beyond: usize,
    root: Option<Tree>,
    /// Number of lines before this part.
    lines: u32,
    problems: Vec<Problem>,
}

impl Builder {
    /// Parses one part; returns the error at which it stopped.
    fn part(&mut self, text: &str) -> Option<Problem> {
        let mut documents = 0;
        for event in Parser::new_from_str(text) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let (mark, message) = (self.mark(error.marker()), sentence(&error, text));
                    return Some(Problem { mark, path: String::new(), message });
                }
            };
            if let Event::DocumentStart(_) = event {
                documents += 1;
                if documents > 1 {
                    let message = "a graph file is one YAML document, and a line `---` begins another";
                    self.refuse(self.mark(&span.start), message);
                    return None;
                }
            }
            self.take(event, span);
        }
        None
    }

    /// Line of the last section so far, or 0.
    fn last_key(&self) -> u32 {
        match self.open.first() {
            Some(Open::Map(_, entries, waiting)) => {
                let waiting = waiting.as_ref().map(|(mark, _)| mark.line);
                waiting.or(entries.last().map(|entry| entry.mark.line)).unwrap_or(0)
            }
            _ => 0,
        }
    }

    fn mark(&self, marker: &Marker) -> Mark {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Mark { line: number(marker.line()).saturating_add(self.lines), column: number(marker.col() + 1) }
    }

    fn take(&mut self, event: Event<'_>, span: Span) {
        let mark = self.mark(&span.start);
        let (starts, anchored, tagged) = match &event {
            Event::MappingStart(anchor, tag) | Event::SequenceStart(anchor, tag) => {
                (true, *anchor > 0, tag.is_some())
            }
            Event::Scalar(_, _, anchor, tag) => (false, *anchor > 0, tag.is_some()),
            _ => (false, false, false),
        };
        if anchored {
            self.refuse(
                mark,
                "an anchor (`&…`) has no meaning here; write a text that starts with `&` in quotes",
            );
        }
        if tagged {
            self.refuse(
                mark,
                "a tag (`!…`) has no meaning here; write a text that starts with `!` in quotes",
            );
        }
        if starts && (self.beyond > 0 || self.open.len() == DEEPEST) {
            if self.beyond == 0 {
                self.refuse(mark, &format!("mappings and lists are nested more than {DEEPEST} deep"));
            }
            self.beyond += 1;
            return;
        }
        match event {
            Event::MappingEnd | Event::SequenceEnd if self.beyond > 0 => {
                self.beyond -= 1;
                if self.beyond == 0 {
                    self.put(Tree::new(mark, Data::Wrong));
                }
            }
            _ if self.beyond > 0 => {}
            Event::MappingStart(..) => self.open.push(Open::Map(mark, Vec::new(), None)),
            Event::SequenceStart(..) => self.open.push(Open::List(mark, Vec::new())),
            Event::MappingEnd | Event::SequenceEnd => self.end(),
            Event::Alias(_) => {
                let message = "an alias (`*…`) has no meaning here; write the value itself, or a text that starts \
                               with `*` in quotes";
                self.refuse(mark, message);
                self.put(Tree::new(mark, Data::Wrong));
            }
            Event::Scalar(text, style, ..) => {
                let tree = self.scalar(text, style, span, tagged);
                self.put(tree);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }

    fn refuse(&mut self, mark: Mark, message: &str) {
        let key = |open: &Open| match open {
            Open::Map(_, _, Some((_, key))) => key.clone(),
            Open::Map(..) | Open::List(..) => None,
        };
        let path = self.open.iter().filter_map(key).collect::<Vec<_>>().join(".");
        self.problems.push(Problem { mark, path, message: message.to_owned() });
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, span: Span, tagged: bool) -> Tree {
        let mark = self.mark(&span.start);
        let quotes = match style {
            ScalarStyle::Plain => 0,
            _ => 1,
        };
        let one_by_one =
            span.start.line() == span.end.line() && span.len() == text.chars().count() + 2 * quotes;
        let data = match style {
            _ if tagged => Data::Wrong,
            // A key is always a name, whatever it looks like.
            ScalarStyle::Plain if !self.wants_key() => scalar::plain(&text).unwrap_or_else(|message| {
                self.refuse(mark, &message);
                Data::Wrong
            }),
            _ => Data::Text(text.into_owned()),
        };
        Tree { mark, inset: one_by_one.then_some(quotes as u32), data }
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map(_, _, None)))
    }

    /// Adds a finished value to its parent.
    fn put(&mut self, tree: Tree) {
        match self.open.last_mut() {
            None => self.root = Some(tree),
            Some(Open::List(_, items)) => items.push(tree),
            Some(Open::Map(_, entries, waiting)) => match (waiting.take(), tree.data) {
                (Some((mark, Some(key))), data) => {
                    entries.push(Entry { mark, key, value: Tree { data, ..tree } });
                }
                (Some((_, None)), _) => {}
                (None, Data::Text(name)) => *waiting = Some((tree.mark, Some(name))),
                (None, data) => {
                    *waiting = Some((tree.mark, None));
                    let tree = Tree { data, ..tree };
                    if tree.data != Data::Wrong {
                        self.refuse(tree.mark, &format!("a key is a name, not {}", tree.sort()));
                    }
                }
            },
        }
    }

    /// Finishes the innermost mapping or list.
    fn end(&mut self) {
        let tree = match self.open.pop() {
            None => return,
            Some(Open::List(mark, items)) => Tree::new(mark, Data::List(items)),
            Some(Open::Map(mark, mut entries, key)) => {
                if let Some((mark, Some(key))) = key {
                    entries.push(Entry { mark, key, value: Tree::new(mark, Data::Wrong) });
                }
                Tree::new(mark, Data::Map(entries))
            }
        };
        self.put(tree);
    }

    /// Finishes all open values, and returns the tree.
    fn close(&mut self) -> Tree {
        self.beyond = 0;
        while !self.open.is_empty() {
            self.end();
        }
        self.root.take().unwrap_or_else(|| Tree::new(Mark { line: self.lines + 1, column: 1 }, Data::Null))
    }
}

/// The parser's message, with its usual cause.
fn sentence(error: &ScanError, text: &str) -> String {
    let said = error.info();
    let quoted = in_quotes(text, error.marker().index());
    if let Some(hint) = quoted.filter(|_| said.contains("flow mapping")) {
        return format!("not YAML: {said}{hint}");
    }
    let hint = [
        ("tabs", "; YAML is indented with spaces"),
        ("quoted scalar", "; is a closing quote missing?"),
        ("flow mapping", "; is a comma or a closing `}` missing?"),
        ("flow sequence", "; is a comma or a closing `]` missing?"),
        ("flow construct", "; is a closing `}` or `]` missing before?"),
        ("placement of ':'", "; is a closing `}` or `]` missing before?"),
        ("invalid indentation", "; is a closing `}`, `]` or quote missing before?"),
        ("block mapping", "; is the line indented like its neighbours?"),
        ("mapping values", "; write a text that holds `: ` in quotes"),
        ("unexpected character", "; write a text that begins with it in quotes"),
        ("document start", "; a line that begins with `%` has no meaning here"),
        ("recursion", "; a graph needs no such nesting"),
    ];
    let hint = hint.into_iter().find(|(part, _)| said.contains(part)).map_or("", |(_, hint)| hint);
    format!("not YAML: {said}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leads through mappings.
    fn find<'t>(tree: &'t Tree, keys: &[&str]) -> Option<&'t Tree> {
        let Some((first, rest)) = keys.split_first() else { return Some(tree) };
        let Data::Map(entries) = &tree.data else { return None };
        entries.iter().filter(|e| e.key == *first).find_map(|e| find(&e.value, rest))
    }

    fn problems(text: &str) -> Vec<String> {
        let show = |p: Problem| format!("{}:{}: {}: {}", p.mark.line, p.mark.column, p.path, p.message);
        read(text).problems.into_iter().map(show).collect()
    }

    #[test]
    fn order_repetitions_and_places_are_kept() {
        let read = read("b: 1\na:\n  - x # one\n  - 'y'\nb: \"z\\n\"\n");
        let Data::Map(entries) = &read.tree.data else { panic!("{:?}", read.tree) };
        let keys: Vec<(&str, u32)> = entries.iter().map(|e| (e.key.as_str(), e.mark.line)).collect();
        assert_eq!(keys, [("b", 1), ("a", 2), ("b", 5)]);
        let Data::List(items) = &entries[1].value.data else { panic!("{:?}", entries[1]) };
        let places: Vec<_> = items.iter().map(|i| (i.mark.line, i.mark.column, i.inset)).collect();
        assert_eq!(places, [(3, 5, Some(0)), (4, 5, Some(1))]);
        assert_eq!((&entries[2].value.data, entries[2].value.inset), (&Data::Text("z\n".into()), None));
        assert!(read.problems.is_empty() && !read.cut);
    }

    #[test]
    fn reading_continues_after_syntax_error() {
        let read = read("inputs:\n  a: {\nnodes:\n  b: \"open\noutputs:\n  c: d\n");
        assert_eq!(read.problems.len(), 2, "{:?}", read.problems);
        assert!(read.cut && find(&read.tree, &["inputs", "a"]).is_some());
        assert_eq!(find(&read.tree, &["outputs", "c"]).map(|c| (c.mark.line, c.mark.column)), Some((6, 6)));
    }

    #[test]
    fn expanding_yaml_is_refused() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
        let found = problems(bomb);
        assert_eq!(found.len(), 6, "{found:?}");
        assert!(
            found[0].starts_with("1:4: a: an anchor") && found[5].starts_with("3:9: c: an alias"),
            "{found:?}"
        );
        let deep = problems(&format!("a: {}{}\nb: 1\n", "[".repeat(200), "]".repeat(200)));
        assert_eq!(deep, ["1:19: a: mappings and lists are nested more than 16 deep"]);
        let found = problems("x: !tag 1\n? [1]\n: 2\n");
        assert!(found[0].starts_with("1:4: x: a tag") && found[1].contains("a key is a name, not a list"));
    }
}
