//! Runs the command in a terminal of its own, and looks at the screen: Linux only.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};
use vt100::Parser;

use super::{kill, streams};

/// The longest that anything is waited for, on whatever machine.
const GUARD: Duration = Duration::from_secs(120);

/// The command, at a terminal.
pub(crate) struct Screen {
    child: Child,
    master: File,
    terminal: OwnedFd,
    output: Receiver<Vec<u8>>,
    parser: Parser,
    modes: String,
}

impl Screen {
    /// Starts it at a terminal of so many columns and rows.
    pub(crate) fn start(args: &[&str], environment: &[(&str, &str)], size: (u16, u16)) -> Self {
        let command = [&[env!("CARGO_BIN_EXE_netaio")], args].concat();
        Self::of(&command, environment, size)
    }

    /// The same of any command.
    pub(crate) fn of(command: &[&str], environment: &[(&str, &str)], size: (u16, u16)) -> Self {
        let (master, terminal) = streams::terminal();
        resize(&master, size);
        let modes = modes(&terminal);
        let stream = || Stdio::from(terminal.try_clone().unwrap());
        // The terminal is the command's own, or it would hear of no other size.
        let child = Command::new("setsid")
            .args(["--ctty", "env", "--default-signal=INT,TERM,TSTP"])
            .args(command)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .envs(environment.iter().copied())
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .unwrap();
        let (sender, output) = channel();
        let mut reader = master.try_clone().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let parser = Parser::new(lines(size.1), lines(size.0), 0);
        Self {
            child,
            master,
            terminal,
            output,
            parser,
            modes,
        }
    }

    /// Waits until the screen's text is so, and returns it.
    pub(crate) fn wait(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + GUARD;
        loop {
            let text = self.parser.screen().contents();
            if is_so(&text) {
                return text;
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(error) => panic!("{what} has not come ({error}):\n{text}"),
            }
        }
    }

    /// Waits until the screen has a text.
    pub(crate) fn wait_for(&mut self, wanted: &str) -> String {
        self.wait(wanted, |text| text.contains(wanted))
    }

    /// Whether anything has a colour.
    pub(crate) fn has_colours(&self) -> bool {
        let screen = self.parser.screen();
        let (rows, columns) = screen.size();
        let (rows, columns) = (rows.get(), columns.get());
        let mut cells =
            (0..rows).flat_map(|row| (0..columns).filter_map(move |at| screen.cell(row, at)));
        cells.any(|cell| cell.fgcolor() != vt100::Color::Default)
    }

    /// Makes the terminal another size.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        self.parser.set_size(lines(size.1), lines(size.0));
        resize(&self.master, size);
    }

    /// Waits until the terminal is as it was before a command took it.
    pub(crate) fn wait_for_restored(&mut self) {
        self.wait("the terminal as it was", |_| true);
        while self.parser.screen().alternate_screen() || self.parser.screen().hide_cursor() {
            match self.output.recv_timeout(GUARD) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(error) => panic!("the terminal is not as it was ({error})"),
            }
        }
        assert_eq!(modes(&self.terminal), self.modes);
    }

    /// Types something.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Sends it a signal.
    pub(crate) fn kill(&self, signal: &str) {
        kill(&self.child, signal);
    }

    /// Its exit status, once it has ended and left the terminal as it was.
    pub(crate) fn end(mut self) -> Option<i32> {
        let status = self.child.wait().unwrap().code();
        assert_eq!(modes(&self.terminal), self.modes);
        let is_restored = |parser: &Parser| {
            let screen = parser.screen();
            !screen.alternate_screen() && !screen.hide_cursor()
        };
        // All that it has written comes.
        while !is_restored(&self.parser) {
            match self.output.recv_timeout(GUARD) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("the terminal is not as it was")
                }
            }
        }
        status
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As many rows or columns.
fn lines(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

pub(crate) fn resize(master: &File, (columns, rows): (u16, u16)) {
    let size = Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(master, size).unwrap();
}

fn modes(terminal: &OwnedFd) -> String {
    let modes = tcgetattr(terminal).unwrap();
    format!(
        "{:?} {:?} {:?}",
        modes.local_modes, modes.input_modes, modes.output_modes
    )
}
