//! NATS that lets nobody in who has no credentials.
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests run this")]

mod common;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use common::nats::NatsServer;
use common::patient;
use data_encoding::BASE64URL_NOPAD;
use netaio_driver::resources::LocalBus;
use netaio_gateway::{Gateway, Store};
use nkeys::KeyPair;

/// A token about `subject`, signed by `issuer`: NATS's form of a JWT.
fn token(issuer: &KeyPair, subject: &KeyPair, claims: &str) -> String {
    let (issuer_key, subject_key) = (issuer.public_key(), subject.public_key());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_secs();
    let body = format!(
        r#"{{"jti":"{subject_key}","iat":{now},"iss":"{issuer_key}","name":"test","sub":"{subject_key}","nats":{{{claims},"version":2}}}}"#
    );
    let encode = |part: &[u8]| BASE64URL_NOPAD.encode(part);
    let head = encode(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let signed = format!("{head}.{}", encode(body.as_bytes()));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encode(&signature))
}

const ACCOUNT: &str = r#""type":"account","limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1,"mem_storage":-1,"disk_storage":-1,"streams":-1,"consumer":-1}"#;

#[tokio::test]
async fn who_has_credentials_is_let_in_and_nobody_else() {
    let (operator, system) = (KeyPair::new_operator(), KeyPair::new_account());
    let (account, user) = (KeyPair::new_account(), KeyPair::new_user());
    let (account_key, system_key) = (account.public_key(), system.public_key());
    let more = format!(
        "operator: {}\nsystem_account: {system_key}\nresolver: MEMORY\n\
         resolver_preload {{ {account_key}: {}, {system_key}: {} }}\n",
        token(&operator, &operator, r#""type":"operator""#),
        token(&operator, &account, ACCOUNT),
        token(&operator, &system, r#""type":"account""#),
    );
    let Some(nats) = NatsServer::start_with(&more) else {
        return;
    };
    let local = || Arc::new(LocalBus::new());
    let refused = Gateway::connect(patient(&nats.url()), local()).await.err();
    let refused = refused.unwrap().to_string();
    assert!(
        refused.to_lowercase().contains("authorization"),
        "{refused}"
    );

    let file = std::env::temp_dir().join(format!("netaio-{}.creds", user.public_key()));
    let token = token(
        &account,
        &user,
        r#""type":"user","subs":-1,"data":-1,"payload":-1"#,
    );
    let seed = user.seed().unwrap();
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    std::fs::write(&file, text).unwrap();
    let options = patient(&nats.url()).with_credentials(&file);
    let gateway = Gateway::connect(options, local()).await;
    std::fs::remove_file(&file).unwrap();
    let gateway = gateway.unwrap();
    let uri = Bytes::from_static(b"r");
    gateway.create(uri.clone(), "x".into()).await.unwrap();
    assert_eq!(gateway.read(&uri).await.unwrap(), "x");

    let missing = patient(&nats.url()).with_credentials(&file);
    let missing = Gateway::connect(missing, local()).await.err().unwrap();
    let missing = missing.to_string();
    assert!(
        missing.contains("credentials") && missing.contains(".creds"),
        "{missing}"
    );
}
