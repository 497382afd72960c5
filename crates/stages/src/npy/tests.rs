//! Files as NumPy writes them, and malformed ones.

use super::*;

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    [MAGIC, &[2, 0], &length, header.as_bytes(), data].concat()
}

fn header(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}    \n")
}

fn said(file: &[u8]) -> String {
    read(file).unwrap_err().to_string()
}

#[test]
fn arrays_of_floats_are_read() {
    let numbers = [1f32, -2., 0.5, 4., 5., 6.];
    let little: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    let array = read(&file(&header("<f4", "(2, 3)"), &little)).unwrap();
    assert_eq!((array.shape(), array.iter().copied().collect::<Vec<_>>()), (&[2, 3][..], numbers.to_vec()));
    let big: Vec<u8> = numbers.iter().flat_map(|x| f64::from(*x).to_be_bytes()).collect();
    assert_eq!(read(&file(&header(">f8", "(2, 3)"), &big)).unwrap(), array);
    let columns = header("<f4", "(3L, 2L)").replace("False", "True");
    assert_eq!(read(&file(&columns, &little)).unwrap(), array.t());
    let other = "{\"shape\":(),\"fortran_order\":False,\"descr\":\"<f4\"}";
    assert_eq!(read(&file(other, &little[..4])).unwrap().shape(), [0usize; 0]);
    assert_eq!(read(&file(&header("<f4", "(0, 3)"), &[])).unwrap().len(), 0);
    // As version 1.0 has it: a length of two bytes.
    let short = header("<f4", "(6,)");
    let length = u16::try_from(short.len()).unwrap().to_le_bytes();
    let first = [MAGIC, &[1, 0], &length, short.as_bytes(), &little].concat();
    assert_eq!(read(&first).unwrap().shape(), [6]);
}

#[test]
fn odd_numbers_are_refused() {
    let said = |numbers: &[f64]| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        said(&file(&header("<f8", "(2,)"), &bytes))
    };
    assert_eq!(said(&[0., 1e300]), "holds 1e300 as its number 2 of 2, which is beyond f32");
    assert_eq!(said(&[f64::NAN, 1.]), "holds NaN as its number 1 of 2, which is not finite");
    assert_eq!(said(&[1., f64::NEG_INFINITY]), "holds -inf as its number 2 of 2, which is not finite");
    let largest: Vec<u8> = [f64::from(f32::MAX), 0.].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert!(read(&file(&header("<f8", "(2,)"), &largest)).is_ok());
}

#[test]
fn expressions_are_not_evaluated() {
    for shape in ["(1+1,)", "(2*3,)", "(-1,)", "(1.0,)", "(0x10,)", "[6]", "6", "((6,),)", "(1_000,)", "(,)"]
    {
        let message = said(&file(&header("<f4", shape), &[0; 24]));
        assert!(
            message.contains("not a NumPy file") && message.contains("is expected"),
            "{shape}: {message}"
        );
    }
    let sum = "{'descr': '<'+'f4', 'fortran_order': False, 'shape': (6,)}";
    assert!(said(&file(sum, &[0; 24])).contains("`}` is expected"), "{}", said(&file(sum, &[0; 24])));
}

#[test]
fn long_headers_are_refused() {
    let digits = format!("({},1,1,1)", "9".repeat(2_000_000));
    assert!(said(&file(&header("<f4", &digits), &[])).contains("the maximum is 65536"));
    // Within the limit, each in one pass.
    let digits = format!("({},)", "9".repeat(60_000));
    assert!(said(&file(&header("<f4", &digits), &[])).contains("a length is expected"));
    let many = format!("({})", "1,".repeat(30_000));
    assert!(said(&file(&header("<f4", &many), &[0; 4])).contains("64 dimensions"));
    let sums = format!("({}1,)", "1+".repeat(30_000));
    assert!(said(&file(&header("<f4", &sums), &[0; 4])).len() < 200);
}

#[test]
fn damaged_headers_are_refused() {
    let whole = header("<f4", "(1,)");
    for (from, to, part) in [
        ("'shape'", "'shapes'", "`shapes`"),
        ("'descr'", "'shape'", "`(` is expected"),
        ("'fortran_order': False, ", "", "lacks one of"),
        ("'fortran_order': False", "'shape': (1,)", "twice"),
        ("False", "Falsey", "is expected"),
        ("}", "} ()", "end of the header"),
        ("{", "", "`{` is expected"),
        ("'<f4'", "'<f4", "not a NumPy file"),
        ("'<f4'", "'<i4'", "type <i4"),
        ("'<f4'", "[('a', '<f4')]", "record"),
        ("'<f4'", "'\x1b[2J'", "\\u{1b}[2J"),
        ("(1,)", "(99999999999, 99999999999)", "larger than memory"),
        ("(1,)", "(2,)", "its header states 8"),
        ("(1,)", "(0,)", "its header states 0"),
    ] {
        let message = said(&file(&whole.replacen(from, to, 1), &[0; 4]));
        assert!(message.contains(part), "{from} -> {to}: {message}");
    }
    let good = file(&whole, &[0; 4]);
    for length in 0..good.len() {
        assert!(said(&good[..length]).contains("not a NumPy file"), "{length}");
    }
    assert!(said(&[MAGIC, &[9, 1, 0, 0]].concat()).contains("version is 9.1"));
    assert!(said(&[MAGIC, &[1, 0, 2, 0, 0xff, 0xff]].concat()).contains("not text"));
}
