//! Strips profiles and comments from a JPEG file, and extracts its colour profile.

use std::collections::BTreeMap;

use crate::image::colours::{LONGEST, Profile};

/// Prefix of a segment with a part of a colour profile, after marker and length.
const ICC: &[u8] = b"ICC_PROFILE\0";

/// The colour profile, which is stored in numbered segments before the first scan.
pub(crate) fn profile(file: &[u8]) -> Profile {
    let mut parts: BTreeMap<u8, &[u8]> = BTreeMap::new();
    let (mut at, mut of) = (2, 0);
    while let Some(segment) = file.get(at..).and_then(segment) {
        let (kind, length) = match segment {
            Segment::Lonely(length) => (0, length),
            Segment::Data(0xda, _) => break,
            Segment::Data(kind, length) => (kind, length),
        };
        let data =
            file.get(at + 4..at + length).and_then(|data| data.strip_prefix(ICC)).filter(|_| kind == 0xe2);
        if let Some([number, count, part @ ..]) = data {
            of = *count;
            parts.entry(*number).or_insert(part);
        }
        at += length;
    }
    let length: usize = parts.values().map(|part| part.len()).sum();
    if parts.is_empty() {
        Profile::None
    } else if length as u64 > LONGEST {
        Profile::too_long()
    } else if !parts.keys().copied().eq(1..=of) {
        Profile::damaged()
    } else {
        Profile::Icc(parts.into_values().flatten().copied().collect())
    }
}

/// A parsed marker.
enum Segment {
    /// A marker without data, with its length.
    Lonely(usize),
    /// A segment: its kind and total length.
    Data(u8, usize),
}

/// Removes segments that a decoder would keep, and returns whether the picture is complete.
///
/// Application segments that state the colours (0 and 14) and the first one with EXIF data stay. Segments before the
/// first scan may contain a thumbnail with an end marker of its own, which does not count.
pub(crate) fn strip(file: &mut Vec<u8>) -> bool {
    let (mut read, mut written) = (0, 0);
    let mut exif = false;
    let mut first_scan = None;
    while read < file.len() {
        let rest = &file[read..];
        let pixels = rest.iter().position(|byte| *byte == 0xff).unwrap_or(rest.len());
        let (mut kept, mut left_out) = (pixels, 0);
        match segment(&rest[pixels..]) {
            Some(Segment::Data(kind, length)) if is_surplus(kind, &rest[pixels..][..length], &mut exif) => {
                left_out = length;
            }
            Some(Segment::Data(kind, length)) => {
                kept += length;
                if kind == 0xda {
                    first_scan = first_scan.or(Some(written + kept));
                }
            }
            Some(Segment::Lonely(length)) => kept += length,
            // The rest of the file has no meaning.
            None => kept = rest.len(),
        }
        file.copy_within(read..read + kept, written);
        written += kept;
        read += kept + left_out;
    }
    file.truncate(written);
    first_scan.is_some_and(|start| file[start..].windows(2).any(|pair| pair == [0xff, 0xd9]))
}

fn segment(bytes: &[u8]) -> Option<Segment> {
    match *bytes {
        [0xff, 0xff, ..] => Some(Segment::Lonely(1)),
        [0xff, 0x00 | 0x01 | 0xd0..=0xd9, ..] => Some(Segment::Lonely(2)),
        [0xff, kind, a, b, ..] => {
            let length = 2 + usize::from(u16::from_be_bytes([a, b])).max(2);
            (length <= bytes.len()).then_some(Segment::Data(kind, length))
        }
        _ => None,
    }
}

/// Whether to remove a segment. `exif` tells whether EXIF data was found before.
fn is_surplus(kind: u8, segment: &[u8], exif: &mut bool) -> bool {
    match kind {
        0xe1 if segment[4..].starts_with(b"Exif\0\0") => std::mem::replace(exif, true),
        0xe1..=0xed | 0xef | 0xfe => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(kind: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
        [&[0xff, kind], &length[..], data].concat()
    }

    #[test]
    fn profiles_and_comments_are_left_out() {
        let (start, end) = (vec![0xff, 0xd8], vec![0xff, 0xd9]);
        let jfif = segment(0xe0, b"JFIF\0");
        let exif = segment(0xe1, b"Exif\0\0II*\0");
        let adobe = segment(0xee, b"Adobe");
        let scan = [segment(0xda, &[1; 10]), vec![1, 2, 0xff, 0, 3, 0xff, 0xd0, 4]].concat();
        let surplus = [
            segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
            segment(0xe2, b"ICC_PROFILE\0\x01\x01 profile"),
            segment(0xed, b"8BIM"),
            segment(0xfe, &[0xff, 0xd9]),
        ]
        .concat();
        // The second one would be taken in place of the first.
        let again = segment(0xe1, b"Exif\0\0MM\0*");
        let parts = [&start, &surplus, &jfif, &exif, &surplus, &adobe, &scan, &again, &surplus, &scan, &end];
        let mut file = parts.map(Vec::as_slice).concat();
        assert!(strip(&mut file));
        let kept = [&start, &jfif, &exif, &adobe, &scan, &scan, &end].map(Vec::as_slice).concat();
        assert_eq!(file, kept);
    }

    #[test]
    fn early_end_markers_are_ignored() {
        let mut file =
            [&[0xff, 0xd8][..], &segment(0xe1, &[0xff, 0xd9]), &segment(0xda, &[0]), &[1, 2]].concat();
        assert!(!strip(&mut file));
        for cut in [&[][..], &[0xff], &[0xff, 0xd8, 0xff, 0xe2, 0xff], &[0xff, 0xda, 0, 99, 0xff, 0xd9]] {
            let mut file = cut.to_vec();
            assert!(!strip(&mut file) && file == cut, "{cut:?}");
        }
    }
}
