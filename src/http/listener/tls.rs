//! TLS of the listeners: a certificate and its key in PEM files, which a reload of the configuration reads again.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// HTTP/2 in the handshake (ALPN, RFC 7301).
pub(super) const H2: &[u8] = b"h2";

/// The certificate of the listeners. Clones share it.
#[derive(Clone)]
pub struct ServerTls(Arc<ArcSwap<ServerConfig>>);

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Reads `server.tls_cert`, a chain that begins with the server's certificate, and `server.tls_key`.
    ///
    /// # Errors
    /// A file cannot be read, has no certificate or key, or the two do not belong together. The text names the key of the
    /// configuration, and what to do.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, String> {
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| unreadable("server.tls_cert", certificate, &error))?;
        if chain.is_empty() {
            return Err(format!(
                "server.tls_cert = {}: the file has no certificate; it must be a PEM file",
                certificate.display()
            ));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("server.tls_key", key, &error))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let mut config = config.with_no_client_auth().with_single_cert(chain, private).map_err(|error| {
            format!(
                "server.tls_key = {}: the key does not fit to the certificate in {}: {error}",
                key.display(),
                certificate.display()
            )
        })?;
        config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(ArcSwap::from_pointee(config))))
    }

    /// Uses the certificate of `new` for all connections from now on.
    pub fn replace(&self, new: &Self) {
        self.0.store(new.0.load_full());
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

fn unreadable(config_key: &str, path: &Path, error: &rustls::pki_types::pem::Error) -> String {
    let fix = "it must be a PEM file that the user of the sidecar can read";
    format!("{config_key} = {}: cannot be read: {error}; {fix}", path.display())
}
