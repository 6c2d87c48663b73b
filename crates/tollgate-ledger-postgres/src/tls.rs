//! What an address asks for in matters of TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{BoxError, OpenError};

/// Reads an address, and who its server has to be.
pub(crate) fn read(url: &str) -> Result<(Config, MakeRustlsConnect), OpenError> {
    let (url, asked) = take_out(url)?;
    let mut address: Config = url.parse().map_err(OpenError::Url)?;
    if let Some((mode, _)) = asked.mode {
        address.ssl_mode(mode);
    }
    let tls = builder(asked.trust())?.with_no_client_auth();
    Ok((address, MakeRustlsConnect::new(tls)))
}

/// What `sslmode` and `sslrootcert` say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    mode: Option<(SslMode, Server)>,
    roots: Option<String>,
}

/// Which server it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Any,
    Named,
}

/// Whose word is taken for that.
#[derive(Debug, PartialEq, Eq)]
enum Trust<'a> {
    Nobodys,
    System,
    File(&'a Path),
}

const MODES: [(&str, SslMode, Server); 4] = [
    ("disable", SslMode::Disable, Server::Any),
    ("prefer", SslMode::Prefer, Server::Any),
    ("require", SslMode::Require, Server::Any),
    ("verify-full", SslMode::Require, Server::Named),
];

impl Asked {
    fn trust(&self) -> Trust<'_> {
        match (&self.roots, self.mode) {
            (Some(path), _) => Trust::File(Path::new(path)),
            (None, Some((_, Server::Named))) => Trust::System,
            (None, _) => Trust::Nobodys,
        }
    }
}

/// Takes what only this module understands out of an address.
fn take_out(url: &str) -> Result<(String, Asked), OpenError> {
    let mut asked = Asked::default();
    // A password may hold a question mark.
    let host = url.find('@').unwrap_or(0);
    let Some(query) = url[host..].find('?').map(|at| host + at) else {
        return Ok((url.to_owned(), asked));
    };
    let mut rest = Vec::new();
    for pair in url[query + 1..].split('&') {
        match pair.split_once('=') {
            Some(("sslmode", value)) => asked.mode = Some(mode(value)?),
            Some(("sslrootcert", value)) => asked.roots = Some(decoded(value)),
            _ => rest.push(pair),
        }
    }
    let mut url = url[..query].to_owned();
    if !rest.is_empty() {
        url = format!("{url}?{}", rest.join("&"));
    }
    Ok((url, asked))
}

fn mode(value: &str) -> Result<(SslMode, Server), OpenError> {
    let found = MODES.iter().find(|(name, ..)| *name == value);
    let (_, mode, server) =
        found.ok_or_else(|| OpenError::SslMode(value.chars().take(40).collect()))?;
    Ok((*mode, *server))
}

/// A value of a URL with its `%2F` and the like as bytes.
fn decoded(value: &str) -> String {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).map(|hex| u8::from_str_radix(hex, 16));
        if let Some(Ok(byte)) = byte {
            bytes.push(byte);
            bytes.extend(&part.as_bytes()[2..]);
        } else {
            bytes.push(b'%');
            bytes.extend(part.as_bytes());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn builder(trust: Trust<'_>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, OpenError> {
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Nobodys => Arc::new(Anyone(Arc::clone(&crypto))),
        Trust::System => Arc::new(
            rustls_platform_verifier::Verifier::new(Arc::clone(&crypto))
                .map_err(OpenError::Roots)?,
        ),
        Trust::File(path) => from_file(path, &crypto).map_err(|source| OpenError::RootCert {
            path: path.to_owned(),
            source,
        })?,
    };
    let builder = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need");
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(verifier))
}

fn from_file(
    path: &Path,
    crypto: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, BoxError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path)? {
        roots.add(certificate?)?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(crypto));
    Ok(verifier.build()?)
}

/// Takes every certificate whose key the server has: nobody can listen, but
/// the server can be anyone. That is what `sslmode=require` means everywhere.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, rest: &str, mode: Option<SslMode>, trust: &Trust<'_>) {
        let (left, asked) = take_out(url).unwrap();
        assert_eq!(left, rest, "{url}");
        assert_eq!(asked.mode.map(|(mode, _)| mode), mode, "{url}");
        assert_eq!(asked.trust(), *trust, "{url}");
    }

    #[test]
    fn an_address_says_who_the_server_has_to_be() {
        let own = Trust::File(Path::new("/a b/roots.pem"));
        check("postgres://h/d", "postgres://h/d", None, &Trust::Nobodys);
        check(
            "postgres://u:p?w@h/d?sslmode=disable",
            "postgres://u:p?w@h/d",
            Some(SslMode::Disable),
            &Trust::Nobodys,
        );
        check(
            "postgres://h/d?sslmode=require&connect_timeout=3",
            "postgres://h/d?connect_timeout=3",
            Some(SslMode::Require),
            &Trust::Nobodys,
        );
        check(
            "postgres://h/d?connect_timeout=3&sslmode=verify-full",
            "postgres://h/d?connect_timeout=3",
            Some(SslMode::Require),
            &Trust::System,
        );
        check(
            "postgres://h/d?sslmode=require&sslrootcert=%2Fa%20b/roots.pem",
            "postgres://h/d",
            Some(SslMode::Require),
            &own,
        );
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(decoded("a%2Fb%"), "a/b%");
        assert_eq!(decoded("%zz%c3%a9%2"), "%zzé%2");
    }

    #[test]
    fn an_unknown_mode_is_refused() {
        let error = take_out("postgres://h/d?sslmode=verify-ca").unwrap_err();
        assert!(error.to_string().contains("verify-full"), "{error}");
    }
}
