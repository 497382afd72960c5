//! The graphics protocol of kitty: pixels as base64 in APC sequences of limited length.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Maximum length of base64 in one sequence.
const CHUNK: usize = 4096;

/// Shows RGB pixels in `rows` rows of text, in place of the picture with the same number. The cursor stays (`C=1`), and
/// the terminal does not reply (`q=2`).
pub(super) fn encode([height, width]: [usize; 2], rgb: &[u8], number: u32, rows: usize) -> Vec<u8> {
    let text = STANDARD.encode(rgb);
    let chunks: Vec<&[u8]> = text.as_bytes().chunks(CHUNK).collect();
    let mut out = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        out.extend(b"\x1b_G");
        if at == 0 {
            let keys = format!("a=T,f=24,s={width},v={height},i={number},p=1,r={rows},C=1,q=2,");
            out.extend(keys.as_bytes());
        }
        out.extend(if at + 1 < chunks.len() { b"m=1;" } else { b"m=0;" });
        out.extend(*chunk);
        out.extend(b"\x1b\\");
    }
    out
}

/// Removes a picture and frees it in the terminal.
pub(super) fn delete(number: u32) -> Vec<u8> {
    format!("\x1b_Ga=d,d=I,i={number},q=2\x1b\\").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_picture_is_one_sequence() {
        let bytes = encode([1, 2], &[255, 0, 0, 0, 0, 255], 7, 12);
        let text = "\x1b_Ga=T,f=24,s=2,v=1,i=7,p=1,r=12,C=1,q=2,m=0;/wAAAAD/\x1b\\";
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
        assert_eq!(delete(7), b"\x1b_Ga=d,d=I,i=7,q=2\x1b\\");
    }

    #[test]
    fn large_pictures_are_chunked() {
        let rgb: Vec<u8> = (0..64 * 64 * 3).map(|at| (at % 251) as u8).collect();
        let text = String::from_utf8(encode([64, 64], &rgb, 7, 12)).unwrap();
        let pieces: Vec<(&str, &str)> = text
            .split_terminator("\x1b\\")
            .map(|piece| piece.strip_prefix("\x1b_G").unwrap().split_once(';').unwrap())
            .collect();
        assert_eq!(pieces.len(), 4);
        assert!(pieces[0].0.ends_with(",m=1") && pieces[1].0 == "m=1" && pieces[3].0 == "m=0");
        assert!(pieces.iter().all(|(_, data)| data.len() <= CHUNK && data.len() % 4 == 0));
        let data: String = pieces.iter().map(|(_, data)| *data).collect();
        assert_eq!(STANDARD.decode(data).unwrap(), rgb);
    }
}
