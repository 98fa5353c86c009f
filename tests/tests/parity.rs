//! `docs/netaio-parity.md` leaves nothing out, and names nothing that is not there.
//!
//! The package is asked what it makes public; the source tree, what it has by the names that the
//! table gives to it and which tests it has.
#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::collections::BTreeSet;

use netaio_tests::python::{Python, Result};
use netaio_tests::tables::{self, code, missing_tests, sources};

const TABLE: &str = include_str!("../../docs/netaio-parity.md");

/// One line of the table.
struct Row<'a> {
    /// Its line in the file, from 1.
    line: usize,
    /// The classes of its heading; none for functions and values.
    classes: Vec<&'a str>,
    /// It is about behaviour, and names nothing of the package.
    prose: bool,
    /// netaio's name, ours, the tests, where we differ.
    cells: Vec<&'a str>,
}

/// The rows under every heading.
fn rows() -> Vec<Row<'static>> {
    let row = |row: tables::Row<'static>| {
        let classes = code(row.heading);
        Row {
            line: row.line,
            prose: classes.is_empty() && !["Functions", "Values"].contains(&row.heading),
            classes,
            cells: row.cells,
        }
    };
    tables::rows(TABLE).into_iter().map(row).collect()
}

/// The words of a piece of code that are names, without what stands in quotes.
fn identifiers(code: &str) -> impl Iterator<Item = &str> {
    let unquoted = code.split('"').step_by(2);
    let words = unquoted.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words.filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

/// `name(a, b)` as a name and its parameters.
fn signature(code: &str) -> (&str, Vec<&str>) {
    match code.split_once('(') {
        Some((name, rest)) => (name, identifiers(rest).collect()),
        None => (code, Vec::new()),
    }
}

/// Whether a row's name, in the form that `tests/python/api.py` prints, is `wanted`.
fn names(row: &Row<'_>, wanted: &str) -> bool {
    let (path, parameter) = match wanted.split_once('(') {
        Some((path, rest)) => (path, rest.strip_suffix(')')),
        None => (wanted, None),
    };
    // A function has no class, and a constructor no name.
    let (class, member) = match path.split_once('.') {
        Some((class, member)) => (Some(class), member),
        None if path.starts_with(char::is_uppercase) && parameter.is_some() => {
            (Some(path), "__init__")
        }
        None => (None, path),
    };
    let here = match class {
        Some(class) => row.classes.contains(&class),
        None => row.classes.is_empty() && !row.prose,
    };
    here && code(row.cells[0]).into_iter().any(|code| {
        let (name, parameters) = signature(code);
        (name == member || name == "*" && member != "__init__" && parameter.is_some())
            && parameter.is_none_or(|parameter| parameters.contains(&parameter))
    })
}

#[test]
fn the_versions_are_those_that_are_named() -> Result<()> {
    assert_eq!(netaio_core::VERSION, env!("CARGO_PKG_VERSION"));
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let package = python.run("api.py", &["--version"])?;
    assert_eq!(package.trim(), "0.0.9");
    assert!(TABLE.contains("the Python package netaio 0.0.9"));
    Ok(())
}

#[test]
fn every_row_is_whole() {
    let rows = rows();
    assert!(rows.len() > 150, "only {} rows were found", rows.len());
    for Row { line, cells, .. } in rows {
        let [name, ours, tests, differs] = cells[..] else {
            panic!("line {line} has {} cells instead of 4", cells.len());
        };
        assert!(
            !name.is_empty() && !ours.is_empty(),
            "line {line} has an empty cell"
        );
        assert!(
            !code(tests).is_empty() || tests == "-" && !differs.is_empty(),
            "line {line} names no test, and no reason"
        );
    }
}

#[test]
fn everything_public_is_named() -> Result<()> {
    let Some(python) = Python::get()? else {
        return Ok(());
    };
    let public = python.run::<&str>("api.py", &[])?;
    let rows = rows();
    let named = |name: &str| {
        let is_class = name.starts_with(char::is_uppercase) && !name.contains(['.', '(']);
        is_class && rows.iter().any(|row| row.classes.contains(&name))
            || rows.iter().any(|row| names(row, name))
    };
    let missing: Vec<_> = public.lines().filter(|name| !named(name)).collect();
    assert!(
        missing.is_empty(),
        "not in the table:\n{}",
        missing.join("\n")
    );
    assert!(
        public.lines().count() > 700,
        "the package has lost its names"
    );

    // And the other way round: the table invents nothing.
    for row in rows.iter().filter(|row| !row.prose) {
        for code in code(row.cells[0]) {
            let (name, parameters) = signature(code);
            let exists = |name: &str| public.lines().any(|line| line == name);
            let wanted = |class: &str, parameter: Option<&&str>| {
                let parameter = parameter.map_or(String::new(), |name| format!("({name})"));
                match (class, name) {
                    (class, "*") => public
                        .lines()
                        .any(|line| line.starts_with(class) && line.ends_with(&parameter)),
                    ("", name) => exists(&format!("{name}{parameter}")),
                    (class, "__init__") => exists(&format!("{class}{parameter}")),
                    (class, name) => exists(&format!("{class}.{name}{parameter}")),
                }
            };
            let anywhere = |parameter: Option<&&str>| match row.classes[..] {
                [] => wanted("", parameter),
                _ => row.classes.iter().any(|class| wanted(class, parameter)),
            };
            let (line, first) = (row.line, row.cells[0]);
            assert!(
                anywhere(None),
                "line {line}: netaio has no {name} ({first})"
            );
            for parameter in &parameters {
                let there = anywhere(Some(parameter));
                assert!(there, "line {line}: netaio's {name} takes no {parameter}");
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_said_to_be_ours_is_there() {
    let mut ours = BTreeSet::new();
    let sources = sources();
    for (path, source) in &sources {
        let library = path.components().any(|part| part.as_os_str() == "src");
        if library && !path.starts_with("tests") && !path.starts_with("fuzz") {
            ours.extend(source.split(|c: char| !c.is_alphanumeric() && c != '_'));
        }
    }
    let mut wrong = String::new();
    for row in rows().iter().filter(|row| !row.prose) {
        let names = code(row.cells[1]).into_iter().flat_map(identifiers);
        for name in names.filter(|name| !ours.contains(name)) {
            wrong += &format!("line {}: there is no {name}\n", row.line);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_named_tests_exist() {
    let rows = rows();
    let wrong = missing_tests(rows.iter().map(|row| (row.line, row.cells[2])));
    assert!(wrong.is_empty(), "{wrong}");
}
