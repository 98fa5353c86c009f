//! What can be wrong with a line of `netaio encode`.

use netaio_core::SealError;

/// Why a line cannot be made into a frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
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
    /// What serde says, without its own line number, which is always 1.
    pub(crate) fn json(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        let problem = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        Self::Json { column, problem }
    }
}
