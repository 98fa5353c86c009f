//! An authority, and certificates that it signs.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netaio_tokio::tls::rustls::pki_types::ServerName;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::KeygenError;
use crate::args::TlsFolder;
use crate::codec::hex::hex;

/// Certificates are good from an hour ago on: not all clocks go alike.
const BEFORE: Duration = Duration::from_secs(3600);

/// A file that is to be made.
struct Made {
    name: &'static str,
    content: Zeroizing<String>,
    is_secret: bool,
}

/// Makes all of them, or none where one is there. What is printed.
pub(super) fn make(options: &TlsFolder) -> Result<String, KeygenError> {
    let authority = authority(options)?;
    let mut lines = format!("ca.crt {}\n", digest(authority.der()));
    let mut files = pair("ca.crt", "ca.key", authority.pem(), authority.key());
    for (name, files_of, usage, names) in [
        (
            "netaio server",
            ["server.crt", "server.key"],
            ExtendedKeyUsagePurpose::ServerAuth,
            &options.names[..],
        ),
        (
            "netaio client",
            ["client.crt", "client.key"],
            ExtendedKeyUsagePurpose::ClientAuth,
            &[],
        ),
    ] {
        let mut params = params(name, names, options.days)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(failed)?;
        let made = params.signed_by(&key, &authority).map_err(failed)?;
        lines.push_str(&format!("{} {}\n", files_of[0], digest(made.der())));
        files.extend(pair(files_of[0], files_of[1], made.pem(), &key));
    }
    write(&options.folder, &files)?;
    Ok(lines)
}

fn authority(options: &TlsFolder) -> Result<CertifiedIssuer<'static, KeyPair>, KeygenError> {
    let mut params = params("netaio authority", &[], options.days)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(failed)?;
    CertifiedIssuer::self_signed(params, key).map_err(failed)
}

/// A certificate of this name, for these hosts.
fn params(name: &str, hosts: &[String], days: u32) -> Result<CertificateParams, KeygenError> {
    for host in hosts {
        // What clients look for; `*` stands for one part of a name.
        let wanted = host.strip_prefix("*.").unwrap_or(host);
        let problem = match ServerName::try_from(wanted) {
            Ok(ServerName::IpAddress(_)) if wanted != host => "an address has no names below it",
            Ok(_) => continue,
            Err(_) => "it is neither a host's name nor an IP address",
        };
        return Err(KeygenError::Name {
            name: host.clone(),
            problem,
        });
    }
    let mut params = CertificateParams::new(hosts).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = date_time_ymd(1970, 1, 1) + now.unwrap_or_default();
    params.not_before = now - BEFORE;
    params.not_after = now + Duration::from_secs(u64::from(days).saturating_mul(86_400));
    Ok(params)
}

fn pair(certificate: &'static str, key: &'static str, pem: String, pair: &KeyPair) -> Vec<Made> {
    vec![
        Made {
            name: certificate,
            content: Zeroizing::new(pem),
            is_secret: false,
        },
        Made {
            name: key,
            content: Zeroizing::new(pair.serialize_pem()),
            is_secret: true,
        },
    ]
}

fn write(folder: &Path, files: &[Made]) -> Result<(), KeygenError> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(KeygenError::make(folder, error));
        }
        _ => {}
    }
    for file in files {
        let path = folder.join(file.name);
        if fs::symlink_metadata(&path).is_ok() {
            let error = io::ErrorKind::AlreadyExists.into();
            return Err(KeygenError::make(&path, error));
        }
    }
    for file in files {
        let path = folder.join(file.name);
        create(&path, file).map_err(|error| KeygenError::make(&path, error))?;
    }
    Ok(())
}

fn create(path: &Path, made: &Made) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if made.is_secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(made.content.as_bytes())?;
    file.sync_all()
}

fn digest(certificate: &[u8]) -> String {
    hex(&Sha256::digest(certificate))
}

fn failed(error: rcgen::Error) -> KeygenError {
    KeygenError::Certificate(error.to_string())
}
