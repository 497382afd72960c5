//! Error cards: writes an error into the frame, since frei0r has no other way to show it to the user.

use embedded_graphics::mono_font::iso_8859_1::{FONT_6X10, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{DrawTarget, Drawable, OriginDimensions, Pixel, Point, RgbColor, Size};
use embedded_graphics::text::{Baseline, Text};
use std::convert::Infallible;

/// Dark red, which looks like no usual picture, and on which white is legible.
const PAPER: Rgb888 = Rgb888::new(96, 16, 24);

/// Frames narrower than this use the small font.
const WIDE: u32 = 480;

/// A frame `[width, height]` in RGBA with the message.
pub fn draw([width, height]: [u32; 2], message: &str) -> Vec<u8> {
    let mut card =
        Card { pixels: vec![0; width as usize * height as usize * 4], size: Size::new(width, height) };
    let font = if width < WIDE { &FONT_6X10 } else { &FONT_10X20 };
    let margin = i32::try_from(font.character_size.height / 2).unwrap_or(0);
    let columns = (width.saturating_sub(font.character_size.width) / font.character_size.width) as usize;
    let text = wrapped(&format!("wuerst: {message}"), columns.max(1)).join("\n");
    let style = MonoTextStyle::new(font as &MonoFont<'_>, Rgb888::WHITE);
    let text = Text::with_baseline(&text, Point::new(margin, margin), style, Baseline::Top);
    // Drawing here cannot fail.
    let _ = card.clear(PAPER).and_then(|()| text.draw(&mut card));
    card.pixels
}

/// Lines of at most `columns` characters, broken at blanks if possible.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![];
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let mut rest: Vec<char> = word.chars().collect();
            let used = line.chars().count();
            if used > 0 && used + 1 + rest.len() <= columns {
                line.push(' ');
            } else if used > 0 {
                lines.push(std::mem::take(&mut line));
            }
            while rest.len() > columns {
                lines.push(rest.drain(..columns).collect());
            }
            line.extend(rest);
        }
        lines.push(line);
    }
    lines
}

struct Card {
    pixels: Vec<u8>,
    size: Size,
}

impl OriginDimensions for Card {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Card {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(Point { x, y }, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { continue };
            if x < self.size.width && y < self.size.height {
                let at = (y as usize * self.size.width as usize + x as usize) * 4;
                self.pixels[at..at + 4].copy_from_slice(&[colour.r(), colour.g(), colour.b(), 255]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_frame_width() {
        assert_eq!(wrapped("a red fox\nruns", 5), ["a red", "fox", "runs"]);
        assert_eq!(wrapped("/a/long/path x", 6), ["/a/lon", "g/path", "x"]);
        assert_eq!(wrapped("", 5), Vec::<String>::new());
    }

    #[test]
    fn card_is_opaque_and_has_letters() {
        let card = draw([64, 32], "the model is missing");
        assert_eq!(card.len(), 64 * 32 * 4);
        assert!(card.chunks(4).all(|pixel| pixel[3] == 255));
        let white = card.chunks(4).filter(|pixel| pixel[0] == 255).count();
        assert!((50..1000).contains(&white), "{white}");
        assert_ne!(card, draw([64, 32], "the graph is missing"));
        assert!(draw([1, 1], "tiny").len() == 4 && draw([0, 0], "none").is_empty());
    }
}
