//! Reading that continues after a signal.

use std::io::{ErrorKind, Read, Result, Seek, SeekFrom};

/// A reader that retries after a signal, for libraries that report an interrupted read as damage.
#[derive(Debug)]
pub struct Steady<R>(pub R);

impl<R: Read> Read for Steady<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        loop {
            match self.0.read(into) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl<R: Seek> Seek for Steady<R> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.0.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Cursor, Error};

    use super::*;

    /// Bytes of which each second read is interrupted.
    struct Interrupted(Cursor<&'static [u8]>, bool);

    impl Read for Interrupted {
        fn read(&mut self, into: &mut [u8]) -> Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(Error::from(ErrorKind::Interrupted)) } else { self.0.read(into) }
        }
    }

    #[test]
    fn signals_are_passed_over() {
        let source = || Interrupted(Cursor::new(b"abc"), false);
        assert!(BufReader::new(source()).fill_buf().is_err());
        assert_eq!(BufReader::new(Steady(source())).fill_buf().unwrap(), b"abc");
    }
}
