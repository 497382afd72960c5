//! Colours as pictures store them.

/// A colour in 0..1 as a byte, rounded as NumPy does. NaN counts as 0.
pub fn byte(colour: f32) -> u8 {
    // The cast takes NaN for 0.
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
