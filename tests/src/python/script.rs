//! A program that is talked to: lines in, lines out.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{PATIENCE, PythonError, Result};

/// The most of a script's standard error that is kept, in lines.
const KEPT_LINES: usize = 200;

/// A running script: lines in, lines out. It is killed when this is dropped.
#[derive(Debug)]
pub struct Script {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<io::Result<String>>,
    errors: Arc<Mutex<VecDeque<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Script {
    /// Starts a program. `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| PythonError::new(format!("{name} does not start: {error}")))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(PythonError::new(format!("{name} has no pipes")));
        };
        // Both pipes are drained all the time, so a script never waits for us to read.
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&errors);
        let reader = std::thread::spawn(move || keep_last_lines(stderr, &kept));
        Ok(Self {
            name: name.to_owned(),
            child,
            stdin: Some(stdin),
            lines,
            errors,
            reader: Some(reader),
        })
    }

    /// The number that the operating system has for it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes one line to its standard input.
    ///
    /// # Errors
    ///
    /// When it has ended: with its standard error.
    pub fn write_line(&mut self, line: &str) -> Result<()> {
        let written = match &mut self.stdin {
            Some(stdin) => stdin
                .write_all(line.as_bytes())
                .and_then(|()| stdin.write_all(b"\n"))
                .and_then(|()| stdin.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        written.map_err(|error| self.failure(&format!("takes no input: {error}")))
    }

    /// Its next line of standard output.
    ///
    /// # Errors
    ///
    /// When it ended, or printed nothing within `patience`: with its standard error.
    pub fn read_line(&mut self, patience: Duration) -> Result<String> {
        match self.lines.recv_timeout(patience) {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(error)) => Err(self.failure(&format!("cannot be read: {error}"))),
            Err(RecvTimeoutError::Timeout) => {
                Err(self.failure(&format!("printed nothing in {patience:?}")))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let ended = self.end();
                let how = ended.map_or_else(|| "?".to_owned(), |status| status.to_string());
                Err(self.failure(&format!("ended ({how})")))
            }
        }
    }

    /// The address of a line such as `bound 127.0.0.1 8888`.
    pub(crate) fn read_place(&mut self, word: &str, patience: Duration) -> Result<SocketAddr> {
        let line = self.read_line(patience)?;
        let place = line.strip_prefix(word).and_then(|rest| {
            let (host, port) = rest.trim().split_once(' ')?;
            let host: IpAddr = host.parse().ok()?;
            Some(SocketAddr::new(host, port.parse().ok()?))
        });
        place.ok_or_else(|| self.failure(&format!("said {line:?}")))
    }

    /// What it printed to standard error, the last 200 lines.
    #[must_use]
    pub fn standard_error(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Waits for its own end, and returns what it printed since it was last read.
    ///
    /// # Errors
    ///
    /// When it ends with a failure, or not within a minute of its last line: with its
    /// standard error.
    pub fn finish(mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            match self.read_line(PATIENCE) {
                Ok(line) => lines.push(line),
                // Its lines end with it; what it ended with is known then.
                Err(error) => match self.child.try_wait() {
                    Ok(Some(status)) if status.success() => return Ok(lines),
                    _ => return Err(error),
                },
            }
        }
    }

    /// Ends its standard input, which every script of ours takes as the wish to end, and
    /// waits for that. Returns how it ended, if the operating system says.
    pub fn close(mut self) -> Option<ExitStatus> {
        self.end()
    }

    /// Waits for its end, and sees that it is a good one.
    pub(crate) fn end_well(mut self) -> Result<()> {
        match self.end() {
            Some(status) if status.success() => Ok(()),
            status => Err(self.failure(&format!("ended with {status:?}"))),
        }
    }

    fn end(&mut self) -> Option<ExitStatus> {
        self.stdin = None;
        // Its standard output ends with it, or when it closes that itself.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        let _ = self.child.kill();
        let status = self.child.wait().ok();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        status
    }

    pub(super) fn failure(&self, what: &str) -> PythonError {
        let errors = self.standard_error();
        let said = if errors.is_empty() {
            "nothing\n"
        } else {
            &errors
        };
        PythonError::new(format!("{} {what}. Its standard error:\n{said}", self.name))
    }

    pub(crate) fn ask<Q: Serialize, A: for<'a> Deserialize<'a>>(
        &mut self,
        question: &Q,
        patience: Duration,
    ) -> Result<A> {
        self.write_json(question)?;
        self.read_json(patience)
    }

    pub(super) fn write_json<Q: Serialize>(&mut self, question: &Q) -> Result<()> {
        let line = serde_json::to_string(question)
            .map_err(|error| self.failure(&format!("cannot be asked: {error}")))?;
        self.write_line(&line)
    }

    pub(super) fn read_json<A: for<'a> Deserialize<'a>>(
        &mut self,
        patience: Duration,
    ) -> Result<A> {
        let line = self.read_line(patience)?;
        serde_json::from_str(&line)
            .map_err(|error| self.failure(&format!("said {line:?}: {error}")))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep_last_lines(from: impl Read, kept: &Mutex<VecDeque<String>>) {
    for line in BufReader::new(from).split(b'\n').map_while(io::Result::ok) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(String::from_utf8_lossy(&line).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::Python;

    #[test]
    fn a_script_that_fails_shows_its_standard_error() -> Result<()> {
        let Some(python) = Python::get()? else {
            return Ok(());
        };
        let mut script = python.spawn("server.py", &["--no-such-option"])?;
        let Err(error) = script.read_line(PATIENCE) else {
            return Err(PythonError::new("it did not fail"));
        };
        assert!(error.to_string().contains("--no-such-option"), "{error}");
        Ok(())
    }
}
