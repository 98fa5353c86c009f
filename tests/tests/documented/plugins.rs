//! Plugins of a program's own, as `AuthPluginProtocol` and `CipherPluginProtocol` let one write
//! them: the same two in Python and here.

use std::net::SocketAddr;

use netaio_core::packify::ValueRef;
use netaio_core::plugin::{AuthPlugin, CipherPlugin, FieldNames, OpenContext, SealContext};
use netaio_core::types::{AUTH_ERROR, REQUEST_URI, RESPOND_URI};
use netaio_core::{
    AuthFailure, AuthFields, AuthView, DecryptFailure, FieldRole, Layer, Message, Payload,
    SealError,
};
use netaio_tests::python::Result;
use netaio_tokio::{Client, Content, Server};

use super::{assert_message, python, run, serve};

/// A witness over body, nonce and time, as `TapescriptAuthPlugin` has one.
struct Witness {
    lock: &'static [u8],
}

impl Witness {
    fn witness(&self, body: &[u8], nonce: &[u8], ts: &[u8]) -> [u8; 4] {
        let seen = [self.lock, body, nonce, ts].concat();
        crc32fast::hash(&seen).to_be_bytes()
    }
}

impl AuthPlugin for Witness {
    fn make(
        &self,
        fields: &mut AuthFields,
        body: &[u8],
        context: &mut SealContext<'_>,
    ) -> std::result::Result<(), SealError> {
        let mut nonce = [0; 16];
        context.rng.fill_bytes(&mut nonce);
        let ts = (context.now.unix as u32).to_be_bytes();
        fields.set_bytes("nonce", &nonce)?;
        fields.set_bytes("ts", &ts)?;
        fields.set_bytes("witness", &self.witness(body, &nonce, &ts))
    }

    fn check(
        &self,
        fields: AuthView<'_>,
        body: &[u8],
        _context: &OpenContext<'_>,
    ) -> std::result::Result<(), AuthFailure> {
        let field = |name, role| match fields.get(name) {
            Some(ValueRef::Bytes(bytes)) => Ok(bytes),
            Some(_) => Err(AuthFailure::Unfit(role)),
            None => Err(AuthFailure::Missing(role)),
        };
        let nonce = field("nonce", FieldRole::Nonce)?;
        let ts = field("ts", FieldRole::Timestamp)?;
        let witness = field("witness", FieldRole::Mac)?;
        match witness == self.witness(body, nonce, ts) {
            true => Ok(()),
            false => Err(AuthFailure::Mismatch),
        }
    }

    fn error(&self) -> Message {
        Message::error_message("witness auth failed")
    }

    fn fields(&self) -> FieldNames<'_> {
        FieldNames {
            own: vec!["witness"],
            shared: vec!["nonce", "ts"],
        }
    }
}

/// XORs the content with a byte that is in a field.
struct Mask {
    field: &'static str,
}

impl CipherPlugin for Mask {
    fn encrypt(
        &self,
        payload: &mut Payload,
        fields: &mut AuthFields,
        _max_uri: usize,
        context: &mut SealContext<'_>,
    ) -> std::result::Result<(), SealError> {
        let mut mask = [0];
        context.rng.fill_bytes(&mut mask);
        fields.set_bytes(self.field, &mask)?;
        payload
            .content_mut()
            .iter_mut()
            .for_each(|byte| *byte ^= mask[0]);
        Ok(())
    }

    fn decrypt(
        &self,
        payload: &mut Payload,
        fields: AuthView<'_>,
        _context: &OpenContext<'_>,
    ) -> std::result::Result<(), DecryptFailure> {
        let Some(ValueRef::Bytes([mask])) = fields.get(self.field) else {
            return Err(DecryptFailure::NoIv);
        };
        payload
            .content_mut()
            .iter_mut()
            .for_each(|byte| *byte ^= mask);
        Ok(())
    }

    fn fields(&self) -> FieldNames<'_> {
        FieldNames {
            own: vec![self.field],
            shared: Vec::new(),
        }
    }

    fn encrypts_uri(&self) -> bool {
        false
    }
}

fn layer() -> Layer {
    let auth = Witness { lock: b"a lock" };
    Layer::new()
        .with_auth(auth)
        .with_cipher(Mask { field: "mask" })
}

/// Asks an echo behind these plugins, with them and as a stranger.
async fn ask(address: SocketAddr) {
    let client = Client::builder().outer(layer()).build().unwrap();
    client.connect(address).await.unwrap();
    let answer = client.request("echo").content("masked").await.unwrap();
    assert_message(&answer, RESPOND_URI, "echo", "masked");
    assert!(answer.is_verified());
    client.close().await;

    let stranger = Client::builder().build().unwrap();
    stranger.connect(address).await.unwrap();
    let answer = stranger.request("echo").content("masked").await.unwrap();
    assert_message(&answer, AUTH_ERROR, "ERROR", "witness auth failed");
    stranger.close().await;
}

#[tokio::test]
async fn plugins_of_ones_own_meet_those_in_python() -> Result<()> {
    let python = python!();
    let theirs = serve(&python, "plugins.py", &[]).await?;
    ask(theirs.address).await;
    theirs.stop().await;

    let server = Server::builder()
        .outer(layer())
        .on((REQUEST_URI, "echo"), |content: Content| content);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    ask(server.local_addr()).await;
    let port = server.local_addr().port().to_string();
    run(&python, "plugins.py", &[&port]).await?;
    server.stop().await;
    Ok(())
}
