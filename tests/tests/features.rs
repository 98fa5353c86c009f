//! `docs/features.md` says nothing of ours that no test shows.
use netaio_tests::tables::{code, missing_tests, rows};

const TABLE: &str = include_str!("../../docs/features.md");

#[test]
fn every_row_is_whole() {
    let rows = rows(TABLE);
    assert!(rows.len() > 25, "only {} rows were found", rows.len());
    for row in rows {
        let (line, cells) = (row.line, row.cells);
        assert_eq!(cells.len(), 8, "line {line} has another number of cells");
        assert!(
            cells.iter().all(|cell| !cell.is_empty()),
            "line {line} has an empty cell"
        );
        // Only of what there is not, there need be no test.
        let is_shown = !code(cells[7]).is_empty() || cells[7] == "-" && cells[6].starts_with("no");
        assert!(is_shown, "line {line} names no test");
    }
}

#[test]
fn the_named_tests_exist() {
    let rows = rows(TABLE);
    let wrong = missing_tests(rows.iter().map(|row| (row.line, row.cells[7])));
    assert!(wrong.is_empty(), "{wrong}");
}
