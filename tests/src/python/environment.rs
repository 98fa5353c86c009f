//! An interpreter with the package.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Once, OnceLock};

use super::{PythonError, Result, Script};
use crate::puppet::{Node, NodeOptions};

const ENVIRONMENT: &str = "python-netaio-0.0.9";
const REQUIREMENTS: &str = include_str!("../../python/requirements.txt");

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
        Script::start(script, self.command(script).args(args))
    }

    /// Starts a UDP node.
    ///
    /// # Errors
    ///
    /// When it does not come up: with its standard error.
    pub fn node(&self, options: &NodeOptions) -> Result<Node> {
        Node::start("node.py", self.command("node.py"), options)
    }

    /// The command that runs a script of `tests/python`.
    #[must_use]
    pub fn command(&self, script: &str) -> Command {
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
    let mut lock = fd_lock::RwLock::new(lock);
    let _locked = lock.write().map_err(|error| fail("cannot lock", error))?;
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
