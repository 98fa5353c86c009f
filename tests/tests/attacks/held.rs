//! Attacks on memory.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use netaio_tokio::Message;
use netaio_tokio::core::parts::{LongRequest, Next};
use netaio_tokio::core::{Frame, Header, Wire};
use netaio_tokio::types::{PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI};

use crate::crowd::Crowd;
use crate::frames::{frame, seal};
use crate::{Attacked, Bound, Error};

/// The most that may wait for one connection, an eighth, and what the allocator rounds up.
pub(crate) const ONE_QUEUE: Bound = Bound { peak: 40, left: 40 };

/// Subscribers that never read, and 3.6 MB in messages that are shared by all of them.
pub(crate) fn large_news(attacked: &Attacked, count: usize) -> Result<(), Error> {
    news(attacked, count, 60_000, 60)
}

/// The same in messages that are copied for each; a quarter of it, three times what may wait for
/// all of them, in a debug build, which copies slowly.
pub(crate) fn small_news(attacked: &Attacked, count: usize) -> Result<(), Error> {
    news(
        attacked,
        count,
        600,
        if cfg!(debug_assertions) { 1500 } else { 6000 },
    )
}

/// One subscriber that never reads, and 100 MB.
pub(crate) fn one_slow(attacked: &Attacked, _: usize) -> Result<(), Error> {
    news(attacked, 1, 10_000, 10_000)
}

fn news(attacked: &Attacked, count: usize, content: usize, messages: usize) -> Result<(), Error> {
    let mut crowd = Crowd::gather(attacked.address, count)?;
    crowd.ask(&frame(SUBSCRIBE_URI, "news", 0)?)?;
    let mut publisher = TcpStream::connect(attacked.address)?;
    let (publish, answer) = (
        frame(PUBLISH_URI, "news", content)?,
        frame(REQUEST_URI, "news", 0)?,
    );
    for _ in 0..messages {
        publisher.write_all(&publish)?;
        publisher.read_exact(&mut vec![0; answer.len()])?;
    }
    Ok(())
}

/// Remotes that ask and never read.
pub(crate) fn answers(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let mut crowd = Crowd::gather(attacked.address, count)?;
    crowd.push(&frame(REQUEST_URI, "echo", 16_000)?.repeat(200))
}

/// All handlers are busy, and the rest of the connections ask too.
pub(crate) fn waiting(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let mut busy = Crowd::gather(attacked.address, 1024.min(count / 2))?;
    busy.push(&frame(REQUEST_URI, "last", 0)?)?;
    let mut crowd = Crowd::gather(attacked.address, count.saturating_sub(busy.0.len()))?;
    crowd.push(&frame(REQUEST_URI, "last", 60_000)?.repeat(3))
}

/// Handlers that do not end, of requests as large as they may be.
pub(crate) fn deferred(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let mut crowd = Crowd::gather(attacked.address, count)?;
    crowd.push(&frame(REQUEST_URI, "last", 65_000)?.repeat(3))
}

/// Frames that are never complete, one behind the other for ever; those who are no strangers
/// and a newcomer with a long message are answered all the same.
pub(crate) fn unfinished(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let ask = frame(REQUEST_URI, "echo", 60_000)?;
    let answer = ask.len();
    let mut friend = TcpStream::connect(attacked.address)?;
    friend.write_all(&ask)?;
    friend.read_exact(&mut vec![0; answer])?;
    let mut crowd = Crowd::gather(attacked.address, count)?;
    crowd.push(&ask[..ask.len() - 1])?;
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        for stream in [&mut friend, &mut TcpStream::connect(attacked.address)?] {
            let begun = Instant::now();
            stream.write_all(&ask)?;
            stream.read_exact(&mut vec![0; answer])?;
            slowest = slowest.max(begun.elapsed());
        }
    }
    println!("unfinished: the slowest of 40 requests of 60 kB meanwhile took {slowest:.1?}");
    Ok(())
}

/// Contents that are longer than a frame and never whole, as many and as long as they may be, of
/// remotes that have several each; and whole ones, whose handlers do not end.
pub(crate) fn long_contents(attacked: &Attacked, count: usize) -> Result<(), Error> {
    let mut crowd = Crowd::gather(attacked.address, count)?;
    for (number, stream) in crowd.0.iter_mut().enumerate() {
        let is_whole = number % 2 == 0;
        let (each, len) = if is_whole {
            (1, 100_000)
        } else {
            (3, 16 << 20)
        };
        for request in 0..each {
            let mut id = [request; 16];
            id[..8].copy_from_slice(&(number as u64).to_be_bytes());
            let message = Message::new(REQUEST_URI, "last", vec![0; len]);
            let mut request = LongRequest::new(message, 0, id);
            for _ in 0..4 {
                let Next::Ask(asked, question) = request.poll() else {
                    break;
                };
                stream.write_all(&seal(&question)?)?;
                // The last part of a whole one is answered by its handler, which does not end.
                let is_last = is_whole && request.sent() > 0;
                if is_last || request.answered(asked, &answer(stream)?).is_err() {
                    break;
                }
            }
        }
    }
    attacked.answered()
}

/// The next answer of a server that has no layers.
fn answer(stream: &mut TcpStream) -> Result<Message, Error> {
    let mut header = [0; Header::LEN];
    stream.read_exact(&mut header)?;
    let lens = Header::decode(&header)?;
    let mut frame = header.to_vec();
    frame.resize(Header::LEN + lens.auth_len + lens.body_len, 0);
    stream.read_exact(&mut frame[Header::LEN..])?;
    let wire = Wire::default();
    let frame = Frame::from_datagram(&wire, frame[..].into())?;
    Ok(frame.decode(&wire)?.into_message())
}
