//! The terminal while a screen is shown, and as it was again.

use std::io::{self, BufWriter};
use std::mem;
use std::thread;

use async_channel::Receiver;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::layout::Rect;

use crate::stdio::Output;

/// The terminal with a screen of its own. Dropped, it is as it was before.
pub(super) struct Shown(Option<OnTerminal>);

type OnTerminal = Terminal<CrosstermBackend<BufWriter<Output>>>;

/// What whoever sits there does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// The terminal has another size.
    Resize,
    /// Another program is to have the terminal for a while.
    Stop,
    /// Enough.
    Quit,
}

impl Shown {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn start() -> io::Result<Self> {
        take().map(|terminal| Self(Some(terminal)))
    }

    /// Leaves the terminal as it was before, until it is taken [again](Self::resume).
    pub(super) fn leave(&mut self) {
        let Some(mut terminal) = self.0.take() else {
            return;
        };
        if terminal.show_cursor().is_err() {
            // It is gone. Dropped, this would say so on standard error, which may be gone with it: a panic.
            mem::forget(terminal);
        }
        restore();
    }

    /// Takes the terminal again, whatever others have done with it.
    ///
    /// # Errors
    /// It is none any more.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        self.leave();
        self.0 = Some(take()?);
        Ok(())
    }

    /// Shows a screen.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub(super) fn draw(&mut self, draw: impl FnOnce(Rect, &mut Buffer)) -> io::Result<()> {
        let Some(terminal) = &mut self.0 else {
            return Ok(());
        };
        let drawn = terminal.draw(|frame| draw(frame.area(), frame.buffer_mut()));
        drawn.map(drop)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Takes the terminal, with an empty screen.
fn take() -> io::Result<OnTerminal> {
    enable_raw_mode()?;
    let entered = execute!(Output, EnterAlternateScreen, Clear(ClearType::All), Hide);
    // A frame is one write.
    let terminal =
        entered.and_then(|()| Terminal::new(CrosstermBackend::new(BufWriter::new(Output))));
    terminal.inspect_err(|_| restore())
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
            KeyCode::Char('z') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Act::Stop),
            _ => None,
        },
        _ => None,
    }
}
