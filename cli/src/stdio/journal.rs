//! systemd's journal, where standard error leads there. It notes the time itself, and takes from the start of a
//! line how grave it is (`sd-daemon(3)`), so that `journalctl --priority warning` finds what matters.

use std::sync::OnceLock;

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Error,
    Warning,
    Info,
    Debug,
}

impl Severity {
    /// What the journal wants before a line; nothing for other readers.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            _ if !reads_errors() => "",
            Self::Error => "<3>",
            Self::Warning => "<4>",
            Self::Info => "<6>",
            Self::Debug => "<7>",
        }
    }
}

/// Whether standard error leads there: it is the file that the environment's `JOURNAL_STREAM` says.
pub(crate) fn reads_errors() -> bool {
    static READS: OnceLock<bool> = OnceLock::new();
    *READS.get_or_init(looked)
}

#[cfg(target_os = "linux")]
fn looked() -> bool {
    // One that was inherited may be of another process: it names the file by its device and number.
    let stream = std::env::var("JOURNAL_STREAM");
    let (Ok(stream), Ok(about)) = (stream, rustix::fs::fstat(std::io::stderr())) else {
        return false;
    };
    stream == format!("{}:{}", about.st_dev, about.st_ino)
}

#[cfg(not(target_os = "linux"))]
fn looked() -> bool {
    false
}
