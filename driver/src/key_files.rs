//! Secrets and peers' public keys in files.
//!
//! A file with a secret holds 32 bytes as 64 hexadecimal digits: [`create`] makes one, [`read`]
//! reads it, for the plugins `Aead`, `X25519Cipher`, `HmacAuth` and any other. A file with peers' keys,
//! for `X25519Cipher`, has a line for each: its id, a space and its public key, both in hexadecimal
//! digits. What is behind a `#` is a comment.
//!
//! All of it blocks, for as long as the file system takes.
//!
//! ```no_run
//! # #[cfg(feature = "x25519")] {
//! use netaio_driver::core::plugin::X25519Cipher;
//! use netaio_driver::key_files;
//!
//! let cipher = X25519Cipher::from_seed(*key_files::read("seed")?).with_trust_on_first_use(1000);
//! for (id, key) in key_files::read_peers("peers")? {
//!     cipher.trust(id, key);
//! }
//! let layer_has = cipher.clone();
//! // Later: what a restart is to know.
//! key_files::write_peers("peers", cipher.trusted())?;
//! # }
//! # std::io::Result::Ok(())
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

/// Length of secrets and keys, in bytes.
const LEN: usize = 32;

/// Bytes that a file of peers may have, some 16,000 lines.
const MAX_PEERS: u64 = 4 * 1024 * 1024;

/// Makes a file with a secret of 32 random bytes. On Unix its owner alone may read it.
///
/// # Errors
/// The file is there already or cannot be written, or the system has no randomness to give.
pub fn create(path: impl AsRef<Path>) -> io::Result<()> {
    let mut secret = Zeroizing::new([0; LEN]);
    getrandom::fill(&mut *secret).map_err(io::Error::from)?;
    let mut digits = Zeroizing::new([b'\n'; 2 * LEN + 1]);
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(*secret) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    let mut file = private(path.as_ref())?;
    file.write_all(&*digits)?;
    file.sync_all()
}

/// Reads a secret.
///
/// # Errors
/// The file cannot be read, is not 64 hexadecimal digits, or, on Unix, may be read by others than its
/// owner.
pub fn read(path: impl AsRef<Path>) -> io::Result<Zeroizing<[u8; LEN]>> {
    let mut file = File::open(path)?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o077 != 0 {
        return Err(io::Error::new(
            ErrorKind::PermissionDenied,
            "others than its owner may read or write the file with the secret: chmod 600",
        ));
    }
    // Room for a line's end, and to see that there is more.
    let mut text = Zeroizing::new([0; 2 * LEN + 3]);
    let mut len = 0;
    while let Some(room @ [_, ..]) = text.get_mut(len..) {
        match file.read(room)? {
            0 => break,
            count => len = len.saturating_add(count),
        }
    }
    let text = text.get(..len).unwrap_or_default().trim_ascii();
    let mut secret = Zeroizing::new([0; LEN]);
    match parse(text, &mut *secret) {
        Some(()) => Ok(secret),
        None => Err(invalid("the secret is not 64 hexadecimal digits".into())),
    }
}

/// Reads peers' ids and public keys; none where there is no file.
///
/// # Errors
/// The file cannot be read or is longer than 4 MiB, or a line, which is named, is not what it should be.
pub fn read_peers(path: impl AsRef<Path>) -> io::Result<Vec<(Vec<u8>, [u8; LEN])>> {
    let mut text = String::new();
    match File::open(path) {
        Ok(file) => file.take(MAX_PEERS).read_to_string(&mut text)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if text.len() as u64 >= MAX_PEERS {
        return Err(invalid("the file of peers is too long".into()));
    }
    let mut peers = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            let peer = peer(line);
            peers.push(peer.ok_or_else(|| invalid(format!("line {number} is no id and key")))?);
        }
    }
    Ok(peers)
}

/// Writes peers' ids and public keys: beside the file first, and then in its place.
///
/// # Errors
/// The file cannot be written; the old one is then as it was.
pub fn write_peers(
    path: impl AsRef<Path>,
    peers: impl IntoIterator<Item = (Vec<u8>, [u8; LEN])>,
) -> io::Result<()> {
    let path = path.as_ref();
    let mut text = String::new();
    for (id, key) in peers {
        let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)].map(char::from);
        text.extend(id.iter().flat_map(digits));
        text.push(' ');
        text.extend(key.iter().flat_map(digits));
        text.push('\n');
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    match fs::remove_file(beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private(beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)
}

/// A new file, which its owner alone may read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn peer(line: &str) -> Option<(Vec<u8>, [u8; LEN])> {
    let (id, key) = line.split_once(char::is_whitespace)?;
    let mut bytes = vec![0; id.len() / 2];
    parse(id.as_bytes(), &mut bytes)?;
    let mut array = [0; LEN];
    parse(key.trim().as_bytes(), &mut array)?;
    (!bytes.is_empty()).then_some((bytes, array))
}

/// The digit of a number below 16.
fn digit(nibble: u8) -> u8 {
    let letter = if nibble < 10 { b'0' } else { b'a' - 10 };
    letter.wrapping_add(nibble)
}

/// Reads as many bytes as there is room for, and no other number.
fn parse(digits: &[u8], out: &mut [u8]) -> Option<()> {
    let (pairs, rest) = digits.as_chunks();
    if pairs.len() != out.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        let [high, low] = [high, low].map(|digit| char::from(*digit).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(())
}

fn invalid(text: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of the test's own, removed at its end.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("netaio-key-files-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_secret_is_made_once_and_read() {
        let folder = Folder::new("secret");
        let path = folder.0.join("secret");
        create(&path).unwrap();
        let secret = read(&path).unwrap();
        assert_ne!(*secret, [0; LEN]);
        assert_eq!(*read(&path).unwrap(), *secret);
        let again = create(&path).map_err(|error| error.kind());
        assert_eq!(again, Err(ErrorKind::AlreadyExists));
        assert_eq!(*read(&path).unwrap(), *secret);
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let folder = Folder::new("none");
        for text in ["", "ab", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            let path = folder.0.join(format!("{}", text.len()));
            let mut file = private(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let refused = read(&path).map_err(|error| error.kind());
            assert_eq!(refused.err(), Some(ErrorKind::InvalidData), "{text:?}");
        }
        let path = folder.0.join("spaced");
        let mut file = private(&path).unwrap();
        file.write_all(format!("{}\r\n", "0F".repeat(32)).as_bytes())
            .unwrap();
        assert_eq!(*read(&path).unwrap(), [15; LEN]);
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_can_read_is_none() {
        use std::os::unix::fs::PermissionsExt;

        let folder = Folder::new("open");
        let path = folder.0.join("secret");
        create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = read(&path).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(ErrorKind::PermissionDenied));
    }

    #[test]
    fn peers_are_written_and_read_and_comments_are_not() {
        let folder = Folder::new("peers");
        let path = folder.0.join("peers");
        assert_eq!(read_peers(&path).unwrap(), []);
        let peers = [(b"alice".to_vec(), [1; LEN]), (vec![0, 255], [255; LEN])];
        for _ in 0..2 {
            write_peers(&path, peers.clone()).unwrap();
            assert_eq!(read_peers(&path).unwrap(), peers);
        }
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("# friends\n\n{text}")).unwrap();
        assert_eq!(read_peers(&path).unwrap(), peers);
        fs::write(&path, format!("{text}616c 01\n")).unwrap();
        let refused = read_peers(&path).unwrap_err();
        assert!(refused.to_string().contains("line 3"), "{refused}");
    }
}
