//! A proxy that cuts connections, after any number of bytes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Error;
use crate::dice::Dice;
use crate::world::World;

/// Leads to the server until it is dropped.
pub(crate) async fn run(world: Arc<World>, listener: TcpListener) -> Result<(), Error> {
    for seed in 0.. {
        let (client, _) = listener.accept().await?;
        let server = TcpStream::connect(world.tcp).await?;
        let world = world.clone();
        tokio::spawn(async move {
            // The ends of both are what this is about.
            let _ = lead(&world, client, server, Dice::new(seed)).await;
        });
    }
    Ok(())
}

async fn lead(
    world: &World,
    mut client: TcpStream,
    mut server: TcpStream,
    mut dice: Dice,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let left = AtomicUsize::new(dice.length(1..60_000));
    let was_cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            cut = pass(from_client, to_server, &left) => cut?,
            cut = pass(from_server, to_client, &left) => cut?,
        }
    };
    if !was_cut {
        return Ok(());
    }
    if dice.chance(50) {
        world.tally.faults.cut.one();
        return Ok(());
    }
    world.tally.faults.reset.one();
    if dice.chance(75) {
        client.set_zero_linger()?;
    }
    server.set_zero_linger()
}

/// Passes bytes on until the end, or until none are left to pass: then it says so.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    left: &AtomicUsize,
) -> io::Result<bool> {
    let mut buffer = vec![0; 4096];
    loop {
        let read = from.read(&mut buffer).await?;
        let before = left.load(Ordering::Relaxed);
        let count = read.min(before);
        left.store(before - count, Ordering::Relaxed);
        to.write_all(&buffer[..count]).await?;
        if read == 0 || count < read {
            return Ok(read > 0);
        }
    }
}
