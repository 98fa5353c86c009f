//! The real Python netaio, for tests.
//!
//! [`Python::get`] finds an interpreter, makes a virtual environment with netaio 0.0.9 under
//! cargo's target directory on first use, and hands it out. [`PythonServer`], [`PythonClient`]
//! and [`Oracle`] are the scripts of `tests/python` behind typed methods. Everything blocks;
//! every wait has a limit, and a script dies with its handle.
//!
//! | environment variable | effect |
//! | --- | --- |
//! | `NETAIO_PYTHON` | the interpreter to make the environment with, instead of `python3` |
//! | `NETAIO_SKIP_PYTHON` | `1`: [`Python::get`] returns `None` and says so on standard error |

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a script may take for one line, unless its own timeout is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The most of a script's standard error that is kept, in lines.
const KEPT_LINES: usize = 200;

const ENVIRONMENT: &str = "python-netaio-0.0.9";
const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// What went wrong, in a sentence for the person who runs the tests.
///
/// `Debug` shows the sentence too, so that a test may return it as its error.
#[derive(Clone)]
pub struct PythonError(String);

/// The result of everything here.
pub type Result<T> = std::result::Result<T, PythonError>;

impl PythonError {
    /// An error with this sentence.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for PythonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PythonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PythonError {}

/// An interpreter that has netaio 0.0.9 with its asymmetric plugins, and packify 0.4.0.
#[derive(Clone, Debug)]
pub struct Python {
    interpreter: PathBuf,
}

impl Python {
    /// The environment, made on first use; `None` when `NETAIO_SKIP_PYTHON` asks to skip,
    /// which is said on standard error once per process.
    ///
    /// # Errors
    ///
    /// When there is no usable Python, or netaio cannot be installed: with what to do.
    pub fn get() -> Result<Option<Self>> {
        static FOUND: OnceLock<Result<PathBuf>> = OnceLock::new();
        static SKIPPED: Once = Once::new();
        if set("NETAIO_SKIP_PYTHON") {
            SKIPPED.call_once(|| {
                // Not `eprintln!`: the test harness would swallow it.
                let _ = writeln!(
                    io::stderr(),
                    "SKIPPED: tests against the Python netaio, because NETAIO_SKIP_PYTHON is set"
                );
            });
            return Ok(None);
        }
        let found = FOUND.get_or_init(|| prepare(&target_directory()));
        found.clone().map(|interpreter| Some(Self { interpreter }))
    }

    /// The environment's interpreter.
    #[must_use]
    pub fn interpreter(&self) -> &Path {
        &self.interpreter
    }

    /// Runs a script of `tests/python` to its end and returns its standard output.
    ///
    /// # Errors
    ///
    /// When it cannot be started or ends with a failure: with its standard error.
    pub fn run<A: AsRef<OsStr>>(&self, script: &str, args: &[A]) -> Result<String> {
        let output = self
            .command(script)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| PythonError::new(format!("{script} does not start: {error}")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(PythonError::new(format!(
            "{script} failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )))
    }

    /// Starts a script of `tests/python`.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn spawn<A: AsRef<OsStr>>(&self, script: &str, args: &[A]) -> Result<Script> {
        let fail = |error: io::Error| PythonError::new(format!("{script} does not start: {error}"));
        let mut child = self
            .command(script)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(fail)?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(PythonError::new(format!("{script} has no pipes")));
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
        Ok(Script {
            name: script.to_owned(),
            child,
            stdin: Some(stdin),
            lines,
            errors,
            reader: Some(reader),
        })
    }

    fn command(&self, script: &str) -> Command {
        let mut command = clean(&self.interpreter);
        command
            .arg(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("python")
                    .join(script),
            )
            .env("PYTHONUTF8", "1")
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
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

/// Whether an environment variable says yes.
fn set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

/// A command that no environment of the caller's own Python leaks into.
fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    for name in ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV"] {
        command.env_remove(name);
    }
    command
}

/// Cargo's target directory: the one that the running test was built into, which cargo marks
/// with a tag file; else what the environment says; else the workspace's own.
fn target_directory() -> PathBuf {
    let tagged = std::env::current_exe().ok().and_then(|test| {
        let above = test
            .ancestors()
            .find(|path| path.join("CACHEDIR.TAG").is_file());
        above.map(Path::to_path_buf)
    });
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    tagged.unwrap_or_else(|| match std::env::var_os("CARGO_TARGET_DIR") {
        Some(path) => workspace.join(path),
        None => workspace.join("target"),
    })
}

/// Makes the environment below `target` unless it is there, and returns its interpreter.
///
/// Threads and processes may do this at once: one makes it under a file lock, the others wait.
fn prepare(target: &Path) -> Result<PathBuf> {
    let base: OsString = std::env::var_os("NETAIO_PYTHON")
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| "python3".into());
    let directory = target.join(ENVIRONMENT);
    let interpreter = directory.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let marker = directory.join("ready");
    // Another interpreter or other versions make the environment anew.
    let wanted = format!("{}\n{REQUIREMENTS}", base.to_string_lossy());
    let ready =
        || interpreter.exists() && fs::read_to_string(&marker).is_ok_and(|found| found == wanted);
    if ready() {
        return Ok(interpreter);
    }

    let fail = |what: &str, error: io::Error| {
        PythonError::new(format!("{what} {}: {error}", directory.display()))
    };
    fs::create_dir_all(target).map_err(|error| fail("cannot make", error))?;
    let lock = File::create(target.join(format!("{ENVIRONMENT}.lock")))
        .map_err(|error| fail("cannot make the lock of", error))?;
    lock.lock().map_err(|error| fail("cannot lock", error))?;
    if ready() {
        return Ok(interpreter);
    }
    check_base(&base)?;
    let place = directory.display();
    // Not `eprintln!`: the test harness would hold it back, and this may take a while.
    let _ = writeln!(
        io::stderr(),
        "Making an environment with netaio 0.0.9 in {place}"
    );
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(|error| fail("cannot remove", error))?;
    }
    run_setup(
        clean(Path::new(&base)).args(["-m", "venv"]).arg(&directory),
        "Python cannot make a virtual environment. Install its venv module \
         (Debian, Ubuntu: apt install python3-venv)",
    )?;
    run_setup(
        clean(&interpreter)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(REQUIREMENTS.split_whitespace()),
        "pip cannot install netaio 0.0.9, packify 0.4.0 and PyNaCl 1.6.2. See that it reaches \
         a package index (or set PIP_FIND_LINKS to a folder that holds them)",
    )?;
    run_setup(
        clean(&interpreter).args(["-c", "import netaio.asymmetric, packify"]),
        "the installed netaio cannot be imported",
    )?;
    // Last, so that a half-made environment is never taken for a whole one.
    fs::write(&marker, wanted).map_err(|error| fail("cannot write the marker of", error))?;
    Ok(interpreter)
}

/// Sees that the base interpreter is there, new enough and able to make environments.
fn check_base(base: &OsStr) -> Result<()> {
    const PROBE: &str = "import sys
if sys.version_info < (3, 10): sys.exit(3)
import venv, ensurepip";
    let name = base.to_string_lossy();
    let advice = "Or set NETAIO_PYTHON to another interpreter, or NETAIO_SKIP_PYTHON=1 to skip \
                  the tests against the Python netaio.";
    let output = clean(Path::new(base)).args(["-c", PROBE]).output();
    let problem = match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => format!(
            "{name} is not there. Install Python 3.10 or later with venv and pip \
             (Debian, Ubuntu: apt install python3 python3-venv)."
        ),
        Err(error) => format!("{name} does not start: {error}."),
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) if output.status.code() == Some(3) => {
            format!("{name} is too old for netaio 0.0.9. Install Python 3.10 or later.")
        }
        Ok(output) => format!(
            "{name} lacks the modules venv and ensurepip. Install them \
             (Debian, Ubuntu: apt install python3-venv).\n{}\n",
            tail(&output)
        ),
    };
    Err(PythonError::new(format!("{problem} {advice}")))
}

fn run_setup(command: &mut Command, sentence: &str) -> Result<()> {
    match command.stdin(Stdio::null()).output() {
        Err(error) => Err(PythonError::new(format!("{sentence}: {error}"))),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(PythonError::new(format!(
            "{sentence}; or set NETAIO_SKIP_PYTHON=1 to skip these tests.\n{}",
            tail(&output)
        ))),
    }
}

/// The end of what a command printed.
fn tail(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(20);
    lines
        .into_iter()
        .skip(skipped)
        .collect::<Vec<_>>()
        .join("\n")
}

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

    fn failure(&self, what: &str) -> PythonError {
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

    fn write_json<Q: Serialize>(&mut self, question: &Q) -> Result<()> {
        let line = serde_json::to_string(question)
            .map_err(|error| self.failure(&format!("cannot be asked: {error}")))?;
        self.write_line(&line)
    }

    fn read_json<A: for<'a> Deserialize<'a>>(&mut self, patience: Duration) -> Result<A> {
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

/// The outer layers of one side.
#[derive(Clone, Debug, Default)]
pub struct Outer {
    /// The secret of the HMAC plugin, if there is one.
    pub secret: Option<String>,
    /// The key of the stream cipher plugin, if there is one.
    pub key: Option<String>,
    /// Turns the cipher's `encrypt_uri` off.
    pub plain_uri: bool,
}

impl Outer {
    fn args(&self) -> Vec<String> {
        let mut args = Vec::new();
        args.extend(option("secret", self.secret.as_ref()));
        args.extend(option("key", self.key.as_ref()));
        args.extend(self.plain_uri.then(|| "--plain-uri".to_owned()));
        args
    }
}

fn option(name: &str, value: Option<&String>) -> Option<String> {
    value.map(|value| format!("--{name}={value}"))
}

/// The inner layers of one message: an HMAC with the field `camh`, a stream cipher with the
/// field `vi` and `encrypt_uri` off.
#[derive(Clone, Debug, Default)]
pub struct Inner {
    /// The secret of the HMAC plugin, if there is one.
    pub secret: Option<String>,
    /// The key of the stream cipher plugin, if there is one.
    pub key: Option<String>,
}

/// What a [`PythonServer`] is started with.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// The layers of everything it receives and sends.
    pub outer: Outer,
    /// An inner HMAC for create, update and delete.
    pub admin_secret: Option<String>,
    /// The inner layers of REQUEST_URI `inner`.
    pub inner: Inner,
}

/// A real netaio `TCPServer` with a store (`tests/python/server.py` says what it answers).
#[derive(Debug)]
pub struct PythonServer {
    /// Where it listens: a port of its own on the loopback interface.
    pub addr: SocketAddr,
    script: Script,
}

impl PythonServer {
    /// Starts one and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it does not come up: with its standard error.
    pub fn start(python: &Python, options: &ServerOptions) -> Result<Self> {
        let mut args = options.outer.args();
        args.extend(option("admin-secret", options.admin_secret.as_ref()));
        args.extend(option("inner-secret", options.inner.secret.as_ref()));
        args.extend(option("inner-key", options.inner.key.as_ref()));
        let mut script = python.spawn("server.py", &args)?;
        let line = script.read_line(PATIENCE)?;
        let addr = line
            .strip_prefix("listening ")
            .and_then(|place| place.replace(' ', ":").parse().ok())
            .ok_or_else(|| script.failure(&format!("said {line:?}")))?;
        Ok(Self { addr, script })
    }

    /// What it printed to standard error.
    #[must_use]
    pub fn standard_error(&self) -> String {
        self.script.standard_error()
    }

    /// Stops it: its connections are cut.
    pub fn stop(self) {
        self.script.close();
    }
}

/// What a [`PythonClient`]'s request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// REQUEST_URI.
    Request,
    /// CREATE_URI.
    Create,
    /// UPDATE_URI.
    Update,
    /// DELETE_URI.
    Delete,
}

/// What a [`PythonClient`] got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A message, with all layers taken off.
    Message {
        /// Its message type.
        kind: u8,
        /// The type's name.
        name: String,
        /// Its uri.
        uri: Vec<u8>,
        /// Its content.
        content: Vec<u8>,
    },
    /// Nothing came in time.
    Timeout,
    /// The package raised this.
    Error(String),
}

impl Answer {
    /// Type name and content of a message; the others as errors.
    ///
    /// # Errors
    ///
    /// When this is no message.
    pub fn message(&self) -> Result<(&str, &[u8])> {
        match self {
            Self::Message { name, content, .. } => Ok((name, content)),
            Self::Timeout => Err(PythonError::new("the client timed out")),
            Self::Error(text) => Err(PythonError::new(format!("the client failed: {text}"))),
        }
    }
}

#[derive(Serialize)]
struct Order<'a> {
    op: &'a str,
    #[serde(rename = "type")]
    kind: Option<u8>,
    uri: String,
    content: String,
    timeout: f64,
    inner_secret: Option<&'a str>,
    inner_key: Option<&'a str>,
}

#[derive(Deserialize)]
struct RawAnswer {
    #[serde(rename = "type")]
    kind: Option<u8>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    uri: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    timeout: bool,
    error: Option<String>,
}

impl RawAnswer {
    /// The answer to an order that a message, a timeout or an error ends.
    fn into_answer(self) -> Result<Answer> {
        match (self.kind, self.timeout, self.error) {
            (Some(kind), ..) => Ok(Answer::Message {
                kind,
                name: self.name,
                uri: unhex(&self.uri)?,
                content: unhex(&self.content)?,
            }),
            (None, true, _) => Ok(Answer::Timeout),
            (None, false, Some(error)) => Ok(Answer::Error(error)),
            (None, false, None) => Err(PythonError::new("the client's answer says nothing")),
        }
    }

    /// The answer to an order that is just done.
    fn into_done(self) -> Result<()> {
        match self.error {
            None => Ok(()),
            Some(error) => Err(PythonError::new(format!("the client failed: {error}"))),
        }
    }
}

/// A real netaio `TCPClient`, connected to one server.
#[derive(Debug)]
pub struct PythonClient {
    script: Script,
    /// How long a request and [`next`](Self::next) wait; 10 seconds at first.
    pub timeout: Duration,
}

impl PythonClient {
    /// Starts one and waits until it is connected.
    ///
    /// # Errors
    ///
    /// When it cannot connect.
    pub fn connect(python: &Python, addr: SocketAddr, outer: &Outer) -> Result<Self> {
        let mut args = outer.args();
        args.push(format!("--host={}", addr.ip()));
        args.push(format!("--port={}", addr.port()));
        let mut script = python.spawn("client.py", &args)?;
        let line = script.read_line(PATIENCE)?;
        if !line.starts_with("connected ") {
            return Err(script.failure(&format!("said {line:?}")));
        }
        Ok(Self {
            script,
            timeout: Duration::from_secs(10),
        })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    ///
    /// When the client has died; what the package raises is an [`Answer::Error`].
    pub fn request(&mut self, op: Op, uri: &[u8], content: &[u8]) -> Result<Answer> {
        self.request_with(op, uri, content, &Inner::default())
    }

    /// [`request`](Self::request) with inner layers.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn request_with(
        &mut self,
        op: Op,
        uri: &[u8],
        content: &[u8],
        inner: &Inner,
    ) -> Result<Answer> {
        let name = match op {
            Op::Request => "request",
            Op::Create => "create",
            Op::Update => "update",
            Op::Delete => "delete",
        };
        self.order(name, None, uri, content, inner)?.into_answer()
    }

    /// Sends a message that nothing waits for.
    ///
    /// # Errors
    ///
    /// When the client has died or the package raises.
    pub fn send(&mut self, kind: u8, uri: &[u8], content: &[u8], inner: &Inner) -> Result<()> {
        self.order("send", Some(kind), uri, content, inner)?
            .into_done()
    }

    /// The next message that no request waited for.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    #[expect(clippy::should_implement_trait, reason = "it waits, and never ends")]
    pub fn next(&mut self) -> Result<Answer> {
        self.order("next", None, b"", b"", &Inner::default())?
            .into_answer()
    }

    /// Closes the connection and ends the client.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn close(mut self) -> Result<()> {
        self.order("close", None, b"", b"", &Inner::default())?
            .into_done()?;
        match self.script.end() {
            Some(status) if status.success() => Ok(()),
            status => Err(self.script.failure(&format!("ended with {status:?}"))),
        }
    }

    fn order(
        &mut self,
        op: &str,
        kind: Option<u8>,
        uri: &[u8],
        content: &[u8],
        inner: &Inner,
    ) -> Result<RawAnswer> {
        let order = Order {
            op,
            kind,
            uri: hex(uri),
            content: hex(content),
            timeout: self.timeout.as_secs_f64(),
            inner_secret: inner.secret.as_deref(),
            inner_key: inner.key.as_deref(),
        };
        let patience = PATIENCE.saturating_add(self.timeout);
        self.script.ask(&order, patience)
    }
}

/// A frame for the [`Oracle`], and the layers that the receiver has.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The bytes; what is behind the frame is counted and left alone.
    pub frame: Vec<u8>,
    /// The outer layers.
    pub outer: Outer,
    /// The inner layers.
    pub inner: Inner,
    /// Whether the custom message types 31 to 255 are known.
    pub all_types: bool,
}

/// What a netaio server would do with a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A handler runs.
    Accepted(Accepted),
    /// None does.
    Refused(Refusal),
}

/// What the handler would get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The message type.
    pub kind: u8,
    /// The uri, after all layers.
    pub uri: Vec<u8>,
    /// The content, after all layers.
    pub content: Vec<u8>,
    /// The auth fields of the frame, packed keys and values, in the order of the wire;
    /// `None` when they are no dict, or nested too deep for packify to pack again.
    pub auth: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    /// How many bytes there are behind the frame.
    pub rest: usize,
}

/// Where a frame ends, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The step: `incomplete`, `header`, `auth fields`, `body`, `checksum`, `auth`,
    /// `decrypt`, `inner auth` or `inner decrypt`.
    pub stage: String,
    /// What the server does: `wait`, `close`, `error`, `auth error` or `drop`.
    pub effect: String,
    /// What the package says.
    pub error: String,
}

#[derive(Serialize)]
struct RawQuestion<'a> {
    frame: String,
    secret: Option<&'a str>,
    key: Option<&'a str>,
    plain_uri: bool,
    inner_secret: Option<&'a str>,
    inner_key: Option<&'a str>,
    all_types: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawVerdict {
    Accepted {
        #[serde(rename = "type")]
        kind: u8,
        uri: String,
        content: String,
        auth: Option<Vec<(String, String)>>,
        rest: usize,
    },
    Refused(Refusal),
}

/// The real package's judgement on frames, thousands a second.
#[derive(Debug)]
pub struct Oracle {
    script: Script,
}

impl Oracle {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(python: &Python) -> Result<Self> {
        let script = python.spawn::<&str>("oracle.py", &[])?;
        Ok(Self { script })
    }

    /// Judges one frame.
    ///
    /// # Errors
    ///
    /// When the oracle has died.
    pub fn judge(&mut self, question: &Question) -> Result<Verdict> {
        self.write(question)?;
        self.read()
    }

    /// Judges many at once, without a round trip for each.
    ///
    /// # Errors
    ///
    /// When the oracle has died.
    pub fn judge_all(&mut self, questions: &[Question]) -> Result<Vec<Verdict>> {
        for question in questions {
            self.write(question)?;
        }
        questions.iter().map(|_| self.read()).collect()
    }

    fn write(&mut self, question: &Question) -> Result<()> {
        self.script.write_json(&RawQuestion {
            frame: hex(&question.frame),
            secret: question.outer.secret.as_deref(),
            key: question.outer.key.as_deref(),
            plain_uri: question.outer.plain_uri,
            inner_secret: question.inner.secret.as_deref(),
            inner_key: question.inner.key.as_deref(),
            all_types: question.all_types,
        })
    }

    fn read(&mut self) -> Result<Verdict> {
        match self.script.read_json(PATIENCE)? {
            RawVerdict::Refused(refusal) if refusal.stage == "question" => Err(self
                .script
                .failure(&format!("did not understand: {}", refusal.error))),
            RawVerdict::Refused(refusal) => Ok(Verdict::Refused(refusal)),
            RawVerdict::Accepted {
                kind,
                uri,
                content,
                auth,
                rest,
            } => {
                let pair = |(key, value): &(String, String)| Ok((unhex(key)?, unhex(value)?));
                let auth = auth.map(|pairs| pairs.iter().map(pair).collect::<Result<_>>());
                Ok(Verdict::Accepted(Accepted {
                    kind,
                    uri: unhex(&uri)?,
                    content: unhex(&content)?,
                    auth: auth.transpose()?,
                    rest,
                }))
            }
        }
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| DIGITS[usize::from(nibble)]).collect()
}

/// Hexadecimal digits as bytes.
///
/// # Errors
///
/// When they are none, or an odd number of them.
pub fn unhex(text: &str) -> Result<Vec<u8>> {
    let wrong = || PythonError::new(format!("{text:?} is not hexadecimal"));
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(wrong);
    let byte = |[high, low]: &[u8; 2]| {
        let value = digit(*high)? << 4 | digit(*low)?;
        u8::try_from(value).map_err(|_| wrong())
    };
    if odd.is_empty() {
        pairs.iter().map(byte).collect()
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Vec<(&'static str, Outer)> {
        let secret = || Some("shared secret".to_owned());
        let key = || Some("-- shared key".to_owned());
        let outer = |secret, key, plain_uri| Outer {
            secret,
            key,
            plain_uri,
        };
        vec![
            ("plain", Outer::default()),
            ("hmac", outer(secret(), None, false)),
            ("cipher", outer(None, key(), false)),
            ("cipher, plain uri", outer(None, key(), true)),
            ("both", outer(secret(), key(), false)),
        ]
    }

    #[test]
    fn a_python_client_talks_to_a_python_server() -> Result<()> {
        let Some(python) = Python::get()? else {
            return Ok(());
        };
        for (name, outer) in layers() {
            let options = ServerOptions {
                outer: outer.clone(),
                ..ServerOptions::default()
            };
            let server = PythonServer::start(&python, &options)?;
            let mut client = PythonClient::connect(&python, server.addr, &outer)?;
            let mut check = |op, uri: &[u8], content: &[u8], wanted: (&str, &[u8])| {
                let answer = client.request(op, uri, content)?;
                assert_eq!(answer.message()?, wanted, "{name}: {op:?}");
                Ok(())
            };
            check(Op::Request, b"echo", b"hi", ("RESPOND_URI", b"hi"))?;
            check(Op::Request, b"a", b"", ("NOT_FOUND", b"not found"))?;
            check(Op::Create, b"a", b"1", ("OK", b"stored"))?;
            check(Op::Create, b"a", b"1", ("ERROR", b"cannot overwrite"))?;
            check(Op::Update, b"a", b"2", ("OK", b"stored"))?;
            check(Op::Request, b"a", b"", ("RESPOND_URI", b"2"))?;
            check(Op::Delete, b"a", b"", ("OK", b"deleted"))?;
            check(Op::Delete, b"a", b"", ("NOT_FOUND", b"not found"))?;
            client.close()?;
            server.stop();
        }
        Ok(())
    }

    #[test]
    fn two_layers_and_subscriptions() -> Result<()> {
        let Some(python) = Python::get()? else {
            return Ok(());
        };
        let Some((_, outer)) = layers().pop() else {
            return Ok(());
        };
        let inner = Inner {
            secret: Some("inner secret".to_owned()),
            key: Some("inner key".to_owned()),
        };
        let admin = Inner {
            secret: Some("admin".to_owned()),
            key: None,
        };
        let options = ServerOptions {
            outer: outer.clone(),
            admin_secret: admin.secret.clone(),
            inner: inner.clone(),
        };
        let server = PythonServer::start(&python, &options)?;
        let mut client = PythonClient::connect(&python, server.addr, &outer)?;
        let answer = client.request_with(Op::Create, b"a", b"1", &admin)?;
        assert_eq!(answer.message()?, ("OK", b"stored".as_slice()));
        let answer = client.request_with(Op::Request, b"inner", b"deep", &inner)?;
        assert_eq!(answer.message()?, ("RESPOND_URI", b"deep".as_slice()));

        client.send(5, b"news", b"", &Inner::default())?;
        assert_eq!(client.next()?.message()?.0, "CONFIRM_SUBSCRIBE");
        client.send(7, b"news", b"today", &Inner::default())?;
        assert_eq!(
            client.next()?.message()?,
            ("NOTIFY_URI", b"today".as_slice())
        );
        assert_eq!(client.next()?.message()?, ("OK", b"1".as_slice()));
        client.timeout = Duration::from_millis(100);
        assert_eq!(client.next()?, Answer::Timeout);
        client.close()
    }

    #[test]
    fn the_oracle_judges() -> Result<()> {
        let Some(python) = Python::get()? else {
            return Ok(());
        };
        let mut oracle = Oracle::start(&python)?;
        let frame = unhex("0000030008339503ac4d400000046563686f6869ff")?;
        let whole = Question {
            frame: frame.clone(),
            ..Question::default()
        };
        let wanted = Verdict::Accepted(Accepted {
            kind: 0,
            uri: b"echo".to_vec(),
            content: b"hi".to_vec(),
            auth: Some(Vec::new()),
            rest: 1,
        });
        assert_eq!(oracle.judge(&whole)?, wanted);
        let questions: Vec<_> = (0..frame.len().saturating_sub(1))
            .map(|size| Question {
                frame: frame.iter().copied().take(size).collect(),
                ..Question::default()
            })
            .collect();
        for verdict in oracle.judge_all(&questions)? {
            let Verdict::Refused(refusal) = verdict else {
                return Err(PythonError::new("a cut frame was accepted"));
            };
            assert_eq!(refusal.stage, "incomplete");
        }
        let signed = Question {
            outer: Outer {
                secret: Some("s".to_owned()),
                ..Outer::default()
            },
            ..whole
        };
        let Verdict::Refused(refusal) = oracle.judge(&signed)? else {
            return Err(PythonError::new("an unsigned frame was accepted"));
        };
        assert_eq!((&*refusal.stage, &*refusal.effect), ("auth", "auth error"));
        Ok(())
    }

    #[test]
    fn the_committed_vectors_are_what_the_script_makes() -> Result<()> {
        let Some(python) = Python::get()? else {
            return Ok(());
        };
        python.run("make_vectors.py", &["--check"])?;
        python.run("make_x25519_vectors.py", &["--check"]).map(drop)
    }

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

    #[test]
    fn a_missing_interpreter_says_what_to_install() {
        let Err(error) = check_base(OsStr::new("no-such-python")) else {
            panic!("there is a no-such-python");
        };
        let text = error.to_string();
        assert!(
            text.contains("no-such-python is not there. Install Python"),
            "{text}"
        );
        assert!(text.contains("NETAIO_SKIP_PYTHON"), "{text}");
    }

    #[test]
    fn hexadecimal() -> Result<()> {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&all))?, all);
        assert!(unhex("abc").is_err());
        assert!(unhex("0g").is_err());
        assert!(unhex("+1").is_err());
        Ok(())
    }
}
