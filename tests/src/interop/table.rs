//! What ran and passed, and `docs/interop.md`, which says so.

use std::fmt;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::cases;

/// The page.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/interop.md");

/// The variable that has the page renewed, where it is set.
const RENEW: &str = "NETAIO_RENEW_INTEROP";

/// The runtimes, in the order of the table's last columns.
const RUNTIMES: [&str; 3] = ["tokio", "smol", "async_std"];

/// The columns before those of the runtimes.
const KEYS: usize = 4;

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A client's connection to a server.
    Tcp,
    /// Datagrams between two nodes.
    Udp,
}

/// Who asks; the other one answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This implementation.
    Ours,
    /// The package.
    Python,
}

/// What ran, and passed.
#[derive(Clone, Debug)]
pub struct Passed {
    /// What carried the messages.
    pub transport: Transport,
    /// Who asked.
    pub asks: Side,
    /// The layers, as [`Case::name`](super::Case).
    pub case: &'static str,
    /// Requests and their answers.
    pub exchanges: usize,
    /// From before the start to after the end of the other side.
    pub time: Duration,
}

impl Passed {
    /// The cells of its row that say what ran.
    fn keys(&self) -> [&str; KEYS] {
        keys(self.transport, self.asks, self.case)
    }
}

fn keys(transport: Transport, asks: Side, case: &str) -> [&str; KEYS] {
    let transport = match transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
    };
    let (asks, answers) = match asks {
        Side::Ours => ("ours", "Python"),
        Side::Python => ("Python", "ours"),
    };
    [transport, asks, answers, case]
}

/// As `--nocapture` shows it.
impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [transport, asks, answers, case] = self.keys();
        let (exchanges, time) = (self.exchanges, self.time.as_millis());
        write!(
            f,
            "{transport}  {asks:6} asks {answers:6}  {case:28} {exchanges:4} exchanges {time:6} ms"
        )
    }
}

/// A row of the page, by its cells.
type Row = Vec<String>;

fn row(line: &str) -> Option<Row> {
    let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let cells: Row = cells.split(" | ").map(|cell| cell.trim().into()).collect();
    (cells.len() == KEYS + RUNTIMES.len()).then_some(cells)
}

/// The rows of the page that name these keys.
fn rows_of(page: &str, keys: [&str; KEYS]) -> Vec<Row> {
    let rows = page.lines().filter_map(row);
    rows.filter(|row| {
        row.iter()
            .zip(keys)
            .take(KEYS)
            .all(|(cell, key)| cell == key)
    })
    .collect()
}

/// Sees that the page says what ran on a runtime, or renews it.
pub fn check(runtime: &str, passed: &[Passed]) {
    static PAGE_LOCK: Mutex<()> = Mutex::new(());
    for passed in passed {
        println!("on {runtime:9}  {passed}");
    }
    let _alone = PAGE_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let column = RUNTIMES.iter().position(|name| *name == runtime);
    let column = KEYS + column.expect("a runtime of the table");
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let right = |passed: &&Passed| match &rows_of(&page, passed.keys())[..] {
        [row] => row[column] == passed.exchanges.to_string(),
        _ => false,
    };
    let wrong: Vec<_> = passed.iter().filter(|passed| !right(passed)).collect();
    if wrong.is_empty() {
        return;
    }
    assert!(
        std::env::var_os(RENEW).is_some(),
        "docs/interop.md says something else of {runtime}; set {RENEW}=1 to have it renewed:\n{wrong:#?}"
    );
    let mut page = page;
    for passed in wrong {
        page = renewed(&page, passed, column);
    }
    fs::write(PAGE, page).expect("the page is written");
}

/// The page with the number of a run.
fn renewed(page: &str, passed: &Passed, column: usize) -> String {
    let keys = passed.keys();
    let mut new = rows_of(page, keys).pop().unwrap_or_else(|| {
        let mut row: Row = keys.map(str::to_owned).into();
        row.resize(KEYS + RUNTIMES.len(), String::new());
        row
    });
    new[column] = passed.exchanges.to_string();
    let mut lines: Vec<String> = page.lines().map(str::to_owned).collect();
    let same = |line: &String| row(line).is_some_and(|row| row[..KEYS] == new[..KEYS]);
    let text = format!("| {} |", new.join(" | "));
    match lines.iter().position(same) {
        Some(at) => lines[at] = text,
        None => {
            let last = lines.iter().rposition(|line| row(line).is_some());
            lines.insert(last.expect("the table's head") + 1, text);
        }
    }
    lines.join("\n") + "\n"
}

/// Sees that the page has a row for whatever is to run, and numbers in it.
pub fn assert_whole() {
    let page = fs::read_to_string(PAGE).expect("the page is there");
    let mut expected = 0;
    for transport in [Transport::Tcp, Transport::Udp] {
        for asks in [Side::Python, Side::Ours] {
            for case in cases() {
                let keys = keys(transport, asks, case.name);
                let rows = rows_of(&page, keys);
                let [row] = &rows[..] else {
                    panic!("{} rows for {keys:?}", rows.len());
                };
                let numbers = row[KEYS..].iter().map(|cell| cell.parse::<usize>());
                assert!(numbers.flatten().all(|number| number > 0), "{row:?}");
                assert!(row[KEYS..].iter().all(|cell| !cell.is_empty()), "{row:?}");
                expected += 1;
            }
        }
    }
    // Besides them there are the head and the line below it.
    assert_eq!(page.lines().filter_map(row).count(), expected + 2);
}
