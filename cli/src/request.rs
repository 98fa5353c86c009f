//! `netaio request`, `create`, `update`, `delete` and `publish`.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use netaio_core::{Layer, Message, MessageType};
use netaio_driver::{ErrorResponse, Response, Runtime};

use crate::args::{Content, Request};
use crate::asked::Asked;
use crate::error::CliError;
use crate::output::{self, Further};
use crate::runtime::{Work, block_on};
use crate::stdio::error::say;
use crate::stdio::{Input, Output};

/// Sends a request, and prints its answer.
pub(crate) fn request(message_type: MessageType, options: Request) -> Result<(), CliError> {
    let content = content(&options.content)?;
    let message = Message::new(message_type, options.uri.clone(), content);
    let asking = Asking {
        message,
        options: &options,
    };
    let (response, time) =
        block_on(options.server.runtime.runtime, asking).map_err(CliError::Start)??;
    print(&response, time, options.json).map_err(CliError::Output)?;
    match response.is_error() {
        false => Ok(()),
        true => Err(ErrorResponse(response.into_message()).into()),
    }
}

/// The content of the request.
fn content(content: &Content) -> Result<Bytes, CliError> {
    let read = match (&content.content, &content.file) {
        (Some(text), _) => return Ok(text.clone().into()),
        (None, None) => return Ok(Bytes::new()),
        (None, Some(path)) if path == Path::new("-") => {
            let mut bytes = Vec::new();
            bounded(Input::open()?)
                .read_to_end(&mut bytes)
                .map(|_| bytes)
                .map_err(|error| (None, error))
        }
        (None, Some(path)) => {
            let mut bytes = Vec::new();
            let read = fs::File::open(path).and_then(|file| bounded(file).read_to_end(&mut bytes));
            read.map(|_| bytes)
                .map_err(|error| (Some(path.clone()), error))
        }
    };
    match read {
        Ok(bytes) => Ok(bytes.into()),
        Err((path, error)) => Err(CliError::Content { path, error }),
    }
}

/// The most that is read, which is too much for a message: a file without an end is
/// refused as any other that is too long.
fn bounded(input: impl Read) -> impl Read {
    const TOO_MUCH: u64 = 1 << 20;
    input.take(TOO_MUCH)
}

struct Asking<'a> {
    message: Message,
    options: &'a Request,
}

impl Work for Asking<'_> {
    type Output = Result<(Response, Duration), CliError>;

    async fn on<R: Runtime>(self) -> Self::Output {
        let inner = match self.message.message_type {
            MessageType::REQUEST_URI => Layer::new(),
            _ => self.options.admin.layer(),
        };
        let server = &self.options.server;
        let ask = async |asked: &Asked<R>| {
            let begun = Instant::now();
            let request = asked.remote().request_message(self.message.clone());
            let inner = asked.inner(inner.clone());
            let request = request.inner(inner).timeout(server.timeout);
            Ok((request.await?, begun.elapsed()))
        };
        let (asked, answered) = Asked::with(server, ask).await?;
        asked.part().await;
        Ok(answered)
    }
}

/// Content to standard output, everything else to standard error. An error
/// answer's content is part of the error that is reported.
fn print(response: &Response, time: Duration, json: bool) -> io::Result<()> {
    if json {
        let further = Further::Answer {
            verified: response.is_verified(),
            seconds: time.as_secs_f64(),
        };
        let mut line = Vec::new();
        output::print_json(response, further, &mut line)?;
        Output.write_all(&line)?;
    } else if !response.is_error() {
        Output.write_all(&output::content(&response.content))?;
    }
    let sealed = if response.is_verified() {
        ""
    } else {
        ", unverified"
    };
    say(format_args!(
        "{} in {time:.1?}{sealed}",
        response.message_type
    ));
    Ok(())
}
