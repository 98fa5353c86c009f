//! Peers: their data, and how they are managed over TCP.

use netaio_core::packify::{DecodeLimits, Dict, Value, ValueRef};
use netaio_core::plugin::{
    AuthPlugin, DefaultPeerPlugin, FieldNames, HmacAuth, OpenContext, PeerContext, PeerPlugin,
    SealContext, Sha256StreamCipher, X25519Cipher,
};
use netaio_core::types::{REQUEST_URI, RESPOND_URI, SUBSCRIBE_URI};
use netaio_core::{
    AuthFailure, AuthFields, AuthView, Layer, ManagementConfig, Message, Peer, RemovalReason,
    SealError, SendError,
};
use netaio_tests::python::{Python, Result, hex, unhex};
use netaio_tokio::config::{ClientBuilder, ServerBuilder};
use netaio_tokio::error::RequestError;
use netaio_tokio::events::{KnownPeer, PeerEvent, PeerEvents};
use netaio_tokio::{Client, Connection, Content, Publisher, Reply, Server, Uri};
use tokio::task::spawn_blocking;

use super::{Twin, assert_message, python, serve, start, talk};

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

/// Our cipher, whose public key our peer data has.
fn ours() -> X25519Cipher {
    X25519Cipher::from_seed(*b"a seed of ours, of 32 bytes too.")
}

fn peer(id: &'static str, name: &str, cipher: &X25519Cipher) -> Peer {
    let name = Value::Str(name.into());
    let public_key = Value::Bytes(cipher.public_key().to_vec());
    let verify_key = Value::Bytes(cipher.verify_key().to_vec());
    let pairs = [("name", name), ("pubkey", public_key), ("vkey", verify_key)];
    let pairs = pairs.map(|(name, value)| (Value::Str(name.into()), value));
    let data = Value::Dict(Dict::from_pairs(pairs).unwrap());
    Peer::new(id).with_data(DefaultPeerPlugin.encode_data(&data).unwrap())
}

fn local_peer() -> Peer {
    peer("rust", "ours", &ours())
}

fn python_peer() -> Peer {
    let cipher = X25519Cipher::from_seed(*b"a seed of Python's, of 32 bytes.");
    peer("python", "Python's", &cipher)
}

/// Names both peers, as far as they are known, and wants to be told the same.
struct Named;

impl Named {
    fn name(context: &PeerContext<'_>, peer: &Peer) -> Option<Vec<u8>> {
        let data = context.plugin?.parse_data(peer, &DecodeLimits::DEFAULT);
        match data.ok()? {
            Value::Dict(data) => match data.get("name")? {
                Value::Str(name) => Some(name.clone().into_bytes()),
                _ => None,
            },
            _ => None,
        }
    }
}

impl AuthPlugin for Named {
    fn make(
        &self,
        fields: &mut AuthFields,
        _body: &[u8],
        context: &mut SealContext<'_>,
    ) -> std::result::Result<(), SealError> {
        let unknown = SealError::Plugin("a peer is not known");
        let peers = &context.peers;
        let (Some(local), Some(remote)) = (peers.local, peers.remote) else {
            return Err(unknown);
        };
        fields.set_bytes("from", &local.id)?;
        fields.set_bytes("to", &Self::name(peers, remote).ok_or(unknown)?)
    }

    fn check(
        &self,
        fields: AuthView<'_>,
        _body: &[u8],
        context: &OpenContext<'_>,
    ) -> std::result::Result<(), AuthFailure> {
        let peers = &context.peers;
        let (Some(local), Some(remote)) = (peers.local, peers.remote) else {
            return Err(AuthFailure::Mismatch);
        };
        let named = |field, expected: &[u8]| matches!(fields.get(field), Some(ValueRef::Bytes(found)) if found == expected);
        let to_us = Self::name(peers, local).is_some_and(|name| named("to", &name));
        match named("from", &remote.id) && to_us {
            true => Ok(()),
            false => Err(AuthFailure::Mismatch),
        }
    }

    fn error(&self) -> Message {
        Message::error_message("named auth failed")
    }

    fn fields(&self) -> FieldNames<'_> {
        FieldNames {
            own: vec!["from", "to"],
            shared: Vec::new(),
        }
    }

    fn is_peer_specific(&self) -> bool {
        true
    }
}

/// The plugins that are given to the management, for its traffic only.
fn inner(secret: &str) -> Layer {
    let cipher = Sha256StreamCipher::new(secret).with_iv_field("vi");
    Layer::new()
        .with_auth(HmacAuth::new(secret).with_hmac_field("camh"))
        .with_cipher(cipher.with_plain_uri())
}

fn client() -> ClientBuilder {
    Client::builder()
        .auth(HmacAuth::new("test"))
        .local_peer(local_peer())
}

fn server() -> ServerBuilder {
    Server::builder()
        .auth(HmacAuth::new("test"))
        .local_peer(local_peer())
        .on(
            SUBSCRIBE_URI,
            |uri: Uri, who: Connection, publisher: Publisher| {
                publisher
                    .subscribe(uri.0, &who)
                    .map(|_| "")
                    .map_err(|error| Reply::error(error.to_string()))
            },
        )
        .on((REQUEST_URI, "boxed"), answer)
        .inner_cipher(ours())
        .on((REQUEST_URI, "named"), answer)
        .inner_auth(Named)
}

fn answer(content: Content) -> String {
    format!("answered {content}")
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
        Some(PeerEvent::Added(peer)) => peer,
        other => panic!("{other:?}"),
    }
}

async fn gone(events: &mut PeerEvents) -> (KnownPeer, RemovalReason) {
    match events.next().await {
        Some(PeerEvent::Removed { peer, reason }) => (peer, reason),
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
    assert_eq!(known.peer, python_peer());
    let address = known.addresses[0];
    assert_eq!(server.peers().get("python").as_ref(), Some(&known));
    assert_eq!(server.peers().at(address).as_ref(), Some(&known));
    client.ask_until("peers", "peers rust=ours").await?;

    assert_eq!(client.ask("subscribe").await?, "subscribed");
    assert_eq!(server.publisher().subscribers("news"), 1);
    assert_eq!(client.ask("unmanage").await?, "unmanaged");
    assert_eq!(
        gone(&mut events).await,
        (known.clone(), RemovalReason::Disconnect)
    );
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
    assert_eq!(gone(&mut events).await, (known, RemovalReason::Application));
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

/// Our client introduces itself, to whichever server it connects to, and takes its leave.
#[tokio::test]
async fn our_client_is_a_peer_of_a_python_server() -> Result<()> {
    let python = python!();
    let mut server = serve(&python, "peers.py", &[]).await?;
    assert_eq!(server.ask("manage").await?, "managing");
    let client = client().manage_peers(ManagementConfig::for_streams());
    let client = client.build().unwrap();
    let mut events = client.peers().events();
    client.connect(server.address).await.unwrap();
    let known = came(&mut events).await;
    assert_eq!(
        (&known.peer, &known.addresses[..]),
        (&python_peer(), &[server.address][..])
    );
    assert_eq!(server.ask("peers").await?, "peers rust=ours");
    client.subscribe("news").request().await.unwrap();
    assert_eq!(server.ask("subscribers").await?, "subscribers 1");

    assert!(client.stop_peer_management("netaio"));
    server.ask_until("peers", "peers").await?;
    assert_eq!(server.ask("subscribers").await?, "subscribers 0");
    client
        .manage_peers(ManagementConfig::for_streams())
        .unwrap();
    server.ask_until("peers", "peers rust=ours").await?;
    client.close().await;
    server.ask_until("peers", "peers").await?;
    let (left, reason) = gone(&mut events).await;
    assert_eq!(left.peer, known.peer);
    assert_eq!(reason, RemovalReason::ConnectionEnded);
    server.stop().await;
    Ok(())
}

/// As an inner layer, with peer management and keys in the peers' data: what the README says
/// that `X25519CipherPlugin` is for. And an auth plugin that looks at both peers.
#[tokio::test]
async fn plugins_find_their_peers() -> Result<()> {
    let python = python!();
    let config = ManagementConfig::for_streams;
    let ours_listens = server()
        .manage_peers(config())
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let mut asking = python_client(&python, &ours_listens).await?;
    assert_eq!(asking.ask("manage").await?, "managing");
    asking.ask_until("peers", "peers rust=ours").await?;
    for uri in ["boxed", "named"] {
        assert_eq!(
            asking.ask(uri).await?,
            "RESPOND_URI answered asked",
            "{uri}"
        );
    }
    asking.stop().await;
    ours_listens.stop().await;

    let mut server = serve(&python, "peers.py", &[]).await?;
    assert_eq!(server.ask("manage").await?, "managing");
    let client = client().build().unwrap();
    client.connect(server.address).await.unwrap();
    let layers = [
        ("boxed", Layer::new().with_cipher(ours())),
        ("named", Layer::new().with_auth(Named)),
    ];
    // Nobody is known yet.
    for (uri, layer) in &layers {
        let unknown = client.request(*uri).content("asked").inner(layer.clone());
        let error = unknown.await;
        assert!(
            matches!(error, Err(RequestError::Send(SendError::Seal(_)))),
            "{error:?}"
        );
    }
    let mut events = client.peers().events();
    client.manage_peers(config()).unwrap();
    came(&mut events).await;
    for (uri, layer) in layers {
        let answer = client.request(uri).content("asked").inner(layer).await;
        assert_message(&answer.unwrap(), RESPOND_URI, uri, "answered asked");
    }
    client.close().await;
    server.stop().await;
    Ok(())
}
