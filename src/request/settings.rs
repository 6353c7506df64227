//! How ids and addresses are read from requests.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Extensions, HeaderName};

use super::{ForwardedHeader, PeerAddr, RequestBodies, TrustRequestIds, TrustedProxies};
use crate::guard::contained;

/// How ids and addresses are read from requests.
#[derive(Clone)]
pub(crate) struct RequestSettings {
    /// Tells the contexts of one monitor from those of another.
    pub(crate) owner: usize,
    pub(crate) id_header: HeaderName,
    pub(crate) trust_ids: TrustRequestIds,
    pub(crate) proxies: TrustedProxies,
    pub(crate) forwarded_header: ForwardedHeader,
    pub(crate) peer: Option<PeerSource>,
    /// Which bodies are kept; `None` keeps none.
    pub(crate) bodies: Option<RequestBodies>,
}

/// Finds the peer's address in the extensions of a server that has its own type for it.
pub(crate) type PeerSource = Arc<dyn Fn(&Extensions) -> Option<SocketAddr> + Send + Sync>;

impl RequestSettings {
    /// The other end of the connection, as the server tells it.
    pub(super) fn peer(&self, extensions: &Extensions) -> Option<SocketAddr> {
        if let Some(source) = &self.peer {
            // The user's code: when it panics, the address is unknown and the request is served all the same.
            return contained(|| source(extensions)).flatten();
        }
        if let Some(PeerAddr(peer)) = extensions.get() {
            return Some(*peer);
        }
        #[cfg(feature = "axum")]
        return super::extract::peer(extensions);
        #[cfg(not(feature = "axum"))]
        None
    }
}

#[cfg(test)]
impl Default for RequestSettings {
    fn default() -> Self {
        Self {
            owner: 1,
            id_header: HeaderName::from_static("x-request-id"),
            trust_ids: TrustRequestIds::Nobody,
            proxies: TrustedProxies::default(),
            forwarded_header: ForwardedHeader::default(),
            peer: None,
            bodies: None,
        }
    }
}

impl fmt::Debug for RequestSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSettings")
            .field("id_header", &self.id_header)
            .field("trust_ids", &self.trust_ids)
            .field("proxies", &self.proxies)
            .field("forwarded_header", &self.forwarded_header)
            .finish_non_exhaustive()
    }
}
