//! `netaio serve --store` is killed under load.
#![allow(clippy::unwrap_used, reason = "only tests run this")]

mod common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::thread;

use common::folder::Folder;
use common::run;
use common::server::Server;
use netaio_smol::blocking::Wait;
use netaio_smol::{Client, Message, types};

/// Those who write, each on a connection of its own.
const WRITERS: usize = 8;

/// What was acknowledged: the number of a writer, a uri of it, and its content; none where it was deleted.
type Acknowledged = (usize, String, Option<u64>);

/// Creates, updates and deletes until the server is gone.
fn write(addr: SocketAddr, writer: usize, round: usize, told: &Sender<Acknowledged>) {
    let client = Client::builder().build().unwrap();
    client.connect(addr).wait().unwrap();
    for number in 0_u64.. {
        let uri = format!("{writer}/{round}/{}", number % 50);
        let (change, then) = match number / 50 % 3 {
            0 => (types::CREATE_URI, Some(number)),
            1 => (types::UPDATE_URI, Some(number)),
            _ => (types::DELETE_URI, None),
        };
        let content = then.map_or(String::new(), |number| number.to_string());
        let message = Message::new(change, uri.clone(), content);
        match client.request_message(message).wait() {
            Ok(answer) => {
                assert_eq!(answer.message_type, types::OK, "{answer:?}");
                if told.send((writer, uri, then)).is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let rounds: usize = match std::env::var("NETAIO_KILLS") {
        Ok(rounds) => rounds.parse().unwrap(),
        Err(_) => 4,
    };
    let folder = Folder::new("kill");
    let path = folder.path("store");
    // What was acknowledged last of each uri, in all rounds.
    let mut kept = BTreeMap::<String, Option<u64>>::new();
    let mut total = 0_usize;
    for round in 0..rounds {
        let server = Server::start(&["--store", &path, "--max-resources", "1000000"]);
        check(server.addr, &kept);
        let (tell, told) = mpsc::channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (addr, tell) = (server.addr, tell.clone());
                thread::spawn(move || write(addr, writer, round, &tell))
            })
            .collect();
        drop(tell);
        // Another moment in each round, and while all of them write.
        let moment = 500 + 137 * round % 400;
        let mut acknowledged: Vec<_> = told.iter().take(moment).collect();
        assert_eq!(acknowledged.len(), moment, "the writers have ended");
        server.kill("-KILL");
        acknowledged.extend(told.iter());
        for writer in writers {
            writer.join().unwrap();
        }
        total += acknowledged.len();
        for (_, uri, content) in acknowledged {
            kept.insert(uri, content);
        }
    }
    let server = Server::start(&["--store", &path]);
    check(server.addr, &kept);
    assert_eq!(server.stop("-TERM"), Some(0));
    let checked = run(&["store", "check", &path], b"");
    assert_eq!(checked.status, 0, "{checked:?}");
    println!(
        "{rounds} kills, {total} changes acknowledged, {} uris read again",
        kept.len()
    );
}

/// Every uri has what was acknowledged last or, as the answer to the next change may have been cut off, what that
/// made of it.
fn check(addr: SocketAddr, kept: &BTreeMap<String, Option<u64>>) {
    let client = Client::builder().build().unwrap();
    client.connect(addr).wait().unwrap();
    for (uri, content) in kept {
        let answer = client.request(uri.clone()).wait().unwrap();
        let found = match answer.message_type {
            types::RESPOND_URI => Some(
                std::str::from_utf8(&answer.content)
                    .unwrap()
                    .parse()
                    .unwrap(),
            ),
            _ => None::<u64>,
        };
        // Each writer goes round its 50 uris, and makes of each what 50 steps before was something else.
        let next = match content {
            Some(number) if number / 50 % 3 == 1 => None,
            Some(number) => Some(number + 50),
            None => continue_of(found),
        };
        assert!(
            found == *content || found == next,
            "{uri}: {content:?} was acknowledged, {found:?} is there"
        );
    }
}

/// After a deletion comes a creation, whose number a deletion does not tell.
fn continue_of(found: Option<u64>) -> Option<u64> {
    found.filter(|number| number / 50 % 3 == 0)
}
