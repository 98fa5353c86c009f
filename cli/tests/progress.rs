//! How far long input and output is shows on a terminal, and nowhere else.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::termios::{Action, Winsize, tcflow, tcsetwinsize};

use common::folder::Folder;
use common::streams::terminal;
use common::{ECHO, run};

/// What is over before this is not worth a line.
const PAUSE: Duration = Duration::from_millis(250);

/// Takes what was shown away.
const CLEAR: &str = "\r\u{1b}[K";

/// More than pipes and buffers hold, of output and of input.
const FRAMES: usize = 40_000;

/// Starts the command with standard error on a terminal of this width, and output in a pipe.
fn start(args: &[&str], columns: u16) -> (Child, File) {
    let (master, terminal) = terminal();
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal, size).unwrap();
    (on(args, terminal), master)
}

fn on(args: &[&str], error: OwnedFd) -> Child {
    Command::new(env!("CARGO_BIN_EXE_netaio"))
        .args(args)
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(error)
        .spawn()
        .unwrap()
}

/// Reads all of the output, but for the first byte not before something long has become of it.
fn read_slowly(child: &mut Child) -> Vec<u8> {
    let (mut output, mut printed) = (child.stdout.take().unwrap(), vec![0]);
    output.read_exact(&mut printed).unwrap();
    // What the command waits for.
    thread::sleep(PAUSE);
    output.read_to_end(&mut printed).unwrap();
    printed
}

/// What a terminal was shown, by a command that has ended.
fn shown(mut master: File) -> String {
    let mut shown = Vec::new();
    // A terminal whose other end is closed is an error.
    let _ = master.read_to_end(&mut shown);
    String::from_utf8(shown).unwrap()
}

/// Each is a line of at most so many columns in the place of the one before, and the last one is cleared.
fn assert_lines(shown: &str, columns: usize, wanted: &[&str]) {
    assert!(shown.ends_with(CLEAR), "{shown:?}");
    assert!(!shown.contains('\n'), "{shown:?}");
    let mut lines = shown.split(CLEAR).filter(|line| !line.is_empty());
    let first = lines.next().unwrap();
    for word in wanted {
        assert!(first.contains(word), "{first:?}");
    }
    assert!(!shown.replace(CLEAR, "").contains('\u{1b}'), "{shown:?}");
    for line in lines.chain([first]) {
        assert!(line.chars().count() < columns, "{line:?}");
    }
}

/// A file of frames, and the number of its bytes.
fn frames(folder: &Folder) -> (String, String) {
    let frames = ECHO.repeat(FRAMES);
    let length = format!("of {:.2} kB", frames.len() as f64 / 1e3);
    (folder.private("frames", frames), length)
}

#[test]
fn a_long_file_that_is_decoded_has_a_bar_as_wide_as_the_terminal() {
    let folder = Folder::new("bar");
    let (path, length) = frames(&folder);
    for (columns, wanted) in [
        (100, &["[", "]  ", &*length, "/s  ", " left"][..]),
        // There is room for its beginning.
        (20, &["[]  "]),
        // It does not say, which is 80.
        (0, &["[", &*length]),
    ] {
        let (mut child, master) = start(&["decode", &path], columns);
        let printed = read_slowly(&mut child);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(
            printed.iter().filter(|byte| **byte == b'\n').count(),
            FRAMES
        );
        let columns = if columns == 0 { 80 } else { columns };
        assert_lines(&shown(master), columns.into(), wanted);
    }
}

#[test]
fn a_dump_has_a_bar_of_its_resources() {
    let folder = Folder::new("dump");
    let (store, count) = (folder.path("store.redb"), 3_000);
    let lines: String = (0..count)
        .map(|number| {
            format!(
                "{{\"uri\":\"{number}\",\"content\":\"{}\"}}\n",
                "x".repeat(100)
            )
        })
        .collect();
    assert_eq!(run(&["store", "load", &store], lines.as_bytes()).status, 0);
    let (mut child, master) = start(&["store", "dump", &store], 80);
    let printed = read_slowly(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(printed.len(), lines.len());
    assert_lines(&shown(master), 80, &["[", "of 3,000 resources  ", " left"]);
}

/// Whoever is fed shows how much came, until then and after.
#[test]
fn input_whose_length_nobody_knows_has_none() {
    let folder = Folder::new("fed");
    let store = folder.path("store.redb");
    let line = b"{\"uri\":\"a\"}\n";
    for (args, bytes) in [
        (&["decode"][..], ECHO),
        (&["store", "load", &store, "--replace"], line),
    ] {
        let (mut child, mut master) = start(args, 80);
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let printed = thread::spawn(move || output.read_to_end(&mut Vec::new()).unwrap());
        let (show, is_shown) = mpsc::channel();
        let watcher = thread::spawn(move || {
            let mut first = [0; 200];
            let count = master.read(&mut first).unwrap();
            show.send(()).unwrap();
            let begin = String::from_utf8(first[..count].to_vec()).unwrap();
            begin + &shown(master)
        });
        while is_shown.try_recv().is_err() {
            input.write_all(bytes).unwrap();
        }
        drop(input);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
        printed.join().unwrap();
        let shown = watcher.join().unwrap();
        assert!(
            shown.contains(" read  ") && shown.contains("B/s"),
            "{shown:?}"
        );
        assert!(!shown.replace(CLEAR, "").contains('['), "{shown:?}");
    }
}

/// Someone has pressed ^S.
#[test]
fn a_terminal_that_is_stopped_holds_nobody_up() {
    let folder = Folder::new("stopped");
    let (path, _) = frames(&folder);
    let (master, terminal) = terminal();
    tcflow(&terminal, Action::OOff).unwrap();
    let mut child = on(&["decode", &path], terminal);
    let printed = read_slowly(&mut child);
    assert_eq!(
        printed.iter().filter(|byte| **byte == b'\n').count(),
        FRAMES
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(master);
}

#[test]
fn nothing_is_shown_in_a_pipe_nor_where_the_output_shows_it() {
    let folder = Folder::new("pipe");
    let (path, _) = frames(&folder);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut child = on(&["decode", &path], writer.into());
    read_slowly(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
    // Both are the same terminal.
    let (master, terminal) = terminal();
    let mut child = Command::new(env!("CARGO_BIN_EXE_netaio"))
        .args(["decode", &path])
        .stdin(Stdio::null())
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal)
        .spawn()
        .unwrap();
    let mut slow = master.try_clone().unwrap();
    let mut begin = [0];
    slow.read_exact(&mut begin).unwrap();
    thread::sleep(PAUSE);
    let printed = shown(master);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!printed.contains('\u{1b}') && !printed.contains("left"));
}
