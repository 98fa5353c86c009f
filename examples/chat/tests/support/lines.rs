//! Programs without a terminal: lines in, lines out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::{GUARD, PROGRAM};

pub struct Lines {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    /// All that has been read.
    pub seen: Vec<String>,
}

impl Lines {
    pub fn start(arguments: &[String]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        // Read all the time, so that the program never waits for its reader.
        std::thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            input,
            lines,
            seen: Vec::new(),
        }
    }

    pub fn enter(&mut self, line: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line).unwrap();
        input.write_all(b"\n").unwrap();
    }

    /// The next line with this text.
    pub fn sees(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(GUARD);
            let line = line
                .unwrap_or_else(|error| panic!("{error}: no line has {text:?}: {:#?}", self.seen));
            let line = String::from_utf8(line).unwrap();
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Ends the input, and waits for the program's end.
    pub fn end(mut self) {
        self.input = None;
        while let Ok(line) = self.lines.recv_timeout(GUARD) {
            self.seen.push(String::from_utf8_lossy(&line).into_owned());
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {:#?}", self.seen);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
