//! What is known of a server as text, and as JSON.

use std::fmt::Write;
use std::io;

use serde_json::{Map, Value, json};

use super::change::Part;
use super::rows::{rows, server_rows};
use super::state::State;
use crate::json;
use crate::text::{Max, word};

/// The width of a column of the text: of what is said of a node.
const COLUMN: usize = 32;

/// Lines for a person.
pub(super) fn text(state: &State) -> String {
    let mut text = String::new();
    // Writing to a text does not fail.
    let mut line = |label: &str, cells: &[String]| {
        let cells = cells.iter().map(|cell| format!("{cell:<COLUMN$}"));
        let line = format!("{label:<24}{}", cells.collect::<String>());
        let _ = writeln!(text, "{}", line.trim_end());
    };
    line("server", std::slice::from_ref(&state.address));
    let Some(change) = &state.change else {
        return text;
    };
    for (label, cell) in server_rows(change, state.up) {
        line(label, &[cell.text]);
    }
    let names = change.nodes().map(|(name, _)| node_name(name));
    line("node", &names.collect::<Vec<_>>());
    for row in rows(change) {
        let cells = row.cells.into_iter().map(|cell| cell.text);
        line(row.label, &cells.collect::<Vec<_>>());
    }
    text
}

/// The name of a node, which the server has chosen.
pub(super) fn node_name(name: &str) -> String {
    word(name.as_bytes(), Max::BRIEF)
}

/// One object, on a line.
///
/// # Errors
/// None that would come of these values.
pub(super) fn json(state: &State) -> io::Result<String> {
    let Some(change) = &state.change else {
        return Ok(String::new());
    };
    let nodes = change
        .nodes()
        .map(|(name, part)| (name.to_owned(), part_json(&part)));
    let up = state.up.map(|up| up.as_secs_f64());
    let all = json!({
        "server": state.address,
        "seconds": change.has_rates().then_some(change.seconds),
        "up": up,
        "own": part_json(&change.server()),
        "nodes": nodes.collect::<Map<_, _>>(),
    });
    line(&all)
}

/// The same while there are none.
///
/// # Errors
/// The same.
pub(super) fn no_figures(state: &State) -> io::Result<String> {
    let why = state.trouble.as_ref().map(|trouble| &trouble.why);
    line(&json!({ "server": state.address, "error": why }))
}

fn line(object: &Value) -> io::Result<String> {
    let mut line = json::to_string(object)?;
    line.push('\n');
    Ok(line)
}

/// A number: a whole one where it is.
fn number(value: f64) -> Value {
    match value.fract() == 0.0 && (0.0..9e15).contains(&value) {
        true => json!(value as u64),
        false => json!(value),
    }
}

fn part_json(part: &Part<'_>) -> Value {
    let numbers = part.now.all.iter().map(|(name, of)| {
        let value = match of.is_counter {
            false => number(of.value),
            true => json!({ "total": number(of.value), "rate": part.rate(name).map(number) }),
        };
        (name.clone(), value)
    });
    let mut object: Map<_, _> = numbers.collect();
    if part.now.handlers.count > 0.0 {
        let times = part.handlers().unwrap_or_default();
        // JSON has no infinity.
        let within = |share| times.within(share).filter(|bound| bound.is_finite());
        let handlers = json!({
            "total": number(part.now.handlers.count),
            "rate": part.handled().map(number),
            "mean": times.mean(),
            "half_within": within(0.5),
            "p99_within": within(0.99),
        });
        object.insert("handlers".into(), handlers);
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::figures::Figures;
    use super::*;

    fn state() -> State {
        let mut state = State::new("there:1".into(), Duration::from_secs(1));
        let start = Instant::now();
        for (second, received) in [(0, 10), (2, 30)] {
            let page = format!(
                "netaio_open_connections{{node=\"t\u{1b}\"}} 3\n\
                 netaio_received_messages_total{{node=\"t\u{1b}\"}} {received}\n\
                 netaio_sent_messages_total{{node=\"t\u{1b}\"}} 5\n\
                 netaio_handler_seconds_bucket{{node=\"t\u{1b}\",le=\"0.001\"}} {received}\n\
                 netaio_handler_seconds_sum{{node=\"t\u{1b}\"}} 0.5\n\
                 netaio_handler_seconds_count{{node=\"t\u{1b}\"}} {received}\n\
                 netaio_store_resources 1\n"
            );
            let at = start + Duration::from_secs(second);
            state.took(Figures::of(&page).unwrap(), at, Duration::ZERO);
        }
        state
    }

    #[test]
    fn text_is_lines_without_escape_codes() {
        let text = text(&state());
        assert!(!text.contains('\u{1b}'), "{text}");
        for line in [
            "server                  there:1",
            "store                   1 resource",
            "node                    \"t\\u{1b}\"",
            "connections             3",
            "messages in, out        10/s, 0/s",
            "requests handled        10/s",
            "handler time, mean      0 ns, 99% in 1.00 ms",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn json_is_one_line() {
        let line = json(&state()).unwrap();
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        let node = &read["nodes"]["t\u{1b}"];
        assert_eq!(node["open_connections"], 3);
        assert_eq!(node["received_messages"], json!({"total": 30, "rate": 10}));
        assert_eq!(node["handlers"]["total"], 30);
        assert_eq!(
            (&read["seconds"], &read["own"]["store_resources"]),
            (&json!(2.0), &json!(1))
        );
    }
}
