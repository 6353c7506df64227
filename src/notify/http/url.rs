//! Which URLs a notifier takes, and what of them may be shown.

use std::net::IpAddr;

use http::Uri;

/// Reads the URL of a destination.
///
/// # Errors
///
/// What is wrong with it, to follow the words "the URL". Nothing of the URL itself is in it.
pub(crate) fn parse(text: &str) -> Result<Uri, String> {
    // `Uri` drops a fragment without a word, and it is often the sign of a secret in the wrong place.
    if text.contains('#') {
        return Err("has a fragment (`#…`), which no server ever gets".to_owned());
    }
    let url: Uri = text
        .parse()
        .map_err(|error| format!("cannot be read ({error})"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err("does not begin with `https://` or `http://`".to_owned());
    }
    let authority = url.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err("holds a user or a password, which belong into a header".to_owned());
    }
    let host = url.host().unwrap_or_default();
    if host.is_empty() {
        return Err("has no host".to_owned());
    }
    if authority.len() > host.len() && url.port_u16().is_none_or(|port| port == 0) {
        return Err("has a port that is no number from 1 to 65535".to_owned());
    }
    Ok(url)
}

/// Scheme and host of a URL: the part that may be shown.
pub(crate) fn origin(url: &Uri) -> String {
    let port = url.port().map(|port| format!(":{port}"));
    format!(
        "{}://{}{}",
        url.scheme_str().unwrap_or_default(),
        url.host().unwrap_or_default(),
        port.unwrap_or_default()
    )
}

/// Whether what is sent there stays on this machine.
pub(crate) fn is_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = |address: IpAddr| address.is_loopback();
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(is_loopback)
}
