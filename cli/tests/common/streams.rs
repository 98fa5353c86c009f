//! What a standard stream of the command may be: Linux only.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A stream, as the command finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Closed,
    Null,
    /// `/dev/full`: no byte can be written.
    Full,
    /// A pipe that nobody reads any more.
    Unread,
    /// A pipe that is full, and whose reader does not read.
    Stuck,
    /// The same, and writes to it do not wait.
    StuckNonblocking,
    /// A pipe that is full until its reader begins.
    Slow,
    /// The same, and writes to it do not wait.
    SlowNonblocking,
    Terminal,
    /// A terminal whose window is closed.
    HungUp,
    Pipe,
}

/// Every kind that may be output.
pub(crate) const OUTPUTS: [Stream; 11] = [
    Stream::Closed,
    Stream::Null,
    Stream::Full,
    Stream::Unread,
    Stream::Stuck,
    Stream::StuckNonblocking,
    Stream::Slow,
    Stream::SlowNonblocking,
    Stream::Terminal,
    Stream::HungUp,
    Stream::Pipe,
];

/// Both ends of a stream: the command's, and the test's.
pub(crate) struct Ends {
    stream: Stream,
    /// `None` where it is closed.
    command: Option<OwnedFd>,
    test: Option<File>,
    /// Bytes that were in the pipe before.
    before: usize,
}

/// The master of a new terminal, and the terminal, which passes bytes on as they are.
pub(crate) fn terminal() -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let path = std::ffi::OsStr::from_bytes(name.as_bytes());
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    (master.into(), terminal.into())
}

/// Fills a pipe, and returns the number of bytes.
fn fill(pipe: &OwnedFd) -> usize {
    fcntl_setfl(pipe, OFlags::NONBLOCK).unwrap();
    let (mut filled, mut len) = (0, 4096);
    while len > 0 {
        match rustix::io::write(pipe, &vec![b'.'; len]) {
            Ok(count) => filled += count,
            Err(_) => len /= 2,
        }
    }
    filled
}

impl Ends {
    /// A stream for output.
    pub(crate) fn output(stream: Stream) -> Self {
        let open = |path: &str| Some(OpenOptions::new().write(true).open(path).unwrap().into());
        let (mut before, mut test) = (0, None);
        let command = match stream {
            Stream::Closed => None,
            Stream::Null => open("/dev/null"),
            Stream::Full => open("/dev/full"),
            Stream::Terminal => {
                let (master, terminal) = terminal();
                test = Some(master);
                Some(terminal)
            }
            Stream::HungUp => Some(terminal().1),
            _ => {
                let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
                match stream {
                    Stream::Unread => drop(reader),
                    Stream::Pipe => test = Some(reader.into()),
                    _ => {
                        before = fill(&writer);
                        test = Some(reader.into());
                    }
                }
                if matches!(stream, Stream::Stuck | Stream::Slow) {
                    fcntl_setfl(&writer, OFlags::empty()).unwrap();
                }
                Some(writer)
            }
        };
        Self {
            stream,
            command,
            test,
            before,
        }
    }

    /// A stream for input, and what is written to it from the test's end.
    pub(crate) fn input(stream: Stream) -> Self {
        let (command, test) = match stream {
            Stream::Closed => (None, None),
            Stream::Terminal => {
                let (master, terminal) = terminal();
                (Some(terminal), Some(master))
            }
            Stream::SlowNonblocking | Stream::Pipe => {
                let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
                if stream == Stream::SlowNonblocking {
                    fcntl_setfl(&reader, OFlags::NONBLOCK).unwrap();
                }
                (Some(reader), Some(writer.into()))
            }
            _ => (Some(File::open("/dev/null").unwrap().into()), None),
        };
        Self {
            stream,
            command,
            test,
            before: 0,
        }
    }

    /// The test's end.
    pub(crate) fn test(&mut self) -> File {
        self.test.take().unwrap()
    }

    /// What the command has written, after its end, or until then from one that waits for its reader.
    /// `None` where nobody can know.
    pub(crate) fn read(&mut self) -> Option<Vec<u8>> {
        if matches!(self.stream, Stream::Stuck | Stream::StuckNonblocking) {
            return None;
        }
        let mut bytes = Vec::new();
        // A terminal whose other end is closed is an error.
        let _ = self.test.take()?.read_to_end(&mut bytes);
        Some(bytes.split_off(self.before))
    }
}

/// Starts the command with these streams. Its ends are closed here.
pub(crate) fn start_with(
    args: &[&str],
    input: &mut Ends,
    output: &mut Ends,
    error: &mut Ends,
) -> Child {
    // Whoever runs the tests in the background may have these signals ignored.
    let mut script = String::from(r#"exec env --default-signal=INT,TERM "$0" "$@""#);
    let mut stream = |ends: &mut Ends, closed: &str| match ends.command.take() {
        Some(file) => Stdio::from(file),
        None => {
            script.push_str(closed);
            Stdio::null()
        }
    };
    let streams = (
        stream(input, " <&-"),
        stream(output, " >&-"),
        stream(error, " 2>&-"),
    );
    Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_netaio")])
        .args(args)
        .stdin(streams.0)
        .stdout(streams.1)
        .stderr(streams.2)
        .spawn()
        .unwrap()
}

/// Writes all, for a reader that may be gone already.
pub(crate) fn feed(mut to: File, bytes: &[u8]) {
    let _ = to.write_all(bytes);
}
