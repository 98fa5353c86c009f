//! Programs in pseudo-terminals, and what is on their screens.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::{GUARD, PROGRAM};

/// So many that nothing a test waits for is scrolled away before it is looked for.
const ROWS: NonZeroU16 = NonZeroU16::new(120).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// What has come from the program.
struct Seen {
    screen: vt100::Parser,
    bytes: Vec<u8>,
    has_ended: bool,
    /// Nothing is read any more.
    hangs_up: bool,
}

/// A program in a pseudo-terminal of its own, which is read all the time.
pub struct Pty {
    child: Option<Child>,
    master: File,
    /// The terminal itself, so that it stays when the program has ended.
    slave: Option<File>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
    modes: LocalModes,
}

impl Pty {
    pub fn start(arguments: &[String]) -> Self {
        Self::of(&[&[PROGRAM.to_owned()], arguments].concat())
    }

    /// The same of any command.
    pub fn of(command: &[String]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize {
            ws_row: ROWS.get(),
            ws_col: COLUMNS.get(),
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let slave = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true);
            // A terminal that a process without one opens is its own.
            std::os::unix::fs::OpenOptionsExt::custom_flags(
                &mut options,
                rustix::fs::OFlags::NOCTTY.bits().cast_signed(),
            );
            options.open(path.to_str().unwrap()).unwrap()
        };
        let kept = slave();
        let modes = tcgetattr(&kept).unwrap().local_modes;
        // A session with this terminal, as one that a person opens.
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .args(command)
            .env("TERM", "xterm-256color")
            .stdin(Stdio::from(slave()))
            .stdout(Stdio::from(slave()))
            .stderr(Stdio::from(slave()))
            .spawn()
            .unwrap();
        let seen = Seen {
            screen: vt100::Parser::new(ROWS, COLUMNS, 0),
            bytes: Vec::new(),
            has_ended: false,
            hangs_up: false,
        };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let master = File::from(master);
        let reader = read_all(master.try_clone().unwrap(), seen.clone());
        Self {
            child: Some(child),
            master,
            slave: Some(kept),
            seen,
            reader: Some(reader),
            modes,
        }
    }

    /// Presses keys.
    pub fn keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Sends the program a signal.
    pub fn kill(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        let killed = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits until the screen is as wanted, and returns it. What is wanted has to stay there: what is
    /// shown for a moment only may be over before anybody looks.
    pub fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + GUARD;
        let (seen, changed) = &*self.seen;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let shown = seen.screen.screen().contents();
            if wanted(&shown) {
                return shown;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !seen.has_ended,
                "{what} is not on the screen:\n{shown}"
            );
            seen = changed
                .wait_timeout(seen, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Waits for a text.
    pub fn sees(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Whether the terminal has been taken over: nothing is echoed or edited.
    pub fn is_raw(&self) -> bool {
        let modes = tcgetattr(self.slave.as_ref().unwrap()).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Waits for the program's end, and looks whether the terminal is as before. Returns all that
    /// the program has written.
    pub fn end(mut self) -> Vec<u8> {
        let status = self.exit_status();
        let modes = tcgetattr(self.slave.as_ref().unwrap()).unwrap().local_modes;
        assert_eq!(modes, self.modes, "the terminal is not as it was");
        // The reader sees the end when nobody has the terminal.
        self.slave = None;
        self.reader.take().unwrap().join().unwrap();
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let screen = seen.screen.screen();
        let shown = screen.contents();
        assert!(status.success(), "{status}:\n{shown}");
        assert!(!screen.alternate_screen(), "{shown}");
        assert!(!screen.hide_cursor() && !screen.bracketed_paste());
        seen.bytes.clone()
    }

    /// Closes the terminal under the program, and waits for its end.
    pub fn hang_up(mut self) -> ExitStatus {
        let (seen, _) = &*self.seen;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.hangs_up = true;
        drop(seen);
        // What the program draws then is the last that is read.
        self.keys("x");
        self.reader.take().unwrap().join().unwrap();
        self.slave = None;
        self.master = File::open("/dev/null").unwrap();
        self.exit_status()
    }

    fn exit_status(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let (sender, ended) = channel();
        std::thread::spawn(move || sender.send(child.wait()));
        let ended = ended.recv_timeout(GUARD);
        ended.map_or_else(
            |_| {
                let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
                let shown = seen.screen.screen().contents();
                panic!("the program does not end:\n{shown}");
            },
            |status| status.unwrap(),
        )
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads what comes until there is nobody who could write.
fn read_all(mut master: File, seen: Arc<(Mutex<Seen>, Condvar)>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            // At the end this is an error, on Linux.
            let count = master.read(&mut buffer).unwrap_or(0);
            let mut seen_now = seen.0.lock().unwrap_or_else(PoisonError::into_inner);
            seen_now.screen.process(&buffer[..count]);
            seen_now.bytes.extend_from_slice(&buffer[..count]);
            seen_now.has_ended = count == 0;
            seen.1.notify_all();
            if count == 0 || seen_now.hangs_up {
                return;
            }
        }
    })
}
