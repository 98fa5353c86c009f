//! The terminal while a screen is shown, and as it was again.

use std::io::{self, BufWriter};
use std::thread;

use async_channel::Receiver;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::layout::Rect;

use crate::stdio::Output;

/// The terminal with a screen of its own. Dropped, it is as it was before.
pub(super) struct Shown(Terminal<CrosstermBackend<BufWriter<Output>>>);

/// What whoever sits there does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The terminal has another size.
    Resize,
    /// Enough.
    Quit,
}

impl Shown {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn start() -> io::Result<Self> {
        enable_raw_mode()?;
        // A frame is one write.
        let entered = execute!(Output, EnterAlternateScreen, Hide);
        let terminal =
            entered.and_then(|()| Terminal::new(CrosstermBackend::new(BufWriter::new(Output))));
        match terminal {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Shows a screen.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub(super) fn draw(&mut self, draw: impl FnOnce(Rect, &mut Buffer)) -> io::Result<()> {
        let drawn = self.0.draw(|frame| draw(frame.area(), frame.buffer_mut()));
        drawn.map(drop)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        restore();
    }
}

/// What cannot be restored stays as it is: nobody could be told.
fn restore() {
    let _ = execute!(Output, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// What whoever sits there does, from now on. The end of it means that nobody can say anything.
///
/// # Errors
/// The system gives no thread.
pub(super) fn acts() -> io::Result<Receiver<Act>> {
    let (sender, acts) = async_channel::bounded(16);
    // It waits for keys until the end of the process.
    let work = move || {
        while let Ok(event) = event::read() {
            if let Some(act) = act(&event)
                && sender.send_blocking(act).is_err()
            {
                return;
            }
        }
    };
    thread::Builder::new().name("keys".to_owned()).spawn(work)?;
    Ok(acts)
}

fn act(event: &Event) -> Option<Act> {
    match event {
        Event::Resize(..) => Some(Act::Resize),
        Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Act::Quit),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Act::Quit),
            _ => None,
        },
        _ => None,
    }
}
