//! Damages graphs, with an eye to what they are made of: lines, words, brackets, wires, numbers.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Longer inputs are rare: each costs as much as thousands of others.
const USUAL: usize = 64 << 10;

/// Nothing longer is made; the reader refuses from 4 MiB on.
const LONGEST: usize = 5 << 20;

/// Inserted text.
const PIECES: [&str; 62] = [
    "$",
    "$$",
    "{",
    "}",
    "[",
    "]",
    ": ",
    ":",
    "- ",
    "? ",
    ", ",
    "&a ",
    "*a",
    "!t ",
    "!!int ",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "#",
    " #",
    "\n---\n",
    "\n...\n",
    "%YAML 1.2\n",
    "\t",
    "\u{feff}",
    "\0",
    "\r\n",
    "\r",
    "\u{85}",
    "\u{2028}",
    "<<: ",
    "~",
    "null",
    "true",
    ".inf",
    ".nan",
    "1e999",
    "-0",
    "0x7f",
    "9223372036854775808",
    "-9223372036854775809",
    "99999999999999999999999",
    "f32[",
    "f32[n,n]",
    "u8[18446744073709551615,2]",
    "i64[]",
    " = ",
    " {1..}",
    "{..}",
    "{a|b}",
    "?",
    "\\u0000",
    "\\",
    "$prompt",
    "$prior.embedding",
    "$a.b.c",
    "use: ",
    "with: {}",
    "devices: [cuda]",
    "\n  ",
    "é🌭",
];

/// Makes one damaged graph after the other, always the same for the same seed.
pub struct Mutator<'a> {
    random: ChaCha8Rng,
    seeds: &'a [String],
}

impl Mutator<'_> {
    pub fn new(seed: u64, seeds: &[String]) -> Mutator<'_> {
        Mutator { random: ChaCha8Rng::seed_from_u64(seed), seeds }
    }

    /// A graph, and what is changed in it from outside: names and texts.
    pub fn next(&mut self) -> (String, Vec<(String, String)>) {
        let mut text = self.seed();
        let rarely = self.random.random_ratio(1, 2000);
        for _ in 0..self.random.random_range(1..=6) {
            text = self.damaged(text, if rarely { LONGEST } else { USUAL });
        }
        let changes = if self.random.random_ratio(1, 4) { 1 } else { 0 };
        let changes = (0..changes).map(|_| (self.name(&text), self.word(&text))).collect();
        (text, changes)
    }

    fn seed(&mut self) -> String {
        self.seeds[self.random.random_range(0..self.seeds.len())].clone()
    }

    fn damaged(&mut self, text: String, most: usize) -> String {
        match self.random.random_range(0..11) {
            0 => self.without_part(text),
            1 | 2 => self.with_piece(text),
            3 => self.with_other_word(text),
            4 => self.with_lines_moved(text),
            5 => self.indented_otherwise(text),
            6 => self.spliced(text),
            7 => self.repeated(text, most),
            8 => self.nested(text, most),
            9 => self.with_other_number(text),
            _ => self.with_other_letter(text),
        }
    }

    /// A place between two characters.
    fn place(&mut self, text: &str) -> usize {
        let mut at = self.random.random_range(0..=text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// A part, mostly a short one.
    fn part(&mut self, text: &str) -> std::ops::Range<usize> {
        let (start, long) = (self.place(text), self.random.random_ratio(1, 8));
        let most = if long { text.len() } else { 12 };
        let mut end = (start + self.random.random_range(0..=most)).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        start..end
    }

    fn piece(&mut self) -> &'static str {
        PIECES[self.random.random_range(0..PIECES.len())]
    }

    /// A word of the text, or what no text has.
    fn word(&mut self, text: &str) -> String {
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "{},:[]".contains(c)).collect();
        match self.random.random_ratio(3, 4) {
            true => words[self.random.random_range(0..words.len())].to_owned(),
            false => self.piece().to_owned(),
        }
    }

    /// `node.port`, or a node.
    fn name(&mut self, text: &str) -> String {
        let (node, port) = (self.word(text), self.word(text));
        if self.random.random_bool(0.7) { format!("{node}.{port}") } else { node }
    }

    fn without_part(&mut self, mut text: String) -> String {
        let part = self.part(&text);
        text.replace_range(part, "");
        text
    }

    fn with_piece(&mut self, mut text: String) -> String {
        let (at, piece) = (self.place(&text), self.piece());
        text.insert_str(at, piece);
        text
    }

    fn with_other_letter(&mut self, mut text: String) -> String {
        let (at, code) = (self.place(&text), self.random.random_range(0..0x250));
        if let (Some(old), Some(new)) = (text[at..].chars().next(), char::from_u32(code)) {
            text.replace_range(at..at + old.len_utf8(), new.encode_utf8(&mut [0; 4]));
        }
        text
    }

    fn with_other_word(&mut self, text: String) -> String {
        let (old, new) = (self.word(&text), self.word(&text));
        match old.is_empty() {
            true => text,
            // All of them, as a rename, or the first alone.
            false if self.random.random_bool(0.5) && text.len() < USUAL => text.replace(&old, &new),
            false => text.replacen(&old, &new, 1),
        }
    }

    fn with_other_number(&mut self, mut text: String) -> String {
        let digits: Vec<usize> =
            text.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).collect();
        if digits.is_empty() {
            return text;
        }
        let at = digits[self.random.random_range(0..digits.len())];
        let numbers = ["0", "-1", "1.5", "4294967296", "9223372036854775807", "1e308", "00", ""];
        text.replace_range(at..=at, numbers[self.random.random_range(0..numbers.len())]);
        text
    }

    fn with_lines_moved(&mut self, text: String) -> String {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        if lines.is_empty() {
            return text;
        }
        let (from, to) = (self.random.random_range(0..lines.len()), self.random.random_range(0..lines.len()));
        match self.random.random_range(0..3) {
            0 => lines.swap(from, to),
            1 => lines.insert(to, lines[from]),
            _ => drop(lines.remove(from)),
        }
        lines.concat()
    }

    fn indented_otherwise(&mut self, text: String) -> String {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let chosen = self.random.random_range(0..lines.len().max(1));
        let indent = " ".repeat(self.random.random_range(0..9));
        let line = |(at, line): (usize, &&str)| match at == chosen {
            true => indent.clone() + line.trim_start_matches(' '),
            false => (*line).to_owned(),
        };
        lines.iter().enumerate().map(line).collect()
    }

    /// The beginning of one graph and the end of another.
    fn spliced(&mut self, text: String) -> String {
        let other = self.seed();
        let (end, start) = (self.place(&text), self.place(&other));
        text[..end].to_owned() + &other[start..]
    }

    fn repeated(&mut self, text: String, most: usize) -> String {
        let part = self.part(&text);
        let room = most.saturating_sub(text.len()) / part.len().max(1);
        let many = if self.random.random_ratio(1, 10) { room } else { room.min(8) };
        let times = self.random.random_range(0..=many);
        text[..part.end].to_owned() + &text[part.clone()].repeat(times) + &text[part.end..]
    }

    fn nested(&mut self, text: String, most: usize) -> String {
        let part = self.part(&text);
        let (open, close) =
            [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", ""), ("\"", "\""), ("&a [", "]"), ("{", "")]
                [self.random.random_range(0..7)];
        let room = most.saturating_sub(text.len()) / 8;
        let many = if self.random.random_ratio(1, 10) { room.min(20_000) } else { 40.min(room) };
        let depth = self.random.random_range(0..=many);
        let (before, after) = (open.repeat(depth), close.repeat(depth));
        format!("{}{before}{}{after}{}", &text[..part.start], &text[part.clone()], &text[part.end..])
    }
}
