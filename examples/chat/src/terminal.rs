//! The terminal: what is entered there, and what it shows.

use std::io::{self, stdout};
use std::thread;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyCode, KeyEvent, KeyEventKind,
    KeyModifiers,
};
use ratatui::crossterm::execute;
use tokio::sync::mpsc;

use crate::screen;
use crate::state::State;

/// Rows that a key scrolls.
const PAGE: usize = 10;

/// What was entered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    Line(String),
    /// The end: of the input, or by a key.
    End,
}

/// The terminal, which is as it was before when this is dropped.
pub(crate) struct Screen {
    terminal: DefaultTerminal,
    keys: mpsc::Receiver<Event>,
}

impl Screen {
    /// # Errors
    /// The terminal cannot be used.
    pub(crate) fn open() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let (sender, keys) = mpsc::channel(256);
        let screen = Self { terminal, keys };
        // What is pasted is text, and not a line each.
        execute!(stdout(), EnableBracketedPaste)?;
        // A thread of its own, which nobody waits for: it reads until there is a key.
        thread::Builder::new().spawn(move || {
            while let Ok(event) = event::read()
                && sender.blocking_send(event).is_ok()
            {}
        })?;
        Ok(screen)
    }

    pub(crate) fn draw(&mut self, state: &State) -> io::Result<()> {
        self.terminal.draw(|frame| screen::draw(frame, state))?;
        Ok(())
    }

    /// Whether more was entered than was taken.
    pub(crate) fn is_behind(&self) -> bool {
        !self.keys.is_empty()
    }

    /// What comes next, which may be no more than a key of a line. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        self.keys.recv().await
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may be gone, and standard error with it: nobody can be told.
        let _ = execute!(stdout(), DisableBracketedPaste);
        let _ = ratatui::try_restore();
    }
}

/// Changes the state as a key wants it.
pub(crate) fn take(state: &mut State, event: Event) -> Option<Entered> {
    match event {
        Event::Paste(text) => state.input.type_text(&text),
        Event::Key(key) if key.kind != KeyEventKind::Release => return take_key(state, key),
        // Drawing looks how large the screen is.
        _ => {}
    }
    None
}

fn take_key(state: &mut State, key: KeyEvent) -> Option<Entered> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c' | 'd') if control => return Some(Entered::End),
        KeyCode::Char('u') if control => drop(state.input.take()),
        KeyCode::Char('a') if control => state.input.home(),
        KeyCode::Char('e') if control => state.input.end(),
        KeyCode::Char(_) if control => {}
        KeyCode::Char(c) => state.input.type_text(c.encode_utf8(&mut [0; 4])),
        KeyCode::Backspace => state.input.delete_before(),
        KeyCode::Delete => state.input.delete_behind(),
        KeyCode::Left => state.input.left(),
        KeyCode::Right => state.input.right(),
        KeyCode::Home => state.input.home(),
        KeyCode::End => state.input.end(),
        KeyCode::PageUp => state.scroll_back(PAGE),
        KeyCode::PageDown => state.scroll_forth(PAGE),
        // With too many messages on their way the line stays.
        KeyCode::Enter if !state.is_busy() => return Some(Entered::Line(state.enter())),
        _ => {}
    }
    None
}
