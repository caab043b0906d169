//! Certificates of an authority of the tests' own.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::command;
use super::sql_server::{Engine, postgres_user};

/// An authority, and the certificate of a server at 127.0.0.1 and localhost, in PEM files.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Creates them with `openssl`, which the test has required.
    pub fn create() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let certificates = Self { folder };
        let names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
        openssl(certificates.folder.path(), &format!("req -x509 {KEY} -keyout ca.key -out ca.pem -subj /CN=authority"));
        let request = format!("req {KEY} -keyout server.key -out server.csr -subj /CN=server -addext {names}");
        openssl(certificates.folder.path(), &request);
        let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -copy_extensions copy -out server.pem";
        openssl(certificates.folder.path(), sign);
        certificates
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The certificate of the server.
    pub fn server(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// The key of the server.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }

    /// Makes the key readable for the server of an engine. Postgres demands that nobody else can read it.
    pub fn give_key_to(&self, engine: Engine) {
        let (mode, [user, group]) = match engine {
            Engine::Postgres => (0o600, postgres_user()),
            Engine::MariaDb | Engine::Sqlite => (0o644, [None, None]),
        };
        std::fs::set_permissions(self.key(), std::fs::Permissions::from_mode(mode)).unwrap();
        chown(self.key(), user, group).unwrap();
    }
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";

fn openssl(folder: &Path, arguments: &str) {
    let output = command("openssl").current_dir(folder).args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
