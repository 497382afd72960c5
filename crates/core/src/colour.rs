//! Conversion of colours to bytes.

/// A colour in 0..1 as a byte, rounded half to even as in NumPy. NaN counts as 0.
pub fn byte(colour: f32) -> u8 {
    // The cast turns NaN into 0.
    (colour.clamp(0., 1.) * 255.).round_ties_even() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_and_bounded() {
        assert_eq!([-1., 0., 0.5 / 255., 1.5 / 255., 1., 7., f32::NAN].map(byte), [0, 0, 0, 2, 255, 255, 0]);
    }
}
