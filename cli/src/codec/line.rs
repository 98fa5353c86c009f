//! What can be wrong with a line of `netaio encode`.

use netaio_core::{Printable, SealError};

/// As many bytes show what a line is.
const BEGIN: usize = 12;

/// Why a line cannot be made into a frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// It is something else. How it begins, to be shown, and the command that prints such lines.
    #[error("each line is a JSON object, such as {like} prints, and this one begins with {begin}")]
    NoObject { begin: String, like: &'static str },
    /// It is not the JSON that is asked for.
    #[error("column {column}: {problem}")]
    Json {
        /// Counted from 1, in bytes.
        column: usize,
        problem: String,
    },
    /// Text and hex of the same thing are not the same.
    #[error("{0} and {0}_hex differ; give one of them")]
    Differ(&'static str),
    /// No frame can carry it.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Something has to be there.
    #[error("there is neither {0} nor {0}_hex")]
    Without(&'static str),
    /// Digits are missing, or are something else.
    #[error("{0}_hex is not an even number of hexadecimal digits")]
    NoHex(&'static str),
    /// The store has it. Its uri, to be shown.
    #[error(
        "the store has {0} already, from before or from a line above; --replace takes this one instead"
    )]
    There(String),
    /// A server would never read it. Its uri, to be shown.
    #[error("requests for {0} are answered by the server itself; load it at another uri")]
    Reserved(String),
    /// No message would carry it.
    #[error("uri and content have {len} bytes, and a message carries {max} at most")]
    NoMessage {
        /// Their length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A line without end would not fit into memory.
    #[error("longer than {max} bytes")]
    TooLong {
        /// The limit.
        max: usize,
    },
}

impl LineError {
    /// Refuses what is no object, such as `like` prints: serde takes an array for one too.
    ///
    /// # Errors
    /// It begins otherwise.
    pub(crate) fn check_object(line: &[u8], like: &'static str) -> Result<(), Self> {
        let line = line.trim_ascii_start();
        if line.first().is_none_or(|first| *first == b'{') {
            return Ok(());
        }
        let begin = line.get(..BEGIN).unwrap_or(line);
        let begin = Printable::bytes(begin).to_string();
        Err(Self::NoObject { begin, like })
    }

    /// What serde says, without its own line number, which is always 1.
    pub(crate) fn json(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        let problem = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        Self::Json { column, problem }
    }
}
