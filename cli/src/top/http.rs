//! Just enough HTTP to ask for a page, within a time and a length.

use std::io;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use netaio_driver::{ConnectError, ReadHalf, Runtime, WriteHalf};
use smol::future;

use super::error::TopError;

/// The most bytes of an answer: those of a server of ours has some 10,000.
const LONGEST: usize = 1 << 20;

/// The page that has the figures of the server at an address.
///
/// # Errors
/// There is none, or it does not come in time.
pub(super) async fn get<R: Runtime>(address: &str, timeout: Duration) -> Result<String, TopError> {
    let late = async {
        match Instant::now().checked_add(timeout) {
            Some(until) => R::sleep_until(until).await,
            None => std::future::pending().await,
        }
        let address = address.to_owned();
        Err(TopError::TimedOut { address, timeout })
    };
    let asked = async {
        let (reader, writer) = connect::<R>(address).await?;
        let answer = ask(address, reader, writer).await?;
        body(address, &answer)
    };
    future::or(asked, late).await
}

/// Connects to the first of the addresses that accepts.
async fn connect<R: Runtime>(address: &str) -> Result<(R::Reader, R::Writer), TopError> {
    let failed = |source| ConnectError {
        address: address.to_owned(),
        source,
    };
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in R::resolve(address).await.map_err(failed)? {
        match R::connect(address, None).await {
            Ok(halves) => return Ok(halves),
            Err(error) => last = error,
        }
    }
    Err(failed(last).into())
}

/// Asks, and reads the answer to its end.
async fn ask(
    address: &str,
    mut reader: impl ReadHalf,
    mut writer: impl WriteHalf,
) -> Result<BytesMut, TopError> {
    let lost = |error| TopError::Lost {
        address: address.to_owned(),
        error,
    };
    // An answer to 1.0 ends with its connection, and comes in one piece.
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {address}\r\nUser-Agent: netaio\r\n\r\n");
    let mut rest = request.as_bytes();
    while !rest.is_empty() {
        let count = writer.write(rest).await.map_err(lost)?;
        rest = rest.get(count.max(1)..).unwrap_or_default();
    }
    let mut answer = BytesMut::new();
    loop {
        answer.reserve(16 << 10);
        match reader.read(&mut answer).await.map_err(lost)? {
            0 => return Ok(answer),
            _ if answer.len() > LONGEST => {
                let (address, max) = (address.to_owned(), LONGEST);
                return Err(TopError::TooLong { address, max });
            }
            _ => {}
        }
    }
}

/// The body of an answer.
fn body(address: &str, answer: &[u8]) -> Result<String, TopError> {
    let address = || address.to_owned();
    let not_http = || TopError::NotHttp { address: address() };
    let answer = String::from_utf8_lossy(answer);
    let Some(version) = answer.strip_prefix("HTTP/1.") else {
        return Err(not_http());
    };
    let split = version.split_once("\r\n\r\n");
    let Some((head, body)) = split.or_else(|| version.split_once("\n\n")) else {
        return Err(TopError::Truncated { address: address() });
    };
    let mut lines = head.lines();
    let (_, status) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .ok_or_else(not_http)?;
    if !status.starts_with("200") {
        let status = status.chars().take(64).collect();
        let address = address();
        return Err(TopError::Status { address, status });
    }
    let mut headers = lines.filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, length)| length.trim().parse::<usize>().ok());
    match length {
        Some(length) if body.len() < length => Err(TopError::Truncated { address: address() }),
        _ => Ok(body.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(answer: &str) -> String {
        match body("there", answer.as_bytes()) {
            Ok(body) => format!("body {body}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn bodies_are_whole() {
        for (answer, wanted) in [
            ("HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n\r\nhi", "body hi"),
            ("HTTP/1.0 200\n\nhi", "body hi"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
                "the answer of there ends early",
            ),
            ("HTTP/1.1 200 OK\r\n", "the answer of there ends early"),
            ("", "what there answers is no HTTP"),
            ("\0\0\u{3}", "what there answers is no HTTP"),
            (
                "HTTP/1.1 404 Not\u{1b} Found\r\n\r\n",
                "there answers with the HTTP status 404 Not\\u{1b} Found",
            ),
        ] {
            assert_eq!(said(answer), wanted, "{answer:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(answer in prop::collection::vec(any::<u8>(), 0..200), cut in 0..60_usize) {
            let _ = body("there", &answer);
            let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
            let mut mixed = whole[..cut.min(whole.len())].to_vec();
            mixed.extend(&answer);
            let _ = body("there", &mixed);
        }
    }
}
