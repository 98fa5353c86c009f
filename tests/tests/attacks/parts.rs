//! Attacks with messages that are odd, and with none.

use std::io::{Read, Write};
use std::net::TcpStream;

use netaio_tokio::types::{REQUEST_URI, SUBSCRIBE_URI};

use crate::crowd::Crowd;
use crate::frames::{frame, with_list};
use crate::{Attacked, Error};

/// Headers that announce as much as they can, with what they announce behind them, and
/// messages whose fields have as many items as may be, and more.
pub(crate) fn sections(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let mut announced = vec![REQUEST_URI.value(), 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    announced.resize(131_079, 0);
    Crowd::gather(attacked.address, count / 2)?.push(&announced)?;
    for items in [1000, 2000] {
        let listed = with_list(REQUEST_URI, "last", items)?.repeat(50);
        Crowd::gather(attacked.address, count / 4)?.push(&listed)?;
    }
    Ok(())
}

/// Frames with a wrong checksum, from those who come again when they are cut off.
pub(crate) fn failures(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let mut wrong = frame(REQUEST_URI, "echo", 60_000)?;
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    let wrong = wrong.repeat(10);
    for _ in 0..count {
        let mut stream = TcpStream::connect(attacked.address)?;
        // The server closes it before all is written, or after that.
        let _ = stream.write_all(&wrong);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    Ok(())
}

/// Connections that say nothing at all.
pub(crate) fn silent(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let _crowd = Crowd::gather(attacked.address, count)?;
    attacked.answered()
}

/// Some that never stop asking, and read what is answered: others have their turn.
pub(crate) fn pipelined(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let asked = frame(REQUEST_URI, "echo", 0)?;
    let (asked, len) = (asked.repeat(count), asked.len() * count);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| -> Result<(), Error> {
                let mut stream = TcpStream::connect(attacked.address)?;
                let mut reading = stream.try_clone()?;
                let reader = scope.spawn(move || reading.read_exact(&mut vec![0; len * 20]));
                for _ in 0..20 {
                    stream.write_all(&asked)?;
                }
                Ok(reader.join().map_err(|_| "the reader")??)
            });
        }
        (0..20).try_for_each(|_| attacked.answered())
    })
}

/// Subscriptions to as many keys as may be, as long as they may be.
pub(crate) fn keys(attacked: &Attacked, _: usize) -> Result<(), Error> {
    let mut streams = Vec::new();
    for number in 0..64 {
        let mut stream = TcpStream::connect(attacked.address)?;
        let mut frames = Vec::new();
        for key in 0..300 {
            let uri = format!("{number} {key} {}", "x".repeat(4080));
            frames.extend(frame(SUBSCRIBE_URI, &uri, 0)?);
        }
        // It answers in order, and reads no more of those who do not read.
        frames.extend(frame(REQUEST_URI, "end", 0)?);
        let mut writer = stream.try_clone()?;
        let writing = std::thread::spawn(move || writer.write_all(&frames));
        let mut tail = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        while !tail.windows(5).any(|it| it == b"\x00\x03end") {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Err("the server closed a subscriber's connection".into());
            }
            tail.drain(..tail.len().saturating_sub(4));
            tail.extend_from_slice(&buffer[..read]);
        }
        writing.join().map_err(|_| "the writer")??;
        streams.push(stream);
    }
    Ok(())
}

/// Remotes that the server asks, and that never answer.
pub(crate) fn asked(attacked: &Attacked, _: usize) -> Result<(), Error> {
    let mut crowd = Crowd::gather(attacked.address, 8)?;
    // It answers once all of its own requests have failed or wait.
    crowd.ask(&frame(REQUEST_URI, "ask me", 0)?)
}

/// Those who let each time pass that there is: to the end of a frame, to the first message, to
/// the next one, and to take what is answered. The server closes all of them.
pub(crate) fn times(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let echo = frame(REQUEST_URI, "echo", 16_000)?;
    let behaviours: [&[u8]; 4] = [&echo[..9000], &[], &echo, &echo.repeat(100)];
    let mut streams = Vec::new();
    for first in behaviours {
        let mut crowd = Crowd::gather(attacked.address, count / 4)?;
        crowd.push(first)?;
        streams.extend(crowd.0);
    }
    attacked.ask("alone")?;
    drop(streams);
    Ok(())
}

/// Handlers that never end, and answers that are never taken, when the server is to stop.
pub(crate) fn stop(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let mut crowd = Crowd::gather(attacked.address, count)?;
    let (last, echo) = (
        frame(REQUEST_URI, "last", 0)?,
        frame(REQUEST_URI, "echo", 16_000)?,
    );
    crowd.push(&[echo.repeat(20), last].concat())?;
    attacked.ask("stop")?;
    Ok(())
}
