//! Reads from the cache that a watch of the bucket keeps.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::time::Duration;

use common::nats::NatsServer;
use common::{Site, patient};
use netaio_driver::resources::{Store, StoreError};
use netaio_gateway::GatewayOptions;

/// A site that reads from a cache, and has little patience with NATS.
async fn cached(nats: &NatsServer, staleness: Duration) -> Site {
    let options = patient(&nats.url()).with_cached_reads(staleness).unwrap();
    Site::start_at(options, "127.0.0.1:0").await
}

/// Reads until the cache has answered so often.
async fn read_from_cache(site: &Site, uri: &'static str, times: u64) {
    let until = site.gateway.cached_reads() + times;
    while site.gateway.cached_reads() < until {
        let _ = site.gateway.read(uri.as_bytes()).await;
    }
}

#[tokio::test]
async fn what_another_server_has_changed_is_seen_and_what_this_one_has_at_once() {
    let Some(nats) = NatsServer::start() else {
        return;
    };
    let there = Site::start(&nats.url()).await;
    there
        .gateway
        .create("old".into(), "1".into())
        .await
        .unwrap();
    let here = cached(&nats, Duration::from_secs(2)).await;
    read_from_cache(&here, "old", 1).await;
    assert_eq!(here.gateway.read(b"old").await.unwrap(), "1");
    read_from_cache(&here, "new", 1).await;
    there
        .gateway
        .update("old".into(), "2".into())
        .await
        .unwrap();
    there
        .gateway
        .create("new".into(), "3".into())
        .await
        .unwrap();
    while here.gateway.read(b"old").await.unwrap() != "2" {}
    while here.gateway.read(b"new").await.is_err() {}
    there.gateway.delete("new".into()).await.unwrap();
    while here.gateway.read(b"new").await.is_ok() {}
    for number in 0..100 {
        let content = number.to_string();
        here.gateway
            .update("old".into(), content.clone().into())
            .await
            .unwrap();
        assert_eq!(here.gateway.read(b"old").await.unwrap(), content);
    }
    read_from_cache(&here, "old", 1).await;
}

#[tokio::test]
async fn without_nats_answers_are_no_older_than_is_said() {
    let Some(mut nats) = NatsServer::start() else {
        return;
    };
    let staleness = Duration::from_secs(3);
    let here = cached(&nats, staleness).await;
    here.gateway.create("r".into(), "1".into()).await.unwrap();
    read_from_cache(&here, "r", 1).await;
    nats.kill();
    let gone = tokio::time::Instant::now();
    loop {
        let at = tokio::time::Instant::now();
        match here.gateway.read(b"r").await {
            Ok(content) => {
                assert_eq!(content, "1");
                assert!(at <= gone + staleness, "it is too old");
            }
            Err(error) => {
                assert_eq!(error, StoreError::Unavailable);
                break;
            }
        }
        tokio::task::yield_now().await;
    }
    assert!(nats.restart());
    // It asks, and has a cache again.
    while here.gateway.read(b"r").await.is_err() {}
    read_from_cache(&here, "r", 1).await;
    assert_eq!(here.gateway.read(b"r").await.unwrap(), "1");
}

#[test]
fn the_least_age_is_10_ms() {
    let options = GatewayOptions::new("localhost").unwrap();
    let error = options
        .with_cached_reads(Duration::from_millis(9))
        .unwrap_err();
    assert!(error.to_string().contains("10 ms"), "{error}");
}
