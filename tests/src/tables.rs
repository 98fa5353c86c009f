//! The tables in `docs`, and the tests that they name: what a document says of the
//! code is held against the code.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "these are tests, although not in a test target: they fail by panicking"
)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// One line of a table.
#[derive(Clone)]
pub struct Row<'a> {
    /// Its line in the file, from 1.
    pub line: usize,
    /// What the heading (of the second level) says that it is under.
    pub heading: &'a str,
    /// Its cells, trimmed.
    pub cells: Vec<&'a str>,
}

/// The rows of all tables of a document, without the tables' heads.
#[must_use]
pub fn rows(document: &str) -> Vec<Row<'_>> {
    let (mut rows, mut heading, mut in_table) = (Vec::new(), "", false);
    for (index, line) in document.lines().enumerate() {
        if let Some(text) = line.strip_prefix("## ") {
            heading = text;
        }
        let Some(cells) = line
            .strip_prefix('|')
            .and_then(|line| line.strip_suffix('|'))
        else {
            in_table = false;
            continue;
        };
        if line.starts_with("| ---") {
            in_table = true;
        } else if in_table {
            rows.push(Row {
                line: index + 1,
                heading,
                cells: cells.split('|').map(str::trim).collect(),
            });
        }
    }
    rows
}

/// What stands between backticks.
#[must_use]
pub fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Says which of the tests that cells name are not there. A cell comes with its
/// line, and has tests between backticks, as the end of a module's path and a name:
/// `handlers.rs::keys_are_found` is in a file of that name, or somewhere in a folder
/// `handlers`.
#[must_use]
pub fn missing_tests<'a>(cells: impl IntoIterator<Item = (usize, &'a str)>) -> String {
    let sources = sources();
    let exists = |test: &str| {
        let (file, name) = test.split_once("::").unwrap_or((test, ""));
        let folder = file.trim_end_matches(".rs");
        let is_there = |path: &Path| {
            let mut above = path.ancestors().skip(1);
            path.ends_with(file) || above.any(|path| path.ends_with(folder))
        };
        sources
            .iter()
            .any(|(path, source)| is_there(path) && has_test(source, name))
    };
    let mut missing = String::new();
    for (line, cell) in cells {
        for test in code(cell).into_iter().filter(|test| !exists(test)) {
            writeln!(missing, "line {line}: there is no test {test}").expect("there is room");
        }
    }
    missing
}

/// Whether a function of this name is a test, or a behaviour of the suite for every
/// runtime.
fn has_test(source: &str, name: &str) -> bool {
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        // Attributes and comments, which stand right before the function.
        if line.starts_with("#[") || line.starts_with("//") {
            is_test |= line.starts_with("#[") && line.contains("test");
            continue;
        }
        // Programs without the harness are tests themselves.
        let is_test = std::mem::take(&mut is_test) || name == "main";
        let Some((before, after)) = line.split_once("fn ") else {
            continue;
        };
        let named = after
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['(', '<']));
        if named && (is_test || before == "pub async ") {
            return true;
        }
    }
    false
}

/// Every Rust file of the workspace, with its path in it.
#[must_use]
pub fn sources() -> Vec<(PathBuf, String)> {
    fn collect(root: &Path, folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    collect(root, &path, found);
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).expect("a text");
                let path = path.strip_prefix(root).expect("below the root");
                found.push((path.to_owned(), text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.expect("the package is in a workspace");
    let mut found = Vec::new();
    collect(root, root, &mut found);
    found
}
