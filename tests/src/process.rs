//! A program that is measured, in a process of its own: Linux only, as what it needs is read
//! from `/proc`.

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// This program once more, with other arguments. It speaks in lines, and ends when its standard
/// input does. Dropped early, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// The system does not let it start.
    pub fn start(arguments: &[&str]) -> io::Result<Self> {
        Self::start_with(arguments, &[])
    }

    /// As [`start`](Self::start), with variables of the environment beside those that there are.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(arguments: &[&str], variables: &[(&str, String)]) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// Waits for the next line that it writes.
    ///
    /// # Errors
    /// It is gone.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim().to_owned()),
        }
    }

    /// Writes it a line, and waits for the line that answers it.
    ///
    /// # Errors
    /// It is gone.
    pub fn ask(&mut self, question: &str) -> io::Result<String> {
        let mut input = self.input.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(input, "{question}")?;
        self.line()
    }

    /// Ends its standard input, and waits until it has ended itself.
    ///
    /// # Errors
    /// The system does not say how it ended.
    pub fn finish(mut self) -> io::Result<ExitStatus> {
        self.input = None;
        self.child.wait()
    }

    /// The memory that it has, in KiB.
    ///
    /// # Errors
    /// `/proc` does not say.
    pub fn resident(&self) -> io::Result<u64> {
        resident(self.child.id())
    }

    /// The most memory that it ever had, in KiB.
    ///
    /// # Errors
    /// `/proc` does not say.
    pub fn peak(&self) -> io::Result<u64> {
        status(self.child.id(), "VmHWM:")
    }

    /// How long its threads have run, all together.
    ///
    /// # Errors
    /// `/proc` does not say.
    pub fn busy(&self) -> io::Result<Duration> {
        busy(self.child.id())
    }

    /// How many file descriptors it has.
    ///
    /// # Errors
    /// `/proc` does not say.
    pub fn descriptors(&self) -> io::Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that is gone need not be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The memory that a process has, in KiB: one of this number, or `self`.
///
/// # Errors
/// `/proc` does not say.
pub fn resident(process: impl Display) -> io::Result<u64> {
    status(process, "VmRSS:")
}

/// How long the threads of a process have run, all together: one of this number, or `self`.
///
/// # Errors
/// `/proc` does not say.
pub fn busy(process: impl Display) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let ran = times.split(' ').next().and_then(|ran| ran.parse().ok());
        nanoseconds += ran.unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// A number of KiB that `/proc` says of a process.
fn status(process: impl Display, name: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let size = size.and_then(|size| size.trim().parse().ok());
    size.ok_or_else(|| io::Error::other(format!("no {name} in the process's status")))
}
