//! Peers: their data, and how they are managed over TCP.

use netaio_core::packify::{DecodeLimits, Dict, Value};
use netaio_core::plugin::{DefaultPeerPlugin, HmacAuth, PeerPlugin, Sha256StreamCipher};
use netaio_core::types::SUBSCRIBE_URI;
use netaio_core::{GoneReason, Layer, ManagementConfig, Peer};
use netaio_tests::python::{Python, Result, hex, unhex};
use netaio_tokio::{
    Connection, KnownPeer, PeerEvent, PeerEvents, Publisher, Reply, Server, ServerBuilder, Uri,
};
use tokio::task::spawn_blocking;

use super::{Twin, python, start, talk};

/// The data that the README gives a peer for a plugin that needs public keys.
fn keys() -> Value {
    let bytes = |range: std::ops::Range<u8>| Value::Bytes(range.collect());
    let pairs = [("pubkey", bytes(0..32)), ("vkey", bytes(32..64))];
    let pairs = pairs.map(|(name, key)| (Value::Str(name.into()), key));
    Value::Dict(Dict::from_pairs(pairs).unwrap())
}

#[tokio::test]
async fn peer_data_is_read_by_either_side() -> Result<()> {
    let python = python!();
    let plugin = DefaultPeerPlugin;
    let data = plugin.encode_data(&keys()).unwrap();
    let ours = plugin
        .pack(&Peer::new([1; 16].to_vec()).with_data(data.clone()))
        .unwrap();
    let script = start(&python, "peer_data.py", &[&hex(&data), &hex(&ours)]).await?;
    let printed = spawn_blocking(|| script.finish()).await.unwrap()?;
    // The same data is packed to the same bytes.
    assert_eq!(printed[0], hex(&data));

    let theirs = plugin
        .unpack(&unhex(&printed[1])?, &DecodeLimits::DEFAULT)
        .unwrap();
    assert!(plugin.validate(&theirs));
    assert_eq!(
        (&theirs.id[..], theirs.data.as_deref()),
        (&[2; 16][..], Some(&data[..]))
    );
    let parsed = plugin.parse_data(&theirs, &DecodeLimits::DEFAULT).unwrap();
    assert_eq!(parsed, keys());
    Ok(())
}

fn named(id: &'static str, name: &str) -> Peer {
    let name = (Value::Str("name".into()), Value::Str(name.into()));
    let data = Value::Dict(Dict::from_pairs([name]).unwrap());
    Peer::new(id).with_data(DefaultPeerPlugin.encode_data(&data).unwrap())
}

/// The plugins that are given to the management, for its traffic only.
fn inner(secret: &str) -> Layer {
    let cipher = Sha256StreamCipher::new(secret).with_iv_field("vi");
    Layer::new()
        .with_auth(HmacAuth::new(secret).with_hmac_field("camh"))
        .with_cipher(cipher.with_plain_uri())
}

fn server() -> ServerBuilder {
    Server::builder()
        .auth(HmacAuth::new("test"))
        .local_peer(named("rust", "ours"))
        .on(
            SUBSCRIBE_URI,
            |uri: Uri, who: Connection, publisher: Publisher| {
                publisher
                    .subscribe(uri.0, &who)
                    .map(|_| "")
                    .map_err(|error| Reply::error(error.to_string()))
            },
        )
}

/// Starts Python's client, connected to a server of ours.
async fn python_client(python: &Python, server: &Server) -> Result<Twin> {
    let port = server.local_addr().port().to_string();
    let mut client = talk(python, "peers.py", &[&port]).await?;
    assert_eq!(client.hear().await?, "connected");
    Ok(client)
}

async fn came(events: &mut PeerEvents) -> KnownPeer {
    match events.next().await {
        Some(PeerEvent::Came(peer)) => peer,
        other => panic!("{other:?}"),
    }
}

async fn gone(events: &mut PeerEvents) -> (KnownPeer, GoneReason) {
    match events.next().await {
        Some(PeerEvent::Gone { peer, why }) => (peer, why),
        other => panic!("{other:?}"),
    }
}

/// A client in Python introduces itself, subscribes, takes its leave, comes back and goes.
#[tokio::test]
async fn a_python_client_is_a_peer_of_our_server() -> Result<()> {
    let python = python!();
    let server = server().manage_peers(ManagementConfig::for_streams());
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let mut events = server.peers().events();
    let mut client = python_client(&python, &server).await?;
    assert!(server.peers().is_empty());
    assert_eq!(client.ask("manage").await?, "managing");
    let known = came(&mut events).await;
    assert_eq!(known.peer, named("python", "Python's"));
    let address = known.addresses[0];
    assert_eq!(server.peers().get("python").as_ref(), Some(&known));
    assert_eq!(server.peers().at(address).as_ref(), Some(&known));
    client.ask_until("peers", "peers rust=ours").await?;

    assert_eq!(client.ask("subscribe").await?, "subscribed");
    assert_eq!(server.publisher().subscribers("news"), 1);
    assert_eq!(client.ask("unmanage").await?, "unmanaged");
    assert_eq!(gone(&mut events).await, (known.clone(), GoneReason::Left));
    assert_eq!(server.publisher().subscribers("news"), 0);

    // It may come back by the same connection, and leaves with it.
    assert_eq!(client.ask("manage").await?, "managing");
    assert_eq!(came(&mut events).await.addresses, [address]);
    assert_eq!(client.ask("close").await?, "closed");
    assert_eq!(gone(&mut events).await.0.peer, known.peer);
    client.stop().await;
    server.stop().await;
    Ok(())
}

/// A server that begins to manage peers tells those that are connected, and one that stops
/// takes its leave.
#[tokio::test]
async fn our_server_introduces_itself_to_python() -> Result<()> {
    let python = python!();
    let server = server().bind("127.0.0.1:0").await.unwrap();
    let mut events = server.peers().events();
    let mut client = python_client(&python, &server).await?;
    assert_eq!(client.ask("manage").await?, "managing");
    assert_eq!(client.ask("subscribe").await?, "subscribed");
    // Its introduction came too early.
    assert_eq!(client.ask("peers").await?, "peers");
    server
        .manage_peers(ManagementConfig::for_streams())
        .unwrap();
    client.ask_until("peers", "peers rust=ours").await?;
    // A client in Python does not send what its handlers return: it has to begin again.
    assert!(server.peers().is_empty());
    assert_eq!(client.ask("manage").await?, "managing");
    let known = came(&mut events).await;
    assert_eq!(known.peer.id, "python");

    // Removed by hand, it has no subscription left.
    assert_eq!(server.publisher().subscribers("news"), 1);
    assert_eq!(server.peers().remove("python"), Some(known.clone()));
    assert_eq!(gone(&mut events).await, (known, GoneReason::Removed));
    assert_eq!(server.publisher().subscribers("news"), 0);
    assert!(server.stop_peer_management("netaio"));
    client.ask_until("peers", "peers").await?;
    client.stop().await;
    server.stop().await;
    Ok(())
}

/// Whoever has not the management's plugins is no peer, and can talk all the same.
#[tokio::test]
async fn the_managements_plugins_keep_strangers_off_the_list() -> Result<()> {
    let python = python!();
    let config = ManagementConfig::for_streams().with_inner(inner("peers"));
    let server = server()
        .manage_peers(config)
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let mut events = server.peers().events();
    let mut stranger = python_client(&python, &server).await?;
    assert_eq!(stranger.ask("manage wrong").await?, "managing");
    assert_eq!(stranger.ask("subscribe").await?, "subscribed");
    let mut client = python_client(&python, &server).await?;
    assert_eq!(client.ask("manage peers").await?, "managing");
    assert_eq!(came(&mut events).await.peer.id, "python");
    client.ask_until("peers", "peers rust=ours").await?;
    assert_eq!(stranger.ask("peers").await?, "peers");
    assert_eq!(server.peers().len(), 1);
    client.stop().await;
    stranger.stop().await;
    server.stop().await;
    Ok(())
}
