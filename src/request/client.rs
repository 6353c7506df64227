//! Whose request it is: the peer of the connection or, behind trusted proxies, the address they vouch for.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use super::forwarded;
use crate::error::BuildError;

/// The address of the connection's other end, put into the request's extensions by a server that is not axum.
///
/// ```
/// # let mut request = http::Request::new(());
/// # let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 4711));
/// request.extensions_mut().insert(tower_monitor::PeerAddr(peer));
/// ```
///
/// With axum, serve with `into_make_service_with_connect_info::<SocketAddr>()` instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// The one header in which the proxies write down where a request came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, a list of addresses.
    #[default]
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    Forwarded,
}

impl ForwardedHeader {
    fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => header::FORWARDED,
        }
    }
}

/// The proxies whose word counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads addresses (`10.0.0.7`) and networks (`10.0.0.0/8`, `fd00::/8`).
    pub(crate) fn parse<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, BuildError> {
        let network = |name: &str| {
            let name = name.trim();
            name.parse::<IpNet>()
                .or_else(|_| name.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| {
                    BuildError::new(
                        "trusted_proxies",
                        format!("`{name}` is no IP address and no network in CIDR notation"),
                        "write an address like `10.0.0.7` or a network like `10.0.0.0/8`",
                    )
                })
        };
        names
            .into_iter()
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client behind `peer`, and whether the peer is one of the proxies: from the nearest proxy outwards, the first
    /// address that is not a trusted proxy.
    ///
    /// An entry that is no address ends the walk at the last hop that could be checked, for everything farther out may
    /// have been made up.
    pub(crate) fn client(
        &self,
        peer: IpAddr,
        header: ForwardedHeader,
        headers: &HeaderMap,
    ) -> (IpAddr, bool) {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return (peer, false);
        }
        let lines: Vec<&[u8]> = headers
            .get_all(header.name())
            .iter()
            .map(|value| value.as_bytes())
            .collect();
        let mut nearest = peer;
        let mut hops = match header {
            ForwardedHeader::XForwardedFor => forwarded::x_forwarded_for(&lines),
            ForwardedHeader::Forwarded => forwarded::forwarded(&lines),
        };
        while let Some(Some(address)) = hops.pop() {
            nearest = address.to_canonical();
            if !self.contains(nearest) {
                break;
            }
        }
        (nearest, true)
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn proxies() -> TrustedProxies {
        TrustedProxies::parse(["10.0.0.0/8", "127.0.0.1", "fd00::/8"]).unwrap()
    }

    fn client(peer: &str, header: ForwardedHeader, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header.name(), HeaderValue::from_str(line).unwrap());
        }
        let (client, _) = proxies().client(peer.parse().unwrap(), header, &headers);
        client.to_string()
    }

    #[test]
    fn the_walk_stops_at_the_first_address_nobody_vouches_for() {
        let x = ForwardedHeader::XForwardedFor;
        for (peer, lines, expected) in [
            ("203.0.113.9", &["1.1.1.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
            (
                "10.0.0.1",
                &["6.6.6.6, 198.51.100.7, 10.2.3.4"],
                "198.51.100.7",
            ),
            (
                "10.0.0.1",
                &["6.6.6.6", "198.51.100.7", "10.2.3.4"],
                "198.51.100.7",
            ),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["6.6.6.6, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["6.6.6.6, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
        ] {
            assert_eq!(client(peer, x, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn only_the_configured_header_is_read() {
        let mut headers = HeaderMap::new();
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("6.6.6.6"));
        headers.append(
            header::FORWARDED,
            HeaderValue::from_static("for=198.51.100.7"),
        );
        let peer = "10.0.0.1".parse().unwrap();
        let read = |header| proxies().client(peer, header, &headers).0.to_string();
        assert_eq!(read(ForwardedHeader::Forwarded), "198.51.100.7");
        assert_eq!(read(ForwardedHeader::XForwardedFor), "6.6.6.6");
    }

    #[test]
    fn a_wrong_network_is_named() {
        for wrong in [
            "10.0.0.0/33",
            "10.0.0",
            "",
            "proxy.internal",
            "10.0.0.0-10.0.0.9",
        ] {
            let error = TrustedProxies::parse([wrong]).unwrap_err();
            assert_eq!(error.setting(), "trusted_proxies");
            assert!(error.to_string().contains(&format!("`{wrong}`")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_client_cannot_choose_its_address(
            forged in "[0-9a-fA-F:.,;\" =]{0,60}",
            header in prop::sample::select(&[ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded]),
        ) {
            // Whatever the client wrote, the proxy appended what it saw.
            let seen = match header {
                ForwardedHeader::XForwardedFor => "198.51.100.7",
                ForwardedHeader::Forwarded => "for=198.51.100.7",
            };
            for lines in [&[&*forged, seen][..], &[&*format!("{forged}, {seen}")]] {
                prop_assert_eq!(client("10.0.0.1", header, lines), "198.51.100.7", "{:?}", lines);
            }
        }
    }
}
