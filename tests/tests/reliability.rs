//! `docs/reliability.md` has every limit with its default, and names no test that is
//! not there.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do"
)]

use netaio_tests::limits;
use netaio_tests::tables::{Row, code, missing_tests, rows};

const DOCUMENT: &str = include_str!("../../docs/reliability.md");

/// The rows under a heading, each with these many cells, none of them empty.
fn table(heading: &str) -> Vec<Row<'static>> {
    let mut rows = rows(DOCUMENT);
    rows.retain(|row| row.heading == heading);
    for Row { line, cells, .. } in &rows {
        assert_eq!(cells.len(), 4, "line {line}");
        let whole = cells.iter().all(|cell| !cell.is_empty());
        assert!(whole, "line {line} has an empty cell");
        assert!(!code(cells[3]).is_empty(), "line {line} names no test");
    }
    rows
}

/// The numbers in a text, in bytes or in seconds where it has units; the text itself,
/// in lower case, where it has none.
fn value(text: &str) -> (Vec<u64>, String) {
    let text = text.to_lowercase().replace(['`', ',', '}'], "");
    let mut numbers = Vec::new();
    let words: Vec<_> = text.split_whitespace().collect();
    for (index, word) in words.iter().enumerate() {
        let Ok(number) = word.trim_end_matches('s').parse::<u64>() else {
            continue;
        };
        let unit = match words.get(index + 1) {
            Some(&"kib") => 1024,
            Some(&"mib") => 1024 * 1024,
            _ => 1,
        };
        numbers.push(number * unit);
    }
    match numbers.is_empty() {
        true => (numbers, text),
        false => (numbers, String::new()),
    }
}

#[test]
fn every_limit_is_there_with_its_default() {
    let mut defaults = limits::defaults();
    assert_eq!(value(&defaults["body"]), (vec![65_535], String::new()));
    for Row { line, cells, .. } in table("Limits") {
        let [name] = code(cells[0])[..] else {
            panic!("line {line} is about no limit");
        };
        let Some(default) = defaults.remove(name) else {
            panic!("line {line}: there is no limit {name}, or it was there before");
        };
        assert_eq!(value(cells[1]), value(&default), "line {line}: {name}");
    }
    assert!(defaults.is_empty(), "not in the table: {defaults:?}");
}

#[test]
fn the_named_tests_exist() {
    let rows = [table("Limits"), table("Forgeries")].concat();
    let wrong = missing_tests(rows.iter().map(|row| (row.line, row.cells[3])));
    assert!(wrong.is_empty(), "{wrong}");
}
