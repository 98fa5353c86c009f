//! The screen, at many sizes.

use std::fmt::Write;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use super::figures::Figures;
use super::screen::{Styles, draw};
use super::state::State;

/// What a server has counted after so many rounds.
fn page(rounds: u64) -> String {
    let mut page = String::new();
    for (node, factor) in [("tcp", 1000), ("udp", 10)] {
        let messages = rounds * factor;
        for (name, value) in [
            ("open_connections", 12),
            ("connections_total", 12 + rounds),
            ("received_messages_total", messages),
            ("sent_messages_total", messages * 2),
            ("received_bytes_total", messages * 64),
            ("sent_bytes_total", messages * 128),
            ("running_handlers", 3),
            ("inbound_bytes", 0),
            ("outbound_bytes", 123_456),
            ("subscribed_keys", 7),
            ("slow_consumers_total", 1),
            ("dropped_messages_total", rounds),
            ("refused_messages_total", 0),
            ("refused_connections_total", 0),
            ("datagram_failures_total", 0),
            ("peers", 2),
            ("handler_seconds_count", messages),
        ] {
            writeln!(page, "netaio_{name}{{node=\"{node}\"}} {value}").unwrap();
        }
        let sum = messages as f64 * 0.0002;
        for line in [
            format!("netaio_handler_seconds_sum{{node=\"{node}\"}} {sum}"),
            format!("netaio_handler_seconds_bucket{{node=\"{node}\",le=\"0.00025\"}} {messages}"),
        ] {
            writeln!(page, "{line}").unwrap();
        }
    }
    page + "netaio_store_resources 1234\nnetaio_store_bytes 5600000\n\
            process_resident_memory_bytes 12300000\nprocess_start_time_seconds 1000\n"
}

/// A server that was looked at so often.
fn state(looks: u64) -> State {
    let mut state = State::new("127.0.0.1:9100".into(), Duration::from_secs(1));
    let start = Instant::now();
    for look in 0..looks {
        let figures = Figures::of(&page(look * (look + 1) / 2)).unwrap();
        let at = start + Duration::from_secs(look);
        state.took(figures, at, Duration::from_secs(1075 + look));
    }
    state
}

fn drawn(state: &State, has_colours: bool, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let styles = Styles::new(has_colours);
    terminal
        .draw(|frame| draw(state, styles, frame.area(), frame.buffer_mut()))
        .unwrap();
    terminal
}

fn lines(terminal: &Terminal<TestBackend>) -> Vec<String> {
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(buffer.area.width));
    let text = |row: &[ratatui::buffer::Cell]| row.iter().map(|cell| cell.symbol()).collect();
    rows.map(text)
        .map(|line: String| line.trim_end().to_owned())
        .collect()
}

#[test]
fn all_of_it_is_on_a_screen_of_80_by_24() {
    let mut state = state(40);
    let terminal = drawn(&state, true, 80, 24);
    let shown = lines(&terminal);
    let title = " netaio top  127.0.0.1:9100";
    assert_eq!(shown[0], format!("{title:<62}every 1 s, q ends"));
    assert_eq!(shown.len(), 24);
    for wanted in [
        "39,390/s",
        " connections            12, 39/s new                12, 39/s new",
        " messages in, out       39,000/s, 78,000/s          390/s, 780/s",
        " bytes in, out          2.50 MB/s, 4.99 MB/s        25.0 kB/s, 49.9 kB/s",
        " requests handled       39,000/s                    390/s",
        " handler time, mean     200 µs, 99% in 250 µs       200 µs, 99% in 250 µs",
        " handlers running       3                           3",
        " waiting in, out        0 B, 123 kB                 0 B, 123 kB",
        " messages dropped       780, 39/s more              780, 39/s more",
        " subscribed keys, peers 7, 2                        7, 2",
        " datagrams failed       0                           0",
        " process                up 1 min 54 s, 12.3 MB of memory",
        " store                  1,234 resources, 5.60 MB",
    ] {
        assert!(
            shown.iter().any(|line| line.contains(wanted)),
            "{wanted}\n{}",
            shown.join("\n")
        );
    }
    // Whatever goes away.
    state.failed("the connection to 127.0.0.1:9100 ended: gone".into(), None);
    state.failed("the connection to 127.0.0.1:9100 ended: gone".into(), None);
    let shown = lines(&drawn(&state, true, 80, 24));
    assert_eq!(
        shown[1],
        " the connection to 127.0.0.1:9100 ended: gone; tried 2 times, and again"
    );
}

#[test]
fn what_is_cut_says_so() {
    let shown = lines(&drawn(&state(40), true, 60, 24));
    for wanted in [
        " netaio top  127.0.0.1:9100               every 1 s, q ends",
        " connections            12, 39/s new      12, 39/s new",
        " messages in, out       39,000/s, 78,000… 390/s, 780/s",
        " handler time, mean     200 µs, 99% in 2… 200 µs, 99% in 2…",
    ] {
        let is_there = shown.iter().any(|line| line == wanted);
        assert!(is_there, "{wanted}\n{}", shown.join("\n"));
    }
    let narrow = lines(&drawn(&state(40), true, 30, 24));
    assert_eq!(narrow[0], " netaio top  127.0.0.1:9100");
}

#[test]
fn rows_without_room_are_counted() {
    let more = |width, height| {
        let shown = lines(&drawn(&state(40), true, width, height));
        let mut lines = shown.iter().filter(|line| line.contains(" more where"));
        let more = lines.next().cloned();
        assert_eq!(lines.next(), None);
        // The one above it is whole, and those of the server stay.
        assert!(shown.iter().any(|line| line.starts_with(" connections ")));
        assert!(shown.last().is_some_and(|line| line.starts_with(" store ")));
        more
    };
    assert_eq!(more(60, 24), None);
    assert_eq!(more(60, 20).unwrap(), " … 5 more where there is room");
    assert_eq!(more(60, 23).unwrap(), " … 2 more where there is room");
    assert_eq!(more(60, 7).unwrap(), " … 12 more where there is room");
    assert_eq!(more(60, 6), None);
}

#[test]
fn figures_of_a_server_that_is_away_are_dim_and_the_reason_is_whole() {
    let mut state = state(40);
    state.failed("cannot connect to localhost:9100: [::1]:9100: Connection refused (os error 111); 127.0.0.1:9100: Connection refused (os error 111)".into(), None);
    let terminal = drawn(&state, true, 80, 24);
    let shown = lines(&terminal);
    let wanted = [
        " cannot connect to localhost:9100: [::1]:9100: Connection refused (os error",
        " 111); 127.0.0.1:9100: Connection refused (os error 111); tried once, and again",
        "┌ messages ────────────────────────────┐┌ bytes ───────────────────────────────┐",
    ];
    assert_eq!(shown[1..4], wanted);
    let buffer = terminal.backend().buffer();
    let is_dim = |row| buffer[(1, row)].modifier.contains(Modifier::DIM);
    assert!(!is_dim(1) && (3..24).all(is_dim), "{}", shown.join("\n"));
    // They are seen as they are again once it answers.
    let figures = Figures::of(&page(900)).unwrap();
    state.took(figures, Instant::now(), Duration::from_secs(1200));
    let terminal = drawn(&state, true, 80, 24);
    let mut cells = terminal.backend().buffer().content().iter();
    assert!(cells.all(|cell| !cell.modifier.contains(Modifier::DIM)));
}

#[test]
fn colours_are_where_they_are_wanted() {
    let state = state(3);
    for has_colours in [true, false] {
        let terminal = drawn(&state, has_colours, 80, 24);
        let cells = terminal.backend().buffer().content().iter();
        let coloured = cells.filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        assert_eq!(coloured.count() > 0, has_colours);
    }
}

#[test]
fn no_size_is_too_small_or_large() {
    let mut troubled = state(3);
    troubled.failed("é\u{1b}[2J".repeat(100), None);
    for state in [state(0), state(1), state(2), state(700), troubled] {
        for (width, height) in [
            (1, 1),
            (2, 1),
            (1, 50),
            (300, 1),
            (5, 5),
            (24, 16),
            (59, 16),
            (60, 17),
            (80, 2),
            (80, 24),
            (400, 120),
        ] {
            let terminal = drawn(&state, true, width, height);
            let shown = lines(&terminal);
            assert_eq!(shown.len(), usize::from(height));
            assert!(!shown.concat().contains('\u{1b}'));
        }
    }
}
