//! The screen, drawn from the state.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

use crate::keys::Trust;
use crate::state::{Delivery, Entry, Mine, State};

/// Columns of the people, with their frame: as many as a fingerprint takes.
const PEOPLE: u16 = 28;

/// What the line that is entered begins with.
const PROMPT: &str = "> ";

/// Draws everything. The state says all that is shown, and how far it is scrolled.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &State) {
    let rows = Layout::vertical([Constraint::Min(0), Constraint::Length(3)]);
    let [panes, entering] = rows.areas(frame.area());
    let columns = Layout::horizontal([Constraint::Max(PEOPLE), Constraint::Fill(1)]);
    let [people, messages] = columns.areas(panes);
    draw_people(frame, people, state);
    draw_messages(frame, messages, state);
    draw_input(frame, entering, state);
}

fn draw_people(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let me = &state.myself;
    let fingerprint = |text: String| Line::from(format!(" {text}")).dim();
    let mut lines = vec![
        Line::from(format!("{} (you)", me.name)).bold(),
        fingerprint(me.fingerprint.to_string()),
    ];
    for person in state.people() {
        let name = Span::from(person.name.to_string()).bold();
        let mark = match person.announced.trust {
            Trust::Known => Span::default(),
            Trust::New => Span::from(" new").yellow(),
            Trust::Changed { .. } => Span::from(" REFUSED").red().bold(),
        };
        lines.push(Line::from(vec![name, mark]));
        lines.push(fingerprint(person.announced.fingerprint.to_string()));
    }
    let block = Block::bordered().title(format!(" here: {} ", state.people().count()));
    let room = usize::from(block.inner(area).height);
    if lines.len() > room {
        let left = lines.len().saturating_sub(room).saturating_add(1);
        lines.truncate(room.saturating_sub(1));
        lines.push(Line::from(format!(".. {left} more lines")).dim());
    }
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_messages(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let block = Block::bordered().title(format!(" {} ", state.myself.place));
    let inner = block.inner(area);
    let (width, height) = (usize::from(inner.width), usize::from(inner.height));
    // The last ones, from the end: no more than are shown, and those behind them.
    let wanted = height.saturating_add(state.scrolled);
    let mut rows: Vec<Line<'_>> = Vec::new();
    for entry in state.history().rev() {
        rows.extend(entry_rows(entry, width).into_iter().rev());
        if rows.len() >= wanted {
            break;
        }
    }
    let behind = state.scrolled.min(rows.len().saturating_sub(height));
    let shown = rows.into_iter().skip(behind).take(height);
    let mut shown: Vec<_> = shown.collect();
    shown.reverse();
    frame.render_widget(Paragraph::new(shown).block(block), area);
}

fn draw_input(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let title = " to all; @NAME to one; /help ";
    let block = Block::bordered().title(title);
    let inner = block.inner(area);
    let (before, behind) = (state.input.before(), state.input.behind());
    // Of a line that is longer than the screen what is around the cursor, which has a place too.
    let room = usize::from(inner.width).saturating_sub(1);
    let room = room.saturating_sub(width(behind).min(room / 3));
    let before = format!("{PROMPT}{before}");
    let mut shown = before.as_str();
    while width(shown) > room {
        let mut chars = shown.chars();
        chars.next();
        shown = chars.as_str();
    }
    let column = u16::try_from(width(shown)).unwrap_or(inner.width);
    let cursor = Position::new(inner.x.saturating_add(column), inner.y);
    let line = format!("{shown}{behind}");
    frame.render_widget(Paragraph::new(line).block(block), area);
    if inner.contains(cursor) {
        frame.set_cursor_position(cursor);
    }
}

/// The rows of an entry.
fn entry_rows(entry: &Entry, width: usize) -> Vec<Line<'static>> {
    let (text, style) = match entry {
        Entry::Note { text, alarm: true } => (text.clone(), Style::new().red().bold()),
        Entry::Note { text, alarm: false } => (text.clone(), Style::new().dim()),
        Entry::Said {
            from,
            everyone,
            text,
        } => match everyone {
            true => (format!("{from}: {text}"), Style::new()),
            false => (format!("{from} to you: {text}"), Style::new().cyan()),
        },
        Entry::Mine(mine) => return mine_rows(mine, width),
    };
    styled(&text, style, width).collect()
}

/// The rows of a message of one's own, and of what became of it.
fn mine_rows(mine: &Mine, width: usize) -> Vec<Line<'static>> {
    let to = match (mine.everyone, mine.receivers.first()) {
        (false, Some((name, _))) => format!(" to {name}"),
        _ => String::new(),
    };
    let text = format!("you{to}: {}", mine.text);
    let mut rows: Vec<_> = styled(&text, Style::new().green(), width).collect();
    let names = |wanted: &Delivery| {
        let names = mine.receivers.iter().filter(|(_, it)| it == wanted);
        let names: Vec<_> = names.map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    };
    let mut add = |text: String, style| rows.extend(styled(&text, style, width));
    for (what, wanted) in [
        ("sending to", Delivery::Waits),
        ("delivered to", Delivery::Done),
    ] {
        let names = names(&wanted);
        if !names.is_empty() {
            add(format!("  {what} {names}"), Style::new().dim());
        }
    }
    for (name, delivery) in &mine.receivers {
        if let Delivery::Failed(why) = delivery {
            add(
                format!("  NOT delivered to {name}: {why}"),
                Style::new().red(),
            );
        }
    }
    rows
}

fn styled(text: &str, style: Style, width: usize) -> impl Iterator<Item = Line<'static>> {
    let rows = wrapped(text, width).into_iter();
    rows.map(move |row| Line::styled(row, style))
}

/// The columns that a text takes.
fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// A text in rows of so many columns, at most, cut between words where that can be.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let mut row = String::new();
    for c in text.chars() {
        let mut with = row.clone();
        with.push(c);
        if width(&with) <= columns || row.is_empty() {
            row = with;
            continue;
        }
        if c == ' ' {
            rows.push(std::mem::take(&mut row));
            continue;
        }
        // A word of less than half a row goes to the next one whole.
        let word = row.rfind(' ').map(|at| at.saturating_add(1));
        let word = word.filter(|at| at.saturating_mul(2) >= row.len());
        let mut next = row.split_off(word.unwrap_or(row.len()));
        next.push(c);
        rows.push(std::mem::replace(&mut row, next));
    }
    rows.push(row);
    rows
}

#[cfg(test)]
mod tests {
    use netaio_tokio::core::Printable;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;
    use ratatui::style::{Color, Modifier};

    use super::*;
    use crate::event::Event;
    use crate::letter::MAX_TEXT;
    use crate::name::Name;
    use crate::state::tests::{here, state};

    fn drawn(state: &State, (columns, rows): (u16, u16)) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| draw(frame, state)).unwrap();
        terminal.backend().buffer().clone()
    }

    /// What is on a screen, a row a line.
    fn rows(buffer: &Buffer) -> Vec<String> {
        let rows = buffer.content.chunks(usize::from(buffer.area.width));
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect())
            .collect()
    }

    fn said(text: &str) -> Event {
        Event::Said {
            from: "bob".parse().unwrap(),
            everyone: true,
            text: Printable::new(text).with_max(MAX_TEXT).to_string(),
        }
    }

    #[test]
    fn the_screen_shows_people_messages_and_what_is_entered() {
        let mut state = state();
        state.apply(here("bob", Trust::New));
        let bob: Name = "bob".parse().unwrap();
        state.apply(said("hello, all of you who are here"));
        let number = state.say("good morning", false, std::slice::from_ref(&bob));
        state.apply(Event::Delivered {
            message: number,
            to: bob,
            outcome: Ok(()),
        });
        state.input.type_text("how are");
        let buffer = drawn(&state, (64, 12));
        let expected = [
            "┌ here: 1 ─────────────────┐┌ 127.0.0.1:8786 ──────────────────┐",
            "│alice (you)               ││* bob is here, with a NEW key 0202│",
            "│ 0101 0101 0101 0101 0101 ││0202 0202 0202 0202: compare it   │",
            "│bob new                   ││bob: hello, all of you who are    │",
            "│ 0202 0202 0202 0202 0202 ││here                              │",
            "│                          ││you to bob: good morning          │",
            "│                          ││  delivered to bob                │",
            "│                          ││                                  │",
            "└──────────────────────────┘└──────────────────────────────────┘",
            "┌ to all; @NAME to one; /help ─────────────────────────────────┐",
            "│> how are                                                     │",
            "└──────────────────────────────────────────────────────────────┘",
        ];
        assert_eq!(rows(&buffer), expected);
    }

    #[test]
    fn a_key_that_has_changed_is_loud() {
        let mut state = state();
        state.apply(here("bob", Trust::Known));
        let known = state.myself.fingerprint;
        state.apply(here("bob", Trust::Changed { known }));
        let buffer = drawn(&state, (80, 14));
        let shown = rows(&buffer);
        assert!(shown[3].starts_with("│bob REFUSED"), "{shown:#?}");
        let row = shown
            .iter()
            .position(|row| row.contains("!!! THE KEY OF bob HAS CHANGED"));
        let row = u16::try_from(row.expect("it is shown")).unwrap();
        let cell = buffer.cell((30, row)).unwrap();
        assert_eq!(cell.fg, Color::Red);
        assert!(cell.modifier.contains(Modifier::BOLD));
    }

    #[test]
    fn what_was_not_delivered_is_said_with_its_reason() {
        let mut state = state();
        let names = ["bob", "carol", "dave"].map(|name| name.parse().unwrap());
        let number = state.say("hello", true, &names);
        for (name, outcome) in [(0, Ok(())), (2, Err("no answer".into()))] {
            state.apply(Event::Delivered {
                message: number,
                to: names[name].clone(),
                outcome,
            });
        }
        let shown = rows(&drawn(&state, (80, 10)));
        for (row, text) in [
            (1, "you: hello"),
            (2, "  sending to carol"),
            (3, "  delivered to bob"),
            (4, "  NOT delivered to dave: no answer"),
        ] {
            assert!(shown[row].contains(text), "{shown:#?}");
        }
    }

    #[test]
    fn nothing_that_others_say_controls_the_terminal() {
        let controls: String = ('\0'..' ').chain('\x7f'..'\u{a0}').collect();
        let mut state = state();
        for text in [
            &controls,
            "\u{1b}[31mred\u{1b}[0m",
            "a\nb\r\tc",
            "a\u{202e}b\u{200b}",
        ] {
            state.apply(said(text));
        }
        let buffer = drawn(&state, (120, 40));
        for cell in &buffer.content {
            assert!(cell.symbol().chars().all(Printable::shows), "{cell:?}");
        }
        let shown = rows(&buffer).concat();
        for text in [
            r"\u{1b}[31mred\u{1b}[0m",
            r"a\nb\r\tc",
            r"a\u{202e}b\u{200b}",
        ] {
            assert!(shown.contains(&format!("bob: {text}")), "{shown}");
        }
    }

    #[test]
    fn the_history_is_scrolled_as_far_as_it_goes() {
        let mut state = state();
        for number in 0..50 {
            state.apply(said(&format!("number {number:02}")));
        }
        // Eight rows of messages.
        let shown = |state: &State| rows(&drawn(state, (60, 13))).concat();
        assert!(shown(&state).contains("number 49") && !shown(&state).contains("number 41"));
        state.scroll_back(10);
        assert!(shown(&state).contains("number 39") && !shown(&state).contains("number 40"));
        state.scroll_back(1000);
        assert!(shown(&state).contains("number 00") && shown(&state).contains("number 07"));
        state.enter();
        assert!(shown(&state).contains("number 49"));
    }

    #[test]
    fn every_size_of_a_screen_will_do() {
        let mut state = state();
        for number in 0..40 {
            state.apply(here(&format!("peer{number}"), Trust::Known));
        }
        state.apply(said(&"☂ umbrella ".repeat(50)));
        state.input.type_text(&"long ".repeat(100));
        for size in (1..9).flat_map(|columns| (1..12).map(move |rows| (columns * columns, rows))) {
            drawn(&state, size);
        }
        let shown = rows(&drawn(&state, (80, 12)));
        assert!(shown[7].contains(".. 76 more lines"), "{shown:#?}");
        assert!(shown[10].ends_with("long long  │"), "{shown:#?}");
    }

    #[test]
    fn what_is_around_the_cursor_is_shown_with_it() {
        let mut state = state();
        state.input.type_text("0123456789abcdefghij");
        // Sixteen columns within the frame.
        let mut terminal = Terminal::new(TestBackend::new(18, 6)).unwrap();
        let mut shown = |state: &State| {
            terminal.draw(|frame| draw(frame, state)).unwrap();
            let row = rows(terminal.backend().buffer()).swap_remove(4);
            (row, terminal.backend().cursor_position().x)
        };
        assert_eq!(shown(&state), ("│56789abcdefghij │".to_owned(), 16));
        for _ in 0..3 {
            state.input.left();
        }
        assert_eq!(shown(&state), ("│56789abcdefghij │".to_owned(), 13));
        for _ in 0..10 {
            state.input.left();
        }
        assert_eq!(shown(&state), ("│> 0123456789abcd│".to_owned(), 10));
        state.input.home();
        assert_eq!(shown(&state), ("│> 0123456789abcd│".to_owned(), 3));
    }

    #[test]
    fn rows_are_cut_between_words_where_that_can_be() {
        let rows = |text, columns| wrapped(text, columns).join("|");
        assert_eq!(rows("one two three", 20), "one two three");
        assert_eq!(rows("one two three", 8), "one two |three");
        assert_eq!(rows("a verylongword", 6), "a very|longwo|rd");
        assert_eq!(rows("☂☂☂☂", 4), "☂☂☂☂");
        assert_eq!(rows("漢字漢字", 5), "漢字|漢字");
        assert_eq!(rows("漢字", 0), "漢|字");
        assert_eq!(rows("", 3), "");
    }
}
