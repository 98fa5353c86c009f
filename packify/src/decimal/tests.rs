//! Decimals as CPython writes and reads them.

use super::*;

#[test]
fn writes_what_python_writes() {
    // Each pair from CPython 3.11.
    for (text, canonical) in [
        ("0", "0"),
        ("-0.000", "-0.000"),
        ("+1", "1"),
        ("1.", "1"),
        (".1", "0.1"),
        ("00", "0"),
        ("0.E5", "0E+5"),
        ("12.300", "12.300"),
        ("1e5", "1E+5"),
        ("1E-6", "0.000001"),
        ("1E-7", "1E-7"),
        ("0E-7", "0E-7"),
        ("123E-6", "0.000123"),
        ("123E-9", "1.23E-7"),
        ("12345E+3", "1.2345E+7"),
        ("1E+00005", "1E+5"),
        (" 1_0 ", "10"),
        (" _1", "1"),
        ("+_1", "1"),
        ("1_E_+_5", "1E+5"),
        ("\x1c1\x1f", "1"),
        ("\u{a0}1\u{2003}", "1"),
        ("\u{661}\u{662}", "12"),
        ("\u{1d7ff}", "9"),
        ("inf", "Infinity"),
        ("I_nf", "Infinity"),
        ("-iNfinity", "-Infinity"),
        ("nan0012", "NaN12"),
        ("NaN00", "NaN"),
        ("-snan007", "-sNaN7"),
        ("1E+999999999999999999", "1E+999999999999999999"),
        ("0.000E+999999999999999999", "0E+999999999999999996"),
        ("1E-1999999999999999997", "1E-1999999999999999997"),
        ("0.00E-1999999999999999995", "0E-1999999999999999997"),
    ] {
        let decimal = Decimal::parse(text).unwrap();
        assert_eq!(decimal.as_str(), canonical, "{text:?}");
        assert_eq!(Decimal::parse(canonical), Ok(decimal));
    }
}

#[test]
fn refuses_what_python_refuses() {
    for text in [
        "",
        "-",
        "_",
        ".",
        ".E1",
        "E5",
        "1E",
        "1E+",
        "1E-",
        "--1",
        "1e+-5",
        "1e5.0",
        "1.5.2",
        "_ 1",
        "1 _",
        "1 2",
        "0x10",
        "1\0",
        "infinit",
        "infinityy",
        "in",
        "nan 1",
        "nan+1",
        "na",
        "snan.",
        "\u{200b}1",
        "\u{feff}1",
        "\u{b2}",
        "1E+1000000000000000000",
        "10E+999999999999999999",
        "0E+1000000000000000000",
        "1E-1999999999999999998",
        "10E-1999999999999999998",
        "0E-1999999999999999998",
        "0.00E-1999999999999999996",
        "1E99999999999999999999999",
        "0E-99999999999999999999",
    ] {
        assert_eq!(Decimal::parse(text), Err(InvalidDecimal), "{text:?}");
    }
}

#[test]
fn signaling_nans_are_told_from_quiet_ones() {
    assert!(Decimal::parse("snan1").unwrap().is_signaling_nan());
    assert!(!Decimal::parse("nan1").unwrap().is_signaling_nan());
}
