//! Peers.

use netaio_core::Peer;
use netaio_core::packify::{DecodeLimits, Dict, Value};
use netaio_core::plugin::{DefaultPeerPlugin, PeerPlugin};
use netaio_tests::python::{Result, hex, unhex};
use tokio::task::spawn_blocking;

use super::{python, start};

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
