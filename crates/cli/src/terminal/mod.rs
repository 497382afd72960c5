//! Pictures in terminals, with one file per protocol: [`kitty`] and [`sixel`].

mod kitty;
mod sixel;

use std::io::{self, IsTerminal, Write, stderr};

use wuerst::{Tensor, Value};

use crate::thumbnail;

/// Height of a picture in rows of text.
const ROWS: usize = 12;

/// A terminal's protocol for pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Protocol {
    Kitty,
    Sixel,
}

/// The protocol of the terminal described by the environment. Terminals are not queried, since their reply would arrive
/// on stdin, among the user's typing.
fn known(variable: impl Fn(&str) -> Option<String>) -> Option<Protocol> {
    let value = |name: &str| variable(name).unwrap_or_default();
    let (term, program) = (value("TERM"), value("TERM_PROGRAM"));
    // Multiplexers draw the screen themselves, and lose pictures or their position.
    if variable("TMUX").is_some() || term.starts_with("screen") || term.starts_with("tmux") {
        return None;
    }
    let kitty = ["xterm-kitty", "xterm-ghostty"].contains(&term.as_str())
        || variable("KITTY_WINDOW_ID").is_some()
        || ["ghostty", "WezTerm"].contains(&program.as_str())
        // Konsole shows them since 22.04.
        || value("KONSOLE_VERSION").parse().is_ok_and(|version: u32| version >= 220_400);
    let sixel = ["foot", "mlterm", "contour", "yaft"].iter().any(|name| term.starts_with(name))
        || ["mintty", "iTerm.app"].contains(&program.as_str());
    match (kitty, sixel) {
        (true, _) => Some(Protocol::Kitty),
        (false, true) => Some(Protocol::Sixel),
        (false, false) => None,
    }
}

/// An area on stderr in which each picture replaces the previous one.
pub(crate) struct Screen {
    protocol: Protocol,
    /// Whether a picture is directly above the cursor's line.
    drawn: bool,
}

impl Screen {
    /// `None` if stderr is not a terminal, or one without pictures.
    pub(crate) fn detected() -> Option<Screen> {
        let protocol = known(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?;
        stderr().is_terminal().then_some(Screen { protocol, drawn: false })
    }

    /// Shows a picture above the cursor's line, which is empty.
    pub(crate) fn show(&mut self, rgb: &Tensor) -> io::Result<()> {
        let Some(bytes) = self.bytes(rgb) else { return Ok(()) };
        stderr().write_all(&bytes)
    }

    fn bytes(&mut self, rgb: &Tensor) -> Option<Vec<u8>> {
        let (size, pixels) = thumbnail::small(&Value::from(rgb.clone()))?;
        let room = if self.drawn { String::new() } else { "\n".repeat(ROWS) };
        self.drawn = true;
        let picture = match self.protocol {
            Protocol::Kitty => kitty::encode(size, &pixels, std::process::id(), ROWS),
            Protocol::Sixel => sixel::encode(size, &pixels, ROWS),
        };
        // Up to the picture's first row, and back, wherever the picture leaves the cursor.
        Some(
            [
                format!("{room}\r\x1b[{ROWS}A\x1b7").as_bytes(),
                &picture,
                format!("\x1b8\x1b[{ROWS}B").as_bytes(),
            ]
            .concat(),
        )
    }

    /// Other lines were written below the picture, so it stays, and the next one appears below them.
    pub(crate) fn leave(&mut self) {
        self.drawn = false;
    }

    /// Removes the picture.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.drawn) {
            return Ok(());
        }
        let picture = match self.protocol {
            Protocol::Kitty => kitty::delete(std::process::id()),
            // Terminals treat sixel pictures as text, which scrolls away.
            Protocol::Sixel => vec![],
        };
        stderr().write_all(&[&picture, format!("\r\x1b[{ROWS}A\x1b[J").as_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_known_by_environment() {
        let known = |pairs: &[(&str, &str)]| {
            known(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(known(&[("TERM", "xterm-kitty")]), Some(Protocol::Kitty));
        assert_eq!(known(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")]), Some(Protocol::Kitty));
        assert_eq!(known(&[("KONSOLE_VERSION", "230805")]), Some(Protocol::Kitty));
        assert_eq!(known(&[("KONSOLE_VERSION", "211203"), ("TERM", "xterm-256color")]), None);
        assert_eq!(known(&[("TERM", "foot-extra")]), Some(Protocol::Sixel));
        assert_eq!(
            known(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")]),
            Some(Protocol::Sixel)
        );
        assert_eq!(known(&[("TERM", "tmux-256color"), ("KITTY_WINDOW_ID", "1")]), None);
        assert_eq!(known(&[("TERM", "dumb")]), None);
        assert_eq!(known(&[]), None);
    }

    #[test]
    fn pictures_replace_each_other() {
        let rgb = Tensor::from_vec(&[1, 1, 3], vec![255u8, 0, 0]).unwrap();
        let mut screen = Screen { protocol: Protocol::Sixel, drawn: false };
        let shown = |screen: &mut Screen| String::from_utf8(screen.bytes(&rgb).unwrap()).unwrap();
        let (first, second) = (shown(&mut screen), shown(&mut screen));
        assert_eq!(first, format!("{}{second}", "\n".repeat(12)), "only the first makes room");
        assert!(second.starts_with("\r\x1b[12A\x1b7\x1bP") && second.ends_with("\x1b\\\x1b8\x1b[12B"));
        screen.leave();
        assert_eq!(shown(&mut screen), first);
    }
}
