//! The encapsulation model: which plugin comes after which.

use netaio_core::Layer;
use netaio_core::plugin::{HmacAuth, Sha256StreamCipher};
use netaio_tests::python::Result;
use netaio_tokio::Client;

use super::{python, serve};

/// Python's plugins write down when they are called. What they open, we have sealed in the
/// opposite order, and what they seal, we open.
#[tokio::test]
async fn plugins_are_applied_in_the_documented_order() -> Result<()> {
    let python = python!();
    let server = serve(&python, "encapsulation.py", &[]).await?;
    let client = Client::builder()
        .auth(HmacAuth::new("outer"))
        .cipher(Sha256StreamCipher::new("outer"))
        .build()
        .unwrap();
    client.connect(server.address).await.unwrap();
    let inner = Layer::new()
        .with_auth(HmacAuth::new("inner").with_hmac_field("camh"))
        .with_cipher(
            Sha256StreamCipher::new("inner")
                .with_iv_field("vi")
                .with_plain_uri(),
        );
    let received = "outer auth.check, outer cipher.decrypt, inner auth.check, inner cipher.decrypt";
    let sent = "inner cipher.encrypt, inner auth.make, outer cipher.encrypt, outer auth.make";
    for calls in [received.to_owned(), format!("{sent}, {received}")] {
        let answer = client.request("order").inner(inner.clone()).await.unwrap();
        assert!(answer.is_verified());
        assert_eq!(answer.content, calls);
    }
    client.close().await;
    server.stop().await;
    Ok(())
}
