//! What is shown of a server in words and numbers, on the screen and as text alike.

use std::time::Duration;

use super::change::{Change, Part};
use crate::units;

/// Something that is shown of each node.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) label: &'static str,
    /// One for each node, in their order.
    pub(super) cells: Vec<Cell>,
}

/// What is shown of one node, or of the whole server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    /// Something goes wrong now.
    pub(super) is_bad: bool,
}

impl Cell {
    fn good(text: String) -> Self {
        let is_bad = false;
        Self { text, is_bad }
    }
}

/// What a row has of a node.
type Of = fn(&Part<'_>) -> Option<Cell>;

/// The rows; the least important ones last, which small screens do not have.
const ROWS: &[(&str, Of)] = &[
    ("connections", connections),
    ("messages in, out", |part| {
        both(part, ["received_messages", "sent_messages"], count)
    }),
    ("bytes in, out", |part| {
        both(part, ["received_bytes", "sent_bytes"], units::bytes)
    }),
    ("requests handled", handled),
    ("handler time, mean", handler_time),
    ("handlers running", |part| gauge(part, "running_handlers")),
    ("waiting in, out", |part| {
        let (inbound, outbound) = (part.get("inbound_bytes")?, part.get("outbound_bytes")?);
        let [inbound, outbound] = [inbound, outbound].map(units::bytes);
        Some(Cell::good(format!("{inbound}, {outbound}")))
    }),
    ("subscribed keys, peers", |part| {
        let (keys, peers) = (part.get("subscribed_keys"), part.get("peers")?);
        let keys = count(keys.unwrap_or(0.0));
        Some(Cell::good(format!("{keys}, {}", count(peers))))
    }),
    ("slow consumers cut off", |part| {
        counter(part, "slow_consumers")
    }),
    ("messages dropped", |part| counter(part, "dropped_messages")),
    ("messages refused", |part| counter(part, "refused_messages")),
    ("connections refused", |part| {
        counter(part, "refused_connections")
    }),
    ("datagrams failed", |part| {
        counter(part, "datagram_failures")
    }),
];

/// What is shown of each node. What a server says nothing of is left out.
pub(super) fn rows(change: &Change) -> Vec<Row> {
    let nodes: Vec<_> = change.nodes().map(|(_, part)| part).collect();
    let row = |(label, of): &(&'static str, Of)| {
        let cells: Vec<_> = nodes.iter().map(of).collect();
        let is_known = cells.iter().any(Option::is_some);
        let cells = cells.into_iter().map(Option::unwrap_or_default).collect();
        is_known.then_some(Row { label, cells })
    };
    ROWS.iter().filter_map(row).collect()
}

/// What is shown of the whole server.
pub(super) fn server_rows(change: &Change, up: Option<Duration>) -> Vec<(&'static str, Cell)> {
    let server = change.server();
    [
        ("process", process(&server, up)),
        ("store", store(&server)),
        ("NATS", nats(&server)),
    ]
    .into_iter()
    .filter_map(|(label, cell)| Some((label, cell?)))
    .collect()
}

fn count(number: f64) -> String {
    units::grouped(number.round() as u64)
}

/// How many a second; of few a tenth matters.
pub(super) fn per_second(rate: f64) -> String {
    match rate > 0.0 && rate < 9.95 {
        true => format!("{rate:.1}/s"),
        false => format!("{}/s", count(rate)),
    }
}

fn gauge(part: &Part<'_>, name: &str) -> Option<Cell> {
    part.get(name).map(|value| Cell::good(count(value)))
}

/// What should not grow.
fn counter(part: &Part<'_>, name: &str) -> Option<Cell> {
    let value = count(part.get(name)?);
    Some(match part.rate(name).filter(|rate| *rate > 0.0) {
        None => Cell::good(value),
        Some(rate) => Cell {
            text: format!("{value}, {} more", per_second(rate)),
            is_bad: true,
        },
    })
}

fn both(part: &Part<'_>, names: [&str; 2], text: fn(f64) -> String) -> Option<Cell> {
    let [first, second] = names.map(|name| part.rate(name));
    let (first, second) = (text(first?), text(second?));
    Some(Cell::good(format!("{first}/s, {second}/s")))
}

fn connections(part: &Part<'_>) -> Option<Cell> {
    let open = count(part.get("open_connections")?);
    let rate = |name, what| {
        let rate = part.rate(name).filter(|rate| *rate > 0.0);
        rate.map_or(String::new(), |rate| {
            format!(", {} {what}", per_second(rate))
        })
    };
    let (new, ended) = (
        rate("connections", "new"),
        rate("closed_connections", "end"),
    );
    Some(Cell::good(format!("{open}{new}{ended}")))
}

/// Seconds as a time that is read at a glance.
fn time(seconds: f64) -> String {
    units::time((seconds * 1e9).round() as u64)
}

/// Nothing is known of handlers whose times nobody measures, nor of none.
fn handled(part: &Part<'_>) -> Option<Cell> {
    let rate = part.handled()?;
    let is_known = part.now.handlers.count > 0.0;
    Some(Cell::good(match is_known {
        true => per_second(rate),
        false => "-".to_owned(),
    }))
}

fn handler_time(part: &Part<'_>) -> Option<Cell> {
    let times = part.handlers()?;
    let (Some(mean), Some(most)) = (times.mean(), times.within(0.99)) else {
        return Some(Cell::good("-".to_owned()));
    };
    let most = match most.is_finite() {
        true => format!("99% in {}", time(most)),
        false => "1% takes long".to_owned(),
    };
    Some(Cell::good(format!("{}, {most}", time(mean))))
}

/// How long something lasts, in its two largest units.
fn lasting(time: Duration) -> String {
    let (seconds, minutes) = (time.as_secs() % 60, time.as_secs() / 60);
    let (minutes, hours) = (minutes % 60, minutes / 60);
    let (hours, days) = (hours % 24, hours / 24);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {seconds} s"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{} d {hours} h", units::grouped(days)),
    }
}

fn process(server: &Part<'_>, up: Option<Duration>) -> Option<Cell> {
    let up = up.map(|up| format!("up {}", lasting(up)));
    let memory = server.get("process_resident_memory_bytes");
    let memory = memory.map(|bytes| format!("{} of memory", units::bytes(bytes)));
    let processor = server.rate("process_cpu_seconds");
    let processor = processor.map(|share| format!("{:.0}% of a processor", share * 100.0));
    listed([up, memory, processor])
}

fn store(server: &Part<'_>) -> Option<Cell> {
    let resources = server.get("store_resources");
    let resources = resources.map(|resources| {
        let what = units::plural(resources as u64, "resource", "resources");
        format!("{} {what}", count(resources))
    });
    let bytes = server.get("store_bytes").map(units::bytes);
    let rate = |name, what: &str| {
        let rate = server.rate(name);
        rate.map(|rate| format!("{} {what}", per_second(rate)))
    };
    let commits = server.rate("store_commits").filter(|rate| *rate > 0.0);
    let commits = commits.and_then(|rate| {
        let each = server.rate("store_commit_seconds")? / rate;
        Some(format!("{} commits of {}", per_second(rate), time(each)))
    });
    let waiting = server.get("store_waiting").filter(|count| *count > 0.0);
    let mut cell = listed([
        resources,
        bytes,
        rate("store_reads", "reads"),
        rate("store_changes", "changes"),
        commits,
        waiting.map(|waiting| format!("{} wait", count(waiting))),
        rate("store_failures", "failures").filter(|_| fails(server)),
    ])?;
    cell.is_bad = fails(server);
    Some(cell)
}

fn fails(server: &Part<'_>) -> bool {
    server.rate("store_failures").is_some_and(|rate| rate > 0.0)
}

fn nats(server: &Part<'_>) -> Option<Cell> {
    let is_connected = server.get("nats_connected")? == 1.0;
    let losses = server.get("nats_losses").unwrap_or(0.0);
    let what = units::plural(losses as u64, "loss", "losses");
    let state = if is_connected { "connected" } else { "away" };
    Some(Cell {
        text: format!("{state}, {} {what}", count(losses)),
        is_bad: !is_connected,
    })
}

fn listed(parts: impl IntoIterator<Item = Option<String>>) -> Option<Cell> {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| Cell::good(parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::figures::Figures;
    use super::*;

    fn change(before: &str, now: &str) -> Change {
        Change::new(Figures::of(before), Figures::of(now).unwrap(), 2.0)
    }

    #[test]
    fn rows_have_a_cell_for_each_node() {
        let change = change(
            "netaio_dropped_messages_total{node=\"tcp\"} 3\nnetaio_open_connections{node=\"tcp\"} 1\n\
             netaio_connections_total{node=\"tcp\"} 1\nnetaio_peers{node=\"udp\"} 1\n",
            "netaio_dropped_messages_total{node=\"tcp\"} 1004\nnetaio_open_connections{node=\"tcp\"} 2000\n\
             netaio_connections_total{node=\"tcp\"} 2000\nnetaio_peers{node=\"udp\"} 2\n",
        );
        let rows = rows(&change);
        let texts = |row: &Row| {
            row.cells
                .iter()
                .map(|cell| cell.text.clone())
                .collect::<Vec<_>>()
        };
        let found: Vec<_> = rows.iter().map(|row| (row.label, texts(row))).collect();
        assert_eq!(
            found,
            [
                (
                    "connections",
                    vec!["2,000, 1,000/s new".into(), String::new()]
                ),
                ("requests handled", vec!["-".into(), "-".into()]),
                ("handler time, mean", vec!["-".into(), "-".into()]),
                ("subscribed keys, peers", vec![String::new(), "0, 2".into()]),
                (
                    "messages dropped",
                    vec!["1,004, 501/s more".into(), String::new()]
                ),
            ]
        );
        assert!(rows[4].cells[0].is_bad && !rows[0].cells[0].is_bad);
    }

    #[test]
    fn what_is_of_the_server_is_a_line_each() {
        let change = change(
            "netaio_store_commits_total 0\nnetaio_store_commit_seconds_total 0\nprocess_cpu_seconds_total 1\n",
            "netaio_store_resources 1\nnetaio_store_commits_total 10\nnetaio_store_commit_seconds_total 0.02\n\
             process_cpu_seconds_total 2\nprocess_resident_memory_bytes 12345678\nnetaio_nats_connected 0\n",
        );
        let up = Some(Duration::from_secs(3 * 3600 + 65));
        let rows = server_rows(&change, up);
        let texts: Vec<_> = rows.iter().map(|(_, cell)| &*cell.text).collect();
        assert_eq!(
            texts,
            [
                "up 3 h 1 min, 12.3 MB of memory, 50% of a processor",
                "1 resource, 5.0/s commits of 2.00 ms",
                "away, 0 losses",
            ]
        );
        assert!(rows[2].1.is_bad);
    }

    #[test]
    fn times_last() {
        for (seconds, text) in [
            (59, "59 s"),
            (61, "1 min 1 s"),
            (7_200, "2 h 0 min"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(lasting(Duration::from_secs(seconds)), text);
        }
    }
}
