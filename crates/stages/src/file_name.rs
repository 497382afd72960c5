//! Checks file names chosen by a graph: each must mean the same file on every system and in every program.

use wuerst_core::is_command;

/// Device names on Windows, with any suffix.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// Devices with a number behind their names.
const NUMBERED: [&str; 2] = ["COM", "LPT"];

/// Checks each part of a path: the file's name, and those of its folders.
///
/// # Errors
/// The problem, in a sentence.
pub(crate) fn check(name: &str) -> Result<(), String> {
    name.split(['/', '\\']).try_for_each(|part| match fault(part) {
        Some(fault) => Err(format!("`{}` {fault}", name.escape_debug())),
        None => Ok(()),
    })
}

fn fault(part: &str) -> Option<&'static str> {
    if part.chars().any(is_invisible) {
        return Some("has a sign in it that cannot be seen: write it with letters that can");
    }
    if part.contains(':') {
        return Some("has a colon in it, behind which Windows keeps a second file: leave it out");
    }
    if part.starts_with('-') {
        return Some("begins with a `-`, as the options of programs do: begin it with a letter");
    }
    if part.starts_with(char::is_whitespace) || part.ends_with(char::is_whitespace) {
        return Some("has a blank at the beginning or end of a part: leave it out");
    }
    if part.len() > 1 && part.ends_with('.') && part != ".." {
        return Some("has a dot at the end of a part, which Windows leaves out: leave it out, too");
    }
    is_device(part).then_some("is the name of a device on Windows: choose another")
}

/// Whether a character controls a terminal, changes the text direction, or is invisible.
fn is_invisible(sign: char) -> bool {
    let shown_as_nothing =
        matches!(sign, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}');
    is_command(sign) || shown_as_nothing
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let number = |rest: &str| {
        matches!(rest, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
    };
    DEVICES.contains(&stem.as_str())
        || NUMBERED.iter().any(|name| stem.strip_prefix(name).is_some_and(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_plain() {
        for good in [
            "a.png",
            "folder/a b.png",
            "würst 🌭.png",
            ".a.png",
            "console.png",
            "com.png",
            "com10.png",
            "a-b.png",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (wrong, part) in [
            ("a\n.png", "cannot be seen"),
            ("a\u{1b}[2J.png", "cannot be seen"),
            ("a\u{202e}gnp.png", "cannot be seen"),
            ("a\u{85}.png", "cannot be seen"),
            ("C:a.png", "colon"),
            ("a.png:b.png", "colon"),
            ("-rf.png", "begins with a `-`"),
            ("folder/-a.png", "begins with a `-`"),
            (" a.png", "blank"),
            ("\u{a0}a.png", "blank"),
            ("folder /a.png", "blank"),
            ("folder./a.png", "dot at the end"),
            ("con.png", "device"),
            ("NUL.tar.png", "device"),
            ("folder/Lpt1.png", "device"),
            ("COM¹.png", "device"),
            ("aux /a.png", "blank"),
            ("nul .png", "device"),
        ] {
            let said = check(wrong).unwrap_err();
            assert!(
                said.contains(part) && !said.contains('\n') && !said.contains('\u{1b}'),
                "{wrong:?}: {said}"
            );
        }
    }
}
