//! One recorded scenario, with the core alone and with every driver. See
//! `tests/data/README.md` for what to do where the hash has changed.

use netaio_smol::Smol;
use netaio_tests::conformance::guarded;
use netaio_tests::replay;
use netaio_tokio::Tokio;
use tokio::runtime::Builder;

/// The SHA-256 of what happens.
const HASH: &str = include_str!("../data/scenario.sha256");

#[test]
fn the_core_alone() {
    let log = replay::alone();
    assert_eq!(log.hash(), HASH.trim(), "what happens has changed");
}

/// The hash of a scenario in which nothing happens would be as good as any.
#[test]
fn the_scenario_has_something_of_everything() {
    let text = replay::alone().text();
    for what in [
        "verified RESPOND_URI",
        "unverified AUTH_ERROR",
        "unverified ERROR b\"ERROR\" b\"invalid message\"",
        "verified NOT_FOUND",
        "failed: no answer within 2.5s",
        "client messages: NOTIFY_URI",
        "server: told 2, failed 0",
        "one: told 2, failed 0",
        "server knows b\"bob\": came",
        "server knows b\"alice\": gone: Disconnect",
        "one knows b\"three\": gone: TimedOut",
        "server refuses: ",
        "closed: a frame was not completed within 10s",
        "closed: closed by the remote in the middle of a frame",
        "closed: frame at byte 0",
        "closed: too many frames with a bad checksum or failed checks",
        "closed: idle for 5s",
        "failed: the connection is closed: ",
        "one: stopped, ",
        "server: stopped",
    ] {
        assert!(text.contains(what), "{what}");
    }
}

#[test]
fn tokio_on_one_thread() {
    guarded(|| {
        let runtime = Builder::new_current_thread().build().unwrap();
        let log = runtime.block_on(replay::driven::<Tokio>());
        replay::assert_as_alone(&log);
    });
}

#[test]
fn tokio_on_many_threads() {
    guarded(|| {
        let runtime = Builder::new_multi_thread().worker_threads(4).build();
        let log = runtime.unwrap().block_on(replay::driven::<Tokio>());
        replay::assert_as_alone(&log);
    });
}

#[test]
fn smol() {
    guarded(|| {
        let log = smol::block_on(replay::driven::<Smol>());
        replay::assert_as_alone(&log);
    });
}

#[cfg(feature = "async-std")]
#[test]
fn async_std() {
    guarded(|| {
        let log = async_std::task::block_on(replay::driven::<netaio_async_std::AsyncStd>());
        replay::assert_as_alone(&log);
    });
}

#[test]
#[ignore = "it shows what happens, and the hash of that, and asserts nothing"]
fn show() {
    let log = replay::alone();
    println!("{}{}", log.text(), log.hash());
}
