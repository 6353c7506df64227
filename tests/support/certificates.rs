//! Certificates for the tests' own servers.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Who signed: the PEM file that a client must trust.
pub const AUTHORITY: &str = "authority.pem";
pub const CERTIFICATE: &str = "server.pem";
pub const CERTIFICATE_KEY: &str = "server.key";

/// Writes the three files: a certificate for `localhost` and for the loopback addresses, and who signed it.
pub fn write_certificates(folder: &Path) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL takes a certificate whose issuer has its own name for self-signed.
    let name = &mut authority.distinguished_name;
    name.push(DnType::CommonName, "authority");
    let signed = authority.self_signed(&authority_key).unwrap();
    fs::write(folder.join(AUTHORITY), signed.pem()).unwrap();

    let names = [
        "localhost".to_owned(),
        Ipv4Addr::LOCALHOST.to_string(),
        Ipv6Addr::LOCALHOST.to_string(),
    ];
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap();
    let certificate = certificate
        .signed_by(&key, &Issuer::new(authority, authority_key))
        .unwrap();
    fs::write(folder.join(CERTIFICATE), certificate.pem()).unwrap();
    fs::write(folder.join(CERTIFICATE_KEY), key.serialize_pem()).unwrap();
}
