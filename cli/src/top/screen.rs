//! The screen, drawn from what is known.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Sparkline, Widget};

use super::change::Change;
use super::fit::{cut, width, wrapped};
use super::history::Look;
use super::report::node_name;
use super::rows::{Cell, per_second, rows, server_rows};
use super::state::State;
use crate::units;

/// The width of the labels at the left.
const LABEL: u16 = 24;

/// The most lines of what is not as it should be.
const TROUBLE: usize = 4;

/// The lines of the two boxes with what happens a second, borders included.
const BOXES: u16 = 6;

/// How things look.
#[derive(Clone, Copy)]
pub(super) struct Styles {
    has_colours: bool,
}

impl Styles {
    /// With or without colours.
    pub(super) fn new(has_colours: bool) -> Self {
        Self { has_colours }
    }

    fn colour(self, colour: Color) -> Style {
        match self.has_colours {
            true => Style::new().fg(colour),
            false => Style::new(),
        }
    }

    fn title() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn heading() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What is no more so.
    fn old() -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn bad(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }
}

/// Draws all of it.
pub(super) fn draw(state: &State, styles: Styles, area: Rect, buffer: &mut Buffer) {
    let server = state.change.as_ref();
    let server = server.map_or(Vec::new(), |change| server_rows(change, state.up));
    let server_lines = u16::try_from(server.len()).unwrap_or(u16::MAX);
    // Small screens have no boxes, and large ones larger ones.
    let boxes = match area.height {
        0..16 => 0,
        16..30 => BOXES,
        height => BOXES.saturating_add((height.saturating_sub(30) / 2).min(8)),
    };
    let (wrong, style) = trouble_lines(state, styles, area.width);
    let wrong_lines = u16::try_from(wrong.len()).unwrap_or(u16::MAX).max(1);
    let [title, trouble, boxes, table, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(wrong_lines),
        Constraint::Length(boxes),
        Constraint::Fill(1),
        Constraint::Length(server_lines),
    ])
    .areas(area);
    draw_title(state, title, buffer);
    for (row, text) in trouble.rows().zip(wrong) {
        Line::styled(text, style).render(row, buffer);
    }
    draw_boxes(state, styles, boxes, buffer);
    if let Some(change) = &state.change {
        draw_table(change, styles, table, buffer);
    }
    for (row, (label, cell)) in bottom.rows().zip(server) {
        draw_row(label, &[cell], styles, row, buffer);
    }
    if state.trouble.is_some() {
        [boxes, table, bottom]
            .into_iter()
            .for_each(|figures| buffer.set_style(figures, Styles::old()));
    }
}

fn draw_title(state: &State, area: Rect, buffer: &mut Buffer) {
    buffer.set_style(area, Styles::title());
    let room = usize::from(area.width);
    let left = cut(&format!(" netaio top  {} ", state.address), room);
    // What there is room for beside it.
    let room = room.saturating_sub(width(&left));
    let interval = units::seconds(state.interval);
    let right = [format!("every {interval}, q ends "), "q ends ".to_owned()];
    let right = right.into_iter().find(|right| width(right) < room);
    Line::from(left).render(area, buffer);
    Line::from(right.unwrap_or_default())
        .right_aligned()
        .render(area, buffer);
}

/// What is not as it should be, and how that looks.
fn trouble_lines(state: &State, styles: Styles, columns: u16) -> (Vec<String>, Style) {
    match (&state.trouble, &state.change) {
        (Some(trouble), _) => {
            let times = match trouble.tries {
                1 => "once".to_owned(),
                tries => format!("{} times", units::grouped(tries)),
            };
            let why = format!("{}; tried {times}, and again", trouble.why);
            let columns = usize::from(columns).saturating_sub(1);
            let mut rows = wrapped(&why, columns, TROUBLE);
            // Where there have been figures the address is right.
            if let (Some(advice), None) = (trouble.advice, &state.change) {
                rows.extend(wrapped(advice, columns, TROUBLE));
            }
            (
                rows.into_iter().map(|row| format!(" {row}")).collect(),
                styles.bad(),
            )
        }
        (None, None) => (vec![" asking ..".to_owned()], Style::new()),
        (None, Some(change)) if !change.has_rates() => {
            (vec![" measuring ..".to_owned()], Style::new())
        }
        (None, Some(_)) => (Vec::new(), Style::new()),
    }
}

/// What a box shows: its title, of a look what came in and went out, and a number as text.
struct Shown {
    title: &'static str,
    of: fn(&Look) -> [Option<u64>; 2],
    text: fn(u64) -> String,
}

fn draw_boxes(state: &State, styles: Styles, area: Rect, buffer: &mut Buffer) {
    let messages = Shown {
        title: " messages ",
        of: |look| [look.messages_in, look.messages_out],
        text: |rate| per_second(rate as f64),
    };
    let bytes = Shown {
        title: " bytes ",
        of: |look| [look.bytes_in, look.bytes_out],
        text: |rate| format!("{}/s", units::bytes(rate as f64)),
    };
    // Two beside each other where there is room.
    if area.width < 60 {
        return draw_box(state, &messages, styles, area, buffer);
    }
    let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(area);
    draw_box(state, &messages, styles, left, buffer);
    draw_box(state, &bytes, styles, right, buffer);
}

fn draw_box(state: &State, shown: &Shown, styles: Styles, area: Rect, buffer: &mut Buffer) {
    let block = Block::bordered().title(shown.title);
    let inner = block.inner(area);
    block.render(area, buffer);
    let halves = Layout::vertical([Constraint::Fill(1); 2]).areas::<2>(inner);
    let colours = [Color::Green, Color::Cyan];
    for (index, (half, colour)) in halves.into_iter().zip(colours).enumerate() {
        let [label, _, line] = Layout::horizontal([
            Constraint::Length(12),
            Constraint::Length(1),
            Constraint::Fill(1),
        ])
        .areas(half);
        let value = |look: &Look| (shown.of)(look).get(index).copied().flatten();
        let last = state.history.last(1).find_map(value);
        let name = ["in", "out"].get(index).copied().unwrap_or_default();
        let last = last.map_or("-".to_owned(), shown.text);
        for (row, text) in label.rows().zip([name.to_owned(), last]) {
            Line::from(cut(&text, usize::from(row.width))).render(row, buffer);
        }
        // The newest at the right.
        let width = usize::from(line.width);
        let values: Vec<_> = state.history.last(width).map(value).collect();
        let missing = width.saturating_sub(values.len());
        let values = std::iter::repeat_n(None, missing).chain(values);
        let sparkline = Sparkline::default().data(values);
        sparkline.style(styles.colour(colour)).render(line, buffer);
    }
}

/// A column for each node.
fn draw_table(change: &Change, styles: Styles, area: Rect, buffer: &mut Buffer) {
    let names = change.nodes().map(|(name, _)| Cell {
        text: node_name(name),
        is_bad: false,
    });
    let names: Vec<_> = names.collect();
    let mut lines = area.rows();
    if let Some(row) = lines.next() {
        draw_row("", &names, styles, row, buffer);
        buffer.set_style(row, Styles::heading());
    }
    let rows = rows(change);
    let room = usize::from(area.height).saturating_sub(1);
    let count = rows.len();
    // Where they are more than there is room for, the last line says so.
    let shown = match room > 1 && count > room {
        true => room.saturating_sub(1),
        false => room,
    };
    for (line, row) in lines.by_ref().take(shown).zip(&rows) {
        draw_row(row.label, &row.cells, styles, line, buffer);
    }
    if let Some(line) = lines.next().filter(|_| shown < room) {
        let more = format!(
            " … {} more where there is room",
            count.saturating_sub(shown)
        );
        let more = cut(&more, usize::from(line.width));
        Line::styled(more, Styles::old()).render(line, buffer);
    }
}

fn draw_row(label: &str, cells: &[Cell], styles: Styles, area: Rect, buffer: &mut Buffer) {
    let [left, rest] =
        Layout::horizontal([Constraint::Length(LABEL), Constraint::Fill(1)]).areas(area);
    let label = format!(" {label}");
    Line::from(cut(&label, usize::from(left.width))).render(left, buffer);
    let columns = Layout::horizontal(cells.iter().map(|_| Constraint::Fill(1))).split(rest);
    for (column, cell) in columns.iter().zip(cells) {
        let style = match cell.is_bad {
            true => styles.bad(),
            false => Style::new(),
        };
        // What is cut does not touch the next one.
        let column = Rect {
            width: column.width.saturating_sub(1),
            ..*column
        };
        let text = cut(&cell.text, usize::from(column.width));
        Line::styled(text, style).render(column, buffer);
    }
}
