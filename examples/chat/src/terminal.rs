//! The terminal: what is entered there, and what it shows.

use std::io::{self, stdout};
use std::thread;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyCode, KeyEvent, KeyEventKind,
    KeyModifiers,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, enable_raw_mode};
use ratatui::{DefaultTerminal, Terminal};
use tokio::sync::mpsc;

use crate::screen;
use crate::state::State;

/// Rows that a key scrolls.
const PAGE: usize = 10;

/// What was entered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    Line(String),
    /// Another program is to have the terminal for a while.
    Stop,
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
        take_pastes()?;
        // A thread of its own, which nobody waits for: it reads until there is a key.
        thread::Builder::new().spawn(move || {
            while let Ok(event) = event::read()
                && sender.blocking_send(event).is_ok()
            {}
        })?;
        Ok(screen)
    }

    /// Leaves the terminal as it was before, until it is taken [again](Self::resume).
    pub(crate) fn leave(&mut self) {
        restore();
    }

    /// Takes the terminal again, whatever others have done with it.
    ///
    /// # Errors
    /// It is none any more.
    pub(crate) fn resume(&mut self) -> io::Result<()> {
        restore();
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, Clear(ClearType::All))?;
        self.terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        take_pastes()
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
        restore();
    }
}

/// What is pasted is text, and not a line each.
fn take_pastes() -> io::Result<()> {
    execute!(stdout(), EnableBracketedPaste)
}

/// The terminal may be gone, and standard error with it: nobody can be told.
fn restore() {
    let _ = execute!(stdout(), DisableBracketedPaste);
    let _ = ratatui::try_restore();
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
        KeyCode::Char('z') if control => return Some(Entered::Stop),
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
