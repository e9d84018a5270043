//! A certificate authority for a test, with the certificates that it issues.
//!
//! It uses Debian's `openssl`, which the package of Postgres needs too.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A certificate authority with one server on 127.0.0.1.
pub struct Authority {
    folder: TempDir,
}

impl Authority {
    /// Creates an authority and its server certificate.
    ///
    /// # Panics
    /// If `openssl` is missing or fails.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("acclaim-authority").tempdir().unwrap();
        fs::write(folder.path().join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        for command in [
            format!(
                "req -x509 {key} -keyout authority.key -out authority.pem -subj /CN=test-authority -days 2"
            ),
            format!("req {key} -keyout server.key -out server.csr -subj /CN=test-server"),
            "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -extfile names \
             -out server.pem -days 2"
                .to_owned(),
        ] {
            let output =
                Command::new("openssl").args(command.split(' ')).current_dir(folder.path()).output().unwrap();
            assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Self { folder }
    }

    /// The folder of the certificates and keys.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The authority's certificate.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The server's certificate.
    #[must_use]
    pub fn server_certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// The server's key.
    #[must_use]
    pub fn server_key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
