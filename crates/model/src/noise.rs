//! Normal random numbers equal to those of PyTorch's CPU generator, so that a seed gives the same picture.
//!
//! The generator is the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998). `torch.randn` makes normal numbers from
//! it by the Box-Muller method, in one of two ways that depend on the length.

use std::f64::consts::TAU;

const WORDS: usize = 624;
/// Length of [`Noise::to_bytes`].
pub const STATE_BYTES: usize = WORDS * 4 + 8 + 9;

/// A generator whose state continues from call to call, like a `torch.Generator` on the CPU.
#[derive(Clone, PartialEq)]
pub struct Noise {
    state: [u32; WORDS],
    /// Number of words of `state` already used.
    used: usize,
    /// Second number of the last pair of the short way.
    spare: Option<f64>,
}

impl std::fmt::Debug for Noise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Noise").field("used", &self.used).field("spare", &self.spare).finish_non_exhaustive()
    }
}

impl Noise {
    /// Like `torch.Generator().manual_seed(seed)`: only the lower 32 bits count.
    pub fn new(seed: u64) -> Noise {
        let mut state = [0; WORDS];
        let mut word = seed as u32;
        for (i, slot) in state.iter_mut().enumerate() {
            if i > 0 {
                word = 1_812_433_253u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(i as u32);
            }
            *slot = word;
        }
        Noise { state, used: WORDS, spare: None }
    }

    /// Like `torch.randn(len, generator=self)` in f32.
    pub fn normal(&mut self, len: usize) -> Vec<f32> {
        if len < 16 {
            return (0..len).map(|_| self.one() as f32).collect();
        }
        let mut out: Vec<f32> = (0..len).map(|_| self.uniform()).collect();
        for block in out.chunks_exact_mut(16) {
            pairs(block);
        }
        if !len.is_multiple_of(16) {
            // A remainder is not padded: the last sixteen numbers are all drawn again.
            let last = &mut out[len - 16..];
            last.fill_with(|| self.uniform());
            pairs(last);
        }
        out
    }

    /// The state, for [`Noise::from_bytes`]: a graph can hand the generator from node to node.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.state.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend((self.used as u64).to_le_bytes());
        bytes.push(u8::from(self.spare.is_some()));
        bytes.extend(self.spare.unwrap_or(0.).to_le_bytes());
        bytes
    }

    /// Restores a state of [`Noise::to_bytes`]; `None` if the bytes are invalid.
    pub fn from_bytes(bytes: &[u8]) -> Option<Noise> {
        let (words, rest) = bytes.split_at_checked(WORDS * 4)?;
        let (used, rest) = rest.split_first_chunk::<8>()?;
        let (flag, rest) = rest.split_first()?;
        let spare = f64::from_le_bytes(rest.try_into().ok()?);
        let mut state = [0; WORDS];
        for (slot, word) in state.iter_mut().zip(words.as_chunks::<4>().0) {
            *slot = u32::from_le_bytes(*word);
        }
        let used = usize::try_from(u64::from_le_bytes(*used)).ok().filter(|used| *used <= WORDS)?;
        Some(Noise { state, used, spare: (*flag != 0).then_some(spare) })
    }

    fn word(&mut self) -> u32 {
        if self.used == WORDS {
            for i in 0..WORDS {
                let both = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % WORDS] & 0x7fff_ffff);
                let twist = if both & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + 397) % WORDS] ^ (both >> 1) ^ twist;
            }
            self.used = 0;
        }
        let mut y = self.state[self.used];
        self.used += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// In [0, 1), with the 24 bits of f32.
    fn uniform(&mut self) -> f32 {
        (self.word() & 0x00ff_ffff) as f32 / 16_777_216.
    }

    /// In [0, 1), with the 53 bits of f64.
    fn uniform_wide(&mut self) -> f64 {
        let word = (u64::from(self.word()) << 32) | u64::from(self.word());
        (word & ((1 << 53) - 1)) as f64 / (1u64 << 53) as f64
    }

    /// For short lengths: pairs in f64, of which the second is kept for the next call.
    fn one(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let angle = TAU * self.uniform_wide();
        let radius = (-2. * (-self.uniform_wide()).ln_1p()).sqrt();
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }
}

/// For other lengths: sixteen uniform numbers become sixteen normal ones, number i paired with i + 8, in f32.
fn pairs(block: &mut [f32]) {
    let (first, second) = block.split_at_mut(8);
    for (a, b) in first.iter_mut().zip(second) {
        let radius = (-2. * (1. - *a).ln()).sqrt();
        let (sin, cos) = (TAU as f32 * *b).sin_cos();
        (*a, *b) = (radius * cos, radius * sin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The f32 elements of a `.npy` file.
    fn stored(bytes: &[u8]) -> Vec<f32> {
        let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        bytes[10 + header..].as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    fn close(got: &[f32], want: &[f32]) {
        assert_eq!(got.len(), want.len());
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert!((got - want).abs() < 1e-6, "element {i}: {got} is not {want}");
        }
    }

    #[test]
    fn short_and_long_are_pytorch_s() {
        let short = stored(include_bytes!("../../../tests/reference/expected/randn_first_7.npy"));
        close(&Noise::new(42).normal(7), &short);
        let long = stored(include_bytes!("../../../tests/reference/expected/randn_first_100.npy"));
        close(&Noise::new(42).normal(100), &long);
    }

    #[test]
    fn twister_is_published_one() {
        // The 10,000th number of the standard's mt19937, seed 5489.
        let mut noise = Noise::new(5489);
        assert_eq!((0..10_000).map(|_| noise.word()).last(), Some(4_123_659_995));
    }

    #[test]
    fn generator_state_continues() {
        let mut noise = Noise::new(7);
        noise.normal(3);
        let mut again = Noise::from_bytes(&noise.to_bytes()).unwrap();
        assert_eq!(noise.to_bytes().len(), STATE_BYTES);
        assert_eq!(noise.normal(5), again.normal(5));
        assert_eq!(noise.normal(40), again.normal(40));
        assert_eq!(Noise::from_bytes(&[0; 12]), None);
        assert_eq!(Noise::from_bytes(&[0xff; STATE_BYTES]), None);
    }
}
